"""Every test of the suite is seen to fail, at a backend with such a fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archspec_torch import TorchBackend
from faulty import NET, Changed, Faulty, scaled

from archspec.backend import refuse_names
from archspec.errors import BackendError, UnsupportedError
from archspec.graph import Graph
from archspec.source.program import Source
from archspec.source.project import seal
from archspec.testing.agreement import Subject
from archspec.testing.conformance import Conformance
from archspec.testing.specs import graph_of, spec


class Suite(Conformance):
    backend = "torch"
    variants = 4
    nets = 1


class Textual(TorchBackend):
    """PyTorch whose printed text is changed."""

    def __init__(self, changed: Callable[[str], str], **facts: Any) -> None:
        super().__init__()
        self.changed = changed
        vars(self).update(facts)

    def emit(self, graph: Graph) -> Source:
        source = super().emit(graph)
        return replace(source, text=self.changed(source.text))


def sealed(text: str) -> str:
    made = seal("0" * 64, text)
    return "\n".join(
        made if line.startswith(made[:10]) else line for line in text.split("\n")
    )


def test_source_that_is_right() -> None:
    Suite().test_source(Textual(lambda text: text))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (lambda text: f"{text}x = 1\n", "no checksum"),
        (lambda text: sealed(f"{text}import archspec.ops\n"), "imports .'archspec.ops"),
        (lambda text: sealed(text.replace("class Net", "class Other")), "no Net in it"),
    ],
)
def test_source_that_is_wrong(changed: Callable[[str], str], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        Suite().test_source(Textual(changed))


def test_source_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = iter(range(100))
    with pytest.raises(AssertionError):
        Suite().test_source_elsewhere(Textual(lambda text: f"{text}# {next(turns)}\n"))
    with pytest.raises(AssertionError, match="differs from process to process"):
        Suite().test_source_elsewhere(Textual(lambda text: f"{text}# here\n"))


def test_a_framework_that_is_imported_to_print() -> None:
    with pytest.raises(AssertionError, match="emit imports archspec"):
        Suite().test_source_elsewhere(Textual(lambda text: text, framework="archspec"))


def test_an_op_that_is_lacking() -> None:
    class Lacking(TorchBackend):
        def emit(self, graph: Graph) -> Source:
            for node in graph.nodes:
                if node.op.kind == "relu6":
                    raise UnsupportedError("no relu6", at=node.at)
            return super().emit(graph)

    class Said(Suite):
        lacks = frozenset(("relu6", "tanh"))

    Suite().test_lacks_what_it_says(Lacking(), "relu")
    Said().test_lacks_what_it_says(Lacking(), "relu6")
    with pytest.raises(AssertionError, match="relu6 is always refused"):
        Suite().test_lacks_what_it_says(Lacking(), "relu6")
    with pytest.raises(AssertionError, match="tanh is lowered after all"):
        Said().test_lacks_what_it_says(Lacking(), "tanh")


def test_an_op_that_is_wrong_in_one_variant() -> None:
    class Wrong(TorchBackend):
        def forward(self, graph: Graph, *args: Any, **more: Any) -> dict[str, Any]:
            made = super().forward(graph, *args, **more)
            wrong = getattr(graph.nodes[0].op, "order", "") == "hwc"
            return {k: np.flip(v, 1) if wrong else v for k, v in made.items()}

    with pytest.raises(AssertionError, match="outputs are off") as caught:
        Suite().test_an_op(Subject(Wrong()), "flatten")
    assert "flatten order=hwc" in caught.value.__notes__[0]
    assert "order=chw" not in caught.value.__notes__[0]


class Arguments(TorchBackend):
    """Text that doesn't read one of its arguments."""

    def emit(self, graph: Graph) -> Source:
        source = super().emit(graph)
        text = source.text.replace("nn.Linear(width, 2)", "nn.Linear(3, 2)")
        return replace(source, text=text.replace("(2, width,", "(2, 3,"))


def test_an_argument_that_nothing_reads() -> None:
    suite = Suite()
    source = Arguments().emit(graph_of(NET))
    given: Mapping[str, Any] = {"width": 4}
    suite.given(
        Subject(TorchBackend()), NET, TorchBackend().emit(graph_of(NET)), {**given}
    )
    with pytest.raises(BackendError, match="the graph's is"):
        suite.given(Subject(Arguments()), NET, source, {**given})


def test_a_default_that_is_not_the_nets() -> None:
    chosen = Textual(lambda text: text.replace("width: int = 3", "width: int = 4"))
    with pytest.raises(AssertionError, match="width is 4 where the net has 3"):
        Suite().test_arguments(Subject(chosen), NET)


@pytest.mark.parametrize(
    ("what", "changed", "words"),
    [
        ("forward", scaled("", 0.5), "drops in eval mode"),
        ("gradients", scaled("x", 0.5), "passes where its value didn't"),
        ("both", lambda made: {k: v * 2 for k, v in made.items()}, "neither 0 nor"),
        ("both", lambda made: {k: v * 0 for k, v in made.items()}, "the same"),
    ],
)
def test_chance_that_is_wrong(what: str, changed: Changed, words: str) -> None:
    Suite().test_chance(Subject(TorchBackend()))
    with pytest.raises(AssertionError, match=words):
        Suite().test_chance(Subject(Faulty(what, changed)))


def test_what_is_dropped_too_often() -> None:
    class Often(TorchBackend):
        """Drops at another rate, or whole images where it shouldn't."""

        def __init__(self, old: str, new: str) -> None:
            super().__init__()
            self.old, self.new = old, new

        def emit(self, graph: Graph) -> Source:
            source = super().emit(graph)
            return replace(source, text=source.text.replace(self.old, self.new))

    for old, new, words in (
        ("nn.Dropout(p=0.25)", "nn.Dropout(p=0.3)", "neither 0 nor"),
        ("bernoulli_(1 - self.rate)", "bernoulli_(0.5)", "a share of 0.[45]"),
        (
            "kept.view(self.shape)",
            "x.new_empty(x.shape).bernoulli_(1 - self.rate)",
            "in parts",
        ),
    ):
        with pytest.raises(AssertionError, match=words):
            Suite().test_chance(Subject(Often(old, new)))


class Deaf(TorchBackend):
    """Reserves a name and takes it all the same."""

    reserved = frozenset(("conv",))

    def emit(self, graph: Graph) -> Source:
        return TorchBackend().emit(graph)


class Choosy(TorchBackend):
    """Refuses a name that it doesn't reserve."""

    def emit(self, graph: Graph) -> Source:
        refuse_names(graph, "nobody", frozenset(("keys",)))
        return super().emit(graph)


def test_names_that_are_wrong() -> None:
    Suite().test_names(Subject(TorchBackend()))
    with pytest.raises(AssertionError, match="is refused, and is not `reserved`"):
        Suite().test_names(Subject(Choosy()))
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        Suite().test_reserved_names(Deaf())


BLOCKS = """archspec: 1
name: net
params: {}
inputs: {"image": [2, 5, 6]}
blocks: {"unit": {"params": {"size": 3}, "graph": [{"op": "conv2d", "channels": "=size", "kernel": 3}, {"op": "elu"}]}}
graph: {"a": {"block": "unit", "size": 3}, "b": {"block": "unit", "size": 4}}
"""


def test_an_argument_of_a_block_that_nothing_reads() -> None:
    Suite().test_blocks(Subject(TorchBackend()), BLOCKS)
    for old, new in (("size, 3", "size if size < 5 else 4, 3"), ("in_channels,", "2,")):
        chosen = Textual(lambda text, old=old, new=new: text.replace(old, new))  # type: ignore[misc]  # defaults
        with pytest.raises(BackendError, match="the graph's is"):
            Suite().test_blocks(Subject(chosen), BLOCKS)


class Rough(TorchBackend):
    """Only right to four digits in single precision."""

    def forward(self, *args: Any, **more: Any) -> dict[str, Any]:
        made = super().forward(*args, **more)
        single = {k: v * np.float32(1.0001) for k, v in made.items()}
        return single if next(iter(made.values())).dtype == np.float32 else made


def test_nets_and_precisions_that_are_wrong() -> None:
    net = spec(2)
    Suite().test_a_net(Subject(Rough()), net)
    with pytest.raises(AssertionError, match="outputs are off"):
        Suite().test_single_precision(Rough())
    with pytest.raises(AssertionError, match="gradients are") as caught:
        Suite().test_a_net(Subject(Faulty("gradients", lambda made: {})), net)
    assert caught.value.__notes__ == [net]


def test_initial_weights_that_are_not_there() -> None:
    Suite().test_initial_weights_are_printed(TorchBackend())
    with pytest.raises(AssertionError):
        Suite().test_initial_weights_are_printed(
            Textual(lambda text: text, initialises=False)
        )


class Leaving(TorchBackend):
    """Leaves another file beside the one that it writes."""

    def save(self, graph: Graph, model: Any, path: str) -> None:
        super().save(graph, model, path)
        Path(path).with_name("draft").touch()


class Losing(TorchBackend):
    """Writes other weights than it has."""

    files = (".safetensors",)

    def read_weights(self, graph: Graph, model: Any) -> dict[str, Any]:
        found = super().read_weights(graph, model)
        return {name: value.round(2) for name, value in found.items()}


@pytest.mark.parametrize("chosen", [Leaving(), Losing()])
def test_files_that_are_wrong(chosen: TorchBackend, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        Suite().test_files(Subject(chosen), tmp_path)


@pytest.mark.parametrize(
    "facts",
    [
        {"files": ["pt"]},
        {"files": ("pt",)},
        {"engines": ()},
        {"reserved": {"forward"}},
        {"running_var": "none"},
        {"initialises": 1},
        {"install": None},
    ],
)
def test_attributes_that_are_wrong(facts: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        Suite().test_attributes(Textual(lambda text: text, **facts))


def test_every_test_of_the_suite_is_seen_to_fail() -> None:
    tests = {name for name in vars(Conformance) if name.startswith("test_")}
    source = Path(__file__).read_text()
    assert not {name for name in tests if f".{name}(" not in source}

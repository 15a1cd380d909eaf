"""Faults in what a backend gives are noticed, and named."""

from __future__ import annotations

from typing import Any

import pytest
from archspec_torch import TorchBackend
from faulty import NET, Changed, Faulty, scaled

from archspec.errors import BackendError, UnsupportedError
from archspec.graph import Graph
from archspec.source.program import Source
from archspec.testing.agreement import Subject
from archspec.testing.specs import graph_of


def fails(chosen: TorchBackend, words: str, graph: Graph | None = None) -> None:
    """A net of a faulty backend is refused with these words; of a sound one not."""
    graph = graph or graph_of(NET)
    assert Subject(TorchBackend()).check(graph)
    with pytest.raises(AssertionError, match=words):
        Subject(chosen).check(graph)


@pytest.mark.parametrize(
    ("what", "changed", "words"),
    [
        ("forward", scaled("", 1 + 1e-11), "outputs are off by 1.0e-11"),
        ("forward", lambda made: {"y": made[""]}, r"outputs are \['y'\]"),
        ("forward", lambda made: {"": made[""][:, :1]}, r"the shape \(3, 1\), not"),
        (
            "forward",
            lambda made: {"": made[""].astype("float32")},
            "the outputs are {'float32'}, not float64",
        ),
        ("outputs", scaled("", 1.01), "outputs with gradients are off"),
        ("weights", scaled("fc.bias", 1 + 1e-15), "'fc.bias' has changed"),
        ("weights", lambda made: dict(reversed(made.items())), "weights are"),
        ("weights", scaled("bn.running_var", 2.0), "'bn.running_var' has changed"),
        ("gradients", scaled("fc.weight", 1 + 1e-8), "gradient of 'fc.weight' is off"),
        ("gradients", scaled("image", -1.0), "the gradient of 'image' is off"),
        ("training", scaled("bn.bias", 1.01), "'bn.bias' in training is off"),
        ("gradients", lambda made: {**made, "more": made["image"]}, "gradients are"),
    ],
)
def test_numbers_that_are_wrong(what: str, changed: Changed, words: str) -> None:
    fails(Faulty(what, changed), words)


class Biased(TorchBackend):
    running_var = "biased"


class Aliasing(TorchBackend):
    """What it reads is the model's own memory."""

    def read_weights(self, graph: Graph, model: Any) -> dict[str, Any]:
        state = model.state_dict()
        names = {**graph.parameters(), **graph.buffers()}
        return {name: state[name].detach().numpy() for name in names}


class Half(TorchBackend):
    """Its batches are not what their images are one by one."""

    def forward(self, graph: Graph, model: Any, inputs: Any, **more: Any) -> Any:
        made = super().forward(graph, model, inputs, **more)
        return {k: v + (0.1 if len(v) == 1 else 0) for k, v in made.items()}


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (Biased(), "buffers in training are off"),
        (Aliasing(), "has changed on its way"),
        (Half(), "outputs for one image are off"),
    ],
)
def test_habits_that_are_wrong(chosen: TorchBackend, words: str) -> None:
    fails(chosen, words)


def test_a_refusal_without_a_place() -> None:
    class Placeless(TorchBackend):
        def emit(self, graph: Graph) -> Source:
            raise UnsupportedError("no")

    with pytest.raises(AssertionError, match="where no node stands"):
        Subject(Placeless()).emitted(graph_of(NET))


def test_any_other_error_is_no_refusal() -> None:
    class Crashing(TorchBackend):
        def emit(self, graph: Graph) -> Source:
            raise BackendError("no code")

    with pytest.raises(BackendError, match="no code"):
        Subject(Crashing()).emitted(graph_of(NET))

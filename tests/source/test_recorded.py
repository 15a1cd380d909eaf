"""archspec.source.recorded: what the test of a printed file compares, and its text."""

from __future__ import annotations

import random
import zlib
from dataclasses import replace
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nets import graph_of
from printed_style import formatted

import archspec
from archspec.errors import ArchspecError, BackendError
from archspec.fingerprint import fingerprint
from archspec.graph import Graph
from archspec.source import recorded
from archspec.source.family import Family
from archspec.source.project import untouched
from archspec.source.recorded import Imported, Recorded, Weight

NET = """
inputs: {x: [2, 4, 4]}
graph:
  conv: {op: conv2d, channels: 3, kernel: 1}
  bn: batch_norm
  pool: global_avg_pool2d
"""


def known(gain: float = 1.0) -> dict[str, Any]:
    """The printed functions."""
    found: dict[str, Any] = {"np": np, "sqrt": sqrt, "zlib": zlib, "GAIN": gain}
    exec(f"from __future__ import annotations\n{recorded.DRAWN}", found)
    return found


def weights(graph: Any) -> list[Weight]:
    shapes = {**graph.parameters(), **graph.buffers()}
    return [Weight(name, name, shape, 2) for name, shape in shapes.items()]


def test_what_is_drawn_is_the_mersenne_twister() -> None:
    """Python's own, started as its authors do (init_genrand in mt19937ar.c)."""
    state = [zlib.crc32(b"conv1.weight")]
    for n in range(1, 624):
        state.append((1812433253 * (state[-1] ^ (state[-1] >> 30)) + n) % 2**32)
    twister = random.Random()
    twister.setstate((3, (*state, 624), None))
    wanted = [[2 * twister.random() - 1 for _ in range(3)] for _ in range(2)]
    assert np.array_equal(known()["draw"]("conv1.weight", 2, 3), wanted)


def test_weights_are_fixed_by_their_names() -> None:
    fixed = known(0.5)["fixed"]
    for name, low, high in (
        ("a.running_var", 0.5, 1.5),
        ("a/moving_variance", 0.5, 1.5),
        ("a.bias", -8, 8),
        ("a/beta", -8, 8),
        ("a.running_mean", -8, 8),
        ("a/moving_mean", -8, 8),
        ("a.weight", 0.25, 0.75),
        ("a/gamma", 0.25, 0.75),
    ):
        found = fixed(name, (1000,), 1000)
        assert low <= found.min() < low + 0.1 * (high - low), name
        assert high >= found.max() > high - 0.1 * (high - low), name
    kernel = fixed("a.weight", (100, 24), 24)
    assert abs(kernel).max() <= 0.5 and abs(kernel.var() * 24 - 2) < 0.1
    assert not np.array_equal(kernel, fixed("b.weight", (100, 24), 24))


def test_what_is_recorded_is_what_the_definitions_give() -> None:
    graph = graph_of(NET)
    found = recorded.record(graph, weights(graph), 1.0)
    drawn = known()
    fixed, draw = drawn["fixed"], drawn["draw"]
    x = 8 * draw("x", 2, 2, 4, 4)
    kernel = fixed("conv.weight", (3, 2, 1, 1), 2)[:, :, 0, 0]
    y = (
        np.einsum("oc,nchw->nohw", kernel, x)
        + fixed("conv.bias", (3,), 1)[:, None, None]
    )
    mean, var = fixed("bn.running_mean", (3,), 1), fixed("bn.running_var", (3,), 1)
    factor = fixed("bn.weight", (3,), 1) / (var + 1e-5) ** 0.5
    y = (y.mean((2, 3)) - mean) * factor + fixed("bn.bias", (3,), 1)
    sums = draw("output", 3, 6) @ y.ravel()
    assert found.images == {"x": (2, 2, 4, 4)} and found.gain == 1.0
    shape, told = found.outputs["output"]
    assert shape == (2, 3) and told == pytest.approx(sums.tolist(), rel=1e-8)


TWO = """
inputs: {image: [3, 4, 5], more: [2]}
graph:
  a: {op: relu, from: image}
  b: {op: relu, from: more}
outputs: {low: a, high: b}
"""


@pytest.mark.parametrize(
    ("last", "shape"), [(False, (2, 3, 4, 5)), (True, (2, 4, 5, 3))]
)
def test_images_are_drawn_and_summed_as_the_framework_has_them(
    last: bool, shape: tuple[int, ...]
) -> None:
    (found,) = recorded.recorded(
        [graph_of(TWO)], lambda graph: weights(graph), channels_last=last
    )
    draw = known()["draw"]
    assert found.images == {"image": shape, "more": (2, 2)} and not found.logs
    for name, read, told in (("low", "image", shape), ("high", "more", (2, 2))):
        values = np.maximum(8 * draw(read, *told), 0)
        sums = draw(name, 3, values.size) @ values.ravel()
        assert found.outputs[name][0] == told
        assert found.outputs[name][1] == pytest.approx(sums.tolist(), rel=1e-8)


def test_the_framework_orders_images_if_nothing_is_said() -> None:
    graph = graph_of(TWO)
    (found,) = recorded.recorded([graph], lambda graph: weights(graph))
    assert found == recorded.record(graph, weights(graph), 1.0)
    assert found.images["image"] == (2, 3, 4, 5)


def test_of_probabilities_logarithms_are_summed() -> None:
    one = "inputs: {x: [3]}\ngraph: {a: softmax}\noutputs: {p: a}\n"
    two = one.replace("softmax", "softmax, b: {op: relu, from: input}")
    two = two.replace("p: a", "p: a, r: b")
    draw = known()["draw"]
    x = 8 * draw("x", 2, 3)
    logs = x - np.log(np.exp(x).sum(1, keepdims=True))
    found = recorded.record(graph_of(one), [], 1.0)
    sums = draw("p", 3, 6) @ logs.ravel()
    assert found.logs
    assert found.outputs.keys() == {"p"} and found.outputs["p"][0] == (2, 3)
    assert found.outputs["p"][1] == pytest.approx(sums.tolist(), rel=1e-8)
    mixed = recorded.record(graph_of(two), [], 1.0)
    sums = draw("p", 3, 6) @ np.exp(logs).ravel()
    assert not mixed.logs and mixed.outputs["p"][1] == pytest.approx(sums.tolist())


def test_what_is_not_finite_is_refused() -> None:
    graph = graph_of("inputs: {x: [2]}\ngraph: [{op: linear, features: 2}]\n")
    wrong = [w._replace(back=lambda array: array / 0.0) for w in weights(graph)]
    with pytest.raises(BackendError, match="not finite"), np.errstate(all="ignore"):
        recorded.record(graph, wrong, 1.0)


def test_factors_are_small_where_many_branches_are_added() -> None:
    assert recorded.gain([graph_of(NET)]) == 1.0
    for name, factor in (("resnet18", 0.71), ("resnet50", 0.59), ("resnet110", 0.44)):
        graph = archspec.load(name).graph
        assert recorded.gain([graph]) == recorded.gain([graph_of(NET), graph]) == factor


def test_images_are_small_odd_and_even() -> None:
    for size, wanted in (
        ([3, 224, 224], (97, 64)),
        ([3, 98, 500], (97, 64)),
        ([3, 32, 32], (33, 32)),
        ([3, 97, 97], (97, 96)),
        ([3, 20, 9], (21, 8)),
        ([3, 9, 20], (9, 20)),
        ([3, 1, 2], (1, 2)),
        ([3, 98, 97], (99, 96)),
        ([3, 1, 1], None),
        ([7], None),
    ):
        graph = graph_of(f"inputs: {{x: {size}}}\ngraph: [relu]\n")
        assert recorded.telling(graph) == wanted
    several = """
inputs: {x: [3, 20, 40], y: [3, 30, 10], z: [5]}
graph: {a: {op: relu, from: x}, b: {op: relu, from: y}, c: {op: relu, from: z}}
outputs: {a: a, b: b, c: c}
"""
    graph = graph_of(several)
    assert recorded.telling(graph) == (21, 10)


def test_a_smaller_net_is_the_same_net() -> None:
    def smaller(name: str) -> Any:
        net = archspec.load(name).graph
        found = recorded.smaller(net, lambda size: archspec.load(name, size=size).graph)
        return None if found is net else found.inputs["image"]

    assert smaller("resnet18") == (3, 97, 64)
    assert smaller("keras_vgg16") is None  # its first linear layer is for 224 pixels

    def refused(size: tuple[int, int]) -> Any:
        raise ArchspecError(f"not at {size}")

    graph = graph_of(NET)
    assert recorded.smaller(graph, refused) is graph
    other = graph_of(NET.replace("batch_norm", "{op: batch_norm, eps: 0.1}"))
    assert recorded.smaller(graph, lambda size: other) is graph
    fewer = graph_of(NET.partition("  pool")[0])
    assert recorded.smaller(graph, lambda size: fewer) is graph
    vector = graph_of("inputs: {x: [7]}\ngraph: [relu]\n")
    assert recorded.smaller(vector, lambda size: graph) is vector


def test_how_a_test_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("src", "models", "package"):
        (tmp_path / folder).mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    for path, module, apart in (
        ("net.py", "net", True),
        ("src/net.py", "net", True),
        ("models/net.py", "net", False),
        ("package/net.py", ".net", True),
    ):
        wanted = Imported(module, ("Net",), apart)
        assert recorded.placed(Path(path), ("Net",)) == wanted
    for name in ("resnet-50.py", "50.py", "class.py", "net.txt", "net"):
        with pytest.raises(ArchspecError, match="can't import a file of this name"):
            recorded.placed(Path(name), ("Net",))


def text_of(graphs: list[Graph], found: Recorded, code: str, tested: Imported) -> str:
    imports = {"torch": "import torch"}
    return recorded.printed(graphs, [found] * len(graphs), code, imports, tested)


def test_the_text() -> None:
    graph = replace(graph_of(f"title: 'A \"net\"'\n{NET}"), family="Nets")
    found = Recorded(0.5, {"x": (2, 2, 4, 4)}, {"y": ((2, 3), (1.5, -2e10, 0.25))})
    text = text_of([graph], found, "a = torch", Imported(".n", ("N",), True))
    assert text.startswith('"""Tests A \'net\': its parameters')
    assert (
        "import torch\nfrom numpy.typing import NDArray\n\nfrom .n import N\n" in text
    )
    assert (
        '\nRECORDED = {"y": ((2, 3), (1.5, -20000000000.0, 0.25))}\n'
        '"""Of each output its shape, and weighted sums of all its values."""\n'
        "GAIN = 0.5\n\n\ndef draw("
    ) in text
    assert '\n\nPARAMETERS = 15\nIMAGES = {"x": (2, 2, 4, 4)}\n' in text
    named = text_of([graph_of(NET)], found, "a = torch", Imported(".n", ("N",), True))
    assert named.startswith('"""Tests net: its parameters')


def test_the_text_says_where_logarithms_are_summed() -> None:
    found = Recorded(0.5, {"x": (2, 2)}, {"y": ((2, 3), (1.5,))}, logs=True)
    text = text_of([graph_of(NET)], found, "", Imported("n", ("N",), True))
    assert (
        '"""Of each output its shape, and weighted sums of all its logarithms.' in text
    )


def test_an_import_that_stands_apart_and_one_that_does_not() -> None:
    found = Recorded(0.5, {"x": (2, 2)}, {"y": ((2, 3), (1.5,))})
    lines = "import torch\nfrom net import Net"
    for apart, told in (
        (False, f"{lines}\nfrom numpy.typing import NDArray\n\nPARAMETERS"),
        (True, "from numpy.typing import NDArray\n\nfrom net import Net\n\nPARAMETERS"),
    ):
        tested = Imported("net", ("Net",), apart)
        assert tested.entry == "Net"
        text = text_of([graph_of(NET)], found, "torch.a = Net", tested)
        assert told in text and text.count("import Net") == 1


def test_the_text_for_several_nets() -> None:
    net = graph_of(f"title: a family\n{NET}")
    graphs = [replace(net, name=name, title=name) for name in ("one", "two")]
    found = Recorded(0.5, {"x": (2, 2, 4, 4)}, {"y": ((2, 3), (1.5,))})
    tested = Imported("nets", ("One", "Two"), True)
    text = text_of(graphs, found, "a = BUILDERS", tested)
    assert text.startswith('"""Tests a family: its parameters')
    assert 'PARAMETERS = {"one": 15, "two": 15}\nIMAGES = {"x": (2, 2, 4, 4)}\n' in text
    assert '"two": {"y": ((2, 3), (1.5,))}' in text
    assert '\nGAIN = 0.5\nBUILDERS = {"one": One, "two": Two}\n\n\ndef draw(' in text
    assert "\n\nfrom nets import One, Two\n\n" in text
    assert tested.entry == "One"


@pytest.mark.parametrize("count", [1, 2])
def test_the_text_is_sealed_for_its_nets(count: int) -> None:
    """By the fingerprint of the net or of the family, and by a checksum of all of it."""
    graphs = [replace(graph_of(NET), name=name) for name in ("one", "two")][:count]
    found = Recorded(0.5, {"x": (2, 2)}, {"y": ((2, 3), (1.5,))})
    text = text_of(graphs, found, "a = 1", Imported("nets", ("One", "Two"), True))
    told = Family(tuple(graphs)).fingerprint() if count > 1 else fingerprint(graphs[0])
    assert f"\n# archspec: fingerprint {told[:16]}, checksum " in text
    assert untouched(text) and ("BUILDERS" in text) is (count > 1)


def test_long_tables_are_laid_out_as_ruff_does() -> None:
    names = [f"a_net_with_a_name_that_takes_a_good_part_of_a_line_{n}" for n in (1, 2)]
    graphs = [replace(graph_of(NET), name=name) for name in names]
    images = dict.fromkeys(names, (2, 2, 4, 4))
    found = Recorded(0.5, images, dict.fromkeys(names, ((2, 3), (1.5, 2.5, 3.5))))
    tested = Imported("nets", tuple(name.title() for name in names), True)
    text = text_of(graphs, found, "a = BUILDERS, pytest", tested)
    assert formatted(text) == text


def test_nets_that_one_test_does_not_fit() -> None:
    one = graph_of(NET)
    assert [found.gain for found in recorded.recorded([one, one], weights)] == [1.0] * 2
    for text in (
        f"{NET}  soft: softmax\n",
        NET.replace("x: [2, 4, 4]", "x: [2, 5, 4]"),
        f"{NET}outputs: {{last: pool}}\n",
    ):
        other = replace(graph_of(text), name="other")
        with pytest.raises(BackendError, match="'other' has other images or outputs"):
            recorded.recorded([one, other], weights)

"""Lowerings broken on purpose: verify fails and names the node, for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import archspec_keras.lowering
import archspec_torch.lowering
import pytest
from faulty import Altered
from nets import graph_of
from proofs import sampled

from archspec.errors import ArchspecError
from archspec.graph import Graph
from archspec.passes.unrounded import unrounded
from archspec.source.functions.dialect import Function, Layer, Name
from archspec.source.outline import OpUse
from archspec.source.text import Call, Display, Doc, Infix
from archspec.verify.bisection import Finding
from archspec.verify.data import Arrays, Data
from archspec.verify.process import NotAvailable
from archspec.verify.proof import Proof, Prover
from archspec.verify.target import Target, parse_all
from archspec.verify.task import Bench, Task
from archspec.weights import layouts

NET = """
inputs: {image: [4, 12, 12]}
blocks:
  body:
    params: {channels: int}
    graph:
      conv: {op: conv2d, channels: =channels, kernel: 3, padding: 2, dilation: 2}
      norm: {op: group_norm, groups: 3}
      act: elu
      add: {op: add, from: [act, input]}
graph:
  stem: {op: conv2d, channels: 6, kernel: 3, stride: [1, 2], padding: 1}
  norm: batch_norm
  pool: {op: max_pool2d, kernel: 3, stride: [2, 1], padding: 1}
  leaky: leaky_relu
  layer: {block: body, repeat: 3, channels: 6}
  average: {op: avg_pool2d, kernel: 3, stride: 1, padding: 1}
  lrn: {op: local_response_norm, size: 3, alpha: 0.5}
  shuffle: {op: channel_shuffle, groups: 2}
  grouped: {op: conv2d, channels: 6, kernel: 1, groups: 2}
  slope: {op: prelu, shared: false}
  depth: {op: conv2d, channels: 12, kernel: 3, groups: 6, padding: same}
  low: {op: slice, stop: 6}
  high: {op: slice, from: depth, start: 6, stop: 12}
  less: {op: subtract, from: [low, high]}
  both: {op: concat, from: [less, slope]}
  mixed: {op: pixel_shuffle, factor: 2}
  resize: {op: resize, size: 9}
  ln: layer_norm
  flatten: flatten
  wide: {op: linear, features: 16}
  cap: relu6
  even: {op: linear, features: 16}
  head: softmax
"""


@pytest.fixture(scope="module")
def graph() -> Graph:
    return unrounded(graph_of(NET), ["leaky_relu"])


class Here(Bench):
    """A backend in this process, where a test can break it."""

    def ask(self, task: Task) -> Arrays:
        try:
            return super().ask(task)
        except ArchspecError as error:
            raise NotAvailable(str(error)) from error


def prove(graph: Graph, *, training: bool = False) -> Proof:
    """What verify finds for torch and Keras."""
    data = Data(graph, "float64", 0)

    def opened(target: Target) -> Here:
        return Here(target.found().on(target.engine, "float64"), data)

    prover = Prover(
        graph,
        parse_all("torch,keras"),
        "float64",
        opened,
        lambda text: None,
        training=training,
    )
    return prover.prove()


Patch = Callable[[pytest.MonkeyPatch], None]


def altered(use: OpUse, where: dict[str, Any], changes: dict[str, Any]) -> OpUse:
    """The use with other attributes, if those in `where` are so."""
    if any(getattr(use.ops[0], name) != value for name, value in where.items()):
        return use
    ops = [op.model_copy(update=changes) for op in use.ops]
    return replace(use, ops=ops, attributes={**use.attributes, **changes})


def keras(kind: str, where: dict[str, Any] | None = None, **changes: Any) -> Patch:
    """Keras lowers an op as if its attributes were others."""
    table = archspec_keras.lowering.LOWERINGS
    lower = table[kind]
    return lambda monkeypatch: monkeypatch.setitem(
        table,
        kind,
        lambda use: lower(altered(use, where or {}, changes)),
    )


def torch(kind: str, where: dict[str, Any] | None = None, **changes: Any) -> Patch:
    """Torch lowers an op as if its attributes were others."""
    table = archspec_torch.lowering.MODULES
    lower = table[kind]
    return lambda monkeypatch: monkeypatch.setitem(
        table, kind, lambda use: lower(altered(use, where or {}, changes))
    )


def keras_call(kind: str, call: Call) -> Patch:
    """Keras prints another layer for an op."""
    table = archspec_keras.lowering.LOWERINGS
    return lambda monkeypatch: monkeypatch.setitem(
        table, kind, lambda use: [Layer(call)]
    )


def swapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras subtracts the other way round."""
    table = archspec_keras.lowering.LOWERINGS

    def step(values: Sequence[Doc], name: Name) -> Doc:
        return Infix((values[1], values[0]), ("-",))

    monkeypatch.setitem(table, "subtract", lambda use: [Function(step)])


def backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras joins in the other order, and has as many channels."""
    table = archspec_keras.lowering.LOWERINGS

    def step(values: Sequence[Doc], name: Name) -> Doc:
        other = Display((values[1], values[0]))
        return Call("ops.concatenate", (other,), (("axis", -1),))

    monkeypatch.setitem(table, "concat", lambda use: [Function(step)])


def zero_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras pads a max pool with zeros, which win over what is negative."""
    table = archspec_keras.lowering.LOWERINGS
    lower = table["max_pool2d"]

    def lowered(use: Any) -> Any:
        pad = Layer(Call("layers.ZeroPadding2D", (1,)), "pad")
        return [pad, lower(use)[-1]]

    monkeypatch.setitem(table, "max_pool2d", lowered)


def untransposed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras takes a square linear layer's weight as it lies."""
    moves = layouts.moves

    def moved(op: Any, attribute: str, shape: Any, shapes: Any) -> Any:
        if op.kind == "linear" and shape == (16, 16):
            return (lambda a: a), (lambda a: a)
        return moves(op, attribute, shape, shapes)

    monkeypatch.setattr(layouts, "moves", moved)


def other_depths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras takes the outputs of a depthwise convolution in another order."""
    moves = layouts.moves

    def moved(op: Any, attribute: str, shape: Any, shapes: Any) -> Any:
        if shape == (12, 1, 3, 3):
            return (
                lambda a: a.reshape(2, 6, 3, 3).transpose(2, 3, 1, 0),
                lambda a: a.transpose(3, 2, 0, 1).reshape(shape),
            )
        return moves(op, attribute, shape, shapes)

    monkeypatch.setattr(layouts, "moves", moved)


STEM = {"stride": (1, 2)}
MUTATIONS: dict[str, tuple[str, Patch]] = {
    "padding by one": ("stem", keras("conv2d", STEM, padding=((0, 2), (1, 1)))),
    "swapped stride": ("stem", keras("conv2d", STEM, stride=(2, 1))),
    "dilation": (
        "layer.0.conv",
        keras("conv2d", {"dilation": 2}, dilation=1, padding=1),
    ),
    "eps of batch norm": ("norm", keras("batch_norm", eps=1e-3)),
    "eps of group norm": ("layer.0.norm", torch("group_norm", eps=1e-3)),
    "groups of group norm": ("layer.0.norm", keras("group_norm", groups=2)),
    "eps of layer norm": ("ln", keras("layer_norm", eps=1e-3)),
    "padding of max pool": ("pool", zero_padded),
    "leaky slope": ("leaky", keras_call("leaky_relu", Call("layers.LeakyReLU"))),
    "alpha of elu": ("layer.0.act", torch("elu", alpha=0.9)),
    "counted padding": ("average", torch("avg_pool2d", count_include_pad=False)),
    "alpha of lrn": ("lrn", keras("local_response_norm", alpha=0.5 / 3)),
    "groups of shuffle": ("shuffle", keras("channel_shuffle", groups=3)),
    "order of depths": ("depth", other_depths),
    "start of slice": ("high", torch("slice", {"start": 6}, start=0, stop=6)),
    "order of subtraction": ("less", swapped),
    "order of concat": ("both", backwards),
    "mode of resize": ("resize", torch("resize", mode="bilinear")),
    "order of flatten": ("flatten", keras("flatten", order="hwc")),
    "cap of relu6": ("cap", keras_call("relu6", Call("layers.ReLU", (1.0,)))),
    "transposed linear": ("even", untransposed),
    "axis of softmax": ("head", keras_call("softmax", Call("layers.ReLU"))),
}
"""What is broken, and the node that has to be named."""
FEW = ("padding by one", "eps of group norm", "counted padding", "order of depths")
"""One of each kind: a size, a number, a divisor, an order. tests/faults has more."""

REFUSED: dict[str, tuple[str, Patch]] = {
    "dropped bias": ("stem.bias", keras("conv2d", STEM, bias=False)),
    "dropped groups": ("grouped.weight", keras("conv2d", {"groups": 2}, groups=1)),
    "shared slopes": ("slope.weight", torch("prelu", shared=True)),
}
"""What gives a model with other parameters: no numbers, and the parameter is named."""

STATISTICS: dict[str, tuple[str, Patch]] = {
    "biased variance": ("norm.running_var", torch("batch_norm", running_var="biased")),
    "momentum": ("norm.running_mean", keras("batch_norm", momentum=0.9)),
}
"""What shows in training only."""


@pytest.fixture(autouse=True)
def functional_forms(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Torch prints modules where it can, so that one table is what tests break."""
    table = archspec_torch.lowering.FUNCTIONS
    for kind in ("slice", "resize"):
        monkeypatch.delitem(table, kind)
    yield


def test_the_net_is_right(graph: Graph) -> None:
    proof = prove(graph, training=True)
    assert proof.passed
    assert not proof.findings
    assert {row.check for row in proof.rows} == {
        "outputs, initial weights",
        "outputs, conditioned weights",
        "outputs in training",
        "running statistics",
        "gradients",
        "weights after 3 SGD steps",
    }


@pytest.mark.parametrize("name", sampled(MUTATIONS, FEW))
def test_a_broken_lowering(
    name: str, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, patch = MUTATIONS[name]
    patch(monkeypatch)
    proof = prove(graph)
    assert not proof.passed
    ((target, finding),) = proof.findings
    assert target == "keras:tensorflow, float64"
    assert isinstance(finding, Finding)
    assert finding.node == node
    place = next(str(n.at) for n in graph.nodes if n.name == node)
    assert finding.text.startswith(f"{place}: the first node that differs is '{node}'")


@pytest.mark.parametrize("name", REFUSED)
def test_other_parameters(
    name: str, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameter, patch = REFUSED[name]
    patch(monkeypatch)
    proof = prove(graph)
    assert {row.verdict for row in proof.rows} == {"not available"}
    assert any(f"'{parameter}'" in row.reason for row in proof.rows)


@pytest.mark.parametrize("name", STATISTICS)
def test_what_shows_in_training_only(
    name: str, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameter, patch = STATISTICS[name]
    patch(monkeypatch)
    proof = prove(graph, training=True)
    failed = {row.check: row.where for row in proof.rows if row.verdict == "FAIL"}
    assert failed == {"running statistics": parameter}


BEHIND_A_RESIZE = """
inputs: {image: [3, 6, 6]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3}
  larger: {op: resize, scale: 2, mode: bilinear}
  norm: batch_norm
taps: {inner: conv, outer: larger}
"""


def test_behind_a_kernel_that_rounds_nothing_is_excused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another op stands in its place where whole nets are compared."""
    graph = graph_of(BEHIND_A_RESIZE)
    assert not prove(graph).passed
    graph = unrounded(graph, ["resize bilinear"])
    assert prove(graph).passed
    keras("batch_norm", eps=1.0001e-5)(monkeypatch)
    proof = prove(graph)
    failed = [row for row in proof.rows if row.verdict == "FAIL"]
    assert ("outputs, conditioned weights", "norm") in {
        (row.check, row.where) for row in failed
    }
    ((_, finding),) = proof.findings
    assert isinstance(finding, Finding)
    assert finding.node == "norm"
    assert 1e-12 < finding.error < 1e-6


BACKWARD = """
inputs: {image: [2, 8, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3}
  act: tanh
  pool: {op: avg_pool2d, kernel: 2}
  norm: {op: group_norm, groups: 2}
  flat: flatten
  fc: {op: linear, features: 3}
"""
HALF = """
class Half(nn.OLD):
    def forward(self, x):
        y = super().forward(x)
        return y / 2 + (y / 2).detach()
"""


def backward(graph: Graph, old: str) -> Proof:
    """What verify finds where Keras is PyTorch with half of the gradients of an op."""
    data = Data(graph, "float64", 0)
    chosen = Altered({f"nn.{old}(": "Half("}, HALF.replace("OLD", old))

    def opened(target: Target) -> Here:
        if target.backend == "keras":
            return Here(chosen, data)
        return Here(target.found().on(target.engine, "float64"), data)

    prover = Prover(
        graph, parse_all("torch,keras"), "float64", opened, lambda text: None
    )
    found = prover.prove()
    assert chosen.hits
    return found


@pytest.mark.parametrize(
    ("node", "old"), [("conv", "Conv2d"), ("pool", "AvgPool2d"), ("norm", "GroupNorm")]
)
def test_a_fault_in_gradients_is_a_nodes(node: str, old: str) -> None:
    proof = backward(graph_of(BACKWARD), old)
    failed = {row.check: row.where for row in proof.rows if row.verdict == "FAIL"}
    assert failed == {"gradients": node, "weights after 3 SGD steps": node}
    ((_, finding),) = proof.findings
    assert isinstance(finding, Finding) and finding.node == node
    assert "the first node whose gradients differ" in finding.text


def test_a_net_without_parameters() -> None:
    graph = graph_of("inputs: {x: [2, 6, 6]}\ngraph: {a: tanh, b: global_avg_pool2d}")
    assert prove(graph, training=True).passed
    text = "inputs: {x: [2, 6, 6]}\ngraph: {a: tanh, b: {op: avg_pool2d, kernel: 2}}"
    proof = backward(graph_of(text), "AvgPool2d")
    failed = {row.check: row.where for row in proof.rows if row.verdict == "FAIL"}
    assert failed == {"gradients": "b"}
    assert "weights after 3 SGD steps" not in {row.check for row in proof.rows}

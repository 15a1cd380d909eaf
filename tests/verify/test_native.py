"""Which native kernels round in a net, and how far that reaches."""

from __future__ import annotations

import pytest
from nets import graph_of

from archspec.verify.native import EXACT, NATIVE, key, rounded, rounding
from archspec.verify.target import Target, parse_all

NET = """
inputs: {image: [3, 8, 8]}
graph:
  a: relu
  g: gelu
  up: {op: resize, scale: 2, mode: bilinear}
  b: relu
  side: {op: hard_sigmoid, from: a}
  near: {op: resize, from: side, scale: 2, mode: nearest}
  add: {op: add, from: [b, near]}
"""
GRAPH = graph_of(NET)


def test_keys() -> None:
    found = {node.name: key(node.op) for node in GRAPH.nodes}
    assert found == {
        "a": "relu",
        "g": "gelu",
        "up": "resize bilinear",
        "b": "relu",
        "side": "hard_sigmoid",
        "near": "resize nearest",
        "add": "add",
    }


@pytest.mark.parametrize(
    ("targets", "kinds"),
    [
        ("torch,keras", {"gelu", "resize bilinear", "hard_sigmoid"}),
        ("keras,keras:jax", {"gelu", "resize bilinear"}),
        ("torch,keras:jax", {"hard_sigmoid"}),
        ("keras:jax,keras:torch", {"hard_sigmoid"}),
    ],
)
def test_what_rounds_where(targets: str, kinds: set[str]) -> None:
    assert {item.kind for item in rounding(GRAPH, parse_all(targets))} == kinds


def test_the_two_layouts_of_torch_round_alike() -> None:
    layouts = [Target("torch"), Target("torch", "channels_last")]
    assert [item.kind for item in rounding(GRAPH, layouts)] == ["hard_sigmoid"]


def test_nothing_rounds_in_a_plain_net() -> None:
    plain = graph_of("inputs: {x: [4]}\ngraph: [relu, tanh]\n")
    assert rounding(plain, parse_all("torch,keras")) == []


def test_what_stands_behind_is_off_as_well() -> None:
    natives = [item for item in NATIVE if item.kind in ("gelu", "resize bilinear")]
    forward = {item.kind: item.forward for item in natives}
    assert rounded(GRAPH, natives) == {
        "a": EXACT,
        "g": forward["gelu"],
        "up": forward["resize bilinear"],
        "b": forward["resize bilinear"],
        "side": EXACT,
        "near": EXACT,
        "add": forward["resize bilinear"],
    }
    assert set(rounded(GRAPH, []).values()) == {EXACT}


def test_the_larger_bound_stays() -> None:
    """What reads a value that is off far stays so, however exact it is itself."""
    (gelu,) = (item for item in NATIVE if item.kind == "gelu")
    (up,) = (item for item in NATIVE if item.kind == "resize bilinear")
    graph = graph_of(
        "inputs: {x: [3, 4, 4]}\n"
        "graph: {up: {op: resize, scale: 2, mode: bilinear}, g: gelu}\n"
    )
    assert gelu.forward < up.forward
    assert rounded(graph, NATIVE) == {"up": up.forward, "g": up.forward}

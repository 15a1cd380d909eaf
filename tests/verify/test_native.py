"""Which native kernels round in a net, and how far that reaches."""

from __future__ import annotations

import pytest
from nets import graph_of

from archspec.passes.unrounded import INSTEAD, key
from archspec.reference.rounding import ROUNDED
from archspec.verify.native import (
    NATIVE,
    STANDS,
    allowance,
    modelled,
    replaced,
    rounding,
)
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


def test_one_table_for_what_is_allowed_and_what_is_modelled() -> None:
    ops = {key(node.op): node.op for node in GRAPH.nodes}
    tensorflow, jax, torch, on_torch = parse_all("keras,keras:jax,torch,keras:torch")
    assert allowance(ops["gelu"], tensorflow) is None
    bilinear = allowance(ops["resize bilinear"], tensorflow)
    assert bilinear is not None and bilinear.forward == 2e-6
    assert allowance(ops["resize bilinear"], jax) is None
    slope = allowance(ops["hard_sigmoid"], torch)
    assert slope is not None and slope.backward == 1e-7
    found = [modelled(target) for target in (tensorflow, jax, torch, on_torch)]
    assert found == ["tensorflow", "", "", "keras on torch"]


def test_each_that_is_modelled_has_a_definition() -> None:
    for item in NATIVE:
        if item.modelled:
            assert item.kind in ROUNDED[item.modelled]
    assert {m for item in NATIVE if (m := item.modelled)} == set(ROUNDED)


def test_each_that_rounds_is_replaced_in_whole_nets() -> None:
    """And the report says by what."""
    rounds = {item.kind for item in NATIVE if not item.flat}
    assert rounds == set(INSTEAD) == set(STANDS)
    said = [
        replaced(item, parse_all("torch,keras")) for item in NATIVE if not item.flat
    ]
    assert said[0].startswith("gelu on keras:tensorflow rounds in float64 (single-prec")
    assert said[0].endswith("compared in float64 a silu stands in its place")

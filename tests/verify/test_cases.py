"""Ops alone: small nets of the same function, that read as specs."""

from __future__ import annotations

import pytest
from nets import graph_of

from archspec.graph import Graph
from archspec.ops import BY_KIND
from archspec.testing.variants import variants
from archspec.verify.cases import FEW, attributes, cases


def net(node: str, shape: str = "[12, 20, 30]") -> Graph:
    return graph_of(f"inputs: {{x: {shape}}}\ngraph: {{a: identity, op: {node}}}\n")


@pytest.mark.parametrize(
    ("node", "shape", "said", "reads"),
    [
        ("{op: conv2d, channels: 512, kernel: 3}", (12,), "channels=4 kernel=3", 3),
        (
            "{op: conv2d, channels: 24, kernel: 3, groups: 12}",
            (12,),
            "channels=8 kernel=3 groups=4",
            4,
        ),
        (
            "{op: conv2d, channels: 48, kernel: 3, groups: 6}",
            (12,),
            "channels=8 kernel=3 groups=4",
            8,
        ),
        ("{op: group_norm, groups: 6}", (12,), "groups=4", 8),
        ("{op: slice, start: 6, stop: 12}", (12,), "start=2 stop=5", 5),
        ("{op: slice, start: 6, stop: 9}", (12,), "start=2 stop=5", 6),
        ("{op: pixel_shuffle, factor: 2}", (12,), "factor=2", 8),
        ("{op: leaky_relu, negative_slope: 1.0e-05}", (12,), "slope=1.0e-05", 4),
        ("{op: pad, spatial: [[0, 1], [2, 3]]}", (12,), "[[0, 1], [2, 3]]", 4),
    ],
)
def test_narrow(node: str, shape: tuple[int, ...], said: str, reads: int) -> None:
    found = [case for case in cases(net(node)) if case.node.name == "op"]
    assert {str(case) for case in found} == {str(found[0])}
    assert said in str(found[0])
    assert {case.shapes[0][0] for case in found} == {reads}


def test_sizes() -> None:
    """From the smallest on; the net's own; as many as meet the whole of a window."""
    wide = "{op: conv2d, channels: 4, kernel: 3, dilation: 12, padding: 12}"
    sizes = [case.shapes[0][1:] for case in cases(net(wide)) if case.node.name == "op"]
    assert sizes == sorted(sizes, key=lambda size: size[0] * size[1])
    assert sizes[0] == (1, 1) and sizes[-1] == (26, 28)
    own = [
        case.shapes[0]
        for case in cases(net("{op: avg_pool2d, kernel: 2}", "[4, 11, 13]"))
    ]
    assert (FEW, 11, 13) in own
    assert len([case for case in cases(net("relu")) if case.node.name == "op"]) == 2


def test_each_function_once() -> None:
    text = (
        "inputs: {x: [8, 6, 6]}\n"
        "graph: {a: relu, b: {op: conv2d, channels: 8, kernel: 1}, c: relu,\n"
        "  d: {op: conv2d, channels: 16, kernel: 1}, e: {op: add, from: [d, d]},\n"
        "  p: {op: global_avg_pool2d}, f: relu}\n"
    )
    found = cases(graph_of(text))
    firsts = {str(case): case.node.name for case in reversed(found)}
    assert list(firsts.values())[::-1] == ["a", "b", "e", "p"]
    assert {len(case.shapes[0]) for case in found if str(case) == "relu"} == {3, 1}


def test_beside_an_image() -> None:
    text = (
        "inputs: {x: [8, 20, 20]}\n"
        "graph: {a: {op: adaptive_avg_pool2d, size: 1}, m: {op: multiply, from: [a, input]}}\n"
    )
    found = [c.shapes for c in cases(graph_of(text)) if c.node.name == "m"]
    assert found[0] == ((4, 1, 1), (4, 2, 3))


@pytest.mark.parametrize("kind", BY_KIND)
def test_a_case_is_a_spec_of_itself(kind: str) -> None:
    """What it prints reads as the same op, whose cases hold it."""
    for variant in variants(BY_KIND[kind], 8):
        for case in cases(graph_of(variant.spec())):
            graph = case.graph()
            (node,) = graph.nodes
            assert attributes(node.op) == attributes(case.op)
            assert tuple(graph.inputs.values()) == case.shapes
            assert case.text in {again.text for again in cases(graph)}

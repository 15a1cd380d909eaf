"""What a value reads where paths meet that are no equals."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from nets import graph_of

from archspec.receptive import Reach, reaches

NET = """
inputs: {{image: [4, 16, 24]}}
graph:
  conv: {{op: conv2d, channels: 4, kernel: 3, stride: 2, padding: 1}}
  gate: {{op: adaptive_avg_pool2d, size: 1}}
  {rest}
"""


def reach(rest: str, name: str) -> Reach:
    return reaches(graph_of(NET.format(rest=rest)))[name]


@pytest.mark.parametrize("order", ["gate, conv", "conv, gate"])
def test_a_gate_reads_all_and_changes_no_stride(order: str) -> None:
    found = reach(f"y: {{op: multiply, from: [{order}]}}", "y")
    assert found == Reach(None, (Fraction(2), Fraction(2)))


def test_what_only_lends_its_size_is_not_read() -> None:
    rest = "\n  ".join(
        (
            "x: {op: multiply, from: [conv, gate]}",
            "pool: {op: max_pool2d, from: conv, kernel: 2}",
            "up: {op: resize, from: [pool, x]}",
        )
    )
    found = reach(rest, "up")
    # The pool reads 2 outputs of the convolution, so 3 + 2 pixels; up halves its 4.
    assert found == Reach((Fraction(5),) * 2, (Fraction(2),) * 2)


def test_vectors_have_no_stride() -> None:
    found = reaches(
        graph_of("inputs: {x: [4]}\ngraph: [relu, {op: linear, features: 2}]\n")
    )
    assert {*found.values()} == {Reach(None, None)}


def test_an_adaptive_pool_that_changes_nothing() -> None:
    found = reach(
        "y: {op: adaptive_avg_pool2d, from: conv, size: [8, 12]}\n  z: {op: multiply, from: [y, gate]}",
        "y",
    )
    assert found == Reach((Fraction(3),) * 2, (Fraction(2),) * 2)


@pytest.mark.parametrize(
    "nodes",
    [
        "{op: conv2d, channels: 1, kernel: 3}",
        "{op: conv2d, channels: 1, kernel: [5, 3], stride: [2, 3]}, tanh, "
        "{op: avg_pool2d, kernel: 3, stride: 2}",
        "{op: conv2d, channels: 1, kernel: 3, dilation: 3}, "
        "{op: avg_pool2d, kernel: 2}, {op: conv2d, channels: 1, kernel: 3}",
        "{op: conv_transpose2d, channels: 1, kernel: 4, stride: 2, padding: 1}, "
        "{op: conv2d, channels: 1, kernel: 3, stride: 4}",
    ],
)
def test_receptive_fields_are_what_gradients_reach(nodes: str) -> None:
    text = f"inputs: {{x: [1, 60, 61]}}\ngraph: [{nodes}]\n"
    graph = graph_of(text)
    from archspec.backend import backend
    from archspec.weights import initial_weights

    weights = initial_weights(graph, 0, "float64")
    for array in weights.values():
        array[:] = 1
    model = backend("torch").build(graph, weights, dtype="float64")
    last = graph.nodes[-1].name
    reach = reaches(graph)[last]
    assert reach.field is not None and reach.stride is not None
    extents = []
    for step in (0, 1):
        image = torch.rand(1, 1, 60, 61, dtype=torch.float64, requires_grad=True)
        out = model(image * 0.01)
        row, column = (n // 2 + step * 2 for n in out.shape[2:])
        out[0, 0, row, column].backward()
        assert image.grad is not None
        seen = image.grad[0, 0].nonzero()
        extents.append((seen.min(0).values, seen.max(0).values))
    (low, high), (later, _) = extents
    assert tuple((high - low + 1).tolist()) == tuple(map(int, reach.field))
    assert tuple((later - low).tolist()) == tuple(2 * int(s) for s in reach.stride)


def test_the_published_receptive_field_of_vgg16() -> None:
    # Araujo et al. 2019, table of networks.
    from archspec import load

    reach = reaches(load("vgg16").graph)["features.30"]
    assert reach.field is not None and reach.stride is not None
    assert [*map(int, reach.field), *map(int, reach.stride)] == [212, 212, 32, 32]

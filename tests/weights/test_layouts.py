"""Where each canonical weight lies in Keras, element by element.

What is expected stands in the documentation of both: torch has `Conv2d.weight` as
[out, in / groups, h, w], `ConvTranspose2d.weight` as [in, out / groups, h, w],
`Linear.weight` as [out, in]; Keras has the kernels as [h, w, in / groups, out],
[h, w, out, in], [in, out], and for `DepthwiseConv2D` [h, w, in, multiplier], where the
output channel `c * multiplier + m` is the m-th of the input channel c.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from nets import graph_of

from archspec.weights.layouts import Place, places

Index = tuple[int, ...]
Spot = Callable[..., Index]
"""Where an element of Keras' array, by its index, is in the canonical one."""


def same(*index: int) -> Index:
    return index


def swapped(i: int, o: int) -> Index:
    return (o, i)


def kernel(h: int, w: int, i: int, o: int) -> Index:
    return (o, i, h, w)


def last(*index: int) -> Index:
    return index[-1:]


def third(h: int, w: int, c: int, m: int) -> Index:
    return (c,)


LAYOUTS: dict[str, tuple[str, list[tuple[str, str, Index, Spot]]]] = {
    "a convolution": (
        "{op: conv2d, channels: 4, kernel: [2, 3]}",
        [
            ("weight", "kernel", (2, 3, 6, 4), kernel),
            ("bias", "bias", (4,), same),
        ],
    ),
    "one in groups": (
        "{op: conv2d, channels: 4, kernel: [2, 3], groups: 2, bias: false}",
        [("weight", "kernel", (2, 3, 3, 4), kernel)],
    ),
    "a depthwise one": (
        "{op: conv2d, channels: 6, kernel: [2, 3], groups: 6, bias: false}",
        [("weight", "kernel", (2, 3, 6, 1), lambda h, w, c, m: (c, 0, h, w))],
    ),
    "a depthwise one with a multiplier": (
        "{op: conv2d, channels: 12, kernel: [2, 3], groups: 6}",
        [
            ("weight", "kernel", (2, 3, 6, 2), lambda h, w, c, m: (2 * c + m, 0, h, w)),
            ("bias", "bias", (12,), same),
        ],
    ),
    "a transposed convolution": (
        "{op: conv_transpose2d, channels: 4, kernel: [2, 3]}",
        [
            ("weight", "kernel", (2, 3, 4, 6), lambda h, w, o, i: (i, o, h, w)),
            ("bias", "bias", (4,), same),
        ],
    ),
    "a batch norm": (
        "batch_norm",
        [
            ("weight", "gamma", (6,), same),
            ("bias", "beta", (6,), same),
            ("running_mean", "moving_mean", (6,), same),
            ("running_var", "moving_variance", (6,), same),
        ],
    ),
    "a group norm": (
        "{op: group_norm, groups: 2}",
        [("weight", "gamma", (6,), same), ("bias", "beta", (6,), same)],
    ),
    "slopes of channels": (
        "{op: prelu, shared: false}",
        [("weight", "alpha", (1, 1, 6), last)],
    ),
    "one slope": (
        "{op: prelu, shared: true}",
        [("weight", "alpha", (1, 1, 1), lambda *_: (0,))],
    ),
    "factors of channels": (
        "scale",
        [("weight", "kernel", (1, 1, 6, 1), third)],
    ),
}
"""An op that reads [6, 8, 9]; its weights, in order: canonical name, Keras', shape."""

FLAT: dict[str, tuple[str, list[tuple[str, str, Index, Spot]]]] = {
    "a linear layer": (
        "{op: linear, features: 4}",
        [("weight", "kernel", (6, 4), swapped), ("bias", "bias", (4,), same)],
    ),
    "slopes of features": (
        "{op: prelu, shared: false}",
        [("weight", "alpha", (6,), same)],
    ),
    "factors of features": (
        "scale",
        [("weight", "kernel", (6,), same)],
    ),
    "a layer norm": (
        "layer_norm",
        [("weight", "gamma", (6,), same), ("bias", "beta", (6,), same)],
    ),
}
"""The same, of an op that reads [6]."""

CASES = [
    *(pytest.param("[6, 8, 9]", *case, id=name) for name, case in LAYOUTS.items()),
    *(pytest.param("[6]", *case, id=name) for name, case in FLAT.items()),
]


def placed(image: str, op: str) -> list[Place]:
    return list(places(graph_of(f"inputs: {{x: {image}}}\ngraph: {{n: {op}}}\n")))


@pytest.mark.parametrize(("image", "op", "wanted"), CASES)
def test_every_element(
    image: str, op: str, wanted: list[tuple[str, str, Index, Spot]]
) -> None:
    found = placed(image, op)
    assert [(p.name, p.attribute) for p in found] == [
        (f"n.{name}", attribute) for name, attribute, _, _ in wanted
    ]
    for place, (_, _, shape, spot) in zip(found, wanted, strict=True):
        canonical = np.arange(float(np.prod(place.shape))).reshape(place.shape)
        theirs = place.into(canonical)
        assert theirs.shape == shape
        for index in np.ndindex(shape):
            assert theirs[index] == canonical[spot(*index)]
        assert np.array_equal(place.back(theirs), canonical)


@pytest.mark.parametrize(("image", "op", "wanted"), CASES)
def test_shapes_are_those_of_the_graph(image: str, op: str, wanted: Any) -> None:
    graph = graph_of(f"inputs: {{x: {image}}}\ngraph: {{n: {op}}}\n")
    shapes = graph.parameters() | graph.buffers()
    assert {p.name: p.shape for p in places(graph)} == shapes


def test_a_node_inside_others_is_a_layer_of_its_path() -> None:
    graph = graph_of(
        "inputs: {x: [3, 4, 4]}\n"
        "blocks: {body: {graph: {fc_1: {op: conv2d, channels: 3, kernel: 1}}}}\n"
        "graph: {layer: {block: body, repeat: 2}}\n"
    )
    assert [p.layer for p in places(graph)] == [f"layer_{n}_fc_1" for n in (0, 0, 1, 1)]

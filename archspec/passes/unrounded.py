"""Puts ops that compute in float64 in the place of those whose kernels round there.

A kernel that holds a constant in single precision moves all that lies behind it by
1e-8, where a comparison of float64 would show a fault of 1e-12. With another op in its
place, of the same shape and without weights, nothing is left to be excused: a
leaky_relu takes the slope that float32 has, a gelu becomes a silu. The op itself is
proved alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from struct import pack, unpack
from typing import Any

from archspec.errors import ShapeError
from archspec.graph import Graph, Node
from archspec.ops import Op, Shape
from archspec.ops.activation import LeakyRelu, Sigmoid, Silu
from archspec.ops.pooling import AdaptiveAvgPool2d
from archspec.ops.shaping import Resize
from archspec.passes.rewrite import rewrite

Shapes = tuple[Shape, ...]


def unrounded(graph: Graph, kinds: Collection[str]) -> Graph:
    """The graph with other ops for those of some kinds, by the keys of `INSTEAD`."""
    changes = {
        node.name: [INSTEAD[key(node.op)](node, shapes)]
        for node, shapes in graph.located()
        if key(node.op) in kinds
    }
    return rewrite(graph, changes) if changes else graph


def key(op: Op) -> str:
    """What tables of kernels call an op: its kind, with the mode that a resize has."""
    mode = getattr(op, "mode", "")
    return f"{op.kind} {mode}" if mode else op.kind


def _other(op: Op) -> Callable[[Node, Shapes], Node]:
    return lambda node, shapes: replace(node, op=op, texts={})


def _slope(node: Node, shapes: Shapes) -> Node:
    op = node.op
    assert isinstance(op, LeakyRelu)
    slope = unpack("f", pack("f", op.negative_slope))[0]
    return replace(node, op=LeakyRelu(negative_slope=slope), texts={})


def _nearest(node: Node, shapes: Shapes) -> Node:
    """Nearest pixels where no precision disputes them, else the means of windows."""
    op: Any = node.op
    assert isinstance(op, Resize)
    made = op.model_copy(update={"mode": "nearest"})
    axes = zip(shapes[0][1:], node.shape[1:], strict=True)
    try:
        made.shape(*shapes)
        if all(_undisputed(n, length) for n, length in axes):
            return replace(node, op=made, texts={})
    except ShapeError:
        pass
    pool = AdaptiveAvgPool2d(size=(node.shape[1], node.shape[2]))
    return replace(node, op=pool, inputs=node.inputs[:1], texts={})


def _undisputed(n: int, length: int) -> bool:
    """Whether one is a whole multiple of the other, by a power of two."""
    more, less = max(n, length), min(n, length)
    times = more // less
    return more == times * less and not times & (times - 1)


INSTEAD: Mapping[str, Callable[[Node, Shapes], Node]] = {
    "gelu": _other(Silu()),
    "softplus": _other(Silu()),
    "hard_sigmoid": _other(Sigmoid()),
    "leaky_relu": _slope,
    "resize bilinear": _nearest,
}
"""What stands in the place of an op."""

"""Puts ops that floats compute exactly in the place of those that they never do."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from archspec.graph import Graph
from archspec.ops import Op, pair
from archspec.ops.activation import Elu, Identity, LeakyRelu, Relu, Selu
from archspec.ops.normalization import (
    BatchNorm,
    GroupNorm,
    LayerNorm,
    LocalResponseNorm,
)
from archspec.ops.pooling import AvgPool2d, MaxPool2d
from archspec.passes.rewrite import rewrite

STEPS = 1024
"""A factor that is a whole number of 1024ths takes few bits."""


def stand_ins(graph: Graph) -> tuple[Graph, dict[str, str]]:
    """The graph with other ops in some places, of the same names, weights and shapes.

    Returns it with the kinds of what was replaced, by node. Norms by group or layer
    become batch norms, a local response norm nothing, an average over a number that is
    no power of two the maximum; slopes become powers of two.
    """
    found = {node.name: op for node in graph.nodes if (op := _instead(node.op))}
    changes = {
        node.name: [replace(node, op=found[node.name], texts={})]
        for node in graph.nodes
        if node.name in found
    }
    kinds = {node.name: node.op.kind for node in graph.nodes if node.name in found}
    return (rewrite(graph, changes) if changes else graph), kinds


def _instead(op: Op) -> Op | None:
    match op:
        case GroupNorm() | LayerNorm():
            return BatchNorm(eps=op.eps, affine=op.affine, init=op.init)
        case LocalResponseNorm():
            return Identity()
        case LeakyRelu() if op.negative_slope * STEPS % 1:
            return op.model_copy(update={"negative_slope": 2.0**-6})
        case Elu() if op.alpha * STEPS % 1:
            return op.model_copy(update={"alpha": 0.5})
        case Selu():
            return Relu()
        case AvgPool2d() if op.padding != "same" and _uneven(prod(pair(op.kernel))):
            return MaxPool2d(
                kernel=op.kernel,
                stride=op.stride,
                padding=op.padding,
                ceil_mode=op.ceil_mode,
            )
    return None


def _uneven(count: int) -> bool:
    return bool(count & (count - 1))

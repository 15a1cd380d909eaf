"""Pooling in Keras: no layer pads as PyTorch does, but some give the same.

A window of 2 that moves by 2 hangs over by no more than a pixel, as in Keras' `same`,
which averages what is there. Padding that centres an odd window is `same` at stride 1,
and a stride may come afterwards. Where a last window may hang over, a stride less one
of padding is room enough, unless PyTorch drops a window that begins behind the image.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from archspec.errors import Location
from archspec.graph import Graph, Node
from archspec.ops import Op, pair
from archspec.ops.activation import Identity
from archspec.ops.base import Sides, four_sides
from archspec.ops.pooling import GlobalAvgPool2d, GlobalMaxPool2d, Pool
from archspec.source.expr import Expr
from archspec.source.functions.dialect import Layer, Lowering, Step
from archspec.source.functions.steps import group, pads, sides, twice
from archspec.source.outline import OpUse
from archspec.source.text import Call, Doc, call
from archspec_keras.signs import ZeroPadded

SIZES = ("kernel", "stride", "padding")


def zeros(padding: Any, suffix: str = "") -> Layer:
    """Zeros around an image."""
    return Layer(Call("layers.ZeroPadding2D", (padding,)), suffix)


def layer(kind: str, use: OpUse, padding: str = "valid") -> Layer:
    """The layer that pools."""
    kernel, stride = use["kernel"], use["stride"]
    strides = None if stride == kernel else stride, None
    given = {"strides": strides, "padding": (padding, "valid")}
    return Layer(call(f"layers.{kind}Pooling2D", kernel, **given))


def told(use: OpUse) -> dict[str, Doc]:
    """The sizes of windows as printed functions and layers take them."""
    kernel, stride, padding = (use[name] for name in SIZES)
    around = {} if padding == "same" else {"padding": group(*sides(padding))}
    return {"kernel": twice(kernel), "stride": twice(stride or kernel), **around}


def max_pool(use: OpUse) -> Sequence[Step]:
    """MaxPooling2D; what is around the image never wins."""
    op: Any = use.ops[0]
    padding: Any = use["padding"]
    if padding == "same" or (not pads(padding) and not use["ceil_mode"]):
        return [layer("Max", use, "same" if padding == "same" else "valid")]
    if settled(use):
        if halves(op):
            return [layer("Max", use, "same")]
        if centred(op) and pair(op.steps()) == (1, 1):
            return [layer("Max", use, "same")]
        padding = hanging_over(op) if op.ceil_mode else padding
    elif use["ceil_mode"]:
        padding = None
    if padding is None:
        return [
            Layer(Call("CeilPadding2D", (), (*told(use).items(),)), "pad"),
            layer("Max", use),
        ]
    if isinstance(op, ZeroPadded):
        return [zeros(padding, "pad"), layer("Max", use)]
    if settled(use) and centred(op) and not op.ceil_mode:
        whole = call(
            "layers.MaxPooling2D",
            op.kernel,
            strides=(1, None),
            padding=("same", "valid"),
        )
        return [Layer(whole, "same"), strided(use["stride"] or op.kernel)]
    return [Layer(Call("InfinitePadding2D", (padding,)), "pad"), layer("Max", use)]


def average_pool(use: OpUse) -> Sequence[Step]:
    """AveragePooling2D; a layer of our own where not all of a window counts."""
    op: Any = use.ops[0]
    padding: Any = use["padding"]
    same, around = padding == "same", pads(padding)
    counted = bool(use["count_include_pad"]) and not same
    if settled(use) and (halves(op) or (same and max(op.extent()) <= 2)):
        return [layer("Average", use, "same")]
    if same or use["ceil_mode"] or (around and not counted):
        flags = {"ceil_mode": use["ceil_mode"], "count": counted}
        given = {name: True for name, flag in flags.items() if flag}
        made = Call("CountedAveragePooling2D", (), (*told(use).items(), *given.items()))
        return [Layer(made)]
    return [*([zeros(padding, "pad")] if around else []), layer("Average", use)]


def strided(stride: Any, suffix: str = "") -> Layer:
    """Every so many pixels of an image."""
    return Layer(Call("layers.MaxPooling2D", (1,), (("strides", stride),)), suffix)


def settled(use: OpUse) -> bool:
    """Whether the sizes of windows are the same numbers in all instances."""
    return not any(isinstance(use[name], Expr) for name in SIZES)


def halves(op: Pool) -> bool:
    """Whether windows of 2 move by 2, and a last may hang over: `same` of any size."""
    twos = op.extent() == op.steps() == (2, 2)
    return op.ceil_mode and twos and not any(map(any, four_sides(op.padding)))


def centred(op: Any) -> bool:
    """Whether padding centres every window, of a pool or a convolution, on a pixel."""
    axes = zip(four_sides(op.padding), op.extent(), strict=True)
    return all(2 * low == 2 * high == k - 1 for (low, high), k in axes)


def hanging_over(op: Pool) -> Sides | None:
    """Padding that lets a last window hang over; None where one may begin behind."""
    axes = [*zip(four_sides(op.padding), op.extent(), op.steps(), strict=True)]
    if any(stride > kernel - high for (_, high), kernel, stride in axes):
        return None
    (top, bottom), (left, right) = (
        (low, high + stride - 1) for (low, high), _, stride in axes
    )
    return (top, bottom), (left, right)


def with_vectors(graph: Graph) -> Graph:
    """The graph with pools to one pixel that flattens alone read as pools to vectors.

    Keras' global pools give vectors by themselves. Both stand in one scope, at two
    statements that all instances of a block have.
    """
    readers = Counter(name for node in graph.nodes for name in node.inputs)
    readers.update(graph.outputs.values())
    made = {node.name: node for node in graph.nodes}
    pairs = [(made.get(n.inputs[0]), n) for n in graph.nodes if n.op.flattens]
    found: dict[Location, list[tuple[Node, Node]]] = {}
    apart: set[Location] = set()
    for pool, node in pairs:
        alone = pool is not None and pool.scope is node.scope and _plain(pool, node)
        if pool is None or not alone or readers[pool.name] > 1:
            apart |= {node.at, *([pool.at] if pool else [])}
        else:
            found.setdefault(pool.at, []).append((pool, node))
    ops: dict[str, Op] = {}
    for at, known in found.items():
        there = sum(node.at == at for node in graph.nodes)
        if there == len(known) and not apart & {at, *(node.at for _, node in known)}:
            ops |= {pool.name: GLOBAL[pool.op.kind] for pool, _ in known}
            ops |= {node.name: Identity() for _, node in known}
    shapes = {node.inputs[0]: node.shape for node in graph.nodes if node.name in ops}
    nodes = [
        replace(n, op=ops[n.name], shape=shapes.get(n.name, n.shape), texts={})
        if n.name in ops
        else n
        for n in graph.nodes
    ]
    return replace(graph, nodes=tuple(nodes)) if ops else graph


def _plain(pool: Node, node: Node) -> bool:
    """Whether a pool leaves one pixel, which is then flattened, whatever is said."""
    single = pool.op.kind in GLOBAL and pool.shape[1:] == (1, 1)
    told = pool.texts or pool.when or node.when or pool.repeat or node.repeat
    return single and not told


GLOBAL: dict[str, Op] = {
    "adaptive_avg_pool2d": GlobalAvgPool2d(),
    "adaptive_max_pool2d": GlobalMaxPool2d(),
}
"""What gives vectors instead of an adaptive pool to one pixel."""
POOLS: dict[str, Lowering] = {"max_pool2d": max_pool, "avg_pool2d": average_pool}


def fixed(op: Pool) -> list[str]:
    """The attributes that can't be arguments, since layers depend on their values."""
    if op.padding != "same" and op.ceil_mode and halves(op):
        return [*SIZES]
    if op.kind == "avg_pool2d" and op.padding == "same" and max(op.extent()) <= 2:
        return [*SIZES]
    return [name for name in SIZES if not isinstance(getattr(op, name), int)]

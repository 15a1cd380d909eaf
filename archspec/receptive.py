"""How much of the image a value depends on, and how far apart its pixels lie.

Araujo, Norris and Sim, Computing Receptive Fields of Convolutional Neural Networks,
https://doi.org/10.23915/distill.00021: along a path, a window of k pixels adds k - 1
times the stride so far. Where paths meet, the larger field counts. Behind a nearest
upsampling, of whose pixels some are equal, the field is an upper bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from archspec.graph import Graph
from archspec.ops import Op, Shape, pair

Axes = tuple[Fraction, Fraction]
ONE = (Fraction(1), Fraction(1))


@dataclass(frozen=True, slots=True)
class Reach:
    """Vertical and horizontal, in pixels of the graph's images.

    Attributes:
        field: the receptive field; None once a value depends on the whole image.
        stride: how far neighbours of the value lie apart; None for a vector.
    """

    field: Axes | None
    stride: Axes | None


def reaches(graph: Graph) -> dict[str, Reach]:
    """The receptive field and the stride of every value, by name."""
    found = {
        name: Reach(ONE, ONE) if len(shape) == 3 else Reach(None, None)
        for name, shape in graph.inputs.items()
    }
    for node, shapes in graph.located():
        read = [found[name] for name in node.inputs]
        found[node.name] = _after(node.op, read, shapes, node.shape)
    return found


def _after(op: Op, read: list[Reach], shapes: tuple[Shape, ...], made: Shape) -> Reach:
    first = read[0]
    if len(made) != 3:
        return Reach(None, None)
    pooled = op.kind.startswith("adaptive") and made[1:] != shapes[0][1:]
    if first.field is None or first.stride is None or pooled:
        whole = None if first.stride is None else _scaled(first.stride, shapes[0], made)
        return Reach(None, whole)
    fields, strides = [], []
    for axis in (0, 1):
        window, step = _window(op, axis, shapes[0], made)
        largest = max(r.field[axis] for r in read if r.field is not None)
        fields.append(largest + (window - 1) * first.stride[axis])
        strides.append(first.stride[axis] * step)
    if any(r.field is None for r in read):
        return Reach(None, (strides[0], strides[1]))
    return Reach((fields[0], fields[1]), (strides[0], strides[1]))


def _scaled(stride: Axes, before: Shape, after: Shape) -> Axes:
    return (
        stride[0] * Fraction(before[1], after[1]),
        stride[1] * Fraction(before[2], after[2]),
    )


def _window(op: Op, axis: int, before: Shape, after: Shape) -> tuple[int, Fraction]:
    """How many pixels of its input an op's output pixel reads, and its step there."""
    some: Any = op
    if op.kind == "conv_transpose2d":
        extent = (pair(some.kernel)[axis] - 1) * pair(some.dilation)[axis] + 1
        step = pair(some.stride)[axis]
        return -(-extent // step), Fraction(1, step)
    if hasattr(some, "extent"):
        steps = some.steps() if hasattr(some, "steps") else pair(some.stride)
        return some.extent()[axis], Fraction(steps[axis])
    if op.kind in ("resize", "pixel_shuffle"):
        window = 2 if getattr(some, "mode", "") == "bilinear" else 1
        return window, Fraction(before[1 + axis], after[1 + axis])
    return 1, Fraction(1)


def shown(reaches: Mapping[str, Reach], name: str) -> tuple[str, str]:
    """The field and the stride of a value in words: `483`, `32`; `all` for no limit."""
    reach = reaches[name]
    return (
        "all" if reach.field is None else _axes(reach.field),
        "" if reach.stride is None else _axes(reach.stride),
    )


def _axes(axes: Axes) -> str:
    texts = [f"{float(value):.4g}" for value in axes]
    return texts[0] if texts[0] == texts[1] else " x ".join(texts)

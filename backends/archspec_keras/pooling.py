"""Pooling in Keras: no layer pads as PyTorch does, but some give the same.

A window of 2 that moves by 2 hangs over by no more than a pixel, as in Keras' `same`,
which averages what is there. Padding that centres an odd window is `same` at stride 1,
and a stride may come afterwards. Where a last window may hang over, a stride less one
of padding is room enough, unless PyTorch drops a window that begins behind the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archspec.ops import pair
from archspec.ops.base import Sides, four_sides
from archspec.ops.pooling import Pool
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


POOLS: dict[str, Lowering] = {"max_pool2d": max_pool, "avg_pool2d": average_pool}


def fixed(op: Pool) -> list[str]:
    """The attributes that can't be arguments, since layers depend on their values."""
    if op.padding != "same" and op.ceil_mode and halves(op):
        return [*SIZES]
    if op.kind == "avg_pool2d" and op.padding == "same" and max(op.extent()) <= 2:
        return [*SIZES]
    return [name for name in SIZES if not isinstance(getattr(op, name), int)]

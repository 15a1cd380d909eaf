"""Windows that move over an image: what pads for them, and pools.

Every net takes images of any size, and runtimes must not count windows that others
don't: ONNX' own words for `same` and for rounding up stand where they are exact, else
padding does before the window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archspec.ops import pair
from archspec.ops.base import four_sides
from archspec.source.expr import Expr, translated
from archspec.source.functions.dialect import Function, Lowering, Name, Step
from archspec.source.functions.steps import pads
from archspec.source.outline import OpUse
from archspec.source.text import Call, Code, Doc
from archspec_onnx.calls import NET, added, helper, listed

WINDOW = {"strides": "stride", "dilations": "dilation"}


def four(use: OpUse) -> Doc:
    """An op's padding in ONNX' order: top, left, bottom, right."""
    (top, bottom), (left, right) = use.four("padding")
    return listed(top, left, bottom, right)


def sliding(use: OpUse, names: dict[str, str]) -> dict[str, Doc]:
    """Attributes of windows, for those of an op that do something."""
    found = {}
    for name, attribute in names.items():
        value: Any = use[attribute]
        if isinstance(value, Expr) or pair(value) != (1, 1):
            found[name] = listed(*use.two(attribute))
    return found


def padding(use: OpUse, **value: Doc) -> tuple[Sequence[Step], dict[str, Doc]]:
    """What pads for windows: a step before them, or attributes of theirs."""
    op: Any = use.ops[0]
    if op.padding != "same":
        return [], {"pads": four(use)} if pads(use["padding"]) else {}
    if use.two("kernel") == (1, 1):
        return [], {}
    if pair(getattr(op, "dilation", 1)) == (1, 1) and reaching(use):
        return [], {"auto_pad": "SAME_UPPER"}
    return [padded(use, **value)], {}


def reaching(use: OpUse) -> bool:
    """Whether windows reach the next ones along every axis, whatever arguments say.

    Where they don't, auto_pad takes pixels away instead of adding none. A spec's `same`
    has no stride beyond its window, but for windows of one pixel.
    """
    axes = zip(use.two("kernel"), use.two(steps(use)), strict=True)
    return all(s == 1 or (k != 1 and not isinstance(k, Expr)) for k, s in axes)


def padded(use: OpUse, **value: Doc) -> Function:
    """Padding that depends on the size of the image, for dilated windows."""
    spread = zip(use.two("kernel"), use.two("dilation"), strict=True)
    extent = [
        translated("(k - 1) * d + 1", {"k": k, "d": d}.__getitem__) for k, d in spread
    ]
    options: dict[str, tuple[Doc, Any]] = {k: (v, 0.0) for k, v in value.items()}
    stride = listed(*use.two(steps(use)))
    return helper("pad_same", listed(*extent), stride, **options)


def steps(use: OpUse) -> str:
    """The attribute by which windows move; a pool's may be its kernel."""
    return "kernel" if use["stride"] is None else "stride"


def pool(kind: str) -> Lowering:
    """MaxPool or AveragePool."""

    def lower(use: OpUse) -> Sequence[Step]:
        op: Any = use.ops[0]
        told: dict[str, Doc] = {"kernel_shape": listed(*use.two("kernel"))}
        told |= sliding(use, {"strides": steps(use)})
        if op.kind == "max_pool2d":
            told |= sliding(use, {"dilations": "dilation"})
        before, around = padding(use, value=Code("-np.inf"))
        if op.kind == "avg_pool2d" and op.count_include_pad and "pads" in around:
            around["count_include_pad"] = 1
        if op.ceil_mode:
            before, around = rounded_up(op, around)
        return [*before, added(kind, **told, **around)]

    return lower


def rounded_up(op: Any, around: dict[str, Doc]) -> tuple[list[Step], dict[str, Doc]]:
    """`ceil_mode`; more padding in its place where a window may start behind an image.

    None does, by ONNX' text and in all runtimes. But onnx's inference of shapes counts
    it: a linear behind such a pool would not load.
    """
    sides = four_sides(op.padding)
    axes = [*zip(op.extent(), op.steps(), sides, strict=True)]
    if all(stride <= extent - after for extent, stride, (_, after) in axes):
        return [], {**around, "ceil_mode": 1}
    # Windows are as many as start in the image, or than rounding up gives, if fewer.
    more = [
        min(after + stride, extent) - 1 - after for extent, stride, (_, after) in axes
    ]
    (top, bottom), (left, right) = sides
    if "count_include_pad" in around:  # this padding counts, what is added doesn't
        padded = listed(0, 0, top, left, 0, 0, bottom, right)
        return [helper("pad_window", padded)], {"pads": listed(0, 0, *more)}
    told = top, left, bottom + more[0], right + more[1]
    if all(n < length for n, length in zip(told, pair(op.kernel) * 2, strict=True)):
        return [], {"pads": listed(*told)}
    # Runtimes take less padding than the kernel is long, also of a dilated one.
    value = (Code("-np.inf"), 0.0)
    return [
        helper("pad_window", listed(0, 0, *told[:2], 0, 0, *told[2:]), value=value)
    ], {}


def adaptive(kind: str) -> Lowering:
    """A global pool where one pixel is left, else one by windows found at run time."""
    whole = {"avg": "GlobalAveragePool", "max": "GlobalMaxPool"}[kind]

    def lower(use: OpUse) -> Sequence[Step]:
        if use["size"] in (1, (1, 1)):
            return [added(whole)]
        return [helper(f"adaptive_{kind}_pool", listed(*use.two("size")))]

    return lower


def global_pool(op: str) -> Lowering:
    """A global pool, whose axes of length 1 are then dropped."""

    def lower(use: OpUse) -> Sequence[Step]:
        def value(values: Sequence[Doc], name: Name) -> Doc:
            return Call("global_pool", (NET, op, *values), (("name", name("")),))

        return [Function(value, ("",))]

    return lower

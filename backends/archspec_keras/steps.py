"""The steps of a lowered op: layers, calls, and the padding before them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archspec.ops import pair
from archspec.ops.base import four_sides
from archspec.source.expr import Expr
from archspec.source.functions import Name, Step
from archspec.source.outline import OpUse
from archspec.source.text import Call, Code, Display, Doc, flat


def layer(made: Call, suffix: str = "") -> Step:
    """A layer, called on the values; `suffix` is added to the op's name."""

    def step(values: Sequence[Doc], name: Name) -> Doc:
        named = Call(made.fn, made.args, (*made.kwargs, ("name", name(suffix))))
        read = values[0] if len(values) == 1 else Display(tuple(values))
        return Call(named, (read,))

    return step


def applied(fn: str, *args: Doc, **options: Doc) -> Step:
    """A function of a value, which has no name."""
    return lambda values, name: Call(fn, (values[0], *args), tuple(options.items()))


def indexed(index: str) -> Step:
    """A part of a value."""
    return lambda values, name: Code(f"{flat(values[0])}[{index}]")


def group(*items: Doc) -> Doc:
    """A tuple."""
    return Display(items, "()")


def unpadded(use: OpUse) -> bool:
    """Whether nothing is padded, whatever the arguments are."""
    padding = use["padding"]
    told = isinstance(padding, str | Expr)
    return not told and not any(map(any, four_sides(padding)))


def sides(padding: Any) -> Any:
    """Padding as four sides; an expression is the number of pixels on each."""
    if isinstance(padding, Expr):
        return ((padding, padding), (padding, padding))
    return four_sides(padding)


def padded(use: OpUse, extent: tuple[int, int]) -> tuple[list[Step], str]:
    """The layers that pad for a layer, and that layer's own `padding`.

    `extent` is what the kernel covers, in pixels.
    """
    padding: Any = use["padding"]
    stride: Any = use["stride"]
    if padding == "same" or unpadded(use):
        return [], "same" if padding == "same" else "valid"
    read = (padding, stride, use["dilation"], use["kernel"])
    if not any(isinstance(value, Expr) for value in read) and pair(stride) == (1, 1):
        axes = zip(four_sides(padding), extent, strict=True)
        if all(2 * low == 2 * high == covered - 1 for (low, high), covered in axes):
            return [], "same"  # TensorFlow's, at any size of the image
    return [zeros(padding, "pad")], "valid"


def zeros(padding: Any, suffix: str = "") -> Step:
    """Zeros around an image."""
    return layer(Call("layers.ZeroPadding2D", (sided(padding),)), suffix)


def sided(padding: Any) -> Doc:
    """Padding as Keras takes it, in the shortest form."""
    if isinstance(padding, Expr | int):
        return padding
    (top, bottom), (left, right) = four_sides(padding)
    if top == bottom == left == right:
        return top
    if (top, left) == (bottom, right):
        return (top, left)
    return ((top, bottom), (left, right))

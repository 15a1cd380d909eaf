"""What lowerings are made of: layers, functions of a value, and padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archspec.ops import pair
from archspec.ops.base import four_sides
from archspec.source.expr import Expr
from archspec.source.functions.dialect import Name, Step
from archspec.source.text import Call, Code, Display, Doc, flat


def layer(made: Call, suffix: str = "") -> Step:
    """A layer, called on the values; `suffix` is added to the op's name."""

    def step(values: Sequence[Doc], name: Name) -> Doc:
        named = Call(made.fn, made.args, (*made.kwargs, ("name", name(suffix))))
        return Call(named, (values[0] if len(values) == 1 else Display((*values,)),))

    return step


def applied(fn: str, *args: Doc, **options: Doc) -> Step:
    """A function of a value, which has no name."""
    return lambda values, name: Call(fn, (values[0], *args), (*options.items(),))


def indexed(index: str) -> Step:
    """A part of a value."""
    return lambda values, name: Code(f"{flat(values[0])}[{index}]")


def group(*items: Doc) -> Doc:
    """A tuple."""
    return Display(items, "()")


def pads(padding: Any) -> bool:
    """Whether padding by this may put something around an image."""
    told = isinstance(padding, str | Expr)
    return told or any(map(any, four_sides(padding)))


def twice(size: Any) -> Doc:
    """A height and a width, or both sides of an axis; an expression is for both."""
    return group(size, size) if isinstance(size, Expr) else pair(size)


def sides(padding: Any) -> tuple[Doc, Doc]:
    """Above and below, left and right; an expression is for each."""
    if isinstance(padding, Expr):
        return twice(padding), twice(padding)
    return four_sides(padding)

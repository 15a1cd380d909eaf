"""What lowerings are made of beside layers: functions of a value, and padding."""

from __future__ import annotations

from typing import Any

from archspec.ops import pair
from archspec.ops.base import four_sides
from archspec.source.expr import Expr
from archspec.source.functions.dialect import Function
from archspec.source.text import Call, Display, Doc


def applied(fn: str, *args: Doc, **options: Doc) -> Function:
    """A function of a value."""
    made = (*options.items(),)
    return Function(lambda values, name: Call(fn, (values[0], *args), made))


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

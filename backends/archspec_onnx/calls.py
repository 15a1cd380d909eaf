"""Calls that a printed file makes of its net, its functions and ONNX' nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archspec.source.expr import Arg, Expr
from archspec.source.functions.dialect import Function, Lowering, Name
from archspec.source.text import Call, Code, Display, Doc, Infix, call, flat

NET = Code("net")


def node(op: str, **attributes: Doc) -> Lowering:
    """One node, with attributes that are the same in all uses."""
    return lambda use: [added(op, **attributes)]


def added(op: str, **attributes: Doc) -> Function:
    """A node of what is read."""

    def value(values: Sequence[Doc], name: Name) -> Doc:
        named = (*attributes.items(), ("name", name("")))
        return Call("net", (op, *values), named)

    return Function(value, ("",))


def helper(fn: str, *args: Doc, **options: tuple[Doc, Any]) -> Function:
    """A function of the printed file, of the net, what is read, and more."""
    made = call(fn, *args, **options)

    def value(values: Sequence[Doc], name: Name) -> Doc:
        named = (*made.kwargs, ("name", name("")))
        return Call(fn, (NET, *values, *made.args), named)

    return Function(value, ("",))


def plain(fn: str) -> Lowering:
    """A function of the printed file that takes nothing else."""
    return lambda use: [helper(fn)]


def listed(*items: Doc) -> Doc:
    """A list; of equal expressions `[item] * number`."""
    same = {flat(item) for item in items}
    if len(same) == 1 and len(items) > 1 and isinstance(items[0], Expr):
        return Infix((Display((items[0],)), len(items)), ("*",))
    return Display(items)


def number(value: Arg) -> Doc:
    """A float, also where an integer is given."""
    return Call("float", (value,)) if isinstance(value, Expr) else float(str(value))

"""Toynet as a dialect of classes: what is printed for each op."""

from __future__ import annotations

from collections.abc import Sequence

from archspec.ops import BY_KIND, Op, Shape
from archspec.ops.normalization import LocalResponseNorm
from archspec.source.classes import Container, Dialect, Function
from archspec.source.outline import OpUse
from archspec.source.text import Call, Code, Infix, call, flat

LACKING = ("conv_transpose2d",)
JOINS = ("add", "subtract", "multiply", "concat")
RESERVED = frozenset(("append", "extend", "forward", "op", "put", "state"))
"""The attributes of toynet's modules."""


def stored(use: OpUse) -> bool:
    """Whether a layer has weights, and is told how many channels it reads."""
    (op, *_), (shapes, *_) = use.ops, use.shapes
    return bool(op.weights(*shapes) or op.buffers(*shapes))


def said(use: OpUse) -> Call:
    """A call without arguments but the attributes that are not the op's defaults."""
    kind = type(use.ops[0])
    given = {
        name: (use[name], None if field.is_required() else field.default)
        for name, field in kind.model_fields.items()
        if name != "init"
    }
    return call(f"toynet.{kind.__name__}", **given)


def layer(use: OpUse) -> Call:
    """The layer of an op."""
    made = said(use)
    return Call(made.fn, use.channels[:1] if stored(use) else (), made.kwargs)


def called(use: OpUse, x: Sequence[str]) -> Call:
    """A layer that is made and called at once, for an op without weights."""
    return Call(flat(said(use)), tuple(map(Code, x)))


def infix(symbol: str) -> Function:
    """An operator between all values that are read."""
    return lambda use, x: Infix(tuple(map(Code, x)), (symbol,) * (len(x) - 1))


def unsupported(op: Op, shapes: tuple[Shape, ...]) -> str | None:
    """Why toynet can't express an op exactly, or None."""
    if op.kind in LACKING:
        return f"toynet has no {op.kind}"
    if isinstance(op, LocalResponseNorm) and op.size % 2 == 0:
        return "a window of toynet's local_response_norm has a middle"
    return None


DIALECT = Dialect(
    backend="toy",
    modules={kind: layer for kind in BY_KIND if kind not in (*LACKING, *JOINS)},
    functions={
        "add": infix("+"),
        "subtract": infix("-"),
        "multiply": infix("*"),
        "concat": called,
        "resize": called,
        "relu": called,
    },
    imports={"toynet": "import toynet"},
    sized=stored,
    base="toynet.Module",
    tensor="toynet.Array",
    call="forward",
    sequential=Container("toynet.Sequential", unpacked=True),
    listing=Container("toynet.List"),
    member="toynet.Module",
    initialised=False,
)

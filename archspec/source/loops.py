"""A printed loop, the same for all that print Python."""

from __future__ import annotations

from collections.abc import Collection, Container, Sequence

from archspec.source.expr import Expr, names_of
from archspec.source.layout import assignment, layout
from archspec.source.outline import Line
from archspec.source.text import STEP, Call, Display, Doc, Each, flat


def turns(
    line: Line, body: Sequence[str], indent: int, read: Collection[str]
) -> list[str]:
    """The statements of a repeat around its body, which reads the names `read`."""
    made: list[str] = []
    for name, value in line.start.items():
        if flat(value) != name:
            made += assignment(name, value, indent)
    values = tuple(line.carried.values())
    header = each(line, set(read).union(*map(names_of, values)))
    made += [*layout(header, indent, trail=":"), *body]
    if values:
        new: Doc = values[0] if len(values) == 1 else Display(values, "")
        made += assignment(", ".join(line.carried), new, indent + STEP)
    return made


def each(line: Line, read: Container[str]) -> Each:
    """The `for` of a repeat; `read` are the names that what it repeats reads."""
    rows = {name: column for name, column in line.rows.items() if name in read}
    counts = line.index in read
    if not rows:
        return Each(line.index if counts else "_", Call("range", (line.count,)))
    columns, words = [*rows.values()], ", ".join(rows)
    table: Doc
    if len(columns) == 1 and isinstance(columns[0], Expr):
        table = columns[0]
    elif any(isinstance(column, Expr) for column in columns):
        docs = (c if isinstance(c, Expr) else Display(c, "()") for c in columns)
        table = Call("zip", tuple(docs), (("strict", True),))
    else:
        items = zip(*(c for c in columns if not isinstance(c, Expr)), strict=True)
        told = (i[0] if len(rows) == 1 else Display(i, "()") for i in items)
        table = Display(tuple(told), "()")
    if not counts:
        return Each(words, table)
    words = words if len(rows) == 1 else f"({words})"
    return Each(f"{line.index}, {words}", Call("enumerate", (table,)))

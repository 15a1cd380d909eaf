"""The header of a printed loop, the same for all that print Python."""

from __future__ import annotations

from collections.abc import Container

from archspec.source.outline import Line
from archspec.source.text import Call, Each


def each(line: Line, read: Container[str]) -> Each:
    """The `for` of a repeat; `read` are the names that what it repeats reads."""
    rows = {name: column for name, column in line.rows.items() if name in read}
    counts = line.index in read
    if not rows:
        return Each(line.index if counts else "_", Call("range", (line.count,)))
    if len(rows) == 1:
        (words,), (table,) = rows, rows.values()
    else:
        words, table = ", ".join(rows), tuple(zip(*rows.values(), strict=True))
    if not counts:
        return Each(words, table)
    words = words if len(rows) == 1 else f"({words})"
    return Each(f"{line.index}, {words}", Call("enumerate", (table,)))

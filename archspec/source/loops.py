"""The header of a printed loop, the same for all that print Python."""

from __future__ import annotations

from collections.abc import Container

from archspec.source.outline import Line
from archspec.source.text import Call, Each


def each(line: Line, read: Container[str]) -> Each:
    """The `for` of a repeat; `read` are the names that what it repeats reads."""
    index = line.index if line.index in read else "_"
    return Each(index, Call("range", (line.count,)))

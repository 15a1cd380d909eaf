"""What is under the cursor in a text that need not be YAML yet.

    graph:
      conv: {op: conv2d, pad|        ->  path graph.conv.pad, a key

A mark is put where the cursor is, and the text is read with it. Of several ways to go
on with the line, the first that is YAML as a whole counts, or that has the mark.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from archspec.errors import Location
from archspec.language.begun import begun
from archspec.language.reader import Map, Seq, locate

MARK = "\ue000"
"""A character for private use, which no spec has."""
TRIES = 4
"""Broken lines that are left out to read what is behind them."""
CLOSING = {"{": "}", "[": "]"}

Path = tuple[str | int, ...]


class Mark(NamedTuple):
    """Where the mark is: the path to a value, or to a key."""

    path: Path
    is_key: bool


@dataclass(frozen=True, slots=True)
class Spot:
    """What is under the cursor.

    Attributes:
        raw: the whole text, without the mark.
        path: the way to what is there.
        is_key: whether that is a key, not a value.
        before: its text up to the cursor.
        whole: all of its text.
        at: where it stands.
        alone: whether it is the first on its line, so that a value may become a key.
    """

    raw: Map
    path: Path
    is_key: bool
    before: str
    whole: str
    at: Location
    alone: bool

    def value(self, path: Path) -> Any:
        """What a path leads to; None for nothing."""
        found: Any = self.raw
        for step in path:
            try:
                found = found[step]
            except (LookupError, TypeError):
                return None
        return found


def spot(text: str, line: int, column: int, file: str = "") -> Spot | None:
    """What is at a place, line and column from 1; None in comments and the like."""
    lines = text.split("\n")
    if not 1 <= line <= len(lines):
        return None
    own = lines[line - 1].rstrip("\r")
    before, behind = own[: column - 1], own[column - 1 :]
    above = _above(lines[: line - 1], _indent(own))
    found: Spot | None = None
    for _ in range(TRIES):
        furthest = 0
        for attempt in _attempts(above, before, behind):
            lines[line - 1] = attempt
            raw, torn = begun("\n".join(lines), file)
            mark = _mark(raw) if isinstance(raw, Map) else None
            here = mark and _spot(raw, mark, line, before, behind)
            if here and torn is None:
                return here
            if here and (found is None or (torn or 0) > furthest):
                found = here
            furthest = max(furthest, torn or 0)
            if mark is None and torn is not None and torn < line:
                break  # however the line goes on
        if not 0 < furthest <= len(lines) or furthest == line:
            break
        if found and furthest < line and _indent(lines[furthest - 1]) < _indent(own):
            break  # it goes on to the cursor
        lines[furthest - 1] = ""
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _above(lines: list[str], indent: int) -> str:
    """The lines above that begin what goes on to a line with some indent."""
    start = len(lines)
    for number in range(len(lines) - 1, -1, -1):
        if lines[number].strip() and _indent(lines[number]) < indent:
            if not _open(lines[number]):
                break
            start, indent = number, _indent(lines[number])
    return "\n".join([*lines[start:], ""])


def _attempts(above: str, before: str, behind: str) -> Iterator[str]:
    """Ways to go on with a line; `above` are those in which it begins."""
    open_ = _open(above + before + behind)
    for mark in (MARK, f"{MARK}:"):
        yield before + mark + behind
        if open_:
            yield before + mark + behind + open_
    open_ = _open(above + before)
    yield before + MARK + open_
    yield before + MARK + ":" + open_


def _open(text: str) -> str:
    """What closes the quotes and brackets that a text opens."""
    waiting: list[str] = []
    quote = ""
    for column, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and text[:column].rstrip()[-1:] in (*":,[{-", ""):
            quote = sign
        elif sign in CLOSING:
            waiting.append(CLOSING[sign])
        elif waiting and sign == waiting[-1]:
            waiting.pop()
    return quote + "".join(reversed(waiting))


def _mark(raw: Any) -> Mark | None:
    """The first scalar that has the mark."""
    waiting: list[tuple[Path, Any]] = [((), raw)]
    while waiting:
        path, value = waiting.pop()
        items = value.items() if isinstance(value, Map) else enumerate(value)
        for key, item in items:
            if isinstance(key, str) and MARK in key:
                return Mark((*path, key), True)
            if isinstance(item, str) and MARK in item:
                return Mark((*path, key), False)
            if isinstance(item, Map | Seq):
                waiting.append(((*path, key), item))
    return None


def _spot(raw: Map, mark: Mark, line: int, before: str, behind: str) -> Spot | None:
    """The spot of a mark, which is taken out; None where it isn't on the line."""
    at = locate(raw, mark.path, key=mark.is_key)
    if at.line != line:
        return None
    *way, last = mark.path
    holder: Any = raw
    for step in way:
        holder = holder[step]
    text = str(last) if mark.is_key else holder[last]
    start, _, rest = text.partition(MARK)
    if len(rest) > len(behind):
        return None  # it has swallowed lines below
    whole = start + rest
    if mark.is_key:
        _rename(holder, str(last), whole)
        last = whole
    else:
        holder[last] = whole or None
    alone = not before[: at.column - 1].strip(" -")
    return Spot(raw, (*way, last), mark.is_key, start, whole, at, alone)


def _rename(holder: Map, old: str, new: str) -> None:
    """Gives a key another name at its place; none, if that is empty."""
    for held in (holder, holder.keys_at, holder.values_at):
        items = [*held.items()]
        held.clear()
        for key, value in items:
            if key != old:
                held.setdefault(key, value)
            elif new:
                held[new] = value

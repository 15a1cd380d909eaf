"""How an error looks: for a person, with its source line, and for a machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from archspec.errors import ArchspecError, Location, SpecWarning, plain
from archspec.files import read_regular

WIDTH = 100
BYTES = 2**20
TOKEN = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'""")
"""A quoted scalar; a plain one is ended by what END finds."""
END = re.compile(r"\s+#|:(?=\s|$)|\s*$")
FLOW_END = re.compile(r"\s+#|:(?=\s|$)|\s*$|\s*[,\]}]")
FOLDED = re.compile(r"[|>][-+0-9]*\s*(#.*)?$")


def singly(errors: Iterable[ArchspecError]) -> list[ArchspecError]:
    """Every error on its own, none twice."""
    found: dict[str, ArchspecError] = {}
    for error in errors:
        found.update((f"{part.code} {part}", part) for part in error.errors)
    return list(found.values())


def render(error: ArchspecError, text: str | None = None) -> str:
    """An error as text: place, message, code, the line underlined, what to do, the way.

    Several lines without a last newline; no control character of a spec gets through.
    `text` is the source, where it is no file.
    """
    kind = "warning" if isinstance(error, SpecWarning) else "error"
    place = f"{plain(str(error.at))}: " if error.at else ""
    lines = [f"{place}{kind}: {error.message} [{error.code}]"]
    if error.at is not None:
        line = line_of(error.at) if text is None else _split(text)[error.at.line - 1]
        lines += _excerpt(error.at, line)
    if error.hint:
        lines.append(f"    hint: {error.hint}")
    lines += [f"    {note}" for note in error.notes]
    return "\n".join(map(_printable, lines))


def facts(error: ArchspecError) -> Mapping[str, object]:
    """The same as data; `end_column` is the first column after what is wrong."""
    at = error.at
    return {
        "code": error.code,
        "severity": "warning" if isinstance(error, SpecWarning) else "error",
        "message": error.message,
        "hint": error.hint,
        "notes": list(error.notes),
        "file": at.file if at else None,
        "line": at.line if at else None,
        "column": at.column if at else None,
        "end_column": at.column + length(at, line_of(at)) if at else None,
    }


def length(at: Location, line: str) -> int:
    """How many characters of its line a place is about, at least one."""
    return at.length or max(1, span(line, at.column))


def line_of(at: Location) -> str:
    """The source line of a place; empty where there is none to be read."""
    lines = _lines(at.file)
    return lines[at.line - 1] if at.line <= len(lines) else ""


def span(line: str, column: int) -> int:
    """How many characters of a line, from a column on, are one key or one value."""
    rest = line[column - 1 :]
    if not rest.strip():
        return 0
    if quoted := TOKEN.match(rest):
        return quoted.end()
    if rest[0] in "[{":
        return _bracketed(rest)
    if FOLDED.match(rest):
        return 1
    before = re.sub(TOKEN, lambda found: "_" * len(found[0]), line[: column - 1])
    inside = sum(map(before.count, "[{")) > sum(map(before.count, "]}"))
    found = (FLOW_END if inside else END).search(rest)
    return max(1, found.start() if found else len(rest))


def _bracketed(text: str) -> int:
    depth = 0
    for part in re.finditer(rf"{TOKEN.pattern}|[\[\]{{}}]", text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(part[0], 0)
        if depth == 0:
            return part.end()
    return len(text.rstrip())


def _excerpt(at: Location, line: str) -> list[str]:
    """The source line with what is wrong underlined."""
    if not line.strip():
        return []
    start = max(0, min(at.column - 1 - WIDTH // 2, len(line) - WIDTH))
    shown = line[start : start + WIDTH].rstrip()
    left = at.column - 1 - start
    marks = "^" * max(1, min(length(at, line), len(shown) - left))
    number = str(at.line)
    return [
        f"  {number} | {'...' if start else ''}{shown}",
        f"  {' ' * len(number)} | {' ' * (left + (3 if start else 0))}{marks}",
    ]


def _lines(file: str) -> tuple[str, ...]:
    try:
        path = Path(file).resolve()
        found = path.stat()
        return _read(path, found.st_mtime_ns, found.st_size)
    except (OSError, ValueError):
        return ()


@lru_cache(maxsize=8)
def _read(path: Path, changed: int, size: int) -> tuple[str, ...]:
    """The lines of a file, read anew when it has changed."""
    return _split(read_regular(path, BYTES).decode("utf-8-sig", "replace"))


def _split(text: str) -> tuple[str, ...]:
    # As YAML counts lines; Python's splitlines knows more ends than that.
    return tuple(re.split("\r\n|\r|\n|\x85|\u2028|\u2029", text))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " if c == "\t" else "�" for c in text)

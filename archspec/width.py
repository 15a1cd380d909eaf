"""Tables and texts that fit into a number of columns.

    >>> columns = Column("layer"), Column("output", short=shape), Column("MACs", rank=1)
    >>> rows = [("layer1.0.conv1", "64 x 56 x 56", "115,605,504")]
    >>> print(*table(columns, rows).lines, sep="\\n")
    layer           output        MACs
    layer1.0.conv1  64 x 56 x 56  115,605,504
    >>> print(*table(columns, rows, 37).lines, sep="\\n")
    layer           output    MACs
    layer1.0.conv1  64x56x56  115,605,504
    >>> table(columns, rows, 30).left_out
    ['MACs']

A row is one line, so that `grep` finds all of it. What has no room is written shorter,
then whole columns are left out; a name is never cut, its row then is longer.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from textwrap import wrap

PIPE = 80
"""What fits where nobody says how much room there is."""
LEAST = 40
GAP = "  "
UNITS = ("", "K", "M", "G", "T", "P", "E")


def count(text: str) -> str:
    """A number in four characters or five: `25,557,032` as `25.6M`."""
    if not text:
        return ""
    whole = int(text.replace(",", ""))
    if whole < 10_000:
        return str(whole)
    power, amount = 0, float(whole)
    # 999,950 is 1.00M, not 1000K.
    while amount >= 999.5 and power < len(UNITS) - 1:
        amount /= 1000
        power += 1
    digits = 2 if amount < 9.995 else 1 if amount < 99.95 else 0
    return f"{amount:.{digits}f}{UNITS[power]}"


def shape(text: str) -> str:
    """`64 x 56 x 56` as `64x56x56`."""
    return text.replace(" x ", "x")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        heading: its first line.
        right: whether its cells stand at the right, as numbers do.
        short: what writes a cell shorter; columns of one function do so together.
        rank: 0 stays; of the others the highest is left out first.
        least: its text may be cut to so many characters; 0 where it is a name.
    """

    heading: str
    right: bool = False
    short: Callable[[str], str] | None = None
    rank: int = 0
    least: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """A table as text: its lines, and the headings of what is left out."""

    lines: list[str]
    left_out: list[str] = field(default_factory=list)


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int | None = None
) -> Table:
    """Rows of cells in lines of `width` characters at most; None is any number."""
    heads = [column.heading for column in columns]
    texts = [[*cells] for cells in zip(heads, *rows, strict=True)]
    kept = [*range(len(columns))]

    def over() -> int:
        """How many characters there are too many."""
        if width is None:
            return 0
        longest = sum(max(map(len, texts[n])) for n in kept)
        return longest + len(GAP) * (len(kept) - 1) - width

    for short in dict.fromkeys(column.short for column in columns):
        if short is not None and over() > 0:
            for n, column in enumerate(columns):
                if column.short is short:
                    texts[n][1:] = map(short, texts[n][1:])
    ranked = sorted(range(len(columns)), key=lambda n: -columns[n].rank)
    spare = [n for n in ranked if columns[n].rank]
    while over() > 0 and not _cut(columns, texts, kept, over()) and spare:
        kept.remove(spare.pop(0))
    widths = {n: max(map(len, texts[n])) for n in kept}
    if over() > 0:  # a row with a long name is longer, the others are in line
        widths[0] = max(len(heads[0]), widths[0] - over())
    lines = [
        GAP.join(
            texts[n][row].rjust(widths[n])
            if columns[n].right
            else texts[n][row].ljust(widths[n])
            for n in kept
        ).rstrip()
        for row in range(len(texts[0]))
    ]
    return Table(lines, [heads[n] for n in range(len(columns)) if n not in kept])


def _cut(
    columns: Sequence[Column], texts: list[list[str]], kept: list[int], over: int
) -> bool:
    """Cuts the text of one column, if that is enough."""
    for n in kept:
        room = max(map(len, texts[n])) - over
        if columns[n].least and room >= max(columns[n].least, len(columns[n].heading)):
            texts[n][1:] = (cut(text, room) for text in texts[n][1:])
            return True
    return False


def cut(text: str, width: int) -> str:
    """A text, or its beginning with an ellipsis."""
    return text if len(text) <= width else text[: width - 3].rstrip(" ,;") + "..."


def hung(text: str, width: int | None, indent: str = "  ") -> list[str]:
    """A text in lines, of which all but the first are indented; no word is broken."""
    if width is None or len(text) <= width:
        return [text]
    return wrap(
        text,
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def room() -> int:
    """Columns of standard output: a terminal's, those that COLUMNS says, or 80."""
    if os.environ.get("COLUMNS") or sys.stdout.isatty():
        return max(LEAST, shutil.get_terminal_size((PIPE, 24)).columns)
    return PIPE


def read_by_a_person() -> int | None:
    """As `room` on a terminal; None in a pipe, where a line of prose stays whole."""
    return room() if sys.stdout.isatty() else None

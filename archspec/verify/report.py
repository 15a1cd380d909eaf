"""What `verify` says: a table for people, a record for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from archspec.verify.bisection import Finding
from archspec.verify.comparison import Row
from archspec.verify.proof import NO_FAILURES, Proof
from archspec.verify.setting import Setting
from archspec.width import Column, table

LEAST = {"check": 11, "where": 8, "verdict": 9}
"""Columns that may be narrower than what they hold, and how narrow: as their words."""
NARROW = 80
"""Columns of a terminal; with fewer the table has no room."""
MISSING = "not available"
INNER = ("exact", "chance", "unrounded", "printed")
"""What of a setting is the layers' own, and differs from row to row."""
STYLES = {"pass": "green", **dict.fromkeys(NO_FAILURES, "dim")}
COLUMNS = (
    Column("check"),
    Column("backend"),
    Column("error", rank=1),
    Column("floor", rank=3),
    Column("limit", rank=2),
    Column("where"),
    Column("verdict"),
)
HEADER = tuple(column.heading for column in COLUMNS)


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """A proof with what it is about.

    Attributes:
        name: of the net.
        setting: what was built.
        reference: the backend that the others are compared with.
        proof: what was found; None when there is none.
        notes: what was changed, or why there is no proof.
        shape: the inputs' shapes.
    """

    name: str
    setting: Setting
    reference: str
    proof: Proof | None
    notes: tuple[str, ...] = ()
    shape: str = ""

    def __repr__(self) -> str:
        return self.plain()

    @property
    def passed(self) -> bool:
        """Whether all was compared and found equal."""
        return self.proof is not None and self.proof.passed

    def facts(self) -> dict[str, Any]:
        """As JSON holds it; an infinite error is null there."""
        proof = self.proof
        return {
            "name": self.name,
            **{k: v for k, v in self.setting.facts().items() if k not in INNER},
            "reference": self.reference,
            "passed": self.passed,
            "rows": [_finite(asdict(row)) for row in proof.rows] if proof else [],
            "first_differing": {
                key: _finite(asdict(found)) if isinstance(found, Finding) else found
                for key, found in (proof.findings if proof else ())
            },
            "notes": [*self.notes, *(proof.notes if proof else ())],
        }

    def title(self) -> str:
        """One line: the net, its input, the precision, the reference."""
        return (
            f"{self.name} {self.shape}, {self.setting.dtype}, seed "
            f"{self.setting.seed}, against {self.reference}"
        )

    def cells(self) -> list[tuple[str, ...]]:
        """The table's rows, without a header.

        A backend that isn't there at all has none: a line below says so.
        """
        rows = self.proof.rows if self.proof else ()
        there = {row.target for row in rows if row.verdict != MISSING}
        return [cells(row) for row in rows if row.target in there]

    def lines(self) -> list[str]:
        """What is said below the table."""
        proof = self.proof
        found = [
            f"{key}: {item.text if isinstance(item, Finding) else item}"
            for key, item in (proof.findings if proof else ())
        ]
        wrong = [
            f"{row.at}: {row.check} on {row.target}: {row.where!r} differs"
            for row in (proof.rows if proof else ())
            if row.verdict == "FAIL" and row.at
        ]
        shaky = [
            f"{row.check} on {row.target}: ill-conditioned: other last bits alone make "
            f"{row.floor:.1e}, which hides a fault"
            for row in (proof.rows if proof else ())
            if row.verdict == "ill-conditioned"
        ]
        missing = dict.fromkeys(
            f"{row.target}: {MISSING}: {row.reason}"
            for row in (proof.rows if proof else ())
            if row.reason
        )
        notes = [f"note: {text}" for text in (proof.notes if proof else ())]
        return [*self.notes, *missing, *found, *wrong, *shaky, *notes]

    def plain(self, width: int | None = None) -> str:
        """The table as text, for a pipe, in lines of so many characters."""
        made = table(COLUMNS, self.cells(), width).lines
        lines = made[1:] and made
        return "\n".join([self.title(), *lines, *self.lines()]) + "\n"

    def rich(self) -> Any:
        """The table for a terminal of NARROW columns or more."""
        from rich.box import SIMPLE_HEAD
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(title=self.title(), title_justify="left", box=SIMPLE_HEAD)
        table.padding, table.show_edge = (0, 1, 0, 0), False
        for name in HEADER:
            right = name in ("error", "floor", "limit")
            table.add_column(
                name,
                justify="right" if right else "left",
                # A name is never cut: what has no room goes on in the next line.
                no_wrap=name not in LEAST,
                min_width=LEAST.get(name),
                overflow="fold",
            )
        for *row, outcome in self.cells():
            style = STYLES.get(outcome, "bold red")
            table.add_row(*map(Text, row), Text(outcome, style))
        parts = [table] if table.row_count else [Text(self.title())]
        return Group(*parts, *map(Text, self.lines()))


def cells(row: Row) -> tuple[str, ...]:
    """A row as text."""
    return (
        row.check,
        row.target,
        number(row.error),
        number(row.floor),
        number(row.limit),
        row.where,
        row.verdict,
    )


def number(value: float | None) -> str:
    """An error as `1.2e-15`, and what is not there as a dash."""
    return "-" if value is None else f"{value:.1e}"


def summary(reports: Sequence[Report]) -> str:
    """How many nets passed, and which did not."""
    failed = [f"{r.name} ({r.setting.dtype})" for r in reports if not r.passed]
    if not failed:
        return f"{len(reports)} comparisons, all equal"
    return f"{len(failed)} of {len(reports)} not shown equal: {', '.join(failed)}"


def interrupted(reports: Sequence[Report], total: int) -> str:
    """Which comparisons passed, and which did not, when the others weren't made."""
    lines = [f"interrupted after {len(reports)} of {total} comparisons"]
    for title, wanted in (("passed", True), ("not shown equal", False)):
        names = [
            f"{report.name} ({report.setting.dtype})"
            for report in reports
            if report.passed == wanted
        ]
        lines += [f"{title}: {', '.join(names)}"] if names else []
    return "\n".join(lines)


def _finite(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not isfinite(value) else value
        for key, value in facts.items()
    }

"""Bit for bit: each backend alone against the definitions of the ops.

The net runs with weights and images on which floats round nothing (see `dyadic`), so
that nothing but the definition's own bits passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archspec.errors import ArchspecError
from archspec.graph import Graph
from archspec.passes.stand_ins import stand_ins
from archspec.verify.bisection import Finding, search
from archspec.verify.comparison import Check, Limits, Row, distances
from archspec.verify.dyadic import Dyadic
from archspec.verify.process import NotAvailable, Session
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting
from archspec.verify.target import Target
from archspec.verify.task import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHECK = Check("exact values", "exact", "exact", "exact")
SMALL = (64, 64)
"""Height and width that show all of a net: an image of more adds time alone."""


class Zero(Limits):
    """Nothing is allowed."""

    def __init__(self) -> None:
        pass

    def at(self, value: str) -> float:
        """No error at all."""
        return 0.0


class Definitions:
    """A session that gives what the definitions of the ops give."""

    def __init__(self, numbers: Dyadic) -> None:
        self.numbers = numbers

    def ask(self, task: Task) -> Mapping[str, NDArray[Any]]:
        """The value of a probe's node."""
        return {"probe/": self.numbers.values[task.node]}

    def close(self) -> None:
        """There is nothing to close."""


def exact(setting: Setting) -> Setting:
    """The setting of the exact comparison: a small image, if the net takes one."""
    made = replace(setting, exact=True)
    heights = [s[1] for s in made.graph().inputs.values() if len(s) == 3]
    if setting.size is None and max(heights, default=0) > SMALL[0]:
        smaller = replace(made, size=SMALL)
        with suppress(ArchspecError):
            smaller.graph()
            return smaller
    return made


def prove(
    setting: Setting,
    targets: Sequence[Target],
    open_session: Callable[[Setting, Target], Session],
    note: Callable[[str], None],
) -> Proof:
    """A row for each target, the first node that differs, and what is not shown.

    Args:
        setting: of the net; see `exact`.
        targets: each is compared by itself.
        open_session: starts a target; raises NotAvailable.
        note: told what goes on.
    """
    note(f"the definitions, {setting.dtype}: computing")
    graph = setting.graph()
    numbers = Dyadic(graph, setting.seed, setting.dtype)
    rows, findings = [], []
    for target in targets:
        key = f"{target}, {setting.dtype}"
        note(f"{key}: comparing bits")
        try:
            session = open_session(setting, target)
        except NotAvailable as error:
            rows.append(_missing(setting, target, str(error)))
            continue
        try:
            row, found = _row(setting, target, numbers, session)
        except NotAvailable as error:
            row, found = _missing(setting, target, str(error)), None
        finally:
            session.close()
        rows.append(row)
        if found is not None:
            findings.append((key, found))
    return Proof(tuple(rows), tuple(findings), tuple(_notes(setting, numbers)))


def _missing(setting: Setting, target: Target, reason: str) -> Row:
    verdict = "not available"
    return Row(setting.dtype, CHECK.title, str(target), verdict, reason=reason)


def _row(
    setting: Setting, target: Target, numbers: Dyadic, session: Session
) -> tuple[Row, Finding | str | None]:
    compared = numbers.compared()
    if not compared:
        return _missing(setting, target, "no value of this net is exact"), None
    wanted = {f"exact/{name}": numbers.values[name] for name in compared}
    errors = distances(session.ask(Task("exact")), wanted, "exact")
    wrong = next((name for name in compared if errors[name]), None)
    worst = wrong or compared[-1]
    row = Row(
        setting.dtype,
        CHECK.title,
        str(target),
        "FAIL" if wrong else "pass",
        max(errors.values()),
        worst,
        _place(numbers.graph, worst),
        limit=0.0,
    )
    if wrong is None:
        return row, None
    one = Definitions(numbers)
    return row, search(numbers.graph, CHECK, Zero(), wrong, one, session)


def _place(graph: Graph, name: str) -> str:
    return next((str(node.at) for node in graph.nodes if node.name == name), "")


def _notes(setting: Setting, numbers: Dyadic) -> list[str]:
    """What the row doesn't show: what was replaced, and what can't be exact."""
    notes = []
    kinds = Counter(stand_ins(replace(setting, exact=False).graph())[1].values())
    if kinds:
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        notes.append(
            f"exact values: other ops stand in for {told}, which are never exact"
        )
    loose = len(numbers.loose)
    if loose:
        first = next(iter(numbers.loose))
        count = len(numbers.graph.nodes)
        notes.append(
            f"exact values: {loose} of {count} nodes are not compared, from {first!r} "
            f"on: {numbers.loose[first]}"
        )
    return notes

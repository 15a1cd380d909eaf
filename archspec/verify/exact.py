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
from archspec.passes.stand_ins import stand_ins
from archspec.verify.bisection import Finding, finding
from archspec.verify.comparison import Row, distances
from archspec.verify.dyadic import Dyadic
from archspec.verify.process import NotAvailable, Session
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting
from archspec.verify.target import Target
from archspec.verify.task import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHECKS = {"nodes": "every value, bit for bit", "ends": "the whole, bit for bit"}
"""Parts of the answer: each value of a net that gives them all, and of the net as it is
printed those at its ends."""
SMALL = (64, 64)
"""Height and width that show all of a net: an image of more adds time alone."""


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
    numbers = Dyadic(setting.graph(), setting.seed, setting.dtype)
    rows: list[Row] = []
    findings: dict[str, Finding | str] = {}
    for target in targets:
        key = f"{target}, {setting.dtype}"
        note(f"{key}: comparing bits")
        try:
            session = open_session(setting, target)
            try:
                made = session.ask(Task("exact"))
            finally:
                session.close()
        except NotAvailable as error:
            rows += _missing(setting, target, str(error))
            continue
        if not made:
            rows += _missing(setting, target, "no value of this net is exact")
            continue
        for part in CHECKS:
            row, found = _row(setting, target, numbers, made, part)
            rows.append(row)
            if found is not None:
                findings.setdefault(key, found)  # a node says more than the whole
    notes = tuple(_notes(setting, numbers))
    return Proof(tuple(rows), tuple(findings.items()), notes)


def _missing(setting: Setting, target: Target, reason: str) -> list[Row]:
    verdict = "not available"
    return [Row(setting.dtype, CHECKS["nodes"], str(target), verdict, reason=reason)]


def _row(
    setting: Setting,
    target: Target,
    numbers: Dyadic,
    made: Mapping[str, NDArray[Any]],
    part: str,
) -> tuple[Row, Finding | str | None]:
    names = numbers.digests() if part == "nodes" else numbers.ends()
    wanted = {f"{part}/{name}": numbers.values[name] for name in names}
    errors = distances(made, wanted, part)
    nodes = {node.name: node for node in numbers.graph.nodes}
    wrong = [node for node in nodes.values() if errors.get(node.name)]
    node = wrong[0] if wrong else nodes[[*names][-1]]
    row = Row(
        setting.dtype,
        CHECKS[part],
        str(target),
        "FAIL" if wrong else "pass",
        max(errors.values()),
        node.name,
        str(node.at),
        limit=0.0,
    )
    if not wrong:
        return row, None
    if part == "ends":
        return row, "every value agrees alone: the fault is in how the whole is printed"
    return row, finding(node, errors[node.name])


def _notes(setting: Setting, numbers: Dyadic) -> list[str]:
    """What the row doesn't show: what was replaced, and what can't be exact."""
    notes = []
    kinds = Counter(stand_ins(replace(setting, exact=False).graph())[1].values())
    if kinds:
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        notes.append(
            f"bit for bit: other ops stand in for {told}, which are never exact"
        )
    loose = len(numbers.loose)
    if loose:
        first = next(iter(numbers.loose))
        count = len(numbers.graph.nodes)
        notes.append(
            f"bit for bit: {loose} of {count} nodes are not compared, from {first!r} "
            f"on: {numbers.loose[first]}"
        )
    return notes

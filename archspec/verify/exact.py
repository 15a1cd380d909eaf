"""Bit for bit: each backend alone against the definitions of the ops.

The net runs with weights and images on which floats round nothing (see `dyadic`), so
that nothing but the definition's own bits passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any

from archspec.errors import ArchspecError
from archspec.graph import Node
from archspec.passes.stand_ins import stand_ins
from archspec.verify.bisection import Finding, finding
from archspec.verify.certificate import Certificate, root
from archspec.verify.comparison import NOT_EXACT, Curve, Row, distances
from archspec.verify.dyadic import Dyadic, digest
from archspec.verify.process import NotAvailable, Telling
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting
from archspec.verify.target import Target
from archspec.verify.task import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHECKS = {"nodes": "every value, bit for bit", "ends": "the whole, bit for bit"}
"""Parts of the answer: each value of a net that gives them all, and of the net as it is
printed those at its ends."""
CERTIFIED = {"nodes": "every value, as certified", "ends": "the whole, as certified"}
DEFINITIONS = "the definitions, as certified"
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
    open_session: Callable[[Setting, Target], Telling],
    note: Callable[[str], None],
    certificate: Certificate | None = None,
) -> Proof:
    """Rows for each target, the first node that differs, and what is not shown.

    Args:
        setting: of the net; see `exact`.
        targets: each is compared by itself.
        open_session: starts a target; raises NotAvailable.
        note: told what goes on.
        certificate: whose values are wanted, in place of those that are found here.

    Raises:
        ArchspecError: the certificate is of another net or of other numbers.
    """
    note(f"the definitions, {setting.dtype}: computing")
    if certificate is not None:
        certificate.refuse(setting)
    numbers = Dyadic(setting.graph(), setting.seed, setting.dtype)
    digests = numbers.digests()
    found = root((name, numbers.values[name]) for name in digests)
    wanted = Wanted(setting, numbers, CHECKS, digests, found)
    rows: list[Row] = []
    findings: dict[str, Finding | str] = {}
    ran: list[dict[str, Any]] = []
    curves: list[Curve] = []
    if certificate is not None:
        certificate.refuse_numbers(numbers)
        digests, titles = certificate.digests(), CERTIFIED
        wanted = Wanted(setting, numbers, titles, digests, certificate.root)
        rows.append(wanted.own_row(found))
    for target in targets:
        key = f"{target}, {setting.dtype}"
        note(f"{key}: comparing bits")
        try:
            session = open_session(setting, target)
            try:
                made = session.ask(Task("exact"))
                about = session.about()
            finally:
                session.close()
        except NotAvailable as error:
            rows += _missing(setting, target, str(error))
            continue
        if not digests:
            title = CHECKS["nodes"]
            rows.append(Row(setting.dtype, title, str(target), NOT_EXACT))
            continue
        parts = {name.partition("/")[0] for name in made}
        for part in filter(parts.__contains__, CHECKS):
            errors = wanted.errors(made, part)
            row, told = wanted.row(target, errors, part)
            rows.append(row)
            if part == "nodes":
                limits = dict.fromkeys(errors, 0.0)
                names = (row.dtype, row.check, row.target)
                curves.append(Curve(*names, errors, limits=limits))
            if told is not None:
                findings.setdefault(key, told)  # a node says more than the whole
        nodes = ((name, made[f"nodes/{name}"]) for name in digests)
        ran.append({"target": str(target), **about, "root": root(nodes)})
    notes = tuple(_notes(setting, numbers))
    about_all = tuple(ran), tuple(curves)
    return Proof(tuple(rows), tuple(findings.items()), notes, *about_all)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a net has to give.

    Attributes:
        setting, numbers: the net, and what it computes by the definitions.
        titles: of the rows, by part.
        digests: how the hash of each value begins.
        root: of all hashes.
    """

    setting: Setting
    numbers: Dyadic
    titles: Mapping[str, str]
    digests: Mapping[str, str]
    root: str

    def errors(self, made: Mapping[str, NDArray[Any]], part: str) -> dict[str, float]:
        """How far values are from what they must be; 0 is the very bits."""
        names = self.digests if part == "nodes" else self.numbers.ends()
        values = {f"{part}/{name}": self.numbers.values[name] for name in names}
        errors = distances(made, values, part)
        for name in names:
            if not errors[name] and not self._same(name, made[f"{part}/{name}"]):
                errors[name] = inf
        return errors

    def row(
        self, target: Target, errors: Mapping[str, float], part: str
    ) -> tuple[Row, Finding | str | None]:
        """How far a target's values are, and the first that differs."""
        row = self._row(str(target), part, errors)
        if row.verdict == "pass":
            return row, None
        if part == "ends":
            told = "every value agrees alone: the fault is in how the whole is printed"
            return row, told
        node = self._nodes()[row.where]
        return row, finding(node, errors[node.name])

    def own_row(self, found: str) -> Row:
        """Whether the definitions give here what was certified; `found` is the root."""
        values = self.numbers.values
        errors = {n: 0.0 if self._same(n, values[n]) else inf for n in self.digests}
        if found != self.root and not any(errors.values()):
            errors[next(reversed(errors))] = inf
        return self._row("numpy", DEFINITIONS, errors)

    def _row(self, target: str, part: str, errors: Mapping[str, float]) -> Row:
        nodes = self._nodes()
        wrong = [name for name in nodes if errors.get(name)]
        node = nodes[wrong[0] if wrong else [*errors][-1]]
        return Row(
            self.setting.dtype,
            self.titles.get(part, part),
            target,
            "FAIL" if wrong else "pass",
            max(errors.values()),
            node.name,
            str(node.at),
            limit=0.0,
        )

    def _same(self, name: str, value: NDArray[Any]) -> bool:
        return digest(value).startswith(self.digests[name])

    def _nodes(self) -> dict[str, Node]:
        return {node.name: node for node in self.numbers.graph.nodes}


def _missing(setting: Setting, target: Target, reason: str) -> list[Row]:
    verdict = "not available"
    return [Row(setting.dtype, CHECKS["nodes"], str(target), verdict, reason=reason)]


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

"""The comparison of a net on several backends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archspec.backend import trains
from archspec.graph import Graph
from archspec.ops.normalization import BatchNorm
from archspec.verify.bisection import Finding, search
from archspec.verify.comparison import (
    CHECKS,
    FORWARD_ONLY,
    NOT_EXACT,
    SINGLE_ONLY,
    Check,
    Curve,
    Row,
    distances,
    limit,
    verdict,
)
from archspec.verify.process import NotAvailable, Session
from archspec.verify.target import FLOOR, Target
from archspec.verify.task import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Result = Mapping[str, NDArray[Any]] | str
    """Arrays, or why there are none."""

Open = Callable[[Target], Session]
Note = Callable[[str], None]
TASKS = {"float32": ("single",), "float64": ("eval", "train")}
"""Gradients are compared in float64 only: in float32 rounding hides what matters."""
NO_FAILURES = (FORWARD_ONLY, NOT_EXACT, SINGLE_ONLY)
"""Verdicts on what a backend doesn't set out to do."""
DOING = {"single": "evaluating", "eval": "evaluating"}


@dataclass(frozen=True, slots=True)
class Proof:
    """What a comparison found.

    Attributes:
        rows: one for each check and backend.
        findings: for a backend that differs, the first node that does.
        notes: what is different by definition, and what rounds.
        ran: of each backend whose bits were looked at, what it ran on: its versions,
            device and threads, and the root of the hashes that it gave.
        curves: of checks that compare node by node, how far each is off.
    """

    rows: tuple[Row, ...]
    findings: tuple[tuple[str, Finding | str], ...]
    notes: tuple[str, ...]
    ran: tuple[Mapping[str, Any], ...] = ()
    curves: tuple[Curve, ...] = ()

    def joined(self, other: Proof) -> Proof:
        """Both, this one first."""
        return Proof(
            self.rows + other.rows,
            self.findings + other.findings,
            self.notes + other.notes,
            self.ran + other.ran,
            self.curves + other.curves,
        )

    @property
    def passed(self) -> bool:
        """Whether every row is a pass, but for what a backend doesn't set out to do."""
        verdicts = {row.verdict for row in self.rows}
        return "pass" in verdicts and verdicts <= {"pass", *NO_FAILURES}


class Prover:
    """Runs a net on every target and compares with the first one.

    Args:
        graph: the net, without chance.
        targets: what is compared; the first is the reference.
        dtype: `float32` or `float64`.
        open_session: starts a target; raises NotAvailable.
        note: told what goes on.
        training: whether the checks in training mode are run, in float64.
        tasks: what is compared, if not the usual; the first target trains then.
        floor: targets that say how far is as good as equal.
        rounds: asked how far that is in all, where more is found than they say.
    """

    def __init__(
        self,
        graph: Graph,
        targets: Sequence[Target],
        dtype: str,
        open_session: Open,
        note: Note,
        *,
        training: bool = True,
        tasks: Sequence[str] | None = None,
        floor: Sequence[Target] = FLOOR,
        rounds: Callable[[], float] | None = None,
    ) -> None:
        self.graph = graph
        self.targets = targets
        self.dtype = dtype
        self.open = open_session
        self.note = note
        training = training and dtype == "float64"
        compared = targets[1:] if tasks else targets
        self.untrained = [t for t in compared if training and not trains(t.found())]
        training = training and targets[0] not in self.untrained
        usual = TASKS[dtype] if training else TASKS[dtype][:1]
        self.tasks = tasks or usual
        self.floor = floor
        self.rounds = rounds
        self.results: dict[tuple[Target, str], Result] = {}
        self.findings: dict[str, Finding | str] = {}
        self.curves: list[Curve] = []

    def prove(self) -> Proof:
        """Every row, and the node behind each difference."""
        for target in dict.fromkeys((*self.targets, *self.floor)):
            self._run(target)
        checks = [c for c in CHECKS if c.task in self.tasks and self._has(c)]
        rows = [row for check in checks for row in self._rows(check)]
        rows += [
            Row(self.dtype, "training", str(t), FORWARD_ONLY) for t in self.untrained
        ]
        found = tuple(self.findings.items())
        return Proof(tuple(rows), found, self._notes(), (), tuple(self.curves))

    def _has(self, check: Check) -> bool:
        """Whether a net has what a check compares."""
        graph = self.graph
        own = {"taps": graph.taps, "weights": graph.parameters()}
        own["statistics"] = graph.buffers()
        return check.part not in own or bool(own[check.part])

    def _run(self, target: Target) -> None:
        try:
            self.note(f"{target}, {self.dtype}: starting")
            session = self.open(target)
        except NotAvailable as error:
            for kind in self.tasks:
                self.results[target, kind] = str(error)
            return
        try:
            for kind in self.tasks:
                if kind not in DOING and target in self.untrained:
                    continue
                self.note(f"{target}, {self.dtype}: {DOING.get(kind, 'training')}")
                try:
                    self.results[target, kind] = session.ask(Task(kind))
                except NotAvailable as error:
                    self.results[target, kind] = str(error)
        finally:
            session.close()

    def _rows(self, check: Check) -> list[Row]:
        reference, *others = self.targets
        wanted = self.results[reference, check.task]
        if check.task not in DOING:
            others = [t for t in others if t not in self.untrained]
        if isinstance(wanted, str):
            return [
                self._missing(check, reference, wanted),
                *(self._missing(check, t, f"{reference} has none") for t in others),
            ]
        floors = self._floors(check)
        return [self._row(check, target, wanted, floors) for target in others]

    def _floors(self, check: Check) -> dict[str, float]:
        """By the names of what is compared; nothing where there is no floor."""
        if not self.floor:
            return {}
        one, other = (self.results[target, check.task] for target in self.floor)
        if isinstance(one, str) or isinstance(other, str):
            return {}
        return distances(other, one, check.part, against_largest=check.against_largest)

    def _missing(self, check: Check, target: Target, reason: str) -> Row:
        return Row(self.dtype, check.title, str(target), "not available", reason=reason)

    def _row(
        self,
        check: Check,
        target: Target,
        wanted: Mapping[str, NDArray[Any]],
        floors: Mapping[str, float],
    ) -> Row:
        found = self.results[target, check.task]
        if isinstance(found, str):
            return self._missing(check, target, found)
        errors = distances(
            found, wanted, check.part, against_largest=check.against_largest
        )
        if not errors:
            return self._missing(check, target, "there is nothing to compare")
        floor = max(floors.values(), default=None)
        most = limit(self.dtype, check.least, floor)
        worst = max(errors, key=lambda name: errors[name])
        error = errors[worst]
        if error > most and self.rounds is not None:
            floor = max(floor or 0.0, self.rounds())
            most = limit(self.dtype, check.least, floor)
        self._keep(check, target, errors, floors, most)
        outcome = verdict(error, most, floor, self.dtype)
        value = self._value(check, worst)
        where = value if check.part in VALUES else worst
        at = self._place(check, worst)
        if outcome == "FAIL" and check.part != "statistics":
            ends = (value,) if check.part in VALUES else self.graph.outputs.values()
            self._search(check, target, most, dict.fromkeys(ends))
            node = self.findings.get(f"{target}, {self.dtype}")
            if check.backward:  # a parameter is never at fault
                where, at = (
                    (node.node, node.at) if isinstance(node, Finding) else (where, "")
                )
        return Row(
            self.dtype,
            check.title,
            str(target),
            outcome,
            error,
            where,
            at,
            floor,
            most,
        )

    def _keep(
        self,
        check: Check,
        target: Target,
        errors: Mapping[str, float],
        floors: Mapping[str, float],
        most: float,
    ) -> None:
        """The curve of a check; of what a node has several of the worst."""
        if check.part in ("outputs", "initial", "training"):  # at the net's end alone
            return
        worst: list[dict[str, float]] = [{}, {}]
        for kept, given in zip(worst, (errors, floors), strict=True):
            for name, value in given.items():
                node = self._value(check, name)
                kept[node] = max(kept.get(node, 0.0), value)
        limits = dict.fromkeys(worst[0], most)
        found, floor = worst
        names = (self.dtype, check.title, str(target))
        self.curves.append(Curve(*names, found, floor, limits))

    def _value(self, check: Check, name: str) -> str:
        """The node behind the name of an output, a tap or a parameter."""
        if check.part == "taps":
            return self.graph.taps.get(name, name)
        if check.part in VALUES:
            return self.graph.outputs.get(name, name)
        return name.rpartition(".")[0]

    def _place(self, check: Check, name: str) -> str:
        value = self._value(check, name)
        return next((str(n.at) for n in self.graph.nodes if n.name == value), "")

    def _search(
        self, check: Check, target: Target, limit: float, ends: Iterable[str]
    ) -> None:
        key = f"{target}, {self.dtype}"
        if isinstance(self.findings.get(key), Finding):
            return
        self.note(f"{key}: looking for the node")
        try:
            one = self.open(self.targets[0])
        except NotAvailable as error:
            self.findings[key] = str(error)
            return
        try:
            other = self.open(target)
            try:
                for value in ends:
                    found = search(self.graph, check, limit, value, one, other)
                    if isinstance(found, Finding):
                        break
            finally:
                other.close()
        except NotAvailable as error:
            found = str(error)
        finally:
            one.close()
        self.findings[key] = found

    def _notes(self) -> tuple[str, ...]:
        """What a reader of the rows has to know."""
        notes = []
        own = any(
            isinstance(node.op, BatchNorm) and node.op.running_var is None
            for node in self.graph.nodes
        )
        trained = [t for t in self.targets if t not in self.untrained]
        trained = trained if own and "train" in self.tasks else []
        kinds = {str(t): t.found().running_var for t in trained}
        if len(set(kinds.values())) > 1:
            each = ", ".join(f"{kind} on {target}" for target, kind in kinds.items())
            notes.append(
                f"the running variance is {each}: their new parts are compared as the "
                "exact factor n / (n - 1), for n values in a channel"
            )
        return tuple(notes)


VALUES = ("initial", "outputs", "taps", "training")
"""Parts that are outputs of nodes: a difference there is searched for."""

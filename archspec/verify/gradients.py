"""Every gradient of the whole net, bit for bit: each backend alone.

The net runs backwards on exact data (see `backward`), in evaluation mode, from its last
exact values to each parameter and each input. Where a gradient takes too many bits, or
is 0 throughout and shows nothing, the net that ends nearer to it has another one.

A gradient that differs is no fault of the parameter: of the nets that end at a node the
smallest one is looked for whose gradients differ, and that node is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archspec.backend import trains
from archspec.verify.backward import Backward
from archspec.verify.bisection import Finding, Search, finding
from archspec.verify.comparison import FORWARD_ONLY, Row, distances
from archspec.verify.data import against
from archspec.verify.dyadic import Dyadic
from archspec.verify.process import NotAvailable, Session
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting
from archspec.verify.target import Target
from archspec.verify.task import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHECK = "every gradient, bit for bit"
Ends = tuple[str, ...]
"""Where a net ends; () is where its last exact values are."""
WHOLE = Task("slopes", weights="exact")
"""What every backend is asked first."""
PARTS = 12
"""So many nets that end before the whole are run for what it doesn't show."""


class Slopes:
    """What the gradients of a net are, and of the nets that end before.

    Args:
        numbers: its exact data, in float64.

    Attributes:
        parts: by where the net ends, its gradients: at the last exact values of the
            whole, (), and at others, so that all is shown that can be.
        shown: parameters and inputs that have a gradient other than 0 in one of them.
        hidden: why others have none.
    """

    def __init__(self, numbers: Dyadic) -> None:
        self.numbers = numbers
        self.parts: dict[Ends, Mapping[str, NDArray[Any]]] = {}
        self.shown: set[str] = set()
        self.hidden: dict[str, str] = {}
        for ends in self._ends():
            made = self._backward(ends)
            new = {k for k, v in made.gradients.items() if v.any()} - self.shown
            if new or not self.parts:
                self.parts[ends] = made.gradients
            self.shown |= new
            self.hidden |= made.loose
        for leaf, node in self._owners().items():
            self.hidden.setdefault(leaf, numbers.loose.get(node, "it is 0"))
        for leaf in self.shown:
            self.hidden.pop(leaf, None)

    def of(self, ends: Ends) -> Mapping[str, NDArray[Any]]:
        """The gradients of the net that ends at some nodes."""
        return self.parts.get(ends) or self._backward(ends).gradients

    def _backward(self, ends: Ends) -> Backward:
        graph, seed = self.numbers.graph, self.numbers.seed
        ends = ends or self.numbers.ends()
        return Backward(self.numbers, {end: against(graph, seed, end) for end in ends})

    def _owners(self) -> dict[str, str]:
        """The node of each parameter, and the last one that reads each input."""
        graph = self.numbers.graph
        found = {name: name.rpartition(".")[0] for name in graph.parameters()}
        for node in graph.nodes:
            found |= {name: node.name for name in node.inputs if name in graph.inputs}
        return found

    def _ends(self) -> Iterator[Ends]:
        """The whole; all nodes whose gradients are 0 in it; the last of those left."""
        yield ()
        nodes = [node.name for node in self.numbers.graph.nodes]
        owners = self._owners()
        tried = set(self.numbers.loose)
        for number in range(PARTS):
            left = [leaf for leaf in owners if leaf not in self.shown]
            if number == 0:
                left = [leaf for leaf in left if leaf not in self.hidden]
            ends = {owners[leaf] for leaf in left} - tried
            last = tuple([name for name in nodes if name in ends])
            if number > 0:
                last = last[-1:]
                tried.update(last)
            if last:
                yield last


def prove(
    setting: Setting,
    targets: Sequence[Target],
    open_session: Callable[[Setting, Target], Session],
    note: Callable[[str], None],
) -> Proof:
    """A row for each target, the first node whose gradients differ, what is not shown.

    Args:
        setting: of the net, exact and in float64; see `exact.exact`.
        targets: each is compared by itself; one without gradients is forward only.
        open_session: starts a target; raises NotAvailable.
        note: told what goes on.
    """
    note("gradients by the definitions: computing")
    slopes = Slopes(Dyadic(setting.graph(), setting.seed, setting.dtype))
    if not slopes.shown:
        return Proof((), (), tuple(_notes(slopes)))
    rows: list[Row] = []
    findings: dict[str, Finding | str] = {}
    for target in targets:
        key = f"{target}, {setting.dtype}"
        if not trains(target.found()):
            rows.append(Row(setting.dtype, CHECK, str(target), FORWARD_ONLY))
            continue
        note(f"{key}: comparing gradients")
        try:
            session = open_session(setting, target)
            try:
                row, found = _row(setting, target, slopes, session)
            finally:
                session.close()
        except NotAvailable as error:
            row, found = _missing(setting, target, str(error)), None
        rows.append(row)
        if found is not None:
            findings[key] = found
    return Proof(tuple(rows), tuple(findings.items()), tuple(_notes(slopes)))


def _missing(setting: Setting, target: Target, reason: str) -> Row:
    return Row(setting.dtype, CHECK, str(target), "not available", reason=reason)


def _row(
    setting: Setting, target: Target, slopes: Slopes, session: Session
) -> tuple[Row, Finding | str | None]:
    nodes = slopes.numbers.graph.nodes
    search = Search(
        slopes.numbers.graph,
        lambda name: _apart(slopes, session, (name,)),
        lambda name: 0.0,
    )
    errors = {ends: _apart(slopes, session, ends) for ends in slopes.parts}
    last = (slopes.numbers.ends() or [*slopes.parts][-1])[-1]
    at = next(str(node.at) for node in nodes if node.name == last)
    worst, on = max(errors.values()), str(target)
    row = Row(setting.dtype, CHECK, on, "pass", worst, last, at, limit=0.0)
    if not worst:
        return row, None
    wrong = [end for ends in errors for end in ends if errors[ends]]
    wrong += slopes.numbers.ends()
    first = next(filter(None, map(search.first, wrong)), None)
    if first is None:
        text = "every node's gradients agree: the fault is in how the whole is printed"
        return replace(row, verdict="FAIL"), text
    node, error = first
    failed = replace(row, verdict="FAIL", where=node.name, at=str(node.at))
    return failed, finding(node, error, gradients=True)


def _apart(slopes: Slopes, session: Session, ends: Ends) -> float:
    """How far gradients are off, of the net that ends at some nodes."""
    wanted = {f"slopes/{leaf}": v for leaf, v in slopes.of(ends).items()}
    if not wanted:
        return 0.0
    made = session.ask(replace(WHOLE, nodes=ends))
    found = {leaf: made[leaf] for leaf in wanted if leaf in made}
    return max(distances(found, wanted, "slopes").values())


def _notes(slopes: Slopes) -> list[str]:
    """What the rows don't show."""
    if not slopes.hidden:
        return []
    count = len(slopes.hidden) + len(slopes.shown)
    first, reason = next(iter(slopes.hidden.items()))
    return [
        f"gradients, bit for bit: {len(slopes.hidden)} of {count} are not compared, as "
        f"that of {first!r}: {reason}"
    ]

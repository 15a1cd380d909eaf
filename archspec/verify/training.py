"""Batch norms in training, bit for bit: each different one of a net, alone.

One step on batches whose mean and variance are exact (see `moments`): the output, the
gradients of input, weight and bias, and both running statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archspec.backend import trains
from archspec.verify.bisection import Finding
from archspec.verify.comparison import FORWARD_ONLY, Row, distances
from archspec.verify.moments import Batch, batches
from archspec.verify.process import NotAvailable, Session, asked
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting
from archspec.verify.target import Target
from archspec.verify.task import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHECK = "batch norms in training, bit for bit"
STATISTICS = ("running_mean", "running_var")
LAST = 2.0**-51
"""Of a running variance that is unbiased: n / (n - 1) takes all the bits there are."""
RUNNING = 1e-15
"""Of statistics that PyTorch adds up in a running pass (`torch.var_mean`), as it does
where the spec asks for a biased variance."""
ONE_PASS = 1e-14
"""Where the variance is the mean of the squares less the square of the mean."""


def prove(
    setting: Setting,
    targets: Sequence[Target],
    open_session: Callable[[Setting, Target], Session],
    note: Callable[[str], None],
) -> Proof:
    """A row for each target where a net has a batch norm, and none elsewhere.

    Args:
        setting: of the net.
        targets: each is compared by itself; one that doesn't train is forward only.
        open_session: starts a target; raises NotAvailable.
        note: told what goes on.
    """
    graph = setting.graph()
    found = batches(graph)
    if not found:
        return Proof((), (), ())
    places = {node.name: str(node.at) for node in graph.nodes}
    rows: list[Row] = []
    findings: dict[str, Finding | str] = {}
    for target in targets:
        key = f"{target}, {setting.dtype}"
        if not trains(target.found()):
            rows.append(Row(setting.dtype, CHECK, str(target), FORWARD_ONLY))
            continue
        note(f"{key}: training batch norms")
        try:
            made = asked(open_session(setting, target), Task("moments"))
        except NotAvailable as error:
            reason = str(error)
            rows.append(
                Row(setting.dtype, CHECK, str(target), "not available", reason=reason)
            )
            continue
        row, fault = _row(setting, target, found, places, made)
        rows.append(row)
        if fault is not None:
            findings[key] = fault
    return Proof(tuple(rows), tuple(findings.items()), tuple(_notes(found, targets)))


def _row(
    setting: Setting,
    target: Target,
    found: Sequence[Batch],
    places: Mapping[str, str],
    made: Mapping[str, NDArray[Any]],
) -> tuple[Row, Finding | None]:
    errors = {
        (batch, part): error
        for number, batch in enumerate(found)
        for part, error in _errors(setting, target, batch, number, made).items()
    }
    allowed = {(batch, part): _allowed(target, batch, part) for batch, part in errors}
    wrong = [key for key in errors if errors[key] > allowed[key]]
    batch, part = worst = wrong[0] if wrong else max(errors, key=errors.__getitem__)
    error, limit, at = errors[worst], allowed[worst], places[batch.node]
    verdict = "FAIL" if wrong else "pass"
    dtype, on = setting.dtype, str(target)
    row = Row(dtype, CHECK, on, verdict, error, batch.node, at, limit=limit)
    if not wrong:
        return row, None
    kind = batch.op.kind
    told = f"{at}: {batch.node!r} ({kind}): in training the {part} is off by "
    return row, Finding(batch.node, kind, at, error, f"{told}{error:.1e}")


def _errors(
    setting: Setting,
    target: Target,
    batch: Batch,
    number: int,
    made: Mapping[str, NDArray[Any]],
) -> dict[str, float]:
    """How far each part of an answer is off; 0 is to the last bit."""
    running_var = target.found().running_var
    wanted = batch.wanted(setting.seed, setting.dtype, running_var)
    named = {f"{number}/{part}": array for part, array in wanted.items()}
    own = {name: made[name] for name in made if name.startswith(f"{number}/")}
    return distances(own, named, str(number))


def _allowed(target: Target, batch: Batch, part: str) -> float:
    """How far a part may be off, for what rounds whatever the numbers are."""
    if str(target) == "keras:torch":
        return ONE_PASS
    asked = batch.op.running_var
    if asked == "biased" and target.backend == "torch" and part in STATISTICS:
        return RUNNING
    kept = asked or target.found().running_var
    return LAST if (kept, part) == ("unbiased", "running_var") else 0.0


def _notes(found: Sequence[Batch], targets: Sequence[Target]) -> list[str]:
    """What is allowed beside the last bit, and why."""
    told = {
        ONE_PASS: "the variance is computed in one pass",
        RUNNING: "a biased variance is computed in a running pass",
    }
    return [
        f"batch norms in training on {target}: {told[limit]}, which rounds: allowed "
        f"are {limit:.0e}"
        for target in targets
        for limit in {_allowed(target, b, part) for b in found for part in STATISTICS}
        if limit in told
    ]

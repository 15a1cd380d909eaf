"""The printed file's own initial weights: each parameter as the spec says it starts.

A file that archspec prints starts its weights in the framework's words, which nothing
else runs. Its models are made, many for small nets, and their weights are compared with
the distributions of the spec: constants exactly; of all others the bounds, the mean and
the variance within six standard deviations, and Kolmogorov's distance, sqrt(n) times
the largest difference of the distribution functions, below 3.4. So much is exceeded by
chance once in 1e9. Parameters of one distribution are looked at together, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspec.graph import Graph
from archspec.verify.bisection import Finding
from archspec.verify.comparison import Row
from archspec.verify.laws import Law, laws
from archspec.verify.process import NotAvailable, Session, asked
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting
from archspec.verify.starts import ENOUGH
from archspec.verify.target import Target
from archspec.verify.task import Task

Array = NDArray[Any]
CHECK = "initial weights of the file"
SIGMAS, DISTANCE = 6.0, 3.4
"""Limits of a mean and a variance, and of Kolmogorov's distance."""
NEAR = 1e-6
"""Relative; a bound is rounded to single precision, and so is what is drawn."""


def prove(
    setting: Setting,
    targets: Sequence[Target],
    open_session: Callable[[Setting, Target], Session],
    note: Callable[[str], None],
) -> Proof:
    """A row for each target whose files say how weights start.

    The error is that of the worst parameter over its limit, so 1 is the limit.
    """
    graph = setting.graph()
    if not graph.parameters():
        return Proof((), (), ())
    rows: list[Row] = []
    findings: dict[str, Finding | str] = {}
    notes: dict[str, None] = {}
    for target in targets:
        if not target.found().initialises:
            notes[f"{target}: printed files don't say how weights start"] = None
            continue
        note(f"{target}: drawing initial weights")
        try:
            made = asked(open_session(setting, target), Task("starts"))
            drawn = {n.partition("/")[2]: made[n] for n in made}
        except NotAvailable as error:
            told, reason = "not available", str(error)
            rows.append(Row(setting.dtype, CHECK, str(target), told, reason=reason))
            continue
        row, finding = _row(setting, graph, target, drawn)
        rows.append(row)
        if finding is not None:
            findings.setdefault(f"{target}, {setting.dtype}", finding)
        notes.update(dict.fromkeys(_notes(graph, target, drawn)))
    return Proof(tuple(rows), tuple(findings.items()), tuple(notes))


@dataclass(frozen=True, slots=True)
class Misfit:
    """How far values are from their distribution, over the limit, and a sentence."""

    error: float
    text: str


def _row(
    setting: Setting, graph: Graph, target: Target, drawn: Mapping[str, Array]
) -> tuple[Row, Finding | None]:
    places = {
        f"{node.name}.{name}": node
        for node, shapes in graph.located()
        for name in (*node.op.weights(*shapes), *node.op.buffers(*shapes))
    }
    misfits = dict(_misfits(graph, drawn))
    wrong = [name for name in places if misfits[name].error > 1]
    where = wrong[0] if wrong else max(misfits, key=lambda name: misfits[name].error)
    node, worst = places[where], misfits[where]
    row = Row(
        setting.dtype,
        CHECK,
        str(target),
        "FAIL" if wrong else "pass",
        worst.error,
        where,
        str(node.at),
        limit=1.0,
    )
    if not wrong:
        return row, None
    text = f"{node.at}: {where!r} starts wrong in the printed file: {worst.text}"
    if len(wrong) > 1:
        text += f"; and {len(wrong) - 1} more parameters"
    return row, Finding(node.name, node.op.kind, str(node.at), worst.error, text)


def _misfits(graph: Graph, drawn: Mapping[str, Array]) -> Iterator[tuple[str, Misfit]]:
    """That of each parameter, alone or together with those of the same law."""
    alike: dict[Law, list[str]] = defaultdict(list)
    twins = _twins(drawn)
    for name, law in laws(graph).items():
        if law.kind != "constant":
            alike[law].append(name)
            continue
        values, value = drawn[name], np.float32(law.mean)
        other = values[values != value]
        found = inf if other.size else 0.0
        told = f"{other[0]:g} in place of {law.mean:g}" if other.size else ""
        yield name, Misfit(found, told)
    for law, names in alike.items():
        together = np.concatenate([drawn[name] for name in names])
        whole = misfit(law, together)
        for name in names:
            own = misfit(law, drawn[name])
            if name in twins:
                own = Misfit(inf, f"the very numbers of {twins[name]!r}")
            # Of many that are wrong together, none may be alone: then the worst is.
            yield name, max(own, whole, key=lambda found: found.error)


def _twins(drawn: Mapping[str, Array]) -> dict[str, str]:
    """Parameters with the numbers of another, which are not all the same."""
    seen: dict[bytes, str] = {}
    found = {}
    for name, values in drawn.items():
        if values.size > 1 and (values != values[0]).any():
            first = seen.setdefault(values.tobytes(), name)
            if first != name:
                found[name] = first
    return found


def misfit(law: Law, values: Array) -> Misfit:
    """How far values are from a distribution that is no constant."""
    x = np.sort(values.astype(np.float64))
    n, (mean, variance, fourth) = len(x), law.moments
    if not np.isfinite(x).all():
        return Misfit(inf, "values that are not finite")
    room = NEAR * max(abs(law.low), abs(law.high)) if law.kind == "uniform" else NEAR
    if x[0] < law.low - room or x[-1] > law.high + room:
        told = f"values from {x[0]:g} to {x[-1]:g} leave [{law.low:g}, {law.high:g}]"
        return Misfit(inf, told)
    share, steps = law.below(x), np.arange(n + 1) / n
    apart = max(np.abs(share - steps[1:]).max(), np.abs(share - steps[:-1]).max())
    off_mean = abs(x.mean() - mean) / sqrt(variance / n)
    # The variance of few values is far from normal; then it says less.
    off_variance = abs(x.var() / variance - 1) / sqrt((fourth - 1) / n + 8 / n**1.5)
    error = max(
        float(apart) * sqrt(n) / DISTANCE, off_mean / SIGMAS, off_variance / SIGMAS
    )
    told = (
        f"of {n} values the mean is {x.mean():.4g}, not {mean:.4g}, the deviation "
        f"{x.std():.4g}, not {sqrt(variance):.4g} (a {law.kind} distribution)"
    )
    return Misfit(float(error), told)


def _notes(graph: Graph, target: Target, drawn: Mapping[str, Array]) -> Iterator[str]:
    """Which distributions had few draws, and what a few can't show."""
    counts: dict[Law, int] = defaultdict(int)
    for name, law in laws(graph).items():
        if law.kind != "constant":
            counts[law] += drawn[name].size
    few = [count for count in counts.values() if count < ENOUGH]
    if few:
        shown = SIGMAS * sqrt(2 / min(few))
        yield (
            f"initial weights: {len(few)} of {len(counts)} distributions had fewer "
            f"than {ENOUGH:,} draws on {target}, the least {min(few):,}: a variance "
            f"that is off by less than {shown:.0%} is not seen there"
        )

"""What is random is shown to be so: each op of chance alone, and all in the whole.

Alone an op runs at its own rate on thousands of values, none of them 0. In evaluation
it gives them as they are. In training out / in is 0 or 1 / (1 - rate) and nothing else;
as many are 0 as the rate says, within six standard deviations; a drop_path keeps or
drops an image whole; neighbours don't go together along any axis; the gradient is the
cotangent times the same ratio; and two calls differ.

In the whole net every op of chance is looked at where it stands: what it gives over
what it read. Every other value is what its op makes of what it read, by the definition,
so that nothing is dropped where the spec doesn't say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import log, log1p, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspec.backend import trains
from archspec.graph import Graph, Node
from archspec.ops import Op
from archspec.reference import compute
from archspec.verify.bisection import Finding
from archspec.verify.comparison import FORWARD_ONLY, Row
from archspec.verify.data import Arrays, Data
from archspec.verify.dice import CALLS, MANY, Toss, differing, tosses
from archspec.verify.process import NotAvailable, Session, asked
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting
from archspec.verify.target import Target
from archspec.verify.task import Task

Array = NDArray[Any]
Answer = Mapping[str, Array]

TASKS = {
    "dice": "what is dropped, each op alone",
    "thrown": "what is dropped in the whole",
}
SIGMAS = 6.0
UNLIKELY = 1e-9
"""Beyond six standard deviations, of a normal distribution."""
FEW = 100
"""Pairs; of so few the number isn't normally distributed."""
SCALE = {"float32": 4e-7, "float64": 1e-12}
"""How far a ratio may be off 1 / (1 - rate)."""
DROPPED = 1e-5
"""An op that is off by this, of the largest value around, drops something."""
SAME = 1e-9
"""The probability of calls that drop the same, below which they don't."""
NOTE = (
    "chance on {}: that the net as it is printed drops anything is not shown: its "
    "outputs are the same for most of what is dropped"
)


def prove(
    setting: Setting,
    targets: Sequence[Target],
    open_session: Callable[[Setting, Target], Session],
    note: Callable[[str], None],
) -> Proof:
    """Two rows for each target, where a net has an op of chance, and none elsewhere.

    Args:
        setting: of the net, with its chance.
        targets: each is compared by itself; one that doesn't train is forward only.
        open_session: starts a target; raises NotAvailable.
        note: told what goes on.
    """
    graph = setting.graph()
    if not tosses(graph):
        return Proof((), (), ())
    judge = Judge(setting.data())
    notes: dict[str, None] = {}
    rows: list[Row] = []
    findings: dict[str, Finding | str] = {}
    for target in targets:
        key = f"{target}, {setting.dtype}"
        if not trains(target.found()):
            rows += [_row(setting, check, target, FORWARD_ONLY) for check in TASKS]
            continue
        note(f"{key}: throwing dice")
        for task in TASKS:
            try:
                made = asked(open_session(setting, target), Task(task))
                fault = judge.fault(task, made)
                if task == "thrown" and not judge.shown(made):
                    notes[NOTE.format(target)] = None
            except NotAvailable as error:
                rows.append(
                    _row(setting, task, target, "not available", reason=str(error))
                )
                continue
            if fault is None:
                rows.append(_row(setting, task, target, "pass"))
                continue
            node, text = fault
            rows.append(
                _row(setting, task, target, "FAIL", where=node.name, at=str(node.at))
            )
            told = f"{node.at}: {node.name!r} ({node.op.kind}): {text}"
            found = Finding(node.name, node.op.kind, str(node.at), 1.0, told)
            findings.setdefault(key, found)
    return Proof(tuple(rows), tuple(findings.items()), tuple(notes))


def _row(setting: Setting, task: str, target: Target, verdict: str, **more: str) -> Row:
    return Row(setting.dtype, TASKS[task], str(target), verdict, **more)  # type: ignore[arg-type]  # words


class Judge:
    """What is wrong with answers of a net; see `dice` for what they hold."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.graph = data.graph
        self.nodes = {node.name: node for node in data.graph.nodes}
        self.scale = SCALE[data.dtype]
        self.stored = _stored(data.graph, data.weights("conditioned"))

    def fault(self, task: str, made: Answer) -> tuple[Node, str] | None:
        """The first node with a fault, and what it is; None if there is none."""
        kind = self._alone if task == "dice" else self._whole
        return next(kind(made), None)

    def _alone(self, made: Answer) -> Iterator[tuple[Node, str]]:
        for number, toss in enumerate(tosses(self.graph)):
            given, against = toss.numbers(self.data.seed)
            answer = {
                name.removeprefix(f"{number}/"): array
                for name, array in made.items()
                if name.startswith(f"{number}/")
            }
            for text in self._faults(toss, given["x0"], against[""], answer):
                yield self.nodes[toss.node], text

    def _faults(
        self, toss: Toss, x: Array, against: Array, made: Answer
    ) -> Iterator[str]:
        if not np.array_equal(made["still"], x):
            yield "in evaluation it doesn't give what it reads"
        yield from self._scaled(toss.op, x, made["first"])
        yield from _independent(toss, made["first"] != 0)
        yield from _counted(toss.op, x, made["first"])
        wanted = against * made["first"] / x
        if np.abs(made["slope"] - wanted).max() > self.scale * np.abs(wanted).max():
            yield "its gradient drops other values, or scales them otherwise"
        thrown = len(x) if toss.whole else x.size
        if _alike(toss.rate, thrown, 2) < log(SAME) and np.array_equal(
            made["first"], made["second"]
        ):
            yield "two calls drop the same"

    def _scaled(self, op: Op, x: Array, y: Array) -> Iterator[str]:
        """What is wrong with what is kept, whatever is 0 in the input."""
        factor = 1 / (1 - _rate(op))
        seen, kept = x != 0, y != 0
        if (kept & ~seen).any():
            yield "it gives something for 0"
        found = y[kept & seen] / x[kept & seen]
        if found.size and np.abs(found - factor).max() > self.scale * factor:
            middle = np.median(found)
            yield f"what it keeps is scaled by {middle:.6g}, not by {factor:.6g}"

    def _whole(self, made: Answer) -> Iterator[tuple[Node, str]]:
        for call in CALLS:
            yield from self._together(call, made)
        last = self.nodes[[*self.graph.outputs.values()][-1]]
        for name, value in self.graph.outputs.items():
            if differing(made[f"still/{name}"], made[f"never/{name}"]).any():
                node = self.nodes.get(value, last)
                yield node, "the net as it is printed drops in evaluation"
        if self.shown(made) and not any(
            differing(made[f"once/{name}"], made[f"again/{name}"]).any()
            for name in self.graph.outputs
        ):
            yield last, "the net as it is printed drops nothing, or always the same"

    def shown(self, made: Answer) -> bool:
        """Whether the outputs show what is dropped, of each image, in so many calls."""
        if _same(self.graph, self.data.images()):
            return False
        other = [
            _flat(differing(made[f"first/{value}"], made[f"second/{value}"])).any(1)
            for value in self.graph.outputs.values()
        ]
        return bool(np.any(other, axis=0).all())

    def _together(self, call: str, made: Answer) -> Iterator[tuple[Node, str]]:
        """Each node by what it read of the same call."""
        values = dict(self.data.images())
        values |= {name: made[f"{call}/{name}"] for name in self.nodes}
        for node in self.nodes.values():
            read, found = [values[name] for name in node.inputs], values[node.name]
            if node.op.chance and not node.op.passes_through():
                told = (self._scaled, _counted)
                yield from (
                    (node, t) for part in told for t in part(node.op, read[0], found)
                )
                continue
            stored = self.stored[node.name]
            training = not node.op.chance
            wanted = compute(node.op, *read, stored=stored, training=training)
            if wanted.shape != found.shape or _off(found, wanted, read) > DROPPED:
                yield node, "it drops, or gives something else in training"


def _stored(graph: Graph, weights: Arrays) -> dict[str, Arrays]:
    """Weights by node and by name in its op."""
    return {
        node.name: {
            name: weights[f"{node.name}.{name}"]
            for name in (*node.op.weights(*shapes), *node.op.buffers(*shapes))
        }
        for node, shapes in graph.located()
    }


def _off(found: Array, wanted: Array, read: Sequence[Array]) -> float:
    """How far a value is off, beside it and what it was computed from."""
    largest = max(float(np.abs(x).max(initial=0)) for x in (wanted, *read)) or 1.0
    return float(np.abs(found - wanted).max(initial=0)) / largest


def _rate(op: Op) -> float:
    assert op.chance is not None
    return float(getattr(op, op.chance))


def _counted(op: Op, x: Array, y: Array) -> Iterator[str]:
    """Whether as much is dropped as the rate says, and images whole, if so."""
    seen, kept = _flat(x != 0), _flat((x != 0) & (y != 0))
    count, left = int(seen.sum()), int(kept.sum())
    if op.kind == "drop_path":
        if (kept.any(1) & (kept != seen).any(1)).any():
            yield "it drops images in part"
        count, left = int(seen.any(1).sum()), int(kept.any(1).sum())
    drops = count - left
    if not _likely(drops, count, _rate(op)):
        yield f"it drops {drops} of {count}, at a rate of {_rate(op):g}"


def _independent(toss: Toss, kept: Array) -> Iterator[str]:
    """Whether values are kept each for itself, or images."""
    flat = _flat(kept)
    part = flat.any(1) & ~flat.all(1)
    shown = 1 - toss.rate ** flat.shape[1] - (1 - toss.rate) ** flat.shape[1]
    if not toss.whole and shown > 0.5 and not part.any():
        yield "it drops images whole"
        return
    rare = (flat[:, :1] if toss.whole else kept) == (toss.rate >= 0.5)
    rate = min(toss.rate, 1 - toss.rate)
    for axis in range(rare.ndim):
        moved = np.moveaxis(rare, axis, 0)
        both, count = int((moved[1:] & moved[:-1]).sum()), moved[1:].size
        off = moved - rate
        alike = float((off[1:] * off[:-1]).sum()) / (rate * (1 - rate))
        few = count * rate**2 < FEW
        if count and not (
            _likely(both, count, rate**2) if few else abs(alike) <= SIGMAS * sqrt(count)
        ):
            yield f"what it drops goes together along axis {axis}"


def _likely(drops: int, count: int, rate: float) -> bool:
    """Whether so many of a number are dropped, or others as unlikely, by chance."""
    numbers = np.arange(count)
    steps = np.log((count - numbers) / (numbers + 1) * rate / (1 - rate))
    shares = np.exp(count * log1p(-rate) + np.concatenate([[0.0], np.cumsum(steps)]))
    tails = shares[: drops + 1].sum(), shares[drops:].sum()
    return bool(min(tails) > UNLIKELY)


def _same(graph: Graph, images: Arrays) -> bool:
    """Whether all calls of a net may drop the same."""
    count = len(next(iter(images.values())))
    total = 0.0
    for node in graph.nodes:
        if node.op.chance and not node.op.passes_through():
            each = 1 if node.op.kind == "drop_path" else int(np.prod(node.shape))
            total += _alike(_rate(node.op), count * each, MANY)
    return total >= log(SAME)


def _alike(rate: float, count: int, calls: int) -> float:
    """The logarithm of the probability that calls drop the same of a number."""
    return count * log(rate**calls + (1 - rate) ** calls)


def _flat(values: Array) -> Array:
    return values.reshape(len(values), -1)

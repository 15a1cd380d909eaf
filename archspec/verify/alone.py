"""Each op by its definition: every distinct op of a net alone, over all its range.

    'act' (relu6): of 7.0 it gives 7.0, by definition 6.0

The process of a backend answers for all cases at once (`archspec.verify.trial`); what
it should have given is computed here, from the same seed (`archspec.verify.expected`)
and held to the limits of its kind (`archspec.verify.limits`). An error that an op
raises is that op's failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from textwrap import indent
from typing import TYPE_CHECKING, Any

from archspec.backend import trains
from archspec.graph import Graph
from archspec.reference import FUNCTIONS
from archspec.verify.bisection import Finding
from archspec.verify.cases import Case, cases
from archspec.verify.comparison import FORWARD_ONLY, Curve, Row
from archspec.verify.expected import Difference, Expected
from archspec.verify.grids import numbers
from archspec.verify.native import EXACT, Native, allowance, modelled
from archspec.verify.process import NotAvailable, Session, asked
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting
from archspec.verify.target import Target
from archspec.verify.task import Task
from archspec.verify.trial import FAILED, REFUSED, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Answer = dict[str, NDArray[Any]]

FORWARD, BACKWARD = "each op by its definition", "each op's gradients"
FEW = 30
"""An image of no more numbers is written out."""


def prove(
    setting: Setting,
    targets: Sequence[Target],
    open_session: Callable[[Setting, Target], Session],
    note: Callable[[str], None],
) -> Proof:
    """Two rows for each target, a finding for each op that fails, what isn't shown.

    Args:
        setting: of the net, in float64.
        targets: each is compared by itself.
        open_session: starts a target; raises NotAvailable.
        note: told what goes on.
    """
    judge = Judge(setting)
    proof = Proof((), (), tuple(_undefined(setting.graph())))
    for target in targets:
        note(f"{target}, {setting.dtype}: each op alone")
        try:
            made = asked(open_session(setting, target), Task("alone"))
        except NotAvailable as error:
            row = Row(setting.dtype, FORWARD, str(target), "not available")
            proof = proof.joined(Proof((replace(row, reason=str(error)),), (), ()))
            continue
        proof = proof.joined(judge.proof(target, made))
    return proof


def _undefined(graph: Graph) -> Iterator[str]:
    """Ops that can't be judged."""
    for kind in dict.fromkeys(node.op.kind for node in graph.nodes):
        if kind not in FUNCTIONS:
            yield (
                f"each op alone: {kind} is not compared: archspec.reference.FUNCTIONS "
                "has no definition of it"
            )


@dataclass(frozen=True)
class Verdict:
    """What is to be said of one case, forward or of its gradients.

    Attributes:
        case: the op.
        difference: how far it is off.
        words: the error that it raised, in place of numbers.
    """

    case: Case
    difference: Difference
    words: str = ""


class Judge:
    """Compares answers with the definitions, which are computed once for all targets.

    Args:
        setting: of the net.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.cases = cases(setting.graph())
        self._known: dict[tuple[int, str], Expected] = {}

    def proof(self, target: Target, made: Mapping[str, NDArray[Any]]) -> Proof:
        """The rows of one target, what failed, and what is not shown."""
        verdicts: list[Verdict] = []
        notes: dict[str, None] = {}
        refused: dict[str, str] = {}
        for number, answer in _by_case(made).items():
            case = self.cases[number]
            if REFUSED in answer:
                refused[str(case)] = words(answer[REFUSED])
            elif case.op.kind in FUNCTIONS:
                verdicts += self._verdicts(number, answer, target)
        shown = {str(verdict.case) for verdict in verdicts}
        for text, why in refused.items():
            if text not in shown:
                told = f"each op alone: {text} is not compared on {target}: {why}"
                notes[told] = None
        for verdict in verdicts:
            native = allowance(verdict.case.op, target)
            if native is not None:
                notes[_allowed(target, native)] = None
        backward = [v for v in verdicts if "gradients" in v.difference.part]
        forward = [v for v in verdicts if "gradients" not in v.difference.part]
        rows = [self._row(FORWARD, target, forward)]
        if trains(target.found()):
            rows.append(self._row(BACKWARD, target, backward))
        else:
            rows.append(Row(self.setting.dtype, BACKWARD, str(target), FORWARD_ONLY))
        found = self._findings(target, [*forward, *backward])
        curves = (
            self._curve(FORWARD, target, forward),
            self._curve(BACKWARD, target, backward),
        )
        return Proof(tuple(rows), tuple(found.items()), tuple(notes), (), curves)

    def _verdicts(
        self, number: int, answer: Answer, target: Target
    ) -> Iterator[Verdict]:
        case = self.cases[number]
        if FAILED in answer:
            # With a value there, it is the backward pass that doesn't work.
            said = words(answer.pop(FAILED))
            for part in ("value", "gradients"):
                if part not in answer:
                    yield Verdict(case, Difference(part, inf, 0.0, inf, inf), said)
        known = number, modelled(target)
        if known not in self._known:
            self._known[known] = Expected(case, self.setting.seed, known[1])
        native = allowance(case.op, target)
        differences = self._known[known].differences(
            answer,
            target.found().running_var,
            flat=native is not None and native.flat,
        )
        for one in differences:
            if native is None or native.flat:
                yield Verdict(case, one)
                continue
            more = native.backward if "gradients" in one.part else native.forward
            yield Verdict(case, replace(one, limit=more) if more > EXACT else one)

    def _curve(self, check: str, target: Target, verdicts: Sequence[Verdict]) -> Curve:
        """The worst of each op, at the first node that it stands for."""
        worst: dict[str, Difference] = {}
        for verdict in verdicts:
            found, name = verdict.difference, verdict.case.node.name
            if name not in worst or worst[name].share < found.share:
                worst[name] = found
        errors = {name: found.error for name, found in worst.items()}
        limits = {name: found.limit for name, found in worst.items()}
        names = (self.setting.dtype, check, str(target))
        return Curve(*names, errors, limits=limits)

    def _row(self, check: str, target: Target, verdicts: Sequence[Verdict]) -> Row:
        row = Row(self.setting.dtype, check, str(target), "not available")
        if not verdicts:
            return replace(row, reason=f"{check}: no op of this net could be compared")
        worst = max(verdicts, key=lambda verdict: verdict.difference.share)
        return replace(
            row,
            verdict="FAIL" if worst.difference.wrong else "pass",
            error=worst.difference.error,
            where=worst.case.node.name,
            at=str(worst.case.node.at),
            limit=worst.difference.limit,
        )

    def _findings(
        self, target: Target, verdicts: Sequence[Verdict]
    ) -> dict[str, Finding]:
        """Of each op that fails the smallest case; its value goes before gradients."""
        found: dict[str, Finding] = {}
        for verdict in verdicts:
            node, error = verdict.case.node, verdict.difference.error
            key = f"{target}, {node.name}"
            if verdict.difference.wrong and key not in found:
                text = self._text(target, verdict)
                place = str(node.at)
                found[key] = Finding(node.name, node.op.kind, place, error, text)
        return found

    def _text(self, target: Target, verdict: Verdict) -> str:
        """For a person: what is wrong, and a spec that shows it."""
        case = verdict.case
        said = verdict.words or _said(verdict.difference)
        return (
            f"{case.node.at}: {case.node.name!r} ({case}): {said}"
            f"{self._image(verdict)}\n"
            f"  `archspec verify alone.yaml --quick --backends {target}` shows it of\n"
            f"{indent(case.spec, '    ')}"
        ).rstrip()

    def _image(self, verdict: Verdict) -> str:
        """What was read where a value is wrong, if that is short."""
        found = verdict.difference
        if found.part != "value" or found.at is None or found.x is not None:
            return ""
        given = numbers(verdict.case, self.setting.seed).inputs
        read = [x[found.at[0]] for x in given]
        if sum(x.size for x in read) > FEW:
            return ""
        return f"; image {found.at[0]} is {' and '.join(str(x.tolist()) for x in read)}"


def _allowed(target: Target, native: Native) -> str:
    told = f"each op alone: {native.kind} on {target}: {native.why}"
    if native.flat:
        return told
    forward = f"{native.forward:.0e} and " * (native.forward > EXACT)
    return (
        f"{told}: allowed are {forward}{native.backward:.0e} in gradients, of this op "
        "alone"
    )


def _by_case(made: Mapping[str, NDArray[Any]]) -> dict[int, Answer]:
    found: dict[int, Answer] = {}
    for name in made:
        number, _, part = name.partition("/")
        found.setdefault(int(number), {})[part] = made[name]
    return found


def _said(found: Difference) -> str:
    part = found.part.rpartition("/")[2]
    when = "in training " if found.part.startswith("training/") else ""
    values = f"{found.found!r}, by definition {found.wanted!r}"
    if found.shapes is not None:
        shapes = ("x".join(map(str, shape)) for shape in found.shapes)
        return f"{when}{found.part} is {', by definition '.join(shapes)}"
    if "gradients" in found.part:
        what = f"the gradient of {part}"
        if found.x is not None:
            return f"{when}its derivative at {found.x!r} is {values}"
        along = "" if found.at else " along a direction"
        return f"{when}{what}{along} is {values}"
    if part != "value":
        return f"{part} after a step of training is {values}"
    if found.x is not None:
        return f"{when}of {found.x!r} it gives {values}"
    return f"{when}at {found.at} it gives {values}"

"""The statements of a printed function, as data and as text."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from archspec.source.expr import names_of
from archspec.source.functions.calls import Calls
from archspec.source.functions.labels import Label, numbers
from archspec.source.layout import statement
from archspec.source.liveness import UNREAD, variables
from archspec.source.loops import turns
from archspec.source.outline import Definition, Line, Nested, OpUse, Ref
from archspec.source.project import names_in
from archspec.source.text import STEP, Code, Display, Doc, Names, flat, template


@dataclass(frozen=True, slots=True)
class Statement:
    """`x = value`, `return value`, `if value:`, `with value:` by its lead, or a loop.

    `body` is what is done where a condition holds, within a context, or in every turn
    of `loop`, whose value is the number of turns.
    """

    lead: str
    value: Doc
    body: list[Statement] = field(default_factory=list)
    loop: Line | None = None


class Slot(NamedTuple):
    """What surrounds a line: its name, the variables that it reads and sets, and those
    that it must leave as they are."""

    label: Label
    reads: tuple[str, ...]
    targets: tuple[str, ...]
    live: frozenset[str]


class Body:
    """Collects the statements of one function.

    No variable has a name of `taken`, and none that the body invents one of `known`,
    which the spec gives to values.
    """

    def __init__(
        self, calls: Calls, taken: Collection[str], known: Collection[str]
    ) -> None:
        self.calls = calls
        self.taken = frozenset(taken)
        self.names = Names((*taken, *known))
        self.label = self.names.take("label")
        self.made: list[Statement] = []

    def scope(
        self,
        around: Definition | Nested,
        inputs: Sequence[str],
        outputs: Mapping[str, Ref],
        label: Label,
        busy: Collection[str] = (),
    ) -> list[str]:
        """Adds the lines of a function or of a nested graph.

        Args:
            around: what has the lines.
            inputs: the variables that hold what the scope reads.
            outputs: the values that it gives, by the names that they may have.
            label: what the names of its layers start with.
            busy: variables around it that must stay as they are.

        Returns:
            The variables of the outputs.
        """
        lines = around.lines
        handed = [n for n, line in enumerate(lines) if self.calls.empty(line)]
        taken = self.taken | {self.label}
        held = variables(lines, inputs, outputs, taken=taken, busy=busy, handed=handed)
        found = self._labels(around, label)
        slots = map(Slot, found, held.reads, held.targets, held.live)
        for line, slot in zip(lines, slots, strict=True):
            self._line(line, slot)
        return held.outputs

    def returned(self, results: Sequence[str]) -> None:
        """Returns variables, or instead of the last one the value that it would get."""
        last = self.made[-1] if self.made else Statement("", None)
        if [last.lead] == [f"{result} = " for result in results]:
            self.made[-1] = Statement("return ", last.value)
        else:
            self._put("return ", _joined(results))

    def _labels(self, around: Definition | Nested, label: Label) -> list[Label]:
        """The names of all lines; those of a repeat of unlike instances share one."""
        lines, listed = around.lines, around.listed
        if label.counter:
            return [label] * len(lines)
        told = [template(line.alias or line.template) or line.name for line in lines]
        found = [Label(label.text + text) for text in told]
        groups: dict[str, list[int]] = {}
        for number, line in enumerate(lines):
            repeats = line.count is not None or line.single
            if not line.alias and (listed or (repeats and not line.template)):
                groups.setdefault("" if listed else line.name, []).append(number)
        for name, group in groups.items():
            text = label.text if listed else self.calls.below(label.text + name)
            ends = numbers([lines[number] for number in group])
            made = [Label(text + end) for end in ends or ()]
            if ends is None:
                counter = self.names.take("names")
                self._put(f"{counter} = ", Label(text).counted())
                made = [Label("", counter)] * len(group)
            for number, each in zip(group, made, strict=True):
                found[number] = each
        return found

    def _line(self, line: Line, at: Slot) -> None:
        args = at.reads[: len(line.inputs)]
        if line.count is None and line.when is True:
            self._target(line, at._replace(reads=args))
            return
        other = at.reads[0 if line.otherwise is None else -1]
        for target in at.targets:
            if target not in (other, UNREAD):
                self._put(f"{target} = ", Code(other))
        args = tuple(at.targets[0] if arg == other else arg for arg in args)
        made = Statement("if ", line.when)
        if line.count is not None:
            made = Statement("for ", line.count, loop=line)
        around, self.made = self.made, made.body
        self._target(line, at._replace(reads=args))
        self.made = around
        before = self.made[-1] if self.made else Statement("", None)
        told = before.lead, before.value
        if made.loop is None and told == (made.lead, made.value):
            before.body.extend(made.body)
        elif made.body:  # of an identity nothing is printed
            self.made.append(made)

    def _target(self, line: Line, at: Slot) -> None:
        target = line.target
        if isinstance(target, OpUse):
            self._op(target, at)
        elif isinstance(target, Nested):
            self._nested(target, at)
        else:
            call = self.calls.use(target, [*map(Code, at.reads)], at.label)
            unnamed = not (line.spread or self.calls.named[id(target.definition)])
            if at.label.counter and unnamed:
                self._put("", at.label.code())  # its number is taken, by no layer
            self._put(f"{', '.join(at.targets)} = ", call)

    def _op(self, use: OpUse, at: Slot) -> None:
        steps, label = self.calls.lowered[id(use)], at.label
        names = [name for step in steps for name in step.names]
        if label.counter and names != [""]:
            lead = f"{self.label} = " if names else ""
            self._put(lead, label.code())
            label = Label(f"{{{self.label}}}")
        values = [*map(Code, at.reads)]
        for step in steps:
            self._put(f"{at.targets[0]} = ", self.calls.op(step, values, label))
            values = [Code(at.targets[0])]
        if not steps and at.targets and at.targets[0] != at.reads[0]:
            self._put(f"{at.targets[0]} = ", values[0])

    def _nested(self, nested: Nested, at: Slot) -> None:
        label, targets, outputs = at.label, at.targets, nested.outputs
        start, prefix = len(self.made), ""
        if not label.counter:
            label = Label(self.calls.below(label.text))
        elif not nested.inline:
            prefix = self.names.take("prefix")
            self._put(f"{prefix} = ", label.code())
            label = Label(self.calls.below(f"{{{prefix}}}"))
        apart = len(targets) == len(outputs)
        told = targets if apart else [UNREAD] * len(outputs)
        names = (str(n) if name == UNREAD else name for n, name in enumerate(told))
        wanted = dict(zip(names, outputs, strict=True))
        busy = at.live.difference(targets)
        found = self.scope(nested, at.reads, wanted, label, busy)
        if prefix and prefix not in reads(self.made[start:]):
            self.made[start] = Statement("", at.label.code())  # taken, by no layer
        if not apart:
            self._put(f"{targets[0]} = ", _joined(found, "()"))
            return
        pairs = zip(targets, found, strict=True)
        moved = {to: held for to, held in pairs if to not in (held, UNREAD)}
        if moved:
            self._put(f"{', '.join(moved)} = ", _joined([*moved.values()]))

    def _put(self, lead: str, value: Doc) -> None:
        self.made.append(Statement(lead, value))


def _joined(names: Sequence[str], brackets: str = "") -> Doc:
    """Variables side by side."""
    return Display(tuple(map(Code, names)), brackets)


def printed(made: Sequence[Statement], indent: int) -> list[str]:
    """The lines of statements."""
    lines: list[str] = []
    for part in made:
        body = printed(part.body, indent + STEP)
        if part.loop is not None:
            lines += turns(part.loop, body, indent, reads(part.body))
            continue
        end = ":" if body else ""
        lines += [*statement(part.lead, part.value, indent, end), *body]
    return lines


def reads(made: Sequence[Statement]) -> set[str]:
    """The names that statements read, but for what loops start from and carry."""
    found: set[str] = set()
    for part in made:
        inside = reads(part.body)
        lists = part.loop.lists(inside) if part.loop is not None else ()
        found |= names_in(flat(part.value)) | inside.union(*map(names_of, lists))
    return found

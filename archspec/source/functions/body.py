"""The statements of a printed function, as data and as text."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from archspec.source.expr import names_of
from archspec.source.functions.calls import Calls
from archspec.source.functions.labels import Label, numbers
from archspec.source.liveness import UNREAD, variables
from archspec.source.loops import each
from archspec.source.outline import Line, Nested, OpUse, Ref, Use
from archspec.source.project import names_in
from archspec.source.text import (
    STEP,
    Code,
    Display,
    Doc,
    Names,
    assignment,
    layout,
    statement,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A value, and what stands before it: `x = `, `return ` or nothing."""

    lead: str
    value: Doc


@dataclass(frozen=True, slots=True)
class If:
    """What is done where an optional line is there."""

    test: Doc
    body: list[Made] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class For:
    """What a line repeats."""

    line: Line
    body: list[Made] = field(default_factory=list)


Made = Statement | If | For


class Body:
    """Collects the statements of one function.

    No variable has a name of `taken`, and no counter of labels one of `known`: those
    that the spec gives to values.
    """

    def __init__(
        self, calls: Calls, taken: Collection[str], known: Collection[str]
    ) -> None:
        self.calls = calls
        self.taken = frozenset(taken)
        self.names = Names((*taken, *known))
        self.labels: dict[int, str] = {}
        self.level = 0
        self.made: list[Made] = []

    def scope(
        self,
        lines: Sequence[Line],
        listed: bool,
        inputs: Sequence[str],
        outputs: Mapping[str, Ref],
        label: Label,
        busy: Collection[str] = (),
    ) -> list[str]:
        """Adds the lines of a function or of a nested graph.

        Args:
            lines: in order; `listed` says that they are numbered.
            inputs: the variables that hold what the scope reads.
            outputs: the values that it gives, by the names that they may have.
            label: what the names of its layers start with.
            busy: variables around it that must stay as they are.

        Returns:
            The variables of the outputs.
        """
        handed = [
            number
            for number, line in enumerate(lines)
            if line.count is None and line.when is True and self.calls.empty(line)
        ]
        held = variables(
            lines, inputs, outputs, taken=self.taken, busy=busy, handed=handed
        )
        labels = self._labels(lines, listed, label)
        for number, line in enumerate(lines):
            reads, targets = held.reads[number], held.targets[number]
            self._line(line, labels[number], reads, targets, held.live[number])
        return held.outputs

    def returned(self, results: Sequence[str]) -> None:
        """Returns variables, or instead of the last one the value that it would get."""
        last = self.made[-1] if self.made else None
        if isinstance(last, Statement) and [last.lead] == [f"{r} = " for r in results]:
            self.made[-1] = Statement("return ", last.value)
        else:
            self._put("return ", Code(", ".join(results)))

    def _labels(
        self, lines: Sequence[Line], listed: bool, label: Label
    ) -> dict[int, Label]:
        """The names of all lines; those of a repeat of unlike instances share one."""
        if label.counter:
            return dict.fromkeys(range(len(lines)), label)
        found: dict[int, Label] = {}
        groups: dict[str, list[int]] = {}
        for number, line in enumerate(lines):
            if line.template:
                found[number] = Label(label.text + line.template)
            else:
                groups.setdefault("" if listed else line.name, []).append(number)
        for name, group in groups.items():
            first, text = lines[group[0]], f"{label.text}{name}"
            if not listed:
                if len(group) == 1 and first.count is None and not first.single:
                    found[group[0]] = Label(text)
                    continue
                text = self.calls.below(text)
            told = numbers([lines[number] for number in group])
            if told is None:
                counter = self.names.take("names")
                self._put(f"{counter} = ", Label(text).counted())
                found.update(dict.fromkeys(group, Label("", counter)))
            else:
                ends = zip(group, told, strict=True)
                found.update((number, Label(text + end)) for number, end in ends)
        return found

    def _line(
        self,
        line: Line,
        label: Label,
        reads: tuple[str, ...],
        targets: tuple[str, ...],
        live: frozenset[str],
    ) -> None:
        args = list(reads[: len(line.inputs)])
        if line.count is None and line.when is True:
            self._target(line, label, args, targets, live)
            return
        other = reads[0] if line.otherwise is None else reads[-1]
        for target in targets:
            if target not in (other, UNREAD):
                self._put(f"{target} = ", Code(other))
        args = [targets[0] if arg == other else arg for arg in args]
        made = If(line.when) if line.count is None else For(line)
        around, self.made = self.made, made.body
        self._target(line, label, args, targets, live)
        self.made = around
        before = self.made[-1] if self.made else None
        same = isinstance(before, If) and isinstance(made, If)
        if same and before.test == made.test:
            before.body.extend(made.body)
        elif made.body:  # of an identity nothing is printed
            self.made.append(made)

    def _target(
        self,
        line: Line,
        label: Label,
        args: list[str],
        targets: tuple[str, ...],
        live: frozenset[str],
    ) -> None:
        target = line.target
        if isinstance(target, OpUse):
            self._op(target, label, args, targets)
        elif isinstance(target, Use):
            call = self.calls.use(target, [Code(arg) for arg in args], label)
            self._put(f"{', '.join(targets)} = ", call)
        else:
            self._nested(target, label, args, targets, live)

    def _op(
        self, use: OpUse, label: Label, args: list[str], targets: tuple[str, ...]
    ) -> None:
        steps, suffixes = self.calls.lowered[id(use)]
        if label.counter and not suffixes:  # its number is taken, by no layer
            self._put("", label.code())
        elif label.counter and suffixes != [""]:
            label = self._held(label)
        values: list[Doc] = [Code(arg) for arg in args]
        for step in steps:
            self._put(f"{targets[0]} = ", self.calls.op(step, values, label))
            values = [Code(targets[0])]
        if not steps and targets and targets[0] != args[0]:
            self._put(f"{targets[0]} = ", values[0])

    def _nested(
        self,
        nested: Nested,
        label: Label,
        args: list[str],
        targets: tuple[str, ...],
        live: frozenset[str],
    ) -> None:
        if not label.counter:
            label = Label(self.calls.below(label.text))
        elif not nested.inline:
            label = Label(self.calls.below(self._held(label).text))
        apart = len(targets) == len(nested.outputs)
        wanted = {
            targets[n] if apart and targets[n] != UNREAD else str(n): ref
            for n, ref in enumerate(nested.outputs)
        }
        busy = live.difference(targets)
        self.level += 1
        found = self.scope(nested.lines, nested.listed, args, wanted, label, busy)
        self.level -= 1
        if not apart:
            self._put(f"{targets[0]} = ", Code(f"({', '.join(found)})"))
            return
        moved = [(a, b) for a, b in zip(targets, found, strict=True) if a != b]
        moved = [(a, b) for a, b in moved if a != UNREAD]
        if moved:
            to, at = zip(*moved, strict=True)
            self._put(f"{', '.join(to)} = ", Code(", ".join(at)))

    def _held(self, label: Label) -> Label:
        """A name of which more is made, in a variable that is free at this level."""
        if self.level not in self.labels:
            self.labels[self.level] = self.names.take("label")
        self._put(f"{self.labels[self.level]} = ", label.code())
        return Label(f"{{{self.labels[self.level]}}}")

    def _put(self, lead: str, value: Doc) -> None:
        self.made.append(Statement(lead, value))


def printed(made: Sequence[Made], indent: int, read: Collection[str]) -> list[str]:
    """The lines of statements; a loop sets the variables that something reads."""
    lines: list[str] = []
    for part in made:
        if isinstance(part, Statement):
            lines += statement(part.lead, part.value, indent)
            continue
        body = printed(part.body, indent + STEP, read)
        if isinstance(part, If):
            lines += [*statement("if ", part.test, indent, ":"), *body]
            continue
        start, carried = (
            {name: value for name, value in held.items() if name in read}
            for held in (part.line.start, part.line.carried)
        )
        for name, value in start.items():
            lines += assignment(name, value, indent)
        if carried:
            values = Display(tuple(carried.values()), "")
            value = values if len(carried) > 1 else values.items[0]
            body += assignment(", ".join(carried), value, indent + STEP)
        header = each(part.line, names_read(body))
        lines += [*layout(header, indent, trail=":"), *body]
    return lines


def names_read(lines: Sequence[str]) -> set[str]:
    """The names that indented lines hold."""
    return names_in("\n".join(["if True:", *lines]))


def reads(made: Sequence[Made]) -> set[str]:
    """The names that statements read, for themselves or for a later turn of a loop."""
    found = names_read(printed(made, STEP, ()))
    waiting = [*made]
    held = []
    while waiting:
        part = waiting.pop()
        if isinstance(part, For):
            held += [*part.line.start.items(), *part.line.carried.items()]
        waiting += part.body if isinstance(part, For | If) else []
    before = -1
    while len(found) != before:
        before = len(found)
        found.update(n for name, v in held if name in found for n in names_of(v))
    return found

"""The statements of a printed function, as data and as text."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from archspec.source.expr import names_of
from archspec.source.functions.calls import Calls
from archspec.source.functions.labels import Label, numbers
from archspec.source.liveness import UNREAD, variables
from archspec.source.loops import each
from archspec.source.outline import Line, Nested, OpUse, Ref
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
        taken = self.taken | {self.label}
        held = variables(lines, inputs, outputs, taken=taken, busy=busy, handed=handed)
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
            self._put("return ", _joined(results))

    def _labels(
        self, lines: Sequence[Line], listed: bool, label: Label
    ) -> dict[int, Label]:
        """The names of all lines; those of a repeat of unlike instances share one."""
        if label.counter:
            return dict.fromkeys(range(len(lines)), label)
        found: dict[int, Label] = {}
        groups: dict[str, list[int]] = {}
        for number, line in enumerate(lines):
            name = "" if listed else line.template or line.name
            found[number] = Label(label.text + name)
            repeats = line.count is not None or line.single
            if listed or (repeats and not line.template):
                groups.setdefault(name, []).append(number)
        for name, group in groups.items():
            text = label.text if listed else self.calls.below(label.text + name)
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
        ifs = [part for part in (before, made) if isinstance(part, If)]
        if len(ifs) == 2 and ifs[0].test == ifs[1].test:
            ifs[0].body.extend(made.body)
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
        elif isinstance(target, Nested):
            self._nested(target, label, args, targets, live)
        else:
            call = self.calls.use(target, [Code(arg) for arg in args], label)
            if label.counter and not line.spread and not self.calls.named(target):
                self._put("", label.code())  # its number is taken, by no layer
            self._put(f"{', '.join(targets)} = ", call)

    def _op(
        self, use: OpUse, label: Label, args: list[str], targets: tuple[str, ...]
    ) -> None:
        steps, suffixes = self.calls.lowered[id(use)]
        if label.counter and suffixes != [""]:
            lead = f"{self.label} = " if suffixes else ""
            self._put(lead, label.code())
            label = Label(f"{{{self.label}}}")
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
        if label.counter and not nested.inline:
            name = self.names.take("prefix")
            self._put(f"{name} = ", label.code())
            label = Label(f"{{{name}}}")
        if not label.counter:
            label = Label(self.calls.below(label.text))
        apart = len(targets) == len(nested.outputs)
        names = (targets[n] if apart else UNREAD for n in range(len(nested.outputs)))
        wanted = {
            name if name != UNREAD else str(n): ref
            for n, (name, ref) in enumerate(zip(names, nested.outputs, strict=True))
        }
        busy = live.difference(targets)
        found = self.scope(nested.lines, nested.listed, args, wanted, label, busy)
        if not apart:
            self._put(f"{targets[0]} = ", _joined(found, "()"))
            return
        pairs = zip(targets, found, strict=True)
        moved = {to: at for to, at in pairs if to not in (at, UNREAD)}
        if moved:
            self._put(f"{', '.join(moved)} = ", _joined([*moved.values()]))

    def _put(self, lead: str, value: Doc) -> None:
        self.made.append(Statement(lead, value))


def _joined(names: Sequence[str], brackets: str = "") -> Doc:
    """Several variables, or one."""
    if len(names) == 1:
        return Code(names[0])
    return Display(tuple(map(Code, names)), brackets)


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
        for name, value in part.line.start.items():
            lines += assignment(name, value, indent) if name in read else []
        carried = {k: v for k, v in part.line.carried.items() if k in read}
        if carried:
            after: Doc = Display((*carried.values(),), "")
            after = after if len(carried) > 1 else next(iter(carried.values()))
            body += assignment(", ".join(carried), after, indent + STEP)
        header = each(part.line, _names(body))
        lines += [*layout(header, indent, trail=":"), *body]
    return lines


def _names(lines: Sequence[str]) -> set[str]:
    """The names in indented lines."""
    return names_in("\n".join(["if True:", *lines]))


def reads(made: Sequence[Made]) -> set[str]:
    """The names that statements read, for themselves or for a later turn of a loop."""
    found = _names(printed(made, STEP, ()))
    waiting, held = [*made], []
    while waiting:
        part = waiting.pop()
        if isinstance(part, For):
            held += [*part.line.start.items(), *part.line.carried.items()]
        waiting += [] if isinstance(part, Statement) else part.body
    before = -1
    while len(found) != before:
        before = len(found)
        found.update(n for name, v in held if name in found for n in names_of(v))
    return found

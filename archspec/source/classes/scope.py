"""What the lines of a class are: children, and what its methods compute themselves.

A line of a mapping is an attribute of the class, one of the numbered children of an
attribute, or an expression of the method. What such an expression reads of the
constructor's arguments is an attribute as well: `self.stop = stop`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import Any

from archspec.ops.base import form
from archspec.source.classes.dialect import Dialect
from archspec.source.expr import Arg, Expr
from archspec.source.outline import Line, Nested, OpUse, Ref, Use
from archspec.source.text import Code, flat


@dataclass(frozen=True, slots=True)
class Run:
    """Numbered children that are called in turn: of `children`, from start to stop."""

    children: str
    start: int
    stop: int | None


@dataclass(frozen=True, slots=True)
class Feature:
    """One of the features that a method of the net's gives, by its name."""

    name: str


@dataclass(slots=True)
class Scope:
    """The lines of a class with what its methods call them.

    Attributes:
        lines: in order.
        callees: what is called for each line; None where an expression computes it.
        uses: the ops of such expressions, by line, in the words of the method.
        held: attributes that the constructor sets for them, by line.
        flags: those that say whether a line is there.
        handed: lines that compute nothing by themselves.
    """

    lines: list[Line]
    callees: list[str | Run | Feature | None] = field(default_factory=list)
    uses: dict[int, OpUse] = field(default_factory=dict)
    held: dict[int, dict[str, Arg]] = field(default_factory=dict)
    flags: dict[int, str] = field(default_factory=dict)
    handed: set[int] = field(default_factory=set)

    def add(
        self, target: Any, read: Ref, callee: str | Run | Feature, outputs: int = 1
    ) -> Ref:
        """Adds a line that calls children; its first value."""
        self.lines.append(Line("", target, (read,), outputs=outputs))
        self.callees.append(callee)
        return Ref(len(self.lines) - 1)


def mapping(dialect: Dialect, lines: Sequence[Line], outputs: Sequence[Ref]) -> Scope:
    """The scope of children with names; `outputs` are what its methods give."""
    scope = Scope(list(lines))
    if numbered(dialect, lines):
        scope.callees = [f"self[{number}]" for number in range(len(lines))]
        return scope
    scope.callees = [
        f"self.{line.name}" if line.name.isidentifier() else dialect.get(line.name)
        for line in lines
    ]
    several = shared(lines)
    readers: dict[Ref, set[str]] = {ref: {""} for ref in outputs}
    for line in lines:
        for ref in line.reads:
            readers.setdefault(ref, set()).add(line.name)
    for name, numbers in several.items():
        _group(scope, numbers, readers, name)
    taken = {*(line.name for line in lines), *dialect.reserved}
    kept: dict[str, Arg] = {}
    for number, line in enumerate(lines):
        if line.name in several or not functional(dialect, line):
            continue
        assert isinstance(line.target, OpUse)
        before = set(kept)
        if line.when is not True:
            wanted = (line.name, f"has_{line.name}", "has")
            flag = _keep(kept, line.when, wanted, taken - {line.name})
            scope.flags[number] = flag
        scope.callees[number] = None
        use = scope.uses[number] = _kept(line.target, line.name, kept, taken)
        scope.held[number] = {k: v for k, v in kept.items() if k not in before}
        made = dialect.functions[use.kind](use, ["x"] * len(line.inputs))
        if made == Code("x") and len(line.reads) == 1:
            scope.handed.add(number)
    return scope


def sequence(
    lines: Sequence[Line], makers: Mapping[int, Line]
) -> tuple[Scope, dict[int, Ref]]:
    """The scope of a list, of which some children give several values.

    `makers` are the children that give something to others than the next one, by their
    numbers; those between them are called in turn. Gives the first value of each.
    """
    flows = dict(_flows(lines))
    scope = Scope([])
    made: dict[int, Ref] = {}
    last, start = Ref(None), 0
    for number, line in sorted(makers.items(), key=lambda item: item[0]):
        if number == start + 1:
            last = scope.add(line.target, last, f"self[{start}]")
        elif number > start:
            last = scope.add(line.target, last, Run("list(self)", start, number))
        found = scope.add(line.target, last, f"self[{number}]", line.outputs)
        made[number] = found
        last, start = Ref(found.line, flows.get(id(line), 0)), number + 1
    return scope, made


def maker(lines: Sequence[Line], ref: Ref) -> tuple[Line, int]:
    """The line of the child that makes a value of a list, and the output's number."""
    assert ref.line is not None
    line = lines[ref.line]
    inner, outputs = inlined(line)
    return maker(inner, outputs[ref.output]) if inner else (line, ref.output)


def inlined(line: Line) -> tuple[Sequence[Line], Sequence[Ref]]:
    """The lines, and the outputs, of a list that stands in the list around it."""
    target = line.target
    if isinstance(target, Nested) and target.inline:
        return target.lines, target.outputs
    if isinstance(target, Use) and target.definition.inline:
        return target.definition.lines, tuple(target.definition.outputs.values())
    return (), ()


def _flows(lines: Sequence[Line]) -> Iterator[tuple[int, int]]:
    """For lines of children, by id: which of their outputs the next child reads."""
    for line in lines:
        if line.inputs and line.inputs[0].line is not None:
            before, output = maker(lines, line.inputs[0])
            yield id(before), output
        yield from _flows(inlined(line)[0])


def functional(dialect: Dialect, line: Line) -> bool:
    """Whether a method computes a line without a child."""
    target = line.target
    if not isinstance(target, OpUse) or line.count is not None:
        return False
    if target.kind not in dialect.modules or len(line.inputs) > 1:
        return True
    return target.kind in dialect.functions


def numbered(dialect: Dialect, lines: Sequence[Line]) -> bool:
    """Whether a mapping's children are called 0, 1 and so on, and nothing else is."""
    return bool(lines) and all(
        line.name == str(number)
        and line.plain
        and not line.single
        and not functional(dialect, line)
        for number, line in enumerate(lines)
    )


def shared(lines: Sequence[Line]) -> dict[str, list[int]]:
    """The names that stand for repeats, of several lines or of one instance: lines."""
    groups: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        groups.setdefault(line.name, []).append(number)
    return {
        name: numbers
        for name, numbers in groups.items()
        if len(numbers) > 1 or lines[numbers[0]].single
    }


def _group(
    scope: Scope, numbers: list[int], readers: Mapping[Ref, set[str]], name: str
) -> None:
    """The callees of a repeat's unlike instances: one, or more where more is read."""
    children = scope.callees[numbers[0]]
    assert isinstance(children, str)
    lines = [scope.lines[number] for number in numbers]
    apart = any(line.outputs > 1 or line.value for line in lines) or any(
        readers.get(Ref(number), set()) - {name} for number in numbers[:-1]
    )
    if not apart:
        scope.handed.update(numbers[:-1])
        return
    start = 0
    for number in numbers:
        line = scope.lines[number]
        size = line.count if isinstance(line.count, int) else 1
        stop = None if number == numbers[-1] else start + size
        plain = line.count is None and line.when is True
        run = Run(children, start, stop)
        scope.callees[number] = f"{children}[{start}]" if plain else run
        start += size


def _kept(use: OpUse, name: str, held: dict[str, Arg], taken: set[str]) -> OpUse:
    """An op whose expressions are attributes of the class, which `held` then has."""

    def attribute(key: str, value: Arg) -> Any:
        if not isinstance(value, Expr):
            return value
        wanted = (flat(value), key, f"{name}_{key}", key)
        return Code(f"self.{_keep(held, value, wanted, taken)}")

    attributes: dict[str, Any] = {}
    for key, value in use.attributes.items():
        told = form(next(iter(use.values(key))))
        if told == "number":
            attributes[key] = attribute(key, value)
        elif told == "pair":
            attributes[key] = tuple(attribute(key, part) for part in use.two(key))
        else:
            attributes[key] = tuple(
                tuple(attribute(key, side) for side in axis) for axis in use.four(key)
            )
    return replace(use, attributes=attributes)


def _keep(
    held: dict[str, Arg], value: Arg, wanted: Sequence[str], taken: set[str]
) -> str:
    """The attribute that keeps a value: of those that are wanted the first one free."""
    numbered = (f"{wanted[-1]}{number}" for number in count(2))
    name = next(
        name
        for name in chain(wanted, numbered)
        if name.isidentifier() and name not in taken and held.get(name, value) == value
    )
    held[name] = value
    return name

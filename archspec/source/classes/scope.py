"""What the lines of a class are: children, and what its methods compute themselves.

A line of a mapping is an attribute of the class, one of the numbered children of an
attribute, or a function that `forward` calls. Attributes of an op that a function reads
and that the constructor is given are kept: `self.stop = stop`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archspec.source.classes.dialect import Dialect
from archspec.source.expr import Arg, Expr, parts
from archspec.source.outline import Line, Nested, OpUse, Ref, Use
from archspec.source.text import Code, flat


@dataclass(frozen=True, slots=True)
class Run:
    """Numbered children that are called one after the other: those from start to stop.

    Attributes:
        children: the code of what holds them.
        start, stop: their numbers, "" for the end.
    """

    children: str
    start: int
    stop: int | str


@dataclass(slots=True)
class Scope:
    """The lines of a class with what its methods call them.

    Attributes:
        lines: in order.
        callees: what is called for each line; None where a function computes it.
        uses: ops that functions compute, by line, as these read them.
        held: attributes that the constructor sets beside the children, by line.
        handed: lines that compute nothing by themselves.
    """

    lines: list[Line]
    callees: list[str | Run | None] = field(default_factory=list)
    uses: dict[int, OpUse] = field(default_factory=dict)
    held: dict[int, dict[str, Arg]] = field(default_factory=dict)
    handed: set[int] = field(default_factory=set)


def mapping(dialect: Dialect, lines: Sequence[Line], outputs: Sequence[Ref]) -> Scope:
    """The scope of children with names; `outputs` are what its methods give."""
    scope = Scope(list(lines))
    if numbered(dialect, lines):
        scope.callees = [f"self[{number}]" for number in range(len(lines))]
        return scope
    scope.callees = [attribute(dialect, line.name) for line in lines]
    several = shared(lines)
    for name in several:
        _group(scope, name, outputs)
    taken = {*(line.name for line in lines), *dialect.reserved}
    for number, line in enumerate(lines):
        if line.name in several or not functional(dialect, line):
            continue
        scope.callees[number] = None
        held = scope.held.setdefault(number, {})
        if line.when is not True:
            held[flag(line.name)] = line.when
        assert isinstance(line.target, OpUse)
        scope.uses[number] = _keep(line.target, line.name, held, taken)
        taken |= held.keys()
        if _same(dialect, line):
            scope.handed.add(number)
    return scope


def sequence(
    dialect: Dialect,
    lines: Sequence[Line],
    outputs: Sequence[Ref],
    numbers: Sequence[int],
) -> tuple[Scope, list[Ref]]:
    """The scope of a list whose children may give several values, and its outputs.

    `numbers` are the children that give the outputs; those between them chain.
    """
    makers = [maker(lines, ref) for ref in outputs]
    flows = dict(_flows(lines))
    scope = Scope([])
    found: dict[int, int] = {}
    last, start = Ref(None), 0
    for number in sorted({*numbers}):
        line = makers[numbers.index(number)][0]
        if number > start:
            one = number == start + 1
            scope.lines.append(Line("", line.target, (last,)))
            scope.callees.append(
                f"self[{start}]" if one else Run("list(self)", start, number)
            )
            last = Ref(len(scope.lines) - 1)
        found[number] = len(scope.lines)
        scope.lines.append(Line("", line.target, (last,), outputs=line.outputs))
        scope.callees.append(f"self[{number}]")
        last, start = Ref(found[number], flows.get(id(line), 0)), number + 1
    made = zip(numbers, makers, strict=True)
    return scope, [Ref(found[number], output) for number, (_, output) in made]


def maker(lines: Sequence[Line], ref: Ref) -> tuple[Line, int]:
    """The line of the child that makes a value of a list, and the output's number."""
    assert ref.line is not None
    line = lines[ref.line]
    target = line.target
    if isinstance(target, Nested) and target.inline:
        return maker(target.lines, target.outputs[ref.output])
    if isinstance(target, Use) and target.definition.inline:
        inner = target.definition
        return maker(inner.lines, list(inner.outputs.values())[ref.output])
    return line, ref.output


def _flows(lines: Sequence[Line]) -> Iterator[tuple[int, int]]:
    """For lines of children, by id: which of their outputs the next child reads."""
    for line in lines:
        if line.inputs and line.inputs[0].line is not None:
            before, output = maker(lines, line.inputs[0])
            yield id(before), output
        target = line.target
        if isinstance(target, Nested) and target.inline:
            yield from _flows(target.lines)
        elif isinstance(target, Use) and target.definition.inline:
            yield from _flows(target.definition.lines)


def single(lines: Sequence[Line]) -> bool:
    """Whether every child of a list gives one value."""
    for line in lines:
        target = line.target
        if isinstance(target, Nested) and target.inline:
            found = single(target.lines)
        elif isinstance(target, Use) and target.definition.inline:
            found = single(target.definition.lines)
        else:
            found = line.outputs == 1
        if not found:
            return False
    return True


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
        line.name == str(number) and line.plain and not functional(dialect, line)
        for number, line in enumerate(lines)
    )


def shared(lines: Sequence[Line]) -> set[str]:
    """The names that stand for repeats: of several lines each, or of one instance."""
    counts = Counter(line.name for line in lines)
    return {line.name for line in lines if counts[line.name] > 1 or line.single}


def attribute(dialect: Dialect, name: str) -> str:
    """The code of a child."""
    return f"self.{name}" if name.isidentifier() else dialect.get.format(name)


def flag(name: str) -> str:
    """The attribute that says whether what a function computes is there."""
    return name if name.isidentifier() else f"has_{name}"


def _group(scope: Scope, name: str, outputs: Sequence[Ref]) -> None:
    """The callees of a repeat's unlike instances: one, or more where more is read."""
    lines = scope.lines
    group = [number for number, line in enumerate(lines) if line.name == name]
    children = scope.callees[group[0]]
    assert isinstance(children, str)
    read = {ref for n, line in enumerate(lines) if n not in group for ref in line.reads}
    inner = {Ref(number) for number in group[:-1]}
    if inner.isdisjoint(read.union(outputs)) and all(
        lines[number].outputs == 1 for number in group
    ):
        scope.handed.update(group[:-1])
        return
    start = 0
    for number in group:
        line = lines[number]
        size = line.count if isinstance(line.count, int) else 1
        stop = "" if number == group[-1] else start + size
        plain = line.count is None and line.when is True
        found = f"{children}[{start}]" if plain else Run(children, start, stop)
        scope.callees[number] = found
        start += size


def _same(dialect: Dialect, line: Line) -> bool:
    """Whether a function gives what it is given."""
    assert isinstance(line.target, OpUse)
    if len(line.reads) > 1:
        return False
    return dialect.functions[line.target.kind](line.target, ["x"]) == Code("x")


def _keep(use: OpUse, name: str, held: dict[str, Arg], taken: set[str]) -> OpUse:
    """An op whose expressions are attributes of the class, which `held` then has."""

    def kept(value: Arg, key: str) -> Code:
        code = flat(value)
        names = (code, key, f"{name}_{key}", *(f"{key}{n}" for n in range(2, 99)))
        wanted = next(
            n
            for n in names
            if n.isidentifier() and n not in taken and held.get(n, value) == value
        )
        held[wanted] = value
        return Code(f"self.{wanted}")

    attributes: dict[str, Any] = dict(use.attributes)
    for key, value in use.attributes.items():
        if not isinstance(value, Expr):
            continue
        one, other = parts(value)
        if not any(isinstance(found, tuple) for found in use.values(key)):
            attributes[key] = kept(value, key)
        elif one is value:
            whole = kept(value, key).text
            attributes[key] = (Code(f"{whole}[0]"), Code(f"{whole}[1]"))
        else:
            attributes[key] = tuple(
                kept(item, key) if isinstance(item, Expr) else item
                for item in (one, other)
            )
    return replace(use, attributes=attributes)

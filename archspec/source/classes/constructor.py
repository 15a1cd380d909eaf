"""What `__init__` says: the children that the lines of an outline are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from archspec.source.classes.dialect import Container, Dialect, Start
from archspec.source.classes.scope import Scope, shared
from archspec.source.loops import each
from archspec.source.outline import Line, Nested, OpUse, Target, Use
from archspec.source.text import (
    STEP,
    Call,
    Choice,
    Code,
    Display,
    Doc,
    Each,
    Loop,
    Star,
    assignment,
    layout,
    statement,
)

INDENT = 8
LAYERS = "layers"
"""The variable of children that statements collect."""


@dataclass(frozen=True, slots=True)
class Constructor:
    """Writes the statements that make children.

    `use` gives the call of a block's class, `nest` that of a nested graph's.
    """

    dialect: Dialect
    start: Start | None
    use: Callable[[Use], Call]
    nest: Callable[[Nested], Call]

    def child(self, target: Target) -> Doc:
        """The child that computes a line."""
        if isinstance(target, OpUse):
            return self._op(target)
        if isinstance(target, Use):
            return self.use(target)
        if target.listed and not target.numbers and not carries(target.lines):
            return packed(self.dialect.sequential, self.items(target.lines))
        return self.nest(target)

    def _op(self, use: OpUse) -> Doc:
        made = self.dialect.modules[use.kind](use)
        if self.start is not None:
            made = self.start.child(use, made)
        extra = self.dialect.extra
        if extra is not None and isinstance(made, Call) and extra.wanted(use):
            made = replace(made, kwargs=(*made.kwargs, (extra.name, Code(extra.name))))
        return made

    # Children with names.

    def attributes(self, scope: Scope) -> list[str]:
        """The statements that set the attributes of a mapping."""
        groups: dict[str, list[int]] = {}
        for number, line in enumerate(scope.lines):
            groups.setdefault(line.name, []).append(number)
        several = shared(scope.lines)
        note = f": list[{self.dialect.member}]"
        made: list[str] = []
        for name, numbers in groups.items():
            lines = [scope.lines[number] for number in numbers]
            if lines[0].template:
                for line in lines:
                    made += self._named(line)
            elif name in several or lines[0].count is not None:
                added, items = self.collected(lines, INDENT, note)
                made += added
                made += self._set(name, packed(self.dialect.sequential, items))
                note = "" if added else note
            elif scope.callees[numbers[0]] is None:
                for attribute, value in scope.held[numbers[0]].items():
                    made += assignment(f"self.{attribute}", value, INDENT)
            else:
                found = self._single(lines[0], note)
                note = "" if any(note in row for row in found) else note
                made += found
        return made

    def _named(self, line: Line) -> list[str]:
        """A loop over children that are named by its index."""
        name = Code(f'f"{line.template}"')
        made = layout(self.dialect.put(name, self.child(line.target)), INDENT + STEP)
        return _turns(line, made, INDENT)

    def _single(self, line: Line, note: str) -> list[str]:
        """A child that is no repeat; one that isn't always there may need an `if`."""
        target = line.target
        here = line.when is True and line.name.isidentifier()
        if here and isinstance(target, Nested) and carried_list(target):
            added, items = self.collected(target.lines, INDENT, note)
            whole = packed(self.dialect.sequential, items)
            return [*added, *self._set(line.name, whole)]
        made = self.child(target)
        if line.when is True:
            return self._set(line.name, made)
        absent = self.dialect.absent if len(line.reads) == 1 else None
        found = self._set(line.name, Choice(made, line.when, absent))
        if self.dialect.once or (len(found) == 1 and line.name.isidentifier()):
            return found
        kind = (
            self.dialect.base if absent is not None else f"{self.dialect.base} | None"
        )
        return [
            *self._set(line.name, absent, f": {kind}"),
            *statement("if ", line.when, INDENT, ":"),
            *self._set(line.name, made, indent=INDENT + STEP),
        ]

    def _set(
        self, name: str, doc: Doc, note: str = "", indent: int = INDENT
    ) -> list[str]:
        """The statement that sets a child, with its type where that must be told."""
        if name.isidentifier():
            return assignment(f"self.{name}{note}", doc, indent)
        return layout(self.dialect.put(name, doc), indent)

    # Children with numbers.

    def items(self, lines: Sequence[Line]) -> list[Doc]:
        """What a list holds, without statements."""
        found: list[Doc] = []
        for line, other in paired(flattened(lines)):
            if other is not None:
                one, two = self.child(line.target), self.child(other.target)
                found.append(Choice(one, line.when, two))
                continue
            value = self._several(line) if line.spread else self.child(line.target)
            if line.count is not None:
                clauses = [each(line, line.repeated())]
                if line.spread:
                    clauses.append(Each("layer", value))
                    value = Code("layer")
                found.append(Star(Loop(value, tuple(clauses))))
            elif line.when is not True:
                only = value if line.spread else Display((value,))
                found.append(Star(Choice(only, line.when, Display(()))))
            else:
                found.append(Star(value) if line.spread else value)
        return found

    def _several(self, line: Line) -> Doc:
        """The list of the children of a line that spreads."""
        if isinstance(line.target, Nested):
            return Display(tuple(self.items(line.target.lines)))
        return self.child(line.target)

    def chained(self, lines: Sequence[Line]) -> list[str]:
        """The statements that fill a class of numbered children."""
        first, *rest = chunks(lines)
        init = Container("super().__init__", self.dialect.sequential.unpacked)
        made = layout(packed(init, self.items(first)), INDENT)
        for chunk in rest:
            made += self._added(chunk, INDENT, "self")
        return made

    def returned(self, lines: Sequence[Line]) -> list[str]:
        """The statements that make a list and return it."""
        made, items = self.collected(lines, STEP, f": list[{self.dialect.member}]")
        if items == [Star(Code(LAYERS))]:
            return [*made, f"{' ' * STEP}return {LAYERS}"]
        return [*made, *layout(Display(tuple(items)), STEP, "return ")]

    def collected(
        self, lines: Sequence[Line], indent: int, note: str
    ) -> tuple[list[str], list[Doc]]:
        """Statements that collect children, and then what the list of all holds."""
        first, *rest = chunks(lines)
        if not rest:
            return [], self.items(first)
        last = [] if grows(rest[-1]) else rest.pop()
        made = assignment(f"{LAYERS}{note}", Display(tuple(self.items(first))), indent)
        for chunk in rest:
            made += self._added(chunk, indent, LAYERS)
        return made, [Star(Code(LAYERS)), *self.items(last)]

    def _added(self, lines: Sequence[Line], indent: int, to: str) -> list[str]:
        """Statements that add the children of lines to a list."""
        if not grows(lines):
            docs = self.items(lines)
            return [row for doc in docs for row in _add(doc, indent, to)]
        (line,) = lines
        made: list[str] = []
        deeper = indent + STEP
        if grows(inner(line)):
            for chunk in chunks(inner(line)):
                made += self._added(chunk, deeper, to)
        elif line.spread:
            made += _add(Star(self._several(line)), deeper, to)
        else:
            made += _add(self.child(line.target), deeper, to)
        if line.count is not None:
            return _turns(line, made, indent)
        return [*statement("if ", line.when, indent, ":"), *made]


def _turns(line: Line, body: Sequence[str], indent: int) -> list[str]:
    """The statements of a loop."""
    made: list[str] = []
    for name, value in line.start.items():
        made += assignment(name, value, indent)
    made += [*layout(each(line, line.repeated()), indent, "", ":"), *body]
    if line.carried:
        values = [*line.carried.values()]
        new: Doc = Display(tuple(values), "") if len(values) > 1 else values[0]
        made += assignment(", ".join(line.carried), new, indent + STEP)
    return made


def _add(doc: Doc, indent: int, to: str) -> list[str]:
    """The statement that adds a child, or several."""
    if not isinstance(doc, Star):
        return layout(Call(f"{to}.append", (doc,)), indent)
    if to == LAYERS and not isinstance(doc.value, Loop):
        return statement(f"{to} += ", doc.value, indent)
    return layout(Call(f"{to}.extend", (doc.value,)), indent)


def packed(container: Container, items: Sequence[Doc]) -> Call:
    """The call of a container of children."""
    if container.unpacked or not items:
        return Call(container.base, tuple(items))
    if len(items) == 1 and isinstance(items[0], Star):
        return Call(container.base, (items[0].value,))
    return Call(container.base, (Display(tuple(items)),))


def paired(lines: Iterable[Line]) -> Iterator[tuple[Line, Line | None]]:
    """Lines, each with the next one where that is there just where this one is not."""
    waiting: Line | None = None
    for line in lines:
        if waiting is not None:
            yield (waiting, line) if line.instead else (waiting, None)
            waiting = None if line.instead else line
        else:
            waiting = line
    if waiting is not None:
        yield waiting, None


def flattened(lines: Sequence[Line]) -> Iterator[Line]:
    """The lines of a list with those of lists that are always inlined in it."""
    for line in lines:
        if inner(line) and line.count is None and line.when is True:
            yield from flattened(inner(line))
        else:
            yield line


def grows(lines: Sequence[Line]) -> bool:
    """Whether a list reads better when statements fill it."""
    return any(
        (line.count is not None and (line.carried or line.spread)) or grows(inner(line))
        for line in lines
    )


def carries(lines: Sequence[Line]) -> bool:
    """Whether a loop of a list sets names anew, which only statements can."""
    return any(line.carried or carries(inner(line)) for line in lines)


def carried_list(target: Nested) -> bool:
    """Whether a nested list has loops that carry, and no outputs but its last."""
    return target.listed and not target.numbers and carries(target.lines)


def inner(line: Line) -> Sequence[Line]:
    """The lines of a list that is inlined in the one around it."""
    target = line.target
    return target.lines if isinstance(target, Nested) and target.inline else ()


def chunks(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines in groups: the first ones that are no statements, and then by turns."""
    found: list[list[Line]] = [[]]
    for line in flattened(lines):
        if grows([line]):
            found += [[line], []]
        else:
            found[-1].append(line)
    return [found[0], *(chunk for chunk in found[1:] if chunk)]

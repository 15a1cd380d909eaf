"""What `__init__` says: the children that the lines of an outline are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from archspec.source.classes.dialect import Container, Dialect, Start
from archspec.source.classes.scope import Scope, shared
from archspec.source.expr import Arg, named, names_of
from archspec.source.layout import assignment, layout, statement
from archspec.source.loops import each, turns
from archspec.source.outline import (
    Line,
    Nested,
    OpUse,
    Target,
    Use,
    expressions,
)
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
    template,
)

INDENT = 8
LAYERS = "layers"
"""The variable of children that statements collect."""


@dataclass(slots=True)
class Constructor:
    """Writes the statements that make children.

    `use` gives the call of a block's class, `nest` that of a nested graph's; `typed`
    says that the function at hand has told the type of its list of layers.
    """

    dialect: Dialect
    start: Start | None
    use: Callable[[Use], Call]
    nest: Callable[[Nested], Call]
    typed: bool = False

    def child(self, target: Target) -> Doc:
        """The child that computes a line."""
        if isinstance(target, Use):
            return self.use(target)
        if isinstance(target, Nested):
            chained = target.listed and not target.numbers
            if chained and not carries(target.lines):
                return packed(self.dialect.sequential, self.items(target.lines))
            return self.nest(target)
        made = self.dialect.modules[target.kind](target)
        if self.start is not None:
            made = self.start.child(target, made)
        extra = self.dialect.extra
        if extra is not None and isinstance(made, Call) and extra.wanted(target):
            made = replace(made, kwargs=(*made.kwargs, (extra.name, Code(extra.name))))
        return made

    # Children with names.

    def attributes(self, scope: Scope) -> list[str]:
        """The statements that set the attributes of a mapping."""
        around, self.typed = self.typed, False  # this may be a class in a class
        several = shared(scope.lines)
        made: list[str] = []
        for number, line in enumerate(scope.lines):
            if line.template:
                made += self._named(line)
            elif line.name in several:
                if number == several[line.name][0]:
                    group = [scope.lines[n] for n in several[line.name]]
                    made += self._sequence(line.name, group)
            elif line.count is not None:
                made += self._sequence(line.name, [line])
            elif scope.callees[number] is None:
                for name, value in scope.held[number].items():
                    made += assignment(f"self.{name}", value, INDENT)
            elif line.when is True:
                made += self._always(line)
            else:
                made += self._set(
                    line.name, either(self.child(line.target), line.when, None)
                )
        self.typed = around
        return made

    def _named(self, line: Line) -> list[str]:
        """A loop over children that are named by its index."""
        name = Code(f'f"{template(line.template)}"')
        add = self.dialect.add or self.dialect.put
        made = layout(add(name, self.child(line.target)), INDENT + STEP)
        return turns(line, made, INDENT, line.repeated())

    def _sequence(self, name: str, lines: Sequence[Line]) -> list[str]:
        """Numbered children as one attribute: called in turn, or side by side."""
        if all(line.value for line in lines):
            items = self._beside(lines)
            return self._set(name, packed(self.dialect.listing, items))
        made, items = self.collected(lines, INDENT)
        return [*made, *self._set(name, packed(self.dialect.sequential, items))]

    def _beside(self, lines: Sequence[Line]) -> list[Doc]:
        """Children side by side, as a loop where channels alone tell them apart."""
        items, channels = self.items(lines), [*map(reads, lines)]
        if len(lines) > 1 and all(item == items[0] for item in items):
            times = Each("_", Call("range", (len(items),)))
            return [Star(Loop(items[0], (times,)))]
        word = named("in_channels", "int")
        told = {
            name
            for line in lines
            for arg in expressions(line)
            for name in names_of(arg)
        }
        if None in channels or word.text in told:
            return items
        general = self.items([reading(line, word) for line in lines])
        if any(item != general[0] for item in general):
            return items
        each = Each(word.text, Display(tuple(channels), "()"))
        return [Star(Loop(general[0], (each,)))]

    def _always(self, line: Line) -> list[str]:
        target = line.target
        chained = isinstance(target, Nested) and target.listed and not target.numbers
        if isinstance(target, Nested) and chained and carries(target.lines):
            return self._sequence(line.name, target.lines)
        return self._set(line.name, self.child(target))

    def _set(self, name: str, doc: Doc) -> list[str]:
        """The statement that sets a child."""
        if name.isidentifier():
            return assignment(f"self.{name}", doc, INDENT)
        return layout(self.dialect.put(name, doc), INDENT)

    # Children with numbers.

    def items(self, lines: Sequence[Line]) -> list[Doc]:
        """What a list holds, without statements."""
        found: list[Doc] = []
        for line, other in paired(flattened(lines)):
            value = self._element(line)
            if value == Display(()):
                continue  # a list of nothing
            if other is not None:
                found.append(either(value, line.when, self._element(other)))
            elif line.count is not None:
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

    def _element(self, line: Line) -> Doc:
        """The child of a line; of one that spreads, the list of its children."""
        lines = inner(line)
        if lines is None:
            return self.child(line.target)
        return Display(tuple(self.items(lines)))

    def filled(self, container: Container, lines: Sequence[Line]) -> list[str]:
        """The statements that fill a class of numbered children."""
        first, *rest = chunks(lines)
        call = Container("super().__init__", container.unpacked)
        made = layout(packed(call, self.items(first)), INDENT)
        for chunk in rest:
            made += self._added(chunk, INDENT, "self")
        return made

    def returned(self, lines: Sequence[Line]) -> list[str]:
        """The statements that make a list and return it."""
        self.typed = False
        made, items = self.collected(lines, STEP)
        if items == [Star(Code(LAYERS))]:
            return [*made, f"{' ' * STEP}return {LAYERS}"]
        return [*made, *layout(Display(tuple(items)), STEP, "return ")]

    def collected(
        self, lines: Sequence[Line], indent: int
    ) -> tuple[list[str], list[Doc]]:
        """Statements that collect children, and then what the list of all holds."""
        first, *rest = chunks(lines)
        if not rest:
            return [], self.items(first)
        last = [] if grows(rest[-1]) else rest.pop()
        note = "" if self.typed else f": list[{self.dialect.member}]"
        self.typed = True
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
        deeper, nested = indent + STEP, inner(line) or ()
        if grows(nested):
            groups = chunks(nested)
            made = [row for group in groups for row in self._added(group, deeper, to)]
        else:
            value = self._element(line)
            made = _add(Star(value) if line.spread else value, deeper, to)
        if line.count is not None:
            return turns(line, made, indent, line.repeated())
        return [*statement("if ", line.when, indent, ":"), *made]


def _add(doc: Doc, indent: int, to: str) -> list[str]:
    """The statement that adds a child, or several."""
    if not isinstance(doc, Star):
        return layout(Call(f"{to}.append", (doc,)), indent)
    if to == LAYERS and not isinstance(doc.value, Loop):
        return statement(f"{to} += ", doc.value, indent)
    return layout(Call(f"{to}.extend", (doc.value,)), indent)


def either(body: Doc, test: Doc, other: Doc) -> Doc:
    """A choice between two things, unless they are the same."""
    return body if body == other else Choice(body, test, other)


def packed(container: Container, items: Sequence[Doc]) -> Call:
    """The call of a container of children."""
    if container.unpacked or not items:
        return Call(container.base, tuple(items))
    if len(items) == 1 and isinstance(items[0], Star):
        return Call(container.base, (items[0].value,))
    return Call(container.base, (Display(tuple(items)),))


def paired(lines: Iterable[Line]) -> Iterator[tuple[Line, Line | None]]:
    """Lines, each with the next one where that is there just where this one is not."""
    before: Line | None = None
    for line in lines:
        pair = before is not None and line.instead
        if before is not None:
            yield before, line if pair else None
        before = None if pair else line
    if before is not None:
        yield before, None


def flattened(lines: Sequence[Line]) -> Iterator[Line]:
    """The lines of a list with those of lists that are always inlined in it."""
    for line in lines:
        own = inner(line) if line.count is None and line.when is True else None
        if own is None:
            yield line
        else:
            yield from flattened(own)


def chunks(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines in groups: the first ones that are no statements, and then by turns."""
    found: list[list[Line]] = [[]]
    for line in flattened(lines):
        if grows([line]):
            found += [[line], []]
        else:
            found[-1].append(line)
    return [found[0], *(chunk for chunk in found[1:] if chunk)]


def grows(lines: Sequence[Line]) -> bool:
    """Whether a list reads better when statements fill it."""
    return any(
        (line.count is not None and (line.carried or line.spread))
        or grows(inner(line) or ())
        for line in lines
    )


def carries(lines: Sequence[Line]) -> bool:
    """Whether a loop of a list sets names anew, which only statements can."""
    return any(line.carried or carries(inner(line) or ()) for line in lines)


def reads(line: Line) -> Arg:
    """The channels that a layer, alone or alone in a list, reads; None for others."""
    target = line.target
    if isinstance(target, Nested) and len(target.lines) == 1:
        return reads(target.lines[0])
    if isinstance(target, OpUse) and len(target.channels) == 1:
        return target.channels[0]
    return None


def reading(line: Line, channels: Arg) -> Line:
    """Such a line that reads other channels."""
    target = line.target
    if isinstance(target, Nested):
        lines = [reading(inner, channels) for inner in target.lines]
        return replace(line, target=replace(target, lines=lines))
    assert isinstance(target, OpUse)
    return replace(line, target=replace(target, channels=(channels,)))


def inner(line: Line) -> Sequence[Line] | None:
    """The lines of a nested list that stands in the list around it."""
    target = line.target
    return target.lines if isinstance(target, Nested) and target.inline else None

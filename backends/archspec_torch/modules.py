"""What `__init__` says: the module that each line of an outline is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from archspec.source.loops import each
from archspec.source.outline import Line, Nested, OpUse, Target, Use
from archspec.source.text import (
    Call,
    Choice,
    Code,
    Display,
    Doc,
    Each,
    Loop,
    Star,
    assignment,
    flat,
    layout,
)
from archspec_torch.lowering import FUNCTIONS, MODULES, scale_name


class Modules:
    """Makes the modules of lines, and notes which printed classes they need.

    `use` gives the call of a block's class, `nest` that of a nested graph's.
    """

    def __init__(
        self, use: Callable[[Use], Call], nest: Callable[[Nested], Call]
    ) -> None:
        self.use = use
        self.nest = nest
        self.helpers: set[str] = set()
        self.scales: dict[str, str] = {}

    def module(self, target: Target) -> Call:
        """The module of one line."""
        if isinstance(target, OpUse):
            made = MODULES[target.kind](target)
            self._note(target, made)
            return made
        if isinstance(target, Use):
            return self.use(target)
        if target.listed and not target.numbers:
            return Call("nn.Sequential", tuple(self.items(target.lines)))
        return self.nest(target)

    def _note(self, use: OpUse, made: Call) -> None:
        for inner in (made, *(arg for arg in made.args if isinstance(arg, Call))):
            if not inner.fn.startswith("nn."):
                self.helpers.add(inner.fn)
        if use.kind == "scale":
            weight = str(use["weight"])
            self.scales[scale_name(weight)] = weight

    def attributes(self, lines: Sequence[Line]) -> list[str]:
        """The statements that set the modules of a mapping."""
        groups: dict[str, list[Line]] = {}
        for line in lines:
            groups.setdefault(line.name, []).append(line)
        made: list[str] = []
        several = shared(lines)
        for name, group in groups.items():
            line = group[0]
            if name in several or line.count is not None:
                made += _set(name, Call("nn.Sequential", tuple(self.items(group))))
            elif functional(line):
                if line.when is not True:
                    made += assignment(flag(name), line.when, 8)
            elif line.when is True:
                made += _set(name, self.module(line.target))
            else:
                absent: Doc = Call("nn.Identity") if len(line.reads) == 1 else None
                made += _set(name, Choice(self.module(line.target), line.when, absent))
        return made

    def items(self, lines: Sequence[Line]) -> list[Doc]:
        """What a list holds."""
        found: list[Doc] = []
        for number, line in enumerate(lines):
            target = line.target
            plain = line.count is None and line.when is True
            if isinstance(target, Nested) and target.inline and plain:
                found += self.items(target.lines)
            elif line.instead and number:
                before = lines[number - 1]
                one, other = self.module(before.target), self.module(target)
                found[-1] = Choice(one, before.when, other)
            else:
                found.append(self._item(line))
        return found

    def _item(self, line: Line) -> Doc:
        doc = self._element(line)
        if line.count is not None:
            clauses = [_each(line)]
            element = doc
            if line.spread:
                clauses.append(Each("layer", doc))
                element = Code("layer")
            return Star(Loop(element, tuple(clauses)))
        if line.when is not True:
            only = doc if line.spread else Display((doc,))
            return Star(Choice(only, line.when, Display(())))
        return Star(doc) if line.spread else doc

    def _element(self, line: Line) -> Doc:
        """What a list holds for a line; it is a list itself where the line spreads."""
        if isinstance(line.target, Nested) and line.spread:
            return Display(tuple(self.items(line.target.lines)))
        return self.module(line.target)

    def chained(self, lines: Sequence[Line]) -> list[str]:
        """The statements that fill an nn.Sequential."""
        first, rest = _split(lines) if _grows(lines) else (lines, [])
        made = layout(Call("super().__init__", tuple(self.items(first))), 8)
        for line in rest:
            if line.count is not None:
                made += self._loop(line, 8, "self.append", "self.extend")
                continue
            for doc in self.items([line]):
                value = doc.value if isinstance(doc, Star) else doc
                add = "self.extend" if isinstance(doc, Star) else "self.append"
                made += layout(Call(add, (value,)), 8)
        return made

    def returned(self, lines: Sequence[Line]) -> list[str]:
        """The statements that make a list and return it."""
        if not _grows(lines):
            return layout(Display(tuple(self.items(lines))), 4, "return ")
        first, rest = _split(lines)
        items = Display(tuple(self.items(first)))
        made = layout(items, 4, "layers: list[nn.Module] = ")
        while rest and rest[0].count is not None:
            made += self._loop(rest[0], 4, "layers.append", "")
            rest = rest[1:]
        if not rest:
            return [*made, "    return layers"]
        items = Display((Star(Code("layers")), *self.items(rest)))
        return [*made, *layout(items, 4, "return ")]

    def _loop(self, line: Line, indent: int, one: str, many: str) -> list[str]:
        """A `for` that adds the instances of a repeat; without `many`, by `+=`."""
        start = " " * indent
        doc = self._element(line)
        made = [f"{start}{flat(_each(line))}:"]
        if line.spread and not many:
            made += layout(doc, indent + 4, "layers += ")
        else:
            made += layout(Call(many if line.spread else one, (doc,)), indent + 4)
        if line.carried:
            names = ", ".join(line.carried)
            values = ", ".join(flat(value) for value in line.carried.values())
            made.append(f"{start}    {names} = {values}")
        return made


def functional(line: Line) -> bool:
    """Whether `forward` computes a line without a module."""
    target = line.target
    if not isinstance(target, OpUse) or line.count is not None:
        return False
    if target.kind not in MODULES or len(line.inputs) > 1:
        return True
    return target.kind in FUNCTIONS


def numbered(lines: Sequence[Line]) -> bool:
    """Whether a mapping's children are modules called 0, 1 and so on: a ModuleList."""
    return bool(lines) and all(
        line.name == str(number) and line.plain and not functional(line)
        for number, line in enumerate(lines)
    )


def shared(lines: Sequence[Line]) -> set[str]:
    """The names that stand for repeats: of several lines each, or of one instance."""
    counts = Counter(line.name for line in lines)
    return {line.name for line in lines if counts[line.name] > 1 or line.single}


def flag(name: str) -> str:
    """The attribute that says whether a functional op is there."""
    return f"self.has_{name}" if name.isdigit() else f"self.{name}"


def attribute(name: str) -> str:
    """The expression of a child."""
    return f'self.get_submodule("{name}")' if name.isdigit() else f"self.{name}"


def _set(name: str, doc: Doc) -> list[str]:
    """The assignment of a module; a long choice is an `if`."""
    if name.isdigit():
        if not isinstance(doc, Choice):
            return layout(Call("self.add_module", (name, doc)), 8)
        other, test, body = doc.other, doc.test, doc.body
        return [
            *layout(Call("self.add_module", (name, other)), 8),
            *layout(test, 8, "if ", ":"),
            *layout(Call("self.add_module", (name, body)), 12),
        ]
    made = assignment(f"self.{name}", doc, 8)
    if len(made) == 1 or not isinstance(doc, Choice):
        return made
    kind = "nn.Module | None" if doc.other is None else "nn.Module"
    return [
        f"        self.{name}: {kind} = {flat(doc.other)}",
        *layout(doc.test, 8, "if ", ":"),
        *assignment(f"self.{name}", doc.body, 12),
    ]


def _grows(lines: Sequence[Line]) -> bool:
    """Whether a list reads better when statements fill it."""
    return any(
        line.count is not None and (line.carried or line.spread) for line in lines
    )


def _split(lines: Sequence[Line]) -> tuple[Sequence[Line], Sequence[Line]]:
    """The lines before the first loop, and the others."""
    number = next(n for n, line in enumerate(lines) if line.count is not None)
    return lines[:number], lines[number:]


def _each(line: Line) -> Each:
    """The `for` of a loop."""
    return each(line, line.repeated())

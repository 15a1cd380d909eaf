"""The statements of a printed function: which variable holds what, and all names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archspec.source.expr import Expr
from archspec.source.loops import each
from archspec.source.naming import own
from archspec.source.outline import (
    Definition,
    Line,
    Nested,
    OpUse,
    Ref,
    Use,
    walk,
)
from archspec.source.text import (
    WIDTH,
    Call,
    Choice,
    Code,
    Doc,
    assignment,
    flat,
    layout,
)
from archspec_keras.factories import apart
from archspec_keras.lowering import LOWERINGS, sized
from archspec_keras.naming import LABEL, Naming, indexed, quoted, shared, static
from archspec_keras.steps import Layer, Steps

if TYPE_CHECKING:
    from archspec_keras.printing import Printer

REGISTERS = ("x", "y", "z")
COUNTING = ("i", "n", "number")
"""What numbers names; one of them that no loop around is called."""


class Body:
    """Writes the statements of one function."""

    def __init__(self, printer: Printer, indent: int) -> None:
        self.printer = printer
        self.indent = indent
        self.made: list[str] = []
        self.results: list[str] = []
        self.counters = 0
        self.labels = 0
        self.last: tuple[int, str, Doc, str] | None = None
        self.open = (0, 0, "")

    @staticmethod
    def read(line: Line) -> set[str]:
        """The names of the function that a line's text reads."""
        found: set[str] = set()
        bound = {inner.index for inner in walk([line]) if inner.index}
        for inner in walk([line]):
            docs: list[object] = [inner.when, inner.count]
            if isinstance(inner.target, OpUse):
                docs += inner.target.attributes.values()
                if sized(inner.target):
                    docs += inner.target.channels
            elif isinstance(inner.target, Use):
                channels = inner.target.definition.channel_arguments
                given = inner.target.arguments
                docs += [doc for name, doc in given.items() if name not in channels]
            for doc in docs:
                found |= doc.names() if isinstance(doc, Expr) else set()
            for name, doc in inner.carried.items():
                if name in found and isinstance(doc, Expr):
                    found |= doc.names()
        return found - bound

    def lines(
        self,
        definition: Definition,
        inputs: Sequence[str],
        naming: Naming,
        busy: frozenset[str],
    ) -> list[str]:
        """All statements of a definition; `results` then holds its outputs' names."""
        outputs = list(definition.outputs.values())
        self.results = self.scope(
            definition.lines,
            definition.listed,
            list(inputs),
            outputs,
            naming,
            busy,
            frozenset(outputs if len(set(outputs)) > 1 else ()),
        )
        return self.made

    def returned(self) -> list[str]:
        """All statements, where the last one can be the return itself."""
        if self.last is None or self.results != [self.last[1]]:
            return []
        start, _, doc, trail = self.last
        return [*self.made[:start], *applied("return ", doc, 4, trail)]

    def scope(
        self,
        lines: Sequence[Line],
        listed: bool,
        inputs: list[str],
        outputs: Sequence[Ref],
        naming: Naming,
        busy: frozenset[str],
        several: frozenset[Ref] = frozenset(),
    ) -> list[str]:
        """Statements of a definition or nested graph; the variables of its outputs.

        `several` are values with variables of their own names.
        """
        last: dict[Ref, int] = {}
        for number, line in enumerate(lines):
            for ref in line.reads:
                last[ref] = number
        for ref in outputs:
            last[ref] = len(lines)
        held = {Ref(None, n): name for n, name in enumerate(inputs)}
        if listed and not naming.counter and not static(lines):
            naming = Naming("", self._counter(naming.prefix))
        groups = shared(lines, listed)
        place = -1
        for number, line in enumerate(lines):
            args = [held[ref] for ref in line.inputs]
            place += not line.instead
            live = {name for ref, name in held.items() if last.get(ref, -1) > number}
            live |= busy
            child = self._child(line, place, listed, naming, groups)
            other = held[line.otherwise] if line.otherwise else args[0]
            apart = set() if line.otherwise is None else set(args)
            names = self._targets(line, other, live | apart - {other})
            plain = line.count is None and line.when is True and line.outputs == 1
            if plain and Ref(number) in several:
                named = own(line, self.printer.names.taken | live)
                names = [named] if named else names
            self._line(line, args, other, names, child, frozenset(live))
            for ref in [r for r, name in held.items() if name in names]:
                del held[ref]
            held.update((Ref(number, n), name) for n, name in enumerate(names))
        return [held[ref] for ref in outputs]

    def _counter(self, prefix: str) -> str:
        """A variable that gives numbered names."""
        self.counters += 1
        name = "names" if self.counters == 1 else f"names{self.counters}"
        index = next(n for n in COUNTING if n not in indexed(Naming(prefix)))
        text = quoted(f"{prefix}{{{index}}}")
        self._put(f"{name} = ({text} for {index} in count())")
        return name

    def _label(self) -> str:
        """A variable for a name; those of the scopes around stay as they are."""
        return f"{LABEL}{self.labels + 1}" if self.labels else LABEL

    def _child(
        self,
        line: Line,
        number: int,
        listed: bool,
        naming: Naming,
        groups: dict[str, str],
    ) -> Naming:
        """What a line's own name is: `prefix` is all of it, or `counter` gives it."""
        if naming.counter:
            return naming
        if listed:
            text = f"{{{line.index}}}" if line.count is not None else str(number)
            return Naming(f"{naming.prefix}{text}")
        if line.name in groups:
            if groups[line.name].isdigit():
                number = int(groups[line.name])
                groups[line.name] = str(number + 1)
                return Naming(f"{naming.prefix}{line.name}_{number}")
            if not groups[line.name]:
                groups[line.name] = self._counter(f"{naming.prefix}{line.name}_")
            return Naming("", groups[line.name])
        if line.count is not None:
            return Naming(f"{naming.prefix}{line.name}_{{{line.index}}}")
        return Naming(f"{naming.prefix}{line.name}")

    def _targets(self, line: Line, other: str, live: set[str]) -> list[str]:
        """The variables that a line's outputs go to; `other` is there without it."""
        if other not in live and line.outputs == 1:
            chained = line.count is not None or line.when is not True
            if chained or (other in REGISTERS and len(line.inputs) == 1):
                return [other]
        free = [name for name in REGISTERS if name not in live]
        number = 2
        while len(free) < line.outputs:
            if f"x{number}" not in live:
                free.append(f"x{number}")
            number += 1
        return free[: line.outputs]

    def _line(
        self,
        line: Line,
        args: list[str],
        other: str,
        names: list[str],
        child: Naming,
        live: frozenset[str],
    ) -> None:
        chained = line.count is not None or line.when is not True
        if chained and names[0] != other:
            self._put(f"{names[0]} = {other}")
            args = [names[0] if arg == other else arg for arg in args]
        start = len(self.made)
        if line.count is not None:
            read = self.read(Line("", line.target, ())) | indexed(child)
            self._put(f"{flat(each(line, read))}:")
        elif line.when is not True:
            test = f"if {flat(line.when)}:"
            if (len(self.made), self.indent, test) != self.open:
                self._put(test)
        else:
            self._target(line, args, names, child, live)
            return
        header = len(self.made) - start
        self.indent += 4
        self._target(line, args, names, child, live | frozenset(names))
        self._carry(line)
        self.indent -= 4
        if len(self.made) == start + header:
            # An identity needs no statement, and a loop or a condition needs one.
            del self.made[start:]
        elif line.when is not True:
            self.open = (len(self.made), self.indent, f"if {flat(line.when)}:")

    def _carry(self, line: Line) -> None:
        """Sets the arguments anew that a loop carries, and that it reads."""
        read = self.read(line)
        carried = {k: v for k, v in line.carried.items() if k in read}
        if carried:
            values = ", ".join(flat(value) for value in carried.values())
            self._put(f"{', '.join(carried)} = {values}")

    def _target(
        self,
        line: Line,
        args: list[str],
        names: list[str],
        child: Naming,
        live: frozenset[str],
    ) -> None:
        target = line.target
        if isinstance(target, OpUse):
            self._op(target, line, args, names[0], child)
        elif isinstance(target, Use):
            self._assign(", ".join(names), self._use(target, args, child))
        else:
            self._nested(target, args, names, child, live)

    def _op(
        self, use: OpUse, line: Line, args: list[str], name: str, child: Naming
    ) -> None:
        steps = self._steps(use, line)
        named = [step for step in steps if isinstance(step, Layer)]
        label: Doc = Code(quoted(child.prefix))
        if child.counter:
            label = Code(f"next({child.counter})")
            if len(named) > 1:
                held = self._label()
                self._put(f"{held} = {flat(label)}")
                child, label = Naming(f"{{{held}}}"), Code(held)
            elif not named:
                self._put(flat(label))
        for step in steps:
            if isinstance(step, Layer):
                own = label
                if step.suffix:
                    suffix = self.printer.suffixes[step.suffix]
                    own = Code(quoted(f"{child.prefix}{suffix}"))
                self._note(step.call.fn)
                self.printer.layers.append(step.call)
                short = self.printer.factories(step.call)
                made = Call(short.fn, short.args, (*short.kwargs, ("name", own)))
                joined = args[0] if len(args) == 1 else f"[{', '.join(args)}]"
                self._layer(name, made, f"({joined})")
            else:
                doc = step.doc(args)
                if isinstance(doc, Call):
                    self._note(doc.fn)
                    if "static_size" in flat(doc):
                        self._note("static_size")
                self.printer.autos.update(step.autos)
                self._assign(name, doc)
            args = [name]
        if not steps and args[0] != name:
            self._put(f"{name} = {args[0]}")

    def _steps(self, use: OpUse, line: Line) -> Steps:
        steps = LOWERINGS[use.kind](use, self.printer.initials)
        if use.kind != "flatten" or len(steps) == 1:
            return steps
        # One pixel needs no reordering, and stays one at every size of image.
        read = {self._input_of(name) for name in line.nodes}
        return steps[1:] if read <= self.printer.pixels else steps

    def _input_of(self, node: str) -> str:
        return self.printer.input_of[node]

    def _note(self, fn: str) -> None:
        if "." not in fn:
            self.printer.helpers.add(fn)

    def _use(self, use: Use, args: list[str], child: Naming) -> Call:
        definition = use.definition
        wanted = self.printer.arguments(definition)
        given = {k: v for k, v in use.arguments.items() if k in wanted}
        first = [Code(arg) for arg in args]
        positional = [v for k, v in given.items() if k in definition.positional]
        rest: list[tuple[str, Doc]] = [
            (k, v) for k, v in given.items() if k not in definition.positional
        ]
        if definition.listed and definition.inline:
            rest.append(("names", Code(child.counter)))
        else:
            text = f"next({child.counter})" if child.counter else quoted(child.prefix)
            rest.append(("name", Code(text)))
        title = self.printer.titles[id(definition)]
        return Call(title, (*first, *positional), tuple(rest))

    def _nested(
        self,
        nested: Nested,
        args: list[str],
        names: list[str],
        child: Naming,
        live: frozenset[str],
    ) -> None:
        naming = Naming(f"{child.prefix}_")
        if child.counter and nested.inline:
            naming = child
        elif child.counter:
            held = self._label()
            self._put(f"{held} = next({child.counter})")
            naming = Naming(f"{{{held}}}_")
            self.labels += 1
        busy = live - frozenset(names)
        results = self.scope(
            nested.lines, nested.listed, args, nested.outputs, naming, busy
        )
        if child.counter and not nested.inline:
            self.labels -= 1
        moved = [(a, b) for a, b in zip(names, results, strict=True) if a != b]
        if moved:
            targets, values = zip(*moved, strict=True)
            self._put(f"{', '.join(targets)} = {', '.join(values)}")

    def _put(self, text: str) -> None:
        self.made.append(" " * self.indent + text)
        self.last = None

    def _layer(self, target: str, made: Call, trail: str) -> None:
        """A layer that is called; if it is long, its initializers come first."""
        if self.indent + len(f"{target} = {flat(made)}{trail}") > WIDTH:
            drawn, options = apart(made.kwargs)
            for name, value in drawn:
                self._assign(name, value)
            made = Call(made.fn, made.args, options)
        self._assign(target, made, trail)

    def _assign(self, target: str, doc: Doc, trail: str = "") -> None:
        start = len(self.made)
        self.made += applied(f"{target} = ", doc, self.indent, trail)
        self.last = (start, target, doc, trail) if self.indent == 4 else None


def applied(lead: str, doc: Doc, indent: int, trail: str) -> list[str]:
    """A statement whose value may be called, with `trail`, as ruff format breaks it."""
    start = " " * indent
    line = f"{start}{lead}{flat(doc)}"
    if trail and len(line) < WIDTH < len(f"{line}{trail}"):
        return [f"{line}(", f"{start}    {trail[1:-1]}", f"{start})"]
    if isinstance(doc, Choice) and not trail and lead.endswith("= "):
        return assignment(lead.removesuffix(" = "), doc, indent)
    return layout(doc, indent, lead, trail)

"""What printed functions call: layers, and each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archspec.graph import Graph
from archspec.source.functions.dialect import Constants, Dialect, Layer, Step
from archspec.source.functions.labels import Label
from archspec.source.layout import layout
from archspec.source.outline import Definition, Line, OpUse, Target, Use, walk
from archspec.source.partials import Partials
from archspec.source.text import Call, Code, Doc, Names


class Calls:
    """The calls of one module.

    Attributes:
        context: the first argument of every function of a block, if they have one.
        lowered: for each op of an outline, by its id, its steps.
        titles: the functions' names, by the id of a definition.
        named: the parameter by which those that are printed already name their layers.
    """

    def __init__(
        self,
        graph: Graph,
        definitions: Sequence[Definition],
        dialect: Dialect,
        names: Names,
    ) -> None:
        self.dialect = dialect
        self.context = [Code(dialect.context.partition(":")[0])] * bool(dialect.context)
        self.taken = {node.layer(dialect.separator) for node in graph.nodes}
        self.constants = Constants(names)
        self.lowered: dict[int, list[Step]] = {}
        self.titles: dict[int, str] = {}
        self.named: dict[int, str] = {}
        self.endings: dict[str, str] = {"": ""}
        every = [line.target for made in definitions for line in walk(made.lines)]
        layers = [call for use in every for call in self._lower(use)]
        self.partials = Partials(layers, names)

    def _lower(self, use: Target) -> list[Call]:
        """Keeps the steps of an op; the layers that they call."""
        if not isinstance(use, OpUse):
            return []
        steps = self.lowered[id(use)] = [*self.dialect.lowerings[use.kind](use)]
        for number, step in enumerate(steps):
            if isinstance(step, Layer) and not step.suffix:
                steps[number] = self.dialect.initial(use, step, self.constants)
        return [step.made for step in steps if isinstance(step, Layer)]

    def names(self) -> set[str]:
        """The names of all that the module holds."""
        held = (*self.constants.held.values(), *self.partials.shared.values())
        return {*self.titles.values(), *(name for name, _ in held)}

    def lines(self) -> list[str]:
        """What stands before the functions."""
        held = self.constants.held.values()
        made = [line for name, doc in held for line in layout(doc, 0, f"{name} = ")]
        return made + self.partials.lines()

    def empty(self, line: Line) -> bool:
        """Whether a line is an op, always there, that gives what it reads."""
        use = line.target
        return isinstance(use, OpUse) and line.plain and not self.lowered[id(use)]

    def op(self, step: Step, values: Sequence[Doc], label: Label) -> Doc:
        """The value of a step."""
        if isinstance(step, Layer):
            step = replace(step, made=self.partials.short(step.made))

        def name(suffix: str) -> Doc:
            return Label(label.text + self._ending(suffix), label.counter).code()

        return step.value(values, name)

    def use(self, use: Use, values: Sequence[Doc], label: Label) -> Call:
        """The call of a block's function."""
        held, named = use.definition.arguments, self.named[id(use.definition)]
        given = {key: v for key, v in use.arguments.items() if key in held}
        first = [given.pop(key) for key in use.definition.positional]
        last = [(named, label.code() if named == "name" else Code(label.counter))]
        return Call(
            self.titles[id(use.definition)],
            (*self.context, *values, *first),
            (*given.items(), *(last if named else ())),
        )

    def below(self, text: str) -> str:
        """What the names of the children of a layer start with."""
        return f"{text}{self.dialect.separator}"

    def _ending(self, suffix: str) -> str:
        """What is added to an op's name: nothing that makes it another op's."""
        if suffix not in self.endings:
            text = self.below("") + suffix
            while any(f"{name}{text}" in self.taken for name in self.taken):
                text += "_"
            self.endings[suffix] = text
        return self.endings[suffix]

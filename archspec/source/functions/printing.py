"""A printed module: a function for each block of an outline, and one for the net."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from archspec.graph import Graph
from archspec.source.functions.body import Body, Statement, printed, reads
from archspec.source.functions.calls import Calls
from archspec.source.functions.dialect import Dialect
from archspec.source.functions.labels import Label
from archspec.source.liveness import LANGUAGE, output_names
from archspec.source.module import module
from archspec.source.naming import rename
from archspec.source.outline import Argument, Definition, walk
from archspec.source.text import (
    STEP,
    Names,
    assignment,
    flat,
    header,
    layout,
    snake_case,
)

IMPORTS = {
    "Iterator": "from collections.abc import Iterator",
    "count": "from itertools import count",
    "partial": "from functools import partial",
}
OWN = ("name", "names", "label")
SEVERAL = 4
"""So many values and more are `tuple[KerasTensor, ...]`."""


class Printer:
    """Prints the definitions of one graph, of which the net is the last."""

    def __init__(
        self, graph: Graph, definitions: Sequence[Definition], dialect: Dialect
    ) -> None:
        self.graph = graph
        self.definitions = definitions
        self.dialect = dialect
        self.frame = dialect.frame(graph)
        own = {*LANGUAGE, *IMPORTS, *dialect.imports, *dialect.helpers}
        own |= {*self.frame.inputs, *map(_parameter, self.frame.before)}
        rename(definitions, {*own, *OWN})
        names = Names((*own, *OWN, *(n for made in definitions for n in _given(made))))
        self.calls = Calls(graph, definitions, dialect, names)
        self.entry = names.take(dialect.title(graph.title or graph.name))
        for made in definitions[:-1]:
            self.calls.titles[id(made)] = names.take(snake_case(made.title))
        self.taken = own | {"name", self.entry, *self.calls.names()}

    def text(self, doc: Sequence[str]) -> str:
        """The whole module, with a docstring."""
        functions = ["\n".join(self._function(made)) for made in self.definitions]
        once = [
            line
            for name, value in self.calls.constants.named.values()
            for line in layout(value, 0, f"{name} = ")
        ]
        return module(
            doc,
            ["\n".join([*once, *self.calls.partials.lines()]), *functions],
            {**IMPORTS, **self.dialect.imports},
            self.dialect.helpers,
        )

    def _function(self, definition: Definition) -> list[str]:
        lines = [*walk(definition.lines)]
        taken = self.taken.union(_given(definition), *(each.bound() for each in lines))
        counted = definition.listed and definition.inline
        taken |= {"names"} if counted else set()
        known = {*definition.inputs, *output_names(definition)}
        body = Body(self.calls, taken, known.union(each.name for each in lines))
        if definition.model:
            return self._model(definition, body)
        return self._block(definition, body, counted)

    def _block(self, definition: Definition, body: Body, counted: bool) -> list[str]:
        tensor = self.dialect.tensor
        inputs = [_variable(name, body.taken) for name in definition.inputs]
        inputs = ["x"] if len(inputs) == 1 else inputs
        results = body.scope(
            definition.lines,
            definition.listed,
            inputs,
            dict(
                zip(output_names(definition), definition.outputs.values(), strict=True)
            ),
            Label("", "names") if counted else Label(self.calls.below("{name}")),
        )
        body.returned(results)
        channels = {
            name: self.dialect.channels.format(inputs[number])
            for name, number in definition.channel_arguments.items()
        }
        lines, arguments = _computed(definition, body, channels)
        self.calls.parameters[id(definition)] = [each.name for each in arguments]
        kinds = [tensor] * len(results)
        kinds = kinds if len(kinds) < SEVERAL else [tensor, "..."]
        parameters = [
            *(f"{name}: {tensor}" for name in inputs),
            *(f"{each.name}: {each.type()}" for each in arguments),
            "names: Iterator[str]" if counted else "name: str",
        ]
        result = f"tuple[{', '.join(kinds)}]" if len(kinds) > 1 else tensor
        title = self.calls.titles[id(definition)]
        return [*header(f"def {title}", parameters, result, 0), *lines]

    def _model(self, definition: Definition, body: Body) -> list[str]:
        frame = self.frame
        results = body.scope(
            definition.lines,
            definition.listed,
            frame.inputs,
            definition.outputs,
            Label(""),
            frame.inputs,
        )
        outputs = dict(zip(definition.outputs, results, strict=True))
        body.made.append(Statement("return ", frame.result(outputs)))
        lines, arguments = _computed(definition, body, frame.given)
        parameters = [
            *frame.before,
            *(f"{a.name}: {a.type()} = {flat(a.default)}" for a in arguments),
            *frame.behind,
        ]
        head = header(f"def {self.entry}", parameters, self.dialect.model, 0)
        return [*head, *frame.opening, *lines]


def _computed(
    definition: Definition, body: Body, given: Mapping[str, str]
) -> tuple[list[str], list[Argument]]:
    """The lines of a body, and the arguments that it reads.

    First come what the inputs say, as `given` has it, and what is computed once.
    """
    read = reads(body.made)
    lines = printed(body.made, STEP, read)
    for name, value in reversed(definition.constants.items()):
        if name in read:
            lines = [*assignment(name, value, STEP), *lines]
            read |= value.names()
    first = [f"{' ' * STEP}{n} = {text}" for n, text in given.items() if n in read]
    arguments = [
        argument
        for name, argument in definition.arguments.items()
        if name in read and name not in given
    ]
    return [*first, *lines], arguments


def _given(definition: Definition) -> list[str]:
    """The names that a function is given."""
    return [*definition.arguments, *definition.constants]


def _parameter(text: str) -> str:
    """The name of a parameter with an annotation."""
    return text.partition(":")[0]


def _variable(name: str, taken: Collection[str]) -> str:
    """The variable of an input."""
    while name in taken:
        name += "_"
    return name

"""A printed module: a function for each block of an outline, and one for the net."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Collection, Mapping, Sequence

from archspec.graph import Graph
from archspec.source.docstring import docstring
from archspec.source.functions.body import Body, Statement, printed, read_names
from archspec.source.functions.calls import Calls
from archspec.source.functions.dialect import Dialect
from archspec.source.functions.labels import Label
from archspec.source.liveness import output_names
from archspec.source.module import module
from archspec.source.outline import Definition, Ref, walk
from archspec.source.program import Source
from archspec.source.text import (
    STEP,
    Names,
    assignment,
    flat,
    function_name,
    header,
    layout,
)

IMPORTS = {
    "Iterator": "from collections.abc import Iterator",
    "count": "from itertools import count",
    "partial": "from functools import partial",
}
OWN = ("names", "label")
SEVERAL = 4
"""So many values and more are `tuple[KerasTensor, ...]`."""


def source(graph: Graph, definitions: Sequence[Definition], dialect: Dialect) -> Source:
    """The source of a graph; its outline has the net last."""
    return Printer(graph, definitions, dialect).source()


class Printer:
    """Prints the definitions of one graph, in order."""

    def __init__(
        self, graph: Graph, definitions: Sequence[Definition], dialect: Dialect
    ) -> None:
        self.graph = graph
        self.definitions = definitions
        self.dialect = dialect
        params = {name for made in definitions for name in _params(made)}
        self.frame = dialect.frame(graph, {*definitions[-1].arguments})
        own = {"name", *IMPORTS, *dialect.imports, *dialect.helpers}
        own |= {*self.frame.inputs, *map(_parameter, self.frame.before)}
        names = Names((*own, *OWN, *keyword.kwlist, *vars(builtins), *params))
        self.calls = Calls(graph, definitions, dialect, names)
        titles = self.calls.titles
        self.entry = names.take(dialect.title(graph.title or graph.name))
        for made in definitions[:-1]:
            titles[id(made)] = names.take(function_name(made.title))
        self.taken = own | names.taken.difference(params, OWN)

    def source(self) -> Source:
        """The whole module."""
        functions = ["\n".join(self._function(made)) for made in self.definitions]
        once = [
            *(
                line
                for name, value in self.calls.constants.named.values()
                for line in layout(value, 0, f"{name} = ")
            ),
            *self.calls.partials.lines(),
        ]
        text = module(
            docstring(self.graph, channels_last=self.dialect.channels_last),
            ["\n".join(once), *functions],
            {**IMPORTS, **self.dialect.imports},
            self.dialect.helpers,
        )
        return Source(text, self.entry, self.graph.name, self.dialect.backend)

    def _function(self, definition: Definition) -> list[str]:
        taken = self.taken | {*definition.arguments, *definition.constants}
        taken |= {line.index for line in walk(definition.lines)}
        if definition.listed and definition.inline:
            taken |= {"names"}
        known = {line.name for line in walk(definition.lines)}
        known |= {*definition.inputs, *output_names(definition)}
        body = Body(self.calls, taken, known)
        return (self._model if definition.model else self._block)(definition, body)

    def _block(self, definition: Definition, body: Body) -> list[str]:
        tensor = self.dialect.tensor
        inputs = [_variable(name, body.taken) for name in definition.inputs]
        inputs = ["x"] if len(inputs) == 1 else inputs
        counted = definition.listed and definition.inline
        label = Label("", "names") if counted else Label(self.calls.below("{name}"))
        results = body.scope(
            definition.lines, definition.listed, inputs, _outputs(definition), label
        )
        body.returned(results)
        lines, read = _computed(definition, body)
        channels = {
            name: self.dialect.channels.format(inputs[number])
            for name, number in definition.channel_arguments.items()
            if name in read
        }
        arguments = [
            argument
            for name, argument in definition.arguments.items()
            if name in read and name not in channels
        ]
        self.calls.parameters[id(definition)] = [each.name for each in arguments]
        parameters = [
            *(f"{name}: {tensor}" for name in inputs),
            *(f"{each.name}: {each.type()}" for each in arguments),
            "names: Iterator[str]" if counted else "name: str",
        ]
        result = tensor
        if len(results) > 1:
            kinds = [tensor] * len(results)
            kinds = kinds if len(kinds) < SEVERAL else [tensor, "..."]
            result = f"tuple[{', '.join(kinds)}]"
        return [
            *header(f"def {self.calls.titles[id(definition)]}", parameters, result, 0),
            *(f"    {name} = {code}" for name, code in channels.items()),
            *lines,
        ]

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
        lines, read = _computed(definition, body)
        arguments = [a for name, a in definition.arguments.items() if name in read]
        parameters = [
            f"{each.name}: {each.type()} = {flat(each.default)}"
            for each in arguments
            if each.name not in frame.given
        ]
        return [
            *header(
                f"def {self.entry}",
                [*frame.before, *parameters, *frame.behind],
                self.dialect.model,
                0,
            ),
            *frame.opening,
            *(
                f"    {each.name} = {frame.given[each.name]}"
                for each in arguments
                if each.name in frame.given
            ),
            *lines,
        ]


def _params(definition: Definition) -> set[str]:
    """The names that its function gets from the spec."""
    indices = (line.index for line in walk(definition.lines))
    arguments, constants = definition.arguments, definition.constants
    return {*arguments, *constants, *definition.inputs, *indices}


def _parameter(text: str) -> str:
    """The name of a parameter with an annotation."""
    return text.partition(":")[0]


def _variable(name: str, taken: Collection[str]) -> str:
    """The variable of an input."""
    while name in taken:
        name += "_"
    return name


def _outputs(definition: Definition) -> Mapping[str, Ref]:
    """The outputs of a block, by the names that they have there."""
    refs = list(definition.outputs.values())
    names = output_names(definition) if len(refs) > 1 else ("",)
    return {
        name if names.count(name) == 1 and name else str(number): ref
        for number, (name, ref) in enumerate(zip(names, refs, strict=True))
    }


def _computed(definition: Definition, body: Body) -> tuple[list[str], set[str]]:
    """A body behind the constants that it reads; the names that all of it reads."""
    lines = printed(body.made, STEP)
    read = read_names(lines)
    for name, value in reversed(definition.constants.items()):
        if name in read:
            lines = [*assignment(name, value, STEP), *lines]
            read |= value.names()
    return lines, read

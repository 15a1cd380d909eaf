"""A printed module: a function for each block of an outline, and one for the net."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from archspec.graph import Graph
from archspec.source.docstring import described
from archspec.source.functions.body import Body, Statement, printed, reads
from archspec.source.functions.calls import Calls
from archspec.source.functions.dialect import Dialect
from archspec.source.functions.labels import Label
from archspec.source.liveness import LANGUAGE, local_names, output_names
from archspec.source.module import module
from archspec.source.naming import TAKEN, rename
from archspec.source.outline import Definition, walk
from archspec.source.prune import drop, drop_carried
from archspec.source.text import (
    STEP,
    Names,
    assignment,
    header,
    snake_case,
)

IMPORTS = {
    "Iterator": "from collections.abc import Iterator",
    "count": "from itertools import count",
    "partial": "from functools import partial",
}
INVENTED = ("names", "label", "prefix")
"""Variables of what layers are called."""
LABELS = {"name": "str", "names": "Iterator[str]"}
"""The parameters of what names layers, with their types."""
SEVERAL = 4
"""So many values and more are `tuple[KerasTensor, ...]`."""


class Printer:
    """Prints the definitions of one graph, of which the net is the last."""

    def __init__(
        self, graph: Graph, definitions: Sequence[Definition], dialect: Dialect
    ) -> None:
        self.definitions = definitions
        self.shapes, self.last = graph.shapes(), dialect.channels_last
        self.dialect = dialect
        self.frame = dialect.frame(graph)
        own = {*LANGUAGE, *IMPORTS, *INVENTED, "name", *dialect.imports}
        own |= {*dialect.helpers, *self.frame.inputs}
        own |= {*dialect.constants, *dialect.last}
        own |= {text.partition(":")[0] for text in self.frame.before}
        rename(definitions, own)
        given = self.frame.given.items()
        self.given = {f"{n}_" if n in own | TAKEN else n: code for n, code in given}
        names = Names([*own.union(*map(local_names, definitions))])
        self.calls = Calls(graph, definitions, dialect, names)
        self.entry = names.take(dialect.title(graph.title or graph.name))
        for made in definitions[:-1]:
            self.calls.titles[id(made)] = names.take(snake_case(made.title))
        self.taken = own.difference(INVENTED) | {self.entry, *self.calls.names()}

    def text(self, doc: Sequence[str], fingerprint: str) -> str:
        """The whole module, with a docstring."""
        functions = ["\n".join(self._function(made)) for made in self.definitions]
        constants = [*self.dialect.constants.values(), *self.calls.lines()]
        return module(
            doc,
            ["\n".join(constants), *functions, *self.dialect.last.values()],
            {**IMPORTS, **self.dialect.imports},
            self.dialect.helpers,
            fingerprint,
        )

    def _function(self, definition: Definition) -> list[str]:
        counted = definition.listed and definition.inline
        taken = self.taken | local_names(definition)
        known = {*definition.inputs, *output_names(definition)}
        known |= {line.name for line in walk(definition.lines)}
        body = Body(self.calls, taken | ({"names"} if counted else set()), known)
        if definition.model:
            return self._model(definition, body)
        return self._block(definition, body, "names" if counted else "name")

    def _block(self, definition: Definition, body: Body, named: str) -> list[str]:
        tensor, refs = self.dialect.tensor, definition.outputs.values()
        inputs = [_variable(name, body.taken) for name in definition.inputs]
        inputs = ["x"] if len(inputs) == 1 else inputs
        names = output_names(definition) if len(refs) > 1 else ("",)
        outputs = dict(zip(names, refs, strict=True))
        label = Label(self.calls.below("{name}"))
        label = label if named == "name" else Label("", named)
        results = body.scope(definition, inputs, outputs, label)
        body.returned(results)
        channels = {
            name: self.dialect.channels.format(inputs[number])
            for name, number in definition.channel_arguments.items()
        }
        lines, read = _lines(definition, body, channels)
        parameters = [
            *(f"{name}: {tensor}" for name in inputs),
            *definition.parameters(),
        ]
        self.calls.named[id(definition)] = named if named in read else ""
        if named in read:
            parameters.append(f"{named}: {LABELS[named]}")
        kinds = [tensor] * len(results)
        kinds = kinds if len(kinds) < SEVERAL else [tensor, "..."]
        result = f"tuple[{', '.join(kinds)}]" if len(kinds) > 1 else tensor
        title = self.calls.titles[id(definition)]
        told = described(definition, self.shapes, STEP, channels_last=self.last)
        return [*header(f"def {title}", parameters, result, 0), *told, *lines]

    def _model(self, definition: Definition, body: Body) -> list[str]:
        frame, outputs = self.frame, definition.outputs
        results = body.scope(definition, frame.inputs, outputs, Label(""), frame.inputs)
        made = frame.result(dict(zip(outputs, results, strict=True)))
        last = Statement("return ", made)
        if frame.within is not None:
            last = Statement("with ", frame.within, [last])
        body.made.append(last)
        lines, _ = _lines(definition, body, self.given)
        parameters = [*frame.before, *definition.parameters(frame.behind)]
        head = header(f"def {self.entry}", parameters, self.dialect.model, 0)
        told = described(definition, self.shapes, STEP, channels_last=self.last)
        return [*head, *told, *frame.opening, *lines]


def _lines(
    definition: Definition, body: Body, given: Mapping[str, str]
) -> tuple[list[str], set[str]]:
    """The lines of a body, and the names that it reads: a definition keeps no others.

    First come what the inputs say, as `given` has it, and what is computed once.
    """
    read = reads(body.made)
    for name in given:
        definition.arguments.pop(name, None)
    drop_carried(definition, read)
    drop(definition, read)
    lines = [f"{' ' * STEP}{name} = {given[name]}" for name in given if name in read]
    for name, value in definition.constants.items():
        lines += assignment(name, value, STEP)
    return [*lines, *printed(body.made, STEP)], read


def _variable(name: str, taken: Collection[str]) -> str:
    """The variable of an input."""
    while name in taken:
        name += "_"
    return name

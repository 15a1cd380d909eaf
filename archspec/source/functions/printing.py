"""A printed module: a function for each block of an outline, and one for each net."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from archspec.graph import Graph
from archspec.source.docstring import built, described
from archspec.source.expr import named, put, translated
from archspec.source.family import Builder, Family
from archspec.source.functions.body import Body, Statement, printed, reads
from archspec.source.functions.calls import Calls
from archspec.source.functions.dialect import Dialect, Frame
from archspec.source.functions.labels import Label
from archspec.source.layout import assignment, header, layout
from archspec.source.liveness import LANGUAGE, local_names, output_names
from archspec.source.module import module
from archspec.source.naming import TAKEN, rename, safe, told_apart
from archspec.source.outline import Definition, walk
from archspec.source.prune import drop, drop_carried
from archspec.source.text import (
    STEP,
    Call,
    Code,
    Doc,
    Names,
    function_name,
    prose,
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
    """Prints the definitions of one graph; the last one is the whole.

    That is the net, or what uses each net of a family.
    """

    def __init__(
        self,
        graph: Graph,
        definitions: Sequence[Definition],
        dialect: Dialect,
        family: Family | None = None,
    ) -> None:
        self.whole = definitions[-1]
        self.definitions = definitions[:-1] if family else definitions
        self.shapes, self.last = graph.shapes(), dialect.channels_last
        self.dialect, self.family = dialect, family
        self.frames: dict[Definition, Frame] = {}
        own = {*LANGUAGE, *IMPORTS, *INVENTED, "name", *dialect.imports}
        own |= {*dialect.helpers, *dialect.constants, *dialect.last}
        for net in (made for made in self.definitions if made.net):
            nets = family.graphs_of(net) if family else [graph]
            nets.sort(key=lambda graph: -len(graph.nodes))
            frame = self.frames[net] = framed([*map(dialect.frame, nets)])
            own |= {*frame.inputs, *_codes((*frame.before, *frame.behind))}
        context = {*_codes([dialect.context])} - {""}
        own |= context
        rename(definitions, own)
        self.clashing = own | TAKEN
        local = {""}.union(*map(local_names, definitions))
        names = Names([*own, *local])
        self.calls = Calls(graph, definitions, dialect, names)
        made = family.graphs if family else [graph]
        # What is made may be called what holds it inside: nothing there calls it.
        outer = Names([*(own - context), *local])
        self.entries = [outer.take(dialect.title(g)) for g in made]
        for name in self.entries:
            names.take(name)
        self.entry = self.entries[0]
        titles = {net: self._title(net) for net in self.frames} if family else {}
        titles |= {d: d.title for d in self.definitions if d not in self.frames}
        for definition, told in told_apart(titles).items():
            title = f"{told} {titles[definition]}".strip()
            named = (
                function_name(title).lower() if definition.net else snake_case(title)
            )
            self.calls.titles[id(definition)] = names.take(named)
        if family is None:
            self.calls.titles[id(self.whole)] = self.entry
        self.taken = own.difference(INVENTED) | {*self.entries, *self.calls.names()}

    def text(self, doc: Sequence[str], fingerprint: str) -> str:
        """The whole module, with a docstring."""
        functions = ["\n".join(self._function(made)) for made in self.definitions]
        if self.family is not None:
            builders = self.family.builders(self.whole, self.clashing)
            functions += map("\n".join, map(self._builder, builders, self.entries))
        shared = "\n".join(self.calls.lines())
        return module(
            doc,
            [shared, *functions, *self.dialect.last.values()],
            {**IMPORTS, **self.dialect.imports},
            self.dialect.helpers,
            fingerprint,
            constants=[*self.dialect.constants.values()],
        )

    def _function(self, definition: Definition) -> list[str]:
        counted = definition.listed and definition.inline
        taken = self.taken | local_names(definition)
        known = {*definition.inputs, *output_names(definition)}
        known |= {line.name for line in walk(definition.lines)}
        body = Body(self.calls, taken | ({"names"} if counted else set()), known)
        if definition.net:
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
        channels = self._channels(definition, inputs)
        lines, read = _lines(definition, body, channels)
        context = self.dialect.context
        parameters = [
            *([context] if context else []),
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
        frame, outputs = self.frames[definition], definition.outputs
        if frame.told:  # of the largest net, whose own defaults aren't those of all
            before, behind = frame.before, frame.behind
            frame = replace(frame.told(definition), before=before, behind=behind)
        results = body.scope(definition, frame.inputs, outputs, Label(""), frame.inputs)
        made = frame.result(dict(zip(outputs, results, strict=True)))
        last = Statement("return ", made)
        if frame.within is not None:
            last = Statement("with ", frame.within, [last])
        body.made.append(last)
        held = {a.param or a.name: a.name for a in definition.arguments.values()}
        given = {held[name]: code for name, code in frame.given.items() if name in held}
        if not definition.model:
            given = self._channels(definition, frame.inputs)
        lines, _ = _lines(definition, body, given)
        parameters = [*frame.before, *definition.parameters(frame.behind)]
        title = self.calls.titles[id(definition)]
        head = header(f"def {title}", parameters, self.dialect.model, 0)
        name = self._title(definition) if self.family else ""
        told = described(definition, self.shapes, STEP, name, channels_last=self.last)
        return [*head, *told, *frame.opening, *lines]

    def _channels(
        self, definition: Definition, inputs: Sequence[str]
    ) -> dict[str, str]:
        """The arguments that are no parameters: what is read says them."""
        code = self.dialect.channels
        held = definition.channel_arguments.items() if code else ()
        return {name: code.format(inputs[number]) for name, number in held}

    def _builder(self, builder: Builder, title: str) -> list[str]:
        """The function that makes one net of a family."""
        frame, model = self.dialect.frame(builder.graph), builder.use.definition
        words = {
            safe(name, self.clashing, builder.graph.arguments): translated(code, named)
            for name, code in frame.given.items()
        }
        given = {k: put(arg, words) for k, arg in builder.use.arguments.items()}
        read, last = map(_codes, (frame.before, frame.behind))
        first = [given.pop(name) for name in model.positional]
        rest: tuple[tuple[str, Doc], ...] = (*given.items(), *last.items())
        call = Call(self.calls.titles[id(model)], (*read.values(), *first), rest)
        parameters = builder.parameters(frame.before, frame.behind, words)
        return [
            *header(f"def {title}", parameters, self.dialect.model, 0),
            *built(builder.graph, STEP),
            *layout(call, STEP, "return "),
        ]

    def _title(self, net: Definition) -> str:
        assert self.family is not None
        return prose(self.family.title_of(net))


def framed(frames: Sequence[Frame]) -> Frame:
    """What the function of some nets has around it, the largest first: all they need.

    What is a default of one net is none of theirs.
    """
    if len(frames) == 1:
        return frames[0]
    most = max(frames, key=lambda frame: len(frame.opening))
    return replace(
        most,
        before=[text.partition(" = ")[0] for text in most.before],
        behind=[text.partition(" = ")[0] for text in most.behind],
        within=frames[0].within,
    )


def _codes(parameters: Sequence[str]) -> dict[str, Code]:
    """The names of parameters, by themselves."""
    names = (text.partition(":")[0] for text in parameters)
    return {name: Code(name) for name in names}


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

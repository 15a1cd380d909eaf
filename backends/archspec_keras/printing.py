"""Prints Keras source for an outline: a function for each block, one for the net."""

from __future__ import annotations

import builtins
import keyword
import re
from dataclasses import replace

from archspec.errors import UnsupportedError
from archspec.graph import Graph
from archspec.source.docstring import docstring
from archspec.source.literal import lit
from archspec.source.outline import Argument, Definition
from archspec.source.program import Source, render
from archspec.source.project import names_in, seal
from archspec.source.text import (
    Call,
    Code,
    Doc,
    Names,
    Table,
    assignment,
    class_name,
    flat,
    function_name,
    header,
    layout,
)
from archspec_keras.body import Body
from archspec_keras.factories import Factories
from archspec_keras.initial import Initials
from archspec_keras.naming import Naming

OWN = """
x y z name names label count keras layers ops np sys KerasTensor Iterator
inputs input_shape initializers init args kwargs static_size
UnbiasedBatchNormalization pad_up avg_pool local_response_norm
resize_nearest scale_nearest resize_bilinear pixel_shuffle channel_shuffle
""".split()  # noqa: SIM905  # twenty quoted names read worse
HELPERS: dict[str, tuple[str, ...]] = {
    "pad_up": ("static_size",),
    "avg_pool": ("static_size",),
    "resize_nearest": ("static_size",),
    "scale_nearest": ("static_size",),
    "pixel_shuffle": ("static_size",),
}
"""Printed functions that a printed function needs."""
MODULES = ("KerasTensor", "initializers", "layers", "ops")
SUFFIXES = ("pad", "crop", "permute")
SIZED = "this net needs an input_shape with a height and a width"
DEEP = 900
"""Layers from which on Keras, which recurses once a layer, needs a higher limit."""


def arguments_apart(graph: Graph) -> Graph:
    """The graph without arguments that the channels of an input are computed from.

    Keras takes the channels from input_shape; a name alone is read from there.
    """
    texts = [t for k, t in graph.root.texts.items() if k.endswith(".channels")]
    computed = {t for t in texts if not t.isidentifier()}
    if not computed:
        return graph
    kept = tuple(
        name
        for name in graph.arguments
        if not any(name in re.findall(r"\w+", text) for text in computed)
    )
    return replace(graph, arguments=kept)


class Printer:
    """Prints the definitions of one graph."""

    def __init__(self, graph: Graph, definitions: list[Definition]) -> None:
        self.graph = graph
        self.definitions = definitions
        params = {
            name for d in definitions for name in (*d.arguments, *d.constants)
        } | {safe for d in definitions for safe in d.inputs}
        self.names = Names((*OWN, *keyword.kwlist, *vars(builtins), *params))
        self.titles = {
            id(definitions[-1]): self.names.take(class_name(graph.title or graph.name))
        }
        for definition in definitions[:-1]:
            self.titles[id(definition)] = self.names.take(
                function_name(definition.title)
            )
        self.initials = Initials()
        self.layers: list[Call] = []
        self.factories = Factories((), self.names)
        self.helpers: set[str] = set()
        self.autos: set[str] = set()
        self.pixels = pixels(graph)
        self.input_of = {node.name: node.inputs[0] for node in graph.nodes}
        self.suffixes = self._suffixes()

    def source(self) -> Source:
        """The whole module."""
        for definition in self.definitions:
            self._function(definition)  # only to see which layers there are
        self.factories = Factories(self.layers, self.names)
        bodies = ["\n".join(self._function(d)) for d in self.definitions]
        self._check_names()
        used = set(self.helpers)
        for helper in self.helpers:
            used.update(HELPERS.get(helper, ()))
        helpers = render("archspec_keras", "helpers.jinja", {"used": used})
        factories = "".join(f"{line}\n" for line in self.factories.definitions())
        body = "\n\n\n".join(bodies)
        values = {
            "doc": docstring(self.graph, channels_last=True),
            "imports": _imports(helpers + factories + body),
            "helpers": helpers,
            "factories": factories,
            "body": body,
        }
        text = render("archspec_keras", "module.jinja", values)
        entry = self.titles[id(self.definitions[-1])]
        return Source(seal(text), entry, self.graph.name, "keras")

    def _suffixes(self) -> dict[str, str]:
        """What is added to an op's name for its padding layer: nothing that clashes."""
        taken = {node.name.replace(".", "_") for node in self.graph.nodes}
        found = {}
        for suffix in SUFFIXES:
            text = f"_{suffix}"
            while any(f"{name}{text}" in taken for name in taken):
                text += "_"
            found[suffix] = text
        return found

    def _check_names(self) -> None:
        """Keras names its own ops; they and our layers may not clash."""
        seen: dict[str, str] = {}
        for node in self.graph.nodes:
            name = node.name.replace(".", "_")
            if name in seen:
                raise UnsupportedError(
                    f"{seen[name]!r} and {node.name!r} are both {name!r} in Keras",
                    at=node.at,
                )
            seen[name] = node.name
            if re.sub(r"_\d+$", "", name) in self.autos:
                raise UnsupportedError(
                    f"Keras names an op of its own {name!r}; another name, please",
                    at=node.at,
                )

    # Functions

    def _function(self, definition: Definition) -> list[str]:
        if definition.model:
            return self._model(definition)
        names = [
            f"{name}_" if name in OWN and name != "x" else name
            for name in definition.inputs
        ]
        inputs = ["x"] if len(names) == 1 else names
        counted = definition.listed and definition.inline
        naming = Naming("", counter="names") if counted else Naming("{name}_")
        arguments = self._arguments(definition)
        parameters = [
            *(f"{name}: KerasTensor" for name in inputs),
            *(f"{a.name}: {a.type()}" for a in arguments),
            "names: Iterator[str]" if counted else "name: str",
        ]
        body = Body(self, 4)
        lines = body.lines(definition, inputs, naming, frozenset())
        results = ", ".join(body.results)
        kinds = ["KerasTensor"] * len(body.results)
        result = kinds[0] if len(kinds) == 1 else f"tuple[{', '.join(kinds)}]"
        return [
            *header(f"def {self.titles[id(definition)]}", parameters, result, 0),
            *self._channels(definition, inputs),
            *constants(definition, 4),
            *(body.returned() or [*lines, f"    return {results}"]),
        ]

    def _arguments(self, definition: Definition) -> list[Argument]:
        """What stands in the signature; Keras tensors know their channels."""
        return [
            argument
            for name, argument in definition.arguments.items()
            if name not in definition.channel_arguments
            and name in used_names(definition)
        ]

    def arguments(self, definition: Definition) -> list[str]:
        """The names of a definition's arguments."""
        return [argument.name for argument in self._arguments(definition)]

    def _channels(self, definition: Definition, inputs: list[str]) -> list[str]:
        used = used_names(definition)
        return [
            f"    {name} = {inputs[number]}.shape[-1]"
            for name, number in definition.channel_arguments.items()
            if name in used
        ]

    def _model(self, definition: Definition) -> list[str]:
        graph = self.graph
        single = len(graph.inputs) == 1
        names = ["inputs"] if single else [f"{name}_input" for name in graph.inputs]
        shapes = ["input_shape"] if single else [f"{n}_shape" for n in graph.inputs]
        read = {
            text: shape
            for (name, shape) in zip(graph.inputs, shapes, strict=True)
            if (text := graph.root.texts.get(f"{name}.channels"))
        }
        arguments = self._arguments(definition)
        parameters = []
        lines = []
        if len(graph.nodes) > DEEP:
            limit = 20 * len(graph.nodes)
            lines.append(
                f"    sys.setrecursionlimit(max(sys.getrecursionlimit(), {limit}))"
            )
        if sized(graph):
            pairs = zip(shapes, graph.inputs.values(), strict=True)
            images = [parameter for parameter, shape in pairs if len(shape) == 3]
            every = ", ".join(f"*{parameter}" for parameter in images)
            told = images[0] if len(images) == 1 else f"({every})"
            lines += [
                f"    if None in {told}:",
                f'        raise ValueError("{SIZED}")',
            ]
        for (name, shape), variable, parameter in zip(
            graph.inputs.items(), names, shapes, strict=True
        ):
            last = (*shape[1:], shape[0])
            kind = "int | None, int | None, int" if len(shape) == 3 else "int"
            parameters.append(f"{parameter}: tuple[{kind}] = {lit(last)}")
            lines.append(f"    {variable} = keras.Input({parameter}, name={lit(name)})")
        for argument in arguments:
            if argument.name in read:
                lines.append(f"    {argument.name} = {read[argument.name]}[-1]")
                continue
            text = f"{argument.name}: {argument.type()} = {flat(argument.default)}"
            parameters.append(text)
        parameters.append(f"name: str = {lit(graph.name)}")
        body = Body(self, 4)
        made = body.lines(definition, names, Naming(""), frozenset(names))
        outputs = dict(zip(definition.outputs, body.results, strict=True))
        given = names[0] if single else f"[{', '.join(names)}]"
        if list(outputs) == [""]:
            result: Doc = Code(outputs[""])
        else:
            result = Table(tuple((k, Code(value)) for k, value in outputs.items()))
        model = Call("keras.Model", (Code(given), result), (("name", Code("name")),))
        title = self.titles[id(definition)]
        return [
            *header(f"def {title}", parameters, "keras.Model", 0),
            *lines,
            *constants(definition, 4),
            *made,
            *layout(model, 4, "return "),
        ]


def constants(definition: Definition, indent: int) -> list[str]:
    """The values that a function computes first."""
    return [
        text
        for name, value in definition.constants.items()
        for text in assignment(name, value, indent)
    ]


def used_names(definition: Definition) -> set[str]:
    """The names that a function's body reads; channels of inputs only where printed."""
    used: set[str] = set()
    for line in definition.lines:
        used |= Body.read(line)
    for name, constant in reversed(definition.constants.items()):
        if name in used:
            used |= constant.names()
    return used


def pixels(graph: Graph) -> frozenset[str]:
    """The values that are a single pixel whatever the size of the image."""
    following = loose(graph)
    return frozenset(
        node.name
        for node in graph.nodes
        if node.shape[1:] == (1, 1) and node.name not in following
    )


def sized(graph: Graph) -> bool:
    """Whether the number of features that a flatten gives depends on the image."""
    following = loose(graph)
    read = {name for node in graph.nodes for name in node.inputs}
    return any(
        node.op.flattens and node.name in read and node.inputs[0] in following
        for node in graph.nodes
    )


def loose(graph: Graph) -> frozenset[str]:
    """The images whose height and width follow from those of the net's inputs."""
    found = {name for name, shape in graph.inputs.items() if len(shape) == 3}
    for node in graph.nodes:
        sizing = node.op.sized_by(node.inputs)
        if len(node.shape) == 3 and not found.isdisjoint(sizing):
            found.add(node.name)
    return frozenset(found)


def _imports(code: str) -> list[str]:
    """The import lines that the code needs."""
    read = names_in(code)
    standard = []
    if "sys" in read:
        standard.append("import sys")
    if "Iterator" in read:
        standard.append("from collections.abc import Iterator")
    if "count" in read:
        standard.append("from itertools import count")
    found = [*standard, ""] if standard else []
    found.append("import keras")
    if "np" in read:
        found.append("import numpy as np")
    modules = ", ".join(name for name in MODULES if name in read)
    return [*found, f"from keras import {modules}"] if modules else found

"""Prints PyTorch source for an outline: a class for each block, one for the net."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Sequence
from typing import Any

from archspec.graph import Graph
from archspec.source.docstring import docstring
from archspec.source.expr import Expr, named
from archspec.source.outline import (
    Argument,
    Definition,
    Line,
    Nested,
    Use,
    free_names,
)
from archspec.source.program import Source, render
from archspec.source.project import names_in, seal
from archspec.source.text import (
    Call,
    Display,
    Names,
    assignment,
    class_name,
    flat,
    function_name,
    header,
    layout,
)
from archspec_torch.forward import method
from archspec_torch.initial import Initials
from archspec_torch.lowering import HELPERS
from archspec_torch.modules import Modules, numbered

TAKEN = (
    *("nn", "F", "torch", "Tensor", "init_weights", "same_padding"),
    *keyword.kwlist,
    *vars(builtins),
)


def printed(graph: Graph, definitions: list[Definition]) -> Source:
    """The source; printed anew where a helper has the name of a block."""
    printer = Printer(graph, definitions)
    source = printer.source()
    own = {*printer.helpers(), *printer.modules.scales}
    if own.isdisjoint(printer.names.taken.difference(TAKEN)):
        return source
    return Printer(graph, definitions, tuple(sorted(own))).source()


class Printer:
    """Prints the definitions of one graph; `taken` are names that it must not use."""

    def __init__(
        self, graph: Graph, definitions: list[Definition], taken: Sequence[str] = ()
    ) -> None:
        self.graph = graph
        self.definitions = definitions
        self.modules = Modules(self._use, self._nest)
        self.names = Names((*TAKEN, *taken))
        title = graph.title or graph.name
        self.titles = {
            id(definitions[-1]): self.names.take(class_name(title)),
        }
        for definition in definitions[:-1]:
            name = _class(definition.title)
            if definition.listed and definition.inline:
                name = function_name(definition.title)
            self.titles[id(definition)] = self.names.take(name)
        self.classes: list[list[str]] = []
        self.current = definitions[-1]
        self.initials = Initials(graph, definitions)
        self.rules = self.initials.rules(self.titles)

    def helpers(self) -> set[str]:
        """The classes and functions beside the net's own that the text has."""
        used = set(self.modules.helpers)
        for helper in self.modules.helpers:
            used.update(HELPERS.get(helper, ()))
        return used

    def source(self) -> Source:
        """The whole module."""
        entry = self.titles[id(self.definitions[-1])]
        return Source(seal(self.text()), entry, self.graph.name, "torch")

    def text(self) -> str:
        """The whole module's text, without its checksum."""
        for definition in self.definitions:
            self.current = definition
            self.classes.append(self._definition(definition))
        body = "\n\n\n".join("\n".join(lines) for lines in self.classes)
        scales = sorted(self.modules.scales.items())
        values = {
            "used": self.helpers(),
            "scales": [{"name": name, "weight": weight} for name, weight in scales],
        }
        helpers = render("archspec_torch", "helpers.jinja", values)
        rules = "\n".join(self.rules)
        return render(
            "archspec_torch",
            "module.jinja",
            {
                "doc": docstring(self.graph),
                "imports": _imports(f"{helpers}\n{body}\n{rules}"),
                "helpers": helpers,
                "rules": rules,
                "body": body,
            },
        )

    # Definitions

    def _definition(self, definition: Definition) -> list[str]:
        name = self.titles[id(definition)]
        if definition.listed and definition.inline:
            parameters = [_parameter(a) for a in definition.arguments.values()]
            return [
                *header(f"def {name}", parameters, "list[nn.Module]", 0),
                *self._constants(definition.constants, 4),
                *self.modules.returned(definition.lines),
            ]
        made = self._head(
            name,
            list(definition.arguments.values()),
            definition.constants,
            definition.lines,
            definition.listed,
        )
        outputs = definition.outputs
        if definition.model:
            if self.rules:
                made.append("        self.apply(init_weights)")
            made += self.initials.overrides()
        elif definition.listed and not definition.numbers:
            return made
        if definition.listed and list(outputs) == [""]:
            return made
        inputs = self._inputs(definition)
        named = definition.model and list(outputs) != [""]
        numbers = definition.numbers if definition.listed else None
        return [
            *made,
            "",
            *method(definition.lines, inputs, outputs, numbers, named=named),
        ]

    def _inputs(self, definition: Definition) -> list[str]:
        if len(definition.inputs) == 1:
            return ["x"]
        if definition.model:
            return list(self.graph.inputs)
        return list(definition.inputs)

    def _constants(self, constants: dict[str, Expr], indent: int) -> list[str]:
        return [
            text
            for name, value in constants.items()
            for text in assignment(name, value, indent)
        ]

    def _head(
        self,
        name: str,
        arguments: Sequence[Argument],
        constants: dict[str, Expr],
        lines: Sequence[Line],
        listed: bool,
    ) -> list[str]:
        """A class as far as the end of `__init__`."""
        parameters = ["self", *(_parameter(a) for a in arguments)]
        base = "nn.ModuleList" if numbered(lines) else "nn.Module"
        made = [
            f"class {name}({'nn.Sequential' if listed else base}):",
            *header("def __init__", parameters, "None", 4),
        ]
        if listed:
            return [
                *made,
                *self._constants(constants, 8),
                *self.modules.chained(lines),
            ]
        if numbered(lines):
            items = self.modules.items(lines)
            return [
                *made,
                *self._constants(constants, 8),
                *layout(Call("super().__init__", (Display(tuple(items)),)), 8),
            ]
        return [
            *made,
            "        super().__init__()",
            *self._constants(constants, 8),
            *self.modules.attributes(lines),
        ]

    def _use(self, use: Use) -> Call:
        definition = use.definition
        name = self.titles[id(definition)]
        return _called(name, use.arguments, definition.positional)

    def _nest(self, nested: Nested) -> Call:
        """A nested graph is a class of its own; its arguments are what it reads."""
        name = self.names.take(_class(nested.title))
        read = sorted({n for line in nested.lines for n in free_names(line)})
        arguments = [self._argument(name) for name in read]
        outputs = {str(n): ref for n, ref in enumerate(nested.outputs)}
        made = self._head(name, arguments, {}, nested.lines, nested.listed)
        numbers = nested.numbers if nested.listed else None
        body = method(nested.lines, ["x"], outputs, numbers)
        self.classes.append([*made, "", *body])
        return _called(name, {a: named(a) for a in read}, tuple(read))

    def _argument(self, name: str) -> Argument:
        """What a nested graph reads of the definition around it."""
        arguments = self.current.arguments
        if name in arguments:
            return Argument(name, arguments[name].values)
        constants = self.current.constants
        if name not in constants:
            return Argument(name, [0])  # the index of a loop
        values = []
        for number in range(len(self.current.instances)):
            env = {key: found.values[number] for key, found in arguments.items()}
            for key, constant in constants.items():
                env[key] = constant.value(env)
            values.append(env[name])
        return Argument(name, values)


def _class(title: str) -> str:
    return class_name(function_name(title).replace("_", " "))


def _parameter(argument: Argument) -> str:
    text = f"{argument.name}: {argument.type()}"
    return f"{text} = {flat(argument.default)}" if argument.keyword else text


def _called(name: str, arguments: dict[str, Any], positional: Sequence[str]) -> Call:
    """A class with its arguments."""
    rest = tuple((k, v) for k, v in arguments.items() if k not in positional)
    return Call(name, tuple(arguments[key] for key in positional), rest)


def _imports(code: str) -> list[str]:
    """The import lines that the code needs."""
    read = names_in(code)
    found = ["import torch"] if "torch" in read else []
    names = "Tensor, nn" if "Tensor" in read else "nn"
    found.append(f"from torch import {names}")
    if "F" in read:
        found.append("from torch.nn import functional as F")
    return found

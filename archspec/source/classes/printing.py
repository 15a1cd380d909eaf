"""A whole printed file: a class for each definition, and what stands around them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from archspec.graph import Graph
from archspec.source.classes.constructor import INDENT, Constructor, packed
from archspec.source.classes.dialect import Container, Dialect
from archspec.source.classes.forward import collected, method
from archspec.source.classes.scope import Scope, mapping, numbered, sequence, single
from archspec.source.docstring import docstring
from archspec.source.expr import Arg, Expr
from archspec.source.expr import named as word
from archspec.source.liveness import LANGUAGE, output_names
from archspec.source.module import module
from archspec.source.outline import (
    Argument,
    Definition,
    Line,
    Nested,
    OpUse,
    Ref,
    Use,
    free_names,
    walk,
)
from archspec.source.program import Source
from archspec.source.text import (
    STEP,
    Call,
    Code,
    Doc,
    Names,
    assignment,
    class_name,
    flat,
    function_name,
    header,
    layout,
)

OWN = ("self", "layers", "layer")
"""Names of variables in constructors."""
CHAIN = Nested("", True, False, [], ())
"""What stands for all children of a list."""


def printed(graph: Graph, definitions: list[Definition], dialect: Dialect) -> Source:
    """The source of definitions, of which those that are used come first."""
    return Printer(graph, definitions, dialect).source()


class Printer:
    """Prints the definitions of one graph."""

    def __init__(
        self, graph: Graph, definitions: list[Definition], dialect: Dialect
    ) -> None:
        self.graph = graph
        self.definitions = definitions
        self.dialect = dialect
        local = {name for found in definitions for name in _names(found)}
        own = (*LANGUAGE, *OWN, *dialect.imports, *dialect.helpers, *dialect.taken)
        self.names = Names((*own, *local))
        title = class_name(graph.title or graph.name)
        self.titles = {id(definitions[-1]): self.names.take(title)}
        for definition in definitions[:-1]:
            inlined = definition.listed and definition.inline
            name = (function_name if inlined else _class)(definition.title)
            self.titles[id(definition)] = self.names.take(name)
        made = dialect.start and dialect.start(graph, definitions, self.titles)
        self.start = made or None
        self.constructor = Constructor(dialect, self.start, self._use, self._nest)
        self.handing: set[int] = set()
        self.parts: list[str] = []
        self.current = definitions[-1]

    def source(self) -> Source:
        """The whole module."""
        for definition in self.definitions:
            self.current = definition
            if self._wanted(definition.lines):
                self.handing.add(id(definition))
            self.parts.append("\n".join(self._definition(definition)))
        rules = self.start.rules() if self.start is not None else []
        dialect = self.dialect
        text = module(
            docstring(self.graph, channels_last=dialect.channels_last),
            ["\n".join(rules), *self.parts],
            dialect.imports,
            dialect.helpers,
        )
        entry = self.titles[id(self.definitions[-1])]
        return Source(text, entry, self.graph.name, dialect.backend)

    # Definitions.

    def _definition(self, definition: Definition) -> list[str]:
        name = self.titles[id(definition)]
        arguments = list(definition.arguments.values())
        if definition.listed and definition.inline:
            result = f"list[{self.dialect.member}]"
            parameters = self._parameters(arguments, id(definition) in self.handing)
            return [
                *header(f"def {name}", parameters, result, 0),
                *constants(definition.constants, STEP),
                *self.constructor.returned(definition.lines),
            ]
        outputs = definition.outputs
        if not definition.model:
            names = output_names(definition)
            outputs = dict(zip(names, outputs.values(), strict=True))
        inputs = definition.inputs
        if definition.model:
            inputs = tuple(self.graph.inputs)
        return self._class(
            name,
            arguments,
            definition.constants,
            definition.lines,
            definition.numbers if definition.listed else None,
            ["x"] if len(inputs) == 1 else inputs,
            outputs,
            model=definition.model,
        )

    def _class(
        self,
        name: str,
        arguments: Sequence[Argument],
        fixed: Mapping[str, Expr],
        lines: Sequence[Line],
        numbers: Sequence[int] | None,
        inputs: Sequence[str],
        outputs: Mapping[str, Ref],
        *,
        model: bool = False,
    ) -> list[str]:
        """A class; `numbers` are the children that make the outputs of a list."""
        dialect, constructor = self.dialect, self.constructor
        named = model and list(outputs) != [""]
        scope = mapping(dialect, lines, list(outputs.values()))
        parameters = ["self", *self._parameters(arguments, self._wanted(lines))]
        base, body = dialect.base, constants(fixed, INDENT)
        if any(line.template for line in lines):
            base, numbers = dialect.sequential.base, ()
            body = ["        super().__init__()", *body, *constructor.attributes(scope)]
        elif numbers is not None:
            base, scope = dialect.sequential.base, Scope([])
            body += constructor.chained(lines)
        elif numbered(dialect, lines):
            base = dialect.listing.base
            call = Container("super().__init__", dialect.listing.unpacked)
            body += layout(packed(call, constructor.items(lines)), INDENT)
        else:
            start = ["        super().__init__()"] if dialect.initialised else []
            body = [*start, *body, *constructor.attributes(scope)]
        if model and self.start is not None:
            body += self.start.last()
        made = [
            f"class {name}({base}):",
            *header("def __init__", parameters, "None", STEP),
            *(body or ["        pass"]),
        ]
        if numbers is not None:
            rest = self._listed(lines, numbers, inputs, outputs, named)
        else:
            rest = method(dialect, scope, inputs, outputs, named=named)
        return [*made, "", *rest] if rest else made

    def _listed(
        self,
        lines: Sequence[Line],
        numbers: Sequence[int],
        inputs: Sequence[str],
        outputs: Mapping[str, Ref],
        named: bool,
    ) -> list[str]:
        """The method of a list; none where that of its class does."""
        dialect = self.dialect
        if not numbers:
            if not named:
                return []
            whole = Line("", CHAIN, (Ref(None),))
            scope = Scope([whole], [f"super().{dialect.call}"])
            return method(
                dialect, scope, inputs, dict.fromkeys(outputs, Ref(0)), named=True
            )
        refs = list(dict.fromkeys(outputs.values()))
        if single(lines):
            found = dict(zip(refs, numbers, strict=True))
            order = [found[ref] for ref in outputs.values()]
            return collected(dialect, list(outputs), order, named=named)
        scope, made = sequence(dialect, lines, refs, numbers)
        told = dict(zip(refs, made, strict=True))
        given = {name: told[ref] for name, ref in outputs.items()}
        return method(dialect, scope, inputs, given, named=named)

    # Calls of what is printed.

    def _use(self, use: Use) -> Call:
        definition = use.definition
        return self._called(
            self.titles[id(definition)],
            use.arguments,
            definition.positional,
            id(definition) in self.handing,
        )

    def _nest(self, nested: Nested) -> Call:
        """A nested graph is a class of its own; its arguments are what it reads."""
        name = self.names.take(_class(nested.title))
        read = sorted({n for line in nested.lines for n in free_names(line)})
        self.parts.append(
            "\n".join(
                self._class(
                    name,
                    [self._argument(name) for name in read],
                    {},
                    nested.lines,
                    nested.numbers if nested.listed else None,
                    ["x"],
                    {str(n): ref for n, ref in enumerate(nested.outputs)},
                )
            )
        )
        given = {argument: word(argument) for argument in read}
        return self._called(name, given, tuple(read), self._wanted(nested.lines))

    def _called(
        self,
        name: str,
        arguments: Mapping[str, Arg],
        positional: Sequence[str],
        wanted: bool,
    ) -> Call:
        """A class with its arguments."""
        rest: list[tuple[str, Doc]] = [
            (k, v) for k, v in arguments.items() if k not in positional
        ]
        if wanted and self.dialect.extra is not None:
            extra = self.dialect.extra.name
            rest.append((extra, Code(extra)))
        return Call(name, tuple(arguments[key] for key in positional), tuple(rest))

    def _parameters(self, arguments: Iterable[Argument], wanted: bool) -> list[str]:
        """A signature's parameters."""
        extra = self.dialect.extra
        more = extra.parameters if wanted and extra is not None else ()
        return [*map(_parameter, arguments), *more]

    def _wanted(self, lines: Sequence[Line]) -> bool:
        """Whether any child of lines takes the dialect's extra argument."""
        extra = self.dialect.extra
        return extra is not None and any(
            extra.wanted(line.target)
            if isinstance(line.target, OpUse)
            else isinstance(line.target, Use)
            and id(line.target.definition) in self.handing
            for line in walk(lines)
        )

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


def constants(values: Mapping[str, Expr], indent: int) -> list[str]:
    """The statements that compute what a body reads."""
    return [
        row for name, value in values.items() for row in assignment(name, value, indent)
    ]


def _names(definition: Definition) -> set[str]:
    """The names of variables in a definition's constructor."""
    found = {*definition.arguments, *definition.constants}
    for line in definition.lines:
        found |= free_names(line)
    return found | {line.index for line in walk(definition.lines) if line.index}


def _class(title: str) -> str:
    """The name of a class, from a title or name of any case."""
    return class_name(function_name(title).replace("_", " "))


def _parameter(argument: Argument) -> str:
    text = f"{argument.name}: {argument.type()}"
    return f"{text} = {flat(argument.default)}" if argument.keyword else text

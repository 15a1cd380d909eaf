"""Prints PyTorch source for an outline: a class for each block, one for the net."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archspec.errors import UnsupportedError
from archspec.graph import Graph
from archspec.source.docstring import docstring
from archspec.source.expr import Expr
from archspec.source.outline import (
    Argument,
    Definition,
    Line,
    Nested,
    OpUse,
    Ref,
    Target,
    Use,
    free_names,
)
from archspec.source.program import Source, render
from archspec.source.text import (
    Call,
    Choice,
    Code,
    Display,
    Doc,
    Each,
    Loop,
    Names,
    Star,
    assignment,
    class_name,
    flat,
    header,
    layout,
)
from archspec_torch import initial
from archspec_torch.forward import statements
from archspec_torch.lowering import FUNCTIONS, HELPERS, MODULES, scale_name

MODULE_TAKEN = ("nn", "F", "torch", "Tensor", "init_weights", "same_padding")


class Printer:
    """Prints the definitions of one graph."""

    def __init__(self, graph: Graph, definitions: list[Definition]) -> None:
        self.graph = graph
        self.definitions = definitions
        self.helpers: set[str] = set()
        self.scales: dict[str, str] = {}
        self.names = Names(MODULE_TAKEN)
        title = graph.title or graph.name
        self.titles = {
            id(definitions[-1]): self.names.take(class_name(title)),
        }
        for definition in definitions[:-1]:
            name = class_name(definition.title.replace("_", " "))
            if definition.listed and definition.inline:
                name = definition.title
            self.titles[id(definition)] = self.names.take(name)
        self.classes: list[list[str]] = []
        self.rules = initial.rules(graph, definitions, self.titles)

    def source(self) -> Source:
        """The whole module."""
        for definition in self.definitions:
            self.classes.append(self._definition(definition))
        rules = self.rules
        entry = self.titles[id(self.definitions[-1])]
        used = set(self.helpers)
        for helper in self.helpers:
            used.update(HELPERS.get(helper, ()))
        body = "\n\n\n".join("\n".join(lines) for lines in self.classes)
        helpers = render(
            "archspec_torch",
            "helpers.jinja",
            {
                "used": used,
                "scales": [
                    {"name": n, "weight": w} for n, w in sorted(self.scales.items())
                ],
            },
        )
        code = helpers + body + "\n".join(rules)
        text = render(
            "archspec_torch",
            "module.jinja",
            {
                "doc": docstring(self.graph),
                "imports": _imports(code),
                "helpers": helpers,
                "rules": "\n".join(rules),
                "body": body,
            },
        )
        return Source(text, entry, self.graph.name, "torch")

    # Definitions

    def _definition(self, definition: Definition) -> list[str]:
        name = self.titles[id(definition)]
        if definition.listed and definition.inline:
            return self._list_function(definition, name)
        if definition.listed and not definition.model and _chain(definition.lines):
            return self._sequential(definition, name)
        return self._module(
            name,
            list(definition.arguments.values()),
            definition.constants,
            definition.lines,
            self._inputs(definition),
            definition.outputs,
            definition,
        )

    def _inputs(self, definition: Definition) -> list[str]:
        if len(definition.inputs) == 1:
            return ["x"]
        if definition.model:
            return list(self.graph.inputs)
        return list(definition.inputs)

    def _list_function(self, definition: Definition, name: str) -> list[str]:
        parameters = [_parameter(a) for a in definition.arguments.values()]
        made = [
            *header(f"def {name}", parameters, "list[nn.Module]", 0),
            *self._constants(definition.constants, 4),
        ]
        lines = definition.lines
        if not _grows(lines):
            items = Display(tuple(self._items(lines)))
            return [*made, *layout(items, 4, "return ")]
        first, rest = _split(lines)
        items = Display(tuple(self._items(first)))
        made += layout(items, 4, "layers: list[nn.Module] = ")
        while rest and _looped(rest[0]):
            made += self._loop(rest[0], 4, "layers.append", "layers.extend")
            rest = rest[1:]
        if not rest:
            return [*made, "    return layers"]
        items = Display((Star(Code("layers")), *self._items(rest)))
        return [*made, *layout(items, 4, "return ")]

    def _sequential(self, definition: Definition, name: str) -> list[str]:
        parameters = ["self", *(_parameter(a) for a in definition.arguments.values())]
        return [
            f"class {name}(nn.Sequential):",
            *header("def __init__", parameters, "None", 4),
            *self._constants(definition.constants, 8),
            *self._chained(definition.lines),
        ]

    def _chained(self, lines: Sequence[Line]) -> list[str]:
        """The statements that fill an nn.Sequential."""
        first, rest = _split(lines) if _grows(lines) else (lines, [])
        made = layout(Call("super().__init__", tuple(self._items(first))), 8)
        for line in rest:
            if _looped(line):
                made += self._loop(line, 8, "self.append", "self.extend")
                continue
            for doc in self._items([line]):
                value = doc.value if isinstance(doc, Star) else doc
                add = "self.extend" if isinstance(doc, Star) else "self.append"
                made += layout(Call(add, (value,)), 8)
        return made

    def _loop(self, line: Line, indent: int, one: str, many: str) -> list[str]:
        """A `for` that adds the instances of a repeat."""
        start = " " * indent
        doc, spread = self._element(line.target)
        made = [f"{start}{flat(_each(line))}:"]
        made += layout(Call(many if spread else one, (doc,)), indent + 4)
        if line.carried:
            names = ", ".join(line.carried)
            values = ", ".join(flat(value) for value in line.carried.values())
            made.append(f"{start}    {names} = {values}")
        return made

    def _constants(self, constants: dict[str, Expr], indent: int) -> list[str]:
        return [
            text
            for name, value in constants.items()
            for text in assignment(name, value, indent)
        ]

    def _module(
        self,
        name: str,
        arguments: Sequence[Argument],
        constants: dict[str, Expr],
        lines: Sequence[Line],
        inputs: Sequence[str],
        outputs: dict[str, Ref],
        definition: Definition | None,
    ) -> list[str]:
        model = definition is not None and definition.model
        listed = definition is not None and definition.listed
        parameters = ["self", *(_parameter(a) for a in arguments)]
        made = [
            f"class {name}(nn.Module):",
            *header("def __init__", parameters, "None", 4),
            "        super().__init__()",
            *self._constants(constants, 8),
        ]
        if listed:
            made = [
                f"class {name}(nn.Sequential):",
                *header("def __init__", parameters, "None", 4),
                *self._constants(constants, 8),
                *self._chained(lines),
            ]
        else:
            for attribute, doc in self._attributes(lines):
                made += _attribute(attribute, doc)
        if model:
            if self.rules:
                made.append("        self.apply(init_weights)")
            made += initial.overrides(self.graph, self.definitions)
        if listed and _chain(lines) and len(outputs) == 1 and "" in outputs:
            return made
        body, results = statements(
            lines, inputs, list(outputs.values()), self._expression(listed)
        )
        result = "Tensor"
        if model and list(outputs) != [""]:
            result = "dict[str, Tensor]"
            docs = [f'"{k}": {v}' for k, v in zip(outputs, results, strict=True)]
            joined = ", ".join(docs)
            returned = [f"        return {{{joined}}}"]
            if len(returned[0]) > 88:
                returned = [
                    "        return {",
                    *(f"            {d}," for d in docs),
                    "        }",
                ]
        elif len(outputs) > 1:
            result = f"tuple[{', '.join(['Tensor'] * len(outputs))}]"
            returned = [f"        return {', '.join(results)}"]
        else:
            body, returned = _returned(body, results[0], inputs)
        typed = [f"{text}: Tensor" for text in inputs]
        return [
            *made,
            "",
            *header("def forward", ["self", *typed], result, 4),
            *body,
            *returned,
        ]

    # Lines

    def _attributes(self, lines: Sequence[Line]) -> list[tuple[str, Doc]]:
        made: dict[str, list[Line]] = {}
        for line in lines:
            if isinstance(line.target, OpUse) and _functional(line):
                if line.when is not True:
                    made.setdefault(line.name, []).append(line)
                continue
            made.setdefault(line.name, []).append(line)
        found: list[tuple[str, Doc]] = []
        for name, group in made.items():
            line = group[0]
            if isinstance(line.target, OpUse) and _functional(line):
                found.append((name, line.when))
            elif line.count is not None or len(group) > 1:
                items = tuple(self._items(group))
                found.append((name, Call("nn.Sequential", items)))
            else:
                doc = self._module_doc(line.target)
                if line.when is not True:
                    doc = Choice(doc, line.when, Call("nn.Identity"))
                found.append((name, doc))
        return found

    def _items(self, lines: Sequence[Line]) -> list[Doc]:
        found: list[Doc] = []
        for line in lines:
            target = line.target
            plain = line.count is None and line.when is True
            if isinstance(target, Nested) and target.inline and plain:
                found += self._items(target.lines)
            else:
                found.append(self._item(line))
        return found

    def _item(self, line: Line) -> Doc:
        doc, spread = self._element(line.target)
        if line.count is not None:
            clauses = [_each(line)]
            element = doc
            if spread:
                clauses.append(Each("layer", doc))
                element = Code("layer")
            return Star(Loop(element, tuple(clauses)))
        if line.when is not True:
            return Star(
                Choice(doc if spread else Display((doc,)), line.when, Display(()))
            )
        return Star(doc) if spread else doc

    def _element(self, target: Target) -> tuple[Doc, bool]:
        """What a list holds for a line, and whether that is a list itself."""
        if isinstance(target, Nested) and target.inline:
            return Display(tuple(self._items(target.lines))), True
        spread = isinstance(target, Use) and target.definition.inline
        return self._module_doc(target), spread

    def _module_doc(self, target: Target) -> Doc:
        if isinstance(target, OpUse):
            doc = MODULES[target.kind](target)
            self._note(target, doc)
            return doc
        if isinstance(target, Use):
            definition = target.definition
            name = self.titles[id(definition)]
            return _used(name, target.arguments, definition.positional)
        if target.listed and _chain(target.lines):
            return Call("nn.Sequential", tuple(self._items(target.lines)))
        return self._nested(target)

    def _note(self, use: OpUse, doc: Call) -> None:
        for inner in (doc, *(arg for arg in doc.args if isinstance(arg, Call))):
            if not inner.fn.startswith("nn."):
                self.helpers.add(inner.fn)
        if use.kind == "scale":
            weight = str(use["weight"])
            self.scales[scale_name(weight)] = weight

    def _nested(self, nested: Nested) -> Doc:
        """A nested mapping is a class of its own; its arguments are what it reads."""
        name = self.names.take(class_name(nested.title.replace("_", " ")))
        read = sorted({n for line in nested.lines for n in free_names(line)})
        arguments = [self._argument(name) for name in read]
        outputs = {str(n): ref for n, ref in enumerate(nested.outputs)}
        if nested.listed:
            raise UnsupportedError(
                f"{nested.title}: a list with an output inside has no PyTorch code yet"
            )
        self.classes.append(
            self._module(name, arguments, {}, nested.lines, ["x"], outputs, None)
        )
        return _used(name, {a: Expr(a) for a in read}, tuple(read))

    def _argument(self, name: str) -> Argument:
        for definition in self.definitions:
            if name in definition.arguments:
                return Argument(name, definition.arguments[name].values)
        return Argument(name, [0])

    def _expression(self, listed: bool) -> Any:
        def expression(line: Line, args: list[str]) -> Doc:
            target = line.target
            if isinstance(target, OpUse) and _functional(line) and not listed:
                doc = FUNCTIONS[target.kind](target, args)
                if line.when is True:
                    return doc
                return Choice(doc, Code(f"self.{line.name}"), Code(args[0]))
            if line.when is not True and len(args) > 1:
                raise UnsupportedError(
                    f"{line.name}: a block with several inputs has no `when` yet"
                )
            return Call(f"self.{line.name}", tuple(Code(arg) for arg in args))

        return expression


def _functional(line: Line) -> bool:
    """Whether `forward` computes it without a module."""
    target = line.target
    if not isinstance(target, OpUse) or line.count is not None:
        return False
    if target.kind not in MODULES or len(line.inputs) > 1:
        return True
    return target.kind in FUNCTIONS


def _chain(lines: Sequence[Line]) -> bool:
    """Whether every line reads the one before it."""
    return all(
        line.inputs == (Ref(None if n == 0 else n - 1),) for n, line in enumerate(lines)
    )


def _parameter(argument: Argument) -> str:
    text = f"{argument.name}: {argument.type()}"
    return f"{text} = {flat(argument.default)}" if argument.keyword else text


def _used(name: str, arguments: dict[str, Any], positional: Sequence[str]) -> Doc:
    """A class with its arguments."""
    rest = tuple((k, v) for k, v in arguments.items() if k not in positional)
    return Call(name, tuple(arguments[key] for key in positional), rest)


def _looped(line: Line) -> bool:
    return line.count is not None


def _grows(lines: Sequence[Line]) -> bool:
    """Whether a list reads better when statements fill it."""
    return any(_looped(line) and (line.carried or _spread(line)) for line in lines)


def _spread(line: Line) -> bool:
    target = line.target
    if isinstance(target, Nested):
        return target.inline
    return isinstance(target, Use) and target.definition.inline


def _split(lines: Sequence[Line]) -> tuple[Sequence[Line], Sequence[Line]]:
    """The lines before the first loop, and the others."""
    number = next(n for n, line in enumerate(lines) if _looped(line))
    return lines[:number], lines[number:]


def _each(line: Line) -> Each:
    """The `for` of a loop."""
    return Each(line.index if line.counts() else "_", Call("range", (line.count,)))


def _attribute(name: str, doc: Doc) -> list[str]:
    """The assignment of a module; a long choice is an `if`."""
    made = assignment(f"self.{name}", doc, 8)
    if len(made) == 1 or not isinstance(doc, Choice):
        return made
    return [
        f"        self.{name}: nn.Module = {flat(doc.other)}",
        *layout(doc.test, 8, "if ", ":"),
        *assignment(f"self.{name}", doc.body, 12),
    ]


def _returned(
    body: list[str], name: str, inputs: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The body and its return; what is returned has to be typed as a Tensor."""
    start = f"        {name} = "
    if body and body[-1].startswith((f"{start}F.", f"{start}torch.")):
        return body[:-1], [body[-1].replace(start, "        return ", 1)]
    return _annotated(body, name, inputs), [f"        return {name}"]


def _annotated(body: list[str], name: str, inputs: Sequence[str]) -> list[str]:
    """Says that the returned name is a Tensor, where it isn't a parameter."""
    if name in inputs:
        return body
    start = f"        {name} = "
    first = next(n for n, text in enumerate(body) if text.startswith(start))
    text = body[first].replace(start, f"        {name}: Tensor = ", 1)
    return [*body[:first], text, *body[first + 1 :]]


def _imports(code: str) -> list[str]:
    """The import lines that the code needs."""
    found = []
    if "torch." in code.replace("torch.nn", ""):
        found.append("import torch")
    found.append("from torch import Tensor, nn")
    if "F." in code:
        found.append("from torch.nn import functional as F")
    return found

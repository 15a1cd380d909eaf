"""A whole printed file: a class for each definition, and what stands around them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from archspec.errors import UnsupportedError
from archspec.fingerprint import fingerprint
from archspec.graph import Graph, Value
from archspec.source.body import plain
from archspec.source.classes.constructor import INDENT, Constructor
from archspec.source.classes.dialect import Dialect
from archspec.source.classes.features import featured
from archspec.source.classes.forward import collected, method
from archspec.source.classes.scope import Scope, maker, mapping, numbered, sequence
from archspec.source.docstring import built, described, docstring, shared
from archspec.source.expr import Expr, names_of
from archspec.source.expr import named as word
from archspec.source.family import Builder, Family
from archspec.source.layout import assignment, header, layout
from archspec.source.liveness import LANGUAGE, local_names, output_names
from archspec.source.module import module
from archspec.source.naming import TAKEN, rename, told_apart
from archspec.source.outline import (
    Argument,
    Definition,
    Nested,
    OpUse,
    Ref,
    Use,
    read_by,
    walk,
)
from archspec.source.program import Source
from archspec.source.text import (
    STEP,
    Call,
    Code,
    Doc,
    Names,
    class_name,
    function_name,
    prose,
)

BRACES = re.compile(r"\{.*?\}")
OWN = ("self", "layers", "layer")
"""Names of variables in constructors."""


def printed(
    graph: Graph,
    definitions: list[Definition],
    dialect: Dialect,
    family: Family | None = None,
) -> Source:
    """The source of definitions, of which those that are used come first.

    The last one is the whole: the net, or what uses each net of a family.
    """
    printer = Printer(graph, definitions, dialect, family)
    start, last = printer.start, dialect.channels_last
    doc = shared(family, last) if family else docstring(graph, channels_last=last)
    text = module(
        doc,
        [
            "\n".join(dialect.constants.values()),
            "\n".join(start.rules() if start is not None else []),
            *printer.parts,
            *dialect.last.values(),
        ],
        dialect.imports,
        dialect.helpers,
        family.fingerprint() if family else fingerprint(graph),
        dialect.remarks,
    )
    entries = printer.entries
    return Source(text, printer.entry, graph.name, dialect.backend, entries)


class Printer:
    """Prints the definitions of one graph; `parts` are the classes in order."""

    def __init__(
        self,
        graph: Graph,
        definitions: list[Definition],
        dialect: Dialect,
        family: Family | None = None,
    ) -> None:
        self.family = family
        self.shapes = graph.shapes()
        first = family.graphs[0] if family else graph
        self.named = list(first.outputs) != [""]
        self.dialect = dialect
        own = {*LANGUAGE, *OWN, *dialect.imports, *dialect.helpers, *dialect.taken}
        own |= {*dialect.constants, *dialect.last}
        if dialect.extra is not None:
            own.add(dialect.extra.name)
        rename(definitions, own)
        self.names = Names([*own.union(*map(local_names, definitions))])
        printed = [d for d in definitions if not (d.model and family)]
        self.titles: dict[int, str] = {}
        whole = class_name(graph.title or graph.name)
        title_of = family.title_of if family else lambda net: whole
        nets = {made: class_name(title_of(made)) for made in printed if made.net}
        for made, told in told_apart(nets).items():
            lead = class_name(told.replace("_", " ")) if told else ""
            self.titles[id(made)] = self.names.take(f"{lead}{nets[made]}")
        builders = family.builders(definitions[-1], own | TAKEN) if family else []
        for builder in builders:
            name = function_name(builder.graph.name)
            self.titles[id(builder)] = self.names.take(name)
        self.entries = tuple(self.titles[id(made)] for made in builders or printed[-1:])
        self.entry = self.entries[0]
        blocks = {made: made.title for made in printed if not made.net}
        for made, told in told_apart(blocks).items():
            self.titles[id(made)] = self._title(made, told)
        make = dialect.start
        self.start = make and make(graph, definitions, self.titles, self.names)
        self.constructor = Constructor(dialect, self.start, self._use, self._nest)
        self.handing: set[int] = set()
        self.nested: list[Definition] = []
        self.around: dict[int, str] = {}
        self.moved: dict[int, set[str]] = {}
        self.parts: list[str] = []
        for self.current in printed:
            self._add(self.current)
        self.parts += ["\n".join(self._builder(builder)) for builder in builders]

    def _title(self, definition: Definition, told: str = "", around: str = "") -> str:
        """A class's or function's name; a letter says little without what is around.

        `told` is what tells it apart from others that would have the name. A spec in a
        spec is called by its title, as the class of its own file is.
        """
        scope = definition.instances[0].scope
        if scope.kind == "file" and scope.description and not around:
            lead = class_name(told.replace("_", " ")) if told else ""
            return self.names.take(f"{lead}{class_name(scope.description)}")
        name = function_name(BRACES.sub("", definition.title) or definition.title)
        name = f"{told}_{name}" if told else name
        if definition.listed and definition.inline:
            return self.names.take(function_name(name))
        short = name.removeprefix("block_")
        name = f"{around} {short}" if around and len(short) == 1 else name
        return self.names.take(class_name(name.replace("_", " ")))

    def _add(self, definition: Definition) -> None:
        """Prints one definition, after what it uses."""
        extra, title = self.dialect.extra, self.titles[id(definition)]
        behind: Sequence[str] = ()
        if extra is not None and any(
            extra.wanted(line.target)
            if isinstance(line.target, OpUse)
            else isinstance(line.target, Use)
            and id(line.target.definition) in self.handing
            for line in walk(definition.lines)
        ):
            self.handing.add(id(definition))
            behind = extra.parameters
        parameters = definition.parameters(behind)
        if definition.listed and definition.inline:
            result = f"list[{self.dialect.member}]"
            body = self.constructor.returned(definition.lines)
            lines = [
                *header(f"def {title}", parameters, result, 0),
                *self._described(definition),
                *self._constants(definition, STEP),
                *body,
            ]
        else:
            lines = self._class(title, definition, parameters)
        self.parts.append("\n".join(lines))

    def _class(
        self, title: str, definition: Definition, parameters: Sequence[str]
    ) -> list[str]:
        dialect, constructor, lines = self.dialect, self.constructor, definition.lines
        refs, names = definition.outputs.values(), output_names(definition)
        if len(names) == 1 and not definition.net:
            names = ("",)  # it is returned at once
        outputs = dict(zip(names, refs, strict=True))
        scope = Scope([])
        if not definition.listed:
            scope = mapping(dialect, lines, list(outputs.values()))
        if definition.net and dialect.taps and definition.listed:
            told = "a net of one list has no features beside a head"
            raise UnsupportedError(told, hint="give its nodes names")
        base = dialect.base
        computes = self._method(definition, scope, outputs)
        if any(line.template for line in lines):
            base, computes = dialect.chain or dialect.sequential.inherited, []
            start = True
            body = constructor.attributes(scope)
        elif definition.listed:
            base, start = dialect.sequential.inherited, False
            # One without numbers calls its base class.
            if computes and definition.numbers and dialect.sequential.other:
                single = all(line.outputs == 1 for line in walk(lines))
                base = dialect.listing.inherited if single else dialect.sequential.other
            body = constructor.filled(dialect.sequential, lines)
        elif numbered(dialect, lines):
            base, start = dialect.listing.inherited, False
            body = constructor.filled(dialect.listing, lines)
        else:
            start = dialect.initialised
            body = constructor.attributes(scope)
        body = [
            *(["        super().__init__()"] if start else []),
            *self._constants(definition, INDENT),
            *body,
        ]
        if definition.net and dialect.whole:
            base = ", ".join([dialect.whole, base][: 1 + (base != dialect.base)])
        if definition.net and self.start is not None:
            body += self.start.last(definition)
        return [
            f"class {title}({base}):",
            *self._described(definition),
            "",
            *header("def __init__", ["self", *parameters], "None", STEP),
            *(body or ["        pass"]),
            *([""] if computes else []),
            *computes,
        ]

    def _builder(self, builder: Builder) -> list[str]:
        """The function that makes one net of a family."""
        extra = self.dialect.extra
        title = self.titles[id(builder)]
        handed = id(builder.use.definition) in self.handing
        behind = extra.parameters if extra is not None and handed else ()
        model = self.titles[id(builder.use.definition)]
        return [
            *header(f"def {title}", builder.parameters(behind=behind), model, 0),
            *built(builder.graph, STEP),
            *layout(self._use(builder.use), STEP, "return "),
        ]

    def _described(self, definition: Definition) -> list[str]:
        """The docstring of a definition."""
        if id(definition) in self.around:
            part, whole = plain(definition.title), self.around[id(definition)]
            of = "A part" if part.isdigit() else f"The {part}"
            told = f"{of} of {'an' if whole[0] in 'AEIO' else 'a'} {whole}."
            return [f'{" " * STEP}"""{prose(told)}"""']
        last = self.dialect.channels_last
        told = ""
        if self.family is not None and definition.net:
            told = self.family.title_of(definition)
        return described(definition, self.shapes, STEP, told, channels_last=last)

    def _method(
        self, definition: Definition, scope: Scope, outputs: Mapping[str, Ref]
    ) -> list[str]:
        """What a definition computes; nothing where its class does that."""
        dialect, lines, numbers = self.dialect, definition.lines, definition.numbers
        named = definition.net and list(outputs) != [""]
        inputs = definition.inputs
        if len(inputs) == 1:
            inputs = (dialect.sequential.reads if definition.listed else "x",)
        if definition.net and dialect.taps:
            taps = {name: outputs[key] for name, key in dialect.taps.items()}
            own = {*dialect.taps.values()}
            rest = {name: ref for name, ref in outputs.items() if name not in own}
            return featured(dialect, scope, inputs, taps, rest, named=self.named)
        if definition.listed and not numbers:
            if not named:
                return []
            scope, whole = Scope([]), Nested("", True, False, [], ())
            scope.add(whole, Ref(None), f"super().{dialect.call}")
            outputs = dict.fromkeys(outputs, Ref(0))
        elif definition.listed:
            refs = dict(zip(dict.fromkeys(outputs.values()), numbers, strict=True))
            makers = {number: maker(lines, ref) for ref, number in refs.items()}
            if all(line.outputs == 1 for line, _ in makers.values()):
                order = [refs[ref] for ref in outputs.values()]
                return collected(dialect, list(outputs), order, named=named)
            scope, made = sequence(lines, {n: line for n, (line, _) in makers.items()})
            outputs = {
                name: Ref(made[refs[ref]].line, maker(lines, ref)[1])
                for name, ref in outputs.items()
            }
        return method(dialect, scope, inputs, outputs, named=named)

    def _constants(self, definition: Definition, indent: int) -> list[str]:
        """The statements that compute what a body reads, and no class inside alone."""
        moved = self.moved.get(id(definition), set())
        return [
            row
            for name, value in definition.constants.items()
            if name not in moved
            for row in assignment(name, value, indent)
        ]

    # Calls of what is printed.

    def _use(self, use: Use) -> Call:
        definition, given = use.definition, use.arguments
        positional = definition.positional
        rest: list[tuple[str, Doc]] = [
            (k, v) for k, v in given.items() if k not in positional
        ]
        if self.dialect.extra is not None and id(definition) in self.handing:
            rest.append((self.dialect.extra.name, Code(self.dialect.extra.name)))
        title = self.titles[id(definition)]
        return Call(title, tuple(given[key] for key in positional), tuple(rest))

    def _nest(self, nested: Nested) -> Call:
        """A nested graph is a class of its own; its arguments are what it reads.

        What the definition around it computes for nothing else, it computes itself.
        """
        outer, inside = self.current, {id(line) for line in walk(nested.lines)}
        read = read_by(nested.lines)
        others = {
            name
            for line in walk(outer.lines)
            if id(line) not in inside
            for arg in line.said()
            for name in names_of(arg)
        }
        own: dict[str, Expr] = {}
        for name, constant in reversed(outer.constants.items()):
            if name in read and name not in others:
                own[name] = constant
                read = read - {name} | constant.names()
            else:
                others |= constant.names()
        words = sorted(read)
        definition = Definition(
            title=nested.title,
            model=False,
            listed=nested.listed,
            inline=False,
            inputs=("x",),
            instances=outer.instances,
            arguments={name: self._argument(name) for name in words},
            constants=dict(reversed(own.items())),
            lines=nested.lines,
            outputs={str(number): ref for number, ref in enumerate(nested.outputs)},
            positional=tuple(words),
            numbers=nested.numbers,
            ops=outer.ops,
            unspelled={n: v for n, v in outer.unspelled.items() if n in own},
        )
        self.moved.setdefault(id(outer), set()).update(own)
        self.nested.append(definition)  # whose id stays its own
        self.around[id(definition)] = self.titles[id(outer)]
        self.titles[id(definition)] = self._title(
            definition, around=self.titles[id(outer)]
        )
        self.current = definition
        self._add(definition)
        self.current = outer
        return self._use(Use(definition, {name: word(name) for name in words}))

    def _argument(self, name: str) -> Argument:
        """An argument for a name of the definition around a nested graph."""
        note = self.dialect.op if name in self.current.ops else ""
        return Argument(name, self._values(name), note=note)

    def _values(self, name: str) -> list[Value]:
        """What a name of the definition around a nested graph stands for."""
        current = self.current
        values = {key: found.values for key, found in current.arguments.items()}
        if name in values:
            return values[name]
        if name not in current.constants:
            columns = [line.rows.get(name, ()) for line in walk(current.lines)]
            lists = [v for c in columns if isinstance(c, Expr) for v in values[c.text]]
            items = [c for c in (*columns, *lists) if isinstance(c, tuple)]
            # A table's column, of values or the code for ops, an argument's items, or
            # the index of a loop.
            return [item for column in items for item in column] or [0]  # type: ignore[misc]  # code
        made: list[Value] = []
        for number in range(len(current.instances)):
            env = {key: found[number % len(found)] for key, found in values.items()}
            for key, constant in (current.unspelled or current.constants).items():
                env[key] = constant.value(env)
            made.append(env[name])
        return made

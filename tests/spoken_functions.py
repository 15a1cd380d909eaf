"""A framework of a few lines whose values say which layers computed them.

    Relu(name="act")("x") == "relu[]@act(x)"

`DIALECT` prints functions for it; `Interpreter` computes the same, and the names of all
layers, from an outline alone: it counts the children of a list one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import ModuleType

from unfolding import row

from archspec.graph import Graph, Value
from archspec.source.expr import value_of
from archspec.source.functions.dialect import Dialect, Frame, Layer
from archspec.source.functions.steps import applied
from archspec.source.outline import Definition, Line, Nested, OpUse, Ref, Use
from archspec.source.text import Call, Code, Display, Doc, Table, class_name

ENGINE = '''\
class Layer:
    def __init__(self, *settings, name, **options) -> None:
        self.settings, self.name = [*settings, *options.values()], name

    def __call__(self, x):
        values = x if isinstance(x, list) else [x]
        kind = type(self).__name__.lower()
        return said(f"{kind}{self.settings}@{self.name}({', '.join(values)})")


class Conv(Layer): ...
class Pad(Layer): ...
class Norm(Layer): ...
class Relu(Layer): ...
class Add(Layer): ...


class Value(str):
    """What a net reads and computes."""


def said(text):
    return text if len(text) < 300 else str(hash(text))


def cut(x, start, stop):
    return said(f"cut[{start}, {stop}]({x})")


def model(inputs, outputs, name):
    return outputs
'''


@cache
def engine() -> ModuleType:
    """The framework, as a module."""
    made = ModuleType("toy")
    exec(ENGINE, made.__dict__)
    return made


def frame(graph: Graph) -> Frame:
    """The net is given its inputs, and gives its outputs at once."""
    names = [f"{name}_value" for name in graph.inputs]

    def result(outputs: Mapping[str, str]) -> Doc:
        told = Table(tuple((key, Code(value)) for key, value in outputs.items()))
        inputs = Display(tuple(map(Code, names)))
        return Call("toy.model", (inputs, told), (("name", Code("name")),))

    before = [f"{name}: toy.Value" for name in names]
    return Frame(before, ['name: str = "net"'], [], names, {}, result)


DIALECT = Dialect(
    backend="toy",
    lowerings={
        "conv2d": lambda use: [
            Layer(Call("toy.Pad"), "pad"),
            Layer(Call("toy.Conv", (), (("channels", use["channels"]),))),
        ],
        "batch_norm": lambda use: [Layer(Call("toy.Norm", (use.channels[0],)))],
        "relu": lambda use: [Layer(Call("toy.Relu"))],
        "add": lambda use: [Layer(Call("toy.Add"))],
        "slice": lambda use: [applied("toy.cut", use["start"], use["stop"])],
        "identity": lambda use: [],
    },
    signature=lambda op, shapes: {"rank": len(shapes[0])},
    tensor="toy.Value",
    model="dict[str, toy.Value]",
    separator="_",
    channels="{}.channels",
    title=lambda graph: class_name(graph.title or graph.name),
    frame=frame,
    imports={"toy": "import toy"},
)


class Names:
    """The names of a scope's lines: a prefix, and the next number of each list."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.taken: dict[str, int] = {}

    def number(self, name: str) -> str:
        """The next number below a name; a list is below no name."""
        number = self.taken.get(name, 0)
        self.taken[name] = number + 1
        return f"{self.prefix}{name}{'_' * bool(name)}{number}"


class Interpreter:
    """What an outline computes, said without any printed code."""

    def definition(
        self,
        definition: Definition,
        arguments: Mapping[str, Value],
        inputs: Sequence[str],
        names: Names,
    ) -> list[str]:
        """The outputs of a definition, in order."""
        words = dict(arguments)
        for name, constant in definition.constants.items():
            words[name] = constant.value(words)
        refs = list(definition.outputs.values())
        return self.scope(
            definition.lines, definition.listed, words, inputs, refs, names
        )

    def scope(
        self,
        lines: Sequence[Line],
        listed: bool,
        words: dict[str, Value],
        inputs: Sequence[str],
        outputs: Sequence[Ref],
        names: Names,
    ) -> list[str]:
        """The outputs of lines, in order; loops may set words anew."""
        made: list[list[str]] = []

        def value(ref: Ref) -> str:
            held = inputs if ref.line is None else made[ref.line]
            return held[ref.output]

        for line in lines:
            read = [value(ref) for ref in line.inputs]
            if not value_of(line.when, words):
                other = line.otherwise
                made.append([read[0] if other is None else value(other)])
            elif line.count is None:
                made.append(self.target(line, listed, words, read, names))
            else:
                words.update({k: value_of(v, words) for k, v in line.start.items()})
                for turn in range(int(str(value_of(line.count, words)))):
                    words[line.index] = turn
                    words |= row(line, turn, words)
                    read = self.target(line, listed, words, read, names)
                    after = {k: value_of(v, words) for k, v in line.carried.items()}
                    words.update(after)
                made.append(read)
        return [value(ref) for ref in outputs]

    def target(
        self,
        line: Line,
        listed: bool,
        words: dict[str, Value],
        read: list[str],
        names: Names,
    ) -> list[str]:
        """What one child gives; in a list, and in a repeat, it is called by number."""
        target = line.target
        if not line.spread:
            repeated = line.count is not None or line.single
            name = f"{names.prefix}{line.name}"
            if listed or repeated:
                name = names.number("" if listed else line.name)
        below = names if line.spread else Names(f"{name}_")
        if isinstance(target, Use):
            given = {k: value_of(v, words) for k, v in target.arguments.items()}
            return self.definition(target.definition, given, read, below)
        if isinstance(target, Nested):
            inner, outputs = target.lines, target.outputs
            return self.scope(inner, target.listed, words, read, outputs, below)
        return [self.op(target, words, read, name)]

    def op(
        self, use: OpUse, words: dict[str, Value], read: list[str], name: str
    ) -> str:
        """What an op gives."""
        said = engine().said
        settings = [value_of(arg, words) for arg in use.attributes.values()]
        if use.kind == "identity":
            return read[0]
        if use.kind == "slice":
            return str(said(f"cut{settings}({read[0]})"))
        if use.kind == "batch_norm":
            settings = [value_of(use.channels[0], words)]
        if use.kind == "conv2d":
            read = [said(f"pad[]@{name}_pad({read[0]})")]
        kind = {"conv2d": "conv", "batch_norm": "norm"}.get(use.kind, use.kind)
        return str(said(f"{kind}{settings}@{name}({', '.join(read)})"))

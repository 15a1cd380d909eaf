"""A framework of a few lines, whose values say how they were computed.

    Conv(8)(Relu()("x")) == "conv(8)(relu(x))"

`DIALECT` prints classes for it; `Interpreter` computes the same from an outline alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import ModuleType

from unfolding import row

from archspec.graph import Value
from archspec.source.classes import Container, Dialect
from archspec.source.expr import value_of
from archspec.source.outline import Definition, Line, OpUse, Ref, Use
from archspec.source.text import Call, Code, Doc

ENGINE = '''\
class Module:
    def __init__(self) -> None:
        pass

    def __call__(self, *values):
        return self.forward(*values)


class Op(Module):
    def __init__(self, *settings) -> None:
        self.settings = settings

    def forward(self, x):
        return said(f"{type(self).__name__.lower()}{list(self.settings)}({x})")


class Conv(Op): ...
class Norm(Op): ...
class Relu(Op): ...
class Cut(Op): ...
class Same(Op):
    def forward(self, x):
        return x


class List(list):
    def __call__(self, *values):
        return self.forward(*values)


class Sequential(List):
    def __init__(self, *items) -> None:
        super().__init__(items)

    def forward(self, x):
        for layer in self:
            x = layer(x)
        return x


class Value(str):
    """What a net reads and computes."""


def said(text):
    return text if len(text) < 200 else str(hash(text))


def total(*values):
    return said(f"add[]({', '.join(values)})")


def cut(x, start, stop):
    return said(f"cut[{start}, {stop}]({x})")
'''


def _cut(use: OpUse, x: Sequence[str]) -> Doc:
    return Call("toy.cut", (Code(x[0]), use["start"], use["stop"]))


DIALECT = Dialect(
    backend="toy",
    modules={
        "conv2d": lambda use: Call("toy.Conv", (use["channels"],)),
        "batch_norm": lambda use: Call("toy.Norm", (use.channels[0],)),
        "relu": lambda use: Call("toy.Relu"),
        "slice": lambda use: Call("toy.Cut", (use["start"], use["stop"])),
        "identity": lambda use: Call("toy.Same"),
    },
    functions={
        "add": lambda use, x: Call("toy.total", tuple(map(Code, x))),
        "slice": _cut,
        "identity": lambda use, x: Code(x[0]),
    },
    imports={"toy": "import toy"},
    base="toy.Module",
    tensor="toy.Value",
    call="forward",
    sequential=Container("toy.Sequential", unpacked=True),
    listing=Container("toy.List"),
    member="toy.Module",
)


@cache
def engine() -> ModuleType:
    """The framework, as a module."""
    made = ModuleType("toy")
    exec(ENGINE, made.__dict__)
    return made


class Interpreter:
    """What an outline computes, said without any printed code."""

    def definition(
        self,
        definition: Definition,
        arguments: Mapping[str, Value],
        inputs: Sequence[str],
    ) -> list[str]:
        """The outputs of a definition, in order."""
        words = dict(arguments)
        for name, constant in definition.constants.items():
            words[name] = constant.value(words)
        refs = list(definition.outputs.values())
        return self.scope(definition.lines, words, inputs, refs)

    def scope(
        self,
        lines: Sequence[Line],
        words: dict[str, Value],
        inputs: Sequence[str],
        outputs: Sequence[Ref],
    ) -> list[str]:
        """The outputs of lines, in order; loops may set words anew."""
        made: list[list[str]] = []

        def value(ref: Ref) -> str:
            return (
                inputs[ref.output] if ref.line is None else made[ref.line][ref.output]
            )

        for line in lines:
            read = [value(ref) for ref in line.inputs]
            if not value_of(line.when, words):
                made.append(
                    [read[0] if line.otherwise is None else value(line.otherwise)]
                )
            elif line.count is None:
                made.append(self.target(line, words, read))
            else:
                words.update({k: value_of(v, words) for k, v in line.start.items()})
                for turn in range(value_of(line.count, words)):  # type: ignore[arg-type]  # an int
                    words[line.index] = turn
                    words |= row(line, turn, words)
                    read = self.target(line, words, read)
                    words.update(
                        {k: value_of(v, words) for k, v in line.carried.items()}
                    )
                made.append(read)
        return [value(ref) for ref in outputs]

    def target(self, line: Line, words: dict[str, Value], read: list[str]) -> list[str]:
        target = line.target
        if isinstance(target, Use):
            given = {k: value_of(v, words) for k, v in target.arguments.items()}
            return self.definition(target.definition, given, read)
        if not isinstance(target, OpUse):
            return self.scope(target.lines, words, read, target.outputs)
        said = [value_of(arg, words) for arg in target.attributes.values()]
        if target.kind == "batch_norm":
            said = [value_of(target.channels[0], words)]
        if target.kind == "identity":
            return read
        names = {"conv2d": "conv", "batch_norm": "norm", "slice": "cut"}
        name = names.get(target.kind, target.kind)
        return [engine().said(f"{name}{said}({', '.join(read)})")]

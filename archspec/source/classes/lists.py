"""Blocks that are nothing but a list, written where they are used.

A block of one layer, and one whose children stand side by side,

    class Convolution(nn.Sequential):
        def __init__(self, in_channels: int, channels: int) -> None:
            super().__init__(nn.Conv2d(in_channels, channels, 1))

    class Laterals(nn.ModuleList):
        def __init__(self, channels: int) -> None:
            super().__init__([Convolution(64, channels), Convolution(128, channels)])

        def forward(self, c2: Tensor, c3: Tensor) -> tuple[Tensor, Tensor]:
            return self[0](c2), self[1](c3)

are no classes: who uses them has

    self.laterals = nn.ModuleList(
        [
            nn.Sequential(nn.Conv2d(64, channels, 1)),
            nn.Sequential(nn.Conv2d(128, channels, 1)),
        ]
    )

and calls `self.laterals[0](c2)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from archspec.source.classes.dialect import Dialect
from archspec.source.classes.scope import numbered
from archspec.source.expr import Arg, put
from archspec.source.liveness import output_names
from archspec.source.outline import Definition, Line, Nested, OpUse, Ref, Use, walk


def unwrap(definitions: Sequence[Definition], dialect: Dialect) -> list[Definition]:
    """The definitions that are left, of which those that use others are changed."""
    for definition in definitions:  # those that are used come first
        for line in walk(definition.lines):
            if isinstance(line.target, Use) and _single(
                line.target.definition, dialect
            ):
                line.target = _nested(line, line.target)
        if not definition.listed:
            _spread(definition, dialect)
    used = {
        id(line.target.definition)
        for definition in definitions
        for line in walk(definition.lines)
        if isinstance(line.target, Use)
    }
    return [made for made in definitions if made.model or id(made) in used]


def _single(block: Definition, dialect: Dialect) -> bool:
    """Whether a block is one layer, numbered 0, that is always there."""
    chain = numbered(dialect, block.lines) and len(block.inputs) == 1
    return (
        (block.listed or chain)
        and not (block.inline or block.net or block.constants)
        and [line.plain and isinstance(line.target, OpUse) for line in block.lines]
        == [True]
    )


def _nested(line: Line, use: Use) -> Nested:
    block = use.definition
    lines = [_copied(inner, use.arguments, line.nodes) for inner in block.lines]
    return Nested(block.title, True, False, lines, (*block.outputs.values(),))


def _spread(definition: Definition, dialect: Dialect) -> None:
    """Puts the children of blocks that are side by side into what uses these."""
    lines: list[Line] = []
    where: dict[Ref, Ref] = {}

    def moved(ref: Ref) -> Ref:
        return where.get(ref, ref)

    for number, line in enumerate(definition.lines):
        line.inputs = tuple(map(moved, line.inputs))
        line.otherwise = line.otherwise and moved(line.otherwise)
        block = line.target.definition if isinstance(line.target, Use) else None
        if block is None or not _beside(block, dialect):
            where |= {Ref(number, n): Ref(len(lines), n) for n in range(line.outputs)}
            lines.append(line)
            continue
        assert isinstance(line.target, Use)
        names = output_names(block)
        for output, (name, child) in enumerate(zip(names, block.lines, strict=True)):
            made = _copied(child, line.target.arguments, line.nodes)
            inputs = tuple(line.inputs[ref.output] for ref in child.inputs)
            where[Ref(number, output)] = Ref(len(lines))
            lines.append(replace(made, name=line.name, inputs=inputs, value=name))
    definition.lines = lines
    definition.outputs = {k: moved(ref) for k, ref in definition.outputs.items()}


def _beside(block: Definition, dialect: Dialect) -> bool:
    """Whether the children of a block read what it reads, and give what it gives."""
    return (
        len(block.lines) > 1  # one would lose its number
        and not (block.net or block.constants)
        and numbered(dialect, block.lines)
        and [*block.outputs.values()] == [Ref(n) for n in range(len(block.lines))]
        and all(ref.line is None for line in block.lines for ref in line.inputs)
        and all(_plain(line) for line in block.lines)
    )


def _plain(line: Line) -> bool:
    """Whether what a line says is said by its target alone."""
    target = line.target
    nested = target.lines if isinstance(target, Nested) else []
    return line.plain and line.outputs == 1 and all(map(_plain, nested))


def _copied(line: Line, words: Mapping[str, Arg], scopes: Sequence[str]) -> Line:
    """A plain line of a block, in the words, and of the scopes, of one use of it."""
    mine = [name.startswith(tuple(f"{s}." for s in scopes)) for name in line.nodes]
    target = line.target
    if isinstance(target, OpUse):
        target = OpUse(
            [op for op, own in zip(target.ops, mine, strict=True) if own],
            [shapes for shapes, own in zip(target.shapes, mine, strict=True) if own],
            {key: put(arg, words) for key, arg in target.attributes.items()},
            tuple(put(arg, words) for arg in target.channels),
        )
    elif isinstance(target, Use):
        given = {key: put(arg, words) for key, arg in target.arguments.items()}
        target = Use(target.definition, given)
    else:
        inner = [_copied(line, words, scopes) for line in target.lines]
        target = replace(target, lines=inner)
    nodes = [name for name, own in zip(line.nodes, mine, strict=True) if own]
    return replace(line, target=target, nodes=nodes)

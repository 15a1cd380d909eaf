"""Outlines as text, so that a test shows what it expects.

    unit(in_channels: int, channels: int) -> channels
      conv: conv2d[channels=channels, kernel=3](input: in_channels)
      layer: for i in range(2): unit[in_channels=channels, channels=8](conv)
      = layer

A line has its name (`#1` in a list), what it does and, in brackets, what that is given;
ops have those attributes that aren't their defaults, and the channels that they read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from archspec.graph import Graph
from archspec.ops import BY_KIND
from archspec.source.expr import Arg, Expr
from archspec.source.generalise import outline
from archspec.source.literal import lit
from archspec.source.outline import CHOSEN, Definition, Line, Nested, OpUse, Ref, Use
from archspec.source.text import template
from archspec.source.tree import Signature


def any_attribute(op: Any, shapes: Any) -> dict[str, int]:
    """The signature of a framework in which any attribute may be an argument."""
    return {"rank": len(shapes[0])}


def told(graph: Graph, signature: Signature = any_attribute) -> str:
    """The outline of a graph."""
    return said(outline(graph, signature))


def said(definitions: Sequence[Definition]) -> str:
    """Definitions as text."""
    return "\n".join(line for found in definitions for line in _definition(found))


def code(arg: Arg) -> str:
    """A value of printed code."""
    return arg.code() if isinstance(arg, Expr) else lit(arg)


def _definition(definition: Definition) -> Iterator[str]:
    given = []
    for name, argument in definition.arguments.items():
        default = f" = {code(argument.default)}" if argument.keyword else ""
        given.append(f"{name}: {argument.type()}{default}")
    flags = [word for word in ("listed", "inline") if getattr(definition, word)]
    channels = ", ".join(map(code, definition.channels))
    head = " ".join([*flags, definition.title])
    yield f"{head}({', '.join(given)}) -> {channels}"
    for name, constant in definition.constants.items():
        yield f"  {name} = {constant.code()}"
    yield from _scope(
        definition.lines,
        definition.inputs,
        definition.outputs,
        definition.numbers,
        "  ",
    )


def _scope(
    lines: Sequence[Line],
    inputs: Sequence[str],
    outputs: dict[str, Ref],
    numbers: Sequence[int],
    pad: str,
) -> Iterator[str]:
    def ref(found: Ref) -> str:
        if found.line is None:
            return inputs[found.output]
        name = lines[found.line].name or f"#{found.line}"
        alike = [n for n, line in enumerate(lines) if line.name == name]
        if len(alike) > 1:
            name += f"@{alike.index(found.line)}"
        return f"{name}.{found.output}" if lines[found.line].outputs > 1 else name

    for number, line in enumerate(lines):
        words = [f"{line.name or f'#{number}'}:"]
        if line.template:
            words[0] = f"{template(line.template)}:"
        if line.single:
            words.append("single")
        words += [f"{k} = {code(v)};" for k, v in line.start.items()]
        if line.count is not None:
            names = ", ".join([line.index, *line.rows])
            table = "".join(f", {_column(held)}" for held in line.rows.values())
            words.append(f"for {names} in range({code(line.count)}){table}:")
        if line.instead:
            words.append("instead")
        read = ", ".join(map(ref, line.inputs))
        words.append(_target(line, read))
        words += [f"; {k} = {code(v)}" for k, v in line.carried.items()]
        for name, after in line.after.items():
            words.append(f"; after {name} is {'?' if after is None else code(after)}")
        if line.when is not True:
            other = "" if line.otherwise is None else f" else {ref(line.otherwise)}"
            words.append(f"if {code(line.when)}{other}")
        yield f"{pad}{' '.join(words)}"
        if isinstance(line.target, Nested):
            nested = line.target
            ends = {str(n): found for n, found in enumerate(nested.outputs)}
            yield from _scope(nested.lines, ["input"], ends, nested.numbers, pad + "  ")
    given = (
        f"{n} {ref(r)}" if not n.isdecimal() else ref(r) for n, r in outputs.items()
    )
    by_number = f" numbered {list(numbers)}" if numbers else ""
    yield f"{pad}= {', '.join(end.strip() for end in given)}{by_number}"


def _target(line: Line, read: str) -> str:
    target = line.target
    if isinstance(target, OpUse):
        settings = _settings(target)
        told_ = f"[{', '.join(settings)}]" if settings else ""
        channels = ", ".join(map(code, target.channels))
        read = f"{read}: {channels}" if channels else read
        return f"{target.kind}{told_}({read})"
    if isinstance(target, Use):
        given = [f"{k}={code(v)}" for k, v in target.arguments.items()]
        told_ = f"[{', '.join(given)}]" if given else ""
        return f"{target.definition.title}{told_}({read})"
    flags = [word for word in ("listed", "inline") if getattr(target, word)]
    return " ".join([*flags, f"graph({read})"])


def _column(held: tuple[Arg, ...] | Expr) -> str:
    if isinstance(held, Expr):
        return held.code()
    if not any(isinstance(arg, Expr) for arg in held):
        return lit(held)  # type: ignore[arg-type]  # values
    return f"({', '.join(map(code, held))})"


def _settings(use: OpUse) -> list[str]:
    if use.kind == CHOSEN:
        return [f"{CHOSEN}={code(use[CHOSEN])}"]
    fields = BY_KIND[use.kind].model_fields
    return [
        f"{name}={code(value)}"
        for name, value in use.attributes.items()
        if isinstance(value, Expr) or value != fields[name].default
    ]

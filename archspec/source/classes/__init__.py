"""Prints a net as classes, for any framework that has them: a `Dialect` says which.

    toy = Dialect(
        backend="toy",
        modules={
            "conv2d": lambda use: Call(
                "toy.Conv", (use.channels[0], use["channels"], use["kernel"])
            ),
            "relu": lambda use: Call("toy.Relu"),
        },
        functions={"add": lambda use, x: Infix((Code(x[0]), Code(x[1])), ("+",))},
        imports={"toy": "import toy"},
        base="toy.Module",
        tensor="toy.Tensor",
        call="forward",
        sequential=Container("toy.Sequential", unpacked=True),
        listing=Container("toy.List"),
        member="toy.Module",
    )
    print(emit(graph, toy).text)

prints, for a stem and two units that add what they read,

    class Unit(toy.Module):
        \"\"\"Maps [N, 4, H, W] to [N, 4, H, W].\"\"\"

        def __init__(self) -> None:
            super().__init__()
            self.conv = toy.Conv(4, 4, 3)
            self.relu = toy.Relu()

        def forward(self, x: toy.Tensor) -> toy.Tensor:
            y = self.relu(self.conv(x))
            return y + x


    class Net(toy.Module):
        \"\"\"Maps [N, 3, H, W] to [N, 4, H, W].\"\"\"

        def __init__(self) -> None:
            super().__init__()
            self.stem = toy.Conv(3, 4, 1)
            self.layer = toy.Sequential(*(Unit() for _ in range(2)))

        def forward(self, x: toy.Tensor) -> toy.Tensor:
            x = self.stem(x)
            return self.layer(x)

An op is a child where `modules` has its kind, and an expression where `functions` does;
one with both is an expression where it has a name, and a child in a list. A lowering
reads attributes by `use["kernel"]` (a value, or an expression of arguments) and the
channels of its inputs by `use.channels`, and gives data (`archspec.source.text`), which
is laid out as `ruff format` would. A function is given the code of its operands; what
it reads of arguments is an attribute there: `self.kernel`.

Everything else is the engine's: classes and their arguments, containers and loops,
children that are not always there, names of variables, nested graphs, imports and
helpers by what the text reads.
"""

from __future__ import annotations

from dataclasses import replace

from archspec.errors import BackendError
from archspec.graph import Graph
from archspec.source.choices import spell
from archspec.source.classes.dialect import (
    Container,
    Dialect,
    Extra,
    Function,
    Lowering,
    Start,
)
from archspec.source.classes.lists import unwrap
from archspec.source.classes.printing import printed
from archspec.source.family import Family
from archspec.source.generalise import outline
from archspec.source.outline import Definition
from archspec.source.program import Source
from archspec.source.prune import prune

__all__ = [
    "Container",
    "Dialect",
    "Extra",
    "Function",
    "Lowering",
    "Start",
    "emit",
    "emit_tapped",
    "printed",
]


def emit_tapped(net: Graph | Family, both: Graph | Family, dialect: Dialect) -> Source:
    """The source of a net whose class also gives its features, the taps.

    `both` is the net, or are the nets, with the taps behind the outputs. BackendError
    for nets of one file that have other taps or outputs.
    """
    family = net if isinstance(net, Family) else None
    whole = both.whole() if isinstance(both, Family) else both
    definitions = _outlined(whole, dialect)
    first, *others = [net] if isinstance(net, Graph) else net.graphs
    for graph in others:
        if (*graph.taps, *graph.outputs) != (*first.taps, *first.outputs):
            raise BackendError(
                f"{graph.name!r} has other taps or outputs than {first.name!r}",
                code="AS516",
                hint="print it into a file of its own",
            )
    last = len(first.outputs)
    for made in definitions:
        if made.net and not (made.model and family):
            made.channels = made.channels[:last]
    told = both.graphs[0] if isinstance(both, Family) else both
    taps = dict(zip(first.taps, [*told.outputs][last:], strict=True))
    dialect = replace(dialect, taps=taps)
    return printed(whole if family else first, definitions, dialect, family)


def emit(net: Graph | Family, dialect: Dialect) -> Source:
    """The source of a graph's net, or of a family's; never imports a framework.

    Every op must have a lowering: `archspec.backend.refuse_unsupported` comes first.
    """
    family = net if isinstance(net, Family) else None
    graph = net.whole() if isinstance(net, Family) else net
    return printed(graph, _outlined(graph, dialect), dialect, family)


def _outlined(graph: Graph, dialect: Dialect) -> list[Definition]:
    """The definitions of a graph in the framework's words."""
    definitions = outline(
        dialect.prepared(graph), dialect.signature, dialect.ops.keys()
    )
    prune(definitions, dialect.sized)
    spell(definitions, dialect.ops, dialect.op)
    return unwrap(definitions, dialect)

"""The function that makes a model of another one's features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archspec.errors import UnsupportedError
from archspec.graph import Graph, Node
from archspec.source.family import Family
from archspec.source.functions.dialect import Dialect
from archspec.source.layout import assignment
from archspec.source.literal import lit
from archspec.source.text import Code, Table

TEXT = '''\
def features(model: ir.Model{parameter}) -> ir.Model:
    """Make a model of the feature maps of {what}."""
    made = model.clone()
    values = {{v.name: v for node in made.graph for v in node.outputs}}
    outputs = []
    for tap, place in {taps}.items():
        node = ir.node("Identity", [values[place]], name=tap)
        made.graph.append(node)
        node.outputs[0].name = tap
        node.outputs[0].type = made.graph.inputs[0].type
        node.outputs[0].shape = ir.Shape([None] * {rank})
        outputs.append(node.outputs[0])
    made.graph.outputs[:] = outputs
    RemoveUnusedNodesPass()(made)
    return made'''
NOTHING = ("identity", "dropout", "drop_path")
"""Ops that no node of ONNX stands for."""
IMPORTS = {
    "RemoveUnusedNodesPass": ("from onnx_ir.passes.common import RemoveUnusedNodesPass")
}


def featured(dialect: Dialect, net: Graph | Family) -> Dialect:
    """The dialect of files that have a function `features`, for the nets' taps."""
    if isinstance(net, Graph):
        told, table = ("", "another", "TAPS"), _taps(net)
    else:
        told = ", name: str", "a net, by its name", "TAPS[name]"
        table = Table(tuple((graph.name, _taps(graph)) for graph in net.graphs))
    parameter, what, taps = told
    graphs = [net] if isinstance(net, Graph) else [*net.graphs]
    rank = _rank(graphs)
    text = TEXT.format(parameter=parameter, what=what, taps=taps, rank=rank)
    return replace(
        dialect,
        imports={**dialect.imports, **IMPORTS},
        constants={
            **dialect.constants,
            "TAPS": "\n".join(assignment("TAPS", table, 0)),
        },
        last={"features": text, **dialect.last},
    )


def _rank(graphs: Sequence[Graph]) -> int:
    """Axes of all taps; UnsupportedError where some are images and some are not."""
    ranks: dict[int, Node] = {}
    for graph in graphs:
        nodes = {node.name: node for node in graph.nodes}
        for value in graph.taps.values():
            ranks.setdefault(1 + len(nodes[value].shape), nodes[value])
    if len(ranks) > 1:
        told = "some taps are images and some are vectors"
        raise UnsupportedError(told, at=[*ranks.values()][1].at, hint="tap one kind")
    return next(iter(ranks))


def _taps(graph: Graph) -> Table:
    """For each tap the value that gives it; UnsupportedError where none does."""
    nodes = {node.name: node for node in graph.nodes}
    for name, value in graph.taps.items():
        kind, at = nodes[value].op.kind, nodes[value].at
        if kind in NOTHING:
            told = f"the tap {name!r}, {kind}, is no value of its own"
            raise UnsupportedError(told, at=at, hint="tap what it reads")
        if name in nodes or name in graph.inputs:
            told = f"{name!r} is a tap and a node, and ONNX has one value of a name"
            raise UnsupportedError(told, at=nodes.get(name, nodes[value]).at)
    return Table(tuple((n, Code(lit(value))) for n, value in graph.taps.items()))

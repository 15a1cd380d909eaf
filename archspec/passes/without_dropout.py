"""Takes the chance out of a graph."""

from __future__ import annotations

from dataclasses import replace

from archspec.graph import Graph, Node
from archspec.ops.activation import Dropout, DropPath


def without_dropout(graph: Graph) -> Graph:
    """The graph with every dropout and drop_path at rate 0, so that runs compare."""
    made = replace(graph, nodes=tuple(_still(node) for node in graph.nodes))
    made.check()
    return made


def _still(node: Node) -> Node:
    if not isinstance(node.op, Dropout | DropPath):
        return node
    texts = {name: text for name, text in node.texts.items() if name != "rate"}
    return replace(node, op=node.op.model_copy(update={"rate": 0.0}), texts=texts)

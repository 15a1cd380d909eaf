"""Takes the chance out of a graph."""

from __future__ import annotations

from dataclasses import replace

from archspec.graph import Graph, Node


def without_dropout(graph: Graph) -> Graph:
    """The graph with every chance at 0, so that runs compare."""
    made = replace(graph, nodes=tuple(_still(node) for node in graph.nodes))
    made.check()
    return made


def _still(node: Node) -> Node:
    chance = node.op.chance
    if chance is None:
        return node
    texts = {name: text for name, text in node.texts.items() if name != chance}
    return replace(node, op=node.op.model_copy(update={chance: 0.0}), texts=texts)

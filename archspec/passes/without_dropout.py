"""Takes the chance out of a graph."""

from __future__ import annotations

from dataclasses import replace

from archspec.graph import Graph
from archspec.ops.activation import Chance
from archspec.passes.rewrite import rewrite


def without_dropout(graph: Graph) -> Graph:
    """The graph with every dropout and drop_path at rate 0, so that runs compare."""
    still = {
        node.name: [replace(node, op=node.op.model_copy(update={"rate": 0.0}))]
        for node in graph.nodes
        if isinstance(node.op, Chance)
    }
    return rewrite(graph, still)

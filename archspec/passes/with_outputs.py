"""Makes other values the outputs of a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from archspec.graph import Graph, Node


def with_outputs(graph: Graph, outputs: Mapping[str, str]) -> Graph:
    """The graph that gives these values and holds nothing that they don't need.

    Args:
        graph: any graph; its inputs stay, even those that are read no more.
        outputs: output name -> the name of a node; one named "" is the only one.

    Raises:
        ValueError: there is no node of such a name.
    """
    live = set(outputs.values())
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if node.name in live:
            live.update(node.inputs)
            kept.append(node)
    made = replace(graph, nodes=tuple(reversed(kept)), outputs=dict(outputs), taps={})
    made.check()
    return made

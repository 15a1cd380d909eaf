"""Makes other values the outputs of a graph."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.graph import Graph
from archspec.passes.rewrite import rewrite


def with_outputs(graph: Graph, outputs: Mapping[str, str]) -> Graph:
    """The graph that gives these values and holds nothing that they don't need.

    Args:
        graph: any graph; its inputs stay, even those that are read no more.
        outputs: output name -> the name of a node; one named "" is the only one.

    Raises:
        ValueError: there is no node of such a name.
    """
    return rewrite(graph, {}, outputs=outputs, taps={})

"""What of a net depends on the size of its images."""

from __future__ import annotations

from dataclasses import replace

from archspec.graph import Graph
from archspec.nodes import EMPTY
from archspec.ops.shaping import Flatten


def following(graph: Graph) -> frozenset[str]:
    """The images whose height and width follow from those of the net's inputs."""
    found = {name for name, shape in graph.inputs.items() if len(shape) == 3}
    for node in graph.nodes:
        sizing = node.op.sized_by(node.inputs)
        if len(node.shape) == 3 and not found.isdisjoint(sizing):
            found.add(node.name)
    return frozenset(found)


def sized(graph: Graph) -> bool:
    """Whether the number of features that a flatten gives depends on the image."""
    images = following(graph)
    read = {name for node in graph.nodes for name in node.inputs}
    return any(
        node.op.flattens and node.name in read and node.inputs[0] in images
        for node in graph.nodes
    )


def without_order(graph: Graph) -> Graph:
    """Says of a single pixel, which stays one at every size, that its order is hwc.

    It is the same in any order, and channels last this is the one that a flatten has.
    """
    images, shapes = following(graph), graph.shapes()
    nodes = []
    for node in graph.nodes:
        read = node.inputs[0]
        if node.op.flattens and shapes[read][1:] == (1, 1) and read not in images:
            node = replace(node, op=Flatten(order="hwc"), texts=EMPTY)
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes))

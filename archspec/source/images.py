"""What of a net depends on the size of its images."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from archspec.errors import Location
from archspec.graph import Graph
from archspec.nodes import EMPTY, Node
from archspec.ops import Op
from archspec.ops.activation import Identity
from archspec.ops.pooling import GlobalAvgPool2d, GlobalMaxPool2d
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


def with_vectors(graph: Graph) -> Graph:
    """The graph with pools to one pixel that flattens alone read as pools to vectors.

    Channels last, a global pool gives vectors by itself. Both stand in one scope, at
    two statements that all instances of a block have.
    """
    readers = Counter(name for node in graph.nodes for name in node.inputs)
    readers.update(graph.outputs.values())
    made = {node.name: node for node in graph.nodes}
    pairs = [(made.get(n.inputs[0]), n) for n in graph.nodes if n.op.flattens]
    found: dict[Location, list[tuple[Node, Node]]] = {}
    apart: set[Location] = set()
    for pool, node in pairs:
        alone = pool is not None and pool.scope is node.scope and _plain(pool, node)
        if pool is None or not alone or readers[pool.name] > 1:
            apart |= {node.at, *([pool.at] if pool else [])}
        else:
            found.setdefault(pool.at, []).append((pool, node))
    ops: dict[str, Op] = {}
    for at, known in found.items():
        there = sum(node.at == at for node in graph.nodes)
        if there == len(known) and not apart & {at, *(node.at for _, node in known)}:
            ops |= {pool.name: GLOBAL[pool.op.kind] for pool, _ in known}
            ops |= {node.name: Identity() for _, node in known}
    shapes = {node.inputs[0]: node.shape for node in graph.nodes if node.name in ops}
    nodes = [
        replace(n, op=ops[n.name], shape=shapes.get(n.name, n.shape), texts={})
        if n.name in ops
        else n
        for n in graph.nodes
    ]
    return replace(graph, nodes=tuple(nodes)) if ops else graph


def _plain(pool: Node, node: Node) -> bool:
    """Whether a pool leaves one pixel, which is then flattened, whatever is said."""
    single = pool.op.kind in GLOBAL and pool.shape[1:] == (1, 1)
    told = pool.texts or pool.when or node.when or pool.repeat or node.repeat
    return single and not told


GLOBAL: dict[str, Op] = {
    "adaptive_avg_pool2d": GlobalAvgPool2d(),
    "adaptive_max_pool2d": GlobalMaxPool2d(),
}
"""What gives vectors instead of an adaptive pool to one pixel."""

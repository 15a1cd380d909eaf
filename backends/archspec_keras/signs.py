"""Which max pools read nothing below 0: zeros around an image never win there.

A printed block is a function of its own, which others may call. So what it reads may be
anything, what an argument decides may be otherwise, and a statement is one for all its
instances.
"""

from __future__ import annotations

from dataclasses import replace

from archspec.graph import Graph, Node, Scope
from archspec.ops.base import pair
from archspec.ops.pooling import MaxPool2d


class ZeroPadded(MaxPool2d):
    """A max pool of what is never below 0, for which its padding may be zeros."""


def with_zeros(graph: Graph) -> Graph:
    """The graph with such max pools as `ZeroPadded`."""
    made = {node.name: node for node in graph.nodes}
    pools = [node for node in graph.nodes if isinstance(node.op, MaxPool2d)]
    other = {p.at for p in pools if not nonnegative(p.inputs[0], _home(p), made)}
    found = {
        p.name: replace(p, op=ZeroPadded.model_construct(**dict(p.op)))
        for p in pools
        if p.at not in other and max(pair(p.op.dilation)) == 1  # type: ignore[attr-defined]  # a MaxPool2d
    }
    nodes = tuple(found.get(node.name, node) for node in graph.nodes)
    return replace(graph, nodes=nodes) if found else graph


def nonnegative(value: str, home: Scope, made: dict[str, Node]) -> bool:
    """Whether a value is never below 0, whoever calls the function of `home`."""
    known: dict[str, bool] = {}
    waiting = [value]
    while waiting:
        name = waiting[-1]
        node = made.get(name)
        if node is None or not _always(node, home):
            known[name] = False
        if node is not None and name not in known:
            reads = [known.get(read, True) for read in node.inputs]
            rest = [read for read in node.inputs if read not in known]
            nothing = [False] * len(reads)
            if rest and node.op.nonnegative(*reads) > node.op.nonnegative(*nothing):
                waiting += rest
                continue
            known[name] = node.op.nonnegative(*reads)
        waiting.pop()
    return known[value]


def _home(node: Node) -> Scope:
    """The scope whose function has the node's line."""
    scope = node.scope
    while scope.kind == "graph" and scope.parent is not None:
        scope = scope.parent
    return scope


def _always(node: Node, home: Scope) -> bool:
    """Whether a node is there, as it is, whatever the arguments of `home` are."""
    if node.when or node.repeat or node.texts:
        return False
    scope: Scope | None = node.scope
    while scope is not None and scope is not home:
        if scope.when or scope.repeat:
            return False
        scope = scope.parent
    return scope is home

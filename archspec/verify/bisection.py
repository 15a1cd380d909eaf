"""Which node is the first whose value differs between two backends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archspec.graph import Graph, Node
from archspec.verify.comparison import Check, distances
from archspec.verify.process import NotAvailable, Session
from archspec.verify.task import Task

Measure = Callable[[str], float]
"""A number for each node."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The end of a search.

    Attributes:
        node, op, at: the node, its kind and its place in the spec.
        error: of its output.
        text: the sentence for a person.
    """

    node: str
    op: str
    at: str
    error: float
    text: str


class Search:
    """Halves the ancestors of a value that differs, one pruned net at a time.

    A net that ends at a node is built on both sides, as a pass cuts it. Where the value
    there agrees, so do those before it, for a fault does not undo itself; what the
    found node reads is looked at once more in the end.
    """

    def __init__(self, graph: Graph, apart: Measure, limits: Measure) -> None:
        """`apart` says how far the net that ends at a node is off."""
        self.nodes = {node.name: node for node in graph.nodes}
        self.apart = apart
        self.limits = limits
        self.errors: dict[str, float] = {}

    def first(self, value: str) -> tuple[Node, float] | None:
        """The first node on the way to `value` that differs, and by how much.

        None if none does.
        """
        if not self.differs(value):
            return None
        found = self._halved(value, set())
        while True:
            wrong = [name for name in self.nodes[found].inputs if self.differs(name)]
            if not wrong:
                break
            found = self._halved(wrong[0], set())
        return self.nodes[found], self.errors[found]

    def differs(self, value: str) -> bool:
        """Whether a value is further apart than allowed; a graph's input never is."""
        if value not in self.nodes:
            return False
        if value not in self.errors:
            self.errors[value] = self.apart(value)
        return self.errors[value] > self.limits(value)

    def _halved(self, value: str, agreed: set[str]) -> str:
        while True:
            above = [n for n in self._ancestors(value) if n not in agreed]
            if not above:
                return value
            middle = above[len(above) // 2]
            if self.differs(middle):
                value = middle
            else:
                agreed.update((middle, *self._ancestors(middle)))

    def _ancestors(self, value: str) -> list[str]:
        """The nodes that a node needs, in the order of the graph."""
        needed = set(self.nodes[value].inputs)
        found = []
        for node in reversed(self.nodes.values()):
            if node.name in needed and node.name != value:
                needed.update(node.inputs)
                found.append(node.name)
        return found[::-1]


def finding(node: Node, error: float, *, gradients: bool = False) -> Finding:
    """The first node that differs, or whose gradients do, with a sentence on it."""
    kind = node.op.kind
    differs = "whose gradients differ" if gradients else "that differs"
    agrees = "those of what it reads agree" if gradients else "what it reads agrees"
    reads = " and ".join(repr(name) for name in node.inputs)
    text = (
        f"{node.at}: the first node {differs} is {node.name!r} ({kind}), by "
        f"{error:.1e}; {agrees}: {reads}"
    )
    return Finding(node.name, kind, str(node.at), error, text)


def search(
    graph: Graph,
    check: Check,
    limit: float,
    value: str,
    one: Session,
    other: Session,
) -> Finding | str:
    """The first node that differs on the way to `value`, or why there is none."""
    kind = "probe"
    if check.backward:  # of weights that were trained, it is the gradients that differ
        kind = "slope" if check.part == "slope" else "slopes"

    def apart(node: str) -> float:
        task = Task(kind, node, check.weights, check.training, (node,))
        wanted, found = (session.ask(task) for session in (one, other))
        alike = distances(found, wanted, kind, against_largest=check.against_largest)
        return max(alike.values())

    try:
        found = Search(graph, apart, lambda node: limit).first(value)
    except NotAvailable as error:
        return f"the search for the node ended: {error}"
    if found is None:
        return (
            f"{value!r} agrees when the net ends there: the fault is in how the whole "
            "is printed"
        )
    return finding(*found, gradients=check.backward)

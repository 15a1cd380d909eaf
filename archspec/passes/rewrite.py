"""Drops, replaces and adds nodes, and keeps right all that a graph says of them.

A change says what stands in a node's place: nothing, the node with another op, or the
node and more behind it. In the net

    conv: conv2d        reads image
    norm: batch_norm    reads conv
    act: relu           reads norm

`rewrite(graph, {"norm": ()})` lets `act` read `conv`, and so does every scope, output
and tap that named `norm`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from archspec.errors import ShapeError
from archspec.graph import Graph, Node, Scope
from archspec.language.formula import names
from archspec.nodes import settled
from archspec.ops import Op, Shape
from archspec.ops.activation import Identity

Changes = Mapping[str, Sequence[Node]]
"""By the name of a node: what stands in its place."""
IDENTITY = Identity()
CLEAN: frozenset[str] = frozenset()


def rewrite(
    graph: Graph,
    changes: Changes,
    *,
    outputs: Mapping[str, str] | None = None,
    taps: Mapping[str, str] | None = None,
) -> Graph:
    """The graph with other nodes in the places of some, and without unread ones.

    Who read a node reads the last of those in its place or, where there are none, what
    the node read first. Shapes are inferred anew. Numbers of lists and repeats are in
    the names of weights, so no gap is left: an identity takes the place of a dropped
    node that has a number, and of the last node in a scope that has one.

    Args:
        graph: any graph.
        changes: by the name of a node, what stands in its place. A node of that name
            may have another op; formulas of attributes that differ are forgotten, and
            so are the arguments behind them. Others need names of their own.
        outputs, taps: those of the result, in names from before the rewriting; the
            graph's own if None.

    Raises:
        ValueError: a change or an output names no node, or the result is no graph.
        ShapeError: an op doesn't fit what it reads now.
    """
    outputs = graph.outputs if outputs is None else outputs
    taps = graph.taps if taps is None else taps
    unknown = changes.keys() - {node.name for node in graph.nodes}
    if unknown:
        raise ValueError(f"there is no node {min(unknown)!r}")
    old = _reached(graph, changes, {*outputs.values(), *taps.values()})
    made = _Rewriting(graph)
    made.take(old, changes)
    outputs, taps = made.values(outputs), made.values(taps)
    nodes, root = settled(made.nodes, graph.root, outputs, made.instead)
    arguments = tuple(name for name in graph.arguments if name not in made.untrue)
    whole = replace(
        graph,
        nodes=nodes,
        outputs=outputs,
        taps=taps,
        root=root,
        arguments=arguments,
        weights={},  # they are of another net
    )
    whole.check()
    return whole


class _Rewriting:
    """The nodes so far, in the old scopes.

    Attributes:
        instead: what stands for a value that is made no more.
        untrue: params that can be no arguments any more, since at another value of
            theirs the changes might be others.
    """

    def __init__(self, graph: Graph) -> None:
        self.nodes: list[Node] = []
        self.instead: dict[str, str] = {}
        self.untrue: set[str] = set()
        self.shapes: dict[str, Shape] = dict(graph.inputs)
        self.taints: dict[str, frozenset[str]] = {
            value: graph.root.taints.get(f"{name}.channels", CLEAN)
            for name, value in graph.root.inputs.items()
        }
        self.known: dict[tuple[int, tuple[Shape, ...]], Shape] = {}

    def take(self, nodes: Sequence[Node], changes: Changes) -> None:
        """Takes nodes in order, or what stands in their places."""
        held = _held(nodes, changes)
        for node in nodes:
            if node.name not in changes:
                self._add(node)
            elif changes[node.name]:
                self._replace(node, changes[node.name])
            else:
                self._drop(node, node.name in held)

    def values(self, values: Mapping[str, str]) -> dict[str, str]:
        """Named values, or what stands for them."""
        return {name: self._value(value) for name, value in values.items()}

    def _value(self, value: str) -> str:
        return self.instead.get(value, value)

    def _replace(self, node: Node, new: Sequence[Node]) -> None:
        gone = dict(node.texts)
        for item in new:
            if item.name == node.name:
                same = _same(node.op, item.op)
                kept = {k: text for k, text in item.texts.items() if k in same}
                gone = {k: text for k, text in gone.items() if k not in kept}
                item = replace(item, texts=kept)
            self._add(item)
        last = new[-1].name if new else self._value(node.inputs[0])
        if last != node.name:
            self.instead[node.name] = last
        for text in gone.values():
            for name in names(text):
                self.untrue |= node.scope.taints.get(name, CLEAN)
        # Scopes say behind which params their channels are, as it was before.
        self.untrue |= self.taints[last] - node.taint

    def _drop(self, node: Node, held: bool) -> None:
        source = self._value(node.inputs[0])
        same = replace(node, op=IDENTITY, inputs=node.inputs[:1], taint=CLEAN)
        self._replace(node, [same] if held else [])
        # The channels agree, but at other values of params they might not.
        self.untrue |= node.taint - self.taints[source]

    def _add(self, node: Node) -> None:
        """Adds a node; it reads what now stands for its inputs."""
        inputs = tuple([self._value(value) for value in node.inputs])
        for value in inputs:
            if value not in self.shapes:
                raise ValueError(f"{node.name!r} reads {value!r} before it is made")
        shape = self._shape(node, tuple([self.shapes[value] for value in inputs]))
        taint = node.taint
        if node.op.width is None:
            taint = taint.union(*[self.taints[value] for value in inputs])
        if (inputs, shape, taint) != (node.inputs, node.shape, node.taint):
            node = replace(node, inputs=inputs, shape=shape, taint=taint)
        self.nodes.append(node)
        self.shapes[node.name] = shape
        self.taints[node.name] = taint

    def _shape(self, node: Node, inputs: tuple[Shape, ...]) -> Shape:
        key = (id(node.op), inputs)
        found = self.known.get(key)
        if found is None:
            try:
                found = self.known[key] = node.op.shape(*inputs)
            except ShapeError as error:
                raise ShapeError(
                    f"{node.name!r}: {error.message}",
                    code=error.code,
                    at=node.at,
                    hint=error.hint,
                ) from None
        return found


def _same(one: Op, other: Op) -> set[str]:
    """The attributes that two ops have in common."""
    if type(one) is not type(other):
        return set()
    fields = type(one).model_fields
    return {name for name in fields if getattr(one, name) == getattr(other, name)}


def _reached(graph: Graph, changes: Changes, read: set[str]) -> list[Node]:
    """The nodes that are needed, once they are changed, for what is read."""
    found = []
    for node in reversed(graph.nodes):
        if node.name not in read:
            continue
        found.append(node)
        new = changes.get(node.name, (node,))
        read.update(value for item in new for value in item.inputs)
        if not new:
            read.add(node.inputs[0])
    return found[::-1]


def _held(nodes: Sequence[Node], changes: Changes) -> set[str]:
    """The dropped nodes without which a number would be missing."""
    dropped = [node for node in nodes if not changes.get(node.name, (node,))]
    held = {node.name for node in dropped if _numbered(node, node.scope)}
    gone = {node.name for node in dropped} - held
    if not gone:
        return held
    left = Counter(
        id(scope) for node in nodes if node.name not in gone for scope in _around(node)
    )
    for node in reversed(dropped):
        if node.name in gone and any(
            _numbered(scope, scope.parent) and not left[id(scope)]
            for scope in _around(node)
        ):
            held.add(node.name)
            left.update(id(scope) for scope in _around(node))
    return held


def _numbered(item: Node | Scope, parent: Scope | None) -> bool:
    """Whether a list, or a repeat without a name in braces, gives an item its name."""
    if parent is None or (isinstance(item, Scope) and item.inline):
        return False
    return parent.listed or (item.index is not None and "{" not in item.slot)


def _around(node: Node) -> Iterator[Scope]:
    scope: Scope | None = node.scope
    while scope is not None:
        yield scope
        scope = scope.parent

"""A graph as a tree of items: nodes and the scopes that they stand in.

Two items of one signature are equal but for their names and for what they read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from archspec.graph import Graph, Node, Scope
from archspec.ops.base import Shape


@dataclass(eq=False, slots=True)
class Item:
    """A node, or an instance of a block, a nested graph or a file.

    Attributes:
        name: its path; empty for the whole net.
        own: its name in the item that it stands in.
        parent: that item.
        node: what it is, if it is a node; else it is `scope`.
        children: what it holds, in the order in which it is computed.
        signature: equal for equal items of all trees that share a `Signatures`.
        core: the same, whatever their initial values.
        weighted: whether it stores anything.
        size: the op and the shape of its first weight, if it is a node.
        kinds: how many nodes of which op it holds.
        sizes: how many nodes of which op and size of weights.
    """

    name: str
    own: str
    parent: Item | None
    node: Node | None = None
    scope: Scope | None = None
    children: list[Item] = field(default_factory=list)
    signature: int = 0
    core: int = 0
    weighted: bool = False
    kinds: Counter[str] = field(default_factory=Counter)
    size: Hashable = ()
    sizes: Counter[Hashable] = field(default_factory=Counter)

    @property
    def title(self) -> str:
        """The op's kind, or the block's name."""
        if self.node is not None:
            return self.node.op.kind
        assert self.scope is not None
        return self.scope.title

    @property
    def listed(self) -> bool:
        """Whether its children are numbered."""
        return self.scope is not None and self.scope.listed

    def items(self) -> Iterator[Item]:
        """It and all in it."""
        yield self
        for child in self.children:
            yield from child.items()

    def leaves(self) -> Iterator[Item]:
        """The nodes in it."""
        if self.node is not None:
            yield self
        for child in self.children:
            yield from child.leaves()


class Signatures:
    """Numbers for what is equal."""

    def __init__(self) -> None:
        self.numbers: dict[Hashable, int] = {}

    def __call__(self, *facts: Hashable) -> int:
        """The number of these facts."""
        return self.numbers.setdefault(facts, len(self.numbers))


def tree(graph: Graph, signatures: Signatures) -> Item:
    """The whole net.

    Scopes that are inlined into another one are none of their own; those of one name,
    as parts of a block that is used in pieces, are one.
    """
    root = Item("", "", None, scope=graph.root)
    made: dict[int, Item] = {id(graph.root): root}
    named: dict[tuple[int, str], Item] = {}
    known: dict[int, tuple[str, str]] = {}

    def item_of(scope: Scope) -> Item:
        waiting: list[Scope] = []
        at: Scope | None = scope
        while at is not None and id(at) not in made:
            waiting.append(at)
            at = at.parent
        item = made[id(at)]
        for inner in reversed(waiting):
            if not inner.inline:
                key = id(item), inner.name
                if key not in named:
                    named[key] = _below(item, inner.name, scope=inner)
                item = named[key]
            made[id(inner)] = item
        return item

    for node, shapes in graph.located():
        item = _below(item_of(node.scope), node.name, node=node)
        if id(node.op) not in known:
            told = node.op.settings(), starts(node, shapes)
            known[id(node.op)] = _text(told[0]), _text(told[1])
        settings, initial = known[id(node.op)]
        item.weighted = bool(node.op.weights(*shapes) or node.op.buffers(*shapes))
        stored = tuple(node.op.weights(*shapes).items())
        item.core = signatures(node.op.kind, settings, stored)
        item.signature = signatures(item.core, initial)
        item.kinds[node.op.kind] += 1
        item.size = (node.op.kind, *(shape for _, shape in stored[:1]))
        item.sizes[item.size] += 1
    _finish(root, signatures)
    return root


def starts(node: Node, shapes: tuple[Shape, ...]) -> dict[str, Any]:
    """What the parameters of a node start from, in words."""
    found: dict[str, Any] = {}
    for name in node.op.weights(*shapes):
        init = node.op.initial(name)
        made = init.model_dump(mode="json", exclude_defaults=True)
        if init.name == "constant":
            found[name] = f"{made.get('value', 0.0)}"
            continue
        more = (f"{key} {setting}" for key, setting in made.items())
        found[name] = " ".join([init.name, *more])
    return found


def _text(facts: Any) -> str:
    return json.dumps(facts, sort_keys=True)


def _below(parent: Item, name: str, **what: Any) -> Item:
    item = Item(name, name[len(parent.name) :].removeprefix("."), parent, **what)
    parent.children.append(item)
    return item


def _finish(item: Item, signatures: Signatures) -> None:
    """Signatures and kinds of what holds others, from the inside out."""
    for child in item.children:
        _finish(child, signatures)
        item.kinds.update(child.kinds)
        item.sizes.update(child.sizes)
    if item.node is None:
        item.weighted = any(child.weighted for child in item.children)
        item.signature = signatures("", *(child.signature for child in item.children))
        item.core = signatures("", *(child.core for child in item.children))

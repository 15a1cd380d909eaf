"""What reads what, in two matched nets, where that isn't what was added or removed."""

from __future__ import annotations

from archspec.diffing.items import Item
from archspec.diffing.matching import Matching
from archspec.graph import Graph

Values = frozenset[str]
LONE = frozenset(("",))
"""Is behind what only one net has: it may have taken the place of another such."""


class Wiring:
    """Differences of edges between parts that both nets have.

    A value that only one net has stands for those that it is made of: a node that was
    put between two others changes what the second reads, which is no other change.

    Attributes:
        swaps: two neighbours, the first before the second in the first net, the other
            way round in the second.
        rewired: a node of the first net, what it reads there, and in the second net.
    """

    def __init__(self, found: Matching, one: Graph, other: Graph) -> None:
        self.found = found
        self.names = {_value(a): _value(b) for a, b in found.pairs if a.node or b.node}
        self.names |= inputs(one, other)
        self.swaps: list[tuple[Item, Item]] = []
        self.rewired: list[tuple[Item, tuple[str, ...], tuple[str, ...]]] = []
        back = {theirs: ours for ours, theirs in self.names.items()}
        before = _origins(one, self.names, self.names)
        after = _origins(other, back, {name: name for name in back})
        values = before, after
        nodes = [(a, b) for a, b in found.pairs if a.node and b.node]
        wrong = [
            (a, b)
            for a, b in nodes
            if not _explained(a, b, *self._known(a, b, *values))
        ]
        items = {a.name: a for a, _ in nodes}
        swapped = self._swaps(wrong, items)
        for a, b in wrong:
            assert a.node is not None and b.node is not None
            if a.name in swapped:
                continue
            left, right = _unequal(a, b, *self._known(a, b, *values))
            self.rewired.append((a, left, right))

    def _known(
        self, a: Item, b: Item, before: dict[str, Values], after: dict[str, Values]
    ) -> tuple[dict[str, Values], dict[str, Values]]:
        """What is behind the values that two nodes read.

        What two instances of one block are given is the same to what is in them.
        """
        assert a.node is not None and b.node is not None
        own = {value: before[value] for value in a.node.inputs}
        their = {value: after[value] for value in b.node.inputs}
        if a.parent is not None and self.found.partner.get(id(a.parent)) is b.parent:
            for held, item in ((own, a), (their, b)):
                for value, names in _given(item).items():
                    if value in held:
                        held[value] |= names
        return own, their

    def _swaps(
        self, wrong: list[tuple[Item, Item]], items: dict[str, Item]
    ) -> set[str]:
        """Finds neighbours that changed their order, and names what that explains."""
        told: set[str] = set()
        exchanged: dict[str, str] = {}
        for a, b in wrong:
            assert a.node is not None and b.node is not None
            for value in a.node.inputs:
                first = items.get(value)
                if first is None or a.name in exchanged or value in exchanged:
                    continue
                partner = self.found.partner[id(first)]
                assert partner.node is not None
                if b.name in partner.node.inputs:
                    self.swaps.append((first, a))
                    told |= {a.name, first.name}
                    exchanged[a.name], exchanged[value] = value, a.name
        for a, b in wrong:
            assert a.node is not None and b.node is not None
            moved = [self.names.get(exchanged.get(v, v), "") for v in a.node.inputs]
            if any(v in exchanged for v in a.node.inputs) and moved == [*b.node.inputs]:
                told.add(a.name)
        return told


def _value(item: Item) -> str:
    """The last value that an item gives."""
    return item.name if item.node is not None else [*item.leaves()][-1].name


def _unequal(
    a: Item, b: Item, before: dict[str, Values], after: dict[str, Values]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those inputs of two nodes that have no counterpart at the other."""
    assert a.node is not None and b.node is not None
    left, right = [*a.node.inputs], [*b.node.inputs]
    for value in a.node.inputs:
        own = before[value]
        same = next((v for v in right if own & after[v] or own == after[v]), None)
        if same is not None:
            left.remove(value)
            right.remove(same)
    if left or right:
        return tuple(left), tuple(right)
    return a.node.inputs, b.node.inputs


def inputs(one: Graph, other: Graph) -> dict[str, str]:
    """Inputs by their names, else by their order."""
    same = {name: name for name in one.inputs if name in other.inputs}
    ours = [name for name in one.inputs if name not in same]
    theirs = [name for name in other.inputs if name not in same]
    return same | dict(zip(ours, theirs, strict=False))


def _origins(
    graph: Graph, known: dict[str, str], names: dict[str, str]
) -> dict[str, Values]:
    """For each value, by names of the second net, what both nets have behind it."""
    found: dict[str, Values] = {name: frozenset() for name in graph.inputs}
    for name in graph.inputs:
        if name in known:
            found[name] = frozenset((names[name],))
    for node in graph.nodes:
        if node.name in known:
            found[node.name] = frozenset((names[node.name],))
        else:
            found[node.name] = LONE.union(*(found[v] for v in node.inputs))
    return found


def _explained(
    a: Item, b: Item, before: dict[str, Values], after: dict[str, Values]
) -> bool:
    """Whether two nodes read the same, but for what was added or removed between."""
    assert a.node is not None and b.node is not None
    ours = [before[value] for value in a.node.inputs]
    theirs = [after[value] for value in b.node.inputs]
    if len(ours) != len(theirs):
        return bool(frozenset().union(*ours) & frozenset().union(*theirs))
    if all(o & t or o == t for o, t in zip(ours, theirs, strict=True)):
        return True
    return a.node.op.commutative and _paired(ours, theirs)


def _given(item: Item) -> dict[str, Values]:
    """What the block of a node is given, by value: what the block calls it."""
    scope = item.node.scope if item.node is not None else None
    if scope is None or scope.parent is None or scope.inline:
        return {}
    return {
        value: frozenset((f"{name} of it",)) for name, value in scope.inputs.items()
    }


def _paired(ours: list[Values], theirs: list[Values]) -> bool:
    """Whether each of some sets has one of the others that it meets."""
    rest = [*theirs]
    for values in ours:
        meeting = next((other for other in rest if values & other), None)
        if meeting is None:
            return False
        rest.remove(meeting)
    return True

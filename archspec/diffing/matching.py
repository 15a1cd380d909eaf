"""Which parts of two nets are the same part.

By path first; then, among what is left between two parts that are matched, by what is
alike; in a list, where numbers are no names, by that alone. What is left at the end may
have moved into another block, or out of one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from archspec.diffing.alignment import align
from archspec.diffing.items import Item, Signatures, tree
from archspec.graph import Graph
from archspec.ops import shaping

ALIKE = 0.6
"""Two blocks of other names are one if so many of their ops are of the same kinds."""
NUMBERED = 0.4
"""The same in a list, where they are in their place among others."""


@dataclass(slots=True)
class Matching:
    """Pairs of items of two trees.

    Attributes:
        one, other: the trees.
        pairs: matched nodes and blocks; of two nets the whole ones first.
        partner: for each matched item, by its identity, the other of the pair.
    """

    one: Item
    other: Item
    pairs: list[tuple[Item, Item]] = field(default_factory=list)
    partner: dict[int, Item] = field(default_factory=dict)

    def pair(self, a: Item, b: Item) -> None:
        """Matches two items."""
        self.pairs.append((a, b))
        self.partner[id(a)], self.partner[id(b)] = b, a

    def matched(self, item: Item) -> bool:
        """Whether it has a partner."""
        return id(item) in self.partner

    def flipped(self) -> Matching:
        """The same seen from the other net."""
        pairs = [(b, a) for a, b in self.pairs]
        return _sorted(Matching(self.other, self.one, pairs, self.partner))


def match(one: Graph, other: Graph) -> Matching:
    """Matches two nets."""
    signatures = Signatures()
    found = Matching(tree(one, signatures), tree(other, signatures))
    found.pair(found.one, found.other)
    _inside(found, [(found.one, found.other)])
    _pathed(found)
    for pairs in _wrapped(found):
        for pair in pairs:
            found.pair(*pair)
        _inside(found, [pair for pair in pairs if pair[0].node is None])
    _moved(found)
    _exchanged(found)
    _replaced(found)
    return _sorted(found)


def matched(one: Graph, other: Graph, names: Mapping[str, str]) -> Matching:
    """The matching that pairs of nodes make, by their names."""
    signatures = Signatures()
    found = Matching(tree(one, signatures), tree(other, signatures))
    leaves = {item.name: item for item in found.other.leaves()}
    for item in found.one.leaves():
        if item.name in names:
            found.pair(item, leaves[names[item.name]])
    found.pair(found.one, found.other)
    for item in found.one.items():
        if item.node is None and not found.matched(item):
            block = _around(item, found)
            if block is not None and not found.matched(block):
                found.pair(item, block)
    return _sorted(found)


def _around(item: Item, found: Matching) -> Item | None:
    """The block of the other net that holds what a block holds, and nothing else."""
    partners = [found.partner.get(id(leaf)) for leaf in item.leaves()]
    ids = {id(partner) for partner in partners}
    at = partners[0].parent if partners[0] is not None else None
    while at is not None and not ids <= {id(leaf) for leaf in at.leaves()}:
        at = at.parent
    return at if at is not None and len([*at.leaves()]) == len(ids) else None


def _sorted(found: Matching) -> Matching:
    order = {id(item): n for n, item in enumerate(found.one.items())}
    found.pairs.sort(key=lambda pair: order[id(pair[0])])
    return found


def _inside(found: Matching, waiting: list[tuple[Item, Item]]) -> None:
    """Matches what pairs of blocks hold."""
    while waiting:
        for pair in _children(*waiting.pop()):
            found.pair(*pair)
            if pair[0].node is None:
                waiting.append(pair)


def _pathed(found: Matching) -> None:
    """Matches what has one path in both nets, where the parts around it don't match.

    In a list that has a partner numbers are no names.
    """
    named = {item.name: item for item in found.other.items() if not found.matched(item)}
    for item in found.one.items():
        same = named.get(item.name)
        if same is None or found.matched(item) or found.matched(same):
            continue
        if (item.node is None) != (same.node is None):
            continue
        parents = [i.parent for i in (item, same) if i.parent is not None]
        if any(parent.listed and found.matched(parent) for parent in parents):
            continue
        if item.node is None or item.title == same.title:
            found.pair(item, same)
            _inside(found, [(item, same)] if item.node is None else [])


def _wrapped(found: Matching) -> Iterator[list[tuple[Item, Item]]]:
    """Parts that now stand in a block around them, or no longer do, by their names."""
    for one, other, swapped in (
        (found.one, found.other, False),
        (found.other, found.one, True),
    ):
        holders = [item for item in one.items() if _lonely(item, found)]
        around = [
            item
            for item in other.items()
            if item.node is None and not found.matched(item) and not item.listed
        ]
        for holder in holders:
            for block in around:
                free = [child for child in block.children if not found.matched(child)]
                left = [child for child in holder.children if not found.matched(child)]
                pairs = _named(left, free, weighted=False)
                if len(pairs) > 1 and 2 * len(pairs) >= len(free):
                    yield [(b, a) if swapped else (a, b) for a, b in pairs]


def _lonely(item: Item, found: Matching) -> bool:
    """Whether some of what a matched block holds has no partner."""
    return found.matched(item) and not all(map(found.matched, item.children))


def _children(a: Item, b: Item) -> list[tuple[Item, Item]]:
    """The pairs among what two matched items hold.

    What has weights is known by its name; what has none by where it stands, too: the
    second relu of three is not that of two.
    """
    if a.signature == b.signature and _own_names(a) == _own_names(b):
        return [*zip(a.children, b.children, strict=True)]
    if a.listed and b.listed:
        return _aligned(a.children, b.children)
    pairs = _named(a.children, b.children, weighted=True)
    near = _near(a, b, pairs)
    least = NUMBERED if a.listed or b.listed else ALIKE
    pairs += _aligned(_rest(a, pairs, 0), _rest(b, pairs, 1), near, least)
    return pairs + _named(_rest(a, pairs, 0), _rest(b, pairs, 1), weighted=False)


def _named(
    left: list[Item], right: list[Item], *, weighted: bool
) -> list[tuple[Item, Item]]:
    """Pairs of one name; perhaps only of what has weights or holds others."""
    named = {child.own: child for child in right}
    pairs = []
    for child in left:
        same = named.get(child.own)
        if same is None or (child.node is None) != (same.node is None):
            continue
        known = child.node is None or (child.weighted and same.weighted)
        if known or not weighted:
            pairs.append((child, same))
    return pairs


def _rest(item: Item, pairs: list[tuple[Item, Item]], side: int) -> list[Item]:
    there = {id(pair[side]) for pair in pairs}
    return [child for child in item.children if id(child) not in there]


def _near(a: Item, b: Item, pairs: list[tuple[Item, Item]]) -> dict[int, set[int]]:
    """For each child the pairs before and behind it, as numbers."""
    near: dict[int, set[int]] = {}
    numbers = {id(item): n for n, pair in enumerate(pairs, 1) for item in pair}
    for items in (a.children, b.children):
        before = after = 0
        for item in items:
            near[id(item)] = {before}
            before = numbers.get(id(item), before)
        for item in reversed(items):
            near[id(item)].add(after - len(numbers) - 1)
            after = numbers.get(id(item), after)
    return near


def _own_names(item: Item) -> list[str]:
    return [child.own for child in item.children]


def _aligned(
    left: list[Item],
    right: list[Item],
    near: dict[int, set[int]] | None = None,
    least: float = NUMBERED,
    loose: bool = False,
) -> list[tuple[Item, Item]]:
    """Pairs by what is alike, in order; `near` says between which others they stand."""
    known: dict[tuple[int, int], float] = {}

    def score(a: Item, b: Item) -> float:
        if near is not None and not near[id(a)] & near[id(b)]:
            return 0.0
        key = (a.signature, b.signature)
        if key not in known:
            known[key] = _alike(a, b, least, loose)
        named = near is not None and a.own == b.own
        there = a.node is None and _number(a) == _number(b)
        return known[key] and known[key] + 2 * named + there

    return [(left[i], right[j]) for i, j in align(left, right, score)]


def _number(item: Item) -> str:
    """The number that a block is called by, perhaps behind a dot."""
    last = item.own.rpartition(".")[2]
    return last if last.isdecimal() else item.own


def _alike(a: Item, b: Item, least: float, loose: bool) -> float:
    """How much two items are alike, whatever they are called; 0 if they are no pair.

    Of two blocks so many ops are of the same kinds at `least`; two activations, or two
    pools, of other kinds are a pair where that is `loose`.
    """
    if (a.node is None) != (b.node is None):
        return 0.0
    if a.core == b.core:
        return 7.0 + (a.signature == b.signature)
    if a.node is None or b.node is None:
        common, sizes = _common(a.kinds, b.kinds), _common(a.sizes, b.sizes)
        same = a.title == b.title
        return 3 * common + 3 * sizes + same if same or common >= least else 0.0
    one, other = a.node.op, b.node.op
    if one.kind == other.kind:
        ours, theirs = one.settings(), other.settings()
        names = ours.keys() | theirs.keys()
        equal = sum(1 for name in names if ours.get(name) == theirs.get(name))
        return 4.0 + 2 * equal / max(1, len(names))
    family = type(one).__module__
    if type(other).__module__ != family or family == shaping.__name__:
        return 0.0
    if one.chance or other.chance:
        return 0.0
    return 1.0 if loose else 0.0


def _common(one: Counter[Any], other: Counter[Any]) -> float:
    """How much two counts have in common, of 1."""
    return sum((one & other).values()) / sum((one | other).values())


def _moved(found: Matching) -> None:
    """Matches what stands in another block than before: the same ops in the same order.

    A few of many may be alike by chance: only neighbours count, or a node that keeps
    its own name, or that is the only one of its size. What differs in attributes counts
    only where most of what is left is found again, and so does everything in nets that
    have little in common.
    """
    order = _Order(found)
    for least in (1.0, 0.5):
        left, right = (
            [item for item in whole.leaves() if not found.matched(item)]
            for whole in (found.one, found.other)
        )
        sizes = [Counter(item.size for item in items) for items in (left, right)]
        score = partial(_same, Counter(item.core for item in left), least)
        pairs = [(left[i], right[j]) for i, j in align(left, right, score)]
        kept = [r for r in order.runs(pairs) if _meant(r, sizes, order, found)]
        strange = len(left) + len(right) >= len(order.leaves[0])
        few = 2 * sum(map(len, kept)) < min(len(left), len(right))
        if few and strange:
            continue
        if few and least < 1:
            kept = [r for r in kept if len(r) == 1 and _alone(r[0], sizes)]
        for run in kept:
            for pair in run:
                found.pair(*pair)


Run = list[tuple[Item, Item]]


class _Order:
    """Where nodes stand in both nets."""

    def __init__(self, found: Matching) -> None:
        self.leaves = [[*whole.leaves()] for whole in (found.one, found.other)]
        self.places = [
            {id(item): place for place, item in enumerate(leaves)}
            for leaves in self.leaves
        ]

    def runs(self, pairs: Run) -> list[Run]:
        """Pairs of nodes that follow one another in both nets, together."""
        runs: list[Run] = []
        last: tuple[int, ...] = ()
        for pair in pairs:
            here = tuple(self.places[side][id(pair[side])] for side in (0, 1))
            if last and here == (last[0] + 1, last[1] + 1):
                runs[-1].append(pair)
            else:
                runs.append([pair])
            last = here
        return runs

    def beside(self, run: Run, found: Matching) -> bool:
        """Whether what comes right before a run, or right behind it, is a pair too."""
        before, after = (
            [self._at(side, run[end][side], step) for side in (0, 1)]
            for end, step in ((0, -1), (-1, 1))
        )
        return any(
            a is not None and b is not None and found.partner.get(id(a)) is b
            for a, b in (before, after)
        )

    def _at(self, side: int, item: Item, step: int) -> Item | None:
        place = self.places[side][id(item)] + step
        return self.leaves[side][place] if 0 <= place < len(self.leaves[side]) else None


def _meant(run: Run, sizes: list[Counter[Any]], order: _Order, found: Matching) -> bool:
    """Whether nodes are the same by more than chance."""
    a, b = run[0]
    known = len(run) > 1 or a.own == b.own or _alone(run[0], sizes)
    return (any(a.weighted for a, _ in run) and known) or order.beside(run, found)


def _alone(pair: tuple[Item, Item], sizes: list[Counter[Any]]) -> bool:
    """Whether a pair of nodes with weights is the only one of its size."""
    counts = [sizes[side][pair[side].size] for side in (0, 1)]
    return pair[0].weighted and counts == [1, 1]


def _same(counts: Counter[int], least: float, a: Item, b: Item) -> float:
    """Above 0 for the same op of the same attributes, or at 0.5 of the same size."""
    if a.core != b.core:
        return 0.5 if least < 1 and a.size == b.size else 0.0
    return 1.0 + (a.own == b.own) + 1 / (1 + counts[a.core])


def _exchanged(found: Matching) -> None:
    """Matches what is left between the same neighbours: an activation for another."""
    for a, b in [*found.pairs]:
        if a.node is not None or b.node is not None:
            continue
        pairs = [
            (child, found.partner[id(child)])
            for child in a.children
            if found.matched(child) and found.partner[id(child)].parent is b
        ]
        left, right = ([c for c in i.children if not found.matched(c)] for i in (a, b))
        if not left or not right:
            continue
        for one, other in _aligned(left, right, _near(a, b, pairs), ALIKE, True):
            if one.node is not None and one.title != other.title:
                found.pair(one, other)


def _replaced(found: Matching) -> None:
    """Matches a node with the block of its name that has taken its place."""
    for a, b in [*found.pairs]:
        named = {child.own: child for child in b.children if not _known(child, found)}
        for child in a.children:
            same = named.get(child.own)
            numbered = a.listed and b.listed
            if same is not None and not numbered and not _known(child, found):
                found.pair(child, same)


def _known(item: Item, found: Matching) -> bool:
    """Whether it, or something in it, has a partner."""
    return found.matched(item) or any(map(found.matched, item.leaves()))

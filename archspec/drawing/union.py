"""Two nets in one picture: the first net's parts, and among them what the second adds.

    one     conv -> relu -> pool         conv
    other   conv -> norm -> relu          | norm     added, as are the lines to and from
                                          |  |       it; the one beside it is removed
                                         relu
                                         pool        removed

What both nets have stands once, where the first net has it. What the second one adds
stands behind all that it reads. A line of the second net alone that would lead upwards
isn't drawn: what is said of its reader says it. Colours tell of changes, and of nothing
else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from archspec.drawing.outline import Box, Mark, below, outline, runs
from archspec.graph import Graph

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
INSIDE = "changed inside"

Place = tuple[tuple[Box, int], ...]
"""The boxes around a value, from the whole net to its own, each with its number."""
Told = tuple[tuple[str, Mark], ...]


def union(
    one: Graph, other: Graph, pairs: Mapping[str, str], marks: Mapping[str, Mark]
) -> Box:
    """Both nets as one box, as `outline` has one net.

    Args:
        one: the first net, whose parts stand where it has them.
        other: the second net.
        pairs: nodes, scopes and inputs that are the same part: the path in the first
            net, and in the second.
        marks: what is said of parts of the first net that both have.
    """
    found = _Union(one, other, pairs)
    _mark(found.root, marks)
    _fold(found.root, {})
    _group(found.root)
    _link(found)
    return found.root


class _Union:
    """The boxes of both nets, merged.

    Attributes:
        one, other: the nets.
        partner: for each box of either net that both have the other net's, by identity.
        names: for each value of the second net the name that it has here.
        root: the whole.
    """

    def __init__(self, one: Graph, other: Graph, pairs: Mapping[str, str]) -> None:
        self.one, self.other = one, other
        first, second = (outline(graph, repeats=False) for graph in (one, other))
        self.partner = {id(first): second, id(second): first}
        there: dict[tuple[str, bool], list[Box]] = {}
        for box in (inner for child in second.children for inner in below(child)):
            there.setdefault((box.name, box.opens), []).append(box)
        for box in (inner for child in first.children for inner in below(child)):
            found = there.get((pairs.get(box.name, ""), box.opens))
            if found:
                partner = found.pop(0)
                self.partner[id(box)], self.partner[id(partner)] = partner, box
        self.names: dict[str, str] = {}
        for box in below(second):
            if not box.opens:
                known = self.partner.get(id(box))
                self.names[box.name] = known.name if known else f"+{box.name}"
        self.readers: dict[str, set[str]] = {}
        for node in other.nodes:
            for name in node.inputs:
                self.readers.setdefault(name, set()).add(self.names[node.name])
        self.root = self._first(first)

    def _first(self, box: Box) -> Box:
        """A box of the first net, with what the second net adds in it."""
        partner = self.partner.get(id(box))
        made = replace(box, before=box, after=partner, group="block", shapes=())
        made.children = [self._first(child) for child in box.children]
        if partner is not None:
            made.flags = (*_flags(box.flags, partner.flags),)
            for child, previous in self._added(partner):
                self._put(made.children, child, previous)
        elif all(child.group == REMOVED for child in made.children):
            made.group = REMOVED
        made.makes = _makes(made.children) or box.makes
        return made

    def _added(self, box: Box) -> Iterator[tuple[Box, Box | None]]:
        """What a box holds that the first net lacks, with what comes before it."""
        previous = None
        for child in box.children:
            partner = self.partner.get(id(child))
            if partner is not None:
                previous = partner
                continue
            inner = [made for made, _ in self._added(child)]
            if child.opens and not inner:
                continue  # All of it stands elsewhere.
            made = replace(child, after=child, group=ADDED, children=inner, shapes=())
            made.makes = _makes(inner) or frozenset((self.names[child.name],))
            if child.name.startswith(f"{box.name}."):
                made.label = child.name[len(box.name) + 1 :]
            yield made, previous
            previous = made

    def _put(self, boxes: list[Box], child: Box, previous: Box | None) -> None:
        """Places a box behind the previous one, behind all it reads, before readers."""
        leaves = [box.after for box in below(child) if box.after and not box.opens]
        reads = {self.names[name] for leaf in leaves for name in leaf.reads}
        readers = {name for leaf in leaves for name in self.readers.get(leaf.name, ())}
        behind, at, before = 0, 0, len(boxes)
        for number, box in enumerate(boxes):
            if previous is not None and previous in (box, box.before):
                at = number + 1
            if not box.makes.isdisjoint(reads):
                behind = number + 1
            if not box.makes.isdisjoint(readers):
                before = min(before, number)
        boxes.insert(max(behind, min(at, before)), child)


def _makes(boxes: Collection[Box]) -> frozenset[str]:
    return frozenset().union(*(box.makes for box in boxes))


def _flags(before: Collection[str], after: Collection[str]) -> Iterator[str]:
    for flag in dict.fromkeys((*before, *after)):
        if flag in before and flag in after:
            yield flag
        else:
            yield f"{flag} {ADDED if flag in after else REMOVED}"


def _mark(box: Box, marks: Mapping[str, Mark]) -> None:
    """Marks what only one net has, as a whole, and what is said of the rest."""
    for child in box.children:
        if child.group in (ADDED, REMOVED):
            child.mark = Mark(child.group)
            continue
        child.mark = marks.get(child.name)
        _mark(child, marks)


def _told(box: Box) -> Told:
    """The marks inside a box, each with the path there."""
    return tuple(
        (f"{_own(child, box)}.{path}".rstrip("."), mark)
        for child in box.children
        for path, mark in (*((("", child.mark),) if child.mark else ()), *_told(child))
    )


def _own(child: Box, box: Box) -> str:
    return child.label or child.name[len(box.name) :].removeprefix(".")


def _fold(box: Box, seen: dict[tuple[str, Mark | None, Told], str]) -> bool:
    """Lets scopes with the marks of another one be folded; whether some are new."""
    new = False
    for child in box.children:
        inside = _told(child)
        if not inside:
            new |= child.mark is not None
            continue
        first = seen.setdefault((child.what, child.mark, inside), child.name)
        text = f"as in {first}"
        if first == child.name:
            if _fold(child, seen):
                new = True
                child.group = CHANGED
                child.flags = (*child.flags, *(() if child.mark else (INSIDE,)))
                continue
            alike = (inner.mark.text for inner in child.children if inner.mark)
            text = f"inside {next(alike, '')}".rstrip()
            new |= child.mark is not None
        own = [child.mark.text] if child.mark and child.mark.text else []
        child.mark = Mark(CHANGED, "\n".join([*own, text]), folded=True)
    return new


def _group(box: Box) -> None:
    """Makes repeats one box each, from the inside out."""
    for child in box.children:
        _group(child)
    box.children = [
        run[0] if len(run) == 1 else _repeat(run) for run in runs(box.children, True)
    ]


def _repeat(run: list[Box]) -> Box:
    first, last = run[0], run[-1]
    made = replace(first, shape=last.shape, reach=last.reach, children=[], parts=run)
    made.makes = _makes(run)
    made.flags = tuple(dict.fromkeys(flag for box in run for flag in box.flags))
    made.params = sum(box.params for box in run)
    made.macs = sum(box.macs for box in run)
    made.memory = sum(box.memory for box in run)
    before = [box.before for box in run if box.before is not None]
    after = [box.after for box in run if box.after is not None]
    made.before = _repeat(before) if before else None
    made.after = _repeat(after) if after else None
    return made


def _link(found: _Union) -> None:
    """What every box reads and gives, from the lines of both nets.

    What leaves a part that both nets have is one value to all around it, whichever box
    of the part makes it: a block added at the end of a stage changes no line outside.
    """
    places: dict[str, Place] = {}
    boxes: list[Box] = []

    def walk(box: Box, place: Place) -> None:
        boxes.append(box)
        if not box.opens:
            places.update(dict.fromkeys(box.makes, place))
        for number, inner in enumerate(box.parts or box.children):
            walk(inner, (*place, (inner, number)))

    walk(found.root, ())
    reads: dict[int, dict[str, set[str]]] = {id(box): {} for box in boxes}
    leaves: dict[int, dict[tuple[str, str], set[str]]] = {id(box): {} for box in boxes}

    def line(value: str, source: str, target: str, net: str) -> None:
        begin, end = places[source], places[target]
        depth = 0
        while begin[depth][0] is end[depth][0]:
            depth += 1
        if begin[depth][1] >= end[depth][1]:
            return
        name = source
        for box, _ in reversed(begin[depth:]):
            outer = _outer(box, value, name) if net == ADDED else name
            leaves[id(box)].setdefault((name, outer), set()).add(net)
            name = outer
        for box, _ in end[depth:]:
            reads[id(box)].setdefault(name, set()).add(net)

    for node in found.one.nodes:
        for value in node.inputs:
            line(value, value, node.name, REMOVED)
    for node in found.other.nodes:
        for value in node.inputs:
            line(value, found.names[value], found.names[node.name], ADDED)
    order = {name: number for number, name in enumerate(places)}
    for box in boxes[1:]:
        given = sorted({outer for _, outer in leaves[id(box)]}, key=order.__getitem__)
        box.gives = (*given,) or box.gives[:1] * (not box.opens)
        box.reads = (*reads[id(box)],)
        box.lone = {v: n for v, nets in reads[id(box)].items() if (n := _lone(nets))}
        box.leaves = [
            (name, given.index(outer), _lone(nets))
            for (name, outer), nets in leaves[id(box)].items()
        ]


def _outer(box: Box, value: str, name: str) -> str:
    """What a value of the second net, called `name` in a box, is called around it.

    The value that has its place among those that the box gives in the first net.
    """
    before, after = box.before, box.after
    if before is None or after is None or value not in after.gives or box.parts:
        return name
    if len(before.gives) != len(after.gives):
        return name
    outer = before.gives[after.gives.index(value)]
    return outer if outer in box.makes else name


def _lone(nets: Collection[str]) -> str:
    """The net that has a line alone, or ""."""
    return "" if len(nets) > 1 else next(iter(nets))

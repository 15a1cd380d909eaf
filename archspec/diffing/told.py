"""Differences said once, at the highest level where they are true.

Thirteen batch norms that were added behind thirteen convolutions are one line, and so
is the stride that sixteen instances of a block have elsewhere.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from archspec.diffing.changes import Fact, Kind, value
from archspec.diffing.matching import Matching

FEW = 4
"""Places that are named; of more the first three are."""
ORDER: tuple[Kind, ...] = (
    "param", "input", "output", "tap", "block", "moved_attribute", "op", "attribute",
    "added", "removed", "order", "reads", "renamed", "moved", "init",
)  # fmt: skip
SIGNS: Mapping[Kind, str] = {"added": "+", "removed": "-"}


@dataclass(slots=True)
class Change:
    """One line of a report.

    Attributes:
        kind: what sort of difference it is.
        where: the block or the places; empty where the text says it.
        text: what differs there.
        count: how often; `of` how many instances, or None where that says nothing.
        facts: what is put together here.
    """

    kind: Kind
    where: str
    text: str
    count: int
    of: int | None
    facts: list[Fact]

    @property
    def sign(self) -> str:
        """`+`, `-` or `~`."""
        return SIGNS.get(self.kind, "~")

    def line(self) -> str:
        """The change in words."""
        where = f"{self.where}: " if self.where else ""
        return f"{where}{self.text}{self.times()}"

    def times(self) -> str:
        """How often it is so, in words."""
        if self.of is not None:
            plural = "s" if self.of > 1 else ""
            part = "" if self.count == self.of else f"{self.count} of "
            return f" ({part}{self.of} instance{plural})" if self.of > 1 else ""
        return f" ({self.count} times)" if self.count > 1 else ""


def changes(facts: Iterable[Fact], found: Matching) -> list[Change]:
    """The lines of a report, the highest level first."""
    known = [*_moves(list(facts))]
    totals = _instances(found)
    groups = _joined(_same(known))
    told = [
        _change(group, totals, found)
        for kind in ORDER
        for group in _merged([g for g in groups if g[0].kind == kind])
    ]
    return told


Totals = Mapping[str, Counter[str]]


def _instances(found: Matching) -> Totals:
    """How many instances of each block there are: in either net, and in both."""
    sides = {
        "removed": found.one.items(),
        "added": found.other.items(),
        "": (a for a, _ in found.pairs),
    }
    return {
        kind: Counter(i.title for i in items if i.scope and i.scope.kind == "block")
        for kind, items in sides.items()
    }


def _moves(facts: list[Fact]) -> list[Fact]:
    """Two values that two nodes of one instance exchanged are one that moved."""
    places: dict[tuple[str, str, str], list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.kind == "attribute":
            inside = fact.instance or fact.one[0].rpartition(".")[0]
            places[fact.block, inside, fact.attribute].append(fact)
    instead: dict[int, Fact | None] = {}
    for group in places.values():
        for first in group:
            for second in group:
                fits = (first.before, first.after) == (second.after, second.before)
                if not fits or id(first) in instead or id(second) in instead:
                    continue
                # What moves is the larger one: a stride of 2 is more than one of 1.
                a, b = first, second
                if str(a.before) < str(a.after):
                    a, b = b, a
                text = (
                    f"{a.attribute} {value(a.before)} moves from {a.label} to {b.label}"
                )
                instead[id(first)] = replace(
                    a,
                    kind="moved_attribute",
                    text=text,
                    label="",
                    one=(*a.one, *b.one),
                    other=(*a.other, *b.other),
                )
                instead[id(second)] = None
    made = [instead.get(id(fact), fact) for fact in facts]
    return [fact for fact in made if fact is not None]


Group = list[Fact]


def _same(facts: list[Fact]) -> list[Group]:
    """Facts of one place in the instances of a block, where one text says them."""
    places: dict[tuple[Any, ...], list[Fact]] = defaultdict(list)
    for fact in facts:
        text = "" if fact.attribute and fact.kind == "attribute" else fact.text
        if fact.texts:
            text = fact.texts[-1]
        label = fact.label if fact.block or fact.kind != "attribute" else fact.of
        places[fact.kind, fact.block, label, fact.attribute, text].append(fact)
    groups: list[Group] = []
    for group in places.values():
        if group[0].texts:
            groups.append(_agreed(group))
            continue
        by_text: dict[str, list[Fact]] = defaultdict(list)
        for fact in group:
            by_text[fact.text].append(fact)
        if len(by_text) > 1:
            text = _together(group)
            if text:
                groups.append([replace(fact, text=text) for fact in group])
                continue
        groups += by_text.values()
    return groups


def _agreed(group: Group) -> Group:
    """Facts with the text that says most of what is true of all."""
    for text, *others in zip(*(fact.texts for fact in group), strict=True):
        if all(other == text for other in others):
            return [replace(fact, text=text) for fact in group]
    raise AssertionError("the last text is the same for all")


def _together(group: Group) -> str:
    """Values that differ from instance to instance, in words; "" for few of them.

    Where each number became as many times as large, that is said.
    """
    pairs = [*dict.fromkeys((fact.before, fact.after) for fact in group)]
    first = "; ".join(f"{value(a)} -> {value(b)}" for a, b in pairs[: FEW - 1])
    more = "; ..." if len(pairs) >= FEW else ""
    numbers = all(type(n) is int and n > 0 for pair in pairs for n in pair)
    ratios = {Fraction(after, before) for before, after in pairs} if numbers else ()
    name = group[0].attribute
    if len(ratios) == 1:
        return f"{name} times {next(iter(ratios))} ({first}{more})"
    return f"{name} {first}{more}" if len(pairs) >= FEW - 1 else ""


def _joined(groups: list[Group]) -> list[Group]:
    """Several attributes of a node, several names in a block: one text for all."""
    found: dict[tuple[Any, ...], Group] = {}
    for group in groups:
        first = group[0]
        key: tuple[Any, ...] = (id(group),)
        if first.kind in ("attribute", "init"):
            key = (first.kind, first.of, *(fact.one for fact in group))
        elif first.kind in ("param", "input", "output", "tap"):
            key = (first.kind,)
        elif first.kind in ("renamed", "added", "removed") and not first.before:
            key = (first.kind, first.block, first.label, *(f.instance for f in group))
        if key in found:
            pairs = zip(found[key], group, strict=True)
            found[key] = [_with(fact, more) for fact, more in pairs]
        else:
            found[key] = group
    return [*found.values()]


def _with(fact: Fact, more: Fact) -> Fact:
    return replace(
        fact,
        text=f"{fact.text}, {more.text}",
        one=tuple(dict.fromkeys((*fact.one, *more.one))),
        other=tuple(dict.fromkeys((*fact.other, *more.other))),
    )


def _merged(groups: list[Group]) -> list[Group]:
    """Groups of one text are one, wherever they are."""
    found: dict[tuple[str, str], Group] = {}
    for group in groups:
        found.setdefault((group[0].text, group[0].of), []).extend(group)
    return [*found.values()]


def _change(group: Group, totals: Totals, found: Matching) -> Change:
    first = group[0]
    kind, text = first.kind, first.text
    if kind == "param":
        return Change(kind, "params", text, 1, None, group)
    if kind in ("input", "output", "tap"):
        several = kind != "output" or text.count("->") > 1
        return Change(kind, f"{kind}{'s' * several}", text, 1, None, group)
    if kind == "block":
        count = len(group)
        return Change(kind, f"block {first.block}", text, count, count, group)
    if first.of and kind in ("op", "attribute", "init"):
        there = sum(
            node.op.kind == first.of
            for a, _ in found.pairs
            for node in [a.node]
            if node
        )
        if FEW <= len(group) == there:
            text = text.removeprefix(f"{first.of} ") if kind == "op" else text
            return Change(kind, f"every {first.of}", text, there, None, group)
    blocks = {fact.block for fact in group}
    labels = [*dict.fromkeys(fact.label for fact in group)]
    instances = {fact.instance for fact in group}
    title = first.block
    there = totals.get(kind, totals[""])[title]
    if len(blocks) == 1 and title and len(instances) > 1 and len(labels) <= FEW:
        where = f"block {title}" + f", {', '.join(labels)}" * any(labels)
        return Change(kind, where, text, len(instances), there, group)
    names = [*dict.fromkeys(map(_name, group))]
    blocks_of = _blocks(group) if len(names) > FEW else ""
    if blocks_of:
        return Change(kind, blocks_of, text, len(group), None, group)
    times = 1 if len(group) == len(names) <= FEW else len(group)
    return Change(kind, _some(names), text, times, None, group)


def _blocks(group: Group) -> str:
    """The places in several blocks, each of which has several instances."""
    found: dict[str, tuple[dict[str, None], set[str]]] = {}
    for fact in group:
        labels, instances = found.setdefault(fact.block, ({}, set()))
        labels[fact.label] = None
        instances.add(fact.instance)
    if "" in found or any(len(labels) > FEW for labels, _ in found.values()):
        return ""
    if any(len(instances) < 2 for _, instances in found.values()):
        return ""
    return "; ".join(
        f"block {block}" + f", {', '.join(labels)}" * any(labels)
        for block, (labels, _) in found.items()
    )


def _name(fact: Fact) -> str:
    """The place of a fact in the whole net."""
    return ".".join(part for part in (fact.instance, fact.label) if part)


def _some(names: list[str]) -> str:
    """Names; of many the first."""
    if len(names) <= FEW:
        return ", ".join(names)
    return f"{', '.join(names[: FEW - 1])} and {len(names) - FEW + 1} more"

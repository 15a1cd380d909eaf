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

MANY = 12
"""Parts of a text; of more, the first eleven are said."""
FEW = 4
"""Places that are named; of more the first three are."""
ORDER: tuple[Kind, ...] = (
    "param", "input", "output", "tap", "block", "moved_attribute", "op", "attribute",
    "added", "removed", "order", "reads", "renamed", "moved", "init",
)  # fmt: skip
ENDS = ("param", "input", "output", "tap")
"""What is no part of a net, but of its outside."""
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
        for group in _merged([group for group in groups if group.first.kind == kind])
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
            inside, there = (n[0].rpartition(".")[0] for n in (fact.one, fact.other))
            places[inside, there, fact.attribute].append(fact)
    instead: dict[int, Fact | None] = {}
    for group in places.values():
        if len(group) != 2 or _turned(group[0]) != (group[1].before, group[1].after):
            continue
        # What moves is the larger one: a stride of 2 is more than one of 1.
        a, b = group if str(group[0].before) > str(group[0].after) else group[::-1]
        text = f"{a.attribute} {value(a.before)} moves from {a.label} to {b.label}"
        names = (*a.one, *b.one), (*a.other, *b.other)
        instead[id(group[0])] = replace(
            a, kind="moved_attribute", text=text, label="", one=names[0], other=names[1]
        )
        instead[id(group[1])] = None
    made = [instead.get(id(fact), fact) for fact in facts]
    return [fact for fact in made if fact is not None]


def _turned(fact: Fact) -> tuple[Any, Any]:
    return fact.after, fact.before


@dataclass(slots=True)
class Group:
    """Facts that one text says.

    Attributes:
        parts: the text, of several parts.
        places: where it is true: a fact for each place.
        facts: all that it says there.
    """

    parts: list[str]
    places: list[Fact]
    facts: list[Fact]

    @property
    def text(self) -> str:
        """The text; of very many parts the first."""
        if len(self.parts) <= MANY:
            return ", ".join(self.parts)
        rest = len(self.parts) - MANY + 1
        return f"{', '.join(self.parts[: MANY - 1])} and {rest} more"

    @property
    def first(self) -> Fact:
        """The first of its facts."""
        return self.places[0]


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
    for found in places.values():
        by_text: dict[str, list[Fact]] = defaultdict(list)
        for fact in found:
            by_text[fact.text].append(fact)
        text = _agreed(found) if found[0].texts else ""
        if not text and len(by_text) > 1:
            text = _together(found)
        if text:
            by_text = {text: found}
        groups += [Group([text], [*held], [*held]) for text, held in by_text.items()]
    return groups


def _agreed(facts: list[Fact]) -> str:
    """The text that says most of what is true of all."""
    first = facts[0].texts
    for place, text in enumerate(first):
        if all(fact.texts[place] == text for fact in facts):
            return text
    raise AssertionError("the last text is the same for all")


def _together(group: list[Fact]) -> str:
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
    for number, group in enumerate(groups):
        first = group.first
        key: tuple[Any, ...] = (number,)
        if first.kind in ("attribute", "init"):
            key = (first.kind, first.of, *(fact.one for fact in group.places))
        elif first.kind in ENDS:
            key = (first.kind,)
        elif first.kind in ("renamed", "added", "removed") and not first.before:
            instances = (fact.instance for fact in group.places)
            key = (first.kind, first.block, first.label, *instances)
        if key in found:
            found[key].parts += group.parts
            found[key].facts += group.facts
        else:
            found[key] = group
    return [*found.values()]


def _merged(groups: list[Group]) -> list[Group]:
    """Groups of one text are one, wherever they are."""
    found: dict[tuple[str, str], Group] = {}
    for group in groups:
        key = group.text, group.first.of
        if key in found:
            found[key].places += group.places
            found[key].facts += group.facts
        else:
            found[key] = group
    return [*found.values()]


def _change(group: Group, totals: Totals, found: Matching) -> Change:
    first, text, places, facts = group.first, group.text, group.places, group.facts
    kind = first.kind
    if kind in ENDS:
        one = kind == "output" and text.count("->") < 2
        return Change(kind, kind if one else f"{kind}s", text, 1, None, facts)
    if kind == "block":
        count = len(places)
        return Change(kind, f"block {first.block}", text, count, count, facts)
    if first.of and kind in ("op", "attribute", "init"):
        nodes = (a.node for a, _ in found.pairs)
        there = sum(node is not None and node.op.kind == first.of for node in nodes)
        if FEW <= len(places) == there:
            text = text.removeprefix(f"{first.of} ") if kind == "op" else text
            return Change(kind, f"every {first.of}", text, there, None, facts)
    blocks = {fact.block for fact in places}
    labels = [*dict.fromkeys(fact.label for fact in places)]
    instances = {fact.instance for fact in places}
    title = first.block
    if len(blocks) == 1 and title and len(instances) > 1 and len(labels) <= FEW:
        where = f"block {title}" + f", {', '.join(labels)}" * any(labels)
        of = totals.get(kind, totals[""])[title]
        return Change(kind, where, text, len(instances), of, facts)
    names = [*dict.fromkeys(map(_name, places))]
    where = _blocks(places) if len(names) > FEW else ""
    if where:
        return Change(kind, where, text, len(places), None, facts)
    times = 1 if len(places) == len(names) <= FEW else len(places)
    return Change(kind, _some(names), text, times, None, facts)


def _blocks(group: list[Fact]) -> str:
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

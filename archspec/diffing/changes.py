"""What differs between two matched nets, a fact at a time.

A fact has words that are the same in every instance of a block where it is true, so
that `archspec.diffing.told` can say it once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from archspec.diffing.items import Item, starts
from archspec.diffing.matching import Matching
from archspec.diffing.wiring import Wiring
from archspec.graph import Graph, Node, Scope
from archspec.ops.base import Shape, shortest

Kind = Literal[
    "param", "input", "output", "tap", "block", "op", "attribute", "moved_attribute",
    "added", "removed", "order", "reads", "renamed", "moved", "init",
]  # fmt: skip


FEW = 4
"""Parts that are named one by one."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One difference at one place.

    Attributes:
        kind: what sort of difference it is.
        text: what is said of the place.
        block: the title of the block in whose instances it may be true; "" for none.
        label: the place in the block, or in the whole net.
        instance: which instance of the block.
        one, other: names of what differs, in the first net and in the second.
        attribute: its name, of an op's or a param.
        before, after: the values.
        of: the kind of the op.
        texts: of what was added or removed: the text and ones that say less, of which
            the first is said that is true in all instances.
    """

    kind: Kind
    text: str
    block: str = ""
    label: str = ""
    instance: str = ""
    one: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    attribute: str = ""
    before: Any = None
    after: Any = None
    of: str = ""
    texts: tuple[str, ...] = ()


def place(item: Item) -> tuple[str, str, str]:
    """The block that an item stands in, its path there, and the block's path.

    What stands in no block, or in one whose nodes are called after another, stands in
    the whole net.
    """
    at = item.parent
    while at is not None and not (at.scope and at.scope.kind == "block"):
        at = at.parent
    if at is None or _inlined(item):
        return "", item.name, ""
    return at.title, item.name[len(at.name) :].removeprefix("."), at.name


def holder(item: Item) -> tuple[str, str, str]:
    """The same as `place` for the part that an item stands in."""
    block, label, instance = place(item)
    if item.parent is None or not label:
        return block, "", instance
    return block, item.parent.name[len(instance) :].removeprefix("."), instance


def _inlined(item: Item) -> bool:
    scope: Scope | None = item.node.scope if item.node is not None else item.scope
    return scope is not None and scope.inline


def facts(one: Graph, other: Graph, found: Matching) -> Iterator[Fact]:
    """All differences, in the order of the first net."""
    yield from _params(one, other)
    yield from _ends(one, other)
    yield from _blocks(found)
    shapes, theirs = one.shapes(), other.shapes()
    for a, b in found.pairs:
        if a.node is not None and b.node is not None:
            yield from _ops(a, b, a.node, b.node)
            yield from _starts(a, b, shapes, theirs)
        elif a.node is not None or b.node is not None:
            yield _replaced(a, b)
    yield from _runs(found.other, found, "added")
    yield from _runs(found.one, found, "removed")
    yield from _names(found)
    yield from _wires(found, Wiring(found, one, other))


def _params(one: Graph, other: Graph) -> Iterator[Fact]:
    """Params of a file that both nets are made by, whose values are others."""
    if one.root.definition != other.root.definition and one.family != other.family:
        return
    for name in one.params:
        if name not in other.params:
            continue
        before, after = one.params[name], other.params[name]
        if (before, type(before)) != (after, type(after)):
            text = f"{name} {value(before)} -> {value(after)}"
            yield Fact("param", text, attribute=name, before=before, after=after)


def _ends(one: Graph, other: Graph) -> Iterator[Fact]:
    """Inputs, outputs and taps."""
    shapes, theirs = one.shapes(), other.shapes()
    ends: tuple[tuple[Literal["input", "output", "tap"], Any, Any], ...] = (
        ("input", one.inputs, other.inputs),
        (
            "output",
            {name: shapes[v] for name, v in one.outputs.items()},
            {name: theirs[v] for name, v in other.outputs.items()},
        ),
        (
            "tap",
            {name: shapes[v] for name, v in one.taps.items()},
            {name: theirs[v] for name, v in other.taps.items()},
        ),
    )
    for kind, ours, others in ends:
        lone = [name for name in ours if name not in others]
        new = [name for name in others if name not in ours]
        called: dict[str, str] = {}
        if kind != "tap" and [ours[n] for n in lone] == [others[n] for n in new]:
            called = dict(zip(lone, new, strict=True))
        for old, name in called.items():
            told = f"{old or 'it'} is now called {name or 'nothing'}"
            yield Fact(kind, told, "", kind, "", (old,), (name,))
        for name in dict.fromkeys((*ours, *others)):
            if name in called or name in called.values():
                continue
            before, after = ours.get(name), others.get(name)
            if before == after:
                continue
            own, their = (name,) * (name in ours), (name,) * (name in others)
            text = _end(name, before, after)
            yield Fact(kind, text, "", kind, "", own, their, before=before, after=after)


def _end(name: str, before: Shape | None, after: Shape | None) -> str:
    """What became of an input, an output or a tap."""
    if before is None or after is None:
        sign, shape = ("+", after) if before is None else ("-", before)
        return " ".join(part for part in (sign, name, by(shape or ())) if part)
    told = f"{by(before)} -> {by(after)}"
    if before[1:] == after[1:] and len(before) > 1:
        told = f"{before[0]} -> {after[0]} channels"
    return f"{name} {told}".strip()


def _blocks(found: Matching) -> Iterator[Fact]:
    """Blocks of other titles."""
    for a, b in found.pairs:
        scopes = a.scope, b.scope
        if a.title == b.title or a.parent is None:
            continue
        if any(scope is None or scope.kind != "block" for scope in scopes):
            continue
        same = a.signature == b.signature
        text = f"{'is now called' if same else 'becomes'} {b.title}"
        yield Fact("block", text, a.title, "", a.name, (a.name,), (b.name,))


def _ops(a: Item, b: Item, one: Node, other: Node) -> Iterator[Fact]:
    """Another op, or other attributes of the same."""
    block, label, instance = place(a)
    names = (a.name,), (b.name,)
    if one.op.kind != other.op.kind:
        text = f"{words(one, width=not block)} becomes {words(other, width=not block)}"
        yield Fact("op", text, block, label, instance, *names, of=one.op.kind)
        return
    ours, theirs = one.op.settings(), other.op.settings()
    for name in dict.fromkeys((*ours, *theirs)):
        before, after = (shortest(getattr(node.op, name)) for node in (one, other))
        text = f"{name} {value(before)} -> {value(after)}"
        if before != after:
            yield Fact(
                "attribute", text, block, label, instance, *names,
                attribute=name, before=before, after=after, of=one.op.kind,
            )  # fmt: skip


def _starts(
    a: Item, b: Item, shapes: Mapping[str, Shape], theirs: Mapping[str, Shape]
) -> Iterator[Fact]:
    """Other initial values of what both nodes store."""
    assert a.node is not None and b.node is not None
    if a.signature == b.signature:
        return
    block, label, instance = place(a)
    ours, others = (
        starts(node, tuple(known[value] for value in node.inputs))
        for node, known in ((a.node, shapes), (b.node, theirs))
    )
    for name in ours:
        before, after = ours[name], others.get(name, ours[name])
        if before != after:
            text = f"initial {name} {before} -> {after}"
            yield Fact(
                "init", text, block, label, instance, (a.name,), (b.name,),
                attribute=name, before=before, after=after, of=a.node.op.kind,
            )  # fmt: skip


def _replaced(a: Item, b: Item) -> Fact:
    """A node that has become a block, or the other way round."""
    block, label, instance = place(a)
    text = f"{_what(a, block)} becomes {_what(b, block)}"
    return Fact("op", text, block, label, instance, (a.name,), (b.name,))


def _runs(
    root: Item, found: Matching, kind: Literal["added", "removed"]
) -> Iterator[Fact]:
    """What only one of the nets has; neighbours in a list together."""
    waiting = [root]
    while waiting:
        item = waiting.pop()
        waiting += [
            child
            for child in reversed(item.children)
            if child.node is None and _opened(child, found)
        ]
        runs = _neighbours(item, found)
        counted = len(runs) == 1 and _counted(item, runs[0][1], found, kind)
        if counted:
            yield counted
            continue
        for before, run in runs:
            if item.listed:
                yield _run(item, before, run, kind)
            else:
                yield from _each(before, run, kind)


def _opened(item: Item, found: Matching) -> bool:
    """Whether only some of what a block holds is without a partner."""
    partner = found.partner.get(id(item))
    if partner is None:
        return not _alone(item, found)
    return partner.node is None


def _alone(item: Item, found: Matching) -> bool:
    return not found.matched(item) and not any(map(found.matched, item.leaves()))


def _neighbours(parent: Item, found: Matching) -> list[tuple[Item | None, list[Item]]]:
    """Children that stand alone, next to one another, with what comes before them."""
    runs: list[tuple[Item | None, list[Item]]] = []
    before: Item | None = None
    apart = True
    for child in parent.children:
        if not _alone(child, found):
            before, apart = child, True
            continue
        if apart:
            runs.append((before, []))
        runs[-1][1].append(child)
        apart = False
    return runs


def _counted(
    parent: Item, run: list[Item], found: Matching, kind: Literal["added", "removed"]
) -> Fact | None:
    """More or fewer of the same block, where it is numbered and no other is beside."""
    other = found.partner.get(id(parent))
    rows = [] if other is None else [_numbered(other), _numbered(parent)]
    title = run[0].title
    if not rows or not all(rows) or run[0].node is not None:
        return None
    if any(item.title != title for row in rows for item in row):
        return None
    if not {id(item) for item in run} <= {id(item) for item in rows[1]}:
        return None
    before, after = (len(row) for row in (rows if kind == "added" else rows[::-1]))
    names = tuple(item.name for item in run)
    own, their = ((), names) if kind == "added" else (names, ())
    assert other is not None
    label = (parent if kind == "removed" else other).name
    text = f"{before} -> {after} {title}"
    return Fact(kind, text, "", label, "", own, their, before=before, after=after)


def _numbered(item: Item) -> list[Item]:
    """What it holds that has a number for a name, or behind a dot."""
    return [c for c in item.children if c.own.rpartition(".")[2].isdecimal()]


def _each(
    before: Item | None, run: list[Item], kind: Literal["added", "removed"]
) -> Iterator[Fact]:
    """Neighbours that have names; where they stand is said of the first."""
    if len(run) > FEW:
        block, label, instance = holder(run[0])
        ops = sum(sum(item.kinds.values()) for item in run)
        text = f"{run[0].own} ... {run[-1].own} ({len(run)} parts, {ops} ops)"
        text += f" after {before.own}" if before is not None else ""
        names = tuple(item.name for item in run)
        own, their = ((), names) if kind == "added" else (names, ())
        yield Fact(kind, text, block, label, instance, own, their)
        return
    for item in run:
        block, label, instance = holder(item)
        after = f" after {before.own}" if item is run[0] and before is not None else ""
        named = _named(item.own, _what(item, block)), _named(item.own, item.title)
        texts = tuple(text + where for text in named for where in (after, ""))
        own, their = ((), (item.name,)) if kind == "added" else ((item.name,), ())
        yield Fact(
            kind, texts[0], block, label, instance, own, their,
            texts=texts,
        )  # fmt: skip


def _named(name: str, what: str) -> str:
    return name if name == what else f"{name} ({what})"


def _run(
    parent: Item,
    before: Item | None,
    run: list[Item],
    kind: Literal["added", "removed"],
) -> Fact:
    """Neighbours in a list, where numbers are no names: by what they are."""
    block, label, instance = holder(run[0])
    told = _listed(run, block)
    if before is not None:
        told += f" after {before.title}"
    elif len(run) < len(parent.children):
        told += " at the start"
    names = tuple(item.name for item in run)
    own, their = ((), names) if kind == "added" else (names, ())
    return Fact(kind, told, block, label, instance, own, their)


def _listed(run: list[Item], block: str) -> str:
    """A few items in words; many by their number."""
    titles: list[list[Any]] = []
    for item in run:
        told = _what(item, block) if len(run) == 1 else item.title
        if titles and titles[-1][0] == told:
            titles[-1][1] += 1
        else:
            titles.append([told, 1])
    if len(titles) > FEW:
        return f"{len(run)} parts ({sum(sum(i.kinds.values()) for i in run)} ops)"
    return ", ".join(f"{n} {title}" if n > 1 else title for title, n in titles)


def _what(item: Item, block: str) -> str:
    if item.node is not None:
        return words(item.node, width=not block)
    count = sum(item.kinds.values())
    ops = f"{count} op{'s' * (count > 1)}"
    assert item.scope is not None
    return f"{item.title}, {ops}" if item.scope.kind == "block" else ops


def _names(found: Matching) -> Iterator[Fact]:
    """Parts of other names, and what stands in another part; numbers are no names."""
    moved: dict[tuple[int, int], list[tuple[Item, Item]]] = {}
    for a, b in found.pairs:
        if a.parent is None or b.parent is None or a.name == b.name:
            continue
        block, label, instance = holder(a)
        if found.partner.get(id(a.parent)) is not b.parent:
            moved.setdefault((id(a.parent), id(b.parent)), []).append((a, b))
        elif a.own != b.own and not (a.parent.listed and b.parent.listed):
            text = " -> ".join(_general(a.own, b.own))
            yield Fact("renamed", text, block, label, instance, (a.name,), (b.name,))
    facts: list[Fact] = []
    for pairs in moved.values():
        a, b = pairs[0]
        block, before, after = _around(a, b, found)
        sides = [
            [_inside(pair[n], at) for pair in pairs]
            for n, at in enumerate((before, after))
        ]
        if len(pairs) > FEW:
            text = " -> ".join(f"{side[0]} ... {side[-1]}" for side in sides)
        else:
            text = ", ".join(f"{x} -> {y}" for x, y in zip(*sides, strict=True))
        own, their = (tuple(pair[n].name for pair in pairs) for n in (0, 1))
        facts.append(Fact("moved", text, block, "", before, own, their))
    texts: dict[tuple[str, str], set[str]] = {}
    for fact in facts:
        texts.setdefault((fact.block, _shifted(fact.text)), set()).add(fact.text)
    for fact in facts:
        text = _shifted(fact.text)
        many = len(texts[fact.block, text]) > 1
        yield replace(fact, text=text) if many else fact


def _shifted(text: str) -> str:
    """`0.relu -> blocks.1.act` for any such numbers: `N.relu -> blocks.N+1.act`."""
    sides = [side.split(".") for side in text.split(" -> ")]
    numbers = [[int(part) for part in side if part.isdecimal()] for side in sides]
    if [len(found) for found in numbers] != [1, 1]:
        return text
    step = numbers[1][0] - numbers[0][0]
    named = ("N", f"N{step:+}" if step else "N")
    return " -> ".join(
        ".".join(name if part.isdecimal() else part for part in side)
        for side, name in zip(sides, named, strict=True)
    )


def _general(one: str, other: str) -> tuple[str, str]:
    """Names of which one is a number, for any such number."""
    number = next((name for name in (one, other) if name.isdecimal()), None)
    parts = [name.split(".") for name in (one, other)]
    if number is None or any(number not in part for part in parts):
        return one, other
    named = [["N" if p == number else p for p in part] for part in parts]
    return ".".join(named[0]), ".".join(named[1])


def _around(a: Item, b: Item, found: Matching) -> tuple[str, str, str]:
    """The smallest part that a pair stands in, both before and after.

    Its title if it is a block, and its paths in both nets.
    """
    above: dict[int, Item] = {}
    at = b.parent
    while at is not None:
        above[id(at)] = at
        at = at.parent
    at = a.parent
    while at is not None and id(found.partner.get(id(at))) not in above:
        at = at.parent
    assert at is not None  # The whole nets are a pair.
    block = at.title if at.scope is not None and at.scope.kind == "block" else ""
    return block, at.name, found.partner[id(at)].name


def _inside(item: Item, path: str) -> str:
    return item.name[len(path) :].removeprefix(".")


def _wires(found: Matching, wiring: Wiring) -> Iterator[Fact]:
    """What reads another value, and neighbours that changed their order."""
    for first, second in wiring.swaps:
        block, label, instance = holder(first)
        own = [i.title if i.own.isdecimal() else i.own for i in (first, second)]
        text = f"{own[1]} now comes before {own[0]}"
        names = (first.name, second.name)
        theirs = tuple(found.partner[id(i)].name for i in (first, second))
        yield Fact("order", text, block, label, instance, names, theirs)
    for a, before, after in wiring.rewired:
        block, label, instance = place(a)
        b = found.partner[id(a)]
        old, new = (_read(item, names) for item, names in ((a, before), (b, after)))
        if old == new:
            old, new = (" and ".join(names) for names in (before, after))
        yield Fact(
            "reads", f"reads {new} instead of {old}", block, label, instance,
            (a.name,), (b.name,), before=before, after=after,
        )  # fmt: skip


def _read(item: Item, names: tuple[str, ...]) -> str:
    """Values as the block of their reader has them: by name, or as what it is given."""
    _, _, instance = place(item)
    inside = f"{instance}." if instance else ""
    told = [
        name.removeprefix(inside) if name.startswith(inside) else "its input"
        for name in names
    ]
    return " and ".join(told) or "nothing"


def words(node: Node, *, width: bool = True) -> str:
    """An op with what is special about it; perhaps without its channels."""
    settings = node.op.settings()
    settings.pop("bias", None)
    if not width and node.op.width:
        settings.pop(node.op.width, None)
    told = " ".join(f"{name} {value(setting)}" for name, setting in settings.items())
    return f"{node.op.kind} {told}".rstrip()


def value(found: Any) -> str:
    """A value as a spec writes it."""
    if isinstance(found, str):
        return found
    return json.dumps(found, ensure_ascii=False)


def by(shape: tuple[int, ...]) -> str:
    """A shape in words."""
    return " x ".join(map(str, shape))

"""The `--rename` rules that give tensors of a net the names they have in another one.

>>> rules({"layer1.0.bn1.bias": "layer1.0.norm1.bias", "bn1.bias": "norm1.bias"}, ())
{'bn1': 'norm1'}

A rule is `OLD=NEW` as `archspec.weights.choice.renamed` takes it: a part of a name
wherever it stands, or a pattern with `*` for a whole name. They apply one after the
other, each to what the ones before it have made.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from archspec.renaming import renamed

SPARE = "swap_"
"""What stands before the name of a part while another one takes its place."""
UNUSED = "unused."
NUMBER = re.compile(r"\d+")
MANY = 30
"""Rules that are looked for; where that isn't enough, each layer has one."""
TRIED = 40
"""Names from which the next rule is guessed."""
WORK = 200_000
"""Names that rules are applied to before no more are guessed."""
MOST = 200
"""Rules that anybody gives to a command."""


def rules(
    names: Mapping[str, str], others: Collection[str], taken: Collection[str] = ()
) -> dict[str, str] | None:
    """Rules that turn the keys of `names` into its values; None if they are too many.

    Args:
        names: for each tensor its name in the other net, also where that is the same.
        others: tensors that the other net has no use for. Where one has the name of
            another tensor there, it gets a name that begins with `unused.`.
        taken: further names in the other net.
    """
    targets = {*names.values(), *taken}
    wanted = dict(names)
    wanted |= {name: UNUSED + name for name in others if name in targets}
    if all(name == new for name, new in wanted.items()):
        return {}
    free = [name for name in others if name not in wanted]
    guessed = _guessed(wanted, free)
    if guessed is not None and _right(guessed, wanted, free, targets):
        return guessed
    safe = _single({name: new for name, new in wanted.items() if name != new})
    if len(safe) > MOST:
        return None
    if _right(safe, wanted, free, targets):
        return safe
    aside = _aside(wanted, free)
    return aside if len(aside) <= MOST else None


def _right(
    made: Mapping[str, str],
    wanted: Mapping[str, str],
    free: Collection[str],
    targets: Collection[str],
) -> bool:
    """Whether all names become what they are to be, and no other one does."""
    return all(renamed(n, made) == new for n, new in wanted.items()) and not any(
        renamed(name, made) in targets for name in free
    )


def _guessed(wanted: Mapping[str, str], free: Collection[str]) -> dict[str, str] | None:
    """A few rules for many names, each of which leaves all names nearer or as they are.

    None where there are none.
    """
    now = {name: name for name in (*wanted, *free)}
    goal = {name: wanted.get(name, "") for name in now}
    made: dict[str, str] = {}
    work = WORK
    while len(made) < MANY:
        rest = [name for name in wanted if now[name] != goal[name]]
        if not rest:
            return made
        for name in rest[:TRIED]:
            work -= len(now)
            if work < 0:
                return None
            rule = _best(now[name], goal[name], now, goal)
            if rule is not None and rule[0] not in made:
                break
        else:
            return None
        made[rule[0]] = rule[1]
        now = {name: renamed(at, {rule[0]: rule[1]}) for name, at in now.items()}
    return None


def _best(
    old: str, new: str, now: Mapping[str, str], goal: Mapping[str, str]
) -> tuple[str, str] | None:
    """The rule for a name that brings all names nearest to what they are to be."""
    found, most = None, 0
    for rule in dict.fromkeys(_guesses(old, new)):
        gained = 0
        made: set[str] = set()
        for name, at in now.items():
            then = renamed(at, {rule[0]: rule[1]})
            made.add(then)
            if then == at:
                continue
            if not goal[name]:
                continue
            nearer = _apart(at, goal[name]) - _apart(then, goal[name])
            if nearer <= 0:
                break
            gained += nearer
        else:
            if gained > most and len(made) == len(now):
                found, most = rule, gained
    return found


def _apart(one: str, other: str) -> int:
    """How many parts of two names differ."""
    left, right = one.split("."), other.split(".")
    lead = _common(left, right)
    tail = _common(left[lead:][::-1], right[lead:][::-1])
    return len(left) + len(right) - 2 * (lead + tail)


def _guesses(name: str, new: str) -> Iterator[tuple[str, str]]:
    """Rules that turn one name into another, the plainest first."""
    old_parts, new_parts = name.split("."), new.split(".")
    lead = _common(old_parts, new_parts)
    tail = _common(old_parts[lead:][::-1], new_parts[lead:][::-1])
    for start in range(lead, -1, -1):
        for end in range(tail, -1, -1):
            old = old_parts[start : len(old_parts) - end]
            fresh = new_parts[start : len(new_parts) - end]
            named = old[: len(old_parts) - 1 - start]
            if fresh and old != fresh and not all(map(NUMBER.fullmatch, named)):
                yield ".".join(old), ".".join(fresh)
            if end and lead <= start:
                before = [*old_parts[:lead]]
                starred = ["*" if NUMBER.fullmatch(part) else part for part in before]
                yield (
                    ".".join([*starred, *old_parts[lead : len(old_parts) - end], "*"]),
                    ".".join([*starred, *new_parts[lead : len(new_parts) - end], "*"]),
                )


def _common(one: list[str], other: list[str]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _single(wanted: Mapping[str, str]) -> dict[str, str]:
    """A rule for each layer, in an order in which none undoes another.

    Where layers exchange their names, one stands aside for a while.
    """
    layers: dict[str, str] = {}
    for name, new in wanted.items():
        old_layer, _, old = name.rpartition(".")
        new_layer, _, fresh = new.rpartition(".")
        same = old == fresh and layers.get(f"{old_layer}.*", f"{new_layer}.*")
        if same == f"{new_layer}.*":
            layers[f"{old_layer}.*"] = same
        else:
            layers[f"{name}*"] = f"{new}*"
    return _ordered(layers)


def _aside(wanted: Mapping[str, str], free: Collection[str]) -> dict[str, str]:
    """Rules by which every layer stands aside before it gets its name.

    It is for names of which one begins like another: `a.weight` and `a.b.weight`.
    """
    goal = dict(wanted) | {name: name for name in free}
    layers = dict.fromkeys(name.rpartition(".")[0] for name in goal)
    aside = {
        layer: f"{SPARE}{number}"
        for number, layer in enumerate(sorted(layers, key=len, reverse=True))
    }
    made = {f"{layer}.*": f"{spare}.*" for layer, spare in aside.items()}
    for name in sorted(goal, key=len, reverse=True):
        layer, _, tensor = name.rpartition(".")
        made[f"{aside[layer]}.{tensor}*"] = f"{goal[name]}*"
    return made


def _ordered(layers: Mapping[str, str]) -> dict[str, str]:
    """Rules in an order in which no name that one makes is taken up by a later one."""
    made: dict[str, str] = {}
    waiting = dict(layers)
    while waiting:
        free = [old for old, new in waiting.items() if not _taken(new, old, waiting)]
        if free:
            for old in free:
                made[old] = waiting.pop(old)
            continue
        old = next(iter(waiting))
        new = waiting.pop(old)
        made[old] = SPARE + old
        waiting[SPARE + old] = new
    return made


def _taken(new: str, old: str, waiting: Mapping[str, str]) -> bool:
    """Whether another rule that waits is about the names that this one makes."""
    return any(
        other != old and (_covers(other, new) or _covers(new, other))
        for other in waiting
    )


def _covers(pattern: str, other: str) -> bool:
    return other.removesuffix("*").startswith(pattern.removesuffix("*"))

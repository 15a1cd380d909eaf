"""What stands in a box."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archspec.drawing.outline import Box
from archspec.graph import Graph

TIMES = "\N{MULTIPLICATION SIGN}"
DOT = " \N{MIDDLE DOT} "
SHORT = {
    "kernel": "{}",
    "stride": "/{}",
    "groups": "g{}",
    "dilation": "d{}",
    "rate": "{}",
}
"""Attributes that a box shows, and how."""
DIGITS = "0123456789"
UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


@dataclass(frozen=True, slots=True)
class Above:
    """What a page has above the picture; a link with `data-node` shows a node there.

    Attributes:
        title: of the document, as text.
        body, style, script: HTML, CSS and JavaScript, which go into it as they are.
    """

    title: str
    body: str
    style: str = ""
    script: str = ""


def clean(text: str) -> str:
    """Without control letters, which XML has no way to say."""
    return UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)


def heading(graphs: Sequence[Graph]) -> tuple[str, list[str]]:
    """What stands above a picture: titles, and what is told of a net, or of colours."""
    titles = dict.fromkeys(clean(graph.title or graph.name) for graph in graphs)
    told = ["green: only in the second net; red: only in the first; amber: changed"]
    if len(graphs) == 1:
        net = graphs[0]
        told = [net.facts(), net.description, net.source]
    return " -> ".join(titles), [clean(text) for text in told if text]


def short(count: float) -> str:
    """9408 as 9.41k."""
    for unit in ("", "k", "M", "G"):
        if count < 999.5 or unit == "G":
            return f"{count:.3g}{unit}" if unit else f"{count:.0f}"
        count /= 1000
    raise AssertionError


def by(shape: tuple[int, ...]) -> str:
    """`64 x 56 x 56`, with the sign."""
    return f" {TIMES} ".join(map(str, shape))


def own(box: Box, parent: str) -> str:
    """Its name within the scope that it stands in."""
    if not box.parts:
        return clean(box.label) or _relative(box.name, parent)
    first, last = (own(box.parts[n], parent) for n in (0, -1))
    same = first.rstrip(DIGITS)
    if last.rstrip(DIGITS) == same:
        last = last.removeprefix(same)
    return f"{first} \N{EN DASH} {last}"


def _relative(name: str, parent: str) -> str:
    inner = name.removeprefix(f"{parent}.") if parent else name
    return clean(inner)


def then(box: Box) -> str:
    """What the facts of a box are in the second of two nets, where they are other."""
    if box.before is None or box.after is None:
        return ""
    before, after = facts(box.before), facts(box.after)
    if before == after:
        return ""
    shape, _, counted = after.rpartition(DOT)
    same = bool(shape) and before.startswith(f"{shape}{DOT}")
    return f"-> {counted if same else after}"


def kind(box: Box) -> str:
    """What it is: `conv2d 3 x 3 /2`, `bottleneck x 6`."""
    times = f" {TIMES} {len(box.parts)}" if box.parts else ""
    if box.node is None:
        return clean(box.what) + times
    found = [box.what]
    settings = box.node.op.settings()
    for name, form in SHORT.items():
        if name in settings and settings[name] not in (1, None):
            found.append(form.format(_value(settings[name], name == "kernel")))
    return " ".join(found) + times


def _value(value: Any, square: bool = False) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and square:
        return f"{value}{TIMES}{value}"
    if isinstance(value, tuple | list):
        return TIMES.join(map(_value, value))
    return f"{value:.3g}" if isinstance(value, float) else clean(str(value))


def facts(box: Box) -> str:
    """Shape and parameters."""
    shape = by(box.shape)
    if box.parts and len({part.shape for part in box.parts}) > 1:
        ends = box.parts[0].shape[0], box.parts[-1].shape[0]
        shape = by(box.shape[1:])
        shape = f"{ends[0]}\N{EN DASH}{ends[1]}" + (
            f" {TIMES} {shape}" if shape else ""
        )
    return shape + (f"{DOT}{short(box.params)}" if box.params else "")


def differences(box: Box) -> str:
    """What the instances of a repeat don't have in common with the first, in words."""
    settings: dict[int, dict[str, Any]] = {}  # instances share their ops
    first = _told(box.parts[0], settings)
    groups: list[tuple[list[int], list[str]]] = []
    for number, part in enumerate(box.parts[1:], 1):
        said = _compared(first, _told(part, settings))
        if said and groups and groups[-1][1] == said:
            groups[-1][0].append(number)
        elif said:
            groups.append(([number], said))
    if not groups and box.parts[0].shape != box.parts[-1].shape:
        return "differ in channels"
    if not groups:
        return "all alike"
    if len(groups) > 2:
        keys = dict.fromkeys(s.partition(":")[0] for _, said in groups for s in said)
        return "differ in " + ", ".join(keys)
    return "; ".join(
        f"{_numbers(box, numbers)} {', '.join(said)}" for numbers, said in groups
    )


def _numbers(box: Box, numbers: list[int]) -> str:
    names = [box.parts[n].name.rpartition(".")[2] for n in (numbers[0], numbers[-1])]
    return clean(names[0] if len(numbers) == 1 else "\N{EN DASH}".join(names))


def _told(box: Box, known: dict[int, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The attributes of each node in it, by its name there."""
    found: dict[str, dict[str, Any]] = {}
    stack = [box]
    while stack:
        inner = stack.pop()
        stack += reversed(inner.parts or inner.children)
        if inner.node is not None and not inner.parts:
            name = inner.name[len(box.name) :].removeprefix(".")
            op = inner.node.op
            if id(op) not in known:
                known[id(op)] = {"": inner.what, **op.settings()}
            found[name] = known[id(op)]
    return found


def _compared(
    first: dict[str, dict[str, Any]], other: dict[str, dict[str, Any]]
) -> list[str]:
    said = []
    lost = [name for name in first if name not in other]
    gained = [name for name in other if name not in first]
    for names, word in ((lost, "without"), (gained, "with")):
        tops = dict.fromkeys(name.partition(".")[0] for name in names)
        said += [f"{word} {clean(top)}" for top in tops]
    for name in first:
        if name not in other:
            continue
        a, b = first[name], other[name]
        if a is b:
            continue
        for key in {**a, **b}:
            if a.get(key) != b.get(key) and key != "init":
                value = _value(b[key]) if key in b else "usual"
                said.append(f"{clean(name)} {key or 'op'}: {value}")
    return said

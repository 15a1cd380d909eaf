"""Random edits of nets, as people make them, to compare before and after."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import yaml
from random_specs import numbered
from random_specs_text import FILE, written

import archspec
from archspec import Spec
from archspec.authoring.resolved import render
from archspec.errors import ArchspecError

Statements = dict[str, Any]
ACTIVATIONS = ("relu", "silu", "gelu", "elu", "tanh")


def drawn(number: int) -> Spec | None:
    """A random net by its number; None for one of several files, or a wrong one."""
    text = written(numbered(number))
    if FILE.search(text):
        return None
    try:
        return archspec.loads(text)
    except ArchspecError:
        return None


def edits(spec: Spec, number: int, count: int = 2) -> Spec:
    """A net with some random edits, of which a few may have been tried in vain."""
    draw = Random(number)
    raw = yaml.safe_load(render(spec.graph))
    for key in ("expect", "taps"):
        raw.pop(key, None)
    done = 0
    while done < count:
        tried = copy.deepcopy(raw)
        graphs = [*_graphs(tried["graph"])]
        draw.choice(EDITS)(draw.choice(graphs), draw)
        try:
            made = archspec.loads(yaml.safe_dump(tried, sort_keys=False))
        except ArchspecError:
            continue
        raw, done = tried, done + 1
    return made


def _graphs(statements: Statements) -> Iterator[Statements]:
    yield statements
    for statement in statements.values():
        if isinstance(statement, dict) and "graph" in statement:
            yield from _graphs(statement["graph"])


def _put(statements: Statements, items: list[tuple[str, Any]]) -> None:
    statements.clear()
    statements.update(items)


def _rename(statements: Statements, draw: Random) -> None:
    old = draw.choice([*statements])
    new = f"{old}_new"
    items = [(new if name == old else name, s) for name, s in statements.items()]
    for _, statement in items:
        if not isinstance(statement, dict) or "from" not in statement:
            continue
        given = statement["from"]
        several = given if isinstance(given, list) else [given]
        made = [new + v[len(old) :] if v.split(".")[0] == old else v for v in several]
        statement["from"] = made if isinstance(given, list) else made[0]
    _put(statements, items)


def _remove(statements: Statements, draw: Random) -> None:
    if len(statements) > 1:
        del statements[draw.choice([*statements])]


def _insert(statements: Statements, draw: Random) -> None:
    items = [*statements.items()]
    new = draw.choice((*ACTIVATIONS, "batch_norm", {"op": "dropout", "rate": 0.1}))
    items.insert(draw.randrange(len(items) + 1), (f"put{draw.randrange(99)}", new))
    _put(statements, items)


def _change(statements: Statements, draw: Random) -> None:
    name = draw.choice([*statements])
    statement = copy.deepcopy(statements[name])
    if statement in ACTIVATIONS:
        statements[name] = draw.choice(ACTIVATIONS)
    elif isinstance(statement, dict) and statement.get("op") == "conv2d":
        key, value = draw.choice(
            (("bias", False), ("stride", 2), ("channels", 24), ("dilation", 2))
        )
        statements[name] = {**statement, key: value}


def _swap(statements: Statements, draw: Random) -> None:
    items = [*statements.items()]
    if len(items) > 1:
        place = draw.randrange(len(items) - 1)
        items[place], items[place + 1] = items[place + 1], items[place]
        _put(statements, items)


EDITS: tuple[Callable[[Statements, Random], None], ...] = (
    _rename,
    _remove,
    _insert,
    _change,
    _swap,
)

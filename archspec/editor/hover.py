"""What is told about what is under the cursor, in Markdown."""

from __future__ import annotations

from archspec.authoring.reference import paragraphs
from archspec.editor import grammar
from archspec.editor.completion import (
    arguments_of,
    by,
    declared,
    described,
    formula_of,
    named,
    told,
)
from archspec.editor.cursor import Path
from archspec.editor.definition import source, word
from archspec.editor.document import Cursor, Document
from archspec.errors import shown
from archspec.language.reader import locate
from archspec.language.syntax import Statement
from archspec.ops import BY_KIND

MOST = 8
"""Instances of a node that are shown."""


def hover(document: Document, line: int, column: int) -> str:
    """What there is to say about a place; line and column count from 1."""
    cursor = document.cursor(line, column)
    if cursor is None or not cursor.spot.whole:
        return ""
    if formula_of(cursor.spot) is not None and not cursor.spot.is_key:
        return _name(document, cursor)
    if cursor.spot.is_key:
        return _key(document, cursor)
    return _value(document, cursor)


def _name(document: Document, cursor: Cursor) -> str:
    """A name in a formula; without one, what the value means."""
    spot, name = cursor.spot, word(cursor)
    seen, block = cursor.sights.names(spot.raw, spot.path)
    for outer in reversed(seen.repeats):
        if outer.counter == name:
            return f"**{name}** counts the instances of {outer}, from 0"
    if block is not None and name in block.params:
        param = block.params[name]
        return f"**{name}**, a param of {block}: {declared(param)}"
    if name in cursor.unit.params:
        values = document.net.spec.graph.params if document.net else {}
        now = f"\n\nIt is {shown(values[name])}." if name in values else ""
        return f"**{name}**, a param: {declared(cursor.unit.params[name])}{now}"
    return _meaning(cursor, spot.path)


def _key(document: Document, cursor: Cursor) -> str:
    spot, unit = cursor.spot, cursor.unit
    at = locate(spot.raw, spot.path, key=True)
    view = cursor.sights.views.get(at)
    if view is not None:
        return _node(document, cursor, view.statement)
    name = spot.whole
    params = arguments_of(cursor, spot.path[:-1])
    if name in params:
        return f"**{name}**: {declared(params[name])}"
    match spot.path:
        case ("params", _) if name in unit.params:
            return f"**{name}**: {declared(unit.params[name])}"
        case ("blocks", _) if name in unit.blocks:
            return _block(cursor, name)
        case ("blocks", owner, "params", _) if owner in unit.blocks:
            param = unit.blocks[str(owner)].params.get(name)
            return f"**{name}**: {declared(param)}" if param else ""
        case ("defaults", _) if name in BY_KIND:
            return _op(name)
    return _meaning(cursor, spot.path)


def _value(document: Document, cursor: Cursor) -> str:
    spot = cursor.spot
    key = next((k for k in reversed(spot.path) if isinstance(k, str)), "")
    view = cursor.sights.view(spot.raw, spot.path)
    is_node = view is not None and view.statement.entry.at == spot.at
    if spot.whole in BY_KIND and (key == "op" or is_node):
        return _op(spot.whole)
    if key == "block" and spot.whole in cursor.unit.blocks:
        return _block(cursor, spot.whole)
    if key == "from" and view is not None:
        found = source(view, spot.whole)
        if found is not None:
            return _node(document, cursor, found)
    if key in ("extends", "spec"):
        file = named(cursor, spot.whole)
        keys = file.keys if file else None
        return f"**{keys.title or keys.name}**\n\n{keys.description}" if keys else ""
    if spot.path[0] in ("taps", "outputs") and document.net:
        graph = document.net.spec.graph
        values = graph.taps if spot.path[0] == "taps" else graph.outputs
        known = spot.whole in document.net.rows
        return _rows(document, [spot.whole if known else values.get(key, "")])
    return _meaning(cursor, spot.path)


def _meaning(cursor: Cursor, path: Path) -> str:
    """What the schema says of a key."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    text = grammar.meaning(cursor.spot.raw, path) if path else ""
    return f"**{path[-1]}**: {text}" if text else ""


def _op(kind: str) -> str:
    return "\n\n".join([f"**{kind}**", *paragraphs(BY_KIND[kind])])


def _block(cursor: Cursor, name: str) -> str:
    """A block with its params."""
    block = cursor.unit.blocks[name]
    params = [f"- `{key}`: {declared(param)}" for key, param in block.params.items()]
    return "\n".join([f"**{name}**: {described(block)}", "", *params])


def _node(document: Document, cursor: Cursor, statement: Statement) -> str:
    """A node with what its instances give, as the net was when it last was one."""
    name = statement.keys.name or statement.key
    lines = [
        f"**{name}**: {told(statement)}",
        "",
        _rows(document, _made(document, cursor, statement)),
    ]
    return "\n".join(lines).strip()


def _made(document: Document, cursor: Cursor, statement: Statement) -> list[str]:
    """The paths of what a statement made."""
    net = document.net
    if net is None:
        return []
    path = _path(cursor, statement)
    if path is None:
        return net.places.get(statement.at, [])
    at = locate(net.raw, path, key=True)
    return net.places.get(at, [])


def _path(cursor: Cursor, statement: Statement) -> Path | None:
    """The way to a statement of the open file, whose lines may have moved."""
    path = cursor.spot.path
    raw = cursor.spot.raw
    for end in range(len(path), 0, -1):
        if locate(raw, path[:end], key=True) == statement.at:
            return path[:end]
        beside = (*path[: end - 1], statement.key)
        if locate(raw, beside, key=True) == statement.at:
            return beside
    return None


def _rows(document: Document, names: list[str]) -> str:
    """The shape, params and MACs of nodes and blocks."""
    net = document.net
    rows = [net.rows[name] for name in names if name in net.rows] if net else []
    if not rows:
        return ""
    lines = ["| | output | params | MACs |", "|---|---|--:|--:|"]
    lines += [
        f"| {row.name} | {by(row.shape)} | {row.params:,} | {row.macs:,} |"
        for row in rows[:MOST]
    ]
    more = len(rows) - MOST
    return "\n".join([*lines, *(["", f"and {more} more"] if more > 0 else [])])

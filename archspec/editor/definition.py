"""Where what is under the cursor is defined, in the file or in one that it extends."""

from __future__ import annotations

import re

from archspec.editor.completion import REPLACED, arguments_of, formula_of, named
from archspec.editor.document import Cursor, Document
from archspec.editor.sights import View
from archspec.errors import Location
from archspec.language.syntax import Param, Statement, Unit
from archspec.nodes import unseen

WORD = re.compile(r"[A-Za-z_]\w*(\.\w+)*")
QUOTED = re.compile(r""""([^"]*)"|'([^']*)'""")


def define(document: Document, line: int, column: int) -> Location | None:
    """The place of a definition; line and column count from 1."""
    cursor = document.cursor(line, column)
    if cursor is None:
        return None
    spot, unit = cursor.spot, cursor.unit
    if formula_of(spot) is not None:
        return _of_name(cursor)
    if spot.is_key:
        return _of_key(cursor)
    keys = [step for step in spot.path if isinstance(step, str)]
    key = keys[-1] if keys else ""
    if key == "block" and spot.whole in unit.blocks:
        return unit.blocks[spot.whole].at
    if key in ("extends", "spec"):
        found = named(cursor, spot.whole)
        return Location(found.file, 1, 1) if found else None
    if key == "from":
        view = cursor.sights.view(spot.raw, spot.path)
        return read(view, spot.whole) if view else None
    if keys[0] in ("taps", "outputs"):
        return _of_path(document, unit, spot.whole)
    return None


def read(view: View, name: str) -> Location | None:
    """Where what a node reads is made: a node above it, or an input of the file."""
    statement = source(view, name)
    if statement is not None:
        return statement.at
    inputs = view.sight.unit.inputs
    if name not in view.sight.inputs:
        return None
    if view.block is not None:
        return view.block.at
    entry = inputs.get(name) or next(iter(inputs.values()), None)
    return entry.key if entry else None


def source(view: View, name: str) -> Statement | None:
    """The node that a name in `from` stands for, or `name.output`."""
    items, nodes = view.sight.graph.items, view.sight.nodes
    for known in (name, name.partition(".")[0]):
        for key in items if known in nodes else ():
            if known in (items[key].keys.name, key):
                return items[key]
    return None


def word(cursor: Cursor) -> str:
    """The name in a formula that the cursor is at."""
    offset = len(cursor.spot.before)
    found = WORD.finditer(cursor.spot.whole)
    return next((m[0] for m in found if m.start() <= offset <= m.end()), "")


def _of_name(cursor: Cursor) -> Location | None:
    """Where a param, a counter or a block that a formula names is declared."""
    spot, unit, name = cursor.spot, cursor.unit, word(cursor)
    for match in QUOTED.finditer(spot.whole):
        text = match[1] or match[2]
        if match.start() < len(spot.before) < match.end() and text in unit.blocks:
            return unit.blocks[text].at
    seen, block = cursor.sights.names(spot.raw, spot.path)
    for outer in reversed(seen.repeats):
        if outer.counter == name:
            return outer.place("index" if outer.keys.index else "repeat")
    own = dict(block.params) if block else {}
    if spot.path[2:3] == ("params",) and len(spot.path) > 3:
        for hidden in unseen(own, str(spot.path[3])):
            del own[hidden]
    params = {**unit.params, **own}
    if name in params:
        return params[name].key
    owner = name.partition(".")[0]
    return unit.inputs[owner].key if owner in unit.inputs and not block else None


def _of_key(cursor: Cursor) -> Location | None:
    """Of a param that a node gives, where it is declared; of an entry, the base's."""
    spot, unit = cursor.spot, cursor.unit
    params = arguments_of(cursor, spot.path[:-1])
    if spot.whole in params:
        return params[spot.whole].key
    if len(spot.path) != 2 or spot.path[0] not in REPLACED or unit.extends is None:
        return None
    base = named(cursor, unit.extends.value)
    return _entry(base, str(spot.path[0]), spot.whole) if base else None


def _entry(unit: Unit, part: str, name: str) -> Location | None:
    found = getattr(unit, part)
    found = (found.items if part == "graph" and found else found) or {}
    entry = found.get(name)
    if entry is None:
        return None
    keyed: Location = entry.at if part in ("blocks", "graph") else entry.key
    return entry.key if isinstance(entry, Param) else keyed


def _of_path(document: Document, unit: Unit, path: str) -> Location | None:
    """Where the node of a path stands, as the net was when it last was one."""
    if document.net and path in document.net.homes:
        return document.net.homes[path]
    first = path.partition(".")[0]
    items = unit.graph.items if unit.graph else {}
    return items[first].at if first in items else None

"""What may stand under the cursor: keys and values of the schema, and the file's names.

The schema knows the keys, ops and attributes; the inspection knows which nodes, params
and counters are in sight.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from archspec.authoring.resolved import flow
from archspec.authoring.schema import NODE
from archspec.editor import grammar
from archspec.editor.cursor import Path, Spot
from archspec.editor.document import Cursor, Document
from archspec.errors import ArchspecError
from archspec.language.files import MERGED
from archspec.language.formula import CONSTANTS, FUNCTIONS
from archspec.language.syntax import KINDS, Block, Param, Statement, Unit

REPLACED = (*MERGED, "graph")
"""Keys of a file under which entries may replace those of its base, by name."""
WORD = re.compile(r"(?:[A-Za-z_][\w.]*)?$")
"""The name that ends where the cursor is."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that may stand somewhere.

    Attributes:
        label: what it is called, and written.
        kind: key, value, op, net, node, input, block, param, counter, size, function.
        about: a line or two about it.
    """

    label: str
    kind: str
    about: str = ""

    @property
    def text(self) -> str:
        """What is written for it."""
        return f"{self.label}: " if self.kind in ("key", "argument") else self.label


@dataclass(frozen=True, slots=True)
class Offers:
    """What is offered instead of the text from a column, from 1, to the cursor."""

    column: int
    items: tuple[Offer, ...] = ()


def complete(document: Document, line: int, column: int) -> Offers:
    """What may stand at a place of a document; line and column count from 1."""
    cursor = document.cursor(line, column)
    if cursor is None:
        return Offers(column, _beginning(document, line))
    spot = cursor.spot
    found: dict[str, Offer] = {}
    typed = spot.before
    formula = formula_of(spot)
    if formula is not None:
        word = WORD.search(formula)
        typed = word[0] if word else ""
        offered = _names(cursor)
    elif spot.is_key:
        offered = _keys(cursor, spot.path[:-1])
    else:
        offered = _values(document, cursor)
    for offer in offered:
        found.setdefault(offer.label, offer)
    return Offers(column - len(typed), tuple(found.values()))


def _beginning(document: Document, line: int) -> tuple[Offer, ...]:
    """The keys of a file in which nothing stands yet."""
    before = document.text.split("\n")[:line]
    if "".join(before).strip():
        return ()
    return tuple(Offer(k, "key", text) for k, text in grammar.keys({}, ()).items())


def formula_of(spot: Spot) -> str | None:
    """The formula that the cursor is in, up to it; None outside of one."""
    if spot.is_key:
        _, brace, text = spot.before.rpartition("{")
        return text if brace and "}" not in text else None
    return spot.before[1:] if spot.before.startswith("=") else None


def _names(cursor: Cursor) -> Iterator[Offer]:
    """What a formula at the cursor may name."""
    seen, block = cursor.sights.names(cursor.spot.raw, cursor.spot.path)
    params = {**cursor.unit.params, **(block.params if block else {})}
    counters = {outer.counter: outer for outer in seen.repeats}
    for name in sorted(seen.names):
        if name in counters:
            yield Offer(name, "counter", f"Counts the instances of {counters[name]}.")
        elif name in params:
            yield Offer(name, "param", declared(params[name]))
        else:
            yield Offer(name, "size", "A size of what is read.")
    yield from (Offer(name, "function") for name in FUNCTIONS)
    yield from (Offer(name, "value") for name in CONSTANTS)


def _keys(cursor: Cursor, path: Path) -> Iterator[Offer]:
    """Keys that the mapping at a path may have, and doesn't have yet."""
    spot = cursor.spot
    there = spot.value(path)
    own = spot.path[-1] if spot.is_key else None
    taken = {key for key in there if key != own} if isinstance(there, dict) else set()
    for offer in (*_arguments(cursor, path), *_schema_keys(cursor, path)):
        if offer.label not in taken:
            yield offer
    if len(path) == 1 and cursor.unit.extends and path[0] in REPLACED:
        yield from _inherited(cursor, str(path[0]), taken)


def _schema_keys(cursor: Cursor, path: Path) -> Iterator[Offer]:
    found = grammar.keys(cursor.spot.raw, path)
    there = cursor.spot.value(path)
    kinds = [k for k in KINDS if isinstance(there, dict) and there.get(k) is not None]
    # What only an op has comes before what every node has.
    common = NODE if "repeat" in found else {}
    for key in sorted(found, key=lambda key: key in common):
        # A node is of one kind.
        if not (kinds and key in KINDS and "op" in found and key not in kinds):
            yield Offer(key, "key", found[key])


def _inherited(cursor: Cursor, part: str, taken: set[str]) -> Iterator[Offer]:
    """Entries of the base file, which may be replaced."""
    base = getattr(cursor.unit, part)
    entries = base.items if part == "graph" else base
    for name, entry in (entries or {}).items():
        at = entry.key if isinstance(entry, Param) else entry.at
        if name not in taken and at.file != cursor.unit.file:
            told = declared(entry) if isinstance(entry, Param) else f"As in {at}."
            yield Offer(name, "key", told)


def _arguments(cursor: Cursor, path: Path) -> Iterator[Offer]:
    """The params of the block or the spec that a node names."""
    for name, param in arguments_of(cursor, path).items():
        yield Offer(name, "argument", declared(param))


def arguments_of(cursor: Cursor, path: Path) -> Mapping[str, Param]:
    """The params of what the node at a path names, if that is a block or a spec."""
    node = cursor.spot.value(path)
    if not isinstance(node, dict):
        return {}
    target = node.get("block")
    if isinstance(target, str) and target in cursor.unit.blocks:
        return cursor.unit.blocks[target].params
    found = named(cursor, node.get("spec"))
    return found.params if found else {}


def named(cursor: Cursor, name: object) -> Unit | None:
    """The file that `extends` or `spec` names, if it can be read."""
    if not isinstance(name, str):
        return None
    try:
        return cursor.files.named(name, cursor.spot.at)
    except ArchspecError:
        return None


def _values(document: Document, cursor: Cursor) -> Iterator[Offer]:
    """What may stand for the value at the cursor."""
    spot = cursor.spot
    key = next((k for k in reversed(spot.path) if isinstance(k, str)), "")
    inside = VALUES.get(key)
    if inside is not None and _is_of_node(spot):
        yield from inside(cursor)
    top = str(spot.path[0])
    if len(spot.path) == 2 and top in ("taps", "outputs"):
        yield from _paths(document, spot.before)
    elif "outputs" in spot.path[-2:-1] and top == "blocks":
        block = cursor.unit.blocks.get(str(spot.path[1]))
        yield from _children(block) if block else ()
    if spot.alone:
        yield from _keys(cursor, spot.path)
    kind = "op" if key not in ("extends", "spec") else "net"
    for value, text in grammar.values(spot.raw, spot.path).items():
        yield Offer(value, kind if text else "value", text)


def _is_of_node(spot: Spot) -> bool:
    """Whether the key at the cursor is one of a node."""
    way = [step for step in spot.path if isinstance(step, str)]
    return "graph" in way[:-1]


def _sources(cursor: Cursor) -> Iterator[Offer]:
    """What a node may read: inputs of the scope, and the nodes above it."""
    view = cursor.sights.view(cursor.spot.raw, cursor.spot.path)
    if view is None:
        return
    sight = view.sight
    for name in reversed([*sight.nodes]):
        statement = sight.graph.items.get(name)
        for output in _outputs(cursor, statement, sight.nodes[name]):
            full = f"{name}.{output}" if output else name
            yield Offer(full, "node", told(statement) if statement else "")
    yield from (Offer(name, "input", "An input of the scope.") for name in sight.inputs)


def _outputs(
    cursor: Cursor, statement: Statement | None, known: object
) -> tuple[str, ...]:
    """The names of a node's outputs; those of a spec are its file's."""
    if isinstance(known, tuple):
        return known
    if statement is None:
        return ()
    found = named(cursor, statement.target) if statement.kind == "spec" else None
    if found is None:
        return ("",)
    return tuple(found.taps if statement.keys.taps else found.outputs) or ("",)


def _blocks(cursor: Cursor) -> Iterator[Offer]:
    for name, block in cursor.unit.blocks.items():
        yield Offer(name, "block", described(block))


def _children(block: Block) -> Iterator[Offer]:
    """The nodes of a block, which its outputs name."""
    for statement in block.graph.items.values():
        name = statement.keys.name or statement.key
        yield Offer(name, "node", told(statement))


def _paths(document: Document, typed: str) -> Iterator[Offer]:
    """Paths of the whole net, one step further than what is typed."""
    if document.net is None:
        unit = document.written()
        yield from _children(unit.block()) if unit.graph else ()
        return
    depth = typed.count(".") + 1
    for name, row in document.net.rows.items():
        steps = name.split(".")
        if len(steps) <= depth and name.startswith(typed.rpartition(".")[0]):
            yield Offer(name, "node", f"{row.what}, {by(row.shape)}")


VALUES: dict[str, Callable[[Cursor], Iterator[Offer]]] = {
    "from": _sources,
    "block": _blocks,
}
"""What a key of a node takes beyond the schema."""


def by(shape: tuple[int, ...]) -> str:
    """A shape in words."""
    return " x ".join(map(str, shape))


def told(statement: Statement) -> str:
    """What a node is, in a word or two."""
    if statement.kind == "graph":
        return "a nested graph"
    return f"{statement.kind} {statement.target}"


def declared(param: Param) -> str:
    """A param's type, and its default if it has one."""
    if param.required or not param.type:
        return f"{param.type or 'null'}, required"
    return f"{param.type}, default {flow(param.default)}"


def described(block: Block) -> str:
    """A block's description, or what it takes."""
    return block.description or f"Takes {', '.join(block.params) or 'nothing'}."

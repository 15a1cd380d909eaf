"""What a node names, an op or a block, and whether it reads what that wants."""

from __future__ import annotations

from typing import Any

from archspec.errors import Location, SpecError, nearest, shown
from archspec.language.reader import Map, locate
from archspec.language.syntax import Block, Statement, Unit
from archspec.ops import BY_KIND, Op


def op_of(unit: Unit, kind: Any, at: Location) -> type[Op]:
    """The class of an op; SpecError for what is none."""
    if isinstance(kind, str) and kind in BY_KIND:
        return BY_KIND[kind]
    hint = nearest(str(kind), BY_KIND) or "`archspec ops` names them all"
    if kind in unit.blocks:
        hint = f"a block is written {{block: {kind}}}"
    raise SpecError(f"there is no op {shown(kind)}", code="AS205", at=at, hint=hint)


def block_of(unit: Unit, name: str, at: Location) -> Block:
    """A block of a file; SpecError for what is none."""
    if name in unit.blocks:
        return unit.blocks[name]
    known = ", ".join(unit.blocks) or "none"
    hint = nearest(name, unit.blocks) or f"the file's blocks: {known}"
    if name in BY_KIND:
        hint = f"an op is written {{op: {name}}}"
    raise SpecError(f"there is no block {name!r}", code="AS309", at=at, hint=hint)


def check_arity(op: type[Op], statement: Statement, found: int) -> None:
    """Raises SpecError when an op reads more or fewer values than it can."""
    least, most = op.arity
    if least <= found and (most is None or found <= most):
        return
    wanted = f"{least} to {most}" if most else f"at least {least}"
    wanted = str(least) if least == most else wanted
    raise SpecError(
        f"{op.kind} reads {wanted} value{'' if wanted == '1' else 's'}, found {found}",
        code="AS317",
        at=statement.place("from"),
        hint="`from` names them" if found < least else None,
    )


def check_inputs(block: Block, statement: Statement, found: int) -> None:
    """Raises SpecError when a block, a graph or a file reads too few or too many."""
    count = len(block.inputs)
    if count != found:
        values = "1 value" if count == 1 else f"{count} values"
        raise SpecError(
            f"{block} reads {values} ({', '.join(block.inputs)}), found {found}",
            code="AS317",
            at=statement.place("from"),
        )


def attribute_place(
    unit: Unit, kind: str, statement: Statement | None, key: str, *path: str
) -> Location:
    """Where an op's attribute stands: at the node, or among the file's defaults."""
    unknown = key not in BY_KIND[kind].model_fields
    if statement and key in statement.attributes:
        return statement.place(key, *path, key=unknown)
    entry = unit.default(kind).get(key)
    if entry is None:
        return statement.at if statement else unit.defaults[kind].key
    if path and isinstance(entry.value, Map):
        return locate(entry.value, path)
    return entry.key if unknown else entry.at

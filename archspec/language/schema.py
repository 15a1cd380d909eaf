"""The keys of a spec file, checked with pydantic; formulas stay as they are.

What stands under an op's name is checked later, by the op's own class, when formulas
have values.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from archspec.errors import Collector, Location, SpecError, SpecErrors, nearest, shown
from archspec.language.params import TYPES, is_type, type_of
from archspec.language.reader import Map, Seq, locate
from archspec.language.syntax import (
    KINDS,
    Block,
    BlockKeys,
    Entry,
    ExpectKeys,
    FileKeys,
    NodeKeys,
    Param,
    ParamKeys,
    Statement,
    Statements,
    Unit,
    bare,
    keys_of,
)

EXPECTED = {
    "from": "the name of a node, or a list of names",
    "when": "true, false or a formula",
    "repeat": "a whole number or a formula",
    "require": "a formula for each condition",
}
"""What a key takes, where the types don't say it."""

WORDS = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "dict_type": "a mapping",
    "list_type": "a list",
    "model_type": "a mapping",
}
"""What pydantic expected, by its type of error, in the language's words."""


def unit(raw: Map, file: str) -> Unit:
    """The contents of a file; SpecErrors names every key that is wrong."""
    keys: FileKeys = _checked(FileKeys, raw)
    errors = Collector()
    if isinstance(raw.get("expect"), Map):
        errors.keep(_checked, ExpectKeys, raw["expect"])
    params = errors.keep(_params, raw.get("params"), "")
    blocks = {name: errors.keep(_block, name, raw["blocks"]) for name in keys.blocks}
    graph = None
    if keys.graph is not None:
        graph = errors.keep(_graph, keys.graph, locate(raw, ("graph",)), True)
    errors.end()
    defaults = {
        op: entry._replace(value=entry.value and _entries(entry.value))
        for op, entry in _entries(raw.get("defaults")).items()
    }
    named = ("require", "inputs", "outputs", "taps", "expect")
    return Unit(
        file=file,
        keys=keys,
        at=locate(raw, ("name",)),
        extends=_entries(raw).get("extends"),
        params=params or {},
        preprocessing=keys.preprocessing,
        defaults=defaults,
        blocks={name: block for name, block in blocks.items() if block},
        graph=graph,
        **{name: _entries(raw.get(name)) for name in named},
    )


def _entries(raw: Any) -> dict[str, Any]:
    return {
        key: Entry(value, locate(raw, (key,)), locate(raw, (key,), key=True))
        for key, value in (raw or {}).items()
    }


def _params(raw: Map | None, absent: str) -> dict[str, Param]:
    """Declared params; `absent` is the type that null stands for."""
    errors, found = Collector(), {}
    for name, entry in _entries(raw).items():
        found[name] = errors.keep(_param, entry, absent)
    errors.end()
    return {name: param for name, param in found.items() if param}


def _param(entry: Entry, absent: str) -> Param:
    raw = entry.value
    if is_type(raw):
        return Param(None, entry.at, entry.key, raw, typed=True, required=True)
    if not isinstance(raw, Map):
        type_ = absent if raw is None else type_of(raw)
        return Param(raw, entry.at, entry.key, type_)
    keys: ParamKeys = _checked(ParamKeys, raw)
    if not is_type(keys.type):
        raise SpecError(
            f"a type is {', '.join(TYPES)}, or several as 'int or str', "
            f"found {shown(keys.type)}",
            code="AS203",
            at=locate(raw, ("type",)),
            hint=nearest(keys.type, TYPES),
        )
    at, required = locate(raw, ("default",)), "default" not in raw
    return Param(keys.default, at, entry.key, keys.type, True, required)


def _block(name: str, blocks: Map) -> Block:
    raw, at = blocks[name], locate(blocks, (name,), key=True)
    if raw is None:
        return Block("block", name, at, {}, ("input",), None, {})
    keys: BlockKeys = _checked(BlockKeys, raw)
    errors = Collector()
    params = errors.keep(_params, raw.get("params"), "any")
    graph = errors.keep(_graph, keys.graph, locate(raw, ("graph",)))
    errors.end()
    inputs, outputs = tuple(keys.inputs) or ("input",), _entries(raw.get("outputs"))
    return Block("block", name, at, params or {}, inputs, graph, outputs)


def _graph(raw: Any, at: Location, removable: bool = False) -> Statements:
    if not isinstance(raw, Map | Seq):
        raise SpecError(
            f"a graph is a mapping or a list, found {shown(raw)}", code="AS203", at=at
        )
    if not raw and not removable:
        raise no_node(at)
    listed = isinstance(raw, Seq)
    errors, removed = Collector(), {}
    found: dict[str, Statement | None] = {}
    for key, value in enumerate(raw) if isinstance(raw, Seq) else raw.items():
        place = locate(raw, (key,), key=not listed)
        if value is None and removable and not listed:
            removed[str(key)] = place
            continue
        value_at = locate(raw, (key,))
        found[str(key)] = errors.keep(
            _statement, str(key), value, place, value_at, listed
        )
    errors.end()
    statements = {key: statement for key, statement in found.items() if statement}
    return Statements(listed, statements, at, removed)


def no_node(at: Location) -> SpecError:
    """The error for a graph without a node."""
    return SpecError("a graph has at least one node", code="AS202", at=at)


def _statement(
    key: str, raw: Any, at: Location, value_at: Location, listed: bool
) -> Statement:
    if isinstance(raw, str):
        return Statement(key, at, "op", raw, bare(), {}, None, None, value_at, listed)
    if not isinstance(raw, Map):
        raise SpecError(
            f"a node is a name or a mapping, found {shown(raw)}",
            code="AS203",
            at=value_at,
        )
    keys: NodeKeys = _checked(NodeKeys, raw)
    kinds = [kind for kind in KINDS if raw.get(kind) is not None]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none of them"
        close = ((key, nearest(key, KINDS)) for key in raw)
        guess = (f"found the key {key!r}; {hint}" for key, hint in close if hint)
        raise SpecError(
            f"a node has exactly one of op, block, graph and spec, found {found}",
            code="AS204",
            at=at if not kinds else locate(raw, (kinds[1],), key=True),
            hint=None if kinds else next(guess, None),
        )
    (kind,) = kinds
    attributes = {key: raw[key] for key in keys.model_extra or {}}
    _refuse_strange(kind, raw, attributes, listed)
    nested = None
    if kind == "graph":
        graph = _graph(keys.graph, locate(raw, ("graph",)))
        nested = Block(kind, keys.name or key, at, {}, ("input",), graph, {})
    return Statement(
        key, at, kind, raw[kind], keys, attributes, nested, raw, value_at, listed
    )


def _refuse_strange(kind: str, raw: Map, attributes: Any, listed: bool) -> None:
    """Raises SpecError for a key that can't stand beside the others."""
    strange = [
        ("from", listed, "a list is a chain, its nodes take no `from`; name them"),
        ("name", not listed, "only an entry of a list takes a `name`"),
        ("index", "repeat" not in raw, "`index` names the counter of a `repeat`"),
        ("inline", kind == "op", "an op has no children to inline"),
        ("taps", kind != "spec", "`taps` makes the taps of a `spec` its outputs"),
    ]
    strange += [
        (k, kind == "graph", "a nested graph has no attribute") for k in attributes
    ]
    for key, wrong, message in strange:
        if wrong and raw.get(key, False) is not False:
            raise SpecError(
                f"{message}, found {key!r}",
                code="AS211",
                at=locate(raw, (key,), key=True),
                hint=nearest(key, keys_of(NodeKeys)) if key in attributes else None,
            )


def _checked(model: type[BaseModel], raw: Map) -> Any:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise _problems(error, raw, tuple(keys_of(model))) from None


def _problems(error: ValidationError, raw: Map, keys: tuple[str, ...]) -> SpecErrors:
    """Pydantic's findings as errors with a place; `keys` are the known ones."""
    found: list[SpecError] = []
    wrong: dict[tuple[Any, ...], list[str]] = {}
    values: dict[tuple[Any, ...], Any] = {}
    for item in error.errors():
        path = _in_text(raw, item["loc"])
        key = str(item["loc"][-1])
        if item["type"] == "extra_forbidden":
            hint = nearest(key, keys) or "known are " + ", ".join(keys)
            at = locate(raw, path, key=True)
            found.append(
                SpecError(f"unknown key {key!r}", code="AS201", at=at, hint=hint)
            )
        elif item["type"] == "missing":
            found.append(
                SpecError(f"the key {key!r} is missing", code="AS202", at=raw.at)
            )
        else:
            message = item["msg"].removeprefix("Input should be ")
            wrong.setdefault(path, []).append(WORDS.get(item["type"], message))
            values[path] = item["input"]
    for path, words in wrong.items():
        name = ".".join(map(str, path))
        wanted = EXPECTED.get(str(path[0])) or " or ".join(dict.fromkeys(words))
        found.append(
            SpecError(
                f"{name} must be {wanted}, found {shown(values[path])}",
                code="AS203",
                at=locate(raw, path),
            )
        )
    return SpecErrors(found)


def _in_text(raw: Any, steps: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The part of pydantic's path that is in the text; the rest names its types."""
    path: list[int | str] = []
    for step in steps:
        listed = isinstance(raw, Seq) and isinstance(step, int) and step < len(raw)
        if listed or (isinstance(raw, Map) and step in raw):
            path.append(step)
            raw = raw[step]
        if not isinstance(raw, Map | Seq):
            break
    return tuple(path)

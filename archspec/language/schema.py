"""The keys of a spec file, checked with pydantic; formulas stay as they are.

What stands under an op's name is checked later, by the op's own class, when formulas
have values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

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
    WeightsKeys,
    bare,
    keys_of,
)

T = TypeVar("T")

EXPECTED = {
    "from": "the name of a node, or a list of names",
    "when": "true, false or a formula",
    "repeat": "a whole number or a formula",
    "require": "a formula for each condition",
    "url": "an address that ends in .pth, .safetensors or .h5",
    "hash": "8 to 64 hex digits in lower case, in quotes",
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
    errors = Collector()
    try:
        made = collected(raw, file, errors)
    except RecursionError:
        message = "graphs nest deeper than Python follows"
        raise SpecError(message, code="AS121", at=raw.at) from None
    errors.end()
    return made


def collected(raw: Map, file: str, errors: Collector) -> Unit:
    """What is right of a file; SpecErrors for keys of its own that are wrong."""
    keys: FileKeys = _checked(FileKeys, raw)
    for part, model in (("expect", ExpectKeys), ("weights", WeightsKeys)):
        if raw.get(part):
            errors.keep(_checked, model, raw[part])
    entries = {key: entries_of(raw.get(key)) for key in keys_of(FileKeys)}
    graph = None
    if keys.graph is not None:
        entry = entries_of(raw)["graph"]
        graph = errors.keep(graph_of, entry, errors, removable=True)
    return Unit(
        file=file,
        keys=keys,
        at=locate(raw, ("name",)),
        extends=entries_of(raw).get("extends"),
        params=params_of(entries["params"], errors, of_file=True),
        preprocessing=keys.preprocessing,
        defaults={
            op: entry._replace(value=entry.value and entries_of(entry.value))
            for op, entry in entries["defaults"].items()
        },
        blocks=_kept(errors, block, entries["blocks"], errors),
        graph=graph,
        family=keys.title or keys.name,
        **{k: entries[k] for k in ("require", "inputs", "outputs", "taps", "expect")},
    )


def entries_of(raw: Any) -> dict[str, Entry]:
    """What stands in a mapping or a list, with its places; nothing in anything else."""
    items: Any = enumerate(raw) if isinstance(raw, Seq) else ()
    return {
        str(key): Entry(value, locate(raw, (key,)), locate(raw, (key,), key=True))
        for key, value in (raw.items() if isinstance(raw, Map) else items)
    }


def _kept(
    errors: Collector,
    step: Callable[..., T],
    entries: Mapping[str, Entry],
    *args: Any,
) -> dict[str, T]:
    """What a step makes of every entry, as far as it succeeds."""
    found = {k: errors.keep(step, k, entry, *args) for k, entry in entries.items()}
    return {key: made for key, made in found.items() if made is not None}


def params_of(
    entries: Mapping[str, Entry], errors: Collector, *, of_file: bool = False
) -> dict[str, Param]:
    """Declared params; null removes one of a file, and is any value of a block's."""
    return _kept(errors, _param, entries, of_file)


def _param(name: str, entry: Entry, of_file: bool) -> Param:
    raw, at, key = entry
    if is_type(raw):
        return Param(None, at, key, raw, typed=True, required=True)
    if not isinstance(raw, Map):
        removes = of_file and raw is None
        return Param(raw, at, key, "" if removes else type_of(raw))
    keys: ParamKeys = _checked(ParamKeys, raw)
    fixed, required = keys.fixed, "default" not in raw
    if fixed and not of_file:
        message = "only a file's params can be fixed, not a block's"
        raise SpecError(message, code="AS211", at=locate(raw, ("fixed",), key=True))
    if "type" not in raw and required:
        raise SpecError("a param has a type or a default", code="AS202", at=key)
    if "type" not in raw:
        at = locate(raw, ("default",))
        return Param(keys.default, at, key, type_of(keys.default), fixed=fixed)
    if not is_type(keys.type):
        wanted = f"a type is {', '.join(TYPES)}, or several as 'int or str'"
        message, at = f"{wanted}, found {shown(keys.type)}", locate(raw, ("type",))
        raise SpecError(message, code="AS203", at=at, hint=nearest(keys.type, TYPES))
    at = locate(raw, ("default",))
    return Param(keys.default, at, key, keys.type, True, required, fixed)


def block(name: str, entry: Entry, errors: Collector) -> Block:
    raw, at = entry.value, entry.key
    if raw is None:
        return Block("block", name, at, {}, ("input",), None, {})
    keys: BlockKeys = _checked(BlockKeys, raw)
    graph = graph_of(entries_of(raw)["graph"], errors)
    params = params_of(entries_of(raw.get("params")), errors)
    inputs, outputs = tuple(keys.inputs) or ("input",), entries_of(raw.get("outputs"))
    told = keys.description
    return Block("block", name, at, params, inputs, graph, outputs, told)


def graph_of(entry: Entry, errors: Collector, *, removable: bool = False) -> Statements:
    raw, at, _ = entry
    if not isinstance(raw, Map | Seq):
        message = f"a graph is a mapping or a list, found {shown(raw)}"
        raise SpecError(message, code="AS203", at=at)
    if not raw and not removable:
        raise no_node(at)
    listed, entries, removed = isinstance(raw, Seq), entries_of(raw), {}
    if removable and not listed:
        removed = {k: entry.key for k, entry in entries.items() if entry.value is None}
    given = {key: entry for key, entry in entries.items() if key not in removed}
    items = _kept(errors, statement, given, listed, errors)
    aliases = [s for s in items.values() if s.keys.alias is not None]
    if listed and 0 < len(aliases) < len(given):
        message = "in a list every node has an alias, or none has"
        errors.report(SpecError(message, code="AS211", at=aliases[0].at))
    return Statements(listed, items, at, removed)


def no_node(at: Location) -> SpecError:
    """The error for a graph without a node."""
    return SpecError("a graph has at least one node", code="AS202", at=at)


def statement(key: str, entry: Entry, listed: bool, errors: Collector) -> Statement:
    raw, at, key_at = entry
    if isinstance(raw, str):
        return Statement(key, entry, listed, "op", raw, bare(), {}, None)
    if not isinstance(raw, Map):
        message = f"a node is a name or a mapping, found {shown(raw)}"
        raise SpecError(message, code="AS203", at=at)
    keys: NodeKeys = _checked(NodeKeys, raw)
    kinds = [kind for kind in KINDS if raw.get(kind) is not None]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none of them"
        close = ((key, nearest(key, KINDS)) for key in raw)
        guess = (f"found the key {key!r}; {hint}" for key, hint in close if hint)
        raise SpecError(
            f"a node has exactly one of op, block, graph and spec, found {found}",
            code="AS204",
            at=locate(raw, (kinds[1],), key=True) if kinds else key_at,
            hint=None if kinds else next(guess, None),
        )
    (kind,) = kinds
    attributes = {key: raw[key] for key in keys.model_extra or {}}
    _refuse_strange(kind, raw, keys, listed, "{" in key)
    nested = None
    if kind == "graph":
        graph = graph_of(entries_of(raw)["graph"], errors)
        nested = Block(kind, keys.name or key, key_at, {}, ("input",), graph, {})
    return Statement(key, entry, listed, kind, raw[kind], keys, attributes, nested)


def _refuse_strange(
    kind: str, raw: Map, keys: NodeKeys, listed: bool, braced: bool
) -> None:
    """Raises SpecError for a key that can't stand beside the others."""
    attributes = keys.model_extra or {}
    strange = [
        ("from", listed, "a list is a chain, its nodes take no `from`; name them"),
        ("name", not listed, "only an entry of a list takes a `name`"),
        ("index", "repeat" not in raw, "`index` names the counter of a `repeat`"),
        ("inline", kind == "op" and keys.inline, "an op has nothing to inline"),
        ("taps", kind != "spec", "`taps` makes the taps of a `spec` its outputs"),
        ("alias", keys.inline, "what is inlined has no name, and so no alias"),
        (
            "alias",
            "repeat" in raw and not (listed or braced),
            "only braces in its own name give an instance of a `repeat` one of its own",
        ),
        *((k, kind == "graph", "a nested graph has no attribute") for k in attributes),
    ]
    for key, wrong, message in strange:
        if wrong and key in raw:
            at, message = locate(raw, (key,), key=True), f"{message}, found {key!r}"
            hint = nearest(key, keys_of(NodeKeys)) if key in attributes else None
            raise SpecError(message, code="AS211", at=at, hint=hint)


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
    items = error.errors()
    strange = [str(i["loc"][-1]) for i in items if i["type"] == "extra_forbidden"]
    for item in items:
        path = _in_text(raw, item["loc"])
        key = str(item["loc"][-1])
        if item["type"] == "extra_forbidden":
            hint = nearest(key, keys) or "known are " + ", ".join(keys)
            at = locate(raw, path, key=True)
            message = f"unknown key {key!r}"
            found.append(SpecError(message, code="AS201", at=at, hint=hint))
        elif item["type"] == "missing":
            # One that is only misspelled isn't missing too.
            if not any(nearest(other, [key]) for other in strange):
                message = f"the key {key!r} is missing"
                found.append(SpecError(message, code="AS202", at=raw.at))
        else:
            message = item["msg"].removeprefix("Input should be ")
            wrong.setdefault(path, []).append(WORDS.get(item["type"], message))
            values[path] = item["input"]
    for path, words in wrong.items():
        name = ".".join(map(str, path))
        wanted = EXPECTED.get(str(path[0])) or " or ".join(dict.fromkeys(words))
        message = f"{name} must be {wanted}, found {shown(values[path])}"
        found.append(SpecError(message, code="AS203", at=locate(raw, path)))
    return SpecErrors(found)


def _in_text(raw: Any, steps: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The part of pydantic's path that is in the text; the rest names its types."""
    path: list[int | str] = []
    for step in steps:
        listed = isinstance(raw, Seq) and isinstance(step, int) and step < len(raw)
        if listed or (isinstance(raw, Map) and step in raw):
            path.append(step)
            raw = raw[step]
    return tuple(path)

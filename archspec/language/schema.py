"""The keys of a spec file, checked with pydantic; formulas stay as they are.

What stands under an op's name is checked later, by the op's own class, when formulas
have values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from archspec.errors import Location, SpecError, SpecErrors, nearest
from archspec.language.reader import Map, Seq, locate
from archspec.language.written import (
    Block,
    Body,
    Defaults,
    Entry,
    Statement,
    Unit,
)

KINDS = ("op", "block", "graph", "spec")
ABSENT: Any = None
"""The default of a key that null is no value for."""


class Strict(BaseModel):
    """A mapping of the language: no unknown keys, no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class FileKeys(Strict):
    """The keys of a file."""

    archspec: Literal[1]
    name: str
    title: str = ""
    description: str = ""
    source: str = ""
    publisher: str = ""
    extends: str = ABSENT
    params: dict[str, Any] = {}
    require: dict[str, str | None] = {}
    preprocessing: dict[str, Any] = {}
    inputs: dict[str, Any] = {}
    defaults: dict[str, dict[str, Any] | None] = {}
    blocks: dict[str, dict[str, Any] | None] = {}
    graph: Any = None
    outputs: dict[str, Any] = {}
    taps: dict[str, Any] = {}
    expect: dict[str, Any] = {}


class ExpectKeys(Strict):
    """What a file may expect of its graph; see `archspec.spec.unexpected`."""

    params: int = ABSENT
    buffers: int = ABSENT
    macs: int = ABSENT
    output: list[int] | dict[str, list[int]] = ABSENT


class BlockKeys(Strict):
    """The keys of a block."""

    params: dict[str, Any] = {}
    inputs: list[str] = []
    graph: Any
    outputs: dict[str, Any] = {}


class NodeKeys(BaseModel):
    """The keys of a node beside its attributes; a formula may stand for most."""

    model_config = ConfigDict(extra="allow", strict=True, defer_build=True)

    op: str | None = None
    block: str | None = None
    graph: Any = None
    spec: str | None = None
    from_: str | int | list[Any] | None = Field(default=None, alias="from")
    when: bool | str = True
    repeat: int | str | None = None
    index: str = ABSENT
    inline: bool = False
    name: str | None = None
    taps: bool = False


RESERVED = frozenset(
    (*KINDS, "from", "when", "repeat", "index", "inline", "name", "taps", "input")
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


def problems(error: ValidationError, raw: Map, keys: tuple[str, ...]) -> SpecErrors:
    """Pydantic's findings as errors with a place; `keys` are the known ones."""
    found: list[SpecError] = []
    wrong: dict[tuple[Any, ...], list[str]] = {}
    values: dict[tuple[Any, ...], Any] = {}
    for item in error.errors():
        path = _written(raw, item["loc"])
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


def _written(raw: Any, steps: tuple[int | str, ...]) -> tuple[int | str, ...]:
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


def shown(value: Any) -> str:
    """A value as a message shows it, cut to a line."""
    text = (
        {True: "true", False: "false", None: "null"}.get(value)
        if isinstance(value, bool | None)
        else repr(_listed(value))
    )
    text = text or ""
    return text if len(text) <= 60 else text[:57] + "..."


def _listed(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_listed(item) for item in value]
    return value


def _check(model: type[BaseModel], raw: Map) -> Any:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        names = tuple(f.alias or name for name, f in model.model_fields.items())
        raise problems(error, raw, names) from None


def _entries(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, Map):
        return {}
    return {
        key: Entry(value, locate(raw, (key,)), locate(raw, (key,), key=True))
        for key, value in raw.items()
    }


def unit(raw: Map, file: str) -> Unit:
    """The contents of a file; SpecErrors names every key that is wrong."""
    keys: FileKeys = _check(FileKeys, raw)
    errors: list[SpecError] = []
    blocks: dict[str, Block] = {}
    if isinstance(raw.get("expect"), Map):
        _check(ExpectKeys, raw["expect"])
    for name in keys.blocks:
        try:
            blocks[name] = _block(name, raw["blocks"])
        except SpecErrors as error:
            errors.extend(e for e in error.errors if isinstance(e, SpecError))
    graph: Body | None = None
    if keys.graph is not None:
        try:
            graph = _graph(keys.graph, locate(raw, ("graph",)), removable=True)
        except SpecErrors as error:
            errors.extend(e for e in error.errors if isinstance(e, SpecError))
    if errors:
        raise SpecErrors(errors)
    extends = _entries(raw).get("extends")
    return Unit(
        file=file,
        name=keys.name,
        at=locate(raw, ("name",)),
        title=keys.title,
        description=keys.description,
        source=keys.source,
        publisher=keys.publisher,
        extends=extends,
        params=_entries(raw.get("params")),
        require=_entries(raw.get("require")),
        preprocessing=keys.preprocessing,
        inputs=_entries(raw.get("inputs")),
        defaults={
            op: Defaults(
                None if values is None else _entries(values),
                locate(raw["defaults"], (op,), key=True),
            )
            for op, values in (raw.get("defaults") or {}).items()
        },
        blocks=blocks,
        graph=graph,
        outputs=_entries(raw.get("outputs")),
        taps=_entries(raw.get("taps")),
        expect=_entries(raw.get("expect")),
    )


def _block(name: str, blocks: Map) -> Block:
    raw, at = blocks[name], locate(blocks, (name,), key=True)
    if raw is None:
        return Block(name, at, {}, ("input",), None, {})
    keys: BlockKeys = _check(BlockKeys, raw)
    return Block(
        name=name,
        at=at,
        params=_entries(raw.get("params")),
        inputs=tuple(keys.inputs) or ("input",),
        value=_graph(keys.graph, locate(raw, ("graph",))),
        outputs=_entries(raw.get("outputs")),
    )


def _graph(raw: Any, at: Location, *, removable: bool = False) -> Body:
    if not isinstance(raw, Map | Seq):
        raise SpecErrors(
            [
                SpecError(
                    f"a graph is a mapping or a list, found {shown(raw)}",
                    code="AS203",
                    at=at,
                )
            ]
        )
    listed = isinstance(raw, Seq)
    items = enumerate(raw) if isinstance(raw, Seq) else raw.items()
    statements: dict[str, Statement] = {}
    removed: dict[str, Location] = {}
    errors: list[SpecError] = []
    for key, value in items:
        place = locate(raw, (key,), key=not listed)
        if value is None and removable and not listed:
            removed[str(key)] = place
            continue
        try:
            statements[str(key)] = _statement(
                str(key), value, place, locate(raw, (key,)), listed
            )
        except SpecErrors as error:
            errors.extend(e for e in error.errors if isinstance(e, SpecError))
        except SpecError as error:
            errors.append(error)
    if errors:
        raise SpecErrors(errors)
    return Body(listed, statements, at, removed)


def _statement(
    key: str, raw: Any, at: Location, value_at: Location, listed: bool
) -> Statement:
    if isinstance(raw, str):
        return Statement(
            key=key,
            at=at,
            kind="op",
            target=raw,
            sources=None,
            when=True,
            repeat=None,
            counter=None,
            inline=False,
            name=None,
            taps=False,
            attributes={},
            raw=None,
            value_at=value_at,
            body=None,
            places={},
            decides=_decides(key, {"op": raw}),
        )
    if not isinstance(raw, Map):
        raise SpecError(
            f"a node is a name or a mapping, found {shown(raw)}",
            code="AS203",
            at=value_at,
        )
    keys: NodeKeys = _check(NodeKeys, raw)
    kinds = [kind for kind in KINDS if raw.get(kind) is not None]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none of them"
        raise SpecError(
            f"a node has exactly one of op, block, graph and spec, found {found}",
            code="AS204",
            at=at if not kinds else locate(raw, (kinds[1],), key=True),
            hint=None if kinds else _guess(raw),
        )
    if listed and "from" in raw:
        raise SpecError(
            "a list is a chain: its nodes take no `from`",
            code="AS211",
            at=locate(raw, ("from",), key=True),
            hint="write the graph as a mapping",
        )
    if not listed and "name" in raw and "name" not in (keys.model_extra or {}):
        raise SpecError(
            "only an entry of a list takes a `name`; here the key is the name",
            code="AS211",
            at=locate(raw, ("name",), key=True),
        )
    kind = kinds[0]
    body = None
    if kind == "graph":
        extra = list(keys.model_extra or {})
        if extra:
            raise SpecError(
                f"a nested graph takes no attributes, found {extra[0]!r}",
                code="AS211",
                at=locate(raw, (extra[0],), key=True),
                hint=nearest(extra[0], NodeKeys.model_fields),
            )
        body = _graph(keys.graph, locate(raw, ("graph",)))
    if keys.repeat is None and "index" in raw:
        raise SpecError(
            "`index` names the counter of a `repeat`, which this node has not",
            code="AS211",
            at=locate(raw, ("index",), key=True),
        )
    if kind != "spec" and "taps" in raw:
        raise SpecError(
            "`taps` makes the taps of a `spec` its outputs",
            code="AS211",
            at=locate(raw, ("taps",), key=True),
            hint="a block names its own with `outputs`",
        )
    return Statement(
        key=key,
        at=at,
        kind=kind,
        target=raw[kind],
        sources=keys.from_,
        when=keys.when,
        repeat=keys.repeat,
        counter=keys.index,
        inline=keys.inline,
        name=keys.name,
        taps=keys.taps,
        attributes={k: raw[k] for k in keys.model_extra or {}},
        raw=raw,
        value_at=value_at,
        body=body,
        places={},
        decides=_decides(key, raw, keys.model_extra or {}),
    )


def _guess(raw: Map) -> str | None:
    for key in raw:
        if close := nearest(key, KINDS):
            return f"found the key {key!r}; {close}"
    return None


def _decides(
    key: str, raw: Mapping[str, Any], given: Mapping[str, Any] = MappingProxyType({})
) -> tuple[tuple[str, frozenset[str]], ...]:
    """The formulas of a statement that no printed code ever says.

    `given` are its attributes.
    """
    said = [raw.get(kind) for kind in ("op", "block", "spec")]
    said += [value for value in given.values() if type(value) is Map]
    said += [f"={piece}" for piece in re.findall(r"\{([^{}]*)\}", key)]
    read = frozenset(_formulas([raw.get("from")]))
    found = (("", frozenset(_formulas(said))), (f"{key} from", read))
    return tuple((key, texts) for key, texts in found if texts)


def _formulas(values: list[Any]) -> Iterator[str]:
    """The formulas in raw values."""
    while values:
        value = values.pop()
        if isinstance(value, Mapping):
            values += value.values()
        elif isinstance(value, list | tuple):
            values += value
        elif isinstance(value, str) and value.startswith("="):
            yield value[1:].strip()

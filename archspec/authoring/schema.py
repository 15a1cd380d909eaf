"""A JSON Schema of the language for editors, made from the ops and the key tables.

It refuses what no formula can mend: unknown keys, ops and attributes, wrong types.
What needs values, names or shapes is left to `archspec validate`.
"""

from __future__ import annotations

import inspect
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter
from pydantic.fields import FieldInfo

from archspec.catalog import families
from archspec.language.files import Files
from archspec.language.params import OR, TYPES
from archspec.language.syntax import (
    KINDS,
    BlockKeys,
    ExpectKeys,
    FileKeys,
    NodeKeys,
    ParamKeys,
    WeightsKeys,
    keys_of,
)
from archspec.listing import nets
from archspec.ops import OPS, Op, Weighted
from archspec.ops.describe import expected, summary
from archspec.ops.init import BY_NAME, CONSTANTS

Json = dict[str, Any]

FILE = keys_of(FileKeys)
BLOCK = keys_of(BlockKeys)
PARAM = keys_of(ParamKeys)
NODE = keys_of(NodeKeys)
EXPECT = keys_of(ExpectKeys)
WEIGHTS = keys_of(WeightsKeys)
FORMULA: Json = {"type": "string", "pattern": "^="}


def schema() -> Json:
    """The schema, draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "description": "A neural network as one spec: archspec, version 1.",
        **_object(FileKeys, _file(), required=["archspec", "name"]),
        "anyOf": [{"required": ["extends"]}, {"required": ["inputs", "graph"]}],
        "$defs": {
            "formula": FORMULA,
            "kind": _kind(),
            "net": _net(),
            "scope": _scope("node", "entry"),
            "block": _object(BlockKeys, _block(), required=["graph"]),
            "param": _param(),
            "node": _node(listed=False),
            "entry": _node(listed=True),
            "initialiser": _initialiser(),
            **{op.kind: _op(op) for op in OPS},
        },
    }


def _object(model: type[BaseModel], types: Json, **more: Any) -> Json:
    """An object with exactly the keys of a model, each with its documentation.

    `types` are those for which the model's own say too little.
    """
    properties = _properties(model, types)
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        **more,
    }


def _properties(model: type[BaseModel], types: Json) -> Json:
    return {
        field.alias or name: {
            "description": field.description,
            **(types.get(field.alias or name) or _formulas(_types(field))),
        }
        for name, field in model.model_fields.items()
    }


def _map(values: Json) -> Json:
    return {"type": "object", "additionalProperties": values}


def _ref(name: str) -> Json:
    return {"$ref": f"#/$defs/{name}"}


def _or(*options: Json) -> Json:
    """One of these, or a formula; what is itself one of several is laid flat.

    The YAML language server shows the texts of alternatives that it can't tell apart
    as if all of them applied, so that each has an empty mapping of `properties`.
    """
    flat = [part for option in options for part in _alternatives(option)]
    return {"anyOf": [{"properties": {}, **part} for part in flat] + [_ref("formula")]}


def _alternatives(value: Json) -> list[Json]:
    found: list[Json] = value["anyOf"] if value.keys() == {"anyOf"} else [value]
    return found


def _file() -> Json:
    """What the keys of a file take, where the model says too little."""
    path = {"type": ["string", "integer", "null"]}
    size = {"anyOf": [{"type": "integer", "minimum": 1}, _ref("formula")]}
    defaults = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            op.kind: {"anyOf": [{"type": "null"}, _attributes(op, removable=True)]}
            for op in OPS
        },
    }
    shape = {"type": "array", "minItems": 1, "maxItems": 3, "items": size}
    return {
        "params": _map(_ref("param")),
        "extends": _ref("net"),
        "require": _map({"anyOf": [_ref("formula"), {"type": "null"}]}),
        "inputs": _map(_or(shape, {"type": "null"})),
        "defaults": defaults,
        "blocks": _map({"anyOf": [{"type": "null"}, _ref("block")]}),
        "graph": _scope("node", "entry", removable=True),
        "outputs": _map(path),
        "taps": _map(path),
        "weights": _object(WeightsKeys, {}, required=["url", "hash"]),
        "expect": _object(ExpectKeys, {}),
    }


def _block() -> Json:
    return {
        "params": _map(_ref("param")),
        "graph": _ref("scope"),
        "outputs": _map({"type": ["string", "integer"]}),
    }


def _param() -> Json:
    """A value, the name of a type, or a type with a default."""
    words = "|".join(TYPES)
    several = {"type": "string", "pattern": f"^({words})({OR}({words}))*$"}
    types = {"type": {"anyOf": [{"enum": [*TYPES]}, several]}}
    either = [{"required": ["type"]}, {"required": ["default"]}]
    told = _object(ParamKeys, types, anyOf=either)
    return {"if": {"type": "object"}, "then": told}


def _kind() -> Json:
    """The name of an op. Each is a constant of its own: an editor shows it alone."""
    named = [{"const": op.kind, "description": summary(op)} for op in OPS]
    return _or(*named)


def _net() -> Json:
    """A net or a family of the zoo, or a path."""
    told = {net.name: net.description for net in nets()}
    told |= {name: Files().open(name).keys.description for name in families()}
    known = [{"const": name, "description": text} for name, text in told.items()]
    return {"anyOf": [*known, {"type": "string"}]}


def _scope(node: str, entry: str, *, removable: bool = False) -> Json:
    """A mapping of nodes or a list of entries; at a file's top null removes one."""
    value = _ref(node)
    if removable:
        value = {**_suggested("kind"), "if": {"type": "null"}, "else": value}
    return {
        "if": {"type": "array"},
        "then": {"items": _ref(entry)},
        "else": _map(value),
    }


def _suggested(name: str) -> Json:
    """What refuses nothing: editors look for values to offer in `anyOf` only."""
    return {"anyOf": [_ref(name), {}]}


def _node_keys(*, listed: bool) -> Json:
    types = {
        "op": _ref("kind"),
        "block": {"type": "string"},
        "graph": _ref("scope"),
        "spec": _ref("net"),
        "from": {"type": ["string", "integer", "array"]},
        "when": _or({"type": "boolean"}),
        "repeat": _or({"type": "integer", "minimum": 0}),
        "name": {"type": "string"},
    }
    keys = _properties(NodeKeys, types)
    del keys["from" if listed else "name"]
    return keys


def _node(*, listed: bool) -> Json:
    """An op by its bare name, or a mapping whose kind decides what else it takes."""
    keys = _node_keys(listed=listed)
    wiring = [key for key in keys if key not in KINDS]
    plain = [key for key in wiring if key != "taps"]
    cases = [
        _case("op", {"const": op.kind}, ["op", *plain], closed=True, op=op)
        for op in OPS
    ]
    cases += [
        _case("op", _ref("formula"), ["op", *plain]),
        _case("block", {}, ["block", *plain]),
        _case("spec", {}, ["spec", *wiring]),
        _case("graph", {}, ["graph", *plain], closed=True),
    ]
    return {
        **_suggested("kind"),
        "if": {"type": "string"},
        "then": _ref("kind"),
        "else": {
            "type": "object",
            "oneOf": [{"required": [kind]} for kind in KINDS],
            "dependentRequired": {"index": ["repeat"]},
            "properties": keys,
            "allOf": cases,
        },
    }


def _case(
    kind: str,
    value: Json,
    keys: list[str],
    *,
    closed: bool = False,
    op: type[Op] | None = None,
) -> Json:
    """What a node of a kind takes: these keys, and params or the op's attributes."""
    allowed: Json = dict.fromkeys(keys, True)
    then: Json = {"properties": allowed}
    if op is not None:
        then = {**_ref(op.kind), **then}
        allowed.update(dict.fromkeys(op.model_fields, True), inline={"const": False})
    if closed:
        then["additionalProperties"] = False
    else:
        others = {*NODE, "op"}.difference(keys)
        allowed.update({key: False for key in NODE if key in others})
    return {
        # What is no mapping yet, as an entry that is being begun, lacks no key of one.
        "if": {"type": "object", "required": [kind], "properties": {kind: value}},
        "then": then,
    }


def _op(op: type[Op]) -> Json:
    return {"description": _unwrapped(op), **_attributes(op)}


def _unwrapped(documented: type) -> str:
    """A class's documentation without the breaks of its lines."""
    text = inspect.cleandoc(documented.__doc__ or "")
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _attributes(op: type[Op], *, removable: bool = False) -> Json:
    """The attributes of an op; whether one is missing is not a schema's to say."""
    properties = {}
    for name, field in op.model_fields.items():
        if issubclass(op, Weighted) and name == "init":
            types = _or(_inits(op))
        else:
            types = _or(_formulas(_types(field)))
        if removable:
            types["anyOf"].append({"type": "null"})
        text = expected(op, name)
        properties[name] = {"description": f"{text[:1].upper()}{text[1:]}.", **types}
        if not field.is_required() and field.default is not None:
            properties[name]["default"] = field.default
    closed = {"additionalProperties": False} if removable else {}
    return {"type": "object", "properties": properties, **closed}


def _types(field: FieldInfo) -> Json:
    """Pydantic's schema of one field, with its bounds."""
    whole: Any = Annotated[field.annotation, Field(), *field.metadata]
    return TypeAdapter(whole).json_schema()


def _inits(op: type[Weighted]) -> Json:
    if op.naming:
        return _map(_ref("initialiser"))
    names = dict.fromkeys(op.trained(), _ref("initialiser"))
    return {"type": "object", "additionalProperties": False, "properties": names}


def _formulas(value: Json) -> Json:
    """A schema of pydantic's in which formulas may stand in lists."""
    kept = {key: item for key, item in value.items() if key not in ("title", "default")}
    if "anyOf" in kept:
        options = [_formulas(item) for item in kept["anyOf"]]
        kept["anyOf"] = [item for item in options if item != {"type": "null"}]
    if "prefixItems" in kept:
        kept["prefixItems"] = [_or(_formulas(item)) for item in kept["prefixItems"]]
    return kept


def _initialiser() -> Json:
    """A number, a name, or one name with its arguments."""
    named = {}
    for name, init in BY_NAME.items():
        made = init.model_json_schema()
        named[name] = {
            "description": _unwrapped(init),
            "type": "object",
            "additionalProperties": False,
            "properties": {
                key: _or(_formulas(value)) for key, value in made["properties"].items()
            },
        }
    return _or(
        {"type": "number"},
        {"enum": [*(name for name in BY_NAME if name != "constant"), *CONSTANTS]},
        {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
            "properties": named,
        },
    )

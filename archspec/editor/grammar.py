"""What the JSON Schema of the language says of a place in a spec: keys and values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from archspec.authoring.schema import Json, schema
from archspec.editor.cursor import Path

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list, tuple),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}


@cache
def whole() -> Json:
    """The schema of a file."""
    return schema()


def keys(raw: Any, path: Path) -> dict[str, str]:
    """Keys that the mapping at a path may have, with what each means."""
    value = _value(raw, path)
    held = value if isinstance(value, dict) else {}
    found: dict[str, str] = {}
    denied: set[str] = set()
    closed: list[set[str]] = []
    for part in _parts(raw, path, held):
        named = part.get("properties")
        if not isinstance(named, Mapping):
            continue
        for key, told in named.items():
            if told is False or told == {"const": False}:  # as if it weren't there
                denied.add(key)
            elif isinstance(told, Mapping):
                found[key] = found.get(key) or str(told.get("description") or "")
        if part.get("additionalProperties") is False:
            closed.append(set(named))
    kept = [key for key in found if all(key in names for names in closed)]
    return {key: found[key] for key in kept if key not in denied}


def values(raw: Any, path: Path) -> dict[str, str]:
    """Constants that may stand at a path, with what each means."""
    found: dict[str, str] = {}
    for part in _parts(raw, path, ""):
        told = str(part.get("description") or "")
        options = [*part.get("enum", ()), *([part["const"]] if "const" in part else ())]
        for option in options:
            if isinstance(option, str):
                found.setdefault(option, told if "const" in part else "")
        if part.get("type") == "boolean":
            found |= {"true": "", "false": ""}
    return found


def meaning(raw: Any, path: Path) -> str:
    """What the value at a path means; empty where the schema doesn't say."""
    *way, last = path
    return keys(raw, tuple(way)).get(str(last), "")


def _value(raw: Any, path: Path) -> Any:
    for step in path:
        try:
            raw = raw[step]
        except (LookupError, TypeError):
            return None
    return raw


def _parts(raw: Any, path: Path, last: Any) -> list[Json]:
    """The schemas of the place at a path, in whose stead something may stand."""
    found, value = [whole()], raw
    for number, step in enumerate(path):
        held = value if isinstance(value, dict | list) else _holder(step)
        inner = [i for part in found for s in _flat(part, held) for i in _at(s, step)]
        found, value = inner, _value(raw, path[: number + 1])
    return [part for schema in found for part in _flat(schema, last)]


def _holder(step: str | int) -> Any:
    return [] if isinstance(step, int) else {}


def _at(part: Json, step: str | int) -> Iterator[Json]:
    """What a schema says of one of its items."""
    if isinstance(step, int):
        told = part.get("items")
    else:
        told = part.get("properties", {}).get(step, part.get("additionalProperties"))
    if isinstance(told, dict):
        yield told


def _flat(part: Json, value: Any) -> Iterator[Json]:
    """A schema and all that it applies to a value, or offers for it."""
    yield part
    if "$ref" in part:
        yield from _flat(_named(part["$ref"]), value)
    for inner in (*part.get("allOf", ()), *part.get("anyOf", ())):
        yield from _flat(inner, value)
    if "if" in part:
        chosen = "then" if _matches(part["if"], value) else "else"
        yield from _flat(part.get(chosen, {}), value)


def _named(reference: str) -> Json:
    found: Json = whole()["$defs"][reference.rpartition("/")[2]]
    return found


def _matches(part: Json, value: Any) -> bool:
    """Whether a value fulfils what the conditions of the schema ask for."""
    if "$ref" in part and not _matches(_named(part["$ref"]), value):
        return False
    if "type" in part and not isinstance(value, TYPES[part["type"]]):
        return False
    if "const" in part and value != part["const"]:
        return False
    if "pattern" in part and not re.search(part["pattern"], str(value)):
        return False
    if any(key not in value for key in part.get("required", ())):
        return False
    named = part.get("properties", {})
    return all(
        _matches(told, value[key])
        for key, told in named.items()
        if told is not True and key in value
    )

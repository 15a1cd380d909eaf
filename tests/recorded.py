"""What commands give with `--json` beside the schemas that are printed of it."""

from __future__ import annotations

from typing import Any

import jsonschema

from archspec.authoring import records

VALIDATORS = {
    name: jsonschema.Draft202012Validator(records.record(name))
    for name in records.RECORDS
}


def check(name: str, found: Any) -> None:
    """Holds a command's JSON to its schema, and to having no key that it lacks."""
    VALIDATORS[name].validate(found)
    _no_other_keys(records.RECORDS[name], found)


def _no_other_keys(schema: dict[str, Any], found: Any) -> None:
    if "properties" in schema:
        assert [*found] == [*schema["properties"]]
        for key, inner in schema["properties"].items():
            _no_other_keys(inner, found[key])
    elif schema.get("type") == "array":
        for item in found:
            _no_other_keys(schema["items"], item)

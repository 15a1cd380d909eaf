"""A mapping of Python's as the text of a spec: what is read is text, and checked once.

    {"op": "conv2d", "kernel": (3, 3)}  ->  {"op": "conv2d", "kernel": [3, 3]}

JSON is YAML, but for a few signs that YAML takes for ends of lines.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from archspec import arguments
from archspec.errors import SpecError
from archspec.limits import Limits

ENDS = {ord(sign): f"\\u{ord(sign):04x}" for sign in "\x85\u2028\u2029\ufeff"}


def written(spec: Mapping[Any, Any], limits: Limits) -> str:
    """The text; TypeError for what no spec holds, SpecError for what none may."""
    found = json.dumps(_plain(spec, "spec", limits), indent=1, ensure_ascii=False)
    return found.translate(ENDS)


def _plain(value: Any, path: str, limits: Limits, depth: int = 0) -> Any:
    found = arguments.own(value)
    listed = isinstance(found, Sequence) and not isinstance(found, str | bytes)
    if not listed and not isinstance(found, Mapping):
        return arguments.param(path, found, limits)
    if depth > limits.depth:
        message = f"a spec nests at most {limits.depth} deep"
        raise limits.error("depth", "AS121", message)
    if listed:
        items = enumerate(found)
        return [_plain(v, f"{path}[{n}]", limits, depth + 1) for n, v in items]
    made: dict[str, Any] = {}
    for key, item in found.items():
        name = arguments.own(key)
        if isinstance(name, bool) or not isinstance(name, str | int):
            raise arguments.wrong(path, "names as keys", key)
        if str(name) in made:
            raise SpecError(f"{path}: the key {str(name)!r} stands twice", code="AS104")
        inner = f"{path}[{name!r}]"
        made[str(name)] = _plain(item, inner, limits, depth + 1)
    return made

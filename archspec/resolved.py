"""A graph as a spec without formulas, blocks, repeats or inheritance."""

from __future__ import annotations

import json
import re
from typing import Any

from archspec.errors import ArchspecError, Location
from archspec.graph import Graph
from archspec.language import names
from archspec.ops.init import Init

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
SPECIAL = ("true", "false", "null")


def render(graph: Graph) -> str:
    """The text of a spec that gives the same graph, all in one scope.

    A node is named after its path, with `_` for the dots.
    """
    called = {name: name for name in graph.inputs}
    if len(graph.inputs) == 1:
        called = dict.fromkeys(graph.inputs, "input")
    lines = ["archspec: 1", f"name: {graph.name}"]
    lines += [
        f"{key}: {json.dumps(value, ensure_ascii=False)}"
        for key, value in (
            ("title", graph.title),
            ("description", graph.description),
            ("source", graph.source),
        )
        if value
    ]
    lines.append(f"inputs: {flow({k: list(v) for k, v in graph.inputs.items()})}")
    lines.append("graph:")
    for node in graph.nodes:
        name = called[node.name] = _name(node.name)
        read = [called[value] for value in node.inputs]
        keys: dict[str, Any] = {
            "op": node.op.kind,
            "from": read[0] if len(read) == 1 else read,
            **{
                key: _plain(getattr(node.op, key)) for key in type(node.op).model_fields
            },
        }
        keys = {key: value for key, value in keys.items() if value is not None}
        lines.append(f"  {name}: {flow(keys)}")
    for key, values in (("outputs", graph.outputs), ("taps", graph.taps)):
        named = {name: called[value] for name, value in values.items() if name}
        if named:
            lines.append(f"{key}: {flow(named)}")
    return "\n".join(lines) + "\n"


def _name(path: str) -> str:
    name = path.replace(".", "_")
    try:
        names.check(name, Location("", 1, 1), number=True)
    except ArchspecError:
        return f"node_{name}"
    return name


def _plain(value: Any) -> Any:
    if isinstance(value, Init):
        return {
            value.name: {key: getattr(value, key) for key in type(value).model_fields}
        }
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and PLAIN.fullmatch(value) and value not in SPECIAL:
        return value
    return json.dumps(value)

"""Whether a graph is what its file expects of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.errors import SpecError, nearest, shown
from archspec.graph import Graph
from archspec.language.syntax import Entry


def unexpected(graph: Graph, expect: Mapping[str, Entry]) -> list[SpecError]:
    """Compares a graph with what its spec expects of it."""
    shapes = graph.shapes()
    outputs = {name: shapes[value] for name, value in graph.outputs.items()}
    found: dict[str, Any] = {
        "params": graph.parameter_count(),
        "buffers": graph.buffer_count(),
        "macs": graph.macs(),
        "output": next(iter(outputs.values()))
        if list(outputs) == [""]
        else {name: list(shape) for name, shape in outputs.items()},
    }
    errors = []
    for name, entry in expect.items():
        if name not in found:
            hint = nearest(name, found) or "known are " + ", ".join(found)
            errors.append(
                SpecError(
                    f"expect: unknown key {name!r}",
                    code="AS201",
                    at=entry.at,
                    hint=hint,
                )
            )
            continue
        actual = found[name]
        if isinstance(actual, tuple):
            actual = list(actual)
        wanted = entry.value
        if actual != wanted or isinstance(wanted, bool):
            errors.append(
                SpecError(
                    f"expected {name} {shown(wanted)}, the net has {shown(actual)}",
                    code="AS410",
                    at=entry.at,
                )
            )
    return errors

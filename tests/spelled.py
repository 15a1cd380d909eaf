"""Short specs for the tests of the language."""

from __future__ import annotations

from typing import Any

import pytest
from nets import graph_of

from archspec.errors import ArchspecError
from archspec.graph import Graph
from archspec.language.reader import parse

IMAGE = "inputs: {image: [3, 8, 8]}\n"
CONV = "{op: conv2d, channels: 4, kernel: 1}"


def net(text: str, **params: Any) -> Graph:
    return graph_of(IMAGE + text, **params)


def nested_too_deep(text: str, path: str) -> Any:
    """A file with graphs in graphs, deeper than Python follows, in place of `graph`."""
    raw = parse(f"{text}graph: 3", path)
    inner: Any = parse("a: [relu]", path)["a"]
    for _ in range(600):
        made = parse("a: {graph: 3}", path)
        made["a"]["graph"] = inner
        inner = made
    raw["graph"] = inner
    return raw


def wired(graph: Graph) -> dict[str, str]:
    """Every node with its op and what it reads."""
    return {n.name: " ".join((n.op.kind, *n.inputs)) for n in graph.nodes}


def shape(graph: Graph, name: str = "") -> list[int]:
    return list(graph.shapes()[graph.outputs[name]])


def refused(text: str, message: str, **params: Any) -> None:
    with pytest.raises(ArchspecError, match=message) as caught:
        net(text, **params)
    assert caught.value.at is not None


def told(text: str, **params: Any) -> list[str]:
    """All errors of a spec, each with code, place and hint; lines count from `text`'s."""
    with pytest.raises(ArchspecError) as caught:
        net(text, **params)
    return [spoken(error, -3) for error in caught.value.errors]


def spoken(error: ArchspecError, lines: int = 0) -> str:
    """An error on one line, without its file; `lines` are added to its line."""
    at, hint = error.at, f" ({error.hint})" if error.hint else ""
    place = f"{at.line + lines}:{at.column} " if at else ""
    return f"{error.code} {place}{error.message}{hint}"

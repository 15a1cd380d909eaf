"""The docstring of a printed module: what the net is and where it comes from."""

from __future__ import annotations

import textwrap

from archspec.graph import Graph
from archspec.source.program import fingerprint
from archspec.source.text import WIDTH, prose


def docstring(graph: Graph, *, channels_last: bool = False) -> list[str]:
    """Its lines; free text of the spec comes as plain printable ASCII."""
    shapes = ", ".join(
        f"{name} {' x '.join(map(str, ordered(shape, channels_last)))}"
        for name, shape in graph.inputs.items()
    )
    lines = [f"{_first(prose(graph.title or graph.name))}."]
    if graph.description:
        lines += ["", *_wrapped(prose(graph.description))]
    lines += [""]
    if graph.source:
        lines += _wrapped(f"Source: {prose(graph.source)}")
    lines += _wrapped(
        f"Parameters: {graph.parameter_count():,}; MACs: {graph.macs():,}; "
        f"input: {shapes}."
    )
    if graph.preprocessing:
        items = ", ".join(f"{k} {v}" for k, v in graph.preprocessing.items())
        lines += _wrapped(f"Preprocessing: {prose(items)}.")
    return [*lines, f"Fingerprint: {fingerprint(graph)}"]


def ordered(shape: tuple[int, ...], channels_last: bool) -> tuple[int, ...]:
    """A shape as the framework orders it."""
    return (*shape[1:], shape[0]) if channels_last else shape


def _first(text: str) -> str:
    return text[: WIDTH - 8]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)

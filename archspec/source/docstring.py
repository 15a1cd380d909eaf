"""The docstring of a printed module: what the net is and where it comes from."""

from __future__ import annotations

import textwrap

from archspec.fingerprint import fingerprint
from archspec.graph import Graph
from archspec.source.text import WIDTH, prose

QUOTES = 3


def docstring(graph: Graph, *, channels_last: bool = False) -> list[str]:
    """Its lines; free text of the spec comes as plain printable ASCII."""
    shapes = ", ".join(
        f"{name} {' x '.join(map(str, ordered(shape, channels_last)))}"
        for name, shape in graph.inputs.items()
    )
    lines = [*_about(prose(graph.title or graph.name), prose(graph.description)), ""]
    if graph.source:
        lines += _wrapped(f"Source: {prose(graph.source)}")
    lines += _wrapped(
        f"Parameters: {graph.parameter_count():,}; MACs: {graph.macs():,}; "
        f"input: {shapes}{result(graph)}."
    )
    if graph.preprocessing:
        items = ", ".join(f"{k} {v}" for k, v in graph.preprocessing.items())
        lines += _wrapped(f"Preprocessing: {prose(items)}.")
    return [*lines, f"Fingerprint: {fingerprint(graph)}"]


def result(graph: Graph) -> str:
    """What a classifier gives, logits or probabilities; nothing for other nets."""
    made = {node.name: node for node in graph.nodes}
    node = made.get(*graph.outputs.values()) if len(graph.outputs) == 1 else None
    while node is not None and node.op.passes_through():
        node = made.get(node.inputs[0])
    if node is None or len(node.shape) != 1:
        return ""
    linear = "classes" in node.texts.get("features", "")
    called = node.op.gives or ("logits" if linear else "")
    return f"; output: {called}" if called else ""


def ordered(shape: tuple[int, ...], channels_last: bool) -> tuple[int, ...]:
    """A shape as the framework orders it."""
    return (*shape[1:], shape[0]) if channels_last else shape


def _about(title: str, description: str) -> list[str]:
    """Title and description, on one line where they fit."""
    told = description.lower().startswith(title.lower())
    told = told and not description[len(title) : len(title) + 1].isalnum()
    joined = description if told else f"{title}: {description}"
    if description and len(joined) < WIDTH - QUOTES:
        return [_sentence(joined)]
    first = _sentence(title[: WIDTH - QUOTES - 1])
    return [first, "", *_wrapped(description)] if description else [first]


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!")) else f"{text}."


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)

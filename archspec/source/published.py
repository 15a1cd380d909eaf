"""Where a printed file finds weights: beside itself, or where they are published."""

from __future__ import annotations

from archspec.graph import Graph
from archspec.source.literal import lit
from archspec.source.text import STEP, WIDTH, Call, Code, assignment

SHORT = 8
"""Digits of a hash that tell files apart, as torch.hub has them in names."""


def beside(graph: Graph) -> str:
    """The constant that is the path of a file beside the module."""
    name = Code(lit(f"{graph.name}.safetensors"))
    made = Call("Path(__file__).with_name", (name,))
    return "\n".join(assignment("WEIGHTS", made, 0))


def address(graph: Graph) -> str:
    """The constant that is the published file's address, in two parts if it is long."""
    url = graph.weights["url"]
    line = f"URL = {lit(url)}"
    if len(line) <= WIDTH:
        return line
    folder, _, name = url.rpartition("/")
    start = " " * STEP
    return "\n".join(("URL = (", start + lit(f"{folder}/"), start + lit(name), ")"))


def suffix(graph: Graph) -> str:
    """The ending of the published file's name; nothing where none is published."""
    return "".join(graph.weights.get("url", "").rpartition(".")[1:])


def stored(graph: Graph, hash: str | None = None) -> str:
    """The name under which a cache keeps the published file: no other one has it."""
    told = graph.weights["hash"][:SHORT] if hash is None else hash
    return f"{graph.name}-{told}{suffix(graph)}"

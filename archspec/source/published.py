"""Where a printed file finds weights: beside itself, or where they are published."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archspec.graph import Graph
from archspec.source.layout import assignment
from archspec.source.literal import lit
from archspec.source.text import STEP, WIDTH, Call, Code

SHORT = 8
"""Digits of a hash that tell files apart, as torch.hub has them in names."""


def beside(graph: Graph) -> str:
    """The constant that is the path of a file beside the module."""
    name = Code(lit(f"{graph.name}.safetensors"))
    made = Call("Path(__file__).with_name", (name,))
    return "\n".join(assignment("WEIGHTS", made, 0))


def address(graph: Graph) -> str:
    """The constant that is the published file's address, in two parts if it is long."""
    return "\n".join(_told("URL = ", graph.weights["url"], 0))


def table(name: str, graphs: Sequence[Graph], told: Callable[[Graph], str]) -> str:
    """The constant that has a text for each net, by the nets' names."""
    rows = [(f"{lit(graph.name)}: ", told(graph)) for graph in graphs]
    line = f"{name} = {{{', '.join(lead + lit(text) for lead, text in rows)}}}"
    if len(line) <= WIDTH:
        return line
    made = (row for lead, text in rows for row in _told(lead, text, STEP, ","))
    return "\n".join((f"{name} = {{", *made, "}"))


def _told(lead: str, text: str, indent: int, trail: str = "") -> list[str]:
    """A text behind a `lead`; an address that is long is told in two parts."""
    start, inner = " " * indent, " " * (indent + STEP)
    line = f"{start}{lead}{lit(text)}{trail}"
    folder, _, name = text.rpartition("/")
    if len(line) <= WIDTH or not folder:
        return [line]
    parts = [lit(text)]
    if len(inner + parts[0]) > WIDTH:
        parts = [lit(f"{folder}/"), lit(name)]
    return [f"{start}{lead}(", *(inner + part for part in parts), f"{start}){trail}"]


def suffix(*graphs: Graph) -> str:
    """The ending of the published files' names; nothing where not all have this one."""
    urls = [graph.weights.get("url", "") for graph in graphs]
    found = {"".join(url.rpartition(".")[1:]) for url in urls}
    return found.pop() if len(found) == 1 else ""


def stored(graph: Graph, hash: str | None = None) -> str:
    """The name under which a cache keeps the published file: no other one has it."""
    told = graph.weights["hash"][:SHORT] if hash is None else hash
    return f"{graph.name}-{told}{suffix(graph)}"

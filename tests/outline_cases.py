"""Specs with their outlines as text, side by side, and random ones without.

    python tests/outline_cases.py [NAME ...]

writes the outlines anew that stand in `source/outlines/NAME.txt`, to be read again. A
case is a line `## what it shows`, a spec, and behind `---` its outline (see `notation`);
the title begins with `keras:` where that backend says what can't be an argument, with
`ops:` where ops may be arguments. What a spec lacks of `inputs` is an image of 3
channels.

An outline is right if it unfolds to the graph, and for other values of its arguments to
the graph that they give; that is checked too, and for random specs it is all there is.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import archspec_keras.lowering
from nets import graph_of
from notation import any_attribute, said
from random_specs import numbered
from random_specs_checks import LEGAL
from random_specs_text import loaded, written
from unfolding import nodes_of, unfolded

from archspec.errors import ArchspecError
from archspec.graph import Graph, Value
from archspec.source.generalise import outline
from archspec.source.outline import Definition
from archspec.source.tree import Signature

CHOSEN = ("relu", "tanh", "silu")
"""Ops that may be arguments where a title begins with `ops:`."""
FOLDER = Path(__file__).parent / "source" / "outlines"


class Case(NamedTuple):
    """A spec and its outline."""

    title: str
    spec: str
    wanted: str

    def graph(self, **params: Value) -> Graph:
        head = "" if "inputs: {" in self.spec else "inputs: {image: [3, 8, 8]}\n"
        return graph_of(head + self.spec, **params)

    def signature(self) -> Signature:
        if self.title.startswith("keras:"):
            return archspec_keras.lowering.signature
        return any_attribute

    def found(self) -> list[Definition]:
        chosen = CHOSEN if self.title.startswith("ops:") else ()
        return outline(self.graph(), self.signature(), chosen)


def cases(name: str) -> list[Case]:
    """The cases of a file."""
    text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    found = []
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, rest = part.split("\n", 1)
        spec, _, wanted = rest.partition("\n---\n")
        found.append(Case(title, f"{spec}\n", wanted.strip("\n")))
    return found


def named(case: Case) -> str:
    """What pytest calls a case."""
    return re.sub(r"\W+", "_", case.title)


def check(case: Case) -> None:
    """A case has the outline that stands beside it, and that is right."""
    definitions = case.found()
    assert said(definitions) == case.wanted
    held(definitions, case.graph(), lambda params: case.graph(**params))


def held(definitions: list[Definition], graph: Graph, other: Any) -> None:
    """An outline unfolds to the graph, also for other values of its arguments."""
    assert unfolded(definitions, graph) == (nodes_of(graph), graph.outputs)
    for name, argument in definitions[-1].arguments.items():
        for value in _others(name, argument.default):
            try:
                changed = other({name: value})
            except ArchspecError:
                continue
            found = unfolded(definitions, changed, {name: value})
            assert found == (nodes_of(changed), changed.outputs), (name, value)


def _others(name: str, value: Any) -> Iterator[Value]:
    if name in LEGAL:
        yield from (v for v in LEGAL[name] if type(v) is type(value) and v != value)
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value * 2, 1)
    elif isinstance(value, float):
        yield from (value / 2, 0.75)
    elif value == "relu":
        yield "tanh"


def agree(start: int, stop: int, signature: Signature = any_attribute) -> None:
    """The outlines of the random specs of these numbers are right."""
    for number in range(start, stop):
        text = written(numbered(number))
        try:
            graph = loaded(text)
        except ArchspecError:
            continue
        try:
            held(outline(graph, signature), graph, lambda p: loaded(text, **p))  # noqa: B023  # at once
        except Exception as error:
            error.add_note(f"random spec {number}:\n{text}")
            raise


def agree_on_shrunk(signature: Signature = any_attribute) -> None:
    """The outlines of specs that were wrong once are right."""
    for path in sorted((FOLDER.parents[1] / "shrunk" / "printing").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        graph = loaded(text)
        try:
            held(outline(graph, signature), graph, lambda p: loaded(text, **p))  # noqa: B023  # at once
        except Exception as error:
            error.add_note(path.name)
            raise


def main(names: list[str]) -> None:
    """Writes outlines anew."""
    for path in sorted(FOLDER.glob("*.txt")):
        if names and path.stem not in names:
            continue
        parts = []
        for case in cases(path.stem):
            told = said(case.found())
            held(case.found(), case.graph(), lambda p: case.graph(**p))  # noqa: B023  # at once
            parts.append(f"## {case.title}\n{case.spec.strip()}\n---\n{told}\n")
        path.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

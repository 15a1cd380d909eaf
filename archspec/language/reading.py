"""What a name in `from` stands for: an input of the scope, or an earlier node's output.

While a spec is expanded all outputs are known; where it only is looked at, those of a
node may not be.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from archspec.errors import Location, SpecError, Told, nearest, shown
from archspec.language.formula import is_a
from archspec.language.syntax import Statements, Unit

UNKNOWN = "*"
"""Stands for nodes whose names, which formulas give, are not known."""
MANY = 20
"""Names that a hint lists at most."""


class Sight(NamedTuple):
    """What the nodes of a scope may read.

    Attributes:
        inputs: the scope's own.
        nodes: those above, with the names of their outputs; "" is an only one, and None
            says that they are not known. With UNKNOWN there may be others.
        graph: the scope's text, with what is written further down.
        unit: the file that it stands in.
    """

    inputs: Collection[str]
    nodes: Mapping[str, Collection[str] | None]
    graph: Statements
    unit: Unit

    def find(self, ref: Any, at: Location) -> tuple[str, str]:
        """An input or a node, and which output of it.

        Raises SpecError for what can't be read, and Told where that isn't known.
        """
        if not is_a(ref, (int, str)):
            message = f"expected the name of a node, found {shown(ref)}"
            raise SpecError(message, code="AS305", at=at)
        name = str(ref)
        if name in self.inputs:
            return name, ""
        node, output = name, ""
        if name not in self.nodes:
            node, _, output = name.partition(".")
        if node not in self.nodes or name == f"{node}.":
            raise Told if UNKNOWN in self.nodes else self._no_node(name, at)
        outputs = self.nodes[node]
        if outputs is None:
            raise Told
        if output not in outputs:
            raise self._no_output(node, output, outputs, at)
        return node, output

    def _no_node(self, name: str, at: Location) -> SpecError:
        node = name.partition(".")[0]
        known = (*self.inputs, *self.nodes)
        hint = nearest(name, known) or "it can read " + ", ".join(known[-MANY:])
        if name in self.unit.inputs and "input" in self.inputs:
            hint = "the only input of a scope is called `input`"
        elif node in self.graph.items and node not in self.nodes:
            hint = self._behind(node, at)
        message = f"there is no node {name!r} before this one"
        return SpecError(message, code="AS306", at=at, hint=hint)

    def _behind(self, node: str, at: Location) -> str:
        """Why a node of the scope can't be read from a place."""
        here = {s.at: name for name, s in self.graph.items.items()}
        above = [s for s in here if s.file == at.file and _order(s) < _order(at)]
        if self.graph.items[node].at not in above:
            return f"{node!r} is written further down; a node reads what is above it"
        if here[max(above, key=_order)] == node:
            return f"{node!r} can't read itself"
        return (
            f"{node!r} is new in this file, so it comes last, behind all that is "
            "inherited; write it into the entry that reads it, as a nested graph"
        )

    def _no_output(
        self, node: str, output: str, outputs: Collection[str], at: Location
    ) -> SpecError:
        if not output:
            return several(repr(node), outputs, at)
        hint = nearest(output, outputs) or "its outputs: " + ", ".join(outputs)
        if list(outputs) == [""]:
            hint = f"its only output is read as {node!r}"
        message = f"{node!r} has no output {output!r}"
        return SpecError(message, code="AS307", at=at, hint=hint)


def several(what: str, outputs: Collection[str], at: Location) -> SpecError:
    """The error for reading a value of which there are several."""
    message = f"{what} has the outputs {', '.join(outputs)}"
    hint = f"say which: NODE.{next(iter(outputs))}"
    return SpecError(message, code="AS307", at=at, hint=hint)


def _order(at: Location) -> tuple[int, int]:
    return at.line, at.column

"""What changed between two nets, for a reviewer.

>>> compare(archspec.load("resnet18"), archspec.load("resnet34")).changes[1].line()
'layer1, layer4: 2 -> 3 basic_block'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

from archspec.diffing.changes import Fact, facts
from archspec.diffing.matching import Matching, match, matched
from archspec.diffing.renames import rules
from archspec.diffing.sameness import Verdict, by_structure, verdict
from archspec.diffing.tensors import Tensors, tensors
from archspec.diffing.told import Change, changes
from archspec.fingerprint import described
from archspec.graph import Graph
from archspec.ops.base import Shape
from archspec.receptive import reaches, shown
from archspec.spec import Spec

Total = tuple[int | str, int | str]


@dataclass(frozen=True)
class Report:
    """A comparison of two nets.

    Attributes:
        one, other: the nets.
        found: which of their parts are the same.
        facts: each difference at each place.
        changes: the same, each said once.
        verdict: whether they are the same function.
        tensors: what becomes of each parameter and buffer.
        called: what the user calls the nets.
    """

    one: Spec
    other: Spec
    found: Matching
    facts: list[Fact]
    changes: list[Change]
    verdict: Verdict
    tensors: Tensors
    called: tuple[str, str]

    @property
    def same(self) -> bool:
        """Whether they are the same function, and a file of weights fits both."""
        return self.verdict.answer == "equal" and not self.tensors.renamed

    @cached_property
    def rename(self) -> dict[str, str] | None:
        """The values of `--rename` that take the first net's weights to the second.

        None where they would be hundreds.
        """
        known = self.tensors
        names = {name: name for name in known.kept} | known.renamed | known.resized
        return rules(names, known.lost, known.new)

    @cached_property
    def shapes(self) -> list[tuple[str, Shape, str, Shape]]:
        """Nodes of both nets that give another shape, with their names and shapes."""
        return [
            (a.name, a.node.shape, b.name, b.node.shape)
            for a, b in self.found.pairs
            if a.node is not None
            and b.node is not None
            and a.node.shape != b.node.shape
        ]

    @cached_property
    def totals(self) -> Mapping[str, Total]:
        """Numbers of both nets that may differ, by what they count."""
        one, other = self.one.graph, self.other.graph
        return {
            "parameters": (one.parameter_count(), other.parameter_count()),
            "buffers": (one.buffer_count(), other.buffer_count()),
            "macs": (one.macs(), other.macs()),
            "activation_bytes": (one.activation_bytes(), other.activation_bytes()),
            "receptive_field": (_field(one), _field(other)),
            "nodes": (len(one), len(other)),
        }


def compare(one: Spec, other: Spec, called: tuple[str, str] | None = None) -> Report:
    """Compares two nets, which the report calls by their own names unless told.

    What is the same part is found for the nets in one order, so that both orders of the
    arguments say the same of opposite sign.
    """
    a, b = one.graph, other.graph
    flipped = described(a) > described(b)
    found = match(b, a).flipped() if flipped else match(a, b)
    told = verdict(a, b, _names(found))
    if told.names is not None and not _covers(_names(found), told.names):
        # What the parts compute says more than what they are called.
        names = by_structure(b, a) if flipped else by_structure(a, b)
        found = matched(b, a, names).flipped() if flipped else matched(a, b, names)
    differences = [*facts(a, b, found)]
    return Report(
        one,
        other,
        found,
        differences,
        changes(differences, found),
        told,
        tensors(a, b, found),
        called or (one.name, other.name),
    )


def _names(found: Matching) -> dict[str, str]:
    """The matched nodes, by their names in the first net."""
    return {
        a.name: b.name
        for a, b in found.pairs
        if a.node is not None and b.node is not None
    }


def _covers(names: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(names.get(name) == new for name, new in wanted.items())


def _field(graph: Graph) -> str:
    """The receptive field of the last value that has pixels; "" without any."""
    known = reaches(graph)
    pixels = [
        n.name for n in graph.nodes if len(n.shape) == 3 and prod(n.shape[1:]) > 1
    ]
    if not pixels:
        return ""
    field, _ = shown(known, pixels[-1])
    return "the whole image" if field == "all" else f"{field} pixels"

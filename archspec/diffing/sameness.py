"""Whether two nets are the same function, and of the same weights."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from archspec.equality import hashes
from archspec.graph import Graph, Node
from archspec.ops.base import Shape
from archspec.passes.without_dropout import without_dropout

Answer = Literal["equal", "equal weights", "different"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Are two nets the same?

    Attributes:
        answer: `equal` if they are the same function of the same weights, which may
            have other names; `equal weights` if each tensor has its name and its shape
            in both, and the functions differ; else `different`.
        text: the same in words.
        names: where they are equal, what has weights, by its name in the first net.
    """

    answer: Answer
    text: str
    names: Mapping[str, str] | None = None


def verdict(one: Graph, other: Graph, matched: Mapping[str, str]) -> Verdict:
    """Compares two nets, given which of their nodes are taken for the same."""
    ours, theirs = _stored(one), _stored(other)
    kept = {name: name for name in _weighted(one)}
    for names in (kept, matched, by_structure(one, other)):
        if _equal(one, other, names, taps=False):
            taps = _equal(one, other, names, taps=True)
            told = "the same function" if taps else "the same function, with other taps"
            renamed = [name for name in _weighted(one) if names[name] != name]
            if renamed:
                told += " under other names"
            return Verdict("equal", f"equal: {told}", names)
    if ours == theirs:
        told = "equal weights, another function: each tensor keeps its name and shape"
        if _equal(_resized(one, other), other, kept, taps=False):
            told = "equal weights: the same layers, for inputs of another size"
        elif _equal(without_dropout(one), without_dropout(other), kept, taps=False):
            told = "equal weights: another function in training alone"
        return Verdict("equal weights", told)
    return Verdict("different", "another function")


def _stored(graph: Graph) -> dict[str, Shape]:
    return {**graph.parameters(), **graph.buffers()}


def _weighted(graph: Graph) -> list[str]:
    """The nodes that store something."""
    return [node.name for node, shapes in _weighing(graph)]


def _weighing(graph: Graph) -> Iterator[tuple[Node, tuple[Shape, ...]]]:
    for node, shapes in graph.located():
        if node.op.weights(*shapes) or node.op.buffers(*shapes):
            yield node, shapes


def _equal(one: Graph, other: Graph, names: Mapping[str, str], *, taps: bool) -> bool:
    """Whether two nets are equal where what has weights is called as `names` say."""
    if any(name not in names for name in _weighted(one)):
        return False
    if [*one.inputs.values()] != [*other.inputs.values()]:
        return False
    if len(one.outputs) != len(other.outputs):
        return False
    own = {name: name for name in _weighted(other)}
    left, right = hashes(_called(one, names)), hashes(_called(other, own))
    if [*left[0].values()] != [*right[0].values()]:
        return False
    return not taps or left[1] == right[1]


def _called(graph: Graph, names: Mapping[str, str]) -> Graph:
    """The net with other names of nodes, and inputs by their numbers."""
    new = {name: f"#{number}" for number, name in enumerate(graph.inputs)}
    for node in graph.nodes:
        named = node.name in names
        new[node.name] = f"={names[node.name]}" if named else f"-{node.name}"
    nodes = tuple(
        replace(
            node,
            name=new[node.name],
            inputs=tuple(new[value] for value in node.inputs),
        )
        for node in graph.nodes
    )
    return replace(
        graph,
        inputs={new[name]: shape for name, shape in graph.inputs.items()},
        nodes=nodes,
        outputs={name: new[value] for name, value in graph.outputs.items()},
        taps={name: new[value] for name, value in graph.taps.items()},
    )


def _resized(graph: Graph, other: Graph) -> Graph:
    """The net, told that its inputs are those of another one."""
    if graph.inputs.keys() != other.inputs.keys():
        return graph
    return replace(graph, inputs=dict(other.inputs))


def by_structure(one: Graph, other: Graph) -> dict[str, str]:
    """Nodes by what is computed for them; a guess where several are the same."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, digest in _digests(other):
        found[digest].append(name)
    names: dict[str, str] = {}
    for name, digest in _digests(one):
        if found[digest]:
            names[name] = found[digest].pop(0)
    return names


def _digests(graph: Graph) -> Iterator[tuple[str, str]]:
    """Nodes with a number for all that is computed up to there, but for their names."""
    made = {
        name: _digest("input", n, shape)
        for n, (name, shape) in enumerate(graph.inputs.items())
    }
    for node in graph.nodes:
        read = [made[value] for value in node.inputs]
        if node.op.passes_through():
            made[node.name] = read[0]
            continue
        if node.op.commutative:
            read.sort()
        made[node.name] = _digest(node.op.kind, node.op.settings(), read)
        yield node.name, made[node.name]


def _digest(*facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

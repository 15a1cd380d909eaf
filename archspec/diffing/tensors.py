"""What becomes of each tensor of a net: kept, renamed, resized, lost, or new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from archspec.diffing.matching import Matching
from archspec.graph import Graph, Node
from archspec.ops.base import Shape


@dataclass(slots=True)
class Tensors:
    """Parameters and buffers of two nets, by their names there.

    Attributes:
        ours, theirs: all of the first net's, and of the second's, with their shapes.
        kept: the names of those that have the same name and shape in both.
        renamed: those of the same shape, by the first net's name.
        resized: those of another shape, by the first net's name.
        lost: those that only the first net has.
        new: those that only the second net has.
    """

    ours: Mapping[str, Shape]
    theirs: Mapping[str, Shape]
    kept: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    resized: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)

    def rows(self, name: str) -> tuple[int, int] | None:
        """Of a resized one: how many rows both have, and how many the second net wants.

        None where more than the first axis differs.
        """
        before, after = self.ours[name], self.theirs[self.resized[name]]
        if before[1:] != after[1:] or not before or not after:
            return None
        return min(before[0], after[0]), after[0]

    def filled(self) -> tuple[int, int]:
        """How many values of the second net come from the first, and how many it has.

        Those count that fit whole; of what fits in part none do.
        """
        taken = [*self.kept, *self.renamed.values()]
        return (
            sum(prod(self.theirs[name]) for name in taken),
            sum(prod(shape) for shape in self.theirs.values()),
        )


def tensors(one: Graph, other: Graph, found: Matching) -> Tensors:
    """What becomes of the tensors of a net."""
    ours, theirs = _stored(one), _stored(other)
    made = Tensors(_flat(ours), _flat(theirs))
    partners = {
        a.name: b.name
        for a, b in found.pairs
        if a.node is not None and b.node is not None
    }
    nodes = {node.name: node for node in one.nodes}
    others = {node.name: node for node in other.nodes}
    taken: set[str] = set()
    for name, shapes in ours.items():
        partner = partners.get(name, "")
        held = theirs.get(partner, {})
        for tensor, shape in shapes.items():
            full = f"{name}.{tensor}"
            same = _same(tensor, nodes[name], held, others.get(partner))
            if same is None:
                made.lost.append(full)
                continue
            target = f"{partner}.{same}"
            taken.add(target)
            if held[same] != shape:
                made.resized[full] = target
            elif target == full:
                made.kept.append(full)
            else:
                made.renamed[full] = target
    made.new = [name for name in made.theirs if name not in taken]
    return made


Stored = dict[str, dict[str, Shape]]


def _stored(graph: Graph) -> Stored:
    return {
        node.name: {**node.op.weights(*shapes), **node.op.buffers(*shapes)}
        for node, shapes in graph.located()
    }


def _flat(stored: Stored) -> dict[str, Shape]:
    return {
        f"{name}.{tensor}": shape
        for name, shapes in stored.items()
        for tensor, shape in shapes.items()
    }


def _same(
    tensor: str, node: Node, held: Mapping[str, Shape], other: Node | None
) -> str | None:
    """The tensor that plays the same part in another node."""
    if other is None:
        return None
    if node.op.kind != other.op.kind:
        return tensor if tensor in held else None
    role = node.op.role(tensor)
    return next((name for name in held if other.op.role(name) == role), None)

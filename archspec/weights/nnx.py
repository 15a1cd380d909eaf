"""How canonical weights lie in a Flax NNX model: at which path, and in what order.

>>> place = next(places(graph))
>>> place.name, place.path, place.into(np.zeros((8, 3, 5, 5))).shape
('layer1.0.conv.weight', 'layer1.0.conv.kernel', (5, 5, 3, 8))

Framework-free: what converts files needs it as much as the backend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from archspec.graph import Graph
from archspec.ops import Op, Shape
from archspec.ops.base import Role
from archspec.ops.convolution import ConvTranspose2d

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Move = Callable[[NDArray[Any]], NDArray[Any]]

LEAVES: Mapping[Role, str] = {
    "kernel": "kernel",
    "bias": "bias",
    "factor": "scale",
    "offset": "bias",
    "slope": "negative_slope",
    "mean": "mean",
    "variance": "var",
}
"""What a module calls a stored tensor; a scale has the name that the spec gives it."""


class Place(NamedTuple):
    """One canonical weight in an NNX model.

    Attributes:
        name, shape: canonical.
        path: in the state of a model that archspec prints, with dots.
        into, back: from the canonical layout to NNX's, and from there.
    """

    name: str
    shape: Shape
    path: str
    into: Move
    back: Move


def places(graph: Graph) -> Iterator[Place]:
    """Every parameter and buffer of a graph, in canonical order of the nodes."""
    for node, shapes in graph.located():
        stored = {**node.op.weights(*shapes), **node.op.buffers(*shapes)}
        for name, shape in stored.items():
            path = f"{node.name}.{LEAVES.get(node.op.role(name), name)}"
            into, back = moves(node.op, shape)
            yield Place(f"{node.name}.{name}", shape, path, into, back)


def moves(op: Op, shape: Shape) -> tuple[Move, Move]:
    """How a weight moves into NNX's layout, and back into the canonical one."""
    if len(shape) == 4 and isinstance(op, ConvTranspose2d) and op.groups > 1:
        return _flipped(op.groups, shape)
    if len(shape) == 4:
        return (lambda a: a.transpose(2, 3, 1, 0), lambda a: a.transpose(3, 2, 0, 1))
    if len(shape) == 2:
        return (lambda a: a.T, lambda a: a.T)
    return lambda a: a, lambda a: a


def _flipped(groups: int, shape: Shape) -> tuple[Move, Move]:
    """The kernel of the convolution that a transposed one with groups is printed as."""
    taken, made, high, wide = shape
    each = taken // groups

    def into(a: NDArray[Any]) -> NDArray[Any]:
        parts = a.reshape(groups, each, made, high, wide)[..., ::-1, ::-1]
        return parts.transpose(3, 4, 1, 0, 2).reshape(high, wide, each, groups * made)

    def back(a: NDArray[Any]) -> NDArray[Any]:
        parts = a.reshape(high, wide, each, groups, made)[::-1, ::-1]
        return parts.transpose(3, 2, 4, 0, 1).reshape(shape)

    return into, back

"""How canonical weights lie in Keras: which layer, which variable, in what order.

Framework-free: what reads and writes Keras' files needs it as much as the backend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from archspec.graph import Graph
from archspec.ops import Op, Shape
from archspec.ops.base import Role
from archspec.ops.convolution import multiplier

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Move = Callable[[NDArray[Any]], NDArray[Any]]

ATTRIBUTES: Mapping[Role, str] = {
    "kernel": "kernel",
    "bias": "bias",
    "factor": "gamma",
    "offset": "beta",
    "slope": "alpha",
    "scale": "kernel",
    "mean": "moving_mean",
    "variance": "moving_variance",
}
"""A stored tensor's attribute of a Keras layer."""


class Place(NamedTuple):
    """One canonical weight in a Keras model.

    Attributes:
        name, shape: canonical.
        layer: its name in a Keras model that archspec prints.
        attribute: the layer's attribute. A layer's variables stand in the order in
            which `places` gives them.
        into, back: from the canonical layout to Keras', and from there.
    """

    name: str
    shape: Shape
    layer: str
    attribute: str
    into: Move
    back: Move


def places(graph: Graph) -> Iterator[Place]:
    """Every parameter and buffer of a graph, in canonical order of the nodes."""
    for node, shapes in graph.located():
        stored = {**node.op.weights(*shapes), **node.op.buffers(*shapes)}
        layer = node.layer() if stored else ""
        for name, shape in stored.items():
            attribute = ATTRIBUTES[node.op.role(name)]
            into, back = moves(node.op, attribute, shape, shapes)
            yield Place(f"{node.name}.{name}", shape, layer, attribute, into, back)


def moves(
    op: Op, attribute: str, shape: Shape, shapes: tuple[Shape, ...]
) -> tuple[Move, Move]:
    """How a weight moves into Keras' layout, and back into the canonical one."""
    if attribute == "kernel" and len(shape) == 4:
        if multiplier(op, shapes):
            channels = shapes[0][0]
            _, _, kh, kw = shape
            return (
                lambda a: a.reshape(channels, -1, kh, kw).transpose(2, 3, 0, 1),
                lambda a: a.transpose(2, 3, 0, 1).reshape(shape),
            )
        return (lambda a: a.transpose(2, 3, 1, 0), lambda a: a.transpose(3, 2, 0, 1))
    if attribute == "kernel" and len(shape) == 2:
        return (lambda a: a.T, lambda a: a.T)
    if attribute == "kernel" and len(shapes[0]) == 3:
        return lambda a: a.reshape(1, 1, -1, 1), lambda a: a.reshape(shape)
    if attribute == "alpha" and len(shapes[0]) == 3:
        return lambda a: a.reshape(1, 1, -1), lambda a: a.reshape(shape)
    return lambda a: a, lambda a: a

"""A first convolution for other input channels: summed or repeated, as timm does.

Weights for colour images serve grey ones if the kernel's channels are summed: a grey
image then gives what the same image in colour gave. For more channels they are
repeated and scaled, so that the mean response stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from archspec.errors import WeightsError
from archspec.graph import Graph, Node
from archspec.ops.base import Shape
from archspec.weights.fit import Misfit
from archspec.weights.sources import Place

if TYPE_CHECKING:
    from numpy.typing import NDArray

PASSING = frozenset(("identity", "pad"))
"""Ops before the first convolution that leave channels what they are."""


def first_convolution(graph: Graph) -> Node:
    """The convolution that alone reads the input; WeightsError where there is none."""
    if len(graph.inputs) != 1:
        raise _refused(f"{graph.name} has {len(graph.inputs)} inputs")
    (name,) = graph.inputs
    shapes = graph.shapes()
    channels = shapes[name][0]
    while True:
        readers = [node for node in graph.nodes if _reads(node, name)]
        if len(readers) != 1 or name in graph.outputs.values():
            told = ", ".join(repr(node.name) for node in readers) or "nothing"
            raise _refused(f"the input is read by {told}, not by one convolution")
        (node,) = readers
        name = node.name
        if node.op.kind not in PASSING or shapes[name][0] != channels:
            break
    if node.op.kind != "conv2d":
        raise _refused(f"the input is read by {node.name!r}, which is no convolution")
    if getattr(node.op, "groups", 1) != 1:
        raise _refused(f"{node.name!r}, which reads the input, is grouped")
    return node


def _reads(node: Node, name: str) -> bool:
    """Whether a node reads a value, not its height and width alone."""
    inputs = node.inputs[:1] if node.op.kind == "resize" else node.inputs
    return name in inputs


def _refused(why: str) -> WeightsError:
    return WeightsError(f"the weights can't be adapted: {why}", code="AS615")


def differs(found: Shape, wanted: Shape) -> bool:
    """Whether two kernels of convolutions differ in their input channels alone."""
    return (
        len(found) == len(wanted) == 4
        and 0 not in found
        and found[1] != wanted[1]
        and (found[0], *found[2:]) == (wanted[0], *wanted[2:])
    )


def way(channels: int) -> str:
    """How a kernel is adapted to so many channels."""
    return "sum" if channels == 1 else "repeat"


def adapted(kernel: NDArray[Any], channels: int, how: str) -> NDArray[Any]:
    """A kernel for other input channels, of the same type.

    Args:
        kernel: O x I x H x W.
        channels: that the net has.
        how: `sum`, for one channel, or `repeat`.

    Raises:
        WeightsError: it can't be done in this way.
    """
    if how not in WAYS:
        known = " or ".join(WAYS)
        raise WeightsError(f"{how!r}: expected {known}", code="AS615")
    if how != way(channels):
        raise WeightsError(
            f"{how!r} doesn't take {kernel.shape[1]} input channels to {channels}",
            code="AS615",
            hint=f"{way(channels)!r} does",
        )
    # timm (layers/_manipulate.py, adapt_input_conv) computes halves as float32, too.
    wide = kernel.astype(np.promote_types(kernel.dtype, np.float32))
    made: NDArray[Any] = WAYS[how](wide, channels).astype(kernel.dtype)
    return made


def _summed(kernel: NDArray[Any], channels: int) -> NDArray[Any]:
    total: NDArray[Any] = kernel.sum(axis=1, keepdims=True)
    return total


def _repeated(kernel: NDArray[Any], channels: int) -> NDArray[Any]:
    own = kernel.shape[1]
    tiled = np.tile(kernel, (1, -(-channels // own), 1, 1))[:, :channels]
    scaled: NDArray[Any] = tiled * (own / channels)
    return scaled


WAYS: Mapping[str, Callable[[NDArray[Any], int], NDArray[Any]]] = {
    "sum": _summed,
    "repeat": _repeated,
}
"""How a kernel is adapted."""


def other_input(
    graph: Graph, places: Sequence[Place], shapes: Mapping[str, Shape]
) -> Place | None:
    """The first convolution's kernel, where the file has it for other channels."""
    name = f"{first_convolution(graph).name}.weight"
    place = next((place for place in places if place.name == name), None)
    if place is None or place.key not in shapes:
        return None
    try:  # elements of no bytes: only the shape is wanted
        found = place.back(np.empty(shapes[place.key], "V0")).shape
    except ValueError:
        return None
    return place if differs(found, place.shape) else None


def advise(
    error: Misfit,
    graph: Graph,
    places: Sequence[Place],
    shapes: Mapping[str, Shape],
) -> None:
    """Says how weights for other input channels could be taken, where they are."""
    with suppress(WeightsError):
        place = other_input(graph, places, shapes)
        if place is not None:
            error.adaptable, channels = place.name, place.shape[1]
            plural = "" if channels == 1 else "s"
            told = f"takes {place.name} to {channels} channel{plural}"
            error.hint = f"--adapt-input {way(channels)} {told}"

"""How much of the image a value depends on, and how far apart its pixels lie.

Araujo, Norris and Sim, Computing Receptive Fields of Convolutional Neural Networks,
https://doi.org/10.23915/distill.00021: along a path, a window of k pixels adds k - 1
times the stride so far. Where paths meet, the larger field counts. Behind a nearest
upsampling, of whose pixels some are equal, the field is an upper bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from archspec.graph import Graph
from archspec.ops import Op, Shape

Axes = tuple[Fraction, Fraction]
ONE = (Fraction(1), Fraction(1))
POINTS = ((1, Fraction(1)), (1, Fraction(1)))
"""Windows of a single pixel, none left out."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Vertical and horizontal, in pixels of the graph's images.

    Attributes:
        field: the receptive field; None once a value depends on the whole image.
        stride: how far neighbours of the value lie apart; None for a vector.
    """

    field: Axes | None
    stride: Axes | None


def reaches(graph: Graph) -> dict[str, Reach]:
    """The receptive field and the stride of every value, by name."""
    found = {
        name: Reach(ONE, ONE) if len(shape) == 3 else Reach(None, None)
        for name, shape in graph.inputs.items()
    }
    for node, shapes in graph.located():
        read = [found[name] for name in node.inputs]
        found[node.name] = _after(node.op, read, shapes, node.shape)
    return found


def _after(op: Op, read: list[Reach], shapes: tuple[Shape, ...], made: Shape) -> Reach:
    if len(made) != 3:
        return Reach(None, None)
    inputs = op.computed_from(tuple(zip(read, shapes, strict=True)))
    # Beside an image an operand of one pixel counts everywhere.
    largest, shape = max(inputs, key=lambda item: item[1][1:])
    apart = largest.stride
    assert apart is not None  # No op makes an image of a vector.
    windows = op.windows(shape, made)
    if windows is None:
        return Reach(None, _scaled(apart, shape, made))
    if windows == POINTS and len(inputs) == 1:  # most ops
        return largest
    stride = (apart[0] * windows[0][1], apart[1] * windows[1][1])
    fields = [reach.field for reach, _ in inputs if reach.field is not None]
    if len(fields) < len(inputs):
        return Reach(None, stride)
    vertical, horizontal = (
        max(field[axis] for field in fields) + (pixels - 1) * apart[axis]
        for axis, (pixels, _) in enumerate(windows)
    )
    return Reach((vertical, horizontal), stride)


def _scaled(stride: Axes, before: Shape, after: Shape) -> Axes:
    return (
        stride[0] * Fraction(before[1], after[1]),
        stride[1] * Fraction(before[2], after[2]),
    )


def shown(reaches: Mapping[str, Reach], name: str) -> tuple[str, str]:
    """The field and the stride of a value in words: `483`, `32`; `all` for no limit."""
    reach = reaches[name]
    return (
        "all" if reach.field is None else _axes(reach.field),
        "" if reach.stride is None else _axes(reach.stride),
    )


def _axes(axes: Axes) -> str:
    texts = [f"{float(value):.4g}" for value in axes]
    return texts[0] if texts[0] == texts[1] else " x ".join(texts)


def pixels(axes: Axes | None) -> list[int | float] | None:
    """As JSON has it: vertical and horizontal, whole numbers as such."""
    if axes is None:
        return None
    return [int(side) if side.denominator == 1 else float(side) for side in axes]

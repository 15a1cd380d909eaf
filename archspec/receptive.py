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
    before = read[0].stride
    assert before is not None  # No op makes an image of a vector.
    windows = op.windows(shapes[0], made)
    if windows is None:
        return Reach(None, _scaled(before, shapes[0], made))
    stride = (before[0] * windows[0][1], before[1] * windows[1][1])
    fields = []
    for reach in op.computed_from(tuple(read)):
        if reach.field is None:
            return Reach(None, stride)
        fields.append(reach.field)
    vertical, horizontal = (
        max(field[axis] for field in fields) + (window - 1) * before[axis]
        for axis, (window, _) in enumerate(windows)
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

"""The ops of a net one by one, each in a net of its own that is small enough to see.

A convolution of 512 channels is no other function than one of four. So each distinct
op is narrowed to a few channels of its class (dense, depthwise, grouped), and takes
images of several small sizes, the net's own among them where that is small.

    >>> from archspec.ops.convolution import Conv2d
    >>> wide = Conv2d(channels=512, kernel=3, groups=256)
    >>> op, channels = narrowed(wide, [(256, 14, 14)])
    >>> op.channels, op.groups, channels
    (8, 4, (4,))

What it is given is the same in every process: see `archspec.verify.grids`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

from archspec.errors import ShapeError
from archspec.graph import Graph, Node
from archspec.ops import Op, Shape
from archspec.verify.lone import lone

PLAIN = ((2, 3), (5, 4))
"""Heights and widths for an op that does the same everywhere."""
WINDOWED = ((1, 1), (2, 3), (6, 6), (5, 7), (8, 5), (1, 9), (9, 9), (16, 12))
"""For one whose windows meet borders: even and odd, of one pixel, of all remainders."""
LARGEST = 16
"""An image that is no higher or wider in the net is taken as it is there."""
MOST = 4
"""So many values are read by an op that reads any number."""
FEW = 4
"""Channels, groups, features: few, and no two roles have the same number."""


@dataclass(frozen=True, eq=False)
class Case:
    """An op alone.

    Attributes:
        op, shapes: with what it reads.
        node: the first in the net of which this is the function.
    """

    op: Op
    shapes: tuple[Shape, ...]
    node: Node

    @cached_property
    def text(self) -> str:
        """The spec of a net of this op, without what names and opens it."""
        inputs = ", ".join(f"x{n}: {[*s]}" for n, s in enumerate(self.shapes))
        said = ", ".join(f"{k}: {_yaml(v)}" for k, v in attributes(self.op).items())
        read = [f"x{n}" for n in range(len(self.shapes))]
        several = f", from: [{', '.join(read)}]" if len(read) > 1 else ""
        node = f"{{op: {self.op.kind}{', ' * bool(said)}{said}{several}}}"
        return f"inputs: {{{inputs}}}\ngraph: {{{NAME}: {node}}}\n"

    @property
    def spec(self) -> str:
        """A whole file."""
        return f"archspec: 1\nname: alone\n{self.text}"

    def graph(self) -> Graph:
        """The net of this op."""
        return lone(self.op, *self.shapes)

    def __str__(self) -> str:
        said = [f"{k}={_yaml(v)}" for k, v in attributes(self.op).items()]
        return " ".join([self.op.kind, *said])


NAME = "node"
"""What the only node is called."""


def cases(graph: Graph) -> tuple[Case, ...]:
    """Every distinct op of a net at all its sizes; those of one op in a row."""
    found: dict[str, dict[str, Case]] = {}
    for node, shapes in graph.located():
        for op, small in _small(node, shapes):
            case = Case(op, small, node)
            found.setdefault(str(case), {}).setdefault(case.text, case)
    return tuple(case for same in found.values() for case in same.values())


def attributes(op: Op) -> dict[str, Any]:
    """What a spec says of an op, but for how its weights start."""
    return op.model_dump(exclude_defaults=True, exclude={"init"})


def _yaml(value: Any) -> str:
    """A value in YAML's short form; it takes 1e-05 for a word, and 1.0e-05 for none."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    text = json.dumps(value).replace('"', "")
    return text if "." in text else text.replace("e-", ".0e-").replace("e+", ".0e+")


def _small(
    node: Node, shapes: tuple[Shape, ...]
) -> Iterator[tuple[Op, tuple[Shape, ...]]]:
    """A node's op narrowed, at each size that it takes, the smallest first."""
    kept = shapes[: MOST if node.op.arity[1] is None else None]
    op, channels = narrowed(node.op, kept)
    own = [shape[1:] for shape in kept]
    sizes = _sizes(node, op, channels, own) if any(own) else [()]
    for size in sorted(dict.fromkeys(sizes), key=prod):
        small = _placed(op, channels, own, size)
        with suppress(ShapeError):  # an image that is smaller than the window
            op.shape(*small)
            yield op, small


def _placed(
    op: Op, channels: Sequence[int], own: Sequence[Shape], size: Shape
) -> tuple[Shape, ...]:
    """Inputs of a height and width; but for what is one pixel beside an image."""
    if op.kind == "resize" and len(own) == 2:
        other = (2 * size[0] - 1, size[1] + 2)
        return (channels[0], *size), (channels[1], *other)
    beside = {shape for shape in own if shape != max(own)}
    return tuple(
        (c, *(one if one in beside else size))
        for c, one in zip(channels, own, strict=True)
    )


def _sizes(
    node: Node, op: Op, channels: Sequence[int], own: Sequence[Shape]
) -> list[Shape]:
    """Heights and widths at which there is something to see."""
    probe = _placed(op, channels, own, WINDOWED[-1])
    try:
        windows = op.windows(probe[0], op.shape(*probe))
    except ShapeError:
        windows = node.op.windows((channels[0], *own[0]), node.shape)
    if windows is None:
        tried: list[Shape] = [*WINDOWED]
    else:
        (down, a), (across, b) = windows
        if down == across == a == b == 1:
            return [*PLAIN]
        tried = [*WINDOWED]
        if max(down, across) > LARGEST // 2:  # more of it than the middle meets pixels
            tried.append((down + int(a), across + 2 * int(b) + 1))
    full = own[0] if op.kind == "resize" else max(own)
    return [*tried, *[full] * (max(full) <= LARGEST)]


# Narrow ops, by kind; what isn't here keeps its attributes and reads FEW channels.


def narrowed(op: Op, shapes: Sequence[Shape]) -> tuple[Op, tuple[int, ...]]:
    """The op with few channels, of the same class, and how many it reads of each."""
    change, channels = NARROW.get(op.kind, _usual)(op, [s[0] for s in shapes])
    return op.model_copy(update=change), tuple(channels)


Narrow = tuple[dict[str, int], list[int]]


def _usual(op: Op, channels: list[int]) -> Narrow:
    return {}, [FEW] * len(channels)


def _convolution(op: Any, channels: list[int]) -> Narrow:
    if op.groups == 1:
        return {"channels": FEW}, [FEW - 1]
    times = min(op.channels // op.groups, 2)
    if op.groups == channels[0]:
        return {"groups": FEW, "channels": FEW * times}, [FEW]
    return {"groups": FEW, "channels": FEW * times}, [FEW * 2]


def _linear(op: Any, channels: list[int]) -> Narrow:
    return {"features": FEW + 1}, [FEW + 3]


def _grouped(op: Any, channels: list[int]) -> Narrow:
    groups = min(op.groups, FEW)
    each = min(channels[0] // op.groups, 3)
    return {"groups": groups}, [groups * each]


def _response(op: Any, channels: list[int]) -> Narrow:
    return {}, [op.size + 2]


def _shuffle(op: Any, channels: list[int]) -> Narrow:
    return {}, [2 * op.factor**2]


def _slice(op: Any, channels: list[int]) -> Narrow:
    start, count = min(op.start, 2), min(op.stop - op.start, 3)
    stop = start + count
    return {"start": start, "stop": stop}, [stop + (channels[0] > op.stop)]


def _concat(op: Any, channels: list[int]) -> Narrow:
    return {}, [2, 3, 1, 2][: len(channels)]


NARROW: dict[str, Callable[[Any, list[int]], Narrow]] = {
    "conv2d": _convolution,
    "conv_transpose2d": _convolution,
    "linear": _linear,
    "group_norm": _grouped,
    "channel_shuffle": _grouped,
    "local_response_norm": _response,
    "pixel_shuffle": _shuffle,
    "slice": _slice,
    "concat": _concat,
}

"""Arithmetic between values, and ops that move values about."""

from __future__ import annotations

from functools import reduce
from operator import add as plus
from operator import mul as times

import numpy as np
from numpy.typing import NDArray

from archspec.ops import pair
from archspec.ops.shaping import (
    Add,
    ChannelShuffle,
    Concat,
    Flatten,
    Multiply,
    Pad,
    PixelShuffle,
    Resize,
    Slice,
    Subtract,
)
from archspec.reference.images import Array, bordered

Axis = tuple[int, int, float | None]
"""How many pixels there are and will be, and by what scale if one was given."""


def add(op: Add, *xs: Array) -> Array:
    """The sum; [C, 1, 1] counts at every position."""
    return reduce(plus, xs)


def subtract(op: Subtract, x: Array, y: Array) -> Array:
    """x - y."""
    return x - y


def multiply(op: Multiply, *xs: Array) -> Array:
    """The product; [C, 1, 1] counts at every position."""
    return reduce(times, xs)


def concat(op: Concat, *xs: Array) -> Array:
    """All channels of the first value, then those of the second, and so on."""
    return np.concatenate(xs, 1)


def slice_(op: Slice, x: Array) -> Array:
    """The channels from `start` up to, not including, `stop`."""
    return x[:, op.start : op.stop]


def flatten(op: Flatten, x: Array) -> Array:
    """All values of an image in one vector; those of a pixel together in order hwc."""
    if op.order == "hwc" and x.ndim == 4:
        x = x.transpose(0, 2, 3, 1)
    return x.reshape(len(x), -1)


def pad(op: Pad, x: Array) -> Array:
    """Zeros around the image, and channels of zeros before and behind its own."""
    beside = pair(op.channels)
    return np.pad(bordered(x, op.sides()), ((0, 0), beside, (0, 0), (0, 0)))


def resize(op: Resize, x: Array, like: Array | None = None) -> Array:
    """Each row and column anew: a nearest one of x, or a mean of two.

    The height and width are `size`, or those of `like`, or x's by `scale`.
    """
    down, across = _axes(op, x, like)
    if op.mode == "nearest":
        return x[:, :, _nearest(*down)][:, :, :, _nearest(*across)]
    rows, columns = _between(*down).astype(x.dtype), _between(*across).astype(x.dtype)
    return rows @ x @ columns.T


def steps(op: Resize, x: Array, like: Array | None = None) -> tuple[float, float]:
    """How many rows and columns of x one of the result takes."""
    down, across = (
        n / length if scale is None else 1 / scale
        for n, length, scale in _axes(op, x, like)
    )
    return down, across


def _axes(op: Resize, x: Array, like: Array | None) -> tuple[Axis, Axis]:
    """Of rows and columns."""
    shapes = [value.shape[1:] for value in (x, like) if value is not None]
    _, *size = op.shape(*shapes)
    scale = op.scale if isinstance(op.scale, tuple) else (op.scale, op.scale)
    down, across = zip(x.shape[2:], size, scale, strict=True)
    return down, across


def _nearest(n: int, length: int, scale: float | None) -> NDArray[np.intp]:
    """Which of n pixels shows at each of `length` places: floor(place / scale).

    In single precision, whatever the images are in: so does PyTorch.
    """
    step = np.float32(n) / np.float32(length) if scale is None else 1 / scale
    places = np.arange(length, dtype=np.float32) * np.float32(step)
    return np.minimum(places.astype(np.intp), n - 1)


def _between(n: int, length: int, scale: float | None) -> NDArray[np.longdouble]:
    """[length, n]: how much each of n pixels counts at each place.

    The middle of place p lies at (p + 1/2) / scale; the two pixels whose middles are
    nearest count by how near they are, and at the border one counts alone.
    """
    made = np.zeros((length, n), np.longdouble)
    step = np.longdouble(n) / length if scale is None else 1 / np.longdouble(scale)
    middles = np.maximum((np.arange(length) + np.longdouble(0.5)) * step - 0.5, 0)
    for place, middle in enumerate(middles):
        first = min(int(middle), n - 1)
        share = middle - first
        made[place, first] += 1 - share
        made[place, min(first + 1, n - 1)] += share
    return made


def pixel_shuffle(op: PixelShuffle, x: Array) -> Array:
    """Channel c r² + i r + j becomes row i, column j of r x r pixels of channel c."""
    n, channels, height, width = x.shape
    r = op.factor
    parts = x.reshape(n, channels // r**2, r, r, height, width)
    return parts.transpose(0, 1, 4, 2, 5, 3).reshape(n, -1, height * r, width * r)


def channel_shuffle(op: ChannelShuffle, x: Array) -> Array:
    """The first channel of every group, then the second of every group, and so on."""
    n, channels, height, width = x.shape
    parts = x.reshape(n, op.groups, channels // op.groups, height, width)
    return parts.swapaxes(1, 2).reshape(x.shape)

"""How images [N, C, H, W] are padded and seen through windows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspec.ops.base import Sides

Array = NDArray[np.floating[Any]]
Pair = tuple[int, int]


def channelwise(vector: Array, x: Array) -> Array:
    """A value for each channel, [C], in the shape in which it goes with x."""
    return vector.reshape(1, -1, *[1] * (x.ndim - 2))


def bordered(x: Array, sides: Sides, value: float = 0.0) -> Array:
    """Images in a frame of a value; sides are (top, bottom), (left, right)."""
    return np.pad(x, ((0, 0), (0, 0), *sides), constant_values=value)


def through(
    images: Array, kernel: Pair, stride: Pair, dilation: Pair, size: Pair
) -> Iterator[tuple[Pair, Array]]:
    """What stands at each place (i, j) of the kernel, for all windows at once.

    A view [N, C, *size] of the images: window (p, q) has row p stride + i dilation at
    its place i, and so its columns. Writing into the view writes into the images.
    """
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            rows, columns = (
                slice(n * d, n * d + (count - 1) * s + 1, s)
                for n, d, s, count in zip((i, j), dilation, stride, size, strict=True)
            )
            yield (i, j), images[:, :, rows, columns]

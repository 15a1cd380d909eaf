"""Pools: the mean or the largest value of windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import numpy as np

from archspec.ops import pair
from archspec.ops.pooling import (
    Adaptive,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    MaxPool2d,
    Pool,
)
from archspec.reference.images import Array, bordered, through


def max_pool2d(op: MaxPool2d, x: Array) -> Array:
    """The largest value of the image in each window; padding never wins."""
    padded = bordered(x, op.sides(*x.shape[2:]), -np.inf)
    return reduce(np.maximum, _seen(op, x, padded, -np.inf))


def avg_pool2d(op: AvgPool2d, x: Array) -> Array:
    """The sum in each window over how many of its places count.

    Those of the image do; those of the padding too with `count_include_pad`, unless it
    is `same`; those that hang over, which ceil_mode allows, never.
    """
    total = sum(_seen(op, x, bordered(x, op.sides(*x.shape[2:])), 0.0))
    return np.asarray(total / counts(op, x))


def counts(op: AvgPool2d, x: Array) -> Array:
    """How many places of each window count, [1, 1, H', W']."""
    ones = np.ones_like(x[:1, :1])
    around = 1.0 if op.count_include_pad and op.padding != "same" else 0.0
    framed = bordered(ones, op.sides(*x.shape[2:]), around)
    return np.asarray(sum(_seen(op, x, framed, 0.0)))


def _seen(op: Pool, x: Array, padded: Array, hanging: float) -> Iterator[Array]:
    """What stands at each place of the windows; `hanging` where one hangs over."""
    _, *size = op.shape(x.shape[1:])
    axes = zip(size, op.steps(), op.extent(), padded.shape[2:], strict=True)
    over = [max((count - 1) * s + e - n, 0) for count, s, e, n in axes]
    whole = bordered(padded, ((0, over[0]), (0, over[1])), hanging)
    steps = pair(op.kernel), op.steps(), pair(getattr(op, "dilation", 1))
    for _, view in through(whole, *steps, (size[0], size[1])):
        yield view


def adaptive_avg_pool2d(op: AdaptiveAvgPool2d, x: Array) -> Array:
    """The mean of each window, of [floor(i n / o), ceil((i + 1) n / o)) for place i."""
    return _adapted(op, x, np.mean)


def adaptive_max_pool2d(op: AdaptiveMaxPool2d, x: Array) -> Array:
    """The largest of each window, of [floor(i n / o), ceil((i + 1) n / o)) for i."""
    return _adapted(op, x, np.max)


def _adapted(op: Adaptive, x: Array, reduced: Callable[..., Any]) -> Array:
    rows, columns = windows(op, x)
    y = np.empty((*x.shape[:2], len(rows), len(columns)), x.dtype)
    for p, down in enumerate(rows):
        for q, across in enumerate(columns):
            y[:, :, p, q] = reduced(x[:, :, down, across], axis=(2, 3))
    return y


def windows(op: Adaptive, x: Array) -> tuple[list[slice], list[slice]]:
    """Of rows and columns: i of o over n is [floor(i n / o), ceil((i + 1) n / o))."""
    rows, columns = (
        [slice(i * n // o, -(-(i + 1) * n // o)) for i in range(o)]
        for n, o in zip(x.shape[2:], pair(op.size), strict=True)
    )
    return rows, columns


def global_avg_pool2d(op: GlobalAvgPool2d, x: Array) -> Array:
    """The mean of each image and channel."""
    return np.asarray(x.mean((2, 3)))


def global_max_pool2d(op: GlobalMaxPool2d, x: Array) -> Array:
    """The largest value of each image and channel."""
    return np.asarray(x.max((2, 3)))

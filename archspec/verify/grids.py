"""What an op alone is run on: all of its range, its thresholds and its ties.

Random numbers near 1 don't tell relu6 from relu, nor a sigmoid that is clipped from one
that isn't. So an op of single values meets a grid:

    >>> from archspec.ops.activation import Relu6
    >>> [float(x) for x in grid()[[0, -1]]], 6.0 in grid(), 6 + NEAR in grid()
    ([-1000.0, 1000.0], True, True)

Images of a norm are as small as its eps and large; a max pool's are below zero, some
far; a softmax's differ by thousands. Numbers have few digits, so that a person can
copy them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspec.ops import Op, Shape
from archspec.ops.activation import Activation, Prelu, Unchanged
from archspec.verify.cases import Case
from archspec.verify.data import stream

Array = NDArray[Any]

IMAGES = 4
"""A max pool has one for each kind of numbers."""
SIZES = (0.001, 0.01, 0.125, 0.5, 1, 2, 2.75, 3.25, 4, 5, 5.75, 6.25, 6.5, 7, 8, 10, 19)
LARGE = (21, 30, 39, 41, 50, 90, 100, 200, 1000)
"""Where exponentials round to nothing, and where they overflow."""
THRESHOLDS = (0, 3, 6)
"""With their negatives: where an activation goes on in another way."""
NEAR = 2.0**-16
MAXIMA = frozenset(("max_pool2d", "adaptive_max_pool2d", "global_max_pool2d"))
FAR = 1e300
"""A number of this size is lower than what a max pool may be padded with by mistake."""


def pointwise(op: Op) -> bool:
    """Whether an op gives a value for each value, from nothing else."""
    return isinstance(op, Activation | Unchanged | Prelu)


@dataclass(frozen=True, eq=False)
class Numbers:
    """What a case is run on.

    Attributes:
        inputs: with a batch axis.
        stored: by the op's names.
        cotangent: of the output.
    """

    inputs: tuple[Array, ...]
    stored: dict[str, Array]
    cotangent: Array


def numbers(case: Case, seed: int) -> Numbers:
    """The same in every process."""
    op, draw = case.op, stream(seed, case.text)
    first = case.shapes[0]
    count, made = IMAGES, INPUTS.get(op.kind, _usual)
    if pointwise(op):
        count, made = max(count, ceil(len(grid()) / prod(first))), _gridded
    inputs = tuple(
        made(op, draw, (count, *shape)).astype(dtype(op)) for shape in case.shapes
    )
    names = {**op.weights(*case.shapes), **op.buffers(*case.shapes)}
    stored = {
        name: _stored(op, op.role(name), draw, shape).astype(dtype(op))
        for name, shape in names.items()
    }
    shape = (count, *op.shape(*case.shapes))
    cotangent = draw.choice((-2.0, -1.0, 1.0, 2.0), shape).astype(dtype(op))
    if op.kind in MAXIMA:
        cotangent[-1] = np.abs(cotangent[-1])
    return Numbers(inputs, stored, cotangent)


def dtype(op: Op) -> str:
    """What an op is run in: resizing to nearest pixels is defined on float32."""
    return "float32" if getattr(op, "mode", "") == "nearest" else "float64"


def grid() -> Array:
    """Numbers of all sizes and signs, thresholds, and what lies beside them."""
    sizes = np.array((*SIZES, *LARGE))
    marks = np.unique([float(s * t) for s in (-1, 1) for t in THRESHOLDS])
    return np.sort([*-sizes, *sizes, *marks, *(marks - NEAR), *(marks + NEAR)])


def _gridded(op: Op, draw: np.random.Generator, shape: Shape) -> Array:
    points: Array = np.resize(grid(), prod(shape))
    return draw.permutation(points).reshape(shape)


def _usual(op: Op, draw: np.random.Generator, shape: Shape) -> Array:
    made: Array = np.round(draw.normal(0, 1, shape), 2)
    return made


def _norm(op: Any, draw: np.random.Generator, shape: Shape) -> Array:
    """The first image and the first channel as small as eps, the next ones large."""
    x = _usual(op, draw, shape) + 0.5
    small = 2.0 ** np.round(np.log2(op.eps) / 2)
    axes = 1 if op.kind == "batch_norm" else 0
    first, second = (np.take(x, [n], axes) for n in (0, 1))
    rest = np.take(x, range(2, x.shape[axes]), axes)
    return np.concatenate([first * small, second * 64, rest], axes)


def _response(op: Op, draw: np.random.Generator, shape: Shape) -> Array:
    sizes: Array = np.array([0.125, 1, 32, 1]).reshape(-1, 1, 1, 1)
    return _usual(op, draw, shape) * sizes


def _shares(op: Op, draw: np.random.Generator, shape: Shape) -> Array:
    """Logits: moderate ones, ones that differ by thousands, ties."""
    x: Array = np.round(draw.normal(0, 3, shape), 2)
    x[1] = np.round(x[1] * 2000 / max(np.abs(x[1]).max(), 0.01))
    x[2] = np.round(x[2] / 3)
    return x


def _maxima(op: Op, draw: np.random.Generator, shape: Shape) -> Array:
    """Below zero for the most part; far below; the last with ties."""
    x: Array = draw.permutation(prod(shape)).reshape(shape) / 64
    x = x - np.round(0.9 * x.max())
    x[1] = (x[1] - x.max() - 1) * FAR
    x[-1] = draw.integers(-3, 1, shape[1:])
    return x


INPUTS: dict[str, Callable[[Any, np.random.Generator, Shape], Array]] = {
    **dict.fromkeys(("batch_norm", "layer_norm", "group_norm"), _norm),
    **dict.fromkeys(("softmax", "log_softmax"), _shares),
    **dict.fromkeys(MAXIMA, _maxima),
    "local_response_norm": _response,
}


def _stored(op: Any, role: str, draw: np.random.Generator, shape: Shape) -> Array:
    if role == "slope":
        return np.round(draw.uniform(-0.75, 0.75, shape), 2)
    if role == "variance":
        var = np.round(np.exp(draw.normal(0, 1, shape)), 3)
        var[0], var[-1] = op.eps * 1.5, op.eps * 0.5
        return var
    if role == "mean":
        mean = np.round(draw.normal(0, 1, shape), 2)
        mean[0] *= 2.0 ** np.round(np.log2(op.eps) / 2)
        return mean
    return np.round(draw.normal(0, 1, shape), 2)

"""How far an op alone may be from its definition: one table, with its reasons.

An error is measured against what rounding alone does to such an op, value by value:
against the value, where the op computes nothing but that; against the sum of the sizes
of all terms, where it adds; against its input, where it multiplies that with a number
near 0 or 1. Measured so, float64 leaves a few units in the last place: 1.5e-15 over
random attributes of all ops, on PyTorch and TensorFlow, so that 2e-14 is ample. What
moves values about has no error at all. Derivatives by differences are good to 1e-12.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspec.ops import Op
from archspec.reference import compute

Array = NDArray[Any]


@dataclass(frozen=True)
class Reading:
    """What an op has read, and what it gives by definition."""

    op: Op
    inputs: tuple[Array, ...]
    stored: Mapping[str, Array]
    value: Array


Scale = Callable[[Reading], Array]


def itself(read: Reading) -> Array:
    """The size of each value."""
    return np.abs(read.value)


def least(read: Reading) -> Array:
    """The same, but for values that are as good as 0: 1e-12 at least."""
    return np.maximum(np.abs(read.value), 1e-12)


def one(read: Reading) -> Array:
    """The same, and 1 at least: a power less 1 holds no more."""
    return np.maximum(np.abs(read.value), 1)


def bent(read: Reading) -> Array:
    """The same below 0, with alpha for 1; above it an elu computes nothing."""
    least = np.where(read.inputs[0] < 0, abs(getattr(read.op, "alpha", 1)), 0)
    return np.maximum(np.abs(read.value), least)


def argument(read: Reading) -> Array:
    """The larger of each value and what it is computed from."""
    return np.maximum(np.abs(read.value), np.abs(read.inputs[0]))


def row(read: Reading) -> Array:
    """The larger of each value and the largest beside it, along the channels."""
    across: Array = np.abs(read.inputs[0]).max(1, keepdims=True)
    return np.maximum(np.abs(read.value), across)


def largest(read: Reading) -> Array:
    """The largest value of all."""
    return np.full_like(read.value, np.abs(read.value).max(initial=0))


def terms(read: Reading) -> Array:
    """The sum of the sizes of what is added."""
    inputs = [np.abs(x) for x in read.inputs]
    if read.op.kind == "subtract":
        inputs[1] = -inputs[1]
    stored = {name: np.abs(value) for name, value in read.stored.items()}
    if "running_mean" in stored:
        stored["running_mean"] = -stored["running_mean"]
    return compute(read.op, *inputs, stored=stored)


@dataclass(frozen=True, slots=True)
class Limit:
    """How far an op may be off.

    Attributes:
        scale: what errors of its output are measured against.
        forward: the largest such error.
        why: the reason for both.
    """

    scale: Scale
    forward: float
    why: str


ULPS = 2e-14
GRADIENT = 1e-11
"""Of a derivative, against its size, or against the sizes of all that is summed."""
MOVED = Limit(itself, 0.0, "it moves or picks values, and computes none")
VALUE = Limit(itself, ULPS, "a product, a power")
SUM = Limit(terms, ULPS, "sums in any order")
SHARE = Limit(least, ULPS, "exponentials; below 1e-12 as good as 0")
BELOW = Limit(one, ULPS, "a sum with 1, which holds no more")
BENT = Limit(bent, ULPS, "the same below 0")
GATED = Limit(argument, ULPS, "its input times a number that is near 0 or 1")
ANY = Limit(largest, ULPS, "what is rounded on the way has the size of the largest")
"""So are a batch norm in training and an op that the table doesn't know."""
LIMITS: Mapping[str, Limit] = {
    kind: limit
    for kinds, limit in {
        "max_pool2d adaptive_max_pool2d global_max_pool2d concat slice flatten pad "
        "pixel_shuffle channel_shuffle identity dropout drop_path relu relu6 "
        "nearest": MOVED,
        "conv2d conv_transpose2d linear add subtract avg_pool2d adaptive_avg_pool2d "
        "global_avg_pool2d batch_norm": SUM,
        "leaky_relu prelu scale multiply local_response_norm": VALUE,
        "sigmoid tanh softmax": SHARE,
        "softplus hard_sigmoid": BELOW,
        "elu selu": BENT,
        "gelu silu mish hard_swish": GATED,
        "log_softmax": Limit(row, ULPS, "a difference of what it reads"),
        "layer_norm group_norm bilinear": ANY,
    }.items()
    for kind in kinds.split()
}


def limit(op: Op, *, training: bool = False) -> Limit:
    """How far an op may be off; a resize goes by its mode."""
    if training:
        return ANY
    return LIMITS.get(getattr(op, "mode", op.kind), ANY)

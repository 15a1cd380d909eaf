"""What a framework computes where its kernels hold a number in single precision.

A layer is printed natively though its kernel rounds a constant to float32 whatever the
precision of the values. That is no freedom: rounded so, the definition holds to the
last bits again. Each framework's functions stand in `ROUNDED` by its name.

    >>> from archspec.ops.activation import LeakyRelu
    >>> op, x = LeakyRelu(negative_slope=0.1), np.array([[-1.0]])
    >>> float(leaky_relu(op, x)[0, 0])
    -0.10000000149011612
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from archspec.ops.activation import Gelu, LeakyRelu
from archspec.reference.activation import PI, erf
from archspec.reference.images import Array


def leaky_relu(op: LeakyRelu, x: Array) -> Array:
    """x where positive, float32(negative_slope) x elsewhere."""
    return np.where(x > 0, x, x * np.float32(op.negative_slope).astype(x.dtype))


def gelu(op: Gelu, x: Array) -> Array:
    """The same formulas with float32(sqrt(1 / 2)) and float32(0.044715)."""
    if op.approximate == "tanh":
        cubic = np.float32(0.044715).astype(x.dtype) * x**3
        inner = np.sqrt(2 / PI.astype(x.dtype)) * (x + cubic)
        return np.asarray(x * (1 + np.tanh(inner)) / 2)
    return np.asarray(x * (1 + erf(x * np.float32(0.5**0.5).astype(x.dtype))) / 2)


ROUNDED: Mapping[str, Mapping[str, Callable[..., Array]]] = {
    "tensorflow": {"leaky_relu": leaky_relu, "gelu": gelu},
}
"""By the name of a rounding the functions of the ops that it changes."""

"""What a framework computes where its kernels round to less than float64.

A layer is printed natively though its kernel holds a constant in float32 whatever the
precision of the values, or leaves out what float32 can't hold. That is no freedom:
rounded so, the definition holds to the last bits again. Each framework's functions
stand in `ROUNDED` by its name.

    >>> from archspec.ops.activation import LeakyRelu
    >>> op, x = LeakyRelu(negative_slope=0.1), np.array([[-1.0]])
    >>> float(leaky_relu(op, x)[0, 0])
    -0.10000000149011612
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from archspec.ops.activation import Gelu, LeakyRelu, Softplus
from archspec.reference.activation import PI, erf
from archspec.reference.activation import softplus as plain_softplus
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


def softplus(op: Softplus, x: Array) -> Array:
    """log(1 + exp(x)), x itself above 20."""
    return np.where(x > 20, x, plain_softplus(op, x))


ROUNDED: Mapping[str, Mapping[str, Callable[..., Array]]] = {
    "tensorflow": {"leaky_relu": leaky_relu, "gelu": gelu},
    "keras on torch": {"softplus": softplus},
}
"""By the name of a rounding the functions of the ops that it changes."""

"""Activations, value by value, and what regularisers do."""

from __future__ import annotations

import numpy as np

from archspec.ops.activation import (
    Dropout,
    DropPath,
    Elu,
    Gelu,
    HardSigmoid,
    HardSwish,
    Identity,
    LeakyRelu,
    LogSoftmax,
    Mish,
    Prelu,
    Relu,
    Relu6,
    Selu,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Tanh,
)
from archspec.reference.images import Array, channelwise

PI = np.longdouble("3.14159265358979323846264338327950288")
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848, 1.0507009873554804934
"""https://arxiv.org/abs/1706.02515"""


def relu(op: Relu, x: Array) -> Array:
    """max(x, 0)."""
    return np.maximum(x, 0)


def relu6(op: Relu6, x: Array) -> Array:
    """min(max(x, 0), 6)."""
    return np.minimum(np.maximum(x, 0), 6)


def leaky_relu(op: LeakyRelu, x: Array) -> Array:
    """x where positive, negative_slope x elsewhere."""
    return np.where(x > 0, x, x * op.negative_slope)


def prelu(op: Prelu, x: Array, *, weight: Array) -> Array:
    """x where positive, weight x elsewhere; one weight, or one a channel."""
    return np.where(x > 0, x, x * channelwise(weight, x))


def elu(op: Elu, x: Array) -> Array:
    """x where positive, alpha (exp(x) - 1) elsewhere."""
    return np.where(x > 0, x, op.alpha * np.expm1(np.minimum(x, 0)))


def selu(op: Selu, x: Array) -> Array:
    """scale x where positive, scale alpha (exp(x) - 1) elsewhere."""
    below = SELU_ALPHA * np.expm1(np.minimum(x, 0))
    return np.asarray(SELU_SCALE * np.where(x > 0, x, below))


def gelu(op: Gelu, x: Array) -> Array:
    """x (1 + erf(x / sqrt(2))) / 2; or with tanh(sqrt(2 / pi) (x + 0.044715 x³))."""
    if op.approximate == "tanh":
        inner = np.sqrt(2 / PI.astype(x.dtype)) * (x + 0.044715 * x**3)
        return np.asarray(x * (1 + np.tanh(inner)) / 2)
    return np.asarray(x * (1 + erf(x / np.sqrt(np.asarray(2, x.dtype)))) / 2)


def silu(op: Silu, x: Array) -> Array:
    """x / (1 + exp(-x))."""
    return x * _sigmoid(x)


def mish(op: Mish, x: Array) -> Array:
    """x tanh(log(1 + exp(x)))."""
    return x * np.tanh(_softplus(x))


def sigmoid(op: Sigmoid, x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return _sigmoid(x)


def hard_sigmoid(op: HardSigmoid, x: Array) -> Array:
    """relu6(x + 3) / 6."""
    return np.minimum(np.maximum(x + 3, 0), 6) / 6


def hard_swish(op: HardSwish, x: Array) -> Array:
    """x relu6(x + 3) / 6."""
    return x * np.minimum(np.maximum(x + 3, 0), 6) / 6


def tanh(op: Tanh, x: Array) -> Array:
    """The hyperbolic tangent."""
    return np.tanh(x)


def softplus(op: Softplus, x: Array) -> Array:
    """log(1 + exp(x))."""
    return _softplus(x)


def softmax(op: Softmax, x: Array) -> Array:
    """exp(x) over its sum over the channels."""
    powers = np.exp(x - x.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def log_softmax(op: LogSoftmax, x: Array) -> Array:
    """x less the logarithm of the sum of exp(x) over the channels."""
    less = x - x.max(1, keepdims=True)
    return np.asarray(less - np.log(np.exp(less).sum(1, keepdims=True)))


def identity(op: Identity, x: Array) -> Array:
    """x itself."""
    return x


def dropout(op: Dropout, x: Array) -> Array:
    """In eval mode: x itself."""
    return x


def drop_path(op: DropPath, x: Array) -> Array:
    """In eval mode: x itself."""
    return x


def dropped(op: Dropout | DropPath, x: Array, *, kept: Array) -> Array:
    """x / (1 - rate) where `kept` is 1, 0 where it is 0.

    `kept` has the shape of x, or of drop_path [N, 1, ...]. It is 1 with the probability
    1 - rate, each number on its own.
    """
    return x * kept / (1 - op.rate)


def erf(x: Array) -> Array:
    """The error function: 2 / sqrt(pi) exp(-x²) times a sum of positive terms.

    x + 2 x³ / 3 + 4 x⁵ / (3 5) + ..., which is exact to the last bits, since nothing
    cancels. From 7 on it is 1, but for 4e-23. Abramowitz and Stegun 7.1.6.
    """
    far = np.abs(x) >= 7
    size = np.where(far, 0, np.abs(x))
    term = total = size
    for n in range(1, 200):
        term = term * 2 * size**2 / (2 * n + 1)
        total = total + term
    factor = 2 / np.sqrt(PI.astype(x.dtype)) * np.exp(-(size**2))
    return np.asarray(np.copysign(np.where(far, 1, np.minimum(factor * total, 1)), x))


def _sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), by powers that don't overflow."""
    power = np.exp(-np.abs(x))
    return np.asarray(np.where(x < 0, power, 1) / (1 + power))


def _softplus(x: Array) -> Array:
    """log(1 + exp(x)), by powers that don't overflow."""
    return np.asarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))

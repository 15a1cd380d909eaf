"""Normalisations: a mean and a variance, and who shares them."""

from __future__ import annotations

import numpy as np

from archspec.ops.normalization import (
    BatchNorm,
    GroupNorm,
    LayerNorm,
    LocalResponseNorm,
    Norm,
    Scale,
)
from archspec.reference.images import Array, channelwise


def batch_norm(
    op: BatchNorm,
    x: Array,
    *,
    running_mean: Array,
    running_var: Array,
    weight: Array | None = None,
    bias: Array | None = None,
) -> Array:
    """(x - mean) / sqrt(var + eps) weight + bias, by the stored mean and variance."""
    mean, var = channelwise(running_mean, x), channelwise(running_var, x)
    return _normalised(op, x, mean, var, weight, bias)


def batch_norm_in_training(
    op: BatchNorm,
    x: Array,
    *,
    running_mean: Array,
    running_var: Array,
    weight: Array | None = None,
    bias: Array | None = None,
) -> Array:
    """The same, by the mean and the biased variance of the batch, a channel each."""
    mean, var = _moments(x)
    return _normalised(op, x, channelwise(mean, x), channelwise(var, x), weight, bias)


def running_statistics(
    op: BatchNorm, x: Array, running_mean: Array, running_var: Array, *, unbiased: bool
) -> tuple[Array, Array]:
    """The stored mean and variance after one batch in training.

    old (1 - momentum) + new momentum. Of n values in a channel the new variance is
    their sum of squares over n, or over n - 1 where it is `unbiased`.
    """
    mean, var = _moments(x)
    if unbiased:
        n = x.size // x.shape[1]
        var = var * n / (n - 1)
    new = op.momentum
    mean = running_mean * (1 - new) + mean * new
    return mean, running_var * (1 - new) + var * new


def layer_norm(
    op: LayerNorm, x: Array, *, weight: Array | None = None, bias: Array | None = None
) -> Array:
    """(x - mean) / sqrt(var + eps) weight + bias, by each position's mean and variance.

    Those are over the channels.
    """
    mean = x.mean(1, keepdims=True)
    var = ((x - mean) ** 2).mean(1, keepdims=True)
    return _normalised(op, x, mean, var, weight, bias)


def group_norm(
    op: GroupNorm, x: Array, *, weight: Array | None = None, bias: Array | None = None
) -> Array:
    """(x - mean) / sqrt(var + eps) weight + bias, by each group's mean and variance.

    Those are over its channels and the pixels of an image.
    """
    groups = x.reshape(len(x), op.groups, -1)
    mean = groups.mean(2, keepdims=True)
    var = ((groups - mean) ** 2).mean(2, keepdims=True)
    each = x.shape[1] // op.groups
    by_channel = (len(x), -1, 1, 1)
    mean, var = (part.repeat(each, 1).reshape(by_channel) for part in (mean, var))
    return _normalised(op, x, mean, var, weight, bias)


def local_response_norm(op: LocalResponseNorm, x: Array) -> Array:
    """x / (k + alpha / size sum) ** beta, with the sum of x² over `size` channels.

    From channel c - size // 2 to c + (size - 1) // 2, as far as they are there.
    """
    before, after = op.size // 2, (op.size - 1) // 2
    squares = x**2
    total = np.empty_like(x)
    for c in range(x.shape[1]):
        total[:, c] = squares[:, max(c - before, 0) : c + after + 1].sum(1)
    return x / (op.k + op.alpha / op.size * total) ** op.beta


def scale(op: Scale, x: Array, /, **stored: Array) -> Array:
    """x times a stored factor for each channel."""
    return x * channelwise(stored[op.weight], x)


def _moments(x: Array) -> tuple[Array, Array]:
    """The mean and the biased variance of each channel, [C]."""
    axes = (0, *range(2, x.ndim))
    mean: Array = x.mean(axes)
    var: Array = ((x - channelwise(mean, x)) ** 2).mean(axes)
    return mean, var


def _normalised(
    op: Norm,
    x: Array,
    mean: Array,
    var: Array,
    weight: Array | None,
    bias: Array | None,
) -> Array:
    """(x - mean) / sqrt(var + eps) weight + bias; the last two if it is `affine`."""
    y: Array = (x - mean) / np.sqrt(var + op.eps)
    if weight is None or bias is None:
        return y
    return y * channelwise(weight, x) + channelwise(bias, x)

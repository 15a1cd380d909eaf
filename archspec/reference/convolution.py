"""Convolutions and the linear layer, as sums."""

from __future__ import annotations

import numpy as np

from archspec.ops import pair
from archspec.ops.convolution import Conv2d, ConvTranspose2d, Linear
from archspec.reference.images import Array, bordered, channelwise, through


def conv2d(op: Conv2d, x: Array, *, weight: Array, bias: Array | None = None) -> Array:
    """y[o, p, q] = bias[o] + sum weight[o, c, i, j] x[c, p stride + i dilation, ...].

    Over the channels c of o's group and the places (i, j) of the kernel; x is padded.
    """
    padded = bordered(x, op.sides(*x.shape[2:]))
    channels, *size = op.shape(x.shape[1:])
    steps = pair(op.kernel), pair(op.stride), pair(op.dilation)
    y = np.zeros((len(x), op.groups, channels // op.groups, size[0] * size[1]), x.dtype)
    for (i, j), seen in through(padded, *steps, (size[0], size[1])):
        read = seen.reshape(len(x), op.groups, -1, size[0] * size[1])
        factors = weight[:, :, i, j].reshape(op.groups, -1, read.shape[2])
        y += factors @ read
    return _biased(y.reshape(len(x), channels, *size), bias)


def conv_transpose2d(
    op: ConvTranspose2d, x: Array, *, weight: Array, bias: Array | None = None
) -> Array:
    """Each x[c, p, q] adds weight[c, o, i, j] x[c, p, q] at row p stride + i dilation.

    To every output o of c's group, columns alike. From what is made so, `padding` cuts
    rows and columns off on all sides; `output_padding` leaves some at the far ones.
    """
    channels, height, width = op.shape(x.shape[1:])
    down, across = pair(op.padding)
    y = np.zeros((len(x), channels, height + 2 * down, width + 2 * across), x.dtype)
    steps = pair(op.kernel), pair(op.stride), pair(op.dilation)
    read = x.reshape(len(x), op.groups, -1, x.shape[2] * x.shape[3])
    for (i, j), written in through(y, *steps, (x.shape[2], x.shape[3])):
        factors = weight[:, :, i, j].reshape(op.groups, read.shape[2], -1)
        written += (factors.swapaxes(1, 2) @ read).reshape(written.shape)
    return _biased(y[:, :, down : down + height, across : across + width], bias)


def linear(op: Linear, x: Array, *, weight: Array, bias: Array | None = None) -> Array:
    """y[o] = bias[o] + sum of weight[o, f] x[f]."""
    return _biased(x @ weight.T, bias)


def _biased(y: Array, bias: Array | None) -> Array:
    return y if bias is None else y + channelwise(bias, y)

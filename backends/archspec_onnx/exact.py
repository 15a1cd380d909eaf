"""onnx's reference evaluator in float64, made exact.

As it is shipped it rounds: an attribute is a float32, so an epsilon of 1e-5 is off by
3e-13; `Erf` and the bodies of function ops compute in float32; a transposed convolution
of several groups raises; LRN is wrong, and an average pool whose last window is beyond
the image. The ops here stand in for those. They read a float attribute as the shortest
number that is that float32: what the spec said.

>>> import numpy as np
>>> said(np.float32(1e-5)), said(np.float32(1 / 6))
(1e-05, 0.16666666666666666)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import erf
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

Array = NDArray[Any]
Pair = Sequence[int]
WHOLE = 1000
"""The largest denominator of a fraction that a spec may have meant."""


def said(value: np.floating[Any]) -> float:
    """The number that an attribute, a float32, was printed from."""
    near = Fraction(float(value)).limit_denominator(WHOLE)
    return float(near if np.float32(float(near)) == value else Fraction(str(value)))


def batch_normalization(
    x: Array,
    scale: Array,
    bias: Array,
    mean: Array,
    var: Array,
    *,
    epsilon: float,
    **_: Any,
) -> Array:
    """Channel by channel, with statistics that were gathered before."""
    factor = scale / np.sqrt(var + epsilon)
    return (x - _spread(mean, x)) * _spread(factor, x) + _spread(bias, x)


def layer_normalization(
    x: Array, scale: Array, bias: Array, *, epsilon: float, **_: Any
) -> Array:
    """Over the last axis."""
    return _normalised(x, -1, epsilon) * scale + bias


def group_normalization(
    x: Array,
    scale: Array,
    bias: Array,
    *,
    epsilon: float,
    num_groups: int,
    **_: Any,
) -> Array:
    """Over groups of channels and all pixels."""
    parts = x.reshape(len(x), num_groups, -1)
    normal = _normalised(parts, 2, epsilon).reshape(x.shape)
    return normal * _spread(scale, x) + _spread(bias, x)


def local_response_normalization(
    x: Array, *, alpha: float, beta: float, bias: float, size: int
) -> Array:
    """x over a power of the squares around it; the size is odd."""
    half, channels = size // 2, x.shape[1]
    squares = np.pad(x**2, ((0, 0), (half, half), (0, 0), (0, 0)))
    total = np.zeros_like(x)
    for start in range(size):
        total += squares[:, start : start + channels]
    made: Array = x / (bias + alpha / size * total) ** beta
    return made


def leaky_relu(x: Array, *, alpha: float) -> Array:
    """x, or alpha x below 0."""
    return np.where(x < 0, alpha * x, x)


def elu(x: Array, *, alpha: float) -> Array:
    """x, or alpha (exp x - 1) below 0."""
    return np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x)


def selu(x: Array, **_: Any) -> Array:
    """Elu times a factor: those of https://arxiv.org/abs/1706.02515."""
    return 1.0507009873554805 * elu(x, alpha=1.6732632423543772)


def gelu(x: Array, *, approximate: str) -> Array:
    """x times a normal distribution function, or a hyperbolic tangent like it."""
    if approximate == "tanh":
        inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
        return np.asarray(0.5 * x * (1 + np.tanh(inner)))
    distribution: Array = np.vectorize(erf, otypes=["d"])(x / np.sqrt(2))
    return np.asarray(0.5 * x * (1 + distribution))


def hard_sigmoid(x: Array, *, alpha: float, beta: float) -> Array:
    """A line between 0 and 1."""
    return np.clip(alpha * x + beta, 0, 1)


def hard_swish(x: Array) -> Array:
    """x times a line between 0 and 1."""
    return np.asarray(x * np.clip(x / 6 + 0.5, 0, 1))


def conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    auto_pad: str,
    dilations: Pair | None,
    group: int,
    pads: Pair | None,
    strides: Pair | None,
    **_: Any,
) -> Array:
    """A sum over the places of the kernel, which needs less memory than windows do."""
    stride, dilation = strides or (1, 1), dilations or (1, 1)
    (channels, taken, *kernel), n = weight.shape, len(x)
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    if auto_pad == "SAME_UPPER":
        pads = _same(x.shape[2:], extent, stride)
    top, left, bottom, right = pads or (0, 0, 0, 0)
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    sizes = zip(x.shape[2:], extent, stride, strict=True)
    height, width = ((size - e) // s + 1 for size, e, s in sizes)
    made = np.zeros((n, group, channels // group, height * width), x.dtype)
    kernels = weight.reshape(group, channels // group, taken, *kernel)
    for i, rows in _places(kernel[0], dilation[0], stride[0], height):
        for j, columns in _places(kernel[1], dilation[1], stride[1], width):
            seen = x[:, :, rows, columns].reshape(n, group, taken, -1)
            made += kernels[..., i, j] @ seen
    found = made.reshape(n, channels, height, width)
    return found if bias is None else found + _spread(bias, found)


def average_pool(
    x: Array,
    *,
    auto_pad: str,
    ceil_mode: int,
    count_include_pad: int,
    dilations: Pair | None,
    kernel_shape: Pair,
    pads: Pair | None,
    strides: Pair | None,
) -> Array:
    """A window's mean over its pixels that count: none beyond image and padding."""
    axes, one = len(kernel_shape), [1] * len(kernel_shape)
    stride, dilation = strides or one, dilations or one
    extent = [(k - 1) * d + 1 for k, d in zip(kernel_shape, dilation, strict=True)]
    if auto_pad == "SAME_UPPER":
        pads = _same(x.shape[2:], extent, stride)
    pads, number = pads or [0] * (2 * axes), np.ones(())
    for axis, (k, d, s, e) in enumerate(
        zip(kernel_shape, dilation, stride, extent, strict=True)
    ):
        size, before, after = x.shape[2 + axis], pads[axis], pads[axes + axis]
        rest = before + size + after - e
        count = (-(-rest // s) if ceil_mode else rest // s) + 1
        if (count - 1) * s >= before + size:
            count -= 1  # no window starts behind the image
        places = np.arange(count) * s + np.arange(k)[:, None] * d - before
        inside = (places >= 0) & (places < size)
        counted = places < size + after if count_include_pad else inside
        number = number[..., None] * counted.sum(0)
        # Windows are sums of windows along one axis after the other.
        seen = np.moveaxis(x, 2 + axis, -1)[..., np.clip(places, 0, size - 1)]
        x = np.moveaxis(np.where(inside, seen, 0).sum(-2), -1, 2 + axis)
    return x / number


def conv_transpose(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    dilations: Pair | None,
    group: int,
    output_padding: Pair | None,
    pads: Pair | None,
    strides: Pair | None,
    **_: Any,
) -> Array:
    """Every pixel adds a kernel times its value, in any number of groups."""
    stride, dilation = strides or (1, 1), dilations or (1, 1)
    top, left, bottom, right = pads or (0, 0, 0, 0)
    (n, _channels, height, width), (_taken, each, *kernel) = x.shape, weight.shape
    extra = output_padding or (0, 0)
    axes = zip((height, width), stride, kernel, dilation, extra, strict=True)
    high, wide = ((m - 1) * s + (k - 1) * d + 1 + e for m, s, k, d, e in axes)
    made = np.zeros((n, group * each, high, wide), x.dtype)
    images = x.reshape(n, group, -1, height * width)
    kernels = weight.reshape(group, -1, each, *kernel).swapaxes(1, 2)
    for i, rows in _places(kernel[0], dilation[0], stride[0], height):
        for j, columns in _places(kernel[1], dilation[1], stride[1], width):
            part = kernels[..., i, j] @ images
            made[:, :, rows, columns] += part.reshape(n, -1, height, width)
    cut = made[:, :, top : high - bottom, left : wide - right]
    return cut if bias is None else cut + _spread(bias, cut)


def _spread(values: Array, x: Array) -> Array:
    """A value for each channel, [C], in the shape in which it goes with x."""
    return values.reshape(1, -1, *[1] * (x.ndim - 2))


def _normalised(x: Array, axis: int, epsilon: float) -> Array:
    """Values less their mean, over their deviation."""
    away = x - x.mean(axis, keepdims=True)
    made: Array = away / np.sqrt((away**2).mean(axis, keepdims=True) + epsilon)
    return made


def _places(kernel: int, dilation: int, stride: int, count: int) -> Any:
    """Each place of a kernel along an axis, with the pixels that are there."""
    last = (count - 1) * stride + 1
    return [
        (i, slice(i * dilation, i * dilation + last, stride)) for i in range(kernel)
    ]


def _same(size: Pair, extent: Pair, strides: Pair) -> Pair:
    """Padding that makes ceil(size / stride) windows: top, left, bottom, right."""
    axes = zip(size, extent, strides, strict=True)
    both = [max((-(-n // s) - 1) * s + e - n, 0) for n, e, s in axes]
    return [*(n // 2 for n in both), *(n - n // 2 for n in both)]


EXACT: Mapping[str, Callable[..., Array]] = {
    "AveragePool": average_pool,
    "BatchNormalization": batch_normalization,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Elu": elu,
    "Gelu": gelu,
    "GroupNormalization": group_normalization,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": hard_swish,
    "LRN": local_response_normalization,
    "LayerNormalization": layer_normalization,
    "LeakyRelu": leaky_relu,
    "Selu": selu,
}
"""By the names of onnx's ops, what is computed in their place."""


def _op(name: str, computed: Callable[..., Array]) -> type[OpRun]:
    """The class that onnx's evaluator wants of an op."""

    def run(self: Any, *inputs: Array, **attributes: Any) -> tuple[Array]:
        told = {
            key: said(value) if isinstance(value, np.floating) else value
            for key, value in attributes.items()
        }
        return (np.asarray(computed(*inputs, **told), inputs[0].dtype),)

    return type(name, (OpRun,), {"op_domain": "", "_run": run})


def evaluator(proto: Any) -> Any:
    """What runs a model, by `run(None, inputs)`."""
    ops = [_op(name, computed) for name, computed in EXACT.items()]
    return ReferenceEvaluator(proto, new_ops=ops)

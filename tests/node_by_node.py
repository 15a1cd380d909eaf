"""A graph computed node by node, each op from its definition: what is right.

No framework and no printed code: numpy, in the dtype of what it is given. Values are
channels first with a batch axis. In eval mode: dropout does nothing, and a batch norm
takes its stored statistics.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspec.graph import Graph
from archspec.ops.base import Sides, four_sides, pair

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Rule = Callable[[Any, list[Array], Arrays], Array]
erf = np.vectorize(math.erf, otypes=[np.float64])


def compute(graph: Graph, weights: Arrays, images: Arrays) -> dict[str, Array]:
    """The outputs of a graph, from canonical weights and one array for each input."""
    values = dict(images)
    with np.errstate(over="ignore"):
        for node, shapes in graph.located():
            names = [*node.op.weights(*shapes), *node.op.buffers(*shapes)]
            own = {name: weights[f"{node.name}.{name}"] for name in names}
            made = RULES[node.op.kind](node.op, [values[n] for n in node.inputs], own)
            assert made.shape[1:] == node.shape, node.name
            values[node.name] = made
    return {name: values[value] for name, value in graph.outputs.items()}


def by_channel(weight: Array, value: Array) -> Array:
    """A vector laid along the channels of a value."""
    return weight.reshape(1, -1, *[1] * (value.ndim - 2))


def padded(value: Array, sides: Sides, fill: float = 0.0) -> Array:
    """An image with pixels around it."""
    return np.pad(value, ((0, 0), (0, 0), *sides), constant_values=fill)


def taken(value: Array, start: Any, step: Any, size: Any) -> Array:
    """Every so many pixels of an image, from one on, as many as `size` says."""
    (top, left), (down, across), (height, width) = start, step, size
    rows = slice(top, top + (height - 1) * down + 1, down)
    columns = slice(left, left + (width - 1) * across + 1, across)
    return value[:, :, rows, columns]


def biased(value: Array, w: Arrays) -> Array:
    return value + by_channel(w["bias"], value) if "bias" in w else value


def conv2d(op: Any, x: list[Array], w: Arrays) -> Array:
    """Each output is the sum of what each place of the kernel sees, times its weight."""
    value = padded(x[0], op.sides(*x[0].shape[2:]))
    channels, taken_in, *kernel = w["weight"].shape
    _, height, width = op.shape(x[0].shape[1:])
    weight = w["weight"].reshape(op.groups, -1, taken_in, *kernel)
    spread, made = pair(op.dilation), np.zeros((), value.dtype)
    for i, j in np.ndindex(*kernel):
        start = i * spread[0], j * spread[1]
        seen = taken(value, start, pair(op.stride), (height, width))
        seen = seen.reshape(len(value), op.groups, taken_in, -1)
        made = made + weight[..., i, j] @ seen
    return biased(made.reshape(len(value), channels, height, width), w)


def conv_transpose2d(op: Any, x: list[Array], w: Arrays) -> Array:
    """Every pixel puts its kernel down; what falls into the padding is cut off."""
    (kh, kw), (sh, sw), (dh, dw) = (
        w["weight"].shape[2:],
        pair(op.stride),
        pair(op.dilation),
    )
    (ph, pw), (eh, ew) = pair(op.padding), pair(op.output_padding)
    batch, channels, height, width = x[0].shape
    full = (height - 1) * sh + dh * (kh - 1) + 1 + eh
    wide = (width - 1) * sw + dw * (kw - 1) + 1 + ew
    made = np.zeros((batch, op.channels, full, wide), x[0].dtype)
    parts = x[0].reshape(batch, op.groups, channels // op.groups, -1)
    weight = w["weight"].reshape(op.groups, channels // op.groups, -1, kh, kw)
    for i, j in np.ndindex(kh, kw):
        put = weight[..., i, j].swapaxes(1, 2) @ parts
        place = taken(made, (i * dh, j * dw), (sh, sw), (height, width))
        place += put.reshape(place.shape)
    return biased(made[:, :, ph : full - ph, pw : wide - pw], w)


def linear(op: Any, x: list[Array], w: Arrays) -> Array:
    return biased(x[0] @ w["weight"].T, w)


# Norms


def normed(op: Any, value: Array, mean: Array, var: Array, w: Arrays) -> Array:
    made: Array = (value - mean) / np.sqrt(var + op.eps)
    if not op.affine:
        return made
    return made * by_channel(w["weight"], value) + by_channel(w["bias"], value)


def batch_norm(op: Any, x: list[Array], w: Arrays) -> Array:
    mean, var = (by_channel(w[f"running_{n}"], x[0]) for n in ("mean", "var"))
    return normed(op, x[0], mean, var, w)


def layer_norm(op: Any, x: list[Array], w: Arrays) -> Array:
    mean, var = x[0].mean(1, keepdims=True), x[0].var(1, keepdims=True)
    return normed(op, x[0], mean, var, w)


def group_norm(op: Any, x: list[Array], w: Arrays) -> Array:
    batch, channels = x[0].shape[:2]
    parts, each = x[0].reshape(batch, op.groups, -1), channels // op.groups
    mean, var = (
        np.repeat(v, each, 1).reshape(batch, channels, 1, 1)
        for v in (parts.mean(2), parts.var(2))
    )
    return normed(op, x[0], mean, var, w)


def local_response_norm(op: Any, x: list[Array], w: Arrays) -> Array:
    squares, before, after = x[0] ** 2, op.size // 2, (op.size - 1) // 2
    near = [
        squares[:, max(0, c - before) : c + after + 1] for c in range(x[0].shape[1])
    ]
    total = np.stack([part.sum(1) for part in near], 1)
    made: Array = x[0] / (op.k + op.alpha / op.size * total) ** op.beta
    return made


# Pools and sizes


def windows(op: Any, value: Array, size: Any, fill: float, dilation: Any = 1) -> Array:
    """Every window's values on a last axis; what hangs over the end is `fill`."""
    kernel, step, spread = pair(op.kernel), op.steps(), pair(dilation)
    over = [
        (0, max((n - 1) * s + (k - 1) * d + 1 - given, 0))
        for n, s, k, d, given in zip(
            size, step, kernel, spread, value.shape[2:], strict=True
        )
    ]
    value = padded(value, (over[0], over[1]), fill)
    places = [(i * spread[0], j * spread[1]) for i, j in np.ndindex(*kernel)]
    return np.stack([taken(value, place, step, size) for place in places], -1)


def max_pool2d(op: Any, x: list[Array], w: Arrays) -> Array:
    size, sides = op.shape(x[0].shape[1:])[1:], op.sides(*x[0].shape[2:])
    value = padded(x[0], sides, -math.inf)
    return np.asarray(windows(op, value, size, -math.inf, op.dilation).max(-1))


def avg_pool2d(op: Any, x: list[Array], w: Arrays) -> Array:
    size, sides = op.shape(x[0].shape[1:])[1:], op.sides(*x[0].shape[2:])
    padding_counts = op.count_include_pad and op.padding != "same"
    counted = padded(np.ones_like(x[0][:1, :1]), sides, float(padding_counts))
    total = windows(op, padded(x[0], sides), size, 0.0).sum(-1)
    return np.asarray(total / windows(op, counted, size, 0.0).sum(-1))


def adaptive(reduce: Callable[..., Any]) -> Rule:
    def pool(op: Any, x: list[Array], w: Arrays) -> Array:
        (height, width), (rows, columns) = x[0].shape[2:], pair(op.size)
        made = np.zeros((*x[0].shape[:2], rows, columns), x[0].dtype)
        for i, j in np.ndindex(rows, columns):
            down = slice(i * height // rows, -(-(i + 1) * height // rows))
            across = slice(j * width // columns, -(-(j + 1) * width // columns))
            made[:, :, i, j] = reduce(x[0][:, :, down, across], (2, 3))
        return made

    return pool


def pad(op: Any, x: list[Array], w: Arrays) -> Array:
    return np.pad(x[0], ((0, 0), pair(op.channels), *four_sides(op.spatial)))


def resize(op: Any, x: list[Array], w: Arrays) -> Array:
    size = op.shape(*[v.shape[1:] for v in x])[1:]
    factors = op.scale if isinstance(op.scale, tuple) else (op.scale, op.scale)
    made = x[0]
    for axis, (length, factor) in enumerate(zip(size, factors, strict=True), 2):
        given = made.shape[axis]
        if op.mode == "nearest":  # torch computes these places in float32
            single = (
                np.float32(1 / factor)
                if factor
                else np.float32(given) / np.float32(length)
            )
            places = [int(np.float32(i) * single) for i in range(length)]
            made = made.take(np.minimum(places, given - 1), axis)
            continue
        step = 1 / factor if factor else given / length
        at = np.maximum((np.arange(length) + 0.5) * step - 0.5, 0)
        low = np.minimum(at.astype(int), given - 1)
        high = np.minimum(low + 1, given - 1)
        part = (at - low).reshape([-1 if n == axis else 1 for n in range(4)])
        made = made.take(low, axis) * (1 - part) + made.take(high, axis) * part
    return made


def pixel_shuffle(op: Any, x: list[Array], w: Arrays) -> Array:
    batch, channels, height, width = x[0].shape
    r, left = op.factor, channels // op.factor**2
    moved = x[0].reshape(batch, left, r, r, height, width).transpose(0, 1, 4, 2, 5, 3)
    return moved.reshape(batch, left, height * r, width * r)


def channel_shuffle(op: Any, x: list[Array], w: Arrays) -> Array:
    batch, channels, *size = x[0].shape
    parts = x[0].reshape(batch, op.groups, channels // op.groups, *size)
    return parts.swapaxes(1, 2).reshape(x[0].shape)


def flatten(op: Any, x: list[Array], w: Arrays) -> Array:
    moved = x[0].ndim == 4 and op.order == "hwc"
    return (x[0].transpose(0, 2, 3, 1) if moved else x[0]).reshape(len(x[0]), -1)


# Activations


def positive(x: Array) -> Array:
    return np.asarray(np.maximum(x, 0))


def six(x: Array) -> Array:
    return np.asarray(np.minimum(np.maximum(x, 0), 6))


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def softplus(x: Array) -> Array:
    return np.asarray(positive(x) + np.log1p(np.exp(-np.abs(x))))


def leaky(x: Array, slope: Any) -> Array:
    return np.where(x > 0, x, slope * x)


def elu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def selu(x: Array) -> Array:
    """alpha and scale of https://arxiv.org/abs/1706.02515."""
    return 1.0507009873554804934 * elu(x, 1.6732632423543772848)


def gelu(op: Any, x: list[Array], w: Arrays) -> Array:
    if op.approximate == "none":
        return np.asarray(x[0] / 2 * (1 + erf(x[0] / math.sqrt(2))))
    inner = math.sqrt(2 / math.pi) * (x[0] + 0.044715 * x[0] ** 3)
    return np.asarray(x[0] / 2 * (1 + np.tanh(inner)))


def prelu(op: Any, x: list[Array], w: Arrays) -> Array:
    return leaky(x[0], w["weight"] if op.shared else by_channel(w["weight"], x[0]))


def log_softmax(x: Array) -> Array:
    moved = x - x.max(1, keepdims=True)
    return np.asarray(moved - np.log(np.exp(moved).sum(1, keepdims=True)))


def of_one(function: Callable[[Array], Any]) -> Rule:
    return lambda op, x, w: np.asarray(function(x[0]))


def folded(join: Callable[[Array, Array], Any]) -> Rule:
    def all_of(op: Any, x: list[Array], w: Arrays) -> Array:
        made = x[0]
        for value in x[1:]:
            made = join(made, value)
        return made

    return all_of


RULES: dict[str, Rule] = {
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "linear": linear,
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "group_norm": group_norm,
    "local_response_norm": local_response_norm,
    "scale": lambda op, x, w: x[0] * by_channel(w[op.weight], x[0]),
    "max_pool2d": max_pool2d,
    "avg_pool2d": avg_pool2d,
    "adaptive_avg_pool2d": adaptive(np.mean),
    "adaptive_max_pool2d": adaptive(np.max),
    "global_avg_pool2d": of_one(lambda x: x.mean((2, 3))),
    "global_max_pool2d": of_one(lambda x: x.max((2, 3))),
    "relu": of_one(positive),
    "relu6": of_one(six),
    "leaky_relu": lambda op, x, w: leaky(x[0], op.negative_slope),
    "prelu": prelu,
    "elu": lambda op, x, w: elu(x[0], op.alpha),
    "selu": of_one(selu),
    "gelu": gelu,
    "silu": of_one(lambda x: x * sigmoid(x)),
    "mish": of_one(lambda x: x * np.tanh(softplus(x))),
    "sigmoid": of_one(sigmoid),
    "hard_sigmoid": of_one(lambda x: six(x + 3) / 6),
    "hard_swish": of_one(lambda x: x * (six(x + 3) / 6)),
    "tanh": of_one(np.tanh),
    "softplus": of_one(softplus),
    "softmax": of_one(lambda x: np.exp(log_softmax(x))),
    "log_softmax": of_one(log_softmax),
    "identity": of_one(lambda x: x),
    "dropout": of_one(lambda x: x),
    "drop_path": of_one(lambda x: x),
    "add": folded(lambda a, b: a + b),
    "subtract": folded(lambda a, b: a - b),
    "multiply": folded(lambda a, b: a * b),
    "concat": lambda op, x, w: np.concatenate(x, 1),
    "slice": lambda op, x, w: x[0][:, op.start : op.stop],
    "flatten": flatten,
    "pad": pad,
    "resize": resize,
    "pixel_shuffle": pixel_shuffle,
    "channel_shuffle": channel_shuffle,
}
"""What each kind of op computes from its attributes, what it reads, and its weights."""

"""A graph computed node by node, each op from its definition: what is right.

No printed code, no module of a framework: torch holds the float64 arrays, and a few
functions whose definition leaves no choice (a convolution, a sum) are its own. Values
are channels first with a batch axis. In eval mode: dropout does nothing, and a batch
norm takes its stored statistics.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from archspec.graph import Graph
from archspec.ops.base import Sides, four_sides, pair

Weights = Mapping[str, Tensor]
Rule = Callable[[Any, list[Tensor], Weights], Tensor]


def compute(
    graph: Graph, weights: Mapping[str, Any], images: Mapping[str, Any]
) -> dict[str, Any]:
    """The outputs of a graph as arrays, from canonical weights, channels first."""
    values = {name: torch.from_numpy(np.asarray(a)) for name, a in images.items()}
    for node in graph.nodes:
        start = f"{node.name}."
        held = [*node.op.weights(*_shapes(values, node.inputs))]
        held += [*node.op.buffers(*_shapes(values, node.inputs))]
        own = {name: torch.from_numpy(weights[start + name]) for name in held}
        read = [values[name] for name in node.inputs]
        made = RULES[node.op.kind](node.op, read, own)
        if tuple(made.shape[1:]) != node.shape:
            found = list(made.shape[1:])
            raise AssertionError(f"{node.name} is {list(node.shape)}, gives {found}")
        values[node.name] = made
    return {name: values[value].numpy() for name, value in graph.outputs.items()}


def _shapes(values: Mapping[str, Tensor], names: tuple[str, ...]) -> list[Any]:
    return [tuple(values[name].shape[1:]) for name in names]


def by_channel(weight: Tensor, value: Tensor) -> Tensor:
    """A vector laid along the channels of a value."""
    return weight.reshape(1, -1, *[1] * (value.ndim - 2))


def padded(value: Tensor, sides: Sides, fill: float = 0.0) -> Tensor:
    """An image with pixels around it."""
    (top, bottom), (left, right) = sides
    return F.pad(value, (left, right, top, bottom), value=fill)


def conv2d(op: Any, x: list[Tensor], w: Weights) -> Tensor:
    sides = op.sides(*x[0].shape[2:])
    steps, spread = pair(op.stride), pair(op.dilation)
    return F.conv2d(
        padded(x[0], sides), w["weight"], w.get("bias"), steps, 0, spread, op.groups
    )


def conv_transpose2d(op: Any, x: list[Tensor], w: Weights) -> Tensor:
    """Every pixel puts its kernel down; what falls into the padding is cut off."""
    given, weight = x[0], w["weight"]
    (kh, kw), (sh, sw), (dh, dw) = weight.shape[2:], pair(op.stride), pair(op.dilation)
    (ph, pw), (eh, ew) = pair(op.padding), pair(op.output_padding)
    batch, channels, height, width = given.shape
    groups, each = op.groups, weight.shape[1]
    full = (height - 1) * sh + dh * (kh - 1) + 1 + eh
    wide = (width - 1) * sw + dw * (kw - 1) + 1 + ew
    made = given.new_zeros(batch, groups, each, full, wide)
    parts = given.reshape(batch, groups, channels // groups, height, width)
    kernels = weight.reshape(groups, channels // groups, each, kh, kw)
    for i in range(kh):
        for j in range(kw):
            put = torch.einsum("ngchw,gco->ngohw", parts, kernels[..., i, j])
            rows = slice(i * dh, i * dh + (height - 1) * sh + 1, sh)
            columns = slice(j * dw, j * dw + (width - 1) * sw + 1, sw)
            made[..., rows, columns] += put
    made = made.reshape(batch, groups * each, full, wide)
    made = made[:, :, ph : full - ph, pw : wide - pw]
    return made if "bias" not in w else made + by_channel(w["bias"], made)


def linear(op: Any, x: list[Tensor], w: Weights) -> Tensor:
    made = x[0] @ w["weight"].T
    return made + w["bias"] if "bias" in w else made


def normed(op: Any, value: Tensor, mean: Tensor, var: Tensor, w: Weights) -> Tensor:
    made = (value - mean) / torch.sqrt(var + op.eps)
    if not op.affine:
        return made
    return made * by_channel(w["weight"], value) + by_channel(w["bias"], value)


def batch_norm(op: Any, x: list[Tensor], w: Weights) -> Tensor:
    mean, var = (by_channel(w[f"running_{n}"], x[0]) for n in ("mean", "var"))
    return normed(op, x[0], mean, var, w)


def layer_norm(op: Any, x: list[Tensor], w: Weights) -> Tensor:
    mean = x[0].mean(1, keepdim=True)
    return normed(op, x[0], mean, ((x[0] - mean) ** 2).mean(1, keepdim=True), w)


def group_norm(op: Any, x: list[Tensor], w: Weights) -> Tensor:
    parts = x[0].reshape(len(x[0]), op.groups, -1)
    mean = parts.mean(2, keepdim=True)
    var = ((parts - mean) ** 2).mean(2, keepdim=True)
    each = x[0].shape[1] // op.groups
    mean, var = (
        v.repeat_interleave(each, 1).reshape(*x[0].shape[:2], 1, 1) for v in (mean, var)
    )
    return normed(op, x[0], mean, var, w)


def local_response_norm(op: Any, x: list[Tensor], w: Weights) -> Tensor:
    squares, before, after = x[0] ** 2, op.size // 2, (op.size - 1) // 2
    total = torch.stack(
        [
            squares[:, max(0, c - before) : c + after + 1].sum(1)
            for c in range(x[0].shape[1])
        ],
        1,
    )
    made: Tensor = x[0] / (op.k + op.alpha / op.size * total) ** op.beta
    return made


def max_pool2d(op: Any, x: list[Tensor], w: Weights) -> Tensor:
    return _windows(op, x[0], op.dilation, -math.inf).amax(-1)


def avg_pool2d(op: Any, x: list[Tensor], w: Weights) -> Tensor:
    sides = op.sides(*x[0].shape[2:])
    counted = torch.ones_like(x[0][:1, :1])
    if op.count_include_pad and op.padding != "same":
        counted = padded(counted, sides, 1.0)
    else:
        counted = padded(counted, sides)
    total = _windows(op, x[0], 1, 0.0).sum(-1)
    return total / _slid(op, counted, 1, 0.0, total.shape[2:]).sum(-1)


def _windows(op: Any, value: Tensor, dilation: Any, fill: float) -> Tensor:
    shape = op.shape(tuple(value.shape[1:]))
    sides = op.sides(*value.shape[2:])
    return _slid(op, padded(value, sides, fill), dilation, fill, shape[1:])


def _slid(op: Any, value: Tensor, dilation: Any, fill: float, size: Any) -> Tensor:
    """Every window's values on a last axis; what hangs over the end is `fill`."""
    (kh, kw), (sh, sw), (dh, dw) = pair(op.kernel), op.steps(), pair(dilation)
    height, width = size
    below = max((height - 1) * sh + (kh - 1) * dh + 1 - value.shape[2], 0)
    right = max((width - 1) * sw + (kw - 1) * dw + 1 - value.shape[3], 0)
    value = padded(value, ((0, below), (0, right)), fill)
    return torch.stack(
        [
            value[:, :, i * dh :: sh, j * dw :: sw][:, :, :height, :width]
            for i in range(kh)
            for j in range(kw)
        ],
        -1,
    )


def adaptive(reduce: Callable[[Tensor], Tensor]) -> Rule:
    def pool(op: Any, x: list[Tensor], w: Weights) -> Tensor:
        (height, width), (rows, columns) = x[0].shape[2:], pair(op.size)
        made = x[0].new_zeros(*x[0].shape[:2], rows, columns)
        for i in range(rows):
            for j in range(columns):
                down = slice(i * height // rows, -(-(i + 1) * height // rows))
                across = slice(j * width // columns, -(-(j + 1) * width // columns))
                made[:, :, i, j] = reduce(x[0][:, :, down, across])
        return made

    return pool


def pad(op: Any, x: list[Tensor], w: Weights) -> Tensor:
    before, after = pair(op.channels)
    return F.pad(padded(x[0], four_sides(op.spatial)), (0, 0, 0, 0, before, after))


def resize(op: Any, x: list[Tensor], w: Weights) -> Tensor:
    size = op.shape(*[tuple(v.shape[1:]) for v in x])[1:]
    factors = op.scale if isinstance(op.scale, tuple) else (op.scale, op.scale)
    made = x[0]
    for axis, (length, factor) in enumerate(zip(size, factors, strict=True), 2):
        given = made.shape[axis]
        if op.mode == "nearest":  # torch computes these places in float32
            step = np.float32(given) / np.float32(length)
            step = step if factor is None else np.float32(1 / factor)
            places = [int(np.floor(np.float32(i) * step)) for i in range(length)]
            made = made.index_select(axis, torch.tensor(places).clamp(max=given - 1))
            continue
        step = given / length if factor is None else 1 / factor
        at = ((torch.arange(length, dtype=x[0].dtype) + 0.5) * step - 0.5).clamp(min=0)
        low = at.floor().long().clamp(max=given - 1)
        high = (low + 1).clamp(max=given - 1)
        part = (at - low).reshape([-1 if n == axis else 1 for n in range(4)])
        made = made.index_select(axis, low) * (1 - part) + part * made.index_select(
            axis, high
        )
    return made


def pixel_shuffle(op: Any, x: list[Tensor], w: Weights) -> Tensor:
    batch, channels, height, width = x[0].shape
    r = op.factor
    parts = x[0].reshape(batch, channels // r**2, r, r, height, width)
    moved = parts.permute(0, 1, 4, 2, 5, 3)
    return moved.reshape(batch, channels // r**2, height * r, width * r)


def channel_shuffle(op: Any, x: list[Tensor], w: Weights) -> Tensor:
    batch, channels, *size = x[0].shape
    parts = x[0].reshape(batch, op.groups, channels // op.groups, *size)
    return parts.transpose(1, 2).reshape(x[0].shape)


def flatten(op: Any, x: list[Tensor], w: Weights) -> Tensor:
    moved = x[0].ndim == 4 and op.order == "hwc"
    return (x[0].permute(0, 2, 3, 1) if moved else x[0]).reshape(len(x[0]), -1)


def softplus(x: Tensor) -> Tensor:
    return x.clamp(min=0) + torch.log1p(torch.exp(-x.abs()))


def gelu(op: Any, x: list[Tensor], w: Weights) -> Tensor:
    if op.approximate == "none":
        return x[0] / 2 * (1 + torch.erf(x[0] / math.sqrt(2)))
    inner = math.sqrt(2 / math.pi) * (x[0] + 0.044715 * x[0] ** 3)
    return x[0] / 2 * (1 + torch.tanh(inner))


def prelu(op: Any, x: list[Tensor], w: Weights) -> Tensor:
    slope = w["weight"] if op.shared else by_channel(w["weight"], x[0])
    return torch.where(x[0] > 0, x[0], slope * x[0])


def softmax(op: Any, x: list[Tensor], w: Weights) -> Tensor:
    made = torch.exp(x[0] - x[0].amax(1, keepdim=True))
    return made / made.sum(1, keepdim=True)


def log_softmax(op: Any, x: list[Tensor], w: Weights) -> Tensor:
    moved = x[0] - x[0].amax(1, keepdim=True)
    return moved - torch.log(torch.exp(moved).sum(1, keepdim=True))


def elu(x: Tensor, alpha: float, scale: float = 1.0) -> Tensor:
    return scale * torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))


def six(x: Tensor) -> Tensor:
    return x.clamp(0, 6)


def folded(join: Callable[[Tensor, Tensor], Tensor]) -> Rule:
    def all_of(op: Any, x: list[Tensor], w: Weights) -> Tensor:
        made = x[0]
        for value in x[1:]:
            made = join(made, value)
        return made

    return all_of


def of_one(function: Callable[[Tensor], Tensor]) -> Rule:
    return lambda op, x, w: function(x[0])


SELU = 1.6732632423543772848, 1.0507009873554804934
"""alpha and scale of https://arxiv.org/abs/1706.02515."""

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
    "adaptive_avg_pool2d": adaptive(lambda part: part.mean((2, 3))),
    "adaptive_max_pool2d": adaptive(lambda part: part.amax((2, 3))),
    "global_avg_pool2d": of_one(lambda x: x.mean((2, 3))),
    "global_max_pool2d": of_one(lambda x: x.amax((2, 3))),
    "relu": of_one(lambda x: x.clamp(min=0)),
    "relu6": of_one(six),
    "leaky_relu": lambda op, x, w: torch.where(x[0] > 0, x[0], op.negative_slope * x[0]),
    "prelu": prelu,
    "elu": lambda op, x, w: elu(x[0], op.alpha),
    "selu": of_one(lambda x: elu(x, *SELU)),
    "gelu": gelu,
    "silu": of_one(lambda x: x / (1 + torch.exp(-x))),
    "mish": of_one(lambda x: x * torch.tanh(softplus(x))),
    "sigmoid": of_one(lambda x: 1 / (1 + torch.exp(-x))),
    "hard_sigmoid": of_one(lambda x: six(x + 3) / 6),
    "hard_swish": of_one(lambda x: x * (six(x + 3) / 6)),
    "tanh": of_one(torch.tanh),
    "softplus": of_one(softplus),
    "softmax": softmax,
    "log_softmax": log_softmax,
    "identity": of_one(lambda x: x),
    "dropout": of_one(lambda x: x),
    "drop_path": of_one(lambda x: x),
    "add": folded(lambda a, b: a + b),
    "subtract": folded(lambda a, b: a - b),
    "multiply": folded(lambda a, b: a * b),
    "concat": lambda op, x, w: torch.cat(x, 1),
    "slice": lambda op, x, w: x[0][:, op.start : op.stop],
    "flatten": flatten,
    "pad": pad,
    "resize": resize,
    "pixel_shuffle": pixel_shuffle,
    "channel_shuffle": channel_shuffle,
}
"""What each kind of op computes from its attributes, what it reads, and its weights."""

"""Gradients of one op on exact data, by its definition.

An op's adjoint takes a cotangent, a number for each value of the output, to the
gradients of sum(output x cotangent) by all that the op reads. None is written down but
those of the kernels. An op that moves values about is run once on numbers of places; of
one that is affine in each value the slope is f(1) - f(0); an average is run on an image
for each row and each column; and an activation is looked at on both sides of each
value:

    >>> import numpy as np
    >>> from archspec.ops.activation import Relu
    >>> x, cotangent = np.array([[-2.0, 0.0, 3.0]]), np.array([[5.0, 6.0, 7.0]])
    >>> adjoint(Relu(), cotangent, x)[0]
    array([[0., 0., 7.]])

At a kink, as at this 0, it is the slope of the flatter side that counts, in a maximum
the first of the places that are alike: so PyTorch and TensorFlow have it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspec.ops import Op, pair
from archspec.ops.base import STATISTICS
from archspec.ops.convolution import Conv2d, ConvTranspose2d, Linear
from archspec.ops.shaping import Resize
from archspec.passes.unrounded import key
from archspec.reference import compute
from archspec.reference.images import bordered, channelwise, through
from archspec.verify.dyadic import BITS, bits, granule, single

Array = NDArray[Any]
Gradients = dict[int | str, Array]
"""By the position of an input, and by the name of a weight in the op."""

STEP = 2.0**-16
"""How far the sides of a value are looked at, and no further than a quarter granule."""
WIDTH = 2.0**60
"""More steps than this don't fit beside a value."""
KINK = 2.0**-10
"""Slopes to both sides that are further apart are a kink."""
NEAR = 1e-8
"""A slope is this near to a number of few bits, or it isn't exact."""
MANTISSA = 2**16
"""What few bits are."""
SHARE = 16
"""Bits of what a pixel counts in a mean, beside another one's."""
FLATTER = frozenset(("relu", "relu6"))
"""Kinks of which all frameworks think alike: there the gradient is 0."""


class Inexact(ArithmeticError):
    """A gradient can't be relied on bit for bit; the message says why."""


def adjoint(
    op: Op,
    cotangent: Array,
    *inputs: Array,
    stored: Mapping[str, Array] | None = None,
) -> Gradients:
    """The gradients of sum(output x cotangent), in evaluation mode.

    Args:
        op: one of which floats round nothing on these values.
        cotangent: of the output's shape, in float64.
        inputs: what the op reads, with a batch axis, channels first.
        stored: its weights and statistics by their names in the op.

    Raises:
        Inexact: of such an op there are none, or not on these values.
    """
    kind = ADJOINTS.get(key(op))
    if kind is None:
        raise Inexact(f"{op.kind} has no exact gradients")
    return kind(op, cotangent, inputs, stored or {})


Inputs = tuple[Array, ...]
Stored = Mapping[str, Array]


def _moved(op: Op, cotangent: Array, inputs: Inputs, stored: Stored) -> Gradients:
    """Each place of the output comes from one place of the inputs, or from none."""
    counts = [x[0].size for x in inputs]
    starts = np.cumsum([1, *counts])
    numbers = [
        np.arange(start, start + count, dtype=float).reshape(1, *x.shape[1:])
        for start, count, x in zip(starts, counts, inputs, strict=False)
    ]
    source = compute(op, *numbers).astype(int).ravel()
    return _returned(cotangent, np.broadcast_to(source, _rows(cotangent).shape), inputs)


def _largest(op: Op, cotangent: Array, inputs: Inputs, stored: Stored) -> Gradients:
    """As a move, once all values of an image stand in an order, the first one first."""
    (x,) = inputs
    first, last = (_winners(op, x, sign) for sign in (1, -1))
    alike = (first != last) & (_rows(cotangent) != 0)
    if op.kind != "max_pool2d" and alike.any():
        raise Inexact(f"{op.kind} of values that are alike")
    return _returned(cotangent, first, inputs)


def _winners(op: Op, x: Array, sign: int) -> NDArray[np.intp]:
    """Which place wins, counted from 1; of those that are alike the first or last."""
    flat = _rows(x)
    backwards = flat[:, ::-1] if sign > 0 else flat
    order = np.argsort(backwards, axis=1, kind="stable")
    if sign > 0:
        order = flat.shape[1] - 1 - order
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(flat.shape[1])[None], 1)
    won = compute(op, ranks.reshape(x.shape).astype(float)).astype(int)
    return np.take_along_axis(order, _rows(won), 1) + 1


def _returned(cotangent: Array, source: NDArray[np.intp], inputs: Inputs) -> Gradients:
    """Takes each number back to the place where its value came from."""
    counts = [x[0].size for x in inputs]
    whole = sum(counts) + 1
    rows = np.arange(len(cotangent))[:, None] * whole
    back = np.bincount(
        (source + rows).ravel(), cotangent.ravel(), whole * len(cotangent)
    ).reshape(len(cotangent), whole)
    parts = np.split(back[:, 1:], np.cumsum(counts)[:-1], axis=1)
    return {
        number: part.reshape(x.shape)
        for number, (part, x) in enumerate(zip(parts, inputs, strict=True))
    }


def _affine(op: Op, cotangent: Array, inputs: Inputs, stored: Stored) -> Gradients:
    """Of each value that it reads the slope is f(1) - f(0)."""
    found: Gradients = {}
    for number, x in enumerate(inputs):
        one, none = (
            compute(op, *_with(inputs, number, np.full_like(x, v)), stored=stored)
            for v in (1, 0)
        )
        found[number] = _gathered(cotangent * (one - none), x)
    return {**found, **_weighted(op, cotangent, inputs, stored)}


def _weighted(op: Op, cotangent: Array, inputs: Inputs, stored: Stored) -> Gradients:
    """The same for the weights, of which each counts at many places."""
    found: Gradients = {}
    for name, weight in stored.items():
        if op.role(name) not in STATISTICS:
            one, none = (
                compute(op, *inputs, stored={**stored, name: np.full_like(weight, v)})
                for v in (1, 0)
            )
            each = channelwise(weight, cotangent)
            slopes = cotangent * (one - none)
            found[name] = _gathered(slopes, each).reshape(weight.shape)
    return found


def _curved(op: Op, cotangent: Array, inputs: Inputs, stored: Stored) -> Gradients:
    """The slope at each value, from what lies a step to either side."""
    (x,) = inputs
    step = min(STEP, granule(x) / 4)
    if np.abs(x).max(initial=0) / step > WIDTH:
        raise Inexact(f"{op.kind} of values that take many bits")
    wide = x.astype(np.longdouble)
    below, here, above = (
        compute(op, wide + by, stored=stored) for by in (-step, 0, step)
    )
    left, right = (here - below) / step, (above - here) / step
    kinks = np.abs(right - left) > KINK
    if op.kind not in FLATTER and (kinks & (cotangent != 0)).any():
        raise Inexact(f"{op.kind} at a kink")
    flatter = np.where(np.abs(left) < np.abs(right), left, right)
    slopes = _few(np.where(kinks, flatter, (above - below) / (2 * step)))
    if np.isnan(slopes[cotangent != 0]).any():
        raise Inexact(f"{op.kind} has slopes of many bits")
    found: Gradients = {0: np.where(cotangent != 0, slopes, 0) * cotangent}
    return {**found, **_weighted(op, cotangent, inputs, stored)}


def _few(slopes: Array) -> Array:
    """The numbers of few bits that are meant; NaN where there is none."""
    slopes = np.where(np.abs(slopes) < NEAR, 0, slopes)
    mantissas, exponents = np.frexp(slopes)
    short = np.round(mantissas * MANTISSA) / MANTISSA
    near = np.abs(short - mantissas) < NEAR
    return np.where(near, np.ldexp(short, exponents), np.nan).astype(float)


def _averaged(op: Op, cotangent: Array, inputs: Inputs, stored: Stored) -> Gradients:
    """Each row and each column of the output is a mean of some of the input's.

    So the output is A x B', and images of ones in one row, in one column and throughout
    show A and B, but for a factor.
    """
    x, *like = inputs
    height, width = x.shape[2:]

    def seen(images: Array) -> Array:
        made = compute(op, images, *like)
        return made.reshape(len(images), *(made.shape[2:] or (1, 1)))

    rows = np.broadcast_to(np.eye(height)[:, None, :, None], (height, 1, height, width))
    columns = np.broadcast_to(np.eye(width)[:, None, None], (width, 1, height, width))
    down, across = seen(rows)[:, :, 0], seen(columns)[:, 0, :]
    # A pixel beside the border is shared with itself, which may round.
    apart = np.array([height / len(down[0]), width / len(across[0])])
    between = bits(apart) if isinstance(op, Resize) else 0
    if max(bits(down), bits(across), between) > SHARE:
        raise Inexact(f"{op.kind} with shares of many bits")
    factor = seen(np.ones((1, 1, height, width)))[0, 0, 0]
    images = cotangent.reshape(*x.shape[:2], down.shape[1], across.shape[1])
    found: Gradients = {0: down @ images @ across.T / factor}
    taken = max(bits(cotangent), bits(found[0])) if single(op) else 0
    if taken > BITS["float32"]:
        raise Inexact(f"{op.kind} of a gradient of {taken} bits")
    return {**found, **{n: np.zeros_like(v) for n, v in enumerate(like, 1)}}


# Kernels


def _conv2d(op: Conv2d, cotangent: Array, inputs: Inputs, stored: Stored) -> Gradients:
    """As the definition, where what is read is written and the other way round."""
    (x,) = inputs
    weight, sides = stored["weight"], op.sides(*x.shape[2:])
    padded = bordered(x, sides)
    grown, kernel = np.zeros_like(padded), np.empty_like(weight)
    height, width = cotangent.shape[2:]
    given = cotangent.reshape(len(x), op.groups, -1, height * width)
    steps = pair(op.kernel), pair(op.stride), pair(op.dilation), (height, width)
    views = zip(through(padded, *steps), through(grown, *steps), strict=True)
    for ((i, j), seen), (_, written) in views:
        read = seen.reshape(len(x), op.groups, -1, height * width)
        place = weight[:, :, i, j].reshape(op.groups, -1, read.shape[2])
        kernel[:, :, i, j] = _products(given, read).reshape(weight.shape[:2])
        written += (place.swapaxes(1, 2) @ given).reshape(written.shape)
    (top, _), (left, _) = sides
    inner = grown[:, :, top : top + x.shape[2], left : left + x.shape[3]]
    return _with_bias({0: inner, "weight": kernel}, cotangent, stored)


def _conv_transpose2d(
    op: ConvTranspose2d, cotangent: Array, inputs: Inputs, stored: Stored
) -> Gradients:
    (x,) = inputs
    weight, (down, across) = stored["weight"], pair(op.padding)
    framed = bordered(cotangent, ((down, down), (across, across)))
    height, width = x.shape[2:]
    read = x.reshape(len(x), op.groups, -1, height * width)
    grown, kernel = np.zeros_like(read), np.empty_like(weight)
    steps = pair(op.kernel), pair(op.stride), pair(op.dilation), (height, width)
    for (i, j), seen in through(framed, *steps):
        given = seen.reshape(len(x), op.groups, -1, height * width)
        place = weight[:, :, i, j].reshape(op.groups, read.shape[2], -1)
        kernel[:, :, i, j] = _products(read, given).reshape(weight.shape[:2])
        grown += place @ given
    found: Gradients = {0: grown.reshape(x.shape), "weight": kernel}
    return _with_bias(found, cotangent, stored)


def _linear(op: Linear, cotangent: Array, inputs: Inputs, stored: Stored) -> Gradients:
    (x,) = inputs
    found: Gradients = {0: cotangent @ stored["weight"], "weight": cotangent.T @ x}
    return _with_bias(found, cotangent, stored)


def _products(rows: Array, columns: Array) -> Array:
    """[G, R, C] of [N, G, R, P] and [N, G, C, P]."""
    made: Array = (rows @ columns.swapaxes(2, 3)).sum(0)
    return made


def _with_bias(found: Gradients, cotangent: Array, stored: Stored) -> Gradients:
    if "bias" in stored:
        found["bias"] = _gathered(cotangent, channelwise(stored["bias"], cotangent))
        found["bias"] = found["bias"].reshape(stored["bias"].shape)
    return found


def _gathered(slopes: Array, value: Array) -> Array:
    """The sum over the places at which a number of `value` counts."""
    alone = zip(value.shape, slopes.shape, strict=True)
    axes = tuple(axis for axis, (own, all_) in enumerate(alone) if own < all_)
    made: Array = slopes.sum(axes, keepdims=True)
    return made


def _with(inputs: Inputs, number: int, value: Array) -> list[Array]:
    return [value if n == number else x for n, x in enumerate(inputs)]


def _rows(values: Array) -> Array:
    """An image a row."""
    return values.reshape(len(values), -1)


BY_ADJOINT: dict[Callable[..., Gradients], str] = {
    _conv2d: "conv2d",
    _conv_transpose2d: "conv_transpose2d",
    _linear: "linear",
    _affine: "add, subtract, multiply, scale, batch_norm",
    _curved: "relu, relu6, leaky_relu, prelu, elu, selu, silu, gelu, mish, sigmoid, "
    "hard_sigmoid, hard_swish, tanh, softplus",
    _moved: "identity, dropout, drop_path, concat, slice, flatten, pad, pixel_shuffle, "
    "channel_shuffle, resize nearest",
    _largest: "max_pool2d, adaptive_max_pool2d, global_max_pool2d",
    _averaged: "avg_pool2d, adaptive_avg_pool2d, global_avg_pool2d, resize bilinear",
}
ADJOINTS = {
    kind: function for function, text in BY_ADJOINT.items() for kind in text.split(", ")
}
"""By kind; a resize with its mode. Shares (softmax) and norms by group have none."""

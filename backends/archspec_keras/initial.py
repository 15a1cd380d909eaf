"""Initial weights in Keras' words: an initializer for each weight that wants one."""

from __future__ import annotations

import math
from fractions import Fraction

from archspec.ops import Op, Shape
from archspec.ops.convolution import Conv2d, multiplier
from archspec.ops.init import (
    AnyInit,
    Constant,
    Kaiming,
    KaimingNormal,
    Normal,
    TruncNormal,
    Uniform,
    XavierNormal,
    XavierUniform,
)
from archspec.source.functions import Constants
from archspec.source.outline import OpUse
from archspec.source.text import Call, Code, Doc, call
from archspec.weights.layouts import ATTRIBUTES

GAINS = {"relu": 2.0, "linear": 1.0, "sigmoid": 1.0, "tanh": 25 / 9, "selu": 9 / 16}
"""Squares of torch.nn.init.calculate_gain."""
USUAL: dict[str, AnyInit] = {
    "kernel": XavierUniform(),
    "gamma": Constant(value=1.0),
    **dict.fromkeys(("bias", "beta", "alpha"), Constant(value=0.0)),
}
"""What Keras starts from by itself."""


def started(use: OpUse, made: Call, constants: Constants) -> Call:
    """A layer's call with the initializers of all weights that start otherwise."""
    op, shapes = use.ops[0], use.shapes[0]
    depth = _depth(op, shapes)
    found = []
    for name in dict.fromkeys(name for op in use.ops for name in op.weights(*shapes)):
        attribute = ATTRIBUTES[op.role(name)]
        if attribute == "kernel" and made.fn == "layers.DepthwiseConv2D":
            attribute = "depthwise"
        init = op.initial(name)
        if init != USUAL.get(attribute):
            value = _initializer(init, depth, constants)
            found.append((f"{attribute}_initializer", value))
    return Call(made.fn, made.args, (*made.kwargs, *found))


def _initializer(init: AnyInit, depth: int, constants: Constants) -> Doc:
    """What gives or draws the weights.

    Keras draws the same numbers twice from one initializer; from its config every layer
    makes one of its own.
    """
    if isinstance(init, XavierNormal | XavierUniform) and not (init.gain**2):
        init = Constant(value=0.0)  # for VarianceScaling no scale is too little
    if isinstance(init, Constant):
        plain = {0.0: "zeros", 1.0: "ones"}.get(init.value)
        return plain or Call("initializers.Constant", (init.value,))
    config = Call("initializers.serialize", (words(init, depth),))
    name = init.name.replace("kaiming", "he").replace("xavier", "glorot")
    return constants.name(name.upper(), config)


def _depth(op: Op, shapes: tuple[Shape, ...]) -> int:
    """The outputs per channel of a depthwise convolution; 0 for anything else."""
    return multiplier(op, shapes) if isinstance(op, Conv2d) else 0


def undrawn(op: Op, shapes: tuple[Shape, ...]) -> str | None:
    """Why Keras can't draw an op's initial weights, or None."""
    depth = _depth(op, shapes)
    for name in op.weights(*shapes):
        init = op.initial(name)
        if depth > 1 and isinstance(init, XavierNormal | XavierUniform):
            return (
                f"there is no {init.name} for a depthwise convolution with {depth} "
                "outputs per channel"
            )
        if isinstance(init, TruncNormal) and not (_wide(init) or _usual(init)):
            return (
                "a normal distribution is cut at two standard deviations, "
                f"not at {init.a} and {init.b}"
            )
    return None


def _wide(init: TruncNormal) -> bool:
    """Whether PyTorch cuts it where nothing is."""
    return min(init.mean - init.a, init.b - init.mean) >= 8 * init.std


def _usual(init: TruncNormal) -> bool:
    """Whether it is cut where Keras cuts."""
    return init.mean - init.a == init.b - init.mean == 2 * init.std


def words(init: AnyInit, depth: int) -> Call:
    """The initializer that draws from the same distribution.

    `depth` is the outputs per channel of a depthwise convolution, whose fans Keras
    counts the other way round; 0 for anything else.
    """
    if isinstance(init, Kaiming):
        square = GAINS.get(init.nonlinearity, 2.0 / (1.0 + init.a**2))
        mode: str = init.mode
        if depth:
            mode = "fan_in" if mode == "fan_out" else "fan_out"
            square = square * depth if init.mode == "fan_in" else square / depth
        return _scaled(square, mode, isinstance(init, KaimingNormal))
    if isinstance(init, XavierNormal | XavierUniform):
        return _scaled(init.gain**2, "fan_avg", isinstance(init, XavierNormal))
    if isinstance(init, Uniform):
        bounds = {"minval": (init.a, -0.05), "maxval": (init.b, 0.05)}
        return call("initializers.RandomUniform", **bounds)
    assert isinstance(init, Normal | TruncNormal)
    cut = isinstance(init, TruncNormal) and not _wide(init)
    name = "TruncatedNormal" if cut else "RandomNormal"
    told = {"mean": (init.mean, 0.0), "stddev": (init.std, 0.05)}
    return call(f"initializers.{name}", **told)


def _scaled(scale: float, mode: str, normal: bool) -> Call:
    distribution = "untruncated_normal" if normal else "uniform"
    args = (_fraction(scale), mode, distribution)
    return Call("initializers.VarianceScaling", args)


def _fraction(number: float) -> Doc:
    """A number as people write it: 1 / 3."""
    found = Fraction(number).limit_denominator(99)
    p, q = found.numerator, found.denominator
    close = math.isclose(number, p / q, rel_tol=1e-14)
    return Code(f"{p} / {q}") if close and len(repr(p / q)) > 6 else float(number)

"""Initial weights in Keras' words: an initializer for each layer that wants one."""

from __future__ import annotations

import math
from fractions import Fraction

from archspec.errors import UnsupportedError
from archspec.ops.base import Role
from archspec.ops.convolution import multiplier
from archspec.ops.init import (
    AnyInit,
    Constant,
    KaimingNormal,
    KaimingUniform,
    Normal,
    TruncNormal,
    Uniform,
    XavierNormal,
    XavierUniform,
)
from archspec.source.outline import OpUse
from archspec.source.text import Call, Code, Doc, call
from archspec_keras.steps import first

GAINS = {"relu": 2.0, "linear": 1.0, "sigmoid": 1.0, "tanh": 25 / 9, "selu": 9 / 16}
"""Squares of torch.nn.init.calculate_gain."""

ARGUMENTS: dict[Role, tuple[str, float | None]] = {
    "kernel": ("kernel_initializer", None),
    "bias": ("bias_initializer", 0.0),
    "factor": ("gamma_initializer", 1.0),
    "offset": ("beta_initializer", 0.0),
    "slope": ("alpha_initializer", 0.0),
    "scale": ("kernel_initializer", None),
}
"""A parameter's keyword in Keras, and the constant that Keras starts from."""

Words = tuple[str, tuple[tuple[str, Doc], ...]]


class Initials:
    """Adds initializers to layers that don't start so by themselves."""

    def __call__(self, use: OpUse, made: Call) -> Call:
        """The layer's call with its initializers."""
        op = first(use)
        found = []
        for name in op.weights(*use.shapes[0]):
            keyword = self._keyword(op.role(name), op.initial(name), self._depth(use))
            if keyword is None:
                continue
            key, value = keyword
            if made.fn == "layers.DepthwiseConv2D" and key == "kernel_initializer":
                key = "depthwise_initializer"
            found.append((key, value))
        return Call(made.fn, made.args, (*made.kwargs, *found))

    @staticmethod
    def _depth(use: OpUse) -> int:
        op = first(use)
        return multiplier(op, use.shapes[0]) if op.kind == "conv2d" else 0

    def _keyword(self, role: Role, init: AnyInit, depth: int) -> tuple[str, Doc] | None:
        """The keyword and its value; None where Keras starts from it already."""
        key, usual = ARGUMENTS[role]
        if isinstance(init, Constant):
            if init.value == usual:
                return None
            if init.value in (0.0, 1.0):
                return key, "ones" if init.value else "zeros"
        if init == XavierUniform() and depth == 0 and usual is None:
            return None
        return key, words(init, depth)


def words(init: AnyInit, depth: int) -> Call:
    """The initializer that draws from the same distribution.

    `depth` is the outputs per channel of a depthwise convolution, whose fans Keras
    counts the other way round; 0 for anything else.
    """
    prefix = "initializers."
    if isinstance(init, KaimingNormal | KaimingUniform):
        square = GAINS.get(init.nonlinearity, 2.0 / (1.0 + init.a**2))
        mode = init.mode
        if depth:
            mode = "fan_in" if mode == "fan_out" else "fan_out"
            square = square * depth if init.mode == "fan_in" else square / depth
        return _scaled(square, mode, isinstance(init, KaimingNormal))
    if isinstance(init, XavierNormal | XavierUniform):
        if depth > 1:
            raise UnsupportedError(
                f"Keras has no {init.name} for a depthwise convolution with {depth} "
                "outputs per channel"
            )
        return _scaled(init.gain**2, "fan_avg", isinstance(init, XavierNormal))
    if isinstance(init, TruncNormal):
        low, high = init.mean - init.a, init.b - init.mean
        if min(low, high) >= 8 * init.std:  # torch cuts where nothing is
            return words(Normal(mean=init.mean, std=init.std), depth)
        if low != high or low != 2 * init.std:
            raise UnsupportedError(
                "Keras cuts a normal distribution at two standard deviations, "
                f"not at {init.a} and {init.b}"
            )
        return call(
            f"{prefix}TruncatedNormal", mean=(init.mean, 0.0), stddev=(init.std, 0.05)
        )
    if isinstance(init, Normal):
        return call(
            f"{prefix}RandomNormal", mean=(init.mean, 0.0), stddev=(init.std, 0.05)
        )
    if isinstance(init, Uniform):
        return call(
            f"{prefix}RandomUniform", minval=(init.a, -0.05), maxval=(init.b, 0.05)
        )
    return Call(f"{prefix}Constant", (init.value,))


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

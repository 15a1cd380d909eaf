"""Initial weights as frameworks say them: a variance by the fans of a weight.

>>> scaling(KaimingNormal(mode="fan_out"))
Scaling(scale=2.0, mode='fan_out', normal=True)
>>> flat(fraction(1 / 3))
'1 / 3'
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

from archspec.ops.init import (
    AnyInit,
    FanInUniform,
    Kaiming,
    KaimingNormal,
    TruncNormal,
    XavierNormal,
    XavierUniform,
)
from archspec.source.text import Code, Doc

GAINS = {"relu": 2.0, "linear": 1.0, "sigmoid": 1.0, "tanh": 25 / 9, "selu": 9 / 16}
"""Squares of torch.nn.init.calculate_gain."""


class Scaling(NamedTuple):
    """A variance of scale / fan, where fan_avg is the mean of fan_in and fan_out."""

    scale: float
    mode: str
    normal: bool


def scaling(init: AnyInit, depth: int = 0) -> Scaling | None:
    """The variance of weights that are drawn by their fans; None for others.

    `depth` is the outputs per channel of a depthwise convolution, where Keras counts
    the fans the other way round; 0 for anything else.
    """
    normal = isinstance(init, KaimingNormal | XavierNormal)
    if isinstance(init, XavierNormal | XavierUniform):
        return Scaling(init.gain**2, "fan_avg", normal)
    mode: str = "fan_in"
    if isinstance(init, FanInUniform):
        scale = 1 / 3
    elif isinstance(init, Kaiming):
        scale, mode = GAINS.get(init.nonlinearity, 2.0 / (1.0 + init.a**2)), init.mode
    else:
        return None
    if not depth:
        return Scaling(scale, mode, normal)
    if mode == "fan_in":
        return Scaling(scale * depth, "fan_out", normal)
    return Scaling(scale / depth, "fan_in", normal)


def whole(init: TruncNormal) -> bool:
    """Whether a normal distribution is cut where nothing is."""
    return min(init.mean - init.a, init.b - init.mean) >= 8 * init.std


def fraction(number: float) -> Doc:
    """A number as people write it."""
    found = Fraction(number).limit_denominator(99)
    p, q = found.numerator, found.denominator
    close = math.isclose(number, p / q, rel_tol=1e-14)
    return Code(f"{p} / {q}") if close and len(repr(p / q)) > 6 else float(number)

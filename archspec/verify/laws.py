"""From which distribution each parameter of a net starts, by the spec alone.

>>> from archspec.ops.init import KaimingNormal
>>> round(law(KaimingNormal(mode="fan_out"), (64, 3, 3, 3)).std, 6)
0.058926
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from math import inf, pi, sqrt
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from archspec.graph import Graph
from archspec.ops import Shape
from archspec.ops.init import (
    Constant,
    FanInUniform,
    Initializer,
    KaimingNormal,
    KaimingUniform,
    Normal,
    TruncNormal,
    Uniform,
    XavierNormal,
    XavierUniform,
    fans,
)
from archspec.reference.activation import erf
from archspec.weights.initial import kaiming_std, xavier_std

Array = NDArray[Any]
POINTS = 200_001
"""Of the integrals over a cut normal distribution."""


@dataclass(frozen=True)
class Law:
    """A distribution.

    Attributes:
        kind: constant, normal (with bounds: drawn anew outside of them) or uniform.
        mean, std: of the normal before it is cut; a constant's value is its mean.
        low, high: bounds.
    """

    kind: str
    mean: float
    std: float = 0.0
    low: float = -inf
    high: float = inf

    def below(self, x: Array) -> Array:
        """The probability of less, for each x."""
        if self.kind == "uniform":
            return np.clip((x - self.low) / (self.high - self.low), 0, 1)
        x = np.clip(x, self.low, self.high)
        start, end = (self._normal(np.array(v)) for v in (self.low, self.high))
        return np.asarray((self._normal(x) - start) / (end - start))

    def _normal(self, x: Array) -> Array:
        return np.interp((x - self.mean) / self.std, *_standard())

    @cached_property
    def moments(self) -> tuple[float, float, float]:
        """The mean, the variance, and the fourth moment over the variance's square."""
        if self.kind == "uniform":
            return (self.low + self.high) / 2, (self.high - self.low) ** 2 / 12, 1.8
        if self.low == -inf and self.high == inf:
            return self.mean, self.std**2, 3.0
        reach = 12 * self.std
        low, high = max(self.low, self.mean - reach), min(self.high, self.mean + reach)
        x = np.linspace(low, high, POINTS)
        density = np.exp(-(((x - self.mean) / self.std) ** 2) / 2)
        density /= self.std * sqrt(2 * pi)
        share = _integral(density, x)
        mean = _integral(x * density, x) / share
        variance = _integral((x - mean) ** 2 * density, x) / share
        fourth = _integral((x - mean) ** 4 * density, x) / share
        return mean, variance, fourth / variance**2


@cache
def _standard() -> tuple[Array, Array]:
    """The distribution function of the standard normal; between its points to 1e-7.

    A table, since millions of values are looked up.
    """
    x = np.linspace(-9, 9, 18_001)
    return x, (1 + erf(x / sqrt(2))) / 2


def _integral(y: Array, x: Array) -> float:
    """By the trapezoidal rule."""
    return float(((y[1:] + y[:-1]) / 2 * np.diff(x)).sum())


def law(init: Initializer, shape: Shape) -> Law:
    """What an initialiser means for a tensor; for a bias drawn by a fan, its weight's.

    As `torch.nn.init` defines it.
    """
    match init:
        case Constant(value=value):
            return Law("constant", value)
        case Normal(mean=mean, std=std):
            return _normal(mean, std)
        case Uniform(a=a, b=b):
            return _uniform(a, b)
        case TruncNormal(mean=mean, std=std, a=a, b=b):
            return Law("normal", mean, std, a, b)
        case XavierNormal(gain=gain):
            return _normal(0.0, xavier_std(shape, gain))
        case XavierUniform(gain=gain):
            return _between(sqrt(3) * xavier_std(shape, gain))
        case FanInUniform():
            return _between(1 / sqrt(fans(shape)[0]))
        case KaimingNormal():
            return _normal(0.0, kaiming_std(shape, init))
        case KaimingUniform():
            return _between(sqrt(3) * kaiming_std(shape, init))
        case _:
            assert_never(init)


def _normal(mean: float, std: float) -> Law:
    return Law("normal", mean, std) if std else Law("constant", mean)


def _uniform(a: float, b: float) -> Law:
    middle = (a + b) / 2
    return Law("uniform", middle, low=a, high=b) if a < b else Law("constant", a)


def _between(bound: float) -> Law:
    return _uniform(-bound, bound)


def laws(graph: Graph) -> dict[str, Law]:
    """That of every parameter and buffer, by canonical name."""
    found = {}
    for node, shapes in graph.located():
        op = node.op
        stored = {**op.weights(*shapes), **op.buffers(*shapes)}
        kernel = next((s for n, s in stored.items() if op.role(n) == "kernel"), ())
        for name, shape in stored.items():
            init = op.initial(name)
            of_kernel = init.of_bias and op.role(name) == "bias"
            found[f"{node.name}.{name}"] = law(init, kernel if of_kernel else shape)
    return found

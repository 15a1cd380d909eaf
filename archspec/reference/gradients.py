"""Derivatives of the definitions, by differences: none is written by hand.

How fast a function changes in a direction shows at five points on the line through x;
four of them count, and in extended precision the answer has a dozen digits:

    >>> from archspec.ops.activation import Tanh
    >>> x = np.array([[0.5]], np.longdouble)
    >>> found = derivative(Tanh(), x, of=0, along=np.ones_like(x))
    >>> print(f"{found[0, 0]:.12f} {1 - np.tanh(0.5) ** 2:.12f}")
    0.786447732966 0.786447732966

Abramowitz and Stegun 25.3.6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np

from archspec.ops import Op
from archspec.reference.evaluation import compute
from archspec.reference.images import Array

Value = TypeVar("Value", np.longdouble, Array)

STEP = 2.0**-16
"""The error of a step h is h⁴ of the fifth derivative, and some bits over h."""


def derivative(
    op: Op,
    *inputs: Array,
    of: int | str,
    along: Array,
    stored: Mapping[str, Array] | None = None,
    training: bool = False,
    rounding: str = "",
    step: float | Array = STEP,
) -> Array:
    """How fast the output changes where one of what the op reads moves `along`.

    Of an op that works on each value alone, `along` ones, it is each value's own
    derivative; then `step` may be an array. For a parameter's gradient with cotangents
    c the sum of c times this is the gradient's product with `along`.

    Args:
        op: it computes in the type of its inputs: `numpy.longdouble`, if this is to be
            an oracle.
        inputs: with a batch axis, channels first.
        of: the number of an input, or the name of something stored.
        along: a direction, of that one's shape.
        stored, training, rounding: as `archspec.reference.compute` takes them.
        step: how far the nearest points lie, in units of `along`.
    """

    def at(t: float | Array) -> Array:
        values, held = list(inputs), dict(stored or {})
        if isinstance(of, int):
            values[of] = values[of] + t * along
        else:
            held[of] = held[of] + t * along
        return compute(op, *values, stored=held, training=training, rounding=rounding)

    return five_points(at, step)


def five_points(at: Callable[[float | Array], Value], step: float | Array) -> Value:
    """The derivative of a function of a number, at 0."""
    near, far = at(step) - at(-step), at(2 * step) - at(-2 * step)
    found: Value = (8 * near - far) / (12 * step)  # type: ignore[assignment]  # numpy's
    return found

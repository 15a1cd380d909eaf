"""Windows that slide over a padded image: what convolutions and pools have in common.

Everything is in pixels; pairs are (vertical, horizontal), `extent` is what a dilated
kernel covers.

    >>> sides("same", (8, 9), extent=(3, 3), steps=(2, 2))
    ((0, 1), (1, 1))
    >>> slid("a pool's window", (8, 9), ((0, 1), (1, 1)), extent=(3, 3), steps=(2, 2))
    (4, 5)
"""

from fractions import Fraction
from typing import Any, Literal

from archspec.errors import ShapeError
from archspec.ops.base import (
    FourSides,
    Margin,
    MarginPair,
    Sides,
    Window,
    four_sides,
    pair,
)

Padding = Margin | MarginPair | FourSides | Literal["same"]
Axes = tuple[int, int]


def extent(kernel: int | Axes, dilation: int | Axes) -> Axes:
    """Height and width that a dilated kernel covers."""
    (kh, kw), (dh, dw) = pair(kernel), pair(dilation)
    return (kh - 1) * dh + 1, (kw - 1) * dw + 1


def sides(padding: Any, size: Axes, extent: Axes, steps: Axes) -> Sides:
    """What is padded: (top, bottom), (left, right).

    `same` is TensorFlow's: as little as makes ceil(n / step) windows of n pixels, an
    odd pixel on the far side.
    """
    if padding != "same":
        return four_sides(padding)
    made = []
    for n, e, s in zip(size, extent, steps, strict=True):
        total = max((-(-n // s) - 1) * s + e - n, 0)
        made.append((total // 2, total - total // 2))
    return made[0], made[1]


def check_same(extent: Axes, steps: Axes) -> None:
    """Raises ValueError where windows of `same` padding would leave pixels out."""
    for e, s in zip(extent, steps, strict=True):
        if 1 < e < s:
            raise ValueError(
                f"padding same with stride {s} needs a kernel of 1 or at least {s} "
                f"pixels, it covers {e}"
            )


def slid(
    window: str,
    size: Axes,
    sides: Sides,
    extent: Axes,
    steps: Axes,
    *,
    up: bool = False,
) -> Axes:
    """How many windows there are: (n + padding - extent) // step + 1.

    Rounded `up` a last one may hang over, but not start behind the image, as torch has
    it. Raises ShapeError, about this `window`, where it is larger than the image.
    """
    made = []
    for n, (lo, hi), e, s in zip(size, sides, extent, steps, strict=True):
        room = n + lo + hi - e
        if room < 0:
            raise ShapeError(
                f"{window} covers {e} pixels, more than the {n + lo + hi} of the "
                f"padded image ({n} + {lo} + {hi})",
                code="AS403",
            )
        count = (room + (s - 1 if up else 0)) // s + 1
        made.append(count - 1 if up and (count - 1) * s >= n + lo else count)
    return made[0], made[1]


def read(extent: Axes, steps: Axes) -> tuple[Window, Window]:
    """What a pixel of the output reads."""
    return (extent[0], Fraction(steps[0])), (extent[1], Fraction(steps[1]))

"""Random numbers that anybody can draw again: on any machine, in any language.

numpy promises the bits of its generators, but not what `integers` or `permutation` make
of them, so certificates would end with a release of numpy. Here a hash makes them:

    >>> [int(word) for word in Draw("seed 0", "conv").integers(-4, 5, 6)]
    [-1, 2, 2, 0, -3, -2]
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import shake_256
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Draw:
    """Numbers for one thing; each call gives others.

    Call number n (from 0) reads SHAKE-256 of `parts` and n with colons between, as
    unsigned 64-bit words, the lowest byte first.
    """

    def __init__(self, *parts: object) -> None:
        self.name = ":".join(map(str, parts))
        self.calls = 0

    def words(self, count: int) -> NDArray[np.uint64]:
        """The first 64-bit words of the next hash."""
        found = shake_256(f"{self.name}:{self.calls}".encode()).digest(8 * count)
        self.calls += 1
        return np.frombuffer(found, "<u8").astype(np.uint64)

    def integers(
        self, low: int, high: int, shape: int | tuple[int, ...]
    ) -> NDArray[np.int64]:
        """Whole numbers from `low` up to, not including, `high`: low + word mod n."""
        count = prod(shape) if isinstance(shape, tuple) else shape
        steps = self.words(count) % np.uint64(high - low)
        return (steps.astype(np.int64) + low).reshape(shape)

    def choice(
        self, values: Sequence[float], shape: int | tuple[int, ...]
    ) -> NDArray[Any]:
        """Some of these values, each as likely."""
        return np.asarray(values)[self.integers(0, len(values), shape)]

    def permutation(self, count: int) -> NDArray[np.intp]:
        """The numbers below `count` in the order of their words."""
        return np.argsort(self.words(count), kind="stable")

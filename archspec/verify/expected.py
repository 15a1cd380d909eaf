"""What an op alone must give by its definition, and how far what was found is off.

Values are compared one by one. So are derivatives of an op that works on each value
alone; at a kink, as of relu at 0, any number between its two slopes is a derivative.
Of other ops a derivative is compared along a random direction, which a fault in any
part of it moves; where a max pool has ties, any share of them is one. A definition that
gives no finite number has no derivative.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspec.ops.normalization import BatchNorm
from archspec.reference import compute, derivative
from archspec.reference.normalization import running_statistics
from archspec.verify.cases import Case
from archspec.verify.data import stream
from archspec.verify.grids import FAR, MAXIMA, Numbers, numbers, pointwise
from archspec.verify.limits import GRADIENT, Reading, limit

Array = NDArray[Any]

CLOSE = 2.0**-22
"""The step of differences between single values, in units of them."""
KINK = 64
"""Slopes of two sides that are more steps apart than this belong to a kink; so do those
whose mean is more squared steps off than this."""
AT_KINKS = {"relu": 0.0, "relu6": 0.0}
"""Ops whose derivative there is defined."""
SMALL = ("batch_norm", "layer_norm", "group_norm")
"""Ops that read numbers as small as eps: a step is a part of them."""


@dataclass(frozen=True)
class Difference:
    """How far off one array is, at its worst place.

    Attributes:
        part: of the answer: `value`, `gradients/x0`, `training/running_mean`.
        error: in units of `archspec.verify.limits`; infinite for what is no number.
        limit: the largest that passes.
        found, wanted: the two values.
        at: the place in the array; None for a derivative along a direction.
        x: what the op read there, if it reads a single value.
    """

    part: str
    error: float
    limit: float
    found: float
    wanted: float
    at: tuple[int, ...] | None = None
    x: float | None = None

    @property
    def share(self) -> float:
        """The error in units of its limit; infinite without one."""
        if not self.limit:
            return np.inf if self.error else 0.0
        return self.error / self.limit

    @property
    def wrong(self) -> bool:
        """Whether it is too far."""
        return not self.error <= self.limit


class Expected:
    """A case with its numbers, and what they give in extended precision.

    Args:
        case: the op alone.
        seed: of the numbers.
        rounding: of a framework's constants, see `archspec.reference.rounding`.
    """

    def __init__(self, case: Case, seed: int, rounding: str = "") -> None:
        self.case = case
        self.op = case.op
        self.numbers: Numbers = numbers(case, seed)
        self.rounding = rounding
        wide = np.longdouble
        self.inputs = [x.astype(wide) for x in self.numbers.inputs]
        self.stored = {k: v.astype(wide) for k, v in self.numbers.stored.items()}
        self.cotangent = self.numbers.cotangent.astype(wide)
        self._kept: dict[tuple[str, bool], Any] = {}

    def differences(
        self, found: Mapping[str, Array], running_var: str, *, flat: bool = False
    ) -> Iterator[Difference]:
        """How far a backend's answer is off; what it doesn't hold is not compared.

        Args:
            found: arrays by the names that `archspec.verify.alone.answer` gives them.
            running_var: the backend's definition, `biased` or `unbiased`.
            flat: whether a derivative may be 0 at a kink, whatever the slopes are.
        """
        for part, array in found.items():
            training = part.startswith("training/")
            name = part.removeprefix("training/")
            with np.errstate(all="ignore"):
                if name == "value":
                    yield self._value(part, array, training)
                elif name.startswith("gradients/"):
                    if not np.isfinite(self._wanted(training)).all():
                        continue
                    of = name.removeprefix("gradients/")
                    yield from self._gradient(part, of, array, training, flat)
                else:
                    yield self._statistic(part, name, array, running_var)

    def _wanted(self, training: bool) -> Array:
        key = "value", training
        if key not in self._kept:
            self._kept[key] = compute(
                self.op,
                *self.inputs,
                stored=self.stored,
                training=training,
                rounding=self.rounding,
            )
        made: Array = self._kept[key]
        return made

    def _value(self, part: str, found: Array, training: bool) -> Difference:
        wanted = self._wanted(training)
        allowed = limit(self.op, training=training)
        scale = allowed.scale(self._reading(wanted))
        return self._worst(part, found, wanted, scale, allowed.forward)

    def _reading(self, wanted: Array) -> Reading:
        return Reading(self.op, tuple(self.inputs), self.stored, wanted)

    def _worst(
        self, part: str, found: Array, wanted: Array, scale: Array, most: float
    ) -> Difference:
        """The worst value; of those that are wrong the one of the smallest input."""
        if found.shape != wanted.shape:
            return Difference(part, np.inf, most, found.size, wanted.size)
        same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
        errors = np.where(same, 0, np.abs(found - wanted) / scale)
        errors = np.where(np.isnan(errors), np.inf, errors)
        place = np.unravel_index(int(errors.argmax()), errors.shape)
        x = None
        if pointwise(self.op) and wanted.shape == self.inputs[0].shape:
            given = self.inputs[0]
            wrong = errors > most
            if wrong.any():
                sizes = np.where(wrong, np.abs(given), np.inf)
                place = np.unravel_index(int(sizes.argmin()), errors.shape)
            x = float(given[place])
        at = tuple(int(n) for n in place)
        worst = float(errors.max())
        return Difference(
            part, worst, most, float(found[place]), float(wanted[place]), at, x
        )

    def _statistic(
        self, part: str, name: str, found: Array, running_var: str
    ) -> Difference:
        assert isinstance(self.op, BatchNorm)
        old = (self.stored["running_mean"], self.stored["running_var"])
        unbiased = (self.op.running_var or running_var) == "unbiased"
        mean, var = running_statistics(self.op, self.inputs[0], *old, unbiased=unbiased)
        wanted = {"running_mean": mean, "running_var": var}[name]
        scale = np.abs(wanted) + np.abs(self.stored[name])
        if name == "running_mean":
            axes = (0, *range(2, self.inputs[0].ndim))
            scale = scale + np.abs(self.inputs[0]).mean(axes)
        return self._worst(part, found, wanted, scale, limit(self.op).forward)

    # Derivatives

    def _gradient(
        self, part: str, of: str, found: Array, training: bool, flat: bool
    ) -> Iterator[Difference]:
        which: int | str = int(of[1:]) if of in self._names() else of
        held = self.inputs[which] if isinstance(which, int) else self.stored[which]
        if found.shape != held.shape:
            yield Difference(part, np.inf, 0.0, found.size, held.size)
        elif isinstance(which, int) and pointwise(self.op):
            yield self._each(part, found, flat)
        else:
            yield self._along(part, which, found, training)
            if self.op.kind in MAXIMA:
                yield self._ties(part, found)

    def _names(self) -> list[str]:
        return [f"x{n}" for n in range(len(self.inputs))]

    def _slope(self, x: Array, step: Array) -> Array:
        return derivative(
            self.op,
            x,
            of=0,
            along=np.ones_like(x),
            stored=self.stored,
            rounding=self.rounding,
            step=step,
        )

    def _each(self, part: str, found: Array, flat: bool) -> Difference:
        """Each value's own derivative."""
        (x,) = self.inputs
        size = np.maximum(np.abs(x), 1)
        step = size * CLOSE
        if ("slopes", False) not in self._kept:
            beside = (self._slope(x + far * step, step) for far in (-4, 0, 4))
            self._kept["slopes", False] = tuple(beside)
        left, wanted, right = self._kept["slopes", False]
        low, high = np.minimum(left, right), np.maximum(left, right)
        blur = KINK * step * (1 + np.abs(left) + np.abs(right))
        bend = np.abs(left + right - 2 * wanted)
        kink = (high - low > blur) | (bend > blur * step)
        made = found / self.cotangent
        between = np.clip(made, low - blur, high + blur)
        if self.op.kind in AT_KINKS:
            between = np.full_like(x, AT_KINKS[self.op.kind])
        elif flat:
            between = np.where(made == 0, 0, between)
        wanted = np.where(kink, between, wanted)
        scale = limit(self.op).scale(self._reading(self._wanted(False))) / size
        scale = np.maximum(np.abs(wanted), scale)
        return self._worst(part, made, wanted, scale, GRADIENT)

    def _along(
        self, part: str, which: int | str, found: Array, training: bool
    ) -> Difference:
        """The derivative along a random direction."""
        key = f"along {which}", training
        if key not in self._kept:
            self._kept[key] = self._direction(which, training)
        along, slope = self._kept[key]
        terms = found * along
        made, size = terms.sum(), np.abs(terms).sum()
        size = max(size, abs(slope))
        error = float(abs(made - slope) / size) if size else 0.0
        error = np.inf if np.isnan(error) else error
        return Difference(part, error, GRADIENT, float(made), float(slope))

    def _direction(
        self, which: int | str, training: bool
    ) -> tuple[Array, np.longdouble]:
        inputs = list(self.inputs)
        held = inputs[which] if isinstance(which, int) else self.stored[which]
        draw = stream(0, f"{self.case.text} {which}")
        along = draw.choice((-1.0, 1.0), held.shape).astype(np.longdouble)
        if isinstance(which, int) and self.op.kind in SMALL:
            along *= np.abs(held)
        if self.op.kind in MAXIMA:
            # A pool of numbers times a factor is that factor times the pool.
            inputs[0] = inputs[0].copy()
            inputs[0][1] /= FAR
            along[-1] = 0
        moved = derivative(
            self.op,
            *inputs,
            of=which,
            along=along,
            stored=self.stored,
            training=training,
            rounding=self.rounding,
        )
        return along, (self.cotangent * moved).sum()

    def _ties(self, part: str, found: Array) -> Difference:
        """Where numbers tie: a share for each of them, no more than all together.

        A maximum grows in every direction at least as much as its derivative says.
        """
        x, against = self.inputs[0][-1:], self.cotangent[-1:]
        if self.op.kind == "global_max_pool2d":  # by definition ties share alike
            tied = x == x.max((2, 3), keepdims=True)
            alike = tied / tied.sum((2, 3), keepdims=True)
            wanted = alike * against[:, :, None, None]
            return self._worst(part, found[-1:], wanted, np.ones_like(x), GRADIENT)
        draw, step = stream(0, f"{self.case.text} ties"), np.longdouble(2.0**-16)
        worst = Difference(part, 0.0, GRADIENT, 0.0, 0.0)
        for number in range(8):
            along = draw.choice((-1.0, 1.0), x.shape).astype(np.longdouble)
            if number < 2:
                along = np.full_like(along, (1, -1)[number])
            grown = compute(self.op, x + step * along) - compute(self.op, x)
            most = (against * grown).sum() / step
            made = (found[-1:] * along).sum()
            error = float((made - most) / np.abs(against).sum())
            if not error <= worst.error:
                error = np.inf if np.isnan(error) else error
                worst = Difference(part, error, GRADIENT, float(made), float(most))
        return worst

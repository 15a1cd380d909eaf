"""How far two backends are apart, and how far they may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[Any]]

TOLERANCES = {"float32": 1e-5, "float64": 1e-12}
ILL_CONDITIONED = {"float32": 1e-5, "float64": 1e-6}
"""A floor above this says that the comparison could not show a fault."""
FORWARD_ONLY = "forward only"
"""The verdict on training with a backend that has no gradients."""
NOT_EXACT = "not exact"
"""The verdict on bits where a net has none to compare; other rows show the net."""
SINGLE_ONLY = "float32 only"
"""The verdict in float64 on an engine that has no such kernels."""
SLACK = 10
"""How many floors two frameworks may be apart."""


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison.

    Attributes:
        title: for people.
        task: what gives the arrays.
        part: what their names begin with.
        backward: whether gradients take part, whose kernels have bounds of their own.
        weights, training: at what weights and in what mode the net ran.
        against_largest: errors are measured against the largest array, since an exact
            zero (a bias in front of a batch norm has no gradient) is rounding alone.
        least: the least error that passes, where that is not the usual one.
    """

    title: str
    task: str
    part: str
    weights: str
    backward: bool = False
    training: bool = False
    against_largest: bool = False
    least: float = 0.0


CHECKS: tuple[Check, ...] = (
    Check("outputs, conditioned weights", "single", "outputs", "conditioned"),
    Check("taps, conditioned weights", "single", "taps", "conditioned"),
    Check("outputs, initial weights", "eval", "initial", "initial"),
    Check("outputs, conditioned weights", "eval", "outputs", "conditioned"),
    Check("taps, conditioned weights", "eval", "taps", "conditioned"),
    Check("outputs in training", "step", "training", "conditioned", training=True),
    Check("running statistics", "step", "statistics", "conditioned", training=True),
    Check(
        "slope of the loss",
        "slope",
        "slope",
        "conditioned",
        backward=True,
        training=True,
        least=1e-5,
    ),
    Check("outputs in training", "train", "training", "conditioned", training=True),
    Check("running statistics", "train", "statistics", "conditioned", training=True),
    Check(
        "gradients",
        "train",
        "gradients",
        "conditioned",
        backward=True,
        training=True,
        against_largest=True,
    ),
    Check(
        "weights after 3 SGD steps",
        "train",
        "weights",
        "conditioned",
        backward=True,
        training=True,
    ),
)


def distances(
    found: Arrays, wanted: Arrays, part: str, *, against_largest: bool = False
) -> dict[str, float]:
    """||a - b|| / ||b|| of each of the arrays `part/name`, by name.

    An array that is missing, of another shape or not finite is infinitely far.
    """
    names = [name for name in wanted if name.startswith(f"{part}/")]
    names += [n for n in found if n.startswith(f"{part}/") and n not in wanted]
    pairs = {name: _apart(found.get(name), wanted.get(name)) for name in names}
    largest = max((size for _, size in pairs.values()), default=0.0)
    errors = {}
    for name, (difference, size) in pairs.items():
        scale = largest if against_largest else size
        error = difference / scale if scale else (inf if difference else 0.0)
        errors[name.partition("/")[2]] = error
    return errors


def _apart(a: NDArray[Any] | None, b: NDArray[Any] | None) -> tuple[float, float]:
    """||a - b|| and ||b||."""
    import numpy as np

    if a is None or b is None or a.shape != b.shape:
        return inf, 1.0
    a, b = a.astype("float64"), b.astype("float64")
    with np.errstate(invalid="ignore", over="ignore"):  # Values that are not finite.
        size = float(np.linalg.norm(b))
        difference = float(np.linalg.norm(a - b))
    return (difference, size) if np.isfinite(difference + size) else (inf, 1.0)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the report: one check of one backend.

    Attributes:
        dtype, check, target: what was compared; the reference is the first target.
        verdict: `pass`, `FAIL`, `ill-conditioned`, `not available`, `forward only`,
            `float32 only` or `not exact`; only the first is a pass, the last three are
            none and no failure.
        error, where, at: the largest relative error, the value or parameter that has
            it, and its node's place in the spec.
        floor: torch against torch with other kernels, or the definitions with other
            last bits; None where it was not to be had.
        limit: the largest error that passes.
        reason: why there are no numbers.
    """

    dtype: str
    check: str
    target: str
    verdict: str
    error: float | None = None
    where: str = ""
    at: str = ""
    floor: float | None = None
    limit: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """What a row says the worst of, node by node.

    Attributes:
        dtype, check, target: of the row.
        errors: of each node whose value, parameters or statistics were compared.
        floors, limits: of those that have one; of a limit that is the same for all
            every node has it.
    """

    dtype: str
    check: str
    target: str
    errors: Mapping[str, float]
    floors: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)


def limit(dtype: str, least: float, floor: float | None) -> float:
    """The largest error that passes: the tolerance, in float64 ten floors if more."""
    most = max(TOLERANCES[dtype], least)
    return max(most, SLACK * (floor or 0.0)) if dtype == "float64" else most


def verdict(error: float, limit: float, floor: float | None, dtype: str) -> str:
    """Whether an error passes."""
    if floor is not None and floor > ILL_CONDITIONED[dtype]:
        return "ill-conditioned"
    return "pass" if error <= limit else "FAIL"

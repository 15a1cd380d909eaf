"""Whether weights fit a net: all that is missing, surplus or of another shape."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from archspec.errors import WeightsError
from archspec.ops.base import Shape
from archspec.weights.archives import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

HINTED = 100
"""Lines of each kind that name a candidate: looking for one compares it with all."""


def check(
    weights: Mapping[str, NDArray[Any]],
    expected: Mapping[str, Shape],
    *,
    allow_missing: Collection[str] = (),
    allow_extra: Collection[str] = (),
) -> None:
    """Do these weights fit the net?

    Args:
        weights: canonical name -> array; `num_batches_tracked` is passed over.
        expected: canonical name -> shape, of parameters and buffers.
        allow_missing: names, or patterns such as `fc.*`, that may be absent.
        allow_extra: names, or patterns, that may be there for nothing.

    Raises:
        WeightsError: as `compare` does.
    """
    found = {name: tuple(array.shape) for name, array in weights.items()}
    compare(found, expected, allow_missing=allow_missing, allow_extra=allow_extra)


def compare(
    tensors: Mapping[str, Shape],
    expected: Mapping[str, Shape],
    *,
    allow_missing: Collection[str] = (),
    allow_extra: Collection[str] = (),
    names: Mapping[str, str] | None = None,
    what: str = "the weights",
) -> None:
    """Compares the tensors that there are with those that a net wants.

    A tensor of another shape may stay only where it is named twice: as one that is
    missing from the net, and as one that is surplus in the file.

    Args:
        tensors, expected: name -> shape.
        allow_missing, allow_extra: names or patterns.
        names: the canonical names of what is expected, where they are others; they
            are shown, and allowed, too.
        what: what the tensors are in.

    Raises:
        WeightsError: lists every tensor that is missing, surplus or of another shape,
            each with the nearest candidate on the other side.
    """
    own = names or {}

    def allowed(name: str, patterns: Collection[str]) -> bool:
        return named(name, patterns) or named(own.get(name, name), patterns)

    def shown(name: str) -> str:
        canonical = own.get(name, name)
        return name if canonical == name else f"{name} = {canonical}"

    found = {name: shape for name, shape in tensors.items() if not counted(name)}
    absent = {name: shape for name, shape in expected.items() if name not in found}
    surplus = {name: shape for name, shape in found.items() if name not in expected}
    missing = {n: absent[n] for n in absent if not allowed(n, allow_missing)}
    extra = {n: surplus[n] for n in surplus if not allowed(n, allow_extra)}
    wrong = {
        name: shape
        for name, shape in expected.items()
        if found.get(name, shape) != shape
        and not (allowed(name, allow_missing) and allowed(name, allow_extra))
    }
    if not (missing or extra or wrong):
        return
    there = f"{what} have"
    raise WeightsError(
        f"{what} don't fit the net: {len(missing)} missing, {len(extra)} surplus, "
        f"{len(wrong)} of another shape",
        code="AS601",
        notes=(
            *(
                f"missing: {shown(name)} {list(missing[name])}{hint}"
                for name, hint in _hinted(missing, surplus, there)
            ),
            *(
                f"surplus: {name} {list(extra[name])}{hint}"
                for name, hint in _hinted(extra, absent, "the net has")
            ),
            *(
                f"shape: {shown(name)} is {list(found[name])}, "
                f"expected {list(wrong[name])}{hint}"
                for name, hint in _hinted(wrong, surplus, there, cutoff=1.0)
            ),
        ),
    )


def _hinted(
    tensors: Mapping[str, Shape],
    others: Mapping[str, Shape],
    who: str,
    *,
    cutoff: float = 0.6,
) -> Iterator[tuple[str, str]]:
    """Every name with a hint that shows the nearest of the others, or nothing.

    A name that is alike and of equal shape is nearest; then one that is alike by at
    least the cutoff, whatever its shape; then any of equal shape.
    """
    for count, (name, shape) in enumerate(tensors.items()):
        if count >= HINTED:
            yield name, ""
            continue
        equal = [other for other in others if others[other] == shape]
        near = (
            difflib.get_close_matches(name, equal, n=1)
            or difflib.get_close_matches(name, others, n=1, cutoff=cutoff)
            or difflib.get_close_matches(name, equal, n=1, cutoff=0.0)
        )
        yield name, f" ({who} {near[0]} {list(others[near[0]])})" if near else ""


def named(name: str, patterns: Collection[str]) -> bool:
    """Whether a name is one of these, or fits one of these patterns."""
    # A lone pattern is a collection too, of letters: its `*` would match every name.
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatchcase(name, pattern) for pattern in patterns)

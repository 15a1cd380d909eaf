"""Whether weights fit a net: all that is missing, surplus or of another shape."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from archspec.errors import WeightsError
from archspec.ops.base import Shape
from archspec.weights.archives import counted

if TYPE_CHECKING:
    pass

LINES = 20
"""Lines that a list of tensors has in a message: of more, some are put together."""
FEW = 8
"""The same of a list that stands in one line."""
DEEP = 8
"""Parts of names by which they are put together at most."""
MANY = 10_000
"""Tensors of a file, of more no nearest name is looked for; ResNet-1202 has 7,200."""


class Misfit(WeightsError):
    """Weights that are not those of the net.

    Attributes:
        missing, surplus, wrong: the shapes of all that are at fault, by their names in
            the file; those of another shape with the shape that they have there.
        canonical: the net's names of those that are missing or of another shape.
        adaptable: the one of those that is the first convolution for other channels.
    """

    missing: Mapping[str, Shape] = {}
    surplus: Mapping[str, Shape] = {}
    wrong: Mapping[str, Shape] = {}
    canonical: frozenset[str] = frozenset()
    adaptable: str = ""


def check(
    weights: Mapping[str, Any],
    expected: Mapping[str, Shape],
    *,
    allow_missing: Collection[str] = (),
    allow_extra: Collection[str] = (),
) -> None:
    """Do these weights fit the net?

    Args:
        weights: arrays or tensors by canonical name; torch's counters are passed over.
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
    error = Misfit(
        f"{what} don't fit the net: {len(missing)} missing, {len(extra)} surplus, "
        f"{len(wrong)} of another shape",
        code="AS601",
        notes=(
            *listed(
                "missing: ",
                missing,
                lambda name: (
                    f"{shown(name)} {list(missing[name])}"
                    + _hint(name, missing[name], surplus, there)
                ),
            ),
            *listed(
                "surplus: ",
                extra,
                lambda name: (
                    f"{name} {list(extra[name])}"
                    + _hint(name, extra[name], absent, "the net has")
                ),
            ),
            *listed(
                "shape: ",
                wrong,
                lambda name: (
                    f"{shown(name)} is {list(found[name])}, expected "
                    f"{list(wrong[name])}"
                    + _hint(name, wrong[name], surplus, there, cutoff=1.0)
                ),
            ),
        ),
    )
    error.missing, error.surplus = missing, extra
    error.wrong = {name: found[name] for name in wrong}
    error.canonical = frozenset(own.get(name, name) for name in (*missing, *wrong))
    raise error


def listed(
    lead: str, names: Collection[str], line: Callable[[str], str] = str
) -> Iterator[str]:
    """Lines that list tensors: each in a line, or those of a beginning together."""
    yield from (f"{lead}{row}" for row in rows(names, LINES, line))


def rows(
    names: Collection[str], most: int = FEW, line: Callable[[str], str] = str
) -> Iterator[str]:
    """Names as `grouped` puts them together, in words."""
    for name, count in grouped(names, most):
        if not name:
            yield f"{count:,} more"
        else:
            yield line(name) if count == 1 else f"{name}: {count:,} tensors"


def grouped(names: Collection[str], lines: int) -> list[tuple[str, int]]:
    """Names in so many rows at most, each a name or a pattern and how many it is.

    Where there are more names, those are put together that begin alike, as deep as the
    rows allow; what is still too much is one last row without a name.
    """
    if len(names) <= lines:
        return [(name, 1) for name in names]
    # A `/` stands before the variable of a Keras layer.
    split = [re.split(r"(?<=[./])", name) for name in names]
    groups: dict[str, list[str]] = {}
    for depth in range(DEEP, 0, -1):
        groups = {}
        for parts in split:
            groups.setdefault("".join(parts[:depth]), []).append("".join(parts))
        if len(groups) <= lines:
            break
    found = [
        (of[0], 1) if len(of) == 1 else (f"{start}*", len(of))
        for start, of in groups.items()
    ]
    if len(found) <= lines:
        return found
    kept = found[: lines - 1]
    return [*kept, ("", len(names) - sum(count for _, count in kept))]


def _hint(
    name: str,
    shape: Shape,
    others: Mapping[str, Shape],
    who: str,
    *,
    cutoff: float = 0.6,
) -> str:
    """A hint that shows the nearest of the others, or nothing.

    A name that is alike and of equal shape is nearest; then one that is alike by at
    least the cutoff, whatever its shape; then any of equal shape. Among more names
    than a net has, the search would take seconds.
    """
    if len(others) > MANY:
        return ""
    equal = [other for other in others if others[other] == shape]
    near = (
        difflib.get_close_matches(name, equal, n=1)
        or difflib.get_close_matches(name, others, n=1, cutoff=cutoff)
        or difflib.get_close_matches(name, equal, n=1, cutoff=0.0)
    )
    return f" ({who} {near[0]} {list(others[near[0]])})" if near else ""


def named(name: str, patterns: Collection[str]) -> bool:
    """Whether a name is one of these, or fits one of these patterns."""
    # A lone pattern is a collection too, of letters: its `*` would match every name.
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatchcase(name, pattern) for pattern in patterns)

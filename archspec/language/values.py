"""What stands in a spec and what it comes to: constants, formulas, lists of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from archspec.errors import Location, SpecError, shown
from archspec.graph import Value
from archspec.language.formula import DIMENSIONS, evaluate, is_a, names
from archspec.language.reader import Map, Seq, locate
from archspec.limits import Budget
from archspec.ops.base import Shape

Taint = frozenset[str]
"""Params of the whole net's file that a value depends on."""
CLEAN: Taint = frozenset()


class Known(NamedTuple):
    """An evaluated value: `text` is its formula, if it is one as a whole."""

    value: Value
    text: str | None = None
    taint: Taint = CLEAN


@dataclass(slots=True, eq=False, repr=False)
class Variables:
    """What formulas see: values by name, and the root params behind each."""

    budget: Budget
    values: dict[str, Value] = field(default_factory=dict)
    taints: dict[str, Taint] = field(default_factory=dict)

    def child(self) -> Variables:
        """A copy to which names can be added."""
        return Variables(self.budget, dict(self.values), dict(self.taints))

    def set(self, name: str, value: Value, taint: Taint = CLEAN) -> None:
        """Adds a name, or hides the one that is there."""
        self.values[name] = value
        self.taints[name] = taint

    def set_input(self, name: str, shape: Shape, taints: tuple[Taint, Taint]) -> None:
        """Adds `name.channels`, and for an image height and width."""
        for dimension in DIMENSIONS[len(shape) :]:
            self.values.pop(f"{name}.{dimension}", None)
        for dimension, size in zip(DIMENSIONS, shape, strict=False):
            taint = taints[0] if dimension == "channels" else taints[1]
            self.set(f"{name}.{dimension}", size, taint)

    def taint(self, read: Iterable[str]) -> Taint:
        """The root params behind several names."""
        found = CLEAN
        for name in read:
            found |= self.taints.get(name, CLEAN)
        return found


def is_formula(raw: Any) -> bool:
    """Whether a raw value is a formula, not a constant."""
    return isinstance(raw, str) and raw.startswith("=")


NOWHERE = Location("", 0, 0)
COLLECTIONS = (dict, list, tuple)
"""Made once: every value of a spec is held against it, many times."""


def formulas(raw: Any, at: Location) -> Iterator[tuple[str, Location]]:
    """Every formula in a raw value, with its place."""
    if is_formula(raw):
        yield raw, at
    elif isinstance(raw, COLLECTIONS):
        for key, item in raw.items() if isinstance(raw, dict) else enumerate(raw):
            yield from formulas(item, inside(raw, key, at))


def has_formula(raw: Any) -> bool:
    """Whether a raw value is a formula or holds one."""
    return next(formulas(raw, NOWHERE), None) is not None


def frozen(raw: Any) -> Any:
    """A raw value with its lists as tuples."""
    if isinstance(raw, list | tuple):
        return tuple(map(frozen, raw))
    if isinstance(raw, dict):
        return {key: frozen(item) for key, item in raw.items()}
    return raw


def known(
    raw: Any,
    variables: Variables,
    at: Location,
    words: str = "",
    types: tuple[type, ...] = (),
) -> Known:
    """The value of what stands in a spec: formulas computed, lists as tuples.

    Raises SpecError, which says what it is in `words`, for one of other `types`.
    """
    found = _known(raw, variables, at)
    if types and not is_a(found.value, types):
        message = f"{words}, found {shown(found.value)}"
        raise SpecError(message, code="AS305", at=at)
    return found


def _known(raw: Any, variables: Variables, at: Location) -> Known:
    if is_formula(raw):
        text = raw[1:].strip()
        try:
            value = evaluate(text, variables.values, variables.budget)
            return Known(value, text, variables.taint(names(text)))
        except SpecError as error:
            error.at = formula_place(raw, at, error)
            raise
    if not has_formula(raw):
        return Known(frozen(raw))
    if isinstance(raw, dict):
        pairs = {k: _known(v, variables, inside(raw, k, at)) for k, v in raw.items()}
        values: Any = {key: item.value for key, item in pairs.items()}
        return Known(values, None, CLEAN.union(*(i.taint for i in pairs.values())))
    items = [_known(v, variables, inside(raw, i, at)) for i, v in enumerate(raw)]
    whole, text = tuple(item.value for item in items), None
    if not holds_map(whole):  # no formula has one
        text = "[" + ", ".join(item.text or repr(item.value) for item in items) + "]"
    return Known(whole, text, CLEAN.union(*(item.taint for item in items)))


def holds_map(value: Any) -> bool:
    """Whether a value is a map, or a list with one anywhere in it."""
    return isinstance(value, dict) or (
        isinstance(value, tuple) and any(map(holds_map, value))
    )


def formula_place(raw: str, at: Location, error: SpecError) -> Location:
    """Where in a file a formula's error is: the part of it, if that is known."""
    if error.part is None:
        return at
    offset, length = error.part
    return at.part(len(raw) - len(raw[1:].lstrip()) + offset, length)


def inside(raw: Any, key: Any, at: Location) -> Location:
    """Where an item of a raw value stands; where it does, if that isn't known."""
    return locate(raw, (key,)) if isinstance(raw, Map | Seq) else at

"""Params: how they are declared, what type they have, and what callers give."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, cast

from archspec.errors import Location, SpecError, SpecErrors, nearest, shown
from archspec.graph import Value
from archspec.language.formula import CONSTANTS, is_a, names
from archspec.language.syntax import Block, Param, Unit
from archspec.language.values import (
    Known,
    Variables,
    holds_map,
    is_formula,
    known,
)

TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "list": (tuple,),
    "any": (bool, int, float, str, tuple, type(None)),
}
OR = " or "


def is_type(raw: Any) -> bool:
    """Whether a raw value names a type, or several, as `int or str`."""
    return isinstance(raw, str) and all(word in TYPES for word in raw.split(OR))


def type_of(default: Any) -> str:
    """The type that a default fixes."""
    if default is None or is_formula(default):
        return "any"
    return "list" if isinstance(default, list | tuple) else type(default).__name__


def several(param: Param) -> bool:
    """Whether a param may be of several types, as `int or str`."""
    return len(TYPES.get(param.type, ())) > 2 or OR in param.type


def accept(param: Param, value: Any, what: str, at: Location) -> Value:
    """The value, of the param's type; SpecError for a wrong one."""
    if holds_map(value):
        message = f"{what} can't be a map or hold one, found {shown(value)}"
        plain = "a param is a number, a text, true, false, null, or a list of these"
        raise SpecError(message, code="AS314", at=at, hint=plain)
    if not is_a(value, _types(param.type)):
        kinds, default = f"{param.type}{OR}{type_of(value)}", shown(param.default)
        both = f"{{type: {kinds}, default: {default}}} takes both"
        hint = None if param.typed else f"its default says so; {both}"
        message = f"{what} must be {param.type}, found {shown(value)}"
        raise SpecError(message, code="AS314", at=at, hint=hint)
    if isinstance(value, int) and param.type == "float":
        return float(value)
    return cast(Value, value)


@cache
def _types(said: str) -> tuple[type, ...]:
    return tuple(kind for word in said.split(OR) for kind in TYPES[word])


def wrong_params(
    block: Block,
    names: Collection[str],
    given: Mapping[str, Known],
    place: Callable[..., Location | None],
    at: Location | None = None,
) -> Iterator[SpecError]:
    """What is wrong with the params of a call, as far as their values are `given`.

    `place` finds the place of a value, or with `key=True` of its name; `at` is that of
    the call, without which a missing param is told where it is declared.
    """
    strange = [name for name in names if name not in block.params]
    for name in strange:
        known = ", ".join(block.params)
        hint = f"its params: {known}" if known else "it has none"
        hint, at_name = nearest(name, block.params) or hint, place(name, key=True)
        message = f"{block} has no param {name!r}"
        yield SpecError(message, code="AS312", at=at_name, hint=hint)
    for name, param in block.params.items():
        if name in given:
            where = place(name) or param.at
            try:
                accept(param, given[name].value, f"{block}: {name}", where)
            except SpecError as error:
                yield error
        elif name in names or any(nearest(other, [name]) for other in strange):
            continue  # it has a formula, or is only misspelled
        elif param.required:
            hint = f"it is declared as {param.type}, without a default"
            message = f"{block} needs the param {name!r}"
            yield SpecError(message, code="AS313", at=at or param.key, hint=hint)


class Bound(NamedTuple):
    """Params with their values, and the formulas of those that are defaults."""

    values: dict[str, Value]
    defaults: dict[str, str]


def bind(
    block: Block,
    given: Mapping[str, Known],
    variables: Variables,
    place: Callable[..., Location | None],
    at: Location | None = None,
) -> Bound:
    """Puts params into `variables`; for the places see `wrong_params`.

    Without a call, `at`, they are the whole net's own, whose taint is themselves.
    Raises SpecError for those that are wrong.
    """
    if wrong := list(wrong_params(block, given, given, place, at)):
        raise SpecErrors(wrong)
    values, defaults = bound = Bound({}, {})
    for name, param in block.params.items():
        found = given.get(name) or known(param.default, variables, param.at)
        if name not in given and found.text:
            defaults[name] = found.text
        values[name] = accept(param, found.value, f"{block}: {name}", param.at)
        # What follows from others, unless it is given, is no argument of its own.
        follows = is_formula(param.default) and (name in given or found.taint)
        own = at is None and not follows
        taint = frozenset((name,)) if own else found.taint
        variables.set(name, values[name], taint)
    return bound


def require(unit: Unit, variables: Variables) -> None:
    """Raises SpecError, with the params' values, for a `require` that doesn't hold."""
    condition = "require: a condition is true or false"
    for words, entry in unit.require.items():
        found = known(entry.value, variables, entry.at, condition, (bool,))
        if not found.value:
            read = sorted(names(found.text or "true").difference(CONSTANTS))
            values = ", ".join(f"{n} is {shown(variables.values[n])}" for n in read)
            message = f"{unit.block()} requires: {words}; {values}"
            raise SpecError(message, code="AS315", at=entry.at)

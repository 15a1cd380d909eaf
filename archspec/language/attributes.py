"""An op's attributes against its class, each fault at its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from archspec.errors import Location, SpecError, SpecErrors, nearest
from archspec.graph import Value
from archspec.language.schema import shown
from archspec.ops import Op
from archspec.ops.describe import expected

Place = Callable[[str], Location]
"""Where an attribute stands: its value; the op itself for one that isn't there."""


def validated(
    op: type[Op],
    values: Mapping[str, Value],
    place: Place,
    at: Location,
    unknown: Collection[str] = (),
) -> Op | None:
    """The op with these attributes.

    `unknown` are attributes whose values a formula gives later; with any there is no op
    yet, and only what can't be right whatever they are is a fault. Raises SpecErrors.
    """
    try:
        made = op.model_validate(values)
    except ValidationError as error:
        faults = {str(fault): fault for fault in _faults(op, error, place, at, unknown)}
        if faults:
            raise SpecErrors(faults.values()) from None
        return None
    return None if unknown else made


def _faults(
    op: type[Op],
    error: ValidationError,
    place: Place,
    at: Location,
    unknown: Collection[str],
) -> Iterator[SpecError]:
    for item in error.errors():
        key = str(item["loc"][0]) if item["loc"] else ""
        if item["type"] == "extra_forbidden" and len(item["loc"]) == 1:
            names = tuple(op.model_fields)
            known = "it has " + ", ".join(names) if names else "it has none"
            yield SpecError(
                f"{op.kind} has no attribute {key!r}",
                at=place(key),
                hint=nearest(key, (*names, "from", "when", "repeat")) or known,
            )
        elif item["type"] == "missing" and len(item["loc"]) == 1:
            if key not in unknown:
                yield SpecError(
                    f"{op.kind} needs the attribute {key!r} ({expected(op, key)})",
                    at=at,
                )
        elif not key:
            if not unknown:
                message = item["msg"].removeprefix("Value error, ")
                yield SpecError(f"{op.kind}: {message}", at=_spot(message, place, at))
        elif key == "init":
            yield _init(op, item, place(key))
        else:
            yield SpecError(
                f"{op.kind}'s {key} must be {expected(op, key)}, "
                f"found {shown(_given(item, error, key))}",
                at=place(key),
            )


def _given(item: Any, error: ValidationError, key: str) -> Any:
    # Pydantic shows the part that failed; a reader looks for the whole value.
    if len(item["loc"]) == 1:
        return item["input"]
    whole = [e["input"] for e in error.errors() if e["loc"][0] == key]
    return max(whole, key=lambda value: len(repr(value)))


def _init(op: type[Op], item: Any, at: Location) -> SpecError:
    way = [str(step) for step in item["loc"][1:] if step != "function-before"]
    message = item["msg"].removeprefix("Value error, ")
    message = message.removeprefix("Input should be ")
    if item["type"] == "extra_forbidden":
        message = f"there is no argument {way[-1]!r}"
    return SpecError(f"{op.kind}'s init: {'.'.join(way)}: {message}", at=at)


def _spot(message: str, place: Place, at: Location) -> Location:
    """Where the first attribute stands that a message names."""
    for word in re.findall(r"[a-z_]+", message):
        if place(word) != at:
            return place(word)
    return at

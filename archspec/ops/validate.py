"""An op's attributes against its class, in the language's words, each fault placed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from archspec.errors import Location, SpecError, SpecErrors, nearest, shown
from archspec.ops.base import Op, Weighted
from archspec.ops.describe import expected
from archspec.ops.init import Unsuited

Where = Callable[..., Location]
"""Where an attribute stands, or what lies in it at a further path; else the op."""


def validated(
    op: type[Op],
    values: Mapping[str, Any],
    place: Where,
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
        faults = {
            str(fault): fault
            for fault in _faults(op, values, error, place, at, unknown)
        }
        if faults:
            raise SpecErrors(faults.values()) from None
        return None
    return None if unknown else made


def _faults(
    op: type[Op],
    values: Mapping[str, Any],
    error: ValidationError,
    place: Where,
    at: Location,
    unknown: Collection[str],
) -> Iterator[SpecError]:
    items = error.errors()
    strange = [i["loc"][0] for i in items if i["type"] == "extra_forbidden"]
    for item in items:
        key = str(item["loc"][0]) if item["loc"] else ""
        if item["type"] == "extra_forbidden" and len(item["loc"]) == 1:
            names = tuple(op.model_fields)
            known = "it has " + ", ".join(names) if names else "it has none"
            yield SpecError(
                f"{op.kind} has no attribute {key!r}",
                code="AS206",
                at=place(key),
                hint=nearest(key, (*names, "from", "when", "repeat")) or known,
            )
        elif item["type"] == "missing" and len(item["loc"]) == 1:
            # One that is only misspelled isn't missing too.
            if key not in unknown and not any(nearest(str(s), [key]) for s in strange):
                yield SpecError(
                    f"{op.kind} needs the attribute {key!r}: {expected(op, key)}",
                    code="AS207",
                    at=at,
                )
        elif not key:
            if not unknown:
                yield _together(op, item, place, at)
        elif key == "init":
            yield _init(op, item, values[key], place)
        else:
            yield SpecError(
                f"{op.kind}'s {key} must be {expected(op, key)}, "
                f"found {shown(values[key])}",
                code="AS208",
                at=place(key),
            )


def _together(op: type[Op], item: Any, place: Where, at: Location) -> SpecError:
    message = item["msg"].removeprefix("Value error, ")
    code = _code(item) if message.startswith("init: ") else "AS209"
    return SpecError(f"{op.kind}: {message}", code=code, at=_spot(message, place, at))


def _init(op: type[Op], item: Any, init: Any, place: Where) -> SpecError:
    way = [step for step in item["loc"][1:] if step != "function-before"]
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        message = f"there is no argument {way.pop()!r}"
    elif item["type"] == "missing":
        message = f"there is no argument {way.pop()!r}, which it needs"
    elif not way:
        assert issubclass(op, Weighted)
        message = f"expected an initialiser for each of {', '.join(op.trained())}"
    elif not item["msg"].startswith("Value error"):
        message = message.replace("Input should be", "expected")
    if "found" not in message and "there is" not in message:
        message += f", found {shown(item['input'])}"
    name = ": ".join(map(str, (op.kind, "init", *way)))
    chosen = init.get(way[0]) if way and isinstance(init, dict) else None
    if isinstance(chosen, dict):
        way[1:1] = chosen  # the initialiser's name, which pydantic doesn't know
    return SpecError(f"{name}: {message}", code=_code(item), at=place("init", *way))


def _code(item: Any) -> str:
    """Of a fault of `init`: that it is none, or none for this parameter."""
    cause = item.get("ctx", {}).get("error")
    return "AS603" if isinstance(cause, Unsuited) else "AS210"


def _spot(message: str, place: Where, at: Location) -> Location:
    """Where the first attribute stands that a message names."""
    for word in re.findall(r"[a-z_]+", message):
        if place(word) != at:
            return place(word)
    return at

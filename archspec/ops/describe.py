"""What an op's attributes may be, in the language's words."""

from __future__ import annotations

import inspect
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from archspec.ops.base import Op


def summary(op: type[Op]) -> str:
    """The first sentence of an op's documentation."""
    text = inspect.cleandoc(op.__doc__ or "").partition("\n\n")[0]
    return " ".join(text.split()).partition(". ")[0].rstrip(".")


def expected(op: type[Op], attribute: str) -> str:
    """What may stand for an attribute, such as `a whole number from 1`."""
    field = op.model_fields[attribute]
    return _words(field.annotation, list(field.metadata))


SHORT = {int: "int", float: "number", bool: "true or false", str: "text"}
LONG = {**SHORT, int: "a whole number", float: "a number"}


def _words(annotation: Any, facts: list[Any]) -> str:
    """A type in the language's words; `facts` are the bounds around it."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, *own = parts
        if get_origin(inner) in (Union, UnionType) and len(get_args(inner)) > 4:
            return "an initialiser"
        return _words(inner, [*own, *facts])
    if origin is Literal:
        return " or ".join(map(str, parts))
    if origin is dict:
        return f"{_words(parts[1], [])} by parameter"
    if origin is tuple:
        return _short(annotation)
    if origin in (Union, UnionType):
        kept = [part for part in parts if part is not NoneType]
        words = list(dict.fromkeys(_words(part, facts) for part in kept))
        return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    return f"{LONG.get(annotation, str(annotation))}{_bounds(facts)}"


def _short(annotation: Any) -> str:
    """A type inside brackets: [int, int]."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _short(parts[0])
    if origin is tuple:
        return f"[{', '.join(map(_short, parts))}]"
    return SHORT.get(annotation, str(annotation))


WHOLE = 2**53
"""The bound of all whole numbers, which needs no saying."""
BOUNDS = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}


def _bounds(facts: list[Any]) -> str:
    """The bounds among the facts of an annotation, but for `WHOLE`."""
    found = [
        text.format(f"{value:g}")
        for fact in facts
        for part in (fact, *getattr(fact, "metadata", ()))
        for name, text in BOUNDS.items()
        if (value := getattr(part, name, None)) is not None and value != WHOLE
    ]
    return "".join(f" {text}" for text in found)

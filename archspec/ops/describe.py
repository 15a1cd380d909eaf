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
    """What may stand for an attribute, such as `a positive int`."""
    field = op.model_fields[attribute]
    bounds = [bound for fact in field.metadata for bound in _bounds(fact)]
    return _type(field.annotation, next(iter(bounds), None))


def _type(annotation: object, least: object = None) -> str:
    """A type in the language's words; `least` is the smallest number."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, *facts = parts
        if get_origin(inner) in (Union, UnionType) and len(get_args(inner)) > 4:
            return "an initializer"
        bounds = [bound for fact in facts for bound in _bounds(fact)]
        return _type(inner, next(iter(bounds), None))
    if origin is Literal:
        return " or ".join(map(str, parts))
    if origin is dict:
        return f"{_type(parts[1])} by parameter"
    if origin is tuple:
        return f"[{', '.join(_type(part) for part in parts)}]"
    if origin in (Union, UnionType):
        kept = [part for part in parts if part is not NoneType]
        return " or ".join(dict.fromkeys(_type(part, least) for part in kept))
    if annotation is int and least is not None:
        return "a positive int" if least == 1 else f"an int from {least}"
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _bounds(fact: object) -> list[Any]:
    """The lower bounds that an annotation sets."""
    found = [
        getattr(part, "ge", None) for part in (fact, *getattr(fact, "metadata", ()))
    ]
    return [bound for bound in found if bound is not None]

"""What the ops' classes say of themselves, as text."""

from __future__ import annotations

import inspect
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

from archspec.errors import SpecError, nearest
from archspec.ops import BY_KIND, Op


def listing() -> str:
    """Every op with the first line of its documentation."""
    width = max(map(len, BY_KIND))
    lines = [f"{kind.ljust(width)}  {_first(op)}" for kind, op in BY_KIND.items()]
    return "\n".join(lines) + "\n"


def page(kind: str) -> str:
    """The documentation of one op; SpecError, with the nearest name, without one."""
    op = BY_KIND.get(kind)
    if op is None:
        raise SpecError(f"there is no op {kind!r}", hint=nearest(kind, BY_KIND))
    fewest, most = op.arity
    count = str(fewest) if fewest == most else f"{fewest} or more"
    if most is not None and most != fewest:
        count = f"{fewest} to {most}"
    lines = [kind, "", inspect.cleandoc(op.__doc__ or ""), "", f"inputs: {count}"]
    if op.weighted:
        lines.append(f"weights: {', '.join(op.weighted)}")
    if op.model_fields:
        lines += ["", "attributes:"]
    for name, field in op.model_fields.items():
        default = "required" if field.is_required() else f"default {field.default!r}"
        bounds = [bound for fact in field.metadata for bound in _bounds(fact)]
        kind = _type(field.annotation, next(iter(bounds), None))
        lines.append(f"  {name}: {kind}, {default}")
    return "\n".join(lines) + "\n"


def _first(op: type[Op]) -> str:
    text = inspect.cleandoc(op.__doc__ or "").partition("\n\n")[0]
    return " ".join(text.split()).partition(". ")[0].rstrip(".")


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
        return "positive int" if least == 1 else f"int from {least}"
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _bounds(fact: object) -> list[object]:
    """The lower bounds that an annotation sets."""
    found = [
        getattr(part, "ge", None) for part in (fact, *getattr(fact, "metadata", ()))
    ]
    return [bound for bound in found if bound is not None]

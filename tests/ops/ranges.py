"""The whole legal range of every op's attributes: bounds, signs, zeros, every word.

Nothing here names an op; what a value may be is read from the classes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import yaml
from nets import graph_of

from archspec.errors import ArchspecError
from archspec.graph import Graph
from archspec.ops import BY_KIND, OPS, Op, Shape
from archspec.ops.init import BY_NAME

SHAPES: tuple[Shape, ...] = ((4, 9, 10), (4, 3, 1), (4,))
LONG: Shape = (1, 1, 4100)
"""An image for the largest window."""
INTEGERS = (0, 1, 2, 3, 4, 5, 8, 4096)
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.3, -0.3, 2.5, 1e-30, -1e-30, 1e30, -1e30, 0.999999)
WORDS = ("weight", "gamma", "w_1", "self", "x", "scale", "in_channels", "a" * 40)
LARGEST = 20_000
"""Values, or bytes of weights, that a case may need: these are many."""


class Case(NamedTuple):
    """An op with attributes, and the shape that it reads once or twice."""

    kind: str
    attributes: dict[str, Any]
    shape: Shape

    def __str__(self) -> str:
        said = [f"{k}={v}" for k, v in self.attributes.items()]
        return " ".join([self.kind, *said, "x".join(map(str, self.shape))])

    def graph(self) -> Graph:
        """The net of this op alone."""
        several = BY_KIND[self.kind].arity[0] > 1
        read = {"from": ["input", "input"]} if several else {}
        node = json.dumps({"op": self.kind, **read, **self.attributes})
        return graph_of(
            f"inputs: {{image: {[*self.shape]}}}\ngraph: {{node: {node}}}\n"
        )


def cases() -> Iterator[Case]:
    """Every attribute of every op over its range, beside some values of the others."""
    for op in OPS:
        seen: set[str] = set()
        for attributes in _settings(op):
            for shape in (*SHAPES, LONG) if "kernel" in op.model_fields else SHAPES:
                made = Case(op.kind, attributes, shape)
                if str(made) not in seen and _small(op, made):
                    seen.add(str(made))
                    yield made
                    if "init" in attributes:
                        break


def legal(op: type[Op], name: str) -> list[Any]:
    """Values of an attribute, all within its bounds; None is left out."""
    if name == "init":
        return [{p: init} for p in op.stored for init in initialisers()]
    field = op.model_fields[name]
    return list(_values(field.annotation, list(field.metadata)))


def initialisers() -> Iterator[Any]:
    """Every initialiser over the ranges of its arguments, some of which don't fit."""
    for name, init in BY_NAME.items():
        required = {k: 1.0 for k, f in init.model_fields.items() if f.is_required()}
        yield {name: required}
        for key, field in init.model_fields.items():
            for value in _values(field.annotation, list(field.metadata)):
                yield {name: {**required, key: value}}


def _settings(op: type[Op]) -> Iterator[dict[str, Any]]:
    """Attributes, of which some don't go together or with a shape."""
    bases = _bases(op)
    yield from bases
    for name in op.model_fields:
        for value in legal(op, name):
            for base in bases[:1] if name == "init" else bases:
                yield {**base, name: value}


def _bases(op: type[Op]) -> list[dict[str, Any]]:
    """The example's attributes and those that must be, with one or two more."""
    whole = yaml.safe_load(f"{{{op.example}}}")
    fields = op.model_fields
    # Two ways to say one thing, as a resize has, exclude one another.
    needed = {k: v for k, v in whole.items() if fields[k].is_required()}
    more = [
        {name: value}
        for name, field in fields.items()
        if get_origin(field.annotation) is Literal
        for value in get_args(field.annotation)
    ]
    if "stride" in fields:
        more += [{"stride": 2}, {"stride": [2, 1]}, {"kernel": [1, 2]}, {"kernel": 1}]
    if "padding" in fields:
        more += [{"padding": 1}, {"padding": "same"}, {"padding": 1, "stride": 2}]
    if "groups" in fields:
        more += [{"groups": 4}, {"groups": 4, "stride": [1, 2], "padding": "same"}]
    return [whole, *({**needed, **extra} for extra in more)]


def _values(annotation: Any, facts: list[Any]) -> Iterator[Any]:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, *own = parts
        yield from _values(inner, [*own, *facts])
    elif origin is Literal:
        yield from parts
    elif origin in (Union, UnionType):
        for part in parts:
            yield from _values(part, facts)
    elif origin is tuple:
        first, second = (list(_values(part, [])) for part in parts)
        yield from ([a, b] for a, b in zip(first, second[1:] + second[:1], strict=True))
        yield [first[-1], second[0]]
    elif annotation is not NoneType:
        known: dict[Any, tuple[Any, ...]] = {
            bool: (True, False),
            int: INTEGERS,
            float: FLOATS,
            str: WORDS,
        }
        yield from known[annotation]


def _small(kind: type[Op], case: Case) -> bool:
    """Whether it is legal, and little memory does, for its padded image too."""
    shapes = (case.shape,) * kind.arity[0]
    try:
        op: Any = kind.model_validate(case.attributes)
        made = op.shape(*shapes)
    except (ValueError, ArchspecError):
        return False
    size = sum(map(math.prod, op.weights(*shapes).values())) + math.prod(made)
    if hasattr(op, "padding") and hasattr(op, "sides"):
        sides = op.sides(*case.shape[1:])
        lengths = [n + sum(s) for n, s in zip(case.shape[1:], sides, strict=True)]
        size += case.shape[0] * math.prod(lengths)
    return bool(size <= LARGEST)

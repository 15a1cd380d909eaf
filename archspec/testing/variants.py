"""Ops with random attributes, drawn from what their classes say of them.

Nothing here names an op: whoever adds one gets variants of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from random import Random
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from archspec.errors import ArchspecError
from archspec.ops import Op, Shape

IMAGES: tuple[Shape, ...] = ((4, 9, 10), (2, 7, 12), (6, 6, 5), (3, 8, 8), (1, 5, 6))
VECTORS: tuple[Shape, ...] = ((6,), (5,), (1,))
SMALL: tuple[Shape, ...] = ((4, 1, 1), (2, 1, 7), (3, 3, 2))
LARGEST = 4000
"""Values of one image that an op may give."""
TRIES = 2000
INTEGERS = (1, 2, 3, 1, 2, 0, 4, 6, 8)
FLOATS = (0.5, 0.01, 0.3, 2.0, 1e-5, 1.5, 3.0, -0.25, 1.0, 0.7, 0.0)
WORDS = ("weight", "gamma", "x")
"""What a number or a word may be, as far as its bounds allow."""


@dataclass(frozen=True, slots=True)
class Variant:
    """An op with attributes, and the shapes that it reads.

    Attributes:
        kind: of the op.
        attributes: as a spec says them.
        shapes: of its inputs; `again` says that all are the same value.
    """

    kind: str
    attributes: tuple[tuple[str, Any], ...]
    shapes: tuple[Shape, ...]
    again: bool = False

    @classmethod
    def of(cls, op: Op, shapes: tuple[Shape, ...]) -> Variant:
        """An op of a graph on its own; how its weights start doesn't matter."""
        attributes = op.model_dump(exclude_defaults=True, exclude={"init"})
        return cls(op.kind, tuple(attributes.items()), shapes)

    def __str__(self) -> str:
        said = [f"{name}={value}" for name, value in self.attributes]
        shapes = ["x".join(map(str, shape)) for shape in self.shapes]
        again = ["again"] if self.again else []
        return " ".join([self.kind, *said, *shapes, *again]).replace(", ", ",")

    def spec(self) -> str:
        """A net of this op alone, its node on line 4."""
        inputs = {f"x{n}": list(shape) for n, shape in enumerate(self.shapes)}
        read = list(inputs)
        if self.again:
            inputs = {"x0": inputs["x0"]}
        if len(inputs) == 1:
            read = ["input"] * len(read)
        node = {"op": self.kind, "from": read, **dict(self.attributes)}
        return (
            "archspec: 1\nname: net\n"
            f"inputs: {json.dumps(inputs)}\n"
            f"graph: {{node: {json.dumps(node)}}}\n"
        )


def variants(op: type[Op], count: int, seed: int = 0) -> Iterator[Variant]:
    """Random variants of an op, none twice, which are legal; `count` or a few less."""
    random = Random(f"{seed} {op.kind}")
    seen: set[Variant] = set()
    for _ in range(TRIES):
        if len(seen) == count:
            return
        made = _drawn(op, random)
        if made is not None and made not in seen:
            seen.add(made)
            yield made


def _drawn(op: type[Op], random: Random) -> Variant | None:
    """A variant, or None where what was drawn is no legal one."""
    attributes = {
        name: drawn(random, field.annotation, field.metadata)
        for name, field in op.model_fields.items()
        if name != "init" and (field.is_required() or random.random() < 0.5)
    }
    shapes = _shapes(op, random)
    again = len(shapes) > 1 and random.random() < 0.1
    shapes = (shapes[0],) * len(shapes) if again else shapes
    try:
        shape = op.model_validate(attributes).shape(*shapes)
    except (ValueError, ArchspecError):
        return None
    if prod(shape) > LARGEST:
        return None
    return Variant(op.kind, tuple(attributes.items()), shapes, again)


def _shapes(op: type[Op], random: Random) -> tuple[Shape, ...]:
    fewest, most = op.arity
    number = random.randint(fewest, most or fewest + 1)
    first = random.choice(random.choice((IMAGES, IMAGES, IMAGES, VECTORS, SMALL)))
    shapes = [first]
    for _ in range(number - 1):
        pixel = (first[0], *[1] * (len(first) - 1))
        deeper = (random.randint(1, 5), *first[1:])
        shapes.append(random.choice((first, pixel, deeper, random.choice(IMAGES))))
    random.shuffle(shapes)
    return tuple(shapes)


def drawn(random: Random, annotation: Any, facts: list[Any]) -> Any:
    """A value of a type of an op's attribute; `facts` are the bounds around it."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, *own = parts
        return drawn(random, inner, [*own, *facts])
    if origin is Literal:
        return random.choice(parts)
    if origin in (Union, UnionType):
        kinds = [part for part in parts if part is not NoneType]
        return drawn(random, random.choice(kinds), facts)
    if origin is tuple:
        return tuple(drawn(random, part, []) for part in parts)
    known: dict[Any, tuple[Any, ...]] = {
        bool: (True, False),
        int: INTEGERS,
        float: FLOATS,
        str: WORDS,
    }
    return random.choice([v for v in known[annotation] if _within(v, facts)])


def _within(value: Any, facts: list[Any]) -> bool:
    """Whether a value keeps to the bounds of an annotation."""
    for fact in facts:
        for bound in (fact, *getattr(fact, "metadata", ())):
            tests = (
                (getattr(bound, "ge", None), lambda a, b: a >= b),
                (getattr(bound, "gt", None), lambda a, b: a > b),
                (getattr(bound, "le", None), lambda a, b: a <= b),
                (getattr(bound, "lt", None), lambda a, b: a < b),
                (getattr(bound, "pattern", None), lambda a, b: re.match(b, a)),
            )
            if any(
                limit is not None and not test(value, limit) for limit, test in tests
            ):
                return False
    return True

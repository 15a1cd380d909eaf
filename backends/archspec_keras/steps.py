"""What a lowered op is: layers and calls in order, with the padding before them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from archspec.ops import pair
from archspec.ops.base import four_sides
from archspec.source.expr import Expr
from archspec.source.outline import OpUse
from archspec.source.text import Call, Doc


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that is called on the values; `suffix` is added to the op's name."""

    call: Call
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Apply:
    """An expression over the values; `autos` are names that Keras gives its ops."""

    doc: Callable[[Sequence[str]], Doc]
    autos: tuple[str, ...]


Step = Layer | Apply
Steps = list[Step]
PAD = "pad"
"""What is added to the name of a layer that pads for another."""
Inits = Callable[[OpUse, Call], Call]
"""Adds a layer's initializers to its call."""
Lowering = Callable[[OpUse, Inits], Steps]


def first(use: OpUse) -> Any:
    """The op of one instance, for what all have in common."""
    return use.ops[0]


def even(use: OpUse) -> bool:
    """Whether the padding is what TensorFlow's `same` gives at every image size."""
    padding, dilation, kernel = use["padding"], use["dilation"], use["kernel"]
    if any(isinstance(x, Expr) for x in (padding, dilation, kernel, use["stride"])):
        return False
    if pair(first(use).stride) != (1, 1):
        return False
    sides = four_sides(padding)
    extent = first(use).extent()
    return all(
        2 * lo == 2 * hi == e - 1 for (lo, hi), e in zip(sides, extent, strict=True)
    )


def padded(use: OpUse) -> tuple[Steps, Doc]:
    """The layers that pad, and the layer's own `padding`."""
    padding = use["padding"]
    if padding == "same":
        return [], "same"
    if padding == 0:
        return [], "valid"
    if even(use):
        return [], "same"
    return [Layer(Call("layers.ZeroPadding2D", (sides(padding),)), PAD)], "valid"


def sides(padding: Any) -> Doc:
    """Padding as ZeroPadding2D takes it."""
    if isinstance(padding, Expr | int):
        return padding
    (top, bottom), (left, right) = four_sides(padding)
    if top == bottom == left == right:
        return top
    if (top, left) == (bottom, right):
        return (top, left)
    return ((top, bottom), (left, right))

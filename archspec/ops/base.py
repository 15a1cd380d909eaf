"""What every op says of itself: attributes, shape, weights, MACs."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from archspec.errors import ShapeError
from archspec.ops.init import AnyInit, Constant, Initializer, KaimingNormal

Shape = tuple[int, ...]
"""A value's shape without the batch axis: (channels, height, width) or (features,)."""

Positive = Annotated[int, Field(strict=True, ge=1, le=2**53)]
Natural = Annotated[int, Field(strict=True, ge=0, le=2**53)]
Pair = tuple[Positive, Positive]
NaturalPair = tuple[Natural, Natural]
FourSides = tuple[NaturalPair, NaturalPair]
Sides = tuple[tuple[int, int], tuple[int, int]]
"""Padding in pixels: (top, bottom), (left, right)."""
Flag = Annotated[bool, Field(strict=True)]


class Op(BaseModel):
    """One operation of the language: validates its YAML and sits in the graph.

    `shape`, `weights`, `buffers` and `macs` take the shapes of the inputs, without the
    batch axis. Attribute names and defaults are torch.nn's unless a class says else.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", defer_build=True, allow_inf_nan=False
    )

    kind: ClassVar[str]
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    """Fewest and most inputs; None is any number."""
    weighted: ClassVar[tuple[str, ...]] = ()
    """Names of trainable parameters the op may have; they may be given an `init`."""
    commutative: ClassVar[bool] = False
    """Whether the order of the inputs is of no account."""

    def shape(self, *inputs: Shape) -> Shape:
        """The output's shape; raises ShapeError when the inputs don't fit."""
        raise NotImplementedError

    def weights(self, *inputs: Shape) -> dict[str, Shape]:
        """Trainable parameters in canonical (torch) layout, in canonical order."""
        return {}

    def buffers(self, *inputs: Shape) -> dict[str, Shape]:
        """State that is stored but not trained, in canonical order."""
        return {}

    def macs(self, *inputs: Shape) -> int:
        """Multiply-accumulates for one image; only convolutions and linear have any."""
        return 0

    def out_channels(
        self,
        inputs: tuple[Any, ...],
        attributes: Mapping[str, Any],
        shapes: tuple[Shape, ...],
    ) -> Any:
        """The output's channels as an expression of `+ * //` over the inputs' channels.

        `inputs` holds one number-like value for each input, `attributes` may hold such
        values under attribute names, `shapes` are the inputs' in one instance. It lets
        printed code say `channels * 4`; it is checked against `shape` where it is used.
        """
        return inputs[0]

    def passes_through(self) -> bool:
        """Whether the output is the first input, in training too."""
        return False

    def settings(self) -> dict[str, Any]:
        """The attributes but `init` that are not their defaults, spelled in one way."""
        attributes = {
            name: (shortest(getattr(self, name)), shortest(field.default))
            for name, field in type(self).model_fields.items()
            if name != "init"
        }
        return {name: own for name, (own, usual) in attributes.items() if own != usual}

    def default_init(self, name: str) -> AnyInit:
        """The initialiser of a parameter for which the spec names none."""
        return Constant(value=0.0) if name == "bias" else KaimingNormal()

    def inits(self) -> dict[str, Initializer]:
        """The initialisers that the spec names, by parameter."""
        return {}


class Weighted(Op):
    """An op with weights, whose initial values a spec may choose."""

    init: dict[str, Initializer] | None = None
    """Initial values by parameter name; see `archspec.ops.init`."""

    def inits(self) -> dict[str, Initializer]:
        return self.init or {}

    @model_validator(mode="after")
    def _known_inits(self) -> Self:
        for name in self.init or {}:
            if self.weighted and name not in self.weighted:
                names = " and ".join(self.weighted)
                raise ValueError(f"init: there is no parameter {name!r}, but {names}")
        return self


def shortest(value: Any) -> Any:
    """An attribute's one spelling: 1 for (1, 1), and (1, 2) for ((1, 1), (2, 2))."""
    if not isinstance(value, tuple):
        return 0.0 if isinstance(value, float) and value == 0 else value  # not -0.0
    items = tuple(map(shortest, value))
    if any(isinstance(item, tuple) for item in items):
        return value
    return items[0] if len(set(items)) == 1 else items


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """Vertical and horizontal value of an attribute that may be a single number."""
    return (value, value) if isinstance(value, int) else value


def image(kind: str, shape: Shape) -> tuple[int, int, int]:
    """The shape as (channels, height, width); raises ShapeError for another rank."""
    if len(shape) != 3:
        raise ShapeError(
            f"{kind} needs an image (channels, height, width), found {list(shape)}",
            code="AS401",
        )
    return shape[0], shape[1], shape[2]


def four_sides(padding: Any) -> Sides:
    """Explicit padding (a number, a pair or four sides) as four sides."""
    (vertical, horizontal) = pair(padding)
    return pair(vertical), pair(horizontal)


def same_sides(
    size: tuple[int, int], extent: tuple[int, int], stride: tuple[int, int]
) -> Sides:
    """TensorFlow's `same` padding in pixels; an odd pixel goes to the far side."""
    made = []
    for n, e, s in zip(size, extent, stride, strict=True):
        total = max((-(-n // s) - 1) * s + e - n, 0)
        made.append((total // 2, total - total // 2))
    return made[0], made[1]

"""What every op says of itself: attributes, shape, weights, MACs."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from archspec.errors import ShapeError
from archspec.ops.init import AnyInit, Constant, Initializer, KaimingNormal

Shape = tuple[int, ...]
"""A value's shape without the batch axis: (channels, height, width) or (features,)."""

Positive = Annotated[int, Field(strict=True, ge=1, le=2**53)]
Natural = Annotated[int, Field(strict=True, ge=0, le=2**53)]
Pair = tuple[Positive, Positive]
NaturalPair = tuple[Natural, Natural]
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

    def out_channels(self, inputs: tuple[Any, ...], attributes: dict[str, Any]) -> Any:
        """The output's channels as an expression of `+ * //` over the inputs' channels.

        `inputs` holds one number-like value for each input, `attributes` may hold such
        values under attribute names. It lets printed code say `channels * 4`; it is
        checked against `shape` wherever it is used.
        """
        return inputs[0]

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


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """Vertical and horizontal value of an attribute that may be a single number."""
    return (value, value) if isinstance(value, int) else value


def image(kind: str, shape: Shape) -> tuple[int, int, int]:
    """The shape as (channels, height, width); raises ShapeError for another rank."""
    if len(shape) != 3:
        raise ShapeError(
            f"{kind} needs an image (channels, height, width), found {list(shape)}"
        )
    return shape[0], shape[1], shape[2]

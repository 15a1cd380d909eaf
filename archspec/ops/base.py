"""What every op says of itself: attributes, shape, weights, MACs, and its traits.

A trait is a class variable or a small method here, with the answer of most ops; an op
for which another one is true says so in its class. Nothing outside of the backends
holds a table of ops, so that an op is described in one place:

    >>> from archspec.ops import BY_KIND
    >>> relu, conv = BY_KIND["relu"](), BY_KIND["conv2d"](channels=8, kernel=3)
    >>> relu.nonnegative(False), conv.nonnegative(True)
    (True, False)
    >>> conv.weights((4, 9, 9)), conv.role("weight")
    ({'weight': (8, 4, 3, 3), 'bias': (8,)}, 'kernel')
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from archspec.errors import ShapeError
from archspec.ops.init import AnyInit, Constant, Initializer, KaimingNormal, Unsuited

Shape = tuple[int, ...]
"""A value's shape without the batch axis: (channels, height, width) or (features,)."""

Positive = Annotated[int, Field(strict=True, ge=1, le=2**53)]
Natural = Annotated[int, Field(strict=True, ge=0, le=2**53)]
Pixels = Annotated[int, Field(strict=True, ge=1, le=2**12)]
"""A length within a window. At 2**15 oneDNN's convolutions end in a segmentation fault,
at 2**31 TensorFlow's do."""
Margin = Annotated[int, Field(strict=True, ge=0, le=2**12)]
PixelPair = tuple[Pixels, Pixels]
MarginPair = tuple[Margin, Margin]
FourSides = tuple[MarginPair, MarginPair]
Sides = tuple[tuple[int, int], tuple[int, int]]
"""Padding in pixels: (top, bottom), (left, right)."""
Flag = Annotated[bool, Field(strict=True)]

Input = TypeVar("Input")
Window = tuple[int, Fraction]
"""Along an axis: how many pixels of its input an output pixel reads, and how far the
windows of two neighbours lie apart, in pixels of the input."""

Role = Literal[
    "kernel", "bias", "factor", "offset", "slope", "scale", "mean", "variance"
]
"""What a stored tensor is to its op.

Values are multiplied with a `kernel` and summed, so it has a fan in and a fan out; any
other has a number for each channel. `factor` and `offset` belong to a norm, `slope` to
an activation, a `scale` stands alone. `mean` and `variance` are gathered, not trained.
"""
Stored = Mapping[str, Role]
STATISTICS = ("mean", "variance")

STARTS: Mapping[Role, AnyInit] = {
    "kernel": KaimingNormal(),
    "bias": Constant(value=0.0),
    "factor": Constant(value=1.0),
    "offset": Constant(value=0.0),
    "slope": Constant(value=0.25),
    "scale": Constant(value=1.0),
    "mean": Constant(value=0.0),
    "variance": Constant(value=1.0),
}
"""What a stored tensor starts from where the spec doesn't say."""


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
    commutative: ClassVar[bool] = False
    """Whether the order of its inputs is of no account."""
    example: ClassVar[str] = ""
    """Attributes with which it does something, as a spec says them in braces."""
    stored: ClassVar[Stored] = {}
    """The tensors that it may store, in canonical order."""
    width: ClassVar[str | None] = None
    """The attribute that alone says how many channels or features it gives."""
    paired: ClassVar[tuple[str, ...]] = ()
    """The attributes that `out_channels` is given as two numbers each."""
    sizes: ClassVar[frozenset[str]] = frozenset()
    """The attributes on which the height and width of its output depend."""
    chance: ClassVar[str | None] = None
    """The attribute that is the probability of what it draws in training, if it draws
    anything. At 0, and in evaluation, such an op gives its input."""
    follows: ClassVar[bool] = False
    """Whether code is written around the op before it, as in relu(bn(conv(x)))."""
    flattens: ClassVar[bool] = False
    """Whether it makes features of pixels, whose number depends on the image's size."""
    centres: ClassVar[bool] = False
    """Whether, in training, it takes away what is added to a whole channel."""

    gives: ClassVar[str] = ""
    """What its output is called where it is a net's: probabilities, say."""

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
        return inputs[0] if self.width is None else attributes[self.width]

    def passes_through(self) -> bool:
        """Whether the output is the first input, in training too."""
        return self.chance is not None and getattr(self, self.chance) == 0

    def settings(self) -> dict[str, Any]:
        """The attributes but `init` that are not their defaults, spelled in one way."""
        attributes = {
            name: (shortest(getattr(self, name)), shortest(field.default))
            for name, field in type(self).model_fields.items()
            if name != "init"
        }
        return {name: own for name, (own, usual) in attributes.items() if own != usual}

    @property
    def counts_channels(self) -> bool:
        """Whether it is made for a number of channels, not for any that it may read."""
        return False

    def nonnegative(self, *inputs: bool) -> bool:
        """Whether its output is never below 0; `inputs` say so of what it reads."""
        return False

    def computed_from(self, inputs: tuple[Input, ...]) -> tuple[Input, ...]:
        """Those of its inputs whose values it reads; of others it reads the size."""
        return inputs

    def sized_by(self, inputs: tuple[Input, ...]) -> tuple[Input, ...]:
        """Those of its inputs on whose size that of its output, an image, depends."""
        return inputs

    def windows(self, before: Shape, after: Shape) -> tuple[Window, Window] | None:
        """What a pixel of its output reads, vertically and horizontally.

        `before` and `after` are images, the first input and the output. None where a
        pixel reads the whole image; what a norm gathers over it doesn't count as read.
        """
        return (1, Fraction(1)), (1, Fraction(1))

    def role(self, name: str) -> Role:
        """What a stored tensor is."""
        return self.stored[name]

    def inits(self) -> dict[str, Initializer]:
        """The initialisers that the spec names, by parameter."""
        return {}

    def initial(self, name: str) -> AnyInit:
        """What a stored tensor starts from: what the spec names, or what is usual."""
        return self.inits().get(name) or STARTS[self.role(name)]


# They name no field, and pydantic evaluates them again for each class below.
Op.__annotations__.clear()


class Weighted(Op):
    """An op with weights, whose initial values a spec may choose."""

    naming: ClassVar[str | None] = None
    """The attribute that names its only parameter, where a spec may name it."""
    init: dict[str, Initializer] | None = None
    """Initial values by parameter name; see `archspec.ops.init`."""

    @classmethod
    def trained(cls) -> tuple[str, ...]:
        """The parameters that it may have, by their usual names."""
        return tuple(n for n, role in cls.stored.items() if role not in STATISTICS)

    def inits(self) -> dict[str, Initializer]:
        return self.init or {}

    @model_validator(mode="after")
    def _inits_fit(self) -> Self:
        own = (getattr(self, self.naming),) if self.naming else self.trained()
        for name, init in self.inits().items():
            if name not in own:
                names = " and ".join(own)
                raise ValueError(f"init: there is no parameter {name!r}, but {names}")
            if init.by_fan and not self._has_fan(name, init):
                raise Unsuited(
                    f"init: {init.name} needs a fan in and a fan out, which {name} "
                    "doesn't have; say constant, normal, trunc_normal or uniform"
                )
        return self

    def _has_fan(self, name: str, init: AnyInit) -> bool:
        role = self.role(name)
        behind = init.of_bias and role == "bias" and "kernel" in self.stored.values()
        return role == "kernel" or behind


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


def four_sides(padding: Any) -> Sides:
    """Explicit padding (a number, a pair or four sides) as four sides."""
    (vertical, horizontal) = pair(padding)
    return pair(vertical), pair(horizontal)


def form(padding: Any) -> str:
    """How padding is told: as a number, a pair or four sides."""
    if not isinstance(padding, tuple):
        return "number"
    return "sides" if isinstance(padding[0], tuple) else "pair"


def forms(op: Op, *names: str) -> dict[str, str]:
    """The forms of some attributes of an op, by what they are."""
    return {f"form of {name}": form(getattr(op, name)) for name in names}


def image(kind: str, shape: Shape) -> tuple[int, int, int]:
    """The shape as (channels, height, width); raises ShapeError for another rank."""
    if len(shape) != 3:
        raise ShapeError(
            f"{kind} needs an image (channels, height, width), found {list(shape)}",
            code="AS401",
        )
    return shape[0], shape[1], shape[2]


def divided(groups: int, *channels: int) -> None:
    """Raises ShapeError when groups don't divide every number of channels."""
    for number in channels:
        if number % groups:
            raise ShapeError(
                f"groups {groups} must divide the {number} channels", code="AS404"
            )

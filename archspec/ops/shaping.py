"""Arithmetic between values, and ops that move values about."""

from collections.abc import Mapping
from fractions import Fraction
from functools import reduce
from struct import pack, unpack
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from archspec.errors import ShapeError
from archspec.ops.base import (
    FourSides,
    Input,
    Margin,
    MarginPair,
    Natural,
    Op,
    Positive,
    Shape,
    Sides,
    Window,
    divided,
    four_sides,
    image,
    pair,
)

Factor = Annotated[float, Field(gt=0, le=1e6)]


class Kept(Op):
    """An op that sums, multiplies or moves values, of which none gets below 0."""

    def nonnegative(self, *inputs: bool) -> bool:
        return all(inputs)


class Elementwise(Kept):
    """Arithmetic of equal shapes; an operand [C, 1, 1] counts at every position."""

    arity: ClassVar[tuple[int, int | None]] = (2, None)

    def shape(self, *inputs: Shape) -> Shape:
        full = max(inputs, key=lambda shape: shape[1:])
        for shape in inputs:
            broadcast = len(full) == 3 and shape == (full[0], 1, 1)
            if shape != full and not broadcast:
                raise ShapeError(
                    f"{self.kind} needs equal shapes (or [C, 1, 1] beside an image), "
                    f"found {' and '.join(str(list(s)) for s in inputs)}",
                    code="AS402",
                )
        return full

    def out_channels(
        self,
        inputs: tuple[Any, ...],
        attributes: Mapping[str, Any],
        shapes: tuple[Shape, ...],
    ) -> Any:
        # All have as many channels; of two expressions for it the shorter one.
        return min(inputs, key=lambda value: len(str(getattr(value, "text", value))))


class Add(Elementwise):
    """Sum of two or more values; equal shapes, or [C, 1, 1] beside an image."""

    kind = "add"
    commutative = True


class Subtract(Elementwise):
    """The first value less the second; equal shapes, or [C, 1, 1] beside an image."""

    kind = "subtract"
    arity = (2, 2)

    def nonnegative(self, *inputs: bool) -> bool:
        return False


class Multiply(Elementwise):
    """Product of two or more values; equal shapes, or [C, 1, 1] beside an image."""

    kind = "multiply"
    commutative = True


class Concat(Kept):
    """Joins two or more values along the channels; height and width must agree."""

    kind = "concat"
    arity: ClassVar[tuple[int, int | None]] = (2, None)

    def shape(self, *inputs: Shape) -> Shape:
        if len({shape[1:] for shape in inputs}) != 1:
            raise ShapeError(
                "concat needs equal heights and widths, "
                f"found {' and '.join(str(list(s)) for s in inputs)}",
                code="AS402",
            )
        return (sum(shape[0] for shape in inputs), *inputs[0][1:])

    def out_channels(
        self,
        inputs: tuple[Any, ...],
        attributes: Mapping[str, Any],
        shapes: tuple[Shape, ...],
    ) -> Any:
        return reduce(lambda a, b: a + b, inputs)


class Slice(Kept):
    """Channels `start` up to, not including, `stop`; [C, ...] -> [stop - start, ...].

    ShapeError when there are fewer than `stop` channels.
    """

    kind = "slice"
    example = "stop: 2"
    start: Natural = 0
    stop: Positive

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.start >= self.stop:
            raise ValueError(
                f"start {self.start} must be smaller than stop {self.stop}"
            )
        return self

    def shape(self, *inputs: Shape) -> Shape:
        if self.stop > inputs[0][0]:
            raise ShapeError(
                f"stop {self.stop} is behind the last of {inputs[0][0]} channels",
                code="AS405",
            )
        return (self.stop - self.start, *inputs[0][1:])

    def out_channels(
        self,
        inputs: tuple[Any, ...],
        attributes: Mapping[str, Any],
        shapes: tuple[Shape, ...],
    ) -> Any:
        return attributes["stop"] - attributes["start"]


class Flatten(Kept):
    """[C, H, W] -> [C H W]; a vector stays as it is.

    `order` is chw (torch, canonical) or hwc (what a Keras Flatten gives).
    """

    kind = "flatten"
    follows = True
    flattens = True
    order: Literal["chw", "hwc"] = "chw"

    def shape(self, *inputs: Shape) -> Shape:
        size = 1
        for n in inputs[0]:
            size *= n
        return (size,)

    def out_channels(
        self,
        inputs: tuple[Any, ...],
        attributes: Mapping[str, Any],
        shapes: tuple[Shape, ...],
    ) -> Any:
        return reduce(lambda a, b: a * b, shapes[0][1:], inputs[0])


class Pad(Kept):
    """Zeros around an image or beside its channels; [C, H, W] -> [C', H', W'].

    `spatial` is a number of pixels, [vertical, horizontal] or [[top, bottom], [left,
    right]]; `channels` a number of channels on both sides or [before, after].
    """

    kind = "pad"
    example = "spatial: 1"
    paired = ("channels",)
    sizes = frozenset({"spatial"})
    spatial: Margin | MarginPair | FourSides = 0
    channels: Natural | tuple[Natural, Natural] = 0

    def sides(self) -> Sides:
        """Padding in pixels: (top, bottom), (left, right)."""
        return four_sides(self.spatial)

    def beside(self) -> bool:
        """Whether channels are padded."""
        return any(pair(self.channels))

    def shape(self, *inputs: Shape) -> Shape:
        channels, height, width = image(self.kind, inputs[0])
        (top, bottom), (left, right) = self.sides()
        return (
            channels + sum(pair(self.channels)),
            height + top + bottom,
            width + left + right,
        )

    def out_channels(
        self,
        inputs: tuple[Any, ...],
        attributes: Mapping[str, Any],
        shapes: tuple[Shape, ...],
    ) -> Any:
        before, after = attributes["channels"]
        return inputs[0] + before + after


class Resize(Kept):
    """Another height and width; [C, H, W] -> [C, H', W'].

    Exactly one of `size` (pixels), `scale` (a factor; H' = floor(H scale)) or a second
    input, whose height and width it takes. `nearest` and `bilinear` (half-pixel
    centres, no antialiasing) as torch.nn.functional.interpolate defines them: it places
    the nearest pixels in single precision, on float32 images.
    """

    kind = "resize"
    arity = (1, 2)
    example = "scale: 2"
    sizes = frozenset({"size", "scale"})
    mode: Literal["nearest", "bilinear"] = "nearest"
    size: Positive | tuple[Positive, Positive] | None = None
    scale: Factor | tuple[Factor, Factor] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.size is not None and self.scale is not None:
            raise ValueError("size or scale, not both")
        return self

    def factors(self) -> tuple[float, float]:
        """The vertical and the horizontal scale; 1 without one."""
        scale = self.scale if self.scale is not None else 1.0
        return scale if isinstance(scale, tuple) else (scale, scale)

    def repeats(self) -> bool:
        """Whether, nearest, it repeats every pixel a whole number of times.

        PyTorch multiplies positions by 1 / factor in single precision; where that is
        rounded down, the last repetition of some pixel shows the one before it.
        """
        steps = [unpack("f", pack("f", 1 / factor))[0] for factor in self.factors()]
        whole = all(factor == int(factor) for factor in self.factors())
        axes = zip(steps, self.factors(), strict=True)
        return whole and all(step >= 1 / factor for step, factor in axes)

    def shape(self, *inputs: Shape) -> Shape:
        channels, height, width = image(self.kind, inputs[0])
        ways = (self.size is not None) + (self.scale is not None) + (len(inputs) == 2)
        if ways != 1:
            raise ShapeError(
                "resize takes exactly one of size, scale and a second input, "
                f"found {ways} of them",
                code="AS406",
            )
        if len(inputs) == 2:
            return (channels, *image(self.kind, inputs[1])[1:])
        if self.size is not None:
            return (channels, *pair(self.size))
        factors = self.factors()
        made = tuple(int(n * f) for n, f in zip((height, width), factors, strict=True))
        if min(made) < 1:
            raise ShapeError(
                f"scale {self.scale} leaves nothing of {height}x{width} pixels",
                code="AS403",
            )
        if self.mode == "nearest":
            for n, length, factor in zip((height, width), made, factors, strict=True):
                # Of its kernels, chosen by size, some step by 1 or by 1/2 here.
                if n > 1 and length in (n, 2 * n) and factor not in (1, 2):
                    raise ShapeError(
                        f"a scale of {factor} makes {length} of {n} pixels, and "
                        "PyTorch's kernels disagree on which of them are nearest",
                        code="AS407",
                        hint=f"say the size, {length}, or another scale",
                    )
        return (channels, *made)

    def computed_from(self, inputs: tuple[Input, ...]) -> tuple[Input, ...]:
        return inputs[:1]

    def sized_by(self, inputs: tuple[Input, ...]) -> tuple[Input, ...]:
        return () if self.size is not None else inputs[-1:]

    def windows(self, before: Shape, after: Shape) -> tuple[Window, Window]:
        read = 2 if self.mode == "bilinear" else 1
        return scaled(before, after, read)


class PixelShuffle(Kept):
    """[C r², H, W] -> [C, H r, W r] with r = `factor`, in torch's order.

    https://arxiv.org/abs/1609.05158
    """

    kind = "pixel_shuffle"
    example = "factor: 2"
    sizes = frozenset({"factor"})
    factor: Positive

    def shape(self, *inputs: Shape) -> Shape:
        channels, height, width = image(self.kind, inputs[0])
        if channels % self.factor**2:
            raise ShapeError(
                f"pixel_shuffle needs a multiple of {self.factor**2} channels, "
                f"found {channels}",
                code="AS404",
            )
        return channels // self.factor**2, height * self.factor, width * self.factor

    def out_channels(
        self,
        inputs: tuple[Any, ...],
        attributes: Mapping[str, Any],
        shapes: tuple[Shape, ...],
    ) -> Any:
        return inputs[0] // self.factor**2

    def windows(self, before: Shape, after: Shape) -> tuple[Window, Window]:
        return scaled(before, after, 1)


class ChannelShuffle(Kept):
    """Channels of `groups` groups dealt out in turn; the shape stays.

    ShapeError when groups don't divide the channels. https://arxiv.org/abs/1707.01083
    """

    kind = "channel_shuffle"
    example = "groups: 2"
    groups: Positive

    def shape(self, *inputs: Shape) -> Shape:
        channels, _, _ = image(self.kind, inputs[0])
        divided(self.groups, channels)
        return inputs[0]


def scaled(before: Shape, after: Shape, read: int) -> tuple[Window, Window]:
    """What a pixel reads of an image that is stretched: so many pixels of it."""
    vertical, horizontal = (
        (read, Fraction(n, made)) for n, made in zip(before[1:], after[1:], strict=True)
    )
    return vertical, horizontal

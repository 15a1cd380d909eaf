"""Convolutions and the linear layer."""

from fractions import Fraction
from typing import ClassVar, Self

from pydantic import model_validator

from archspec.errors import ShapeError
from archspec.ops import window
from archspec.ops.base import (
    Flag,
    Margin,
    MarginPair,
    Op,
    PixelPair,
    Pixels,
    Positive,
    Shape,
    Sides,
    Stored,
    Weighted,
    Window,
    divided,
    image,
    pair,
)


class Multiplied(Weighted):
    """An op that multiplies with a kernel, sums, and adds a bias."""

    stored: ClassVar[Stored] = {"weight": "kernel", "bias": "bias"}

    @property
    def counts_channels(self) -> bool:
        return True


class Conv2d(Multiplied):
    """Cross-correlation; [C, H, W] -> [channels, H', W'].

    H' = (H + top + bottom - dilation (kernel - 1) - 1) // stride + 1, in pixels.
    `padding` is a number, [vertical, horizontal], [[top, bottom], [left, right]], or
    `same`: TensorFlow's, for any stride H' = ceil(H / stride), an odd pixel goes to the
    bottom and the right. `kernel`, `stride`, `dilation` are a number or [vertical,
    horizontal]. Weights: weight [channels, C / groups, kh, kw], bias [channels].
    ShapeError when groups don't divide the channels, or the window is larger than the
    padded image. Source: torch.nn.Conv2d; tf.nn.conv2d for `same`.
    """

    kind = "conv2d"
    example = "channels: 8, kernel: 3"
    width = "channels"
    sizes = frozenset({"kernel", "stride", "padding", "dilation"})
    channels: Positive
    kernel: Pixels | PixelPair
    stride: Pixels | PixelPair = 1
    padding: window.Padding = 0
    dilation: Pixels | PixelPair = 1
    groups: Positive = 1
    bias: Flag = True

    @model_validator(mode="after")
    def _same_covers(self) -> Self:
        if self.padding == "same":
            window.check_same(self.extent(), pair(self.stride))
        return self

    def extent(self) -> tuple[int, int]:
        """Height and width that the dilated kernel covers, in pixels."""
        return window.extent(self.kernel, self.dilation)

    def sides(self, height: int, width: int) -> Sides:
        """Padding in pixels for an image of this size: (top, bottom), (left, right)."""
        size = (height, width)
        return window.sides(self.padding, size, self.extent(), pair(self.stride))

    def shape(self, *inputs: Shape) -> Shape:
        channels, *size = image(self.kind, inputs[0])
        divided(self.groups, channels, self.channels)
        height, width = size
        made = window.slid(
            "conv2d's kernel",
            (height, width),
            self.sides(height, width),
            self.extent(),
            pair(self.stride),
        )
        return (self.channels, *made)

    def weights(self, *inputs: Shape) -> dict[str, Shape]:
        weight = (self.channels, inputs[0][0] // self.groups, *pair(self.kernel))
        return {"weight": weight, **({"bias": (self.channels,)} if self.bias else {})}

    def macs(self, *inputs: Shape) -> int:
        _, height, width = self.shape(*inputs)
        channels, taken, rows, columns = self.weights(*inputs)["weight"]
        return height * width * channels * taken * rows * columns

    def windows(self, before: Shape, after: Shape) -> tuple[Window, Window]:
        return window.read(self.extent(), pair(self.stride))


class ConvTranspose2d(Multiplied):
    """Transposed convolution; [C, H, W] -> [channels, H', W'].

    H' = (H - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1, in
    pixels. Weights: weight [C, channels / groups, kh, kw], bias [channels]. ShapeError
    when groups don't divide the channels or nothing is left. Source:
    torch.nn.ConvTranspose2d.
    """

    kind = "conv_transpose2d"
    example = "channels: 8, kernel: 3"
    width = "channels"
    sizes = frozenset({"kernel", "stride", "padding", "output_padding", "dilation"})
    channels: Positive
    kernel: Pixels | PixelPair
    stride: Pixels | PixelPair = 1
    padding: Margin | MarginPair = 0
    output_padding: Margin | MarginPair = 0
    dilation: Pixels | PixelPair = 1
    groups: Positive = 1
    bias: Flag = True

    @model_validator(mode="after")
    def _output_padding_fits(self) -> Self:
        for extra, step, spread in zip(
            pair(self.output_padding),
            pair(self.stride),
            pair(self.dilation),
            strict=True,
        ):
            if extra >= max(step, spread):
                raise ValueError(
                    f"output_padding {extra} must be smaller than the stride {step} "
                    f"or the dilation {spread}"
                )
        return self

    def shape(self, *inputs: Shape) -> Shape:
        channels, height, width = image(self.kind, inputs[0])
        divided(self.groups, channels, self.channels)
        axes = zip(
            (height, width),
            window.extent(self.kernel, self.dilation),
            pair(self.stride),
            pair(self.padding),
            pair(self.output_padding),
            strict=True,
        )
        made = [(n - 1) * s - 2 * p + e + extra for n, e, s, p, extra in axes]
        if min(made) < 1:
            raise ShapeError(
                f"nothing is left: height and width would be {made}", code="AS403"
            )
        return (self.channels, *made)

    def weights(self, *inputs: Shape) -> dict[str, Shape]:
        weight = (inputs[0][0], self.channels // self.groups, *pair(self.kernel))
        return {"weight": weight, **({"bias": (self.channels,)} if self.bias else {})}

    def macs(self, *inputs: Shape) -> int:
        _, height, width = inputs[0]
        taken, channels, rows, columns = self.weights(*inputs)["weight"]
        return height * width * taken * channels * rows * columns

    def windows(self, before: Shape, after: Shape) -> tuple[Window, Window]:
        covered = window.extent(self.kernel, self.dilation)
        vertical, horizontal = (
            (-(-e // s), Fraction(1, s))
            for e, s in zip(covered, pair(self.stride), strict=True)
        )
        return vertical, horizontal


class Linear(Multiplied):
    """y = x Wᵀ + b; [F] -> [features].

    Weights: weight [features, F], bias [features]. ShapeError for an image. Source:
    torch.nn.Linear.
    """

    kind = "linear"
    example = "features: 8"
    width = "features"
    features: Positive
    bias: Flag = True

    def shape(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 1:
            raise ShapeError(
                f"linear needs a vector [features], found {list(inputs[0])}",
                code="AS401",
                hint="put a flatten before it",
            )
        return (self.features,)

    def weights(self, *inputs: Shape) -> dict[str, Shape]:
        bias = {"bias": (self.features,)} if self.bias else {}
        return {"weight": (self.features, inputs[0][0]), **bias}

    def macs(self, *inputs: Shape) -> int:
        return self.features * inputs[0][0]


def multiplier(op: Op, shapes: tuple[Shape, ...]) -> int:
    """Outputs per channel of a depthwise convolution; 0 for any other op."""
    if not isinstance(op, Conv2d) or not op.groups == shapes[0][0] > 1:
        return 0
    return op.channels // op.groups

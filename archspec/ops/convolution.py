"""Convolutions and the linear layer."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import model_validator

from archspec.errors import ShapeError
from archspec.ops.base import (
    Flag,
    FourSides,
    Natural,
    NaturalPair,
    Pair,
    Positive,
    Shape,
    Sides,
    Weighted,
    four_sides,
    image,
    pair,
    same_sides,
)


class Conv2d(Weighted):
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
    weighted = ("weight", "bias")
    channels: Positive
    kernel: Positive | Pair
    stride: Positive | Pair = 1
    padding: Natural | NaturalPair | FourSides | Literal["same"] = 0
    dilation: Positive | Pair = 1
    groups: Positive = 1
    bias: Flag = True

    @model_validator(mode="after")
    def _same_covers(self) -> Self:
        if self.padding == "same":
            for extent, step in zip(self.extent(), pair(self.stride), strict=True):
                if 1 < extent < step:
                    raise ValueError(
                        f"padding same with stride {step} needs a kernel of 1 or at "
                        f"least {step} pixels, it covers {extent}"
                    )
        return self

    def extent(self) -> tuple[int, int]:
        """Height and width that the dilated kernel covers, in pixels."""
        (kh, kw), (dh, dw) = pair(self.kernel), pair(self.dilation)
        return (kh - 1) * dh + 1, (kw - 1) * dw + 1

    def sides(self, height: int, width: int) -> Sides:
        """Padding in pixels for an image of this size: (top, bottom), (left, right)."""
        if self.padding == "same":
            return same_sides((height, width), self.extent(), pair(self.stride))
        return four_sides(self.padding)

    def shape(self, *inputs: Shape) -> Shape:
        channels, height, width = image(self.kind, inputs[0])
        divided(self.groups, channels, self.channels)
        sides = self.sides(height, width)
        made = []
        for n, (lo, hi), extent, step in zip(
            (height, width), sides, self.extent(), pair(self.stride), strict=True
        ):
            if n + lo + hi < extent:
                raise ShapeError(
                    f"conv2d's kernel covers {extent} pixels, more than the "
                    f"{n + lo + hi} of the padded image ({n} + {lo} + {hi})",
                    code="AS403",
                )
            made.append((n + lo + hi - extent) // step + 1)
        return (self.channels, *made)

    def weights(self, *inputs: Shape) -> dict[str, Shape]:
        weight = (self.channels, inputs[0][0] // self.groups, *pair(self.kernel))
        return {"weight": weight, **({"bias": (self.channels,)} if self.bias else {})}

    def macs(self, *inputs: Shape) -> int:
        _, height, width = self.shape(*inputs)
        channels, taken, rows, columns = self.weights(*inputs)["weight"]
        return height * width * channels * taken * rows * columns

    def out_channels(
        self,
        inputs: tuple[Any, ...],
        attributes: Mapping[str, Any],
        shapes: tuple[Shape, ...],
    ) -> Any:
        return attributes["channels"]


class ConvTranspose2d(Weighted):
    """Transposed convolution; [C, H, W] -> [channels, H', W'].

    H' = (H - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1, in
    pixels. Weights: weight [C, channels / groups, kh, kw], bias [channels]. ShapeError
    when groups don't divide the channels or nothing is left. Source:
    torch.nn.ConvTranspose2d.
    """

    kind = "conv_transpose2d"
    weighted = ("weight", "bias")
    channels: Positive
    kernel: Positive | Pair
    stride: Positive | Pair = 1
    padding: Natural | NaturalPair = 0
    output_padding: Natural | NaturalPair = 0
    dilation: Positive | Pair = 1
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
            pair(self.kernel),
            pair(self.stride),
            pair(self.padding),
            pair(self.output_padding),
            pair(self.dilation),
            strict=True,
        )
        made = [
            (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
            for n, k, s, p, extra, d in axes
        ]
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

    def out_channels(
        self,
        inputs: tuple[Any, ...],
        attributes: Mapping[str, Any],
        shapes: tuple[Shape, ...],
    ) -> Any:
        return attributes["channels"]


class Linear(Weighted):
    """y = x Wᵀ + b; [F] -> [features].

    Weights: weight [features, F], bias [features]. ShapeError for an image. Source:
    torch.nn.Linear.
    """

    kind = "linear"
    weighted = ("weight", "bias")
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

    def out_channels(
        self,
        inputs: tuple[Any, ...],
        attributes: Mapping[str, Any],
        shapes: tuple[Shape, ...],
    ) -> Any:
        return attributes["features"]


def divided(groups: int, *channels: int) -> None:
    """Raises ShapeError when groups don't divide every number of channels."""
    for number in channels:
        if number % groups:
            raise ShapeError(
                f"groups {groups} must divide the {number} channels", code="AS404"
            )


def multiplier(op: Conv2d, shapes: tuple[Shape, ...]) -> int:
    """Outputs per channel of a depthwise convolution; 0 for any other."""
    channels = shapes[0][0]
    return op.channels // channels if op.groups == channels > 1 else 0

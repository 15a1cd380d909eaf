"""The first ops: convolution, linear, batch norm, relu, global average pool."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from archspec.errors import ShapeError
from archspec.ops.base import (
    Flag,
    Natural,
    NaturalPair,
    Op,
    Pair,
    Positive,
    Shape,
    Weighted,
    image,
    pair,
)
from archspec.ops.init import AnyInit, Constant


class Conv2d(Weighted):
    """Cross-correlation as torch.nn.Conv2d; [C, H, W] -> [channels, H', W'].

    H' = (H + 2 padding - dilation (kernel - 1) - 1) // stride + 1, in pixels. Raises
    ShapeError when groups don't divide the channels or the window is too large.
    """

    kind: ClassVar[str] = "conv2d"
    weighted: ClassVar[tuple[str, ...]] = ("weight", "bias")
    channels: Positive
    kernel: Positive | Pair
    stride: Positive | Pair = 1
    padding: Natural | NaturalPair = 0
    dilation: Positive | Pair = 1
    groups: Positive = 1
    bias: Flag = True

    def shape(self, *inputs: Shape) -> Shape:
        channels, height, width = image(self.kind, inputs[0])
        if channels % self.groups or self.channels % self.groups:
            raise ShapeError(
                f"groups {self.groups} must divide the {channels} channels that come "
                f"in and the {self.channels} that go out"
            )
        axes = zip(
            (height, width),
            pair(self.kernel),
            pair(self.stride),
            pair(self.padding),
            pair(self.dilation),
            strict=True,
        )
        sides = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in axes)
        if min(sides) < 1:
            raise ShapeError(
                f"the window of kernel {self.kernel}, dilation {self.dilation} is "
                f"larger than the image {height}x{width} with padding {self.padding}"
            )
        return (self.channels, *sides)

    def weights(self, *inputs: Shape) -> dict[str, Shape]:
        weight = (self.channels, inputs[0][0] // self.groups, *pair(self.kernel))
        bias = {"bias": (self.channels,)} if self.bias else {}
        return {"weight": weight, **bias}

    def macs(self, *inputs: Shape) -> int:
        _, height, width = self.shape(*inputs)
        channels, taken, rows, columns = self.weights(*inputs)["weight"]
        return height * width * channels * taken * rows * columns

    def out_channels(self, inputs: tuple[Any, ...], attributes: dict[str, Any]) -> Any:
        return attributes["channels"]


class Linear(Weighted):
    """y = x Wᵀ + b as torch.nn.Linear; [F] -> [features]. ShapeError for an image."""

    kind: ClassVar[str] = "linear"
    weighted: ClassVar[tuple[str, ...]] = ("weight", "bias")
    features: Positive
    bias: Flag = True

    def shape(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 1:
            raise ShapeError(
                f"linear needs a vector (features,), found {list(inputs[0])}: "
                "put a flatten before it"
            )
        return (self.features,)

    def weights(self, *inputs: Shape) -> dict[str, Shape]:
        bias = {"bias": (self.features,)} if self.bias else {}
        return {"weight": (self.features, inputs[0][0]), **bias}

    def macs(self, *inputs: Shape) -> int:
        return self.features * inputs[0][0]

    def out_channels(self, inputs: tuple[Any, ...], attributes: dict[str, Any]) -> Any:
        return attributes["features"]


class BatchNorm(Weighted):
    """Batch normalisation per channel as torch's; [C, H, W] or [F], same shape out.

    `momentum` is torch's: the weight of the new statistics.
    https://arxiv.org/abs/1502.03167
    """

    kind: ClassVar[str] = "batch_norm"
    weighted: ClassVar[tuple[str, ...]] = ("weight", "bias")
    eps: Annotated[float, Field(gt=0)] = 1e-5
    momentum: Annotated[float, Field(ge=0, le=1)] = 0.1
    affine: Flag = True

    def shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def weights(self, *inputs: Shape) -> dict[str, Shape]:
        size = inputs[0][:1]
        return {"weight": size, "bias": size} if self.affine else {}

    def buffers(self, *inputs: Shape) -> dict[str, Shape]:
        size = inputs[0][:1]
        return {"running_mean": size, "running_var": size}

    def default_init(self, name: str) -> AnyInit:
        return Constant(value=1.0 if name == "weight" else 0.0)


class Relu(Op):
    """max(x, 0), any shape; the derivative at 0 is 0."""

    kind: ClassVar[str] = "relu"

    def shape(self, *inputs: Shape) -> Shape:
        return inputs[0]


class GlobalAvgPool2d(Op):
    """The mean over an image; [C, H, W] -> [C]."""

    kind: ClassVar[str] = "global_avg_pool2d"

    def shape(self, *inputs: Shape) -> Shape:
        return (image(self.kind, inputs[0])[0],)

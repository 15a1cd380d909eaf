"""Pooling: windows, adaptive and global. A pool of nothing below 0 gives no such."""

from typing import Any, Self

from pydantic import model_validator

from archspec.ops import window
from archspec.ops.base import (
    Flag,
    Input,
    Op,
    PixelPair,
    Pixels,
    Positive,
    Shape,
    Sides,
    Window,
    four_sides,
    image,
    pair,
)


class Pool(Op):
    """What max and average pooling share."""

    example = "kernel: 3"
    sizes = frozenset({"kernel", "stride", "padding", "ceil_mode"})
    kernel: Pixels | PixelPair
    stride: Pixels | PixelPair | None = None
    padding: window.Padding = 0
    ceil_mode: Flag = False

    @model_validator(mode="after")
    def _padding_fits(self) -> Self:
        if self.padding == "same":
            if self.ceil_mode:
                raise ValueError("padding same rounds up already, without ceil_mode")
            window.check_same(self.extent(), self.steps())
            return self
        for sides, kernel in zip(
            four_sides(self.padding), pair(self.kernel), strict=True
        ):
            if 2 * max(sides) > kernel:
                raise ValueError(
                    f"padding {max(sides)} is more than half of the kernel {kernel}"
                )
        return self

    def settings(self) -> dict[str, Any]:
        found = super().settings()
        if found.get("stride") == found["kernel"]:
            del found["stride"]
        return found

    def steps(self) -> tuple[int, int]:
        """Vertical and horizontal stride; the kernel where none is given."""
        return pair(self.kernel if self.stride is None else self.stride)

    def extent(self) -> tuple[int, int]:
        """Height and width that the window covers, in pixels."""
        return pair(self.kernel)

    def sides(self, height: int, width: int) -> Sides:
        """Padding in pixels for an image of this size: (top, bottom), (left, right)."""
        size = (height, width)
        return window.sides(self.padding, size, self.extent(), self.steps())

    def shape(self, *inputs: Shape) -> Shape:
        channels, height, width = image(self.kind, inputs[0])
        made = window.slid(
            f"{self.kind}'s window",
            (height, width),
            self.sides(height, width),
            self.extent(),
            self.steps(),
            up=self.ceil_mode,
        )
        return (channels, *made)

    def nonnegative(self, *inputs: bool) -> bool:
        return inputs[0]

    def windows(self, before: Shape, after: Shape) -> tuple[Window, Window]:
        return window.read(self.extent(), self.steps())


class MaxPool2d(Pool):
    """The largest value in a window; [C, H, W] -> [C, H', W'].

    `stride` is the kernel unless given; padding never wins; with ceil_mode a last
    window may hang over. `padding` as for conv2d. ShapeError when the window is larger
    than the padded image. Source: torch.nn.MaxPool2d.
    """

    kind = "max_pool2d"
    sizes = Pool.sizes | {"dilation"}
    dilation: Pixels | PixelPair = 1

    def extent(self) -> tuple[int, int]:
        return window.extent(self.kernel, self.dilation)


class AvgPool2d(Pool):
    """The mean of a window; [C, H, W] -> [C, H', W'].

    `count_include_pad` counts padding as zeros; what hangs over in ceil_mode is never
    counted, nor is the padding of `same`. Source: torch.nn.AvgPool2d.
    """

    kind = "avg_pool2d"
    count_include_pad: Flag = True


class Adaptive(Op):
    """Window i of o over n pixels is [floor(i n / o), ceil((i + 1) n / o))."""

    example = "size: 2"
    sizes = frozenset({"size"})
    size: Positive | tuple[Positive, Positive]

    def shape(self, *inputs: Shape) -> Shape:
        channels, _, _ = image(self.kind, inputs[0])
        return (channels, *pair(self.size))

    def nonnegative(self, *inputs: bool) -> bool:
        return inputs[0]

    def sized_by(self, inputs: tuple[Input, ...]) -> tuple[Input, ...]:
        return ()

    def windows(self, before: Shape, after: Shape) -> tuple[Window, Window] | None:
        unchanged = before[1:] == after[1:]
        return super().windows(before, after) if unchanged else None


class AdaptiveAvgPool2d(Adaptive):
    """The mean of windows that make the output `size`; [C, H, W] -> [C, *size].

    Source: torch.nn.AdaptiveAvgPool2d.
    """

    kind = "adaptive_avg_pool2d"


class AdaptiveMaxPool2d(Adaptive):
    """The largest value of windows that make the output `size`; -> [C, *size].

    Source: torch.nn.AdaptiveMaxPool2d.
    """

    kind = "adaptive_max_pool2d"


class Global(Op):
    """What the global pools share."""

    def shape(self, *inputs: Shape) -> Shape:
        return (image(self.kind, inputs[0])[0],)

    def nonnegative(self, *inputs: bool) -> bool:
        return inputs[0]


class GlobalAvgPool2d(Global):
    """The mean over the image; [C, H, W] -> [C]."""

    kind = "global_avg_pool2d"


class GlobalMaxPool2d(Global):
    """The largest value of the image; [C, H, W] -> [C]; ties share the gradient."""

    kind = "global_max_pool2d"

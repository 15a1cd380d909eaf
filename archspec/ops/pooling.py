"""Pooling: windows, adaptive and global."""

from typing import Any, Literal, Self

from pydantic import model_validator

from archspec.errors import ShapeError
from archspec.ops.base import (
    Flag,
    FourSides,
    Natural,
    NaturalPair,
    Op,
    Pair,
    Positive,
    Shape,
    Sides,
    four_sides,
    image,
    pair,
    same_sides,
)


class Pool(Op):
    """What max and average pooling share."""

    kernel: Positive | Pair
    stride: Positive | Pair | None = None
    padding: Natural | NaturalPair | FourSides | Literal["same"] = 0
    ceil_mode: Flag = False

    @model_validator(mode="after")
    def _padding_fits(self) -> Self:
        if self.padding == "same":
            if self.ceil_mode:
                raise ValueError("padding same rounds up already, without ceil_mode")
            for extent, step in zip(self.extent(), self.steps(), strict=True):
                if 1 < extent < step:
                    raise ValueError(
                        f"padding same with stride {step} needs a kernel of 1 or at "
                        f"least {step} pixels, it covers {extent}"
                    )
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
        if self.padding == "same":
            return same_sides((height, width), self.extent(), self.steps())
        return four_sides(self.padding)

    def shape(self, *inputs: Shape) -> Shape:
        channels, height, width = image(self.kind, inputs[0])
        made = []
        for n, (lo, hi), extent, step in zip(
            (height, width),
            self.sides(height, width),
            self.extent(),
            self.steps(),
            strict=True,
        ):
            room = n + lo + hi - extent
            if room < 0:
                raise ShapeError(
                    f"{self.kind}'s window covers {extent} pixels, more than the "
                    f"{n + lo + hi} of the padded image ({n} + {lo} + {hi})",
                    code="AS403",
                )
            windows = (room + (step - 1 if self.ceil_mode else 0)) // step + 1
            # torch drops a last window that starts behind the image.
            if self.ceil_mode and (windows - 1) * step >= n + lo:
                windows -= 1
            made.append(windows)
        return (channels, *made)


class MaxPool2d(Pool):
    """The largest value in a window; [C, H, W] -> [C, H', W'].

    `stride` is the kernel unless given; padding never wins; with ceil_mode a last
    window may hang over. `padding` as for conv2d. ShapeError when the window is larger
    than the padded image. Source: torch.nn.MaxPool2d.
    """

    kind = "max_pool2d"
    dilation: Positive | Pair = 1

    def extent(self) -> tuple[int, int]:
        (kh, kw), (dh, dw) = pair(self.kernel), pair(self.dilation)
        return (kh - 1) * dh + 1, (kw - 1) * dw + 1


class AvgPool2d(Pool):
    """The mean of a window; [C, H, W] -> [C, H', W'].

    `count_include_pad` counts padding as zeros; what hangs over in ceil_mode is never
    counted, nor is the padding of `same`. Source: torch.nn.AvgPool2d.
    """

    kind = "avg_pool2d"
    count_include_pad: Flag = True


class Adaptive(Op):
    """Window i of o over n pixels is [floor(i n / o), ceil((i + 1) n / o))."""

    size: Positive | Pair

    def shape(self, *inputs: Shape) -> Shape:
        channels, _, _ = image(self.kind, inputs[0])
        return (channels, *pair(self.size))


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


class GlobalAvgPool2d(Global):
    """The mean over the image; [C, H, W] -> [C]."""

    kind = "global_avg_pool2d"


class GlobalMaxPool2d(Global):
    """The largest value of the image; [C, H, W] -> [C]; ties share the gradient."""

    kind = "global_max_pool2d"

"""What PyTorch itself calls each op: a module of its own for an op and its shapes.

The oracle of shapes, parameters, buffers, MACs and traits. Where torch has no module,
its functions stand in one that says nothing of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jax.lax import padtype_to_pads
from torch import Tensor, nn
from torch.nn import functional as F

from archspec.ops import Op, Shape


class Of(nn.Module):
    """A module of a function of one or more values."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)


def two(value: Any) -> tuple[Any, Any]:
    """A number or a pair as a pair."""
    return value if isinstance(value, tuple) else (value, value)


def around(op: Any, size: torch.Size) -> tuple[int, int, int, int]:
    """Padding as F.pad takes it; `same` as JAX, and so TensorFlow, has it."""
    if op.padding == "same":
        dilation = two(getattr(op, "dilation", 1))
        extent = [
            (k - 1) * d + 1 for k, d in zip(two(op.kernel), dilation, strict=True)
        ]
        steps = two(op.kernel if op.stride is None else op.stride)
        down, across = padtype_to_pads(tuple(size), extent, steps, "SAME")
    else:
        down, across = (two(side) for side in two(op.padding))
    return (*map(int, across), *map(int, down))  # type: ignore[return-value]  # four


def plain(op: Any) -> bool:
    """Whether torch has a padding as an argument: equal on opposite sides."""
    return op.padding != "same" and not any(
        isinstance(p, tuple) for p in two(op.padding)
    )


class Padded(nn.Module):
    """A module after padding."""

    def __init__(self, op: Any, inner: nn.Module, value: float) -> None:
        super().__init__()
        self.op, self.inner, self.value = op, inner, value

    def forward(self, x: Tensor) -> Tensor:
        made = F.pad(x, around(self.op, x.shape[2:]), value=self.value)
        result: Tensor = self.inner(made)
        return result


def padded(op: Any, make: Callable[..., nn.Module], value: float = 0.0) -> nn.Module:
    """A module with its own padding, or after padding that torch has no word for."""
    if plain(op):
        return make(padding=op.padding)
    return Padded(op, make(padding=0), value)


def conv2d(op: Any, channels: int) -> nn.Module:
    return padded(
        op,
        lambda padding: nn.Conv2d(
            channels,
            op.channels,
            op.kernel,
            op.stride,
            padding,
            op.dilation,
            op.groups,
            op.bias,
        ),
    )


def conv_transpose2d(op: Any, channels: int) -> nn.Module:
    return nn.ConvTranspose2d(
        channels,
        op.channels,
        op.kernel,
        op.stride,
        op.padding,
        op.output_padding,
        op.groups,
        op.bias,
        op.dilation,
    )


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Of images and vectors alike."""

    def _check_input_dim(self, input: Tensor) -> None:
        pass


def max_pool2d(op: Any, channels: int) -> nn.Module:
    def make(padding: Any) -> nn.Module:
        return nn.MaxPool2d(
            op.kernel, op.stride, padding, op.dilation, ceil_mode=op.ceil_mode
        )

    return padded(op, make, float("-inf"))


def avg_pool2d(op: Any, channels: int) -> nn.Module:
    def make(padding: Any) -> nn.Module:
        return nn.AvgPool2d(
            op.kernel, op.stride, padding, op.ceil_mode, op.count_include_pad
        )

    return padded(op, make)


def channels_last(module: nn.Module) -> nn.Module:
    """A module of the last axis, for channels on the second."""
    made = Of(lambda x: module(x.movedim(1, -1)).movedim(-1, 1))
    made.inner = module
    return made


class Scale(nn.Module):
    def __init__(self, name: str, channels: int) -> None:
        super().__init__()
        self.name = name
        self.register_parameter(name, nn.Parameter(torch.ones(channels)))

    def extra_repr(self) -> str:
        return str(len(self.get_parameter(self.name)))

    def forward(self, x: Tensor) -> Tensor:
        factor = self.get_parameter(self.name)
        return x * factor.reshape(-1, *[1] * (x.ndim - 2))


class DropPath(nn.Module):
    """torchvision's stochastic depth, imported late: it is slow."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        from torchvision.ops import StochasticDepth

        self.inner = StochasticDepth(rate, "row")

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.inner(x)
        return made


def resize(op: Any, channels: int) -> nn.Module:
    def run(x: Tensor, *like: Tensor) -> Tensor:
        size = like[0].shape[2:] if like else op.size
        scale = None if op.scale is None else tuple(map(float, two(op.scale)))
        return F.interpolate(x, size, scale, op.mode)

    return Of(run)


def pad(op: Any, channels: int) -> nn.Module:
    down, across = (two(side) for side in two(op.spatial))
    return nn.ConstantPad3d((*across, *down, *two(op.channels)), 0.0)


def flatten(op: Any, channels: int) -> nn.Module:
    if op.order == "hwc":
        return Of(lambda x: torch.flatten(x.movedim(1, -1), 1))
    return nn.Flatten()


def shuffle(op: Any, channels: int) -> nn.Module:
    # nn.ChannelShuffle has no gradient on every device.
    return Of(lambda x: x.unflatten(1, (op.groups, -1)).transpose(1, 2).flatten(1, 2))


MODULES: dict[str, Callable[[Any, int], nn.Module]] = {
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "linear": lambda op, c: nn.Linear(c, op.features, op.bias),
    "batch_norm": lambda op, c: BatchNorm(c, op.eps, op.momentum, op.affine),
    "layer_norm": lambda op, c: channels_last(nn.LayerNorm(c, op.eps, op.affine)),
    "group_norm": lambda op, c: nn.GroupNorm(op.groups, c, op.eps, op.affine),
    "local_response_norm": lambda op, c: nn.LocalResponseNorm(
        op.size, op.alpha, op.beta, op.k
    ),
    "scale": lambda op, c: Scale(op.weight, c),
    "max_pool2d": max_pool2d,
    "avg_pool2d": avg_pool2d,
    "adaptive_avg_pool2d": lambda op, c: nn.AdaptiveAvgPool2d(op.size),
    "adaptive_max_pool2d": lambda op, c: nn.AdaptiveMaxPool2d(op.size),
    "global_avg_pool2d": lambda op, c: Of(lambda x: x.mean((2, 3))),
    "global_max_pool2d": lambda op, c: Of(lambda x: x.amax((2, 3))),
    "relu": lambda op, c: nn.ReLU(),
    "relu6": lambda op, c: nn.ReLU6(),
    "leaky_relu": lambda op, c: nn.LeakyReLU(op.negative_slope),
    "prelu": lambda op, c: nn.PReLU(1 if op.shared else c),
    "elu": lambda op, c: nn.ELU(op.alpha),
    "selu": lambda op, c: nn.SELU(),
    "gelu": lambda op, c: nn.GELU(op.approximate),
    "silu": lambda op, c: nn.SiLU(),
    "mish": lambda op, c: nn.Mish(),
    "sigmoid": lambda op, c: nn.Sigmoid(),
    "hard_sigmoid": lambda op, c: nn.Hardsigmoid(),
    "hard_swish": lambda op, c: nn.Hardswish(),
    "tanh": lambda op, c: nn.Tanh(),
    "softplus": lambda op, c: nn.Softplus(),
    "softmax": lambda op, c: nn.Softmax(1),
    "log_softmax": lambda op, c: nn.LogSoftmax(1),
    "identity": lambda op, c: nn.Identity(),
    "dropout": lambda op, c: nn.Dropout(op.rate),
    "drop_path": lambda op, c: DropPath(op.rate),
    "add": lambda op, c: Of(lambda x, y: x + y),
    "subtract": lambda op, c: Of(lambda x, y: x - y),
    "multiply": lambda op, c: Of(lambda x, y: x * y),
    "concat": lambda op, c: Of(lambda *xs: torch.cat(xs, 1)),
    "slice": lambda op, c: Of(lambda x: x[:, op.start : op.stop]),
    "flatten": flatten,
    "pad": pad,
    "resize": resize,
    "pixel_shuffle": lambda op, c: nn.PixelShuffle(op.factor),
    "channel_shuffle": shuffle,
}


def module(op: Op, *shapes: Shape) -> nn.Module:
    """torch's module, in float64 and evaluation, for an op that reads these shapes."""
    return MODULES[op.kind](op, shapes[0][0]).double().eval()

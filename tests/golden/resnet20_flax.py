"""ResNet-20 for CIFAR.

The paper's ResNet-20 for CIFAR-10: shortcuts of option A, without weights.

Source: https://arxiv.org/abs/1512.03385
Parameters: 269,722; MACs: 40,551,040; input: image 32 x 32 x 3; gives logits.
Preprocessing: size 32, range [0, 1], channels RGB, mean [0.4914, 0.4822, 0.4465], std
[0.247, 0.2435, 0.2616].
"""

# archspec: fingerprint dfa4b76b343fe733, checksum b8fd1a8ea9769b19

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

Layer = Callable[[jax.Array], jax.Array]


class Sequential(nnx.List[Layer]):
    """Layers in turn; unlike nnx.Sequential's, their state is named 0, 1, ..."""

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer in self:
            x = layer(x)
        return x


class Applied(nnx.Module):
    """A function with its options, as a layer."""

    def __init__(self, function: Callable[..., jax.Array], *options: Any) -> None:
        self.function, self.options = function, options

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.function(x, *self.options)


def fan_in_uniform(fan_in: int) -> nnx.Initializer:
    """Draws up to 1 / sqrt(fan in of the kernel), as PyTorch does a bias."""

    def init(key: jax.Array, shape: Any, dtype: Any = float, **_: Any) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -1, 1) / fan_in**0.5

    return init


Conv = partial(
    nnx.Conv,
    use_bias=False,
    kernel_init=nnx.initializers.variance_scaling(2.0, "fan_out", "normal"),
)
BatchNorm = partial(nnx.BatchNorm, momentum=0.9, use_fast_variance=False)


def max_pool(x: jax.Array, stride: int) -> jax.Array:
    """Max pooling as a layer of a list."""
    return nnx.max_pool(x, (1, 1), strides=(stride, stride))


def pad(x: jax.Array, channels: tuple[int, int]) -> jax.Array:
    """Padding with zeros as a layer of a list."""
    return jnp.pad(x, ((0, 0), (0, 0), (0, 0), (channels[0], channels[1])))


class ZeroPadding(Sequential):
    """A shortcut without weights, option A of the paper.

    Maps [N, H, W, in_channels] to [N, H / stride, W / stride, channels].
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__(
            [Applied(max_pool, stride), Applied(pad, (0, channels - in_channels))]
        )


class BasicBlock(nnx.Module):
    """Two 3x3 convolutions beside a shortcut; the first has the stride.

    Maps [N, H, W, in_channels] to [N, H / stride, W / stride, channels].
    """

    def __init__(
        self, in_channels: int, channels: int, stride: int, *, rngs: nnx.Rngs
    ) -> None:
        self.conv1 = Conv(
            in_channels, channels, (3, 3), strides=stride, padding=1, rngs=rngs
        )
        self.bn1 = BatchNorm(channels, rngs=rngs)
        self.conv2 = Conv(channels, channels, (3, 3), padding=1, rngs=rngs)
        self.bn2 = BatchNorm(channels, rngs=rngs)
        self.downsample = (
            ZeroPadding(in_channels, channels, stride)
            if stride != 1 or in_channels != channels
            else None
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        y = nnx.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.downsample is not None:
            x = self.downsample(x)
        return nnx.relu(y + x)


class Stage(Sequential):
    """Units in a chain, of which the first has the stride.

    Maps [N, H, W, in_channels] to [N, H / stride, W / stride, channels].
    """

    def __init__(
        self, in_channels: int, channels: int, stride: int, *, rngs: nnx.Rngs
    ) -> None:
        super().__init__()
        for _ in range(3):
            self.append(BasicBlock(in_channels, channels, stride, rngs=rngs))
            in_channels, stride = channels, 1


class ResNet20ForCIFAR(nnx.Module):
    """ResNet-20 for CIFAR: maps [N, H, W, in_channels] to [N, num_classes]."""

    def __init__(
        self, num_classes: int = 10, *, in_channels: int = 3, rngs: nnx.Rngs
    ) -> None:
        self.conv1 = Conv(in_channels, 16, (3, 3), padding=1, rngs=rngs)
        self.bn1 = BatchNorm(16, rngs=rngs)
        self.layer1 = Stage(16, 16, stride=1, rngs=rngs)
        self.layer2 = Stage(16, 32, stride=2, rngs=rngs)
        self.layer3 = Stage(32, 64, stride=2, rngs=rngs)
        self.fc = nnx.Linear(
            64,
            num_classes,
            kernel_init=nnx.initializers.variance_scaling(1 / 3, "fan_in", "uniform"),
            bias_init=fan_in_uniform(64),
            rngs=rngs,
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        x = nnx.relu(self.bn1(self.conv1(x)))
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.layer3(x)
        x = x.mean((1, 2))
        return self.fc(x)

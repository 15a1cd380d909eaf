"""ResNet-50 with the layout and the parameter names of torchvision.

Source: https://arxiv.org/abs/1512.03385
Parameters: 25,557,032; MACs: 4,089,184,256; input: image 224 x 224 x 3; gives logits.
Preprocessing: resize 256, crop 224, interpolation bilinear, range [0, 1], channels RGB,
mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225].
"""

# archspec: fingerprint 54e66ae05fccbf93, checksum dbc735eceaebcac9

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
from flax import nnx

Layer = Callable[[jax.Array], jax.Array]


class Sequential(nnx.List[Layer]):
    """Layers in turn; unlike nnx.Sequential's, their state is named 0, 1, ..."""

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer in self:
            x = layer(x)
        return x


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


class Projection(Sequential):
    """The shortcut of a unit that changes the size or the channels.

    Maps [N, H, W, in_channels] to [N, H / stride, W / stride, channels].
    """

    def __init__(
        self, in_channels: int, channels: int, stride: int, *, rngs: nnx.Rngs
    ) -> None:
        super().__init__(
            [
                Conv(in_channels, channels, (1, 1), strides=stride, rngs=rngs),
                BatchNorm(channels, rngs=rngs),
            ]
        )


class Bottleneck(nnx.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut.

    Maps [N, H, W, in_channels] to [N, H / stride, W / stride, channels * 4].
    """

    def __init__(
        self, in_channels: int, channels: int, stride: int, *, rngs: nnx.Rngs
    ) -> None:
        self.conv1 = Conv(in_channels, channels, (1, 1), rngs=rngs)
        self.bn1 = BatchNorm(channels, rngs=rngs)
        self.conv2 = Conv(
            channels, channels, (3, 3), strides=stride, padding=1, rngs=rngs
        )
        self.bn2 = BatchNorm(channels, rngs=rngs)
        self.conv3 = Conv(channels, channels * 4, (1, 1), rngs=rngs)
        self.bn3 = BatchNorm(channels * 4, rngs=rngs)
        self.downsample = (
            Projection(in_channels, channels * 4, stride, rngs=rngs)
            if stride != 1 or in_channels != channels * 4
            else None
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        y = nnx.relu(self.bn1(self.conv1(x)))
        y = nnx.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        if self.downsample is not None:
            x = self.downsample(x)
        return nnx.relu(y + x)


class Stage(Sequential):
    """Units in a chain, of which the first has the stride."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        depth: int,
        stride: int,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        super().__init__()
        for _ in range(depth):
            self.append(Bottleneck(in_channels, channels, stride, rngs=rngs))
            in_channels, stride = channels * 4, 1


class ResNet50(nnx.Module):
    """ResNet-50: maps [N, H, W, in_channels] to [N, num_classes]."""

    def __init__(
        self, num_classes: int = 1000, *, in_channels: int = 3, rngs: nnx.Rngs
    ) -> None:
        self.conv1 = Conv(in_channels, 64, (7, 7), strides=2, padding=3, rngs=rngs)
        self.bn1 = BatchNorm(64, rngs=rngs)
        self.layer1 = Stage(64, 64, depth=3, stride=1, rngs=rngs)
        self.layer2 = Stage(256, 128, depth=4, stride=2, rngs=rngs)
        self.layer3 = Stage(512, 256, depth=6, stride=2, rngs=rngs)
        self.layer4 = Stage(1024, 512, depth=3, stride=2, rngs=rngs)
        self.fc = nnx.Linear(
            2048,
            num_classes,
            kernel_init=nnx.initializers.variance_scaling(1 / 3, "fan_in", "uniform"),
            bias_init=fan_in_uniform(2048),
            rngs=rngs,
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        x = nnx.relu(self.bn1(self.conv1(x)))
        x = nnx.max_pool(x, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.layer3(x)
        x = self.layer4(x)
        x = x.mean((1, 2))
        return self.fc(x)

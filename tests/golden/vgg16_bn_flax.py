"""VGG-16 BN: VGG D with batch norm, as torchvision's vgg16_bn.

Source: https://arxiv.org/abs/1409.1556
Parameters: 138,365,992; MACs: 15,470,264,320; input: image 224 x 224 x 3; gives logits.
Preprocessing: resize 256, crop 224, interpolation bilinear, range [0, 1], channels RGB,
mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225].
"""

# archspec: fingerprint c0f800bf255fd1e7, checksum d1b20fa5113bbce1

from collections.abc import Callable, Sequence
from functools import partial

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


def adaptive_avg_pool(x: jax.Array, size: Sequence[int]) -> jax.Array:
    """The mean of windows that make the output `size`, in PyTorch's sense."""
    for axis, n in enumerate(size, start=1):
        length = x.shape[axis]
        bounds = [(i * length // n, -(-(i + 1) * length // n)) for i in range(n)]
        parts = [jax.lax.slice_in_dim(x, *bound, axis=axis) for bound in bounds]
        x = jnp.stack([part.mean(axis) for part in parts], axis)
    return x


Conv = partial(
    nnx.Conv, kernel_init=nnx.initializers.variance_scaling(2.0, "fan_out", "normal")
)
BatchNorm = partial(nnx.BatchNorm, momentum=0.9, use_fast_variance=False)
Linear = partial(nnx.Linear, kernel_init=nnx.initializers.normal(0.01))


def max_pool(x: jax.Array) -> jax.Array:
    """Max pooling as a layer of a list."""
    return nnx.max_pool(x, (2, 2), strides=(2, 2))


def stage(
    in_channels: int, channels: int, depth: int, *, rngs: nnx.Rngs
) -> list[Layer]:
    """3x3 convolutions and a max pool."""
    layers: list[Layer] = []
    for _ in range(depth):
        layers += [
            Conv(in_channels, channels, (3, 3), padding=1, rngs=rngs),
            BatchNorm(channels, rngs=rngs),
            nnx.relu,
        ]
        in_channels = channels
    return [*layers, max_pool]


class VGG16BN(nnx.Module):
    """VGG-16 BN: maps [N, H, W, in_channels] to [N, num_classes]."""

    def __init__(
        self,
        num_classes: int = 1000,
        *,
        dropout: float = 0.5,
        in_channels: int = 3,
        rngs: nnx.Rngs,
    ) -> None:
        layers: list[Layer] = []
        for channels, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            layers += stage(in_channels, channels, depth, rngs=rngs)
            in_channels = channels
        self.features = Sequential(layers)
        self.classifier = Sequential(
            [
                Linear(512 * 7 * 7, 4096, rngs=rngs),
                nnx.relu,
                nnx.Dropout(dropout, rngs=rngs),
                Linear(4096, 4096, rngs=rngs),
                nnx.relu,
                nnx.Dropout(dropout, rngs=rngs),
                Linear(4096, num_classes, rngs=rngs),
            ]
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        x = self.features(x)
        x = adaptive_avg_pool(x, (7, 7))
        x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
        return self.classifier(x)

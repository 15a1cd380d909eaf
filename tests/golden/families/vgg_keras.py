"""VGG.

Nets: vgg11, vgg13, vgg16, vgg19, vgg11_bn, vgg13_bn, vgg16_bn and vgg19_bn.
Source: https://arxiv.org/abs/1409.1556
Input: image 224 x 224 x 3; gives logits.
Preprocessing: resize 256, crop 224, interpolation bilinear, range [0, 1], channels RGB,
mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225].
"""

# archspec: fingerprint 7824ed928e32a0bd, checksum 8cc49ef5c0ab82ea

from collections.abc import Iterator
from functools import partial
from itertools import count

import keras
from keras import KerasTensor, layers
from keras.initializers import RandomNormal, VarianceScaling, serialize

HE_NORMAL = serialize(VarianceScaling(2.0, "fan_out", "untruncated_normal"))
NORMAL = serialize(RandomNormal(stddev=0.01))
dense = partial(layers.Dense, kernel_initializer=NORMAL)


def stage(
    x: KerasTensor, channels: int, depth: int, norm: bool, names: Iterator[str]
) -> KerasTensor:
    """3x3 convolutions and a max pool."""
    for _ in range(depth):
        x = layers.Conv2D(
            channels, 3, padding="same", kernel_initializer=HE_NORMAL, name=next(names)
        )(x)
        if norm:
            x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=next(names))(
                x
            )
        x = layers.ReLU(name=next(names))(x)
    return layers.MaxPooling2D(2, name=next(names))(x)


def vgg(
    input_shape: tuple[int | None, int | None, int],
    depths: tuple[int, int, int, int, int],
    num_classes: int = 1000,
    *,
    norm: bool = False,
    dropout: float = 0.5,
    name: str,
) -> keras.Model:
    """VGG: maps [N, H, W, C] to [N, num_classes]."""
    if keras.config.image_data_format() != "channels_last":
        raise ValueError("call keras.config.set_image_data_format('channels_last')")
    inputs = keras.Input(input_shape, name="image")
    names = (f"features_{i}" for i in count())
    x = inputs
    for channels, depth in zip((64, 128, 256, 512, 512), depths, strict=True):
        x = stage(x, channels, depth, norm, names=names)
    x = layers.AdaptiveAveragePooling2D(7, name="avgpool")(x)
    x = layers.Permute((3, 1, 2), name="flatten_permute")(x)
    x = layers.Flatten(name="flatten")(x)
    x = dense(4096, name="classifier_0")(x)
    x = layers.ReLU(name="classifier_1")(x)
    x = layers.Dropout(dropout, name="classifier_2")(x)
    x = dense(4096, name="classifier_3")(x)
    x = layers.ReLU(name="classifier_4")(x)
    x = layers.Dropout(dropout, name="classifier_5")(x)
    x = dense(num_classes, name="classifier_6")(x)
    return keras.Model(inputs, x, name=name)


def VGG11(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    dropout: float = 0.5,
    name: str = "vgg11",
) -> keras.Model:
    """VGG-11: 132,863,336 parameters, 7,609,090,048 MACs."""
    return vgg(input_shape, (1, 1, 2, 2, 2), num_classes, dropout=dropout, name=name)


def VGG13(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    dropout: float = 0.5,
    name: str = "vgg13",
) -> keras.Model:
    """VGG-13: 133,047,848 parameters, 11,308,466,176 MACs."""
    return vgg(input_shape, (2, 2, 2, 2, 2), num_classes, dropout=dropout, name=name)


def VGG16(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    dropout: float = 0.5,
    name: str = "vgg16",
) -> keras.Model:
    """VGG-16: 138,357,544 parameters, 15,470,264,320 MACs."""
    return vgg(input_shape, (2, 2, 3, 3, 3), num_classes, dropout=dropout, name=name)


def VGG19(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    dropout: float = 0.5,
    name: str = "vgg19",
) -> keras.Model:
    """VGG-19: 143,667,240 parameters, 19,632,062,464 MACs."""
    return vgg(input_shape, (2, 2, 4, 4, 4), num_classes, dropout=dropout, name=name)


def VGG11BN(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    dropout: float = 0.5,
    name: str = "vgg11_bn",
) -> keras.Model:
    """VGG-11 BN: 132,868,840 parameters, 7,609,090,048 MACs."""
    return vgg(
        input_shape, (1, 1, 2, 2, 2), num_classes, norm=True, dropout=dropout, name=name
    )


def VGG13BN(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    dropout: float = 0.5,
    name: str = "vgg13_bn",
) -> keras.Model:
    """VGG-13 BN: 133,053,736 parameters, 11,308,466,176 MACs."""
    return vgg(
        input_shape, (2, 2, 2, 2, 2), num_classes, norm=True, dropout=dropout, name=name
    )


def VGG16BN(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    dropout: float = 0.5,
    name: str = "vgg16_bn",
) -> keras.Model:
    """VGG-16 BN: 138,365,992 parameters, 15,470,264,320 MACs."""
    return vgg(
        input_shape, (2, 2, 3, 3, 3), num_classes, norm=True, dropout=dropout, name=name
    )


def VGG19BN(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    dropout: float = 0.5,
    name: str = "vgg19_bn",
) -> keras.Model:
    """VGG-19 BN: 143,678,248 parameters, 19,632,062,464 MACs."""
    return vgg(
        input_shape, (2, 2, 4, 4, 4), num_classes, norm=True, dropout=dropout, name=name
    )

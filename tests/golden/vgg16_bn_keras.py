"""VGG-16 BN: VGG D with batch norm, as torchvision's vgg16_bn.

Source: https://arxiv.org/abs/1409.1556
Parameters: 138,365,992; MACs: 15,470,264,320; input: image 224 x 224 x 3; gives logits.
Preprocessing: resize 256, crop 224, interpolation bilinear, range [0, 1], channels RGB,
mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225].
"""

# archspec: fingerprint c0f800bf255fd1e7, checksum d66bea9f1664d4fb

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
    x: KerasTensor, channels: int, depth: int, names: Iterator[str]
) -> KerasTensor:
    """3x3 convolutions and a max pool."""
    for _ in range(depth):
        x = layers.Conv2D(
            channels, 3, padding="same", kernel_initializer=HE_NORMAL, name=next(names)
        )(x)
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=next(names))(x)
        x = layers.ReLU(name=next(names))(x)
    return layers.MaxPooling2D(2, name=next(names))(x)


def VGG16BN(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    dropout: float = 0.5,
    name: str = "vgg16_bn",
) -> keras.Model:
    """VGG-16 BN: maps [N, H, W, C] to [N, num_classes]."""
    if keras.config.image_data_format() != "channels_last":
        raise ValueError("call keras.config.set_image_data_format('channels_last')")
    inputs = keras.Input(input_shape, name="image")
    names = (f"features_{i}" for i in count())
    x = inputs
    for channels, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        x = stage(x, channels, depth, names=names)
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

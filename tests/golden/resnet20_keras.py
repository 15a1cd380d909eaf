"""ResNet-20 for CIFAR.

The paper's ResNet-20 for CIFAR-10: shortcuts of option A, without weights.

Source: https://arxiv.org/abs/1512.03385
Parameters: 269,722; MACs: 40,551,040; input: image 32 x 32 x 3; gives logits.
Preprocessing: size 32, range [0, 1], channels RGB, mean [0.4914, 0.4822, 0.4465], std
[0.247, 0.2435, 0.2616].
"""

# archspec: fingerprint dfa4b76b343fe733, checksum e004feed2627da9c

from functools import partial

import keras
from keras import KerasTensor, layers
from keras.initializers import RandomUniform, VarianceScaling, serialize


def pad_channels(x: KerasTensor, padding: tuple[int, int], name: str) -> KerasTensor:
    """Zeros beside the channels, which a layer for channels first takes for columns."""
    sides = ((0, 0), padding)
    return layers.ZeroPadding2D(sides, data_format="channels_first", name=name)(x)


HE_NORMAL = serialize(VarianceScaling(2.0, "fan_out", "untruncated_normal"))
FAN_IN_UNIFORM = serialize(VarianceScaling(1 / 3, "fan_in", "uniform"))
conv2d = partial(layers.Conv2D, use_bias=False, kernel_initializer=HE_NORMAL)
batch_normalization = partial(layers.BatchNormalization, momentum=0.9, epsilon=1e-5)


def zero_padding(x: KerasTensor, channels: int, stride: int, name: str) -> KerasTensor:
    """A shortcut without weights, option A of the paper.

    Maps [N, H, W, in_channels] to [N, H / stride, W / stride, channels].
    """
    in_channels = x.shape[-1]
    x = layers.MaxPooling2D(1, strides=stride, name=f"{name}_0")(x)
    return pad_channels(x, (0, channels - in_channels), name=f"{name}_1")


def basic_block(x: KerasTensor, channels: int, stride: int, name: str) -> KerasTensor:
    """Two 3x3 convolutions beside a shortcut; the first has the stride.

    Maps [N, H, W, in_channels] to [N, H / stride, W / stride, channels].
    """
    in_channels = x.shape[-1]
    y = layers.ZeroPadding2D(1, name=f"{name}_conv1_pad")(x)
    y = conv2d(channels, 3, strides=stride, name=f"{name}_conv1")(y)
    y = batch_normalization(name=f"{name}_bn1")(y)
    y = layers.ReLU(name=f"{name}_relu1")(y)
    y = conv2d(channels, 3, padding="same", name=f"{name}_conv2")(y)
    y = batch_normalization(name=f"{name}_bn2")(y)
    if stride != 1 or in_channels != channels:
        x = zero_padding(x, channels, stride, name=f"{name}_downsample")
    x = layers.Add(name=f"{name}_add")([y, x])
    return layers.ReLU(name=f"{name}_relu2")(x)


def stage(x: KerasTensor, channels: int, stride: int, name: str) -> KerasTensor:
    """Units in a chain, of which the first has the stride.

    Maps [N, H, W, in_channels] to [N, H / stride, W / stride, channels].
    """
    for i in range(3):
        x = basic_block(x, channels, stride, name=f"{name}_{i}")
        stride = 1
    return x


def ResNet20ForCIFAR(
    input_shape: tuple[int | None, int | None, int] = (32, 32, 3),
    num_classes: int = 10,
    *,
    name: str = "resnet20",
) -> keras.Model:
    """ResNet-20 for CIFAR: maps [N, H, W, C] to [N, num_classes]."""
    if keras.config.image_data_format() != "channels_last":
        raise ValueError("call keras.config.set_image_data_format('channels_last')")
    inputs = keras.Input(input_shape, name="image")
    x = conv2d(16, 3, padding="same", name="conv1")(inputs)
    x = batch_normalization(name="bn1")(x)
    x = layers.ReLU(name="relu")(x)
    x = stage(x, 16, stride=1, name="layer1")
    x = stage(x, 32, stride=2, name="layer2")
    x = stage(x, 64, stride=2, name="layer3")
    x = layers.GlobalAveragePooling2D(name="avgpool")(x)
    x = layers.Dense(
        num_classes,
        kernel_initializer=FAN_IN_UNIFORM,
        bias_initializer=RandomUniform(-(x.shape[-1] ** -0.5), x.shape[-1] ** -0.5),
        name="fc",
    )(x)
    return keras.Model(inputs, x, name=name)

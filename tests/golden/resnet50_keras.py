"""ResNet-50 with the layout and the parameter names of torchvision.

Source: https://arxiv.org/abs/1512.03385
Parameters: 25,557,032; MACs: 4,089,184,256; input: image 224 x 224 x 3; gives logits.
Preprocessing: resize 256, crop 224, interpolation bilinear, range [0, 1], channels RGB,
mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225].
"""

# archspec: fingerprint 54e66ae05fccbf93, checksum 4c1e78f907ce4758

from functools import partial

import keras
from keras import KerasTensor, layers
from keras.initializers import RandomUniform, VarianceScaling, serialize

HE_NORMAL = serialize(VarianceScaling(2.0, "fan_out", "untruncated_normal"))
FAN_IN_UNIFORM = serialize(VarianceScaling(1 / 3, "fan_in", "uniform"))
conv2d = partial(layers.Conv2D, use_bias=False, kernel_initializer=HE_NORMAL)
batch_normalization = partial(layers.BatchNormalization, momentum=0.9, epsilon=1e-5)


def projection(x: KerasTensor, channels: int, stride: int, name: str) -> KerasTensor:
    """The shortcut of a unit that changes the size or the channels.

    Maps [N, H, W, in_channels] to [N, H / stride, W / stride, channels].
    """
    x = conv2d(channels, 1, strides=stride, name=f"{name}_0")(x)
    return batch_normalization(name=f"{name}_1")(x)


def bottleneck(x: KerasTensor, channels: int, stride: int, name: str) -> KerasTensor:
    """1x1, 3x3 and 1x1 convolutions beside a shortcut.

    Maps [N, H, W, in_channels] to [N, H / stride, W / stride, channels * 4].
    """
    in_channels = x.shape[-1]
    y = conv2d(channels, 1, name=f"{name}_conv1")(x)
    y = batch_normalization(name=f"{name}_bn1")(y)
    y = layers.ReLU(name=f"{name}_relu1")(y)
    y = layers.ZeroPadding2D(1, name=f"{name}_conv2_pad")(y)
    y = conv2d(channels, 3, strides=stride, name=f"{name}_conv2")(y)
    y = batch_normalization(name=f"{name}_bn2")(y)
    y = layers.ReLU(name=f"{name}_relu2")(y)
    y = conv2d(channels * 4, 1, name=f"{name}_conv3")(y)
    y = batch_normalization(name=f"{name}_bn3")(y)
    if stride != 1 or in_channels != channels * 4:
        x = projection(x, channels * 4, stride, name=f"{name}_downsample")
    x = layers.Add(name=f"{name}_add")([y, x])
    return layers.ReLU(name=f"{name}_relu3")(x)


def stage(
    x: KerasTensor, channels: int, depth: int, stride: int, name: str
) -> KerasTensor:
    """Units in a chain, of which the first has the stride."""
    for i in range(depth):
        x = bottleneck(x, channels, stride, name=f"{name}_{i}")
        stride = 1
    return x


def ResNet50(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    name: str = "resnet50",
) -> keras.Model:
    """ResNet-50: maps [N, H, W, C] to [N, num_classes]."""
    if keras.config.image_data_format() != "channels_last":
        raise ValueError("call keras.config.set_image_data_format('channels_last')")
    inputs = keras.Input(input_shape, name="image")
    x = layers.ZeroPadding2D(3, name="conv1_pad")(inputs)
    x = conv2d(64, 7, strides=2, name="conv1")(x)
    x = batch_normalization(name="bn1")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.ZeroPadding2D(1, name="maxpool_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="maxpool")(x)
    x = stage(x, 64, depth=3, stride=1, name="layer1")
    x = stage(x, 128, depth=4, stride=2, name="layer2")
    x = stage(x, 256, depth=6, stride=2, name="layer3")
    x = stage(x, 512, depth=3, stride=2, name="layer4")
    x = layers.GlobalAveragePooling2D(name="avgpool")(x)
    x = layers.Dense(
        num_classes,
        kernel_initializer=FAN_IN_UNIFORM,
        bias_initializer=RandomUniform(-(x.shape[-1] ** -0.5), x.shape[-1] ** -0.5),
        name="fc",
    )(x)
    return keras.Model(inputs, x, name=name)

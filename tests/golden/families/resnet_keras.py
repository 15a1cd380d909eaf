"""ResNet.

Nets: resnet18, resnet34, resnet50, resnet101, resnet152, resnext50_32x4d,
resnext101_32x8d, resnext101_64x4d, wide_resnet50_2 and wide_resnet101_2.
Source: https://arxiv.org/abs/1512.03385
Source: https://arxiv.org/abs/1611.05431
Source: https://arxiv.org/abs/1605.07146
Input: image 224 x 224 x 3; gives logits.
Preprocessing of resnet18, resnet34, resnet50, resnet101, resnet152, resnext50_32x4d,
resnext101_32x8d, wide_resnet50_2 and wide_resnet101_2: resize 256, crop 224,
interpolation bilinear, range [0, 1], channels RGB, mean [0.485, 0.456, 0.406], std
[0.229, 0.224, 0.225].
Preprocessing of resnext101_64x4d: resize 232, crop 224, interpolation bilinear, range
[0, 1], channels RGB, mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225].
"""

# archspec: fingerprint 88f3d52213117ddf, checksum 27b7fc6b758ce8e6

from functools import partial

import keras
from keras import KerasTensor, layers
from keras.initializers import RandomUniform, VarianceScaling, serialize

HE_NORMAL = serialize(VarianceScaling(2.0, "fan_out", "untruncated_normal"))
FAN_IN_UNIFORM = serialize(VarianceScaling(1 / 3, "fan_in", "uniform"))
conv2d = partial(layers.Conv2D, use_bias=False, kernel_initializer=HE_NORMAL)
batch_normalization = partial(layers.BatchNormalization, momentum=0.9, epsilon=1e-5)
dense = partial(layers.Dense, kernel_initializer=FAN_IN_UNIFORM)


def projection(x: KerasTensor, channels: int, stride: int, name: str) -> KerasTensor:
    """The shortcut of a unit that changes the size or the channels.

    Maps [N, H, W, in_channels] to [N, H / stride, W / stride, channels].
    """
    x = conv2d(channels, 1, strides=stride, name=f"{name}_0")(x)
    return batch_normalization(name=f"{name}_1")(x)


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
        x = projection(x, channels, stride, name=f"{name}_downsample")
    x = layers.Add(name=f"{name}_add")([y, x])
    return layers.ReLU(name=f"{name}_relu2")(x)


def basic_block_stage(
    x: KerasTensor, channels: int, depth: int, stride: int, name: str
) -> KerasTensor:
    """Units in a chain, of which the first has the stride."""
    for i in range(depth):
        x = basic_block(x, channels, stride, name=f"{name}_{i}")
        stride = 1
    return x


def bottleneck(
    x: KerasTensor,
    channels: int,
    stride: int,
    groups: int,
    width_per_group: int,
    name: str,
) -> KerasTensor:
    """1x1, 3x3 and 1x1 convolutions beside a shortcut.

    Maps [N, H, W, in_channels] to [N, H / stride, W / stride, channels * 4].
    """
    in_channels = x.shape[-1]
    width = channels * width_per_group // 64 * groups
    y = conv2d(width, 1, name=f"{name}_conv1")(x)
    y = batch_normalization(name=f"{name}_bn1")(y)
    y = layers.ReLU(name=f"{name}_relu1")(y)
    y = layers.ZeroPadding2D(1, name=f"{name}_conv2_pad")(y)
    y = conv2d(width, 3, strides=stride, groups=groups, name=f"{name}_conv2")(y)
    y = batch_normalization(name=f"{name}_bn2")(y)
    y = layers.ReLU(name=f"{name}_relu2")(y)
    y = conv2d(channels * 4, 1, name=f"{name}_conv3")(y)
    y = batch_normalization(name=f"{name}_bn3")(y)
    if stride != 1 or in_channels != channels * 4:
        x = projection(x, channels * 4, stride, name=f"{name}_downsample")
    x = layers.Add(name=f"{name}_add")([y, x])
    return layers.ReLU(name=f"{name}_relu3")(x)


def bottleneck_stage(
    x: KerasTensor,
    channels: int,
    groups: int,
    width_per_group: int,
    depth: int,
    stride: int,
    name: str,
) -> KerasTensor:
    """Units in a chain, of which the first has the stride."""
    for i in range(depth):
        x = bottleneck(x, channels, stride, groups, width_per_group, name=f"{name}_{i}")
        stride = 1
    return x


def basic_block_resnet(
    input_shape: tuple[int | None, int | None, int],
    depths: tuple[int, int, int, int],
    num_classes: int = 1000,
    *,
    name: str,
) -> keras.Model:
    """ResNet: maps [N, H, W, C] to [N, num_classes]."""
    if keras.config.image_data_format() != "channels_last":
        raise ValueError("call keras.config.set_image_data_format('channels_last')")
    inputs = keras.Input(input_shape, name="image")
    x = layers.ZeroPadding2D(3, name="conv1_pad")(inputs)
    x = conv2d(64, 7, strides=2, name="conv1")(x)
    x = batch_normalization(name="bn1")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.ZeroPadding2D(1, name="maxpool_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="maxpool")(x)
    x = basic_block_stage(x, 64, depth=depths[0], stride=1, name="layer1")
    x = basic_block_stage(x, 128, depth=depths[1], stride=2, name="layer2")
    x = basic_block_stage(x, 256, depth=depths[2], stride=2, name="layer3")
    x = basic_block_stage(x, 512, depth=depths[3], stride=2, name="layer4")
    x = layers.GlobalAveragePooling2D(name="avgpool")(x)
    x = dense(
        num_classes,
        bias_initializer=RandomUniform(-(x.shape[-1] ** -0.5), x.shape[-1] ** -0.5),
        name="fc",
    )(x)
    return keras.Model(inputs, x, name=name)


def bottleneck_resnet(
    input_shape: tuple[int | None, int | None, int],
    depths: tuple[int, int, int, int],
    num_classes: int = 1000,
    *,
    groups: int = 1,
    width_per_group: int = 64,
    name: str,
) -> keras.Model:
    """ResNet: maps [N, H, W, C] to [N, num_classes]."""
    if keras.config.image_data_format() != "channels_last":
        raise ValueError("call keras.config.set_image_data_format('channels_last')")
    inputs = keras.Input(input_shape, name="image")
    x = layers.ZeroPadding2D(3, name="conv1_pad")(inputs)
    x = conv2d(64, 7, strides=2, name="conv1")(x)
    x = batch_normalization(name="bn1")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.ZeroPadding2D(1, name="maxpool_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="maxpool")(x)
    x = bottleneck_stage(
        x, 64, groups, width_per_group, depth=depths[0], stride=1, name="layer1"
    )
    x = bottleneck_stage(
        x, 128, groups, width_per_group, depth=depths[1], stride=2, name="layer2"
    )
    x = bottleneck_stage(
        x, 256, groups, width_per_group, depth=depths[2], stride=2, name="layer3"
    )
    x = bottleneck_stage(
        x, 512, groups, width_per_group, depth=depths[3], stride=2, name="layer4"
    )
    x = layers.GlobalAveragePooling2D(name="avgpool")(x)
    x = dense(
        num_classes,
        bias_initializer=RandomUniform(-(x.shape[-1] ** -0.5), x.shape[-1] ** -0.5),
        name="fc",
    )(x)
    return keras.Model(inputs, x, name=name)


def ResNet18(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    name: str = "resnet18",
) -> keras.Model:
    """ResNet-18: 11,689,512 parameters, 1,814,073,344 MACs."""
    return basic_block_resnet(input_shape, (2, 2, 2, 2), num_classes, name=name)


def ResNet34(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    name: str = "resnet34",
) -> keras.Model:
    """ResNet-34: 21,797,672 parameters, 3,663,761,408 MACs."""
    return basic_block_resnet(input_shape, (3, 4, 6, 3), num_classes, name=name)


def ResNet50(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    name: str = "resnet50",
) -> keras.Model:
    """ResNet-50: 25,557,032 parameters, 4,089,184,256 MACs."""
    return bottleneck_resnet(input_shape, (3, 4, 6, 3), num_classes, name=name)


def ResNet101(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    name: str = "resnet101",
) -> keras.Model:
    """ResNet-101: 44,549,160 parameters, 7,801,405,440 MACs."""
    return bottleneck_resnet(input_shape, (3, 4, 23, 3), num_classes, name=name)


def ResNet152(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    name: str = "resnet152",
) -> keras.Model:
    """ResNet-152: 60,192,808 parameters, 11,513,626,624 MACs."""
    return bottleneck_resnet(input_shape, (3, 8, 36, 3), num_classes, name=name)


def ResNeXt50_32x4d(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    name: str = "resnext50_32x4d",
) -> keras.Model:
    """ResNeXt-50 32x4d: 25,028,904 parameters, 4,230,479,872 MACs."""
    return bottleneck_resnet(
        input_shape, (3, 4, 6, 3), num_classes, groups=32, width_per_group=4, name=name
    )


def ResNeXt101_32x8d(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    name: str = "resnext101_32x8d",
) -> keras.Model:
    """ResNeXt-101 32x8d: 88,791,336 parameters, 16,414,015,488 MACs."""
    return bottleneck_resnet(
        input_shape, (3, 4, 23, 3), num_classes, groups=32, width_per_group=8, name=name
    )


def ResNeXt101_64x4d(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    name: str = "resnext101_64x4d",
) -> keras.Model:
    """ResNeXt-101 64x4d: 83,455,272 parameters, 15,460,270,080 MACs."""
    return bottleneck_resnet(
        input_shape, (3, 4, 23, 3), num_classes, groups=64, width_per_group=4, name=name
    )


def WideResNet50_2(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    name: str = "wide_resnet50_2",
) -> keras.Model:
    """Wide ResNet-50-2: 68,883,240 parameters, 11,398,021,120 MACs."""
    return bottleneck_resnet(
        input_shape, (3, 4, 6, 3), num_classes, width_per_group=128, name=name
    )


def WideResNet101_2(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    name: str = "wide_resnet101_2",
) -> keras.Model:
    """Wide ResNet-101-2: 126,886,696 parameters, 22,753,050,624 MACs."""
    return bottleneck_resnet(
        input_shape, (3, 4, 23, 3), num_classes, width_per_group=128, name=name
    )

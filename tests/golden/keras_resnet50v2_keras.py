"""Keras ResNet-50 V2: Pre-activation ResNet-50, as keras.applications' ResNet50V2.

Source: https://arxiv.org/abs/1603.05027
Parameters: 25,568,360; MACs: 3,482,255,360; input: image 224 x 224 x 3; gives
probabilities.
Preprocessing: size 224, range [0, 1], channels RGB, mean [0.5, 0.5, 0.5], std [0.5,
0.5, 0.5].
"""

# archspec: fingerprint b008eef65132c9a4, checksum 9a318e54d4a4a6cc

import keras
from keras import KerasTensor, layers


def bottleneck(
    x: KerasTensor, channels: int, stride: int, projected: bool, name: str
) -> KerasTensor:
    """1x1, 3x3 and 1x1 convolutions, each behind its norm, beside a shortcut.

    Maps [N, H, W, in_channels] to [N, H / stride, W / stride, channels * 4].
    """
    y = layers.BatchNormalization(epsilon=1.001e-5, name=f"{name}_preact_bn")(x)
    preact_relu = layers.ReLU(name=f"{name}_preact_relu")(y)
    if projected:
        x = layers.Conv2D(channels * 4, 1, strides=stride, name=f"{name}_0_conv")(
            preact_relu
        )
    y = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_1_conv")(preact_relu)
    y = layers.BatchNormalization(epsilon=1.001e-5, name=f"{name}_1_bn")(y)
    y = layers.ReLU(name=f"{name}_1_relu")(y)
    y = layers.ZeroPadding2D(1, name=f"{name}_2_conv_pad")(y)
    y = layers.Conv2D(
        channels, 3, strides=stride, use_bias=False, name=f"{name}_2_conv"
    )(y)
    y = layers.BatchNormalization(epsilon=1.001e-5, name=f"{name}_2_bn")(y)
    y = layers.ReLU(name=f"{name}_2_relu")(y)
    y = layers.Conv2D(channels * 4, 1, name=f"{name}_3_conv")(y)
    if stride > 1 and not projected:
        x = layers.MaxPooling2D(1, strides=stride, name=f"{name}_pool")(x)
    return layers.Add(name=f"{name}_out")([x, y])


def stage(
    x: KerasTensor, channels: int, depth: int, stride: int, name: str
) -> KerasTensor:
    """Units in a chain, of which the last has the stride."""
    for i in range(depth):
        x = bottleneck(
            x,
            channels,
            stride=stride if i == depth - 1 else 1,
            projected=i == 0,
            name=f"{name}_block{i + 1}",
        )
    return x


def KerasResNet50V2(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    classifier_activation: str = "softmax",
    name: str = "keras_resnet50v2",
) -> keras.Model:
    """Keras ResNet-50 V2: maps [N, H, W, C] to [N, num_classes]."""
    if keras.config.image_data_format() != "channels_last":
        raise ValueError("call keras.config.set_image_data_format('channels_last')")
    inputs = keras.Input(input_shape, name="image")
    x = layers.ZeroPadding2D(3, name="conv1_conv_pad")(inputs)
    x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    x = stage(x, 64, depth=3, stride=2, name="conv2")
    x = stage(x, 128, depth=4, stride=2, name="conv3")
    x = stage(x, 256, depth=6, stride=2, name="conv4")
    x = stage(x, 512, depth=3, stride=1, name="conv5")
    x = layers.BatchNormalization(epsilon=1.001e-5, name="post_bn")(x)
    x = layers.ReLU(name="post_relu")(x)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = layers.Dense(num_classes, name="predictions")(x)
    x = layers.Activation(classifier_activation, name="softmax")(x)
    return keras.Model(inputs, x, name=name)

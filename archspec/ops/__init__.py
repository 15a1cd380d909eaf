"""The ops of the language; the registry is the tuple `OPS`."""

from archspec.ops import activation, convolution, normalization, pooling, shaping
from archspec.ops.base import Op, Shape, Weighted, pair

__all__ = ["BY_KIND", "OPS", "Op", "Shape", "Weighted", "pair"]

OPS: tuple[type[Op], ...] = (
    convolution.Conv2d,
    convolution.ConvTranspose2d,
    convolution.Linear,
    normalization.BatchNorm,
    normalization.LayerNorm,
    normalization.GroupNorm,
    normalization.LocalResponseNorm,
    normalization.Scale,
    pooling.MaxPool2d,
    pooling.AvgPool2d,
    pooling.AdaptiveAvgPool2d,
    pooling.AdaptiveMaxPool2d,
    pooling.GlobalAvgPool2d,
    pooling.GlobalMaxPool2d,
    activation.Relu,
    activation.Relu6,
    activation.LeakyRelu,
    activation.Prelu,
    activation.Elu,
    activation.Selu,
    activation.Gelu,
    activation.Silu,
    activation.Mish,
    activation.Sigmoid,
    activation.HardSigmoid,
    activation.HardSwish,
    activation.Tanh,
    activation.Softplus,
    activation.Softmax,
    activation.LogSoftmax,
    activation.Identity,
    activation.Dropout,
    activation.DropPath,
    shaping.Add,
    shaping.Subtract,
    shaping.Multiply,
    shaping.Concat,
    shaping.Slice,
    shaping.Flatten,
    shaping.Pad,
    shaping.Resize,
    shaping.PixelShuffle,
    shaping.ChannelShuffle,
)
BY_KIND: dict[str, type[Op]] = {op.kind: op for op in OPS}

"""archspec_keras.lowering: what each op says in Keras, and what it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import archspec_keras
import pytest
from archspec_keras.lowering import LOWERINGS, OPS, signature, unsupported
from nets import graph_of

from archspec.errors import UnsupportedError
from archspec.ops import BY_KIND
from archspec.source.outline import CHOSEN

DRAWN = ", kernel_initializer=HE_NORMAL"
IMAGE, VECTOR = (8, 12, 12), (8,)


def statements(lines: Iterable[str]) -> list[str]:
    """What statements assign or return, each on one line, whatever they read."""
    joined = " ".join(" ".join(lines).split())
    joined = joined.replace("( ", "(").replace(", )", ")").replace(" )", ")")
    joined = re.sub(r"\binputs([\[,)])", r"x\1", joined)
    return re.split(r"(?:^| )(?:x = |return )", joined)[1:]


def said(op: str, shape: tuple[int, ...] = IMAGE) -> list[str]:
    """What is printed for one op, called n."""
    text = f"inputs: {{image: {list(shape)}}}\ngraph:\n  n: {op}\n"
    text = archspec_keras.backend.emit(graph_of(text)).text
    lines = text.partition("keras.Input(")[2].splitlines()[1:-1]
    return [line.replace(DRAWN, "") for line in statements(lines)]


PAD1 = 'layers.ZeroPadding2D(1, name="n_pad")(x)'


@pytest.mark.parametrize(
    ("op", "lines"),
    [
        ("channels: 4, kernel: 3", ['layers.Conv2D(4, 3, name="n")(x)']),
        (
            "channels: 4, kernel: 3, padding: 1",
            ['layers.Conv2D(4, 3, padding="same", name="n")(x)'],
        ),
        (
            "channels: 4, kernel: 3, padding: 2",
            [
                'layers.ZeroPadding2D(2, name="n_pad")(x)',
                'layers.Conv2D(4, 3, name="n")(x)',
            ],
        ),
        (
            "channels: 4, kernel: 3, stride: 2, padding: 1",
            [PAD1, 'layers.Conv2D(4, 3, strides=2, name="n")(x)'],
        ),
        (
            "channels: 4, kernel: 2, padding: 1",
            [PAD1, 'layers.Conv2D(4, 2, name="n")(x)'],
        ),
        (
            "channels: 4, kernel: [1, 3], padding: [0, 1], stride: [1, 1]",
            ['layers.Conv2D(4, (1, 3), strides=(1, 1), padding="same", name="n")(x)'],
        ),
        (
            "channels: 4, kernel: 3, padding: [[0, 1], [1, 0]]",
            [
                'layers.ZeroPadding2D(((0, 1), (1, 0)), name="n_pad")(x)',
                'layers.Conv2D(4, 3, name="n")(x)',
            ],
        ),
        (
            "channels: 4, kernel: 3, padding: [[0, 0], [0, 0]]",
            ['layers.Conv2D(4, 3, name="n")(x)'],
        ),
        (
            "channels: 4, kernel: 3, stride: 2, padding: same",
            ['layers.Conv2D(4, 3, strides=2, padding="same", name="n")(x)'],
        ),
        (
            "channels: 4, kernel: 3, dilation: 2, padding: 2",
            ['layers.Conv2D(4, 3, padding="same", dilation_rate=2, name="n")(x)'],
        ),
        (
            "channels: 4, kernel: 1, dilation: 2, stride: 2",
            [
                'layers.Conv2D(4, 1, dilation_rate=2, name="n")(x)',
                'layers.MaxPooling2D(1, strides=2, name="n_stride")(x)',
            ],
        ),
        (
            "channels: 4, kernel: 1, groups: 2, bias: false",
            ['layers.Conv2D(4, 1, use_bias=False, groups=2, name="n")(x)'],
        ),
        (
            "channels: 16, kernel: 3, groups: 8, stride: 2",
            [
                "layers.DepthwiseConv2D(3, depth_multiplier=2, strides=2, "
                'depthwise_initializer=HE_NORMAL, name="n")(x)'
            ],
        ),
        (
            "channels: 8, kernel: 3, groups: 8, stride: [2, 1]",
            [
                "layers.DepthwiseConv2D(3, depthwise_initializer=HE_NORMAL, "
                'name="n")(x)',
                'layers.MaxPooling2D(1, strides=(2, 1), name="n_stride")(x)',
            ],
        ),
        (
            "channels: 8, kernel: 3, groups: 8, stride: [2, 2]",
            [
                "layers.DepthwiseConv2D(3, strides=(2, 2), "
                'depthwise_initializer=HE_NORMAL, name="n")(x)'
            ],
        ),
    ],
)
def test_conv2d(op: str, lines: list[str]) -> None:
    assert said(f"{{op: conv2d, {op}}}") == lines


@pytest.mark.parametrize(
    ("op", "lines"),
    [
        ("kernel: 3", ['layers.Conv2DTranspose(4, 3, name="n")(x)']),
        (
            "kernel: 2, stride: 2, bias: false",
            ['layers.Conv2DTranspose(4, 2, strides=2, use_bias=False, name="n")(x)'],
        ),
        (
            "kernel: 3, stride: 2, padding: 1",
            [
                'layers.Conv2DTranspose(4, 3, strides=2, name="n")(x)',
                'layers.Cropping2D(1, name="n_crop")(x)',
            ],
        ),
        (
            "kernel: 3, stride: 2, padding: 1, output_padding: 1",
            [
                'layers.Conv2DTranspose(4, 3, strides=2, name="n")(x)',
                'layers.Cropping2D(((1, 0), (1, 0)), name="n_crop")(x)',
            ],
        ),
        (
            "kernel: 1, stride: 2",
            [
                "layers.Conv2DTranspose(4, 1, strides=2, output_padding=(0, 0), "
                'name="n")(x)'
            ],
        ),
        (
            "kernel: 3, stride: 3, output_padding: [0, 2]",
            [
                "layers.Conv2DTranspose(4, 3, strides=3, output_padding=(0, 2), "
                'name="n")(x)'
            ],
        ),
    ],
)
def test_conv_transpose2d(op: str, lines: list[str]) -> None:
    assert said(f"{{op: conv_transpose2d, channels: 4, {op}}}") == lines


@pytest.mark.parametrize(
    ("op", "line"),
    [
        ("{op: linear, features: 3}", 'layers.Dense(3, name="n")(x)'),
        (
            "{op: linear, features: 3, bias: false}",
            'layers.Dense(3, use_bias=False, name="n")(x)',
        ),
        (
            "scale",
            'layers.EinsumDense("bc,c->bc", output_shape=8, kernel_initializer="ones", name="n")(x)',
        ),
        ("flatten", 'layers.Flatten(name="n")(x)'),
        (
            "prelu",
            "layers.PReLU(shared_axes=(1,), alpha_initializer="
            'initializers.Constant(0.25), name="n")(x)',
        ),
        (
            "{op: prelu, shared: false}",
            'layers.PReLU(alpha_initializer=initializers.Constant(0.25), name="n")(x)',
        ),
        (
            "{op: drop_path, rate: 0.1}",
            'layers.Dropout(0.1, noise_shape=(None, 1), name="n")(x)',
        ),
        ("{op: slice, start: 2, stop: 4}", 'ChannelSlice(2, 4, name="n")(x)'),
    ],
)
def test_of_a_vector(op: str, line: str) -> None:
    assert said(op, VECTOR) == [line]


@pytest.mark.parametrize(
    ("op", "line"),
    [
        (
            "batch_norm",
            'layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="n")(x)',
        ),
        (
            "{op: batch_norm, momentum: 0.01, eps: 0.001, affine: false}",
            'layers.BatchNormalization(center=False, scale=False, name="n")(x)',
        ),
        (
            "{op: batch_norm, running_var: unbiased}",
            'UnbiasedBatchNormalization(momentum=0.9, epsilon=1e-5, name="n")(x)',
        ),
        (
            "{op: batch_norm, running_var: biased, eps: 0.001}",
            'layers.BatchNormalization(momentum=0.9, name="n")(x)',
        ),
        ("layer_norm", 'layers.LayerNormalization(epsilon=1e-5, name="n")(x)'),
        (
            "{op: layer_norm, eps: 0.001, affine: false}",
            'layers.LayerNormalization(center=False, scale=False, name="n")(x)',
        ),
        (
            "{op: group_norm, groups: 2}",
            'layers.GroupNormalization(2, epsilon=1e-5, name="n")(x)',
        ),
        (
            "{op: local_response_norm, size: 5}",
            'LocalResponseNormalization(size=5, alpha=0.0001, beta=0.75, k=1.0, name="n")(x)',
        ),
        (
            "scale",
            "layers.DepthwiseConv2D(1, use_bias=False, "
            'depthwise_initializer="ones", name="n")(x)',
        ),
        ("{op: max_pool2d, kernel: 2}", 'layers.MaxPooling2D(2, name="n")(x)'),
        (
            "{op: max_pool2d, kernel: 3, stride: 2}",
            'layers.MaxPooling2D(3, strides=2, name="n")(x)',
        ),
        (
            "{op: max_pool2d, kernel: 2, stride: 2}",
            'layers.MaxPooling2D(2, name="n")(x)',
        ),
        (
            "{op: max_pool2d, kernel: 3, stride: 2, padding: same}",
            'layers.MaxPooling2D(3, strides=2, padding="same", name="n")(x)',
        ),
        ("{op: avg_pool2d, kernel: 2}", 'layers.AveragePooling2D(2, name="n")(x)'),
        (
            "{op: avg_pool2d, kernel: 3, stride: 1, padding: same}",
            'CountedAveragePooling2D(kernel=(3, 3), stride=(1, 1), name="n")(x)',
        ),
        (
            "{op: avg_pool2d, kernel: 3, ceil_mode: true}",
            "CountedAveragePooling2D(kernel=(3, 3), stride=(3, 3), "
            'padding=((0, 0), (0, 0)), ceil_mode=True, count=True, name="n")(x)',
        ),
        (
            "{op: avg_pool2d, kernel: 3, padding: 1, count_include_pad: false}",
            "CountedAveragePooling2D(kernel=(3, 3), stride=(3, 3), "
            'padding=((1, 1), (1, 1)), name="n")(x)',
        ),
        (
            "{op: avg_pool2d, kernel: 3, count_include_pad: false}",
            'layers.AveragePooling2D(3, name="n")(x)',
        ),
        (
            "{op: adaptive_avg_pool2d, size: 1}",
            'layers.GlobalAveragePooling2D(keepdims=True, name="n")(x)',
        ),
        (
            "{op: adaptive_avg_pool2d, size: [1, 2]}",
            'layers.AdaptiveAveragePooling2D((1, 2), name="n")(x)',
        ),
        (
            "{op: adaptive_max_pool2d, size: [1, 1]}",
            'layers.GlobalMaxPooling2D(keepdims=True, name="n")(x)',
        ),
        (
            "{op: adaptive_max_pool2d, size: 3}",
            'layers.AdaptiveMaxPooling2D(3, name="n")(x)',
        ),
        ("global_avg_pool2d", 'layers.GlobalAveragePooling2D(name="n")(x)'),
        ("global_max_pool2d", 'layers.GlobalMaxPooling2D(name="n")(x)'),
        ("relu", 'layers.ReLU(name="n")(x)'),
        ("relu6", 'layers.ReLU(6.0, name="n")(x)'),
        ("leaky_relu", 'layers.LeakyReLU(negative_slope=0.01, name="n")(x)'),
        (
            "{op: leaky_relu, negative_slope: 0.3}",
            'layers.LeakyReLU(name="n")(x)',
        ),
        (
            "{op: leaky_relu, negative_slope: 0.0}",
            'layers.LeakyReLU(negative_slope=0.0, name="n")(x)',
        ),
        (
            "{op: leaky_relu, negative_slope: -0.3}",
            'LeakyReLU(-0.3, name="n")(x)',
        ),
        (
            "prelu",
            "layers.PReLU(shared_axes=(1, 2, 3), alpha_initializer="
            'initializers.Constant(0.25), name="n")(x)',
        ),
        (
            "{op: prelu, shared: false, init: {weight: 0}}",
            'layers.PReLU(shared_axes=(1, 2), name="n")(x)',
        ),
        ("elu", 'layers.ELU(name="n")(x)'),
        ("{op: elu, alpha: 0.5}", 'layers.ELU(alpha=0.5, name="n")(x)'),
        ("gelu", 'layers.Activation("gelu", name="n")(x)'),
        ("{op: gelu, approximate: tanh}", 'ApproximateGELU(name="n")(x)'),
        *(
            (kind, f'layers.Activation("{kind}", name="n")(x)')
            for kind in ("selu", "silu", "mish", "sigmoid", "hard_sigmoid", "tanh")
        ),
        ("softplus", 'layers.Activation("softplus", name="n")(x)'),
        ("log_softmax", 'layers.Activation("log_softmax", name="n")(x)'),
        ("hard_swish", 'layers.Activation("hard_silu", name="n")(x)'),
        ("softmax", 'layers.Softmax(name="n")(x)'),
        ("dropout", 'layers.Dropout(0.5, name="n")(x)'),
        (
            "{op: drop_path, rate: 0.1}",
            'layers.Dropout(0.1, noise_shape=(None, 1, 1, 1), name="n")(x)',
        ),
        ("{op: slice, stop: 4}", 'ChannelSlice(0, 4, name="n")(x)'),
        ("{op: flatten, order: hwc}", 'layers.Flatten(name="n")(x)'),
        ("{op: pad, spatial: 1}", 'layers.ZeroPadding2D(1, name="n")(x)'),
        (
            "{op: pad, spatial: [[0, 1], [2, 3]]}",
            'layers.ZeroPadding2D(((0, 1), (2, 3)), name="n")(x)',
        ),
        (
            "{op: pad, channels: 2}",
            'pad_channels(x, (2, 2), name="n")',
        ),
        ("{op: resize, size: 5}", 'NearestResizing(size=(5, 5), name="n")(x)'),
        (
            "{op: resize, size: [4, 5], mode: bilinear}",
            'BilinearResizing(size=(4, 5), name="n")(x)',
        ),
        ("{op: resize, scale: 2}", 'layers.UpSampling2D(2, name="n")(x)'),
        (
            "{op: resize, scale: [3, 2], mode: bilinear}",
            'layers.UpSampling2D((3, 2), interpolation="bilinear", name="n")(x)',
        ),
        ("{op: resize, scale: 1.5}", 'NearestScaling((1.5, 1.5), name="n")(x)'),
        ("{op: resize, scale: [2, 0.5]}", 'NearestScaling((2.0, 0.5), name="n")(x)'),
        ("{op: pixel_shuffle, factor: 2}", 'PixelShuffle(factor=2, name="n")(x)'),
        ("{op: channel_shuffle, groups: 4}", 'ChannelShuffle(groups=4, name="n")(x)'),
    ],
)
def test_of_an_image(op: str, line: str) -> None:
    assert said(op) == [line]


@pytest.mark.parametrize(
    ("op", "lines"),
    [
        (
            "{op: max_pool2d, kernel: 3, stride: 2, padding: 1}",
            [
                'layers.MaxPooling2D(3, strides=1, padding="same", name="n_same")(x)',
                'layers.MaxPooling2D(1, strides=2, name="n")(x)',
            ],
        ),
        (
            "{op: max_pool2d, kernel: 3, padding: [[0, 1], [1, 0]]}",
            [
                'InfinitePadding2D(((0, 1), (1, 0)), name="n_pad")(x)',
                'layers.MaxPooling2D(3, name="n")(x)',
            ],
        ),
        (
            "{op: max_pool2d, kernel: 3, stride: [2, 1], ceil_mode: true, padding: 1}",
            [
                'InfinitePadding2D(((1, 2), (1, 1)), name="n_pad")(x)',
                'layers.MaxPooling2D(3, strides=(2, 1), name="n")(x)',
            ],
        ),
        (
            "{op: max_pool2d, kernel: 2, stride: 2, ceil_mode: true, padding: 1}",
            [
                "CeilPadding2D(kernel=(2, 2), stride=(2, 2), padding=((1, 1), (1, 1)), "
                'name="n_pad")(x)',
                'layers.MaxPooling2D(2, name="n")(x)',
            ],
        ),
        (
            "{op: avg_pool2d, kernel: 3, padding: 1}",
            [PAD1, 'layers.AveragePooling2D(3, name="n")(x)'],
        ),
        (
            "flatten",
            [
                'layers.Permute((3, 1, 2), name="n_permute")(x)',
                'layers.Flatten(name="n")(x)',
            ],
        ),
        (
            "{op: pad, spatial: 1, channels: [0, 2]}",
            [
                'layers.ZeroPadding2D(1, name="n")(x)',
                'pad_channels(x, (0, 2), name="n_channels")',
            ],
        ),
        ("identity", []),
        ("{op: pad, spatial: 0}", []),
    ],
)
def test_of_an_image_in_steps(op: str, lines: list[str]) -> None:
    assert said(op) == lines


JOINED = """
inputs: {{a: [3, 8, 8], b: [3, 8, 8]}}
graph:
  n: {{op: {op}, from: [a, b]}}
"""


@pytest.mark.parametrize(
    ("op", "line"),
    [
        ("add", 'layers.Add(name="n")([a_input, b_input])'),
        ("subtract", 'layers.Subtract(name="n")([a_input, b_input])'),
        ("multiply", 'layers.Multiply(name="n")([a_input, b_input])'),
        ("concat", 'layers.Concatenate(name="n")([a_input, b_input])'),
        ("resize", 'NearestResizing(name="n")([a_input, b_input])'),
        (
            "resize, mode: bilinear",
            'BilinearResizing(name="n")([a_input, b_input])',
        ),
    ],
)
def test_of_two_values(op: str, line: str) -> None:
    text = archspec_keras.backend.emit(graph_of(JOINED.format(op=op))).text
    lines = text.rpartition("keras.Input(")[2].splitlines()[1:-1]
    assert statements(lines) == [line]


# Attributes that are arguments.

BLOCK = """
inputs: {{image: [8, 12, 12]}}
blocks:
  unit:
    params: {{{params}}}
    graph:
      n: {op}
graph:
  a: {{block: unit, {one}}}
  b: {{block: unit, from: input, {other}}}
outputs: {{one: a, other: b}}
"""


def block(op: str, one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """What is printed for a block of one op that is used with two sets of params."""
    params = ", ".join(f"{key}: {type(value).__name__}" for key, value in one.items())
    given = [json.dumps(use)[1:-1] for use in (one, other)]
    spec = BLOCK.format(params=params, op=op, one=given[0], other=given[1])
    text = archspec_keras.backend.emit(graph_of(spec)).text
    functions = [part for part in text.split("\ndef ") if part.startswith("unit")]
    assert len(functions) == 1, text
    lines = functions[0].partition("KerasTensor:\n")[2].splitlines()
    return [line.replace(DRAWN, "") for line in statements(lines)]


@pytest.mark.parametrize(
    ("op", "one", "other", "lines"),
    [
        (
            "{op: conv2d, channels: =c, kernel: =k, stride: =s, padding: =p, bias: =b}",
            {"c": 3, "k": 3, "s": 1, "p": 1, "b": True},
            {"c": 4, "k": 5, "s": 2, "p": 0, "b": False},
            [
                'layers.ZeroPadding2D(p, name=f"{name}_n_pad")(x)',
                'layers.Conv2D(c, k, strides=s, use_bias=b, name=f"{name}_n")(x)',
            ],
        ),
        (
            "{op: conv2d, channels: 4, kernel: 1, stride: =s, dilation: =d}",
            {"s": 2, "d": 1},
            {"s": 1, "d": 2},
            [
                "layers.Conv2D(4, 1, strides=s if d == 1 else 1, dilation_rate=d, "
                'name=f"{name}_n")(x)',
                "layers.MaxPooling2D(1, strides=1 if d == 1 else s, "
                'name=f"{name}_n_stride")(x)',
            ],
        ),
        (
            "{op: conv2d, channels: 4, kernel: 1, stride: 2, dilation: =d}",
            {"d": 1},
            {"d": 2},
            [
                "layers.Conv2D(4, 1, strides=2 if d == 1 else 1, dilation_rate=d, "
                'name=f"{name}_n")(x)',
                "layers.MaxPooling2D(1, strides=1 if d == 1 else 2, "
                'name=f"{name}_n_stride")(x)',
            ],
        ),
        (
            "{op: conv2d, channels: 4, kernel: 1, dilation: =d}",
            {"d": 1},
            {"d": 2},
            ['layers.Conv2D(4, 1, dilation_rate=d, name=f"{name}_n")(x)'],
        ),
        (
            "{op: conv2d, channels: 4, kernel: 1, stride: =s, dilation: 2}",
            {"s": 1},
            {"s": 2},
            [
                'layers.Conv2D(4, 1, dilation_rate=2, name=f"{name}_n")(x)',
                'layers.MaxPooling2D(1, strides=s, name=f"{name}_n_stride")(x)',
            ],
        ),
        (
            "{op: max_pool2d, kernel: =k, stride: =s, padding: =p}",
            {"k": 2, "s": 2, "p": 0},
            {"k": 3, "s": 1, "p": 1},
            [
                'InfinitePadding2D(p, name=f"{name}_n_pad")(x)',
                'layers.MaxPooling2D(k, strides=s, name=f"{name}_n")(x)',
            ],
        ),
        (
            "{op: max_pool2d, kernel: =k}",
            {"k": 2},
            {"k": 3},
            ['layers.MaxPooling2D(k, name=f"{name}_n")(x)'],
        ),
        (
            "{op: max_pool2d, kernel: =k, stride: =s, ceil_mode: true}",
            {"k": 3, "s": 2},
            {"k": 2, "s": 1},
            [
                "CeilPadding2D(kernel=(k, k), stride=(s, s), "
                'padding=((0, 0), (0, 0)), name=f"{name}_n_pad")(x)',
                'layers.MaxPooling2D(k, strides=s, name=f"{name}_n")(x)',
            ],
        ),
        (
            "{op: avg_pool2d, kernel: =k, padding: =p, count_include_pad: false}",
            {"k": 2, "p": 0},
            {"k": 3, "p": 1},
            [
                "CountedAveragePooling2D(kernel=(k, k), stride=(k, k), padding=((p, p), (p, p)), "
                'name=f"{name}_n")(x)'
            ],
        ),
        (
            "{op: batch_norm, momentum: =m, eps: =e, affine: =a}",
            {"m": 0.1, "e": 0.5, "a": True},
            {"m": 0.2, "e": 0.25, "a": False},
            [
                "layers.BatchNormalization(momentum=1 - m, epsilon=e, center=a, "
                'scale=a, name=f"{name}_n")(x)'
            ],
        ),
        (
            "{op: leaky_relu, negative_slope: =r}",
            {"r": 0.1},
            {"r": 0.2},
            ['LeakyReLU(r, name=f"{name}_n")(x)'],
        ),
        (
            "{op: slice, start: =lo, stop: =hi // 2}",
            {"lo": 0, "hi": 4},
            {"lo": 1, "hi": 8},
            ['ChannelSlice(lo, hi // 2, name=f"{name}_n")(x)'],
        ),
        (
            "{op: pad, spatial: =p, channels: '=[0, c]'}",
            {"p": 1, "c": 0},
            {"p": 0, "c": 2},
            [
                'layers.ZeroPadding2D(p, name=f"{name}_n")(x)',
                'pad_channels(x, (0, c), name=f"{name}_n_channels")',
            ],
        ),
        (
            "{op: adaptive_avg_pool2d, size: =n}",
            {"n": 2},
            {"n": 3},
            ['layers.AdaptiveAveragePooling2D(n, name=f"{name}_n")(x)'],
        ),
    ],
)
def test_attributes_that_are_arguments(
    op: str, one: dict[str, Any], other: dict[str, Any], lines: list[str]
) -> None:
    assert block(op, one, other) == lines


# What can't be an argument.


def fixed(kind: str, shape: tuple[int, ...] = IMAGE, **attributes: Any) -> set[str]:
    """The names of attributes that can't be arguments, whatever their values are."""
    op = BY_KIND[kind](**attributes)
    told = signature(op, (shape,))
    fields = type(op).model_fields
    return {k for k, v in told.items() if k in fields and v is not ...}


@pytest.mark.parametrize(
    ("kind", "attributes", "names"),
    [
        ("conv2d", {"channels": 4, "kernel": 3}, ""),
        ("conv2d", {"channels": 4, "kernel": 3, "padding": (1, 1)}, ""),
        ("conv2d", {"channels": 4, "kernel": 3, "stride": (1, 2)}, "stride dilation"),
        ("conv2d", {"channels": 4, "kernel": 3, "dilation": (1, 1)}, "stride"),
        ("conv2d", {"channels": 4, "kernel": 3, "padding": "same"}, "padding dilation"),
        (
            "conv2d",
            {"channels": 4, "kernel": 3, "padding": "same", "dilation": 2},
            "padding dilation stride",
        ),
        (
            "conv_transpose2d",
            {"channels": 4, "kernel": 3},
            "kernel stride padding output_padding dilation groups",
        ),
        ("linear", {"features": 3}, ""),
        ("batch_norm", {}, "running_var"),
        ("group_norm", {"groups": 2}, ""),
        ("local_response_norm", {"size": 5}, ""),
        ("max_pool2d", {"kernel": 2, "stride": 2}, "ceil_mode dilation"),
        ("max_pool2d", {"kernel": 2}, "ceil_mode dilation stride"),
        (
            "max_pool2d",
            {"kernel": (2, 2), "stride": 1, "padding": (0, 1)},
            "ceil_mode dilation kernel padding",
        ),
        (
            "avg_pool2d",
            {"kernel": 3, "stride": 2, "padding": "same"},
            "ceil_mode count_include_pad padding",
        ),
        (
            "avg_pool2d",
            {"kernel": 2, "stride": 2, "padding": "same"},
            "ceil_mode count_include_pad kernel stride padding",
        ),
        (
            "max_pool2d",
            {"kernel": 2, "ceil_mode": True},
            "ceil_mode dilation kernel stride padding",
        ),
        ("adaptive_avg_pool2d", {"size": 2}, ""),
        ("adaptive_avg_pool2d", {"size": (1, 1)}, "size"),
        ("adaptive_max_pool2d", {"size": 2}, "size"),
        ("prelu", {}, "shared"),
        ("gelu", {}, "approximate"),
        ("flatten", {}, "order"),
        ("resize", {"scale": 2}, "mode scale size"),
        ("pad", {"spatial": 1}, ""),
        ("slice", {"stop": 2}, ""),
        ("scale", {}, ""),
        ("dropout", {}, ""),
    ],
)
def test_what_can_not_be_an_argument(
    kind: str, attributes: dict[str, Any], names: str
) -> None:
    assert fixed(kind, **attributes) == set(names.split())


def test_a_depthwise_convolution_stays_one() -> None:
    conv: Any = BY_KIND["conv2d"]
    told = signature(conv(channels=16, kernel=1, groups=8), ((8, 4, 4),))
    assert told["depthwise"] == 2
    assert told["groups"] is told["channels"] is told["in_channels"] is ...
    told = signature(conv(channels=16, kernel=1, groups=4), ((8, 4, 4),))
    assert told["depthwise"] == 0 and "groups" not in told


def test_uses_of_other_ranks_and_initialisers_share_nothing() -> None:
    norm: Any = BY_KIND["batch_norm"]
    one = signature(norm(), (IMAGE,))
    assert one != signature(norm(), (VECTOR,))
    assert one != signature(norm(init={"weight": 0.0}), (IMAGE,))
    assert one == signature(norm(), ((4, 2, 2),))


# What is refused.


def test_every_op_is_lowered() -> None:
    assert LOWERINGS.keys() == {*BY_KIND, CHOSEN}
    assert OPS.keys() < BY_KIND.keys()


@pytest.mark.parametrize(
    ("kind", "attributes", "reason"),
    [
        ("conv_transpose2d", {"channels": 4, "kernel": 3, "groups": 2}, "no groups"),
        (
            "conv_transpose2d",
            {"channels": 4, "kernel": 3, "dilation": (1, 2)},
            "no groups",
        ),
        ("max_pool2d", {"kernel": 2, "dilation": 2}, "has no dilation"),
        (
            "conv2d",
            {"channels": 4, "kernel": 3, "padding": "same", "stride": 2, "dilation": 2},
            "doesn't stride and dilate",
        ),
        (
            "conv2d",
            {
                "channels": 8,
                "kernel": 3,
                "padding": "same",
                "stride": (1, 2),
                "groups": 8,
            },
            "one stride for both axes",
        ),
        (
            "max_pool2d",
            {"kernel": 2, "padding": ((0, 1), (0, 0)), "ceil_mode": True},
            "differs between two sides",
        ),
        ("adaptive_max_pool2d", {"size": (2, 1)}, "memory that nobody wrote"),
        ("adaptive_max_pool2d", {"size": (1, 2)}, "memory that nobody wrote"),
        ("resize", {"scale": 1.5, "mode": "bilinear"}, "broken factor"),
        ("resize", {"scale": (2, 1.5), "mode": "bilinear"}, "broken factor"),
    ],
)
def test_what_is_refused(kind: str, attributes: dict[str, Any], reason: str) -> None:
    found = unsupported(BY_KIND[kind](**attributes), (IMAGE,))
    assert found is not None and reason in found


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("conv_transpose2d", {"channels": 4, "kernel": 3}),
        ("max_pool2d", {"kernel": 2, "padding": ((0, 1), (0, 0))}),
        ("max_pool2d", {"kernel": 2, "padding": 1, "ceil_mode": True}),
        (
            "conv2d",
            {"channels": 4, "kernel": 3, "padding": 2, "stride": 2, "dilation": 2},
        ),
        (
            "conv2d",
            {"channels": 8, "kernel": 3, "padding": "same", "stride": 2, "groups": 8},
        ),
        ("conv2d", {"channels": 4, "kernel": 3, "padding": "same", "stride": (1, 2)}),
        ("adaptive_max_pool2d", {"size": 1}),
        ("adaptive_max_pool2d", {"size": 6}),
        ("resize", {"scale": (2, 3), "mode": "bilinear"}),
        ("resize", {"scale": 1.5}),
        ("resize", {"size": 5, "mode": "bilinear"}),
    ],
)
def test_what_is_not(kind: str, attributes: dict[str, Any]) -> None:
    assert unsupported(BY_KIND[kind](**attributes), (IMAGE,)) is None


def test_a_refusal_has_a_place() -> None:
    text = "inputs: {image: [8, 12, 12]}\ngraph:\n  n: {op: max_pool2d, kernel: 2, dilation: 2}\n"
    with pytest.raises(UnsupportedError) as found:
        archspec_keras.backend.emit(graph_of(text))
    assert str(found.value.at) == "net.yaml:5:3" and found.value.code == "AS503"

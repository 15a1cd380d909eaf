"""archspec_flax.lowering: what each op says in NNX, and what can't be an argument."""

from __future__ import annotations

import json
import re
from typing import Any

import archspec_flax
import pytest
from archspec_flax.lowering import (
    FUNCTIONS,
    OPS,
    WEIGHTED,
    operand,
    signature,
    unsupported,
)
from nets import graph_of

from archspec.ops import BY_KIND
from archspec.source.outline import CHOSEN

DRAWN = ', kernel_init=nnx.initializers.variance_scaling(2.0, "fan_in", "normal")'
IMAGE, VECTOR = (8, 12, 12), (8,)


def line(text: str) -> str:
    """A printed statement on one line."""
    joined = " ".join(text.split())
    return joined.replace("( ", "(").replace(", )", ")").replace(" )", ")")


def said(op: str, shape: tuple[int, ...] = IMAGE) -> str:
    """What is printed for one op: its module, or what `__call__` gives."""
    graph = graph_of(f"inputs: {{image: {list(shape)}}}\ngraph:\n  n: {op}\n")
    text = archspec_flax.backend.emit(graph).text
    module = re.search(r"self\.n = (.*?)\n\n", text, re.DOTALL)
    if module is None:
        return line(text.partition("def __call__")[2].partition("return ")[2])
    made = line(module[1]).replace(DRAWN, "")
    assert made.endswith("rngs=rngs)")
    return made.removesuffix("rngs=rngs)").removesuffix(", ") + ")"


CONV = "nnx.Conv(8, 4, "
TRANSPOSED = "nnx.ConvTranspose(8, 4, "


@pytest.mark.parametrize(
    ("op", "made"),
    [
        ("kernel: 3", CONV + '(3, 3), padding="VALID")'),
        ("kernel: 3, padding: 1", CONV + "(3, 3), padding=1)"),
        (
            "kernel: [1, 3], padding: [0, 1], stride: [1, 2]",
            CONV + "(1, 3), strides=(1, 2), padding=(0, 1))",
        ),
        (
            "kernel: 3, padding: [[0, 1], [1, 0]]",
            CONV + "(3, 3), padding=((0, 1), (1, 0)))",
        ),
        (
            "kernel: 3, padding: [[0, 0], [0, 0]]",
            CONV + '(3, 3), padding="VALID")',
        ),
        ("kernel: 3, padding: [0, 0]", CONV + '(3, 3), padding="VALID")'),
        ("kernel: 3, stride: 2, padding: same", CONV + "(3, 3), strides=2)"),
        # A kernel of one pixel takes no padding, and `same` is what a Conv has unsaid.
        ("kernel: 1, stride: 2", CONV + "(1, 1), strides=2)"),
        ("kernel: [1, 1]", CONV + "(1, 1))"),
        ("kernel: 1, padding: 1", CONV + "(1, 1), padding=1)"),
        (
            "kernel: 3, dilation: 2, padding: 2",
            CONV + "(3, 3), padding=2, kernel_dilation=2)",
        ),
        (
            "kernel: 1, groups: 4, bias: false",
            CONV + "(1, 1), feature_group_count=4, use_bias=False)",
        ),
    ],
)
def test_conv2d(op: str, made: str) -> None:
    assert said(f"{{op: conv2d, channels: 4, {op}}}") == made


@pytest.mark.parametrize(
    ("op", "made"),
    [
        (
            "kernel: 3",
            TRANSPOSED + "(3, 3), padding=((2, 2), (2, 2)), transpose_kernel=True)",
        ),
        (
            "kernel: 2, stride: 2, bias: false",
            TRANSPOSED + "(2, 2), strides=2, padding=((1, 1), (1, 1)), "
            "use_bias=False, transpose_kernel=True)",
        ),
        (
            "kernel: 3, stride: 2, padding: 1, output_padding: [1, 0]",
            TRANSPOSED + "(3, 3), strides=2, padding=((1, 2), (1, 1)), "
            "transpose_kernel=True)",
        ),
        (
            "kernel: [3, 2], dilation: [2, 1], stride: [1, 2]",
            TRANSPOSED + "(3, 2), strides=(1, 2), padding=((4, 4), (1, 1)), "
            "kernel_dilation=(2, 1), transpose_kernel=True)",
        ),
    ],
)
def test_conv_transpose2d(op: str, made: str) -> None:
    assert said(f"{{op: conv_transpose2d, channels: 4, {op}}}") == made


def test_conv_transpose2d_in_groups() -> None:
    """Which NNX has not: a convolution of an image with zeros between its pixels."""
    told = "kernel: 3, stride: 2, padding: 1, groups: 2, bias: false, dilation: [1, 2]"
    started = "init: {weight: {normal: {std: 0.1}}}"
    assert said(f"{{op: conv_transpose2d, channels: 4, {told}, {started}}}") == (
        "nnx.Conv(8, 4, (3, 3), padding=((1, 1), (3, 3)), input_dilation=2, "
        "kernel_dilation=(1, 2), use_bias=False, feature_group_count=2, "
        "kernel_init=nnx.initializers.normal(0.1))"
    )


@pytest.mark.parametrize(
    ("op", "made"),
    [
        ("{op: linear, features: 3}", "nnx.Linear(8, 3)"),
        ("{op: linear, features: 3, bias: false}", "nnx.Linear(8, 3, use_bias=False)"),
        ("scale", "Scale(8)"),
        ("{op: scale, weight: gamma}", 'Scale(8, "gamma")'),
        ("prelu", "PReLU()"),
        ("{op: prelu, shared: false}", "PReLU(8)"),
        ("dropout", "nnx.Dropout(0.5)"),
        ("{op: drop_path, rate: 0.1}", "nnx.Dropout(0.1, broadcast_dims=(1,))"),
        ("flatten", "x.reshape(x.shape[0], -1)"),
        ("{op: slice, start: 2, stop: 4}", "x[..., 2:4]"),
    ],
)
def test_of_a_vector(op: str, made: str) -> None:
    assert said(op, VECTOR) == made


@pytest.mark.parametrize(
    ("op", "made"),
    [
        ("batch_norm", "nnx.BatchNorm(8, momentum=0.9, use_fast_variance=False)"),
        (
            "{op: batch_norm, momentum: 0.01, eps: 0.001, affine: false}",
            "nnx.BatchNorm(8, epsilon=0.001, use_bias=False, use_scale=False, "
            "use_fast_variance=False)",
        ),
        (
            "{op: batch_norm, running_var: unbiased}",
            "UnbiasedBatchNorm(8, momentum=0.9, use_fast_variance=False)",
        ),
        (
            "{op: batch_norm, running_var: biased}",
            "nnx.BatchNorm(8, momentum=0.9, use_fast_variance=False)",
        ),
        (
            "layer_norm",
            "nnx.LayerNorm(8, epsilon=1e-5, use_fast_variance=False)",
        ),
        (
            "{op: layer_norm, eps: 0.000001, affine: false}",
            "nnx.LayerNorm(8, use_bias=False, use_scale=False, "
            "use_fast_variance=False)",
        ),
        (
            "{op: group_norm, groups: 2}",
            "nnx.GroupNorm(8, num_groups=2, epsilon=1e-5, use_fast_variance=False)",
        ),
        ("scale", "Scale(8)"),
        ("prelu", "PReLU()"),
        ("{op: prelu, shared: false}", "PReLU(8)"),
        ("dropout", "nnx.Dropout(0.5)"),
        ("{op: drop_path, rate: 0.1}", "nnx.Dropout(0.1, broadcast_dims=(1, 2, 3))"),
    ],
)
def test_a_module(op: str, made: str) -> None:
    assert said(op) == made


@pytest.mark.parametrize(
    ("op", "made"),
    [
        ("{op: max_pool2d, kernel: 2}", "nnx.max_pool(x, (2, 2), strides=(2, 2))"),
        (
            "{op: max_pool2d, kernel: 3, stride: [2, 1], padding: [1, 0]}",
            "nnx.max_pool(x, (3, 3), strides=(2, 1), padding=((1, 1), (0, 0)))",
        ),
        (
            "{op: max_pool2d, kernel: 3, stride: 2, padding: same}",
            'nnx.max_pool(x, (3, 3), strides=(2, 2), padding="SAME")',
        ),
        (
            "{op: max_pool2d, kernel: 3, stride: 2, padding: [[0, 0], [0, 0]]}",
            "nnx.max_pool(x, (3, 3), strides=(2, 2))",
        ),
        (
            "{op: max_pool2d, kernel: 3, stride: 2, dilation: 2}",
            "dilated_max_pool(x, (3, 3), (2, 2), ((0, 0), (0, 0)), (2, 2))",
        ),
        (
            "{op: max_pool2d, kernel: 2, dilation: [1, 3], padding: same}",
            "dilated_max_pool(x, (2, 2), (2, 2), None, (1, 3))",
        ),
        (
            "{op: max_pool2d, kernel: 2, dilation: 2, padding: 1, ceil_mode: true}",
            "dilated_max_pool(x, (2, 2), (2, 2), ((1, 1), (1, 1)), (2, 2), "
            "ceil_mode=True)",
        ),
        (
            "{op: max_pool2d, kernel: 3, dilation: [1, 1]}",
            "nnx.max_pool(x, (3, 3), strides=(3, 3))",
        ),
        (
            "{op: max_pool2d, kernel: 3, stride: 2, ceil_mode: true, padding: 1}",
            "ceil_max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))",
        ),
        ("{op: avg_pool2d, kernel: 2}", "nnx.avg_pool(x, (2, 2), strides=(2, 2))"),
        (
            "{op: avg_pool2d, kernel: 3, padding: 1}",
            "nnx.avg_pool(x, (3, 3), strides=(3, 3), padding=((1, 1), (1, 1)))",
        ),
        (
            "{op: avg_pool2d, kernel: 3, count_include_pad: false}",
            "nnx.avg_pool(x, (3, 3), strides=(3, 3))",
        ),
        # `same` counts no pixel of its padding, whatever the attribute says.
        (
            "{op: avg_pool2d, kernel: 3, stride: 1, padding: same}",
            "avg_pool(x, (3, 3), (1, 1))",
        ),
        (
            "{op: avg_pool2d, kernel: 3, ceil_mode: true}",
            "avg_pool(x, (3, 3), (3, 3), padding=((0, 0), (0, 0)), ceil_mode=True, "
            "count_padding=True)",
        ),
        (
            "{op: avg_pool2d, kernel: 3, padding: 1, count_include_pad: false}",
            "avg_pool(x, (3, 3), (3, 3), padding=((1, 1), (1, 1)))",
        ),
        ("{op: adaptive_avg_pool2d, size: 1}", "x.mean((1, 2), keepdims=True)"),
        ("{op: adaptive_avg_pool2d, size: [1, 2]}", "adaptive_avg_pool(x, (1, 2))"),
        ("{op: adaptive_max_pool2d, size: [1, 1]}", "x.max((1, 2), keepdims=True)"),
        ("{op: adaptive_max_pool2d, size: 3}", "adaptive_max_pool(x, (3, 3))"),
        ("global_avg_pool2d", "x.mean((1, 2))"),
        ("global_max_pool2d", "x.max((1, 2))"),
    ],
)
def test_a_pool(op: str, made: str) -> None:
    assert said(op) == made


@pytest.mark.parametrize(
    ("op", "made"),
    [
        *(
            (kind, f"nnx.{kind}(x)")
            for kind in (
                *("relu", "relu6", "selu", "silu", "sigmoid", "hard_sigmoid"),
                *("hard_swish", "tanh", "softplus", "softmax", "log_softmax", "elu"),
            )
        ),
        ("mish", "jax.nn.mish(x)"),
        ("leaky_relu", "leaky_relu(x)"),
        (
            "{op: leaky_relu, negative_slope: 0.3}",
            "leaky_relu(x, negative_slope=0.3)",
        ),
        ("{op: elu, alpha: 0.5}", "nnx.elu(x, alpha=0.5)"),
        ("gelu", "nnx.gelu(x, approximate=False)"),
        ("{op: gelu, approximate: tanh}", "nnx.gelu(x)"),
        ("identity", "x"),
        ("{op: local_response_norm, size: 5}", "local_response_norm(x, 5)"),
        (
            "{op: local_response_norm, size: 3, alpha: 0.1, beta: 0.5, k: 2}",
            "local_response_norm(x, 3, alpha=0.1, beta=0.5, k=2.0)",
        ),
        ("{op: slice, stop: 4}", "x[..., :4]"),
        ("flatten", "x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)"),
        ("{op: flatten, order: hwc}", "x.reshape(x.shape[0], -1)"),
        ("{op: pad, spatial: 1}", "jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))"),
        (
            "{op: pad, spatial: [[0, 1], [2, 0]]}",
            "jnp.pad(x, ((0, 0), (0, 1), (2, 0), (0, 0)))",
        ),
        (
            "{op: pad, channels: [1, 2]}",
            "jnp.pad(x, ((0, 0), (0, 0), (0, 0), (1, 2)))",
        ),
        ("{op: resize, size: 6}", "resize_nearest(x, (6, 6))"),
        (
            "{op: resize, mode: bilinear, size: [6, 5]}",
            "resize_bilinear(x, (6, 5))",
        ),
        ("{op: resize, scale: [2, 3]}", "x.repeat(2, axis=1).repeat(3, axis=2)"),
        ("{op: resize, scale: 1.5}", "scale_nearest(x, (1.5, 1.5))"),
        (
            "{op: resize, mode: bilinear, scale: 2}",
            "scale_bilinear(x, (2.0, 2.0))",
        ),
        ("{op: pixel_shuffle, factor: 2}", "pixel_shuffle(x, 2)"),
        ("{op: channel_shuffle, groups: 2}", "channel_shuffle(x, 2)"),
    ],
)
def test_an_expression(op: str, made: str) -> None:
    assert said(op) == made


@pytest.mark.parametrize(
    ("op", "made"),
    [
        ("{op: add, from: [a, b]}", "a + b"),
        ("{op: subtract, from: [a, b]}", "a - b"),
        ("{op: multiply, from: [a, b]}", "a * b"),
        ("{op: concat, from: [a, b]}", "jnp.concat([a, b], axis=-1)"),
        (
            "{op: resize, mode: bilinear, from: [a, b]}",
            "resize_bilinear(a, b.shape[1:3])",
        ),
    ],
)
def test_of_two(op: str, made: str) -> None:
    text = f"inputs: {{a: [8, 4, 4], b: [8, 4, 4]}}\ngraph: {{n: {op}}}"
    printed = archspec_flax.backend.emit(graph_of(text)).text
    assert line(printed.partition("def __call__")[2].partition("return ")[2]) == made


@pytest.mark.parametrize(
    ("text", "made"),
    [("x", "x"), ("f(a + b)", "f(a + b)"), ("a + b", "(a + b)"), ("x[0]", "x[0]")],
)
def test_what_an_operator_follows_is_in_brackets(text: str, made: str) -> None:
    assert operand(text) == made


FORM, PAIR = {"form of kernel": "number"}, {"form of kernel": "pair"}
FIXED: list[tuple[str, dict[str, Any]]] = [
    ("{op: conv2d, channels: 4, kernel: 3}", FORM),
    (
        "{op: conv2d, channels: 4, kernel: [3, 2], padding: same}",
        PAIR | {"padding": "same"},
    ),
    (
        "{op: conv_transpose2d, channels: 4, kernel: 3, stride: 2}",
        {
            **{"kernel": 3, "stride": 2, "padding": 0, "output_padding": 0},
            **{"dilation": 1, "groups": 1},
        },
    ),
    ("batch_norm", {"running_var": None}),
    (
        "{op: max_pool2d, kernel: 3, stride: 2}",
        {"ceil_mode": False, "dilation": 1},
    ),
    (
        "{op: max_pool2d, kernel: 3}",
        {"ceil_mode": False, "dilation": 1, "stride": None},
    ),
    (
        "{op: avg_pool2d, kernel: [2, 3], stride: 2, padding: same}",
        {
            **{"ceil_mode": False, "count_include_pad": True},
            **{"kernel": (2, 3), "padding": "same"},
        },
    ),
    ("{op: adaptive_avg_pool2d, size: 1}", {"form of size": "number", "size": 1}),
    ("{op: adaptive_avg_pool2d, size: [2, 1]}", {"form of size": "pair"}),
    ("flatten", {"order": "chw"}),
    ("gelu", {"approximate": "none"}),
    ("prelu", {"shared": True}),
    ("scale", {"weight": "weight"}),
    (
        "{op: resize, scale: 2}",
        {"mode": "nearest", "scale": 2, "size": None},
    ),
    ("{op: pad, spatial: 1}", {"beside": False, "form of spatial": "number"}),
    ("{op: pad, channels: 1}", {"beside": True, "form of spatial": "number"}),
    ("{op: elu, alpha: 0.5}", {}),
]


@pytest.mark.parametrize(("op", "fixed"), FIXED)
def test_what_cannot_be_an_argument(op: str, fixed: dict[str, Any]) -> None:
    (node,) = graph_of(f"inputs: {{x: {list(IMAGE)}}}\ngraph: {{n: {op}}}").nodes
    common = {"rank": 3, "inits": frozenset(node.op.inits().items())}
    assert signature(node.op, (IMAGE,)) == common | fixed


def test_every_op_is_there() -> None:
    assert {*WEIGHTED, *FUNCTIONS} - {CHOSEN} == {*BY_KIND}
    assert not {*WEIGHTED} & {*FUNCTIONS}


def test_an_op_without_a_lowering() -> None:
    class Unknown:
        kind = "unknown"

    other: Any = Unknown()
    relu = BY_KIND["relu"]()
    assert unsupported(other, (IMAGE,)) == "there is no lowering for unknown"
    assert unsupported(relu, (IMAGE,)) is None


@pytest.mark.parametrize("kind", OPS)
def test_an_argument_that_is_an_op(kind: str) -> None:
    """A function of a value alone, by the word that the lowering itself says."""
    text = f"""params: {{act: {json.dumps(kind)}}}
inputs: {{x: [8, 4, 4]}}
graph: [{{op: =act}}]"""
    printed = archspec_flax.backend.emit(graph_of(text)).text
    assert f"= {OPS[kind]}" in printed

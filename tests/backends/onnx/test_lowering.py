"""archspec_onnx.lowering: every op is its definition in ONNX Runtime, alone and beside
others.

Windows are in test_windows.py. The oracle is `archspec.reference`.
"""

from __future__ import annotations

from typing import Any

import pytest
from archspec_onnx.lowering import signature, unsupported
from nets import graph_of, randomised
from onnx_cases import (
    ATTRIBUTES,
    CASES,
    OF_VECTORS,
    SEVERAL,
    WINDOWS,
    Case,
    alone,
    between,
    check,
    named,
    resizes,
    said,
)
from onnx_models import TOLERANCES, error
from proofs import sampled

from archspec.errors import ArchspecError
from archspec.ops import BY_KIND, Op


def test_every_op_is_there() -> None:
    assert {*ATTRIBUTES, *OF_VECTORS, *SEVERAL} == {*BY_KIND}


OTHERS = [case for case in CASES if case[1] not in WINDOWS]


@pytest.mark.parametrize("case", OTHERS, ids=named)
def test_an_op(case: Case) -> None:
    check(case, "ort")


@pytest.mark.parametrize(
    "case", [case for case in OTHERS if case[0] is alone], ids=named
)
def test_an_op_between_layer_norms(case: Case) -> None:
    _, op, told, shape, _ = case
    graph = graph_of(between(op, told, shape))
    assert error(graph, graph, "ort", randomised(graph)) <= TOLERANCES["ort"][1]


ZERO = {("log_softmax", "relu"), ("log_softmax", "relu6")}
"""What is 0 everywhere proves nothing."""


@pytest.mark.parametrize(
    "first", sampled([*ATTRIBUTES], ["avg_pool2d", "channel_shuffle", "pad", "resize"])
)
def test_an_op_before_each_other(first: str) -> None:
    """ONNX Runtime fuses neighbours, and moves one past the other."""
    for number, (second, several) in enumerate(ATTRIBUTES.items()):
        before, after = _turn(ATTRIBUTES[first], number), _turn(several, number)
        steps = f"{{op: {first}, {before}}}, {{op: {second}, {after}}}"
        try:
            graph = graph_of(f"inputs: {{x: [12, 9, 10]}}\ngraph: [{steps}]")
        except ArchspecError:  # a vector, or too few pixels or channels, for the second
            continue
        if (first, second) not in ZERO:
            found = error(graph, graph, "ort", randomised(graph))
            assert found <= TOLERANCES["ort"][1], steps


def _turn(several: tuple[str, ...], number: int) -> str:
    return several[number % len(several)]


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_a_resize_to_another_image(mode: str) -> None:
    resizes(mode, "ort")


@pytest.mark.parametrize(
    ("op", "line"),
    [
        (
            "{op: conv_transpose2d, channels: 4, kernel: [3, 2], stride: [1, 2], "
            "padding: [1, 0], output_padding: [0, 1], groups: 2, bias: false}",
            "conv_transpose(net, x, (6, 2, 3, 2), strides=[1, 2], pads=[1, 0, 1, 0], "
            'output_padding=[0, 1], group=2, name="n")',
        ),
        (
            "{op: conv_transpose2d, channels: 4, kernel: 3}",
            'conv_transpose(net, x, (6, 4, 3, 3), bias=True, name="n")',
        ),
        (
            "{op: conv2d, channels: 6, kernel: 1, groups: 6}",
            'conv(net, x, (6, 1, 1, 1), group=6, bias=True, name="n")',
        ),
        (
            "{op: resize, scale: 2}",
            'resize_by(net, x, [2.0, 2.0], "nearest", name="n")',
        ),
        (
            "{op: resize, scale: [8, 1]}",
            'resize_by(net, x, [8.0, 1.0], "nearest", name="n")',
        ),
        ("{op: resize, scale: 3}", 'nearest(net, x, factors=[3.0, 3.0], name="n")'),
        ("{op: resize, size: [5, 7]}", 'nearest(net, x, size=[5, 7], name="n")'),
        (
            "{op: resize, scale: [1.25, 64], mode: bilinear}",
            'resize_by(net, x, [1.25, 64.0], "linear", name="n")',
        ),
        (
            "{op: resize, scale: [1.25, 65], mode: bilinear}",
            'bilinear(net, x, [1.25, 65.0], name="n")',
        ),
        (
            "{op: resize, scale: [1.3, 2], mode: bilinear}",
            'bilinear(net, x, [1.3, 2.0], name="n")',
        ),
        (
            "{op: resize, size: [5, 7], mode: bilinear}",
            'resize_to(net, x, [5, 7], name="n")',
        ),
        ("gelu", 'net("Gelu", x, name="n")'),
        (
            "{op: gelu, approximate: tanh}",
            'net("Gelu", x, approximate="tanh", name="n")',
        ),
        ("flatten", 'net("Flatten", x, axis=1, name="n")'),
        ("{op: flatten, order: hwc}", 'flatten(net, x, name="n")'),
        ("prelu", 'prelu(net, x, 1, image=True, name="n")'),
        ("{op: prelu, shared: false}", 'prelu(net, x, 6, image=True, name="n")'),
        (
            "{op: scale, weight: g}",
            'scale(net, x, 6, weight="g", image=True, name="n")',
        ),
        ("scale", 'scale(net, x, 6, image=True, name="n")'),
        (
            "{op: pad, spatial: [1, 2], channels: [3, 4]}",
            'pad(net, x, [0, 3, 1, 2, 0, 4, 1, 2], name="n")',
        ),
        (
            "{op: pad, spatial: [[1, 2], [3, 4]]}",
            'pad(net, x, [0, 0, 1, 3, 0, 0, 2, 4], name="n")',
        ),
        ("{op: elu, alpha: 2}", 'net("Elu", x, alpha=2.0, name="n")'),
        ("leaky_relu", 'net("LeakyRelu", x, alpha=0.01, name="n")'),
        ("batch_norm", 'batch_norm(net, x, 6, name="n")'),
        ("layer_norm", 'layer_norm(net, x, 6, image=True, name="n")'),
        (
            "{op: group_norm, groups: 2, affine: false, eps: 0.5}",
            'group_norm(net, x, 6, 2, eps=0.5, affine=False, name="n")',
        ),
        ("hard_sigmoid", 'net("HardSigmoid", x, alpha=1 / 6, beta=0.5, name="n")'),
        ("{op: slice, start: 1, stop: 3}", 'channel_slice(net, x, 1, 3, name="n")'),
        ("{op: channel_shuffle, groups: 2}", 'channel_shuffle(net, x, 6, 2, name="n")'),
        ("softmax", 'net("Softmax", x, axis=1, name="n")'),
    ],
)
def test_what_is_printed_of_an_image(op: str, line: str) -> None:
    assert said(op) == [line]


@pytest.mark.parametrize(
    ("op", "lines"),
    [
        ("{op: linear, features: 5}", ['linear(net, x, (5, 6), name="n")']),
        (
            "{op: linear, features: 5, bias: false}",
            ['linear(net, x, (5, 6), bias=False, name="n")'],
        ),
        ("{op: flatten, order: hwc}", ['net("Flatten", x, axis=1, name="n")']),
        ("layer_norm", ['layer_norm(net, x, 6, image=False, name="n")']),
        ("prelu", ['prelu(net, x, 1, image=False, name="n")']),
        ("scale", ['scale(net, x, 6, image=False, name="n")']),
        ("dropout", []),
        ("{op: drop_path, rate: 0.5}", []),
        ("identity", []),
    ],
)
def test_what_is_printed_of_a_vector(op: str, lines: list[str]) -> None:
    assert said(op, "[6]") == lines


IMAGE = (6, 9, 10)


def made(kind: str, **told: Any) -> Any:
    op: Any = BY_KIND[kind]
    return op(**told)


@pytest.mark.parametrize(
    ("kind", "told", "names"),
    [
        ("conv2d", {"channels": 4, "kernel": 3}, ""),
        (
            "conv2d",
            {"channels": 4, "kernel": (3, 1), "padding": (1, 0)},
            "form of kernel, form of padding",
        ),
        (
            "conv2d",
            {"channels": 4, "kernel": (3, 1), "padding": "same"},
            "kernel, padding, dilation",
        ),
        ("conv_transpose2d", {"channels": 4, "kernel": (3, 1)}, "kernel"),
        ("conv_transpose2d", {"channels": 4, "kernel": 3}, ""),
        ("max_pool2d", {"kernel": 2}, "ceil_mode, stride"),
        ("max_pool2d", {"kernel": 2, "stride": 1}, "ceil_mode"),
        (
            "max_pool2d",
            {"kernel": 2, "stride": 1, "ceil_mode": True},
            "ceil_mode, kernel, stride, padding, dilation",
        ),
        (
            "max_pool2d",
            {"kernel": 2, "stride": 1, "padding": "same"},
            "ceil_mode, padding, dilation",
        ),
        (
            "avg_pool2d",
            {"kernel": 2, "stride": 1, "padding": "same"},
            "ceil_mode, count_include_pad, kernel, stride, padding",
        ),
        ("pad", {"spatial": (1, 2)}, "form of spatial"),
        ("adaptive_avg_pool2d", {"size": 2}, "form of size"),
        ("adaptive_avg_pool2d", {"size": (2, 1)}, "form of size"),
        ("adaptive_max_pool2d", {"size": 1}, "form of size, size"),
        ("adaptive_max_pool2d", {"size": (1, 1)}, "form of size, size"),
        ("batch_norm", {}, "momentum, running_var"),
        ("prelu", {}, "shared"),
        ("relu", {}, ""),
    ],
)
def test_what_can_not_be_an_argument(
    kind: str, told: dict[str, Any], names: str
) -> None:
    op = made(kind, **told)
    found = signature(op, (IMAGE,))
    assert found.pop("rank") == 3
    assert {*found} == set(filter(None, names.split(", ")))
    assert all(getattr(op, key, value) == value for key, value in found.items())


PIXELS = "padding same takes pixels away along the axis with windows of one"
STRIDE = "ONNX Runtime takes no output_padding as large as the stride"


@pytest.mark.parametrize(
    ("kind", "told", "why"),
    [
        ("avg_pool2d", {"kernel": (1, 3), "stride": 2, "padding": "same"}, PIXELS),
        ("avg_pool2d", {"kernel": (3, 1), "stride": 2, "padding": "same"}, PIXELS),
        ("avg_pool2d", {"kernel": (1, 3), "stride": (1, 2), "padding": "same"}, None),
        ("avg_pool2d", {"kernel": 1, "stride": 2, "padding": "same"}, None),
        ("avg_pool2d", {"kernel": (1, 3), "stride": 2}, None),
        ("max_pool2d", {"kernel": (1, 3), "stride": 2, "padding": "same"}, None),
        ("conv_transpose2d", {"output_padding": 1, "stride": 2}, None),
        ("conv_transpose2d", {"output_padding": 0, "stride": 1}, None),
        (
            "conv_transpose2d",
            {"output_padding": (0, 2), "stride": 2, "dilation": 3},
            STRIDE,
        ),
        (
            "conv_transpose2d",
            {"output_padding": (2, 0), "stride": 1, "dilation": 3},
            STRIDE,
        ),
        ("relu", {}, None),
    ],
)
def test_what_onnx_can_not_say(
    kind: str, told: dict[str, Any], why: str | None
) -> None:
    more = {"channels": 4, "kernel": 3} if kind == "conv_transpose2d" else {}
    assert unsupported(made(kind, **told, **more), (IMAGE,)) == why


@pytest.mark.parametrize(
    ("kind", "told", "since"),
    [("gelu", {}, 20), ("group_norm", {"groups": 2}, 21), ("relu", {}, 0)],
)
def test_ops_that_came_later(kind: str, told: dict[str, Any], since: int) -> None:
    op = made(kind, **told)
    assert unsupported(op, (IMAGE,), opset=since) is None
    if since:
        why = f"it is an op since opset {since}"
        assert unsupported(op, (IMAGE,), opset=since - 1) == why


def test_an_op_without_a_lowering() -> None:
    class Odd(Op):
        kind = "odd"

    assert unsupported(Odd(), (IMAGE,)) == "there is no lowering for odd"

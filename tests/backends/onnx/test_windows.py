"""archspec_onnx.windows: convolutions and pools are their definitions in ONNX Runtime."""

from __future__ import annotations

import pytest
from nets import graph_of, randomised
from onnx_cases import (
    ATTRIBUTES,
    CASES,
    SINGLE,
    WINDOWS,
    Case,
    between,
    check,
    named,
    said,
    single,
)
from onnx_models import TOLERANCES, error

from archspec.errors import UnsupportedError

SLIDING = [case for case in CASES if case[1] in WINDOWS]


@pytest.mark.parametrize("case", SLIDING, ids=named)
def test_a_window(case: Case) -> None:
    check(case, "ort")


@pytest.mark.parametrize("case", SLIDING, ids=named)
def test_a_window_between_layer_norms(case: Case) -> None:
    _, op, told, shape, _ = case
    graph = graph_of(between(op, told, shape))
    assert error(graph, graph, "ort", randomised(graph)) <= TOLERANCES["ort"][1]


POOLS = [(op, told) for op in ("max_pool2d", "avg_pool2d") for told in ATTRIBUTES[op]]


@pytest.mark.parametrize(("op", "told"), POOLS)
@pytest.mark.parametrize("shape", ["[6, 9, 10]", "[6, 11, 7]"])
def test_a_linear_behind_a_pool(op: str, told: str, shape: str) -> None:
    """onnx's inference of shapes counts windows that start behind the image."""
    steps = f"{{op: {op}, {told}}}, flatten, {{op: linear, features: 3}}"
    graph = graph_of(f"inputs: {{x: {shape}}}\ngraph: [{steps}]")
    assert error(graph, graph, "ort", randomised(graph)) <= TOLERANCES["ort"][1]


@pytest.mark.parametrize(("op", "kernel", "stride"), SINGLE)
def test_same_of_single_pixels(op: str, kernel: str, stride: str) -> None:
    """Strides beyond windows of one pixel: auto_pad would take pixels away."""
    graph = single(op, kernel, stride)
    if op == "avg_pool2d" and kernel != "1":  # padding of our own would be counted
        with pytest.raises(UnsupportedError, match="takes pixels away"):
            error(graph, graph, "ort", randomised(graph))
        return
    assert error(graph, graph, "ort", randomised(graph)) <= TOLERANCES["ort"][1]


def test_output_padding_that_no_runtime_takes() -> None:
    """Smaller than the dilation is enough for torch, not for ONNX Runtime."""
    told = "channels: 4, kernel: 1, stride: [2, 4], output_padding: 2, dilation: 3"
    graph = graph_of(
        f"inputs: {{x: [4, 4, 4]}}\ngraph: [{{op: conv_transpose2d, {told}}}]"
    )
    with pytest.raises(UnsupportedError, match="as large as the stride"):
        error(graph, graph, "ort", randomised(graph))


# What is printed: pads are top, left, bottom, right.


@pytest.mark.parametrize(
    ("told", "lines"),
    [
        ("kernel: 3", ['conv(net, x, (4, 6, 3, 3), bias=True, name="n")']),
        (
            "kernel: [3, 2], stride: [2, 1], padding: [[1, 0], [2, 1]], "
            "dilation: [1, 2], groups: 2, bias: false",
            [
                "conv(net, x, (4, 3, 3, 2), strides=[2, 1], dilations=[1, 2], "
                'pads=[1, 2, 0, 1], group=2, name="n")'
            ],
        ),
        (
            "kernel: 3, stride: 1, padding: same",
            ['conv(net, x, (4, 6, 3, 3), auto_pad="SAME_UPPER", bias=True, name="n")'],
        ),
        (
            "kernel: 3, dilation: [1, 2], stride: [2, 1], padding: same",
            [
                'pad_same(net, x, [3, 5], [2, 1], name="n")',
                "conv(net, x, (4, 6, 3, 3), strides=[2, 1], dilations=[1, 2], "
                'bias=True, name="n")',
            ],
        ),
        (
            "kernel: 1, stride: 2, padding: same",
            ['conv(net, x, (4, 6, 1, 1), strides=[2, 2], bias=True, name="n")'],
        ),
        (
            "kernel: [1, 3], stride: [2, 1], padding: same",
            [
                'pad_same(net, x, [1, 3], [2, 1], name="n")',
                'conv(net, x, (4, 6, 1, 3), strides=[2, 1], bias=True, name="n")',
            ],
        ),
        (
            "kernel: [1, 3], stride: [1, 2], padding: same",
            [
                "conv(net, x, (4, 6, 1, 3), strides=[1, 2], "
                'auto_pad="SAME_UPPER", bias=True, name="n")'
            ],
        ),
    ],
)
def test_what_is_printed_for_a_convolution(told: str, lines: list[str]) -> None:
    assert said(f"{{op: conv2d, channels: 4, {told}}}") == lines


@pytest.mark.parametrize(
    ("op", "told", "lines"),
    [
        ("max", "kernel: 2", ["kernel_shape=[2, 2], strides=[2, 2]"]),
        ("max", "kernel: [2, 3], stride: 1", ["kernel_shape=[2, 3]"]),
        (
            "max",
            "kernel: 3, stride: 1, dilation: [2, 1]",
            ["kernel_shape=[3, 3], dilations=[2, 1]"],
        ),
        (
            "max",
            "kernel: 3, stride: 2, padding: 1, ceil_mode: true",
            ["kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1"],
        ),
        (
            "max",
            "kernel: 3, stride: 2, dilation: 2, padding: same",
            [
                "pad_same [5, 5], [2, 2], value=-np.inf",
                "kernel_shape=[3, 3], strides=[2, 2], dilations=[2, 2]",
            ],
        ),
        (
            "avg",
            "kernel: 3, padding: [1, 0]",
            [
                "kernel_shape=[3, 3], strides=[3, 3], pads=[1, 0, 1, 0], "
                "count_include_pad=1"
            ],
        ),
        (
            "avg",
            "kernel: 3, padding: 1, count_include_pad: false",
            ["kernel_shape=[3, 3], strides=[3, 3], pads=[1, 1, 1, 1]"],
        ),
        ("avg", "kernel: 3", ["kernel_shape=[3, 3], strides=[3, 3]"]),
        # A window may start behind the image: padding is in the place of ceil_mode.
        (
            "max",
            "kernel: [2, 3], stride: [3, 2], ceil_mode: true",
            ["kernel_shape=[2, 3], strides=[3, 2], pads=[0, 0, 1, 1]"],
        ),
        (
            "avg",
            "kernel: 2, stride: 3, padding: [[0, 1], [1, 0]], ceil_mode: true",
            [
                "pad_window [0, 0, 0, 1, 0, 0, 1, 0]",
                "kernel_shape=[2, 2], strides=[3, 3], pads=[0, 0, 0, 1]",
            ],
        ),
        (
            "max",
            "kernel: 2, stride: 5, dilation: 3, padding: [[0, 1], [1, 0]], "
            "ceil_mode: true",
            [
                "pad_window [0, 0, 0, 1, 0, 0, 3, 3], value=-np.inf",
                "kernel_shape=[2, 2], strides=[5, 5], dilations=[3, 3]",
            ],
        ),
    ],
)
def test_what_is_printed_for_a_pool(op: str, told: str, lines: list[str]) -> None:
    *before, pool = said(f"{{op: {op}_pool2d, {told}}}")
    name = {"max": "MaxPool", "avg": "AveragePool"}[op]
    *wanted, last = lines
    assert pool == f'net("{name}", x, {last}, name="n")'
    assert before == [
        f'{fn}(net, x, {args}, name="n")'
        for fn, _, args in (w.partition(" ") for w in wanted)
    ]


@pytest.mark.parametrize(
    ("op", "line"),
    [
        (
            "{op: adaptive_avg_pool2d, size: [1, 1]}",
            'net("GlobalAveragePool", x, name="n")',
        ),
        ("{op: adaptive_max_pool2d, size: 1}", 'net("GlobalMaxPool", x, name="n")'),
        (
            "{op: adaptive_max_pool2d, size: [2, 1]}",
            'adaptive_max_pool(net, x, [2, 1], name="n")',
        ),
        (
            "{op: adaptive_avg_pool2d, size: 3}",
            'adaptive_avg_pool(net, x, [3, 3], name="n")',
        ),
        ("global_avg_pool2d", 'global_pool(net, "GlobalAveragePool", x, name="n")'),
        ("global_max_pool2d", 'global_pool(net, "GlobalMaxPool", x, name="n")'),
    ],
)
def test_what_is_printed_for_other_pools(op: str, line: str) -> None:
    assert said(op) == [line]

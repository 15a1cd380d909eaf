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

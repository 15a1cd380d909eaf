"""archspec_onnx.exact: every op is its definition to the last digits of float64."""

from __future__ import annotations

import numpy as np
import pytest
from archspec_onnx.exact import said
from nets import randomised
from onnx_cases import CASES, SINGLE, Case, check, named, resizes, single
from onnx_models import TOLERANCES, error


@pytest.mark.parametrize("case", CASES, ids=named)
def test_an_op(case: Case) -> None:
    check(case, "reference")


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_a_resize_to_another_image(mode: str) -> None:
    resizes(mode, "reference")


@pytest.mark.parametrize(
    ("op", "kernel", "stride"),
    [case for case in SINGLE if case[0] != "avg_pool2d" or case[1] == "1"],
)
def test_same_of_single_pixels(op: str, kernel: str, stride: str) -> None:
    graph = single(op, kernel, stride)
    found = error(graph, graph, "reference", randomised(graph))
    assert found <= TOLERANCES["reference"][1]


@pytest.mark.parametrize(
    "value", [1e-5, 0.01, 1 / 3, 1 / 6, 0.2, 1e-12, 7.25, 123456.0]
)
def test_attributes_say_what_was_meant(value: float) -> None:
    assert said(np.float32(value)) == value
    assert said(np.float32(-value)) == -value

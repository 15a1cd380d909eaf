"""archspec_onnx.lowering: every op is its definition in ONNX Runtime, alone and beside
others.

Windows are in test_windows.py. The oracle is `archspec.reference`.
"""

from __future__ import annotations

import pytest
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
)
from onnx_models import TOLERANCES, error
from proofs import sampled

from archspec.errors import ArchspecError
from archspec.ops import BY_KIND


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

"""What a value reads where paths meet that are no equals."""

from __future__ import annotations

from fractions import Fraction

import pytest
from nets import graph_of

from archspec.receptive import Reach, reaches

NET = """
inputs: {{image: [4, 16, 24]}}
graph:
  conv: {{op: conv2d, channels: 4, kernel: 3, stride: 2, padding: 1}}
  gate: {{op: adaptive_avg_pool2d, size: 1}}
  {rest}
"""


def reach(rest: str, name: str) -> Reach:
    return reaches(graph_of(NET.format(rest=rest)))[name]


@pytest.mark.parametrize("order", ["gate, conv", "conv, gate"])
def test_a_gate_reads_all_and_changes_no_stride(order: str) -> None:
    found = reach(f"y: {{op: multiply, from: [{order}]}}", "y")
    assert found == Reach(None, (Fraction(2), Fraction(2)))


def test_what_only_lends_its_size_is_not_read() -> None:
    rest = "\n  ".join(
        (
            "x: {op: multiply, from: [conv, gate]}",
            "pool: {op: max_pool2d, from: conv, kernel: 2}",
            "up: {op: resize, from: [pool, x]}",
        )
    )
    found = reach(rest, "up")
    # The pool reads 2 outputs of the convolution, so 3 + 2 pixels; up halves its 4.
    assert found == Reach((Fraction(5),) * 2, (Fraction(2),) * 2)


def test_vectors_have_no_stride() -> None:
    found = reaches(
        graph_of("inputs: {x: [4]}\ngraph: [relu, {op: linear, features: 2}]\n")
    )
    assert {*found.values()} == {Reach(None, None)}


def test_an_adaptive_pool_that_changes_nothing() -> None:
    found = reach(
        "y: {op: adaptive_avg_pool2d, from: conv, size: [8, 12]}\n  z: {op: multiply, from: [y, gate]}",
        "y",
    )
    assert found == Reach((Fraction(3),) * 2, (Fraction(2),) * 2)

"""What ops are run on: everywhere, at each threshold, and the same in every process."""

from __future__ import annotations

import numpy as np
import pytest
from nets import graph_of

from archspec.ops import BY_KIND
from archspec.ops.activation import Prelu, Relu, Softmax
from archspec.verify.cases import Case, cases
from archspec.verify.grids import FAR, NEAR, grid, numbers, pointwise


def first(node: str, shape: str = "[4, 6, 6]") -> Case:
    return cases(graph_of(f"inputs: {{x: {shape}}}\ngraph: {{node: {node}}}\n"))[0]


def test_all_of_the_grid() -> None:
    points = grid()
    for mark in (-6, -3, 0, 3, 6):
        assert {mark, mark - NEAR, mark + NEAR} <= set(points)
    assert points[0] == -1000 and points[-1] == 1000
    assert np.array_equal(points, -points[::-1])
    for shape in ("[4, 6, 6]", "[4]", "[1]"):
        (x,) = numbers(first("relu", shape), 0).inputs
        assert set(points) == set(x.ravel())


def test_who_is_pointwise() -> None:
    assert pointwise(Relu()) and pointwise(Prelu()) and not pointwise(Softmax())
    assert sum(pointwise(op.model_construct()) for op in BY_KIND.values()) == 17


@pytest.mark.parametrize("eps", [1e-5, 1e-3, 1e-12])
@pytest.mark.parametrize("norm", ["batch_norm", "layer_norm", "group_norm"])
def test_norms_meet_their_eps(norm: str, eps: float) -> None:
    more = ", groups: 2" * (norm == "group_norm")
    given = numbers(first(f"{{op: {norm}, eps: {eps:.1e}{more}}}"), 0)
    (x,) = given.inputs
    moved = np.moveaxis(x, 1, 0) if norm == "batch_norm" else x
    assert 0.05 <= moved[0].var() / eps <= 20
    assert moved[1].var() >= 100
    if norm == "batch_norm":
        assert given.stored["running_var"][0] / eps == 1.5
        assert np.all(given.stored["running_var"] > 0)


def test_maxima_are_negative_far_and_tied() -> None:
    (x,) = numbers(first("{op: max_pool2d, kernel: 2}"), 0).inputs
    assert (x[0] < 0).mean() > 0.7
    assert (x[1] < -FAR / 64).all()
    assert len(np.unique(x[:-1])) == x[:-1].size
    assert len(np.unique(x[-1])) <= 4


def test_shares_differ_by_thousands() -> None:
    (x,) = numbers(first("softmax", "[9]"), 0).inputs
    assert np.abs(x[1]).max() == 2000 and np.abs(x[0]).max() <= 20


def test_the_same_everywhere_and_few_digits() -> None:
    one, same, other = (
        numbers(first("{op: linear, features: 3}", "[9]"), seed) for seed in (0, 0, 1)
    )
    assert np.array_equal(one.inputs[0], same.inputs[0])
    assert np.array_equal(one.stored["weight"], same.stored["weight"])
    assert not np.array_equal(one.inputs[0], other.inputs[0])
    assert all(len(repr(float(x))) <= 5 for x in one.inputs[0].ravel())


def test_nearest_pixels_are_in_single_precision() -> None:
    given = numbers(first("{op: resize, scale: 2}"), 0)
    kinds = {given.inputs[0].dtype, given.cotangent.dtype}
    assert kinds == {np.dtype("float32")}

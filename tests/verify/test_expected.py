"""Answers beside what is expected: derivatives at kinks and ties, and what is no number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nets import graph_of

from archspec.backend import backend
from archspec.verify.cases import Case, cases
from archspec.verify.expected import Difference, Expected
from archspec.verify.trial import answer


def case(node: str, shape: str = "[4, 6, 6]") -> Case:
    found = cases(graph_of(f"inputs: {{x: {shape}}}\ngraph: {{node: {node}}}\n"))
    return found[-1]


def judged(node: str, part: str, changed: Any, **more: Any) -> Difference:
    """What is said of an answer of torch, one part of which is changed."""
    one = case(node)
    made = dict(answer(backend("torch"), one, 0))
    made[part] = changed(made[part].copy(), Expected(one, 0))
    found = Expected(one, 0).differences({part: made[part]}, "unbiased", **more)
    return max(found, key=lambda difference: difference.share)


def at(x: float, slope: float) -> Any:
    def changed(found: Any, expected: Expected) -> Any:
        (given,) = expected.inputs
        return np.where(given == x, slope * expected.numbers.cotangent, found)

    return changed


LEAKY = "{op: leaky_relu, negative_slope: 0.25}"


@pytest.mark.parametrize(
    ("node", "x", "slope", "right"),
    [
        *(("relu", 0, slope, slope == 0) for slope in (0, 0.5, 1)),
        *(("relu6", 6, slope, slope == 0) for slope in (0, 1)),
        *((LEAKY, 0, s, r) for s, r in ((0.25, True), (1, True), (0.5, True))),
        *((LEAKY, 0, s, False) for s in (0, 1.01)),
        *(("hard_swish", 3, s, r) for s, r in ((1, True), (1.5, True), (0.9, False))),
        ("elu", 0, 1 - 1e-3, False),
        ("tanh", 0, 1 + 1e-9, False),
        ("tanh", 0, 1, True),
    ],
)
def test_at_a_kink(node: str, x: float, slope: float, right: bool) -> None:
    found = judged(node, "gradients/x0", at(x, slope))
    assert found.wrong is not right
    if not right:
        assert found.x == x and abs(found.found - slope) <= 1e-12


def test_a_kink_of_a_framework() -> None:
    assert judged(LEAKY, "gradients/x0", at(0, 0)).wrong
    assert not judged(LEAKY, "gradients/x0", at(0, 0), flat=True).wrong
    assert judged(LEAKY, "gradients/x0", at(-1.0, 0), flat=True).wrong


def tied(found: Any, expected: Expected) -> Any:
    """The last image's gradient, the same for all pixels."""
    found[-1] = 1 / 36
    return found


@pytest.mark.parametrize(
    "factor", [pytest.param(f, id=f"{f}") for f in (0.0, 0.999, 1.001, 2.0)]
)
@pytest.mark.parametrize(
    "node",
    ["{op: max_pool2d, kernel: 2}", "global_max_pool2d"],
)
def test_at_ties(node: str, factor: float) -> None:
    """All of the gradient goes to what ties, and no more."""

    def scaled(found: Any, expected: Expected) -> Any:
        found[-1] *= factor
        return found

    assert judged(node, "gradients/x0", scaled).wrong
    assert not judged(node, "gradients/x0", lambda found, expected: found).wrong


def test_ties_of_a_global_pool_share_alike() -> None:
    def to_the_first(found: Any, expected: Expected) -> Any:
        flat = found[-1].reshape(4, -1)
        total = flat.sum(1)
        first = (flat != 0).argmax(1)
        flat[:] = 0
        flat[np.arange(4), first] = total
        return found

    assert judged("global_max_pool2d", "gradients/x0", to_the_first).wrong


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_number(value: float) -> None:
    def broken(found: Any, expected: Expected) -> Any:
        found.flat[0] = value
        return found

    for part in ("value", "gradients/x0"):
        for node in ("tanh", "{op: conv2d, channels: 2, kernel: 1}"):
            found = judged(node, part, broken)
            assert found.wrong and found.error == np.inf


def test_another_shape() -> None:
    for part in ("value", "gradients/x0"):
        found = judged("tanh", part, lambda made, expected: made[:1])
        assert found.wrong


def test_statistics() -> None:
    def off(found: Any, expected: Expected) -> Any:
        return found * (1 + 1e-9)

    for part in ("training/running_mean", "training/running_var", "training/value"):
        assert judged("batch_norm", part, off).wrong
        assert not judged("batch_norm", part, lambda found, expected: found).wrong
    one = case("batch_norm")
    made = dict(answer(backend("torch"), one, 0))
    (found,) = Expected(one, 0).differences(
        {"training/running_var": made["training/running_var"]}, "biased"
    )
    assert found.wrong

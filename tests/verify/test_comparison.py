"""Errors, their limits and the verdict."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np
import pytest

from archspec.verify import comparison
from archspec.verify.comparison import distances, limit, verdict


class TestComparison:
    def test_relative_errors(self) -> None:
        wanted = {
            "a/x": np.array([3.0, 4.0]),
            "a/y": np.array([1.0]),
            "b/z": np.ones(1),
        }
        found = {
            "a/x": np.array([3.0, 4.5]),
            "a/y": np.array([1.2]),
            "b/z": np.zeros(1),
        }
        assert distances(found, wanted, "a") == pytest.approx({"x": 0.1, "y": 0.2})
        largest = distances(found, wanted, "a", against_largest=True)
        assert largest == pytest.approx({"x": 0.1, "y": 0.04})
        assert distances(found, wanted, "c") == {}

    @pytest.mark.parametrize(
        "found", [{}, {"a/": np.array([nan])}, {"a/": np.ones(2)}, {"a/": np.ones(1)}]
    )
    def test_what_can_not_be_compared_is_far(self, found: Any) -> None:
        wanted = {"a/": np.zeros(1)}
        assert distances(found, wanted, "a") == {"": inf}

    def test_what_overflows_is_far_from_itself(self) -> None:
        values = {"a/": np.array([1.0, inf])}
        assert distances(values, values, "a") == {"": inf}

    def test_equal_zeros_agree(self) -> None:
        zeros = {"a/": np.zeros(3)}
        assert distances(zeros, zeros, "a") == {"": 0}

    @pytest.mark.parametrize(
        ("error", "floor", "dtype", "outcome"),
        [
            (1e-13, 1e-15, "float64", "pass"),
            (2e-12, 1e-13, "float64", "FAIL"),
            (2e-12, 1e-12, "float64", "pass"),
            (1e-13, 2e-6, "float64", "ill-conditioned"),
            (1e-13, None, "float64", "pass"),
            (1e-13, inf, "float64", "ill-conditioned"),
            (9e-6, 2e-6, "float32", "pass"),
            (2e-5, 9e-6, "float32", "FAIL"),
            (9e-6, 2e-5, "float32", "ill-conditioned"),
        ],
    )
    def test_limits(
        self, error: float, floor: float | None, dtype: str, outcome: str
    ) -> None:
        assert verdict(error, limit(dtype, 0.0, floor), floor, dtype) == outcome

    def test_a_check_may_have_a_limit_of_its_own(self) -> None:
        assert limit("float64", 1e-5, 1e-13) == 1e-5
        assert limit("float64", 1e-5, 1e-5) == 1e-4
        assert limit("float32", 0.0, 1e-5) == 1e-5


def test_tolerances_are_the_design() -> None:
    assert comparison.TOLERANCES == {"float32": 1e-5, "float64": 1e-12}

"""How far ops may be off: every op has a scale, which is what its rounding is."""

from __future__ import annotations

import numpy as np
import pytest

from archspec.ops import BY_KIND
from archspec.ops.convolution import Linear
from archspec.ops.normalization import BatchNorm
from archspec.ops.shaping import Resize, Subtract
from archspec.verify.limits import ANY, LIMITS, ULPS, Reading, limit, terms


def test_the_table_is_of_ops() -> None:
    """One that it lacks, as one that somebody adds, is held to the largest value."""
    modes = {"nearest", "bilinear"}
    assert set(LIMITS) <= {*BY_KIND} - {"resize"} | modes
    assert len(LIMITS) >= 43
    assert all(found.forward in (0, ULPS) for found in LIMITS.values())


def test_by_op() -> None:
    assert limit(Resize(scale=2)).forward == 0
    assert limit(Resize(scale=2, mode="bilinear")).forward == ULPS
    assert limit(BatchNorm()) is LIMITS["batch_norm"]
    assert limit(BatchNorm(), training=True) is ANY


@pytest.mark.parametrize(
    ("op", "stored", "inputs", "wanted"),
    [
        (Linear(features=1), {"weight": [[2, -3]], "bias": [1]}, [[[5, 4]]], 23),
        (Subtract(), {}, [[[5, 4]], [[4, -5]]], 9),
        (
            BatchNorm(affine=False, eps=1e-30),
            {"running_mean": [5, 5], "running_var": [0.25, 0.25]},
            [[[5, 5]]],
            20,
        ),
    ],
)
def test_terms(op: object, stored: object, inputs: object, wanted: float) -> None:
    """What cancels counts with its size."""
    given = {k: np.array(v, float) for k, v in stored.items()}  # type: ignore[attr-defined]  # a dict
    xs = tuple(np.array(x, float) for x in inputs)  # type: ignore[attr-defined]  # a list
    read = Reading(op, xs, given, np.zeros((1, 1)))  # type: ignore[arg-type]  # an op
    assert np.allclose(terms(read), wanted)

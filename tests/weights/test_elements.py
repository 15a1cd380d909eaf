"""Values as files store them: rounded as torch and numpy round, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from archspec.errors import WeightsError
from archspec.weights.archives import widened
from archspec.weights.elements import encoded, known, narrowed, stored_as, width

DRAW = np.random.default_rng(0)
EDGES = [0, 1, 1 << 31, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0xFFFFFFFF]
PATTERNS = np.concatenate(
    [
        DRAW.integers(0, 2**32, 200_000).astype(np.uint32),
        (np.arange(2**16, dtype=np.uint32) << 16) | 0x8000,  # halfway between two
        np.arange(2**16, dtype=np.uint32) << 16,
        np.array(EDGES, np.uint32),
    ]
)


def test_bfloat16_is_torchs() -> None:
    values = PATTERNS.view(np.float32)
    wanted = torch.from_numpy(values).bfloat16().view(torch.int16).numpy()
    found = narrowed(values)
    number = ~np.isnan(values)
    assert np.array_equal(found[number], wanted.view(np.uint16)[number])
    assert np.isnan(widened(found[~number])).all()
    with np.errstate(invalid="ignore"):  # of signalling ones
        held = narrowed(values.astype(np.float64))
    assert np.array_equal(held[number], found[number])


def test_float16_is_torchs() -> None:
    values = DRAW.normal(0, 100, 10_000).astype(np.float32)
    wanted = torch.from_numpy(values).half().numpy()
    assert np.array_equal(encoded("a", values, "float16"), wanted)


@pytest.mark.parametrize(
    ("kind", "value", "hint"),
    [
        ("float16", 70_000.0, "bfloat16"),
        ("bfloat16", 3.4e38, "float64"),
        ("float32", 1e300, "float64"),
    ],
)
def test_too_large(kind: str, value: float, hint: str) -> None:
    held = np.array([1.0, -value])
    with pytest.raises(WeightsError) as caught:
        encoded("bn.running_var", held, kind)
    assert caught.value.message == (
        f"'bn.running_var' has values that are too large for {kind}: {value:.6g}"
    )
    assert hint in (caught.value.hint or "") and caught.value.code == "AS607"


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32"])
def test_what_is_not_finite_stays_so(kind: str) -> None:
    found = encoded("a", np.array([np.inf, -np.inf, np.nan, 2.0]), kind)
    values: Any = widened(found) if kind == "bfloat16" else found
    assert np.array_equal(values, [np.inf, -np.inf, np.nan, 2.0], equal_nan=True)


def test_counters_stay_what_they_are() -> None:
    count = np.array(7, np.int64)
    assert stored_as(count, "float16") == "int64"
    assert encoded("n", count, "float16").tolist() == [7]
    assert (width("bfloat16"), width("float64"), width("bool")) == (2, 8, 1)


def test_order_and_bytes() -> None:
    held = np.arange(6.0, dtype=">f4").reshape(2, 3).T
    found = encoded("a", held, None)
    assert found.dtype == "<f4" and found.tolist() == [0, 3, 1, 4, 2, 5]


def test_no_such_type() -> None:
    known(None)
    known("bfloat16")
    with pytest.raises(WeightsError, match="can't be stored as 'int8'"):
        known("int8")

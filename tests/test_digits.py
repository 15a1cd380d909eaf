"""The example of examples/digits: one net, trained alike by both frameworks."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archspec
from archspec.authoring.lint import warnings

HERE = Path(__file__).parent.parent / "examples" / "digits"


def test_the_spec() -> None:
    """It validates, and reads the images that the scripts feed it."""
    spec = archspec.load(HERE / "digits.yaml")
    assert not spec.unexpected() and not warnings(spec)
    (train, test) = runpy.run_path(str(HERE / "train.py"))["data"](spec, "float32")
    assert [len(train[0]), len(test[0])] == [1437, 360]
    assert train[0].shape[1:] == spec.graph.inputs["image"]
    assert abs(train[0].mean()) < 0.01 and abs(train[0].std() - 1) < 0.01
    assert set(train[1]) == set(test[1]) == set(range(10))


def apart(runs: dict[str, Any]) -> float:
    """The most that the losses of a step differ, which must have fallen."""
    torch, keras = (np.array(run.losses) for run in runs.values())
    assert len(torch) == len(keras) >= 20
    assert torch[-5:].mean() < torch[:5].mean() - 0.05
    return float(np.abs(torch - keras)[:20].max())


@pytest.mark.proof
def test_training() -> None:
    """Both learn, and step by step the same, as far as the arithmetic carries."""
    train = runpy.run_path(str(HERE / "train.py"))["train"]
    runs = train(last_norm=0.2)
    assert list(runs) == ["torch", "keras"]
    assert min(run.accuracy for run in runs.values()) >= 0.97
    assert apart(runs) <= 1e-3
    assert apart(train(steps=20, dtype="float64")) <= 1e-9

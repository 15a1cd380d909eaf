"""archspec.weights.values: weights that are no numbers are named."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nets import graph_of

from archspec.errors import WeightsError
from archspec.weights import initial_weights, load, save
from archspec.weights.conversion import fitted
from archspec.weights.values import BLOCK, doubts, finite

GRAPH = graph_of(
    "inputs: {image: [3, 8, 8]}\n"
    "graph: {conv: {op: conv2d, channels: 4, kernel: 3}, bn: batch_norm,"
    " pool: global_avg_pool2d, fc: {op: linear, features: 2}}"
)


def weights(**spoiled: float) -> dict[str, Any]:
    """Weights, one value of some of which is another."""
    made = initial_weights(GRAPH)
    for name, value in spoiled.items():
        made[name.replace("__", ".")].reshape(-1)[-1] = value
    return made


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["conv.weight", "bn.running_mean", "fc.bias"])
def test_no_numbers(name: str, value: float) -> None:
    given = weights(**{name.replace(".", "__"): value})
    told = (f"NaN or infinity in {name}",)
    assert doubts(GRAPH, given, whole=True) == told
    seen = given[name].ndim == 1
    assert doubts(GRAPH, given, whole=False) == (told if seen else ())


def test_negative_variances() -> None:
    given = weights(bn__running_var=-1e-30, bn__running_mean=-1, bn__weight=-1)
    told = ("negative variances in bn.running_var",)
    for whole in (True, False):
        assert doubts(GRAPH, given, whole=whole) == told
    given["bn.running_var"][-1] = -0.0
    assert doubts(GRAPH, given, whole=True) == ()


def test_all_of_it_is_one_line() -> None:
    graph = graph_of(
        "inputs: {x: [2]}\ngraph:\n  a: {graph: ["
        + ", ".join(["{op: linear, features: 2}"] * 30)
        + "]}"
    )
    names = graph.parameters()
    given = {name: np.full(shape, np.nan) for name, shape in names.items()}
    (line,) = doubts(graph, given, whole=True)
    assert line == "NaN or infinity in a.*: 60 tensors"


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("at", [0, BLOCK - 1, BLOCK, 2 * BLOCK + 4])
def test_any_value_anywhere(dtype: str, at: int) -> None:
    array = np.full((2 * BLOCK + 5, 1), np.finfo(dtype).max, dtype)
    assert finite(array)  # their squares are no numbers, they are
    for value in (np.nan, np.inf, -np.inf):
        array[at] = value
        assert not finite(array)
    assert finite(np.zeros((0, 3), dtype)) and finite(np.array(1, dtype))


def test_a_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    path = tmp_path / "f.safetensors"
    save(path, weights(bn__bias=np.nan, conv__weight=np.inf))
    with caplog.at_level(logging.WARNING):
        load(path, GRAPH)
    assert "warning: NaN or infinity in bn.bias" in caplog.text
    found = fitted(path, GRAPH, thorough=True)
    assert found.doubts == ("NaN or infinity in conv.weight, bn.bias",)
    with pytest.raises(WeightsError) as caught:
        fitted(path, GRAPH, strict=True)
    assert caught.value.code == "AS620"
    assert "can't be used: NaN or infinity in bn.bias" in caught.value.message
    assert not recwarn.list


def test_values_that_are_not_taken_are_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "f.safetensors"
    save(path, weights(fc__bias=np.nan) | {"other": np.array([np.nan])})
    found = fitted(path, GRAPH, strict=True, new=["fc"], allow_extra=["other"])
    assert found.doubts == () and "fc.bias" in found.initial

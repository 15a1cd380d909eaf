"""The numbers of the suite: derivatives without a rule, and what rounding does."""

from __future__ import annotations

import numpy as np
import pytest
from nets import graph_of

from archspec.backend import backend, trainer
from archspec.testing.numbers import Data, apart, slopes, truth

SMOOTH = """
inputs: {image: [3, 5, 6]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3}
  bn: batch_norm
  act: tanh
  pool: {op: avg_pool2d, kernel: 2}
  flat: flatten
  fc: {op: linear, features: 3}
"""


@pytest.mark.parametrize("training", [False, True])
def test_slopes_are_autograds(training: bool) -> None:
    data = Data.drawn(graph_of(SMOOTH), "float64")
    chosen = trainer(backend("torch"))
    model = chosen.build(data.graph, data.copies(), dtype="float64")
    _, gradients = chosen.gradients(
        data.graph, model, data.inputs, data.cotangents, training=training
    )
    found = slopes(data, training=training)
    assert found is not None and list(found) == [*data.graph.parameters(), "image"]
    largest = max(float(np.linalg.norm(value)) for value in gradients.values())
    for name, (direction, slope) in found.items():
        error = abs(float((gradients[name] * direction).sum()) - slope)
        assert error <= 1e-13 * largest, name


def test_there_are_no_slopes_at_a_kink() -> None:
    data = Data.drawn(graph_of("inputs: {x: [2]}\ngraph: [relu]\n"), "float64")
    assert slopes(data) is not None
    data.inputs["x"][0, 0] = 1e-7
    assert slopes(data) is None


def test_what_rounding_does_to_a_net() -> None:
    graph = graph_of("inputs: {x: [2]}\ngraph: [tanh]\n")
    data = Data.drawn(graph, "float64")
    assert truth(data, "biased").shake <= 1e-15
    narrow = truth(Data.drawn(graph, "float32"), "biased").shake
    assert 1e-8 <= narrow <= 1e-6


def test_a_net_that_shows_nothing_is_not_sound() -> None:
    """A norm of what is almost constant magnifies rounding; products outgrow floats."""
    norm = "inputs: {x: [4]}\ngraph: [{op: layer_norm, eps: 1.0e-300}]\n"
    product = "inputs: {x: [4]}\ngraph: {n: {op: multiply, from: [input, input]}}\n"
    for text, value in ((norm, 1.0), (product, 1e200)):
        data = Data.drawn(graph_of(text), "float64")
        assert truth(data, "biased").sound
        data.inputs["x"][:] = value
        data.inputs["x"][:, 0] += 1e-14
        assert not truth(data, "biased").sound


def test_apart() -> None:
    one = {"a": np.array([3.0, 4.0]), "b": np.zeros(2)}
    assert apart(one, one) == 0
    assert apart({"a": np.array([3.0, 4.0]), "b": np.array([0.0, 5.0])}, one) == 1
    assert apart({}, {}) == 0

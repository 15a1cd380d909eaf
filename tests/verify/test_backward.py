"""Exact gradients of nets, against those of PyTorch, and what is not exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nets import graph_of

import archspec
from archspec.backend import backend, trainer
from archspec.graph import Graph
from archspec.passes.stand_ins import stand_ins
from archspec.passes.without_dropout import without_dropout
from archspec.verify import backward
from archspec.verify.backward import Backward
from archspec.verify.data import against
from archspec.verify.dyadic import Dyadic

SMALL: dict[str, Any] = {
    "depths": [1, 1, 1, 1],
    "widths": [8, 16, 16, 24],
    "num_classes": 10,
}
SHARED = """
inputs: {image: [3, 4, 4], other: [3, 4, 4], unread: [2, 2, 2]}
graph:
  conv: {op: conv2d, channels: 3, kernel: 1, from: image}
  twice: {op: add, from: [conv, conv, other]}
  gone: {op: resize, from: [twice, unread]}
  aside: {op: conv2d, channels: 2, kernel: 1, from: other}
outputs: {a: gone, b: aside}
"""


def ended(numbers: Dyadic, *ends: str) -> Backward:
    graph = numbers.graph
    ends = ends or numbers.ends()
    return Backward(numbers, {name: against(graph, 0, name) for name in ends})


def torchs(numbers: Dyadic) -> dict[str, Any]:
    graph = numbers.graph
    chosen = trainer(backend("torch"))
    given = {name: array.copy() for name, array in numbers.weights.items()}
    model = chosen.build(graph, given, dtype="float64")
    values = graph.outputs
    cotangents = {name: against(graph, 0, value) for name, value in values.items()}
    return chosen.gradients(graph, model, numbers.inputs, cotangents)[1]


def small(name: str) -> Graph:
    graph = archspec.load(name, size=(64, 64), params=SMALL).graph
    return stand_ins(without_dropout(graph))[0]


@pytest.mark.parametrize("name", ["resnet18", "seresnet50", "resnet50d", "resnetv2_50"])
def test_the_bits_are_torchs(name: str) -> None:
    graph = small(name)
    numbers = Dyadic(graph, 1, "float64")
    (end,) = graph.outputs.values()
    found = ended(numbers, end)
    assert not found.loose
    wanted = torchs(numbers)
    assert set(found.gradients) == set(wanted)
    for leaf, gradient in found.gradients.items():
        assert np.array_equal(gradient, wanted[leaf]), leaf


def test_values_that_are_read_twice_and_not_at_all() -> None:
    numbers = Dyadic(graph_of(SHARED), 0, "float64")
    found = ended(numbers, "gone", "aside").gradients
    wanted = torchs(numbers)
    assert set(found) == set(wanted)
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
    assert not found["unread"].any()
    assert set(ended(numbers, "twice").gradients) == {
        "conv.weight",
        "conv.bias",
        "image",
        "other",
    }


RESIZED = """
inputs: {image: [3, 4, 4]}
graph:
  large: {op: resize, scale: 2, mode: bilinear}
  a: {op: multiply, from: [large, large]}
  b: {op: multiply, from: [a, a, a]}
"""


def test_what_a_bilinear_resize_hands_back_in_single_precision() -> None:
    """Which is all that TensorFlow's kernel has."""
    graph = graph_of(RESIZED)
    numbers = Dyadic(graph, 0, "float64")
    assert not numbers.loose
    keras = trainer(backend("keras"))
    model = keras.build(graph, {}, dtype="float64")
    cotangents = {name: against(graph, 0, "b") for name in graph.outputs}
    _, found = keras.gradients(graph, model, numbers.inputs, cotangents)
    assert not np.array_equal(found["image"], torchs(numbers)["image"])
    assert "bits" in ended(numbers, "b").loose["image"]


def test_what_is_behind_a_doubt_is_loose(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = Dyadic(graph_of(SHARED), 0, "float64")
    monkeypatch.setattr(backward, "MANTISSA", backward.SUMS + 1)
    made = ended(numbers, "twice")
    assert made.gradients == {}
    assert set(made.loose) == {"conv.weight", "conv.bias", "image", "other"}
    assert made.loose["image"].startswith("a gradient takes 2 bits at 'twice'")


def test_no_room_for_the_sums_of_a_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = Dyadic(graph_of(SHARED), 0, "float64")
    monkeypatch.setattr(backward, "MANTISSA", backward.SUMS + 4)
    monkeypatch.setattr(backward, "SUMS", 4)
    made = ended(numbers, "aside")
    assert set(made.gradients) >= {"other"}
    monkeypatch.setattr(backward, "MANTISSA", 9)
    made = ended(numbers, "aside")
    assert made.loose["aside.weight"] == "its sums take too many bits"
    assert "other" in made.gradients

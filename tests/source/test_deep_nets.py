"""The deepest nets of the zoo print as the shallow ones do, build and train."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from source.test_printed import lines_of_code

import archspec

DEEP = {"resnet1202": "resnet20", "resnet1001": "resnet164"}
"""Each with a shallow net of its kind."""
NARROW: dict[str, dict[str, Any]] = {
    "resnet1202": {"widths": (4, 8, 16)},
    "resnet1001": {"widths": (4, 8, 16), "stem_channels": 4},
}
"""Of full depth; only the number of channels is less."""
Step = Callable[[archspec.Spec, Any], float]
RECURSION = """
import sys
from collections.abc import Iterator
from contextlib import contextmanager
@contextmanager
def recursion_limit(limit: int) -> Iterator[None]:
before = sys.getrecursionlimit()
sys.setrecursionlimit(max(before, limit))
try:
yield
finally:
sys.setrecursionlimit(before)
with recursion_limit({}):
"""
"""What a deep Keras model needs, as Keras recurses once per layer."""


@pytest.mark.proof
@pytest.mark.parametrize(("deep", "shallow"), DEEP.items())
def test_printed(deep: str, shallow: str) -> None:
    """No line more than the shallow net's, but Keras' recursion limit."""
    spec, other = archspec.load(deep), archspec.load(shallow)
    torch_lines, keras_lines = (
        [lines_of_code(net.codegen(kind).text) for net in (spec, other)]
        for kind in ("torch", "keras")
    )
    assert torch_lines[0] <= torch_lines[1]
    printed = [line.strip() for line in spec.codegen("keras").text.splitlines()]
    added = RECURSION.format(20 * len(spec.graph.nodes)).split("\n")[1:-1]
    assert all(printed.count(line) == 1 for line in added)
    assert keras_lines[0] <= keras_lines[1] + len(added)


def images(spec: archspec.Spec) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Two random images."""
    shape = (2, *spec.graph.inputs["image"])
    return np.random.default_rng(0).normal(size=shape).astype("float32")


LABELS = np.array([3, 7])


def torch_step(spec: archspec.Spec, model: Any) -> float:
    """One step of SGD; the loss before it."""
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    logits = model.train()(torch.from_numpy(images(spec)))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(LABELS))
    torch.autograd.backward(loss)
    optimizer.step()
    return loss.item()


def keras_step(spec: archspec.Spec, model: Any) -> float:
    """The same by `train_on_batch`."""
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01), loss, run_eagerly=True)
    return float(model.train_on_batch(images(spec).transpose(0, 2, 3, 1), LABELS))


@pytest.mark.proof
@pytest.mark.parametrize(
    ("kind", "step"), [("torch", torch_step), ("keras", keras_step)]
)
@pytest.mark.parametrize("name", DEEP)
def test_training_step(name: str, kind: str, step: Step) -> None:
    """Every weight moves, and stays a number."""
    spec = archspec.load(name, size=(8, 8), params=NARROW[name])
    assert len(spec.graph.nodes) == len(archspec.load(name).graph.nodes)
    from archspec.backend import backend

    model = spec.build(kind)
    chosen = backend(kind)
    before = {k: v.copy() for k, v in chosen.read_weights(spec.graph, model).items()}
    assert np.isfinite(step(spec, model))
    after = chosen.read_weights(spec.graph, model)
    assert all(np.isfinite(array).all() for array in after.values())
    moved = [key for key in before if not np.array_equal(before[key], after[key])]
    assert moved == list(before)

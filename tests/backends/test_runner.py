"""How backends run a model again and again: it gives what `forward` gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from archspec import load, loads
from archspec.backend import Runner, backend, runner
from archspec.bench.worker import images
from archspec.graph import Graph
from archspec.weights import initial_weights

TWO = """archspec: 1
name: two
inputs: {image: [3, 9, 8], other: [2, 9, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3, padding: 1, from: image}
  bn: batch_norm
  cat: {op: concat, from: [bn, other]}
  pool: {op: global_avg_pool2d, from: cat}
outputs: {features: cat, pooled: pool}
"""
WAYS = [
    *(("torch", ""), ("keras", ""), ("keras", "jit"), ("flax", ""), ("onnx", "")),
    pytest.param("torch", "compile", marks=pytest.mark.proof),  # a minute
]


def prepared(name: str, mode: str, graph: Graph) -> tuple[Runner, dict[str, Any]]:
    """A runner of two images, and what `forward` makes of them."""
    chosen, inputs = backend(name), images(graph, 3, 2)
    chosen.start()
    model = chosen.build(graph, initial_weights(graph, 1))
    made = runner(chosen, graph, model, inputs, mode)
    return made, dict(chosen.forward(graph, model, inputs))


@pytest.mark.parametrize(("name", "mode"), WAYS)
def test_it_gives_what_forward_gives(name: str, mode: str) -> None:
    made, wanted = prepared(name, mode, loads(TWO).graph)
    assert made.device == "" and made.device_peak() is None
    for _ in range(2):  # the images stay as they are
        found = made.read(made.run())
        assert found.keys() == wanted.keys() == {"features", "pooled"}
        for key, array in wanted.items():
            np.testing.assert_allclose(found[key], array, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["torch", "flax"])
def test_it_draws_nothing(name: str) -> None:
    """A model is timed in evaluation mode, whatever mode it is in."""
    made, _ = prepared(name, "", load("vgg11", size=32, hidden=[8, 8]).graph)
    one, two = (made.read(made.run())[""] for _ in range(2))
    assert np.array_equal(one, two)


def test_a_backend_without_one_is_run_by_forward() -> None:
    class Plain:
        def forward(self, graph: Graph, model: Any, inputs: Any) -> dict[str, Any]:
            return {"": (model, inputs)}

    plain: Any = Plain()
    made = runner(plain, load("resnet20").graph, "model", {"image": np.ones(1)}, "jit")
    assert made.read(made.run()) == {"": ("model", {"image": np.ones(1)})}

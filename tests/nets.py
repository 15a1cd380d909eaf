"""Small graphs for tests, and the comparison of backends on random data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspec.backend import backend, trainer
from archspec.graph import Graph
from archspec.language.expand import expand
from archspec.language.files import Files
from archspec.reference import evaluate
from archspec.weights import initial_weights

Arrays = dict[str, NDArray[Any]]

SMALL = """
archspec: 1
name: small
params: {width: 4, classes: 5}
inputs: {image: [3, 16, 12]}
graph:
  stem: {op: conv2d, channels: =width, kernel: 3, padding: 1, stride: 2}
  pool: global_avg_pool2d
  fc: {op: linear, features: =classes}
taps: {c1: stem}
expect: {params: 137, buffers: 0, macs: 5204, output: [5]}
"""
"""A whole file of three nodes, with all that may stand beside a graph."""


def graph_of(text: str, **params: Any) -> Graph:
    """The graph of a spec; `archspec` and `name` are added where they lack."""
    if "archspec: 1\n" not in text:
        text = f"archspec: 1\nname: net\n{text}"
    files = Files()
    return expand(files, files.text(text, "net.yaml"), params)


def randomised(graph: Graph, seed: int = 0) -> Arrays:
    """Random weights and statistics, in float64, that no op maps to a constant."""
    draw = np.random.default_rng(seed)
    weights = initial_weights(graph, seed, "float64")
    for name, array in weights.items():
        if name.endswith("running_var"):
            array[:] = draw.uniform(0.5, 1.5, array.shape)
        elif array.ndim == 1:
            array[:] = draw.normal(0.5, 0.3, array.shape)
    return weights


def images(graph: Graph, count: int = 2, seed: int = 1) -> Arrays:
    """Random inputs in float64, channels first."""
    draw = np.random.default_rng(seed)
    return {k: draw.normal(size=(count, *s)) for k, s in graph.inputs.items()}


def computed(graph: Graph, weights: Mapping[str, Any], given: Arrays) -> Arrays:
    """The outputs as the definitions of the ops have them, in eval mode."""
    values = evaluate(graph, weights, given)
    for node in graph.nodes:
        assert values[node.name].shape[1:] == node.shape, node.name
    return {name: values[value] for name, value in graph.outputs.items()}


def cotangents(graph: Graph, count: int = 2, seed: int = 2) -> Arrays:
    """A random direction for each output."""
    draw = np.random.default_rng(seed)
    shapes = graph.shapes()
    return {
        name: draw.normal(size=(count, *shapes[value]))
        for name, value in graph.outputs.items()
    }


def distance(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> float:
    """The largest ||a - b|| / ||b||, against the largest of all arrays."""
    assert list(found) == list(wanted)
    assert all(found[k].shape == wanted[k].shape for k in wanted)
    scale = max(float(np.linalg.norm(b)) for b in wanted.values())
    assert np.isfinite(scale) and scale > 0
    return max(float(np.linalg.norm(found[k] - wanted[k])) for k in wanted) / scale


def run(
    graph: Graph, name: str, weights: Arrays, *, training: bool = False
) -> tuple[Arrays, Arrays, Arrays]:
    """Outputs, gradients and the weights afterwards of one backend, in float64."""
    chosen = trainer(backend(name))
    copies = {k: v.copy() for k, v in weights.items()}
    model = chosen.build(graph, copies, dtype="float64")
    given, against = images(graph), cotangents(graph)
    outputs, gradients = chosen.gradients(
        graph, model, given, against, training=training
    )
    return outputs, gradients, chosen.read_weights(graph, model)


def errors(graph: Graph, *, training: bool = False) -> tuple[float, float]:
    """How far Keras is from torch: forward, and the worst gradient."""
    weights = randomised(graph)
    torch = run(graph, "torch", weights, training=training)
    keras = run(graph, "keras", weights, training=training)
    return distance(keras[0], torch[0]), distance(keras[1], torch[1])

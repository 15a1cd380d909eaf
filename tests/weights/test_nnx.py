"""Where canonical weights lie in a Flax NNX model, and files that have them so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nets import graph_of
from safetensors.numpy import load_file

from archspec.weights import initial_weights, load, write
from archspec.weights.nnx import places

NET = """archspec: 1
name: net
inputs: {image: [4, 6, 6]}
graph:
  conv: {op: conv2d, channels: 6, kernel: [3, 2], groups: 2}
  bn: batch_norm
  up: {op: conv_transpose2d, channels: 4, kernel: [2, 3], groups: 2}
  act: {op: prelu, shared: false}
  layer: {op: scale, weight: gamma}
  pool: global_avg_pool2d
  fc: {op: linear, features: 5}
"""
SHAPES = {
    "conv.kernel": (3, 2, 2, 6),
    "conv.bias": (6,),
    "bn.scale": (6,),
    "bn.bias": (6,),
    "bn.mean": (6,),
    "bn.var": (6,),
    "up.kernel": (2, 3, 3, 4),
    "up.bias": (4,),
    "act.negative_slope": (4,),
    "layer.gamma": (4,),
    "fc.kernel": (4, 5),
    "fc.bias": (5,),
}
"""What flax's own layers have, by their documentation."""


def test_paths_and_layouts() -> None:
    graph = graph_of(NET)
    weights = initial_weights(graph, 0)
    found = {p.path: p.into(weights[p.name]) for p in places(graph)}
    assert {path: array.shape for path, array in found.items()} == SHAPES
    for place in places(graph):
        assert np.array_equal(place.back(found[place.path]), weights[place.name])


def test_a_transposed_kernel_is_turned_within_its_groups() -> None:
    graph = graph_of(NET)
    weights = initial_weights(graph, 0)
    (place,) = (p for p in places(graph) if p.name == "up.weight")
    kernel, made = weights["up.weight"], place.into(weights["up.weight"])
    # Output 3 is the second one of the second group, whose inputs are 3, 4 and 5.
    assert made[0, 0, 1, 3] == kernel[4, 1, 1, 2]


def test_a_file_of_flax_is_read_and_written(tmp_path: Path) -> None:
    graph = graph_of(NET)
    weights = initial_weights(graph, 0)
    path = tmp_path / "net.safetensors"
    write(path, graph, weights, "flax")
    assert {k: v.shape for k, v in load_file(path).items()} == SHAPES
    for how in ({}, {"source": "flax"}):
        back = load(path, graph, **how)  # type: ignore[arg-type]  # a TypedDict
        assert back.keys() == weights.keys()
        assert all(np.array_equal(back[name], weights[name]) for name in weights)

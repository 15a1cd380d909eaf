"""archspec_flax.weights: a printed file that loads canonical weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nets import computed, graph_of, images, randomised

from archspec import weights as canonical
from archspec.backend import backend, emit_family, method
from archspec.errors import UnsupportedError
from archspec.graph import Graph
from archspec.source.program import Source, execute

NET = """inputs: {image: [3, 9, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3, stride: 2, padding: 1}
  up: {op: conv_transpose2d, channels: 6, kernel: 2, stride: 2}
  bn: batch_norm
  act: {op: prelu, shared: false}
  scale: {op: scale, weight: gamma}
  pool: global_avg_pool2d
  fc: {op: linear, features: 2}
"""


def printed(graph: Graph) -> Source:
    source: Source = method(backend("flax"), "loading", "")().emit(graph)
    return source


def made(source: Source, entry: str = "") -> Any:
    from flax import nnx

    model = getattr(execute(source), entry or source.entry)(rngs=nnx.Rngs(0))
    model.eval()
    return model


def stored(graph: Graph, path: Path) -> dict[str, Any]:
    weights = {k: v.astype("float32") for k, v in randomised(graph).items()}
    canonical.write(str(path), graph, weights)
    return weights


def test_a_file_of_canonical_weights_is_loaded(tmp_path: Path) -> None:
    graph = graph_of(NET)
    source, given = printed(graph), images(graph)
    weights = stored(graph, tmp_path / "net.safetensors")
    model = made(source)
    execute(source).load_weights(model, tmp_path / "net.safetensors")
    read = backend("flax").read_weights(graph, model)
    assert all(np.array_equal(read[name], weights[name]) for name in weights)
    found = backend("flax").forward(
        graph, model, {k: v.astype("float32") for k, v in given.items()}
    )
    wanted = computed(graph, weights, given)
    np.testing.assert_allclose(found[""], wanted[""], rtol=1e-4, atol=1e-5)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    graph = graph_of(NET)
    source = printed(graph)
    other = graph_of(NET.replace("features: 2", "features: 3").replace("act:", "ac:"))
    stored(other, tmp_path / "other.safetensors")
    model = made(source)
    before = backend("flax").read_weights(graph, model)
    with pytest.raises(ValueError, match="these weights don't fit") as caught:
        execute(source).load_weights(model, tmp_path / "other.safetensors")
    for part in (
        "act.weight is missing",
        "ac.weight is surplus",
        "fc.weight is (6, 3)",
    ):
        assert part in str(caught.value)
    after = backend("flax").read_weights(graph, model)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_family_takes_the_name(tmp_path: Path) -> None:
    one = graph_of(NET)
    graphs = [replace(one, name="one"), replace(graph_of(NET), name="two")]
    source = emit_family(method(backend("flax"), "loading", "")(), graphs)
    module = execute(source)
    module.__file__ = str(tmp_path / "nets.py")
    weights = stored(one, tmp_path / "two.safetensors")
    model = made(source, "two")
    module.load_weights(model, "two")
    read = backend("flax").read_weights(one, model)
    assert all(np.array_equal(read[name], weights[name]) for name in weights)


def test_kernels_in_parts_are_refused() -> None:
    up = "up: {op: conv_transpose2d, channels: 6, groups: 2, kernel: 2, stride: 2}"
    old = "up: {op: conv_transpose2d, channels: 6, kernel: 2, stride: 2}"
    with pytest.raises(UnsupportedError, match="keeps its kernel in parts") as caught:
        printed(graph_of(NET.replace(old, up)))
    assert caught.value.at is not None

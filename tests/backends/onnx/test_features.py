"""archspec_onnx.features: a model of taps; archspec_onnx.weights: what loads weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nets import graph_of, images, randomised

from archspec import weights as canonical
from archspec.backend import backend, emit_family, method
from archspec.errors import UnsupportedError
from archspec.reference import evaluate
from archspec.source.program import Source, execute

NET = """inputs: {image: [3, 9, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3, padding: 1}
  relu: relu
  last: {op: conv2d, channels: 4, kernel: 3, stride: 2}
  pool: global_avg_pool2d
  fc: {op: linear, features: 2}
taps: {c1: relu, c2: last}
"""


def tapped(text: str, count: int = 1) -> Source:
    graphs = [replace(graph_of(text), name=f"net{n}") for n in range(count)]
    source: Source
    if count == 1:
        source = method(backend("onnx"), "emit_tapped", "")(graphs[0], graphs[0])
        return source
    from archspec.source.family import Family

    family = Family(tuple(graphs))
    source = method(backend("onnx"), "emit_tapped", "")(family, family)
    return source


@pytest.mark.parametrize("count", [1, 2])
def test_a_model_of_taps(count: int) -> None:
    import onnx
    import onnx_ir as ir
    import onnxruntime

    graph = graph_of(NET)
    source, given = tapped(NET, count), images(graph)
    weights = randomised(graph)
    module = execute(source)
    model = getattr(module, source.entry)(weights)
    made = module.features(model, *(["net0"] if count > 1 else []))
    proto = ir.to_proto(made)
    onnx.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    assert [value.name for value in session.get_outputs()] == ["c1", "c2"]
    found = session.run(None, {k: v.astype("float32") for k, v in given.items()})
    wanted = evaluate(graph, weights, given)
    for value, name in zip(found, ("relu", "last"), strict=True):
        np.testing.assert_allclose(value, wanted[name], atol=1e-5)
    assert "fc.weight" in model.graph.initializers, "the model itself stays"
    assert len(model.graph.outputs) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("relu: relu", "relu: identity"), "is no value of its own"),
        (("c1: relu", "conv: relu"), "is a tap and a node"),
    ],
)
def test_taps_that_are_refused(change: tuple[str, str], told: str) -> None:
    with pytest.raises(UnsupportedError, match=told) as caught:
        tapped(NET.replace(*change))
    assert caught.value.at is not None


def test_weights_are_loaded(tmp_path: Path) -> None:
    graph = graph_of(NET)
    weights: dict[str, Any] = {
        k: v.astype("float32") for k, v in randomised(graph).items()
    }
    canonical.write(str(tmp_path / "net.safetensors"), graph, weights)
    chosen = method(backend("onnx"), "loading", "")()
    module = execute(chosen.emit(graph))
    found = module.load_weights(tmp_path / "net.safetensors")
    model = module.net2(found) if hasattr(module, "net2") else module.net(found)
    read = backend("onnx").read_weights(graph, model)
    assert all(np.array_equal(read[name], weights[name]) for name in weights)
    family = execute(emit_family(chosen, [replace(graph, name="one")]))
    family.__file__ = str(tmp_path / "nets.py")
    (tmp_path / "net.safetensors").rename(tmp_path / "one.safetensors")
    assert {*family.load_weights("one")} == {*weights}

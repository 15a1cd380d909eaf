"""A model of somebody's own, in float64."""

from __future__ import annotations

import numpy as np
from archspec_onnx.own import OwnModel
from nets import graph_of

from archspec.backend import backend


def test_a_model_without_weights() -> None:
    graph = graph_of("inputs: {x: [2, 3, 4]}\ngraph: {a: tanh}")
    own = OwnModel(graph, backend("onnx").build(graph, {}), str)
    image = np.linspace(-1, 1, 24).reshape(1, 2, 3, 4)
    assert own.shapes == {}
    found = own.values({"x": image})
    assert not own.raised
    assert [*found] == ["outputs/", "nodes/a"]
    assert np.allclose(found["outputs/"], np.tanh(image), rtol=1e-15, atol=0)

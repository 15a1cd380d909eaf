"""What the tests of the ONNX backend share: models of graphs, checked and run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from nets import Arrays, computed, distance, images, randomised

from archspec.backend import backend
from archspec.graph import Graph

TOLERANCES = {"ort": ("float32", 1e-5), "reference": ("float64", 1e-12)}


def checked(graph: Graph, model: Any) -> onnx.ModelProto:
    """A model as protobuf, once onnx's checker and strict shape inference take it."""
    proto: onnx.ModelProto = ir.to_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(
        proto, check_type=True, strict_mode=True, data_prop=True
    )
    ranks = {name: len(shape) + 1 for name, shape in graph.shapes().items()}
    for value in (*inferred.graph.value_info, *inferred.graph.output):
        if value.name in ranks:
            assert len(value.type.tensor_type.shape.dim) == ranks[value.name]
    return proto


def error(graph: Graph, other: Graph, engine: str, weights: Arrays) -> float:
    """How far a graph's model is from the definitions, on the images of another size.

    The model is checked first.
    """
    dtype = TOLERANCES[engine][0]
    chosen = backend("onnx").on(engine, dtype)
    model = chosen.build(graph, weights, dtype=dtype)
    checked(graph, model)
    given = images(other)
    wanted = computed(other, weights, given)
    inputs = {name: array.astype(dtype) for name, array in given.items()}
    found = chosen.forward(graph, model, inputs)
    shapes: Mapping[str, Any] = {name: array.shape for name, array in found.items()}
    assert shapes == {name: array.shape for name, array in wanted.items()}
    assert {array.dtype for array in found.values()} == {np.dtype(dtype)}
    return distance(found, wanted)


__all__ = ["TOLERANCES", "checked", "error", "randomised"]

"""The printed function that makes a model of a net's features, in Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from archspec_keras import backend as KERAS
from nets import graph_of, randomised
from proofs import sampled

import archspec
from archspec.errors import UnsupportedError
from archspec.source.program import execute

FEW = ("resnet20", "vgg11_bn")


@pytest.mark.parametrize(
    "name", sampled([*FEW, "resnetv2_18", "fpn_resnet50", "keras_resnet50v2"], FEW)
)
def test_features_of_a_model(name: str) -> None:
    params: Any = {"hidden": [16, 16]} if name.startswith("vgg") else {}
    spec = archspec.load(name, size=(65, 64), params=params)
    weights = {k: a.astype("float32") for k, a in randomised(spec.graph).items()}
    source = spec.codegen("keras", with_taps=True)
    model = KERAS.build(spec.graph, weights, source=source)
    made = execute(source).features(model)
    cut = archspec.load(name, size=(65, 64), params=params, taps=True).graph
    own = {**cut.parameters(), **cut.buffers()}
    part = KERAS.build(cut, {key: weights[key] for key in own})
    image = np.sin(np.arange(65 * 64 * 3, dtype="float32")).reshape(1, 65, 64, 3)
    found, wanted = made(image), part(image)
    assert list(found) == list(wanted) == list(spec.graph.taps)
    for tap in wanted:
        assert np.array_equal(found[tap], wanted[tap])
    kept = {id(variable) for variable in model.weights}
    assert kept.issuperset(id(variable) for variable in made.weights)
    assert made.name == f"{model.name}_features"


def test_what_no_layer_gives() -> None:
    graph = graph_of(
        "inputs: {x: [4, 8, 8]}\n"
        "graph: {a: {op: conv2d, channels: 4, kernel: 3, stride: 2, dilation: 2}, b: relu}\n"
        "taps: {t: a}\n"
    )
    with pytest.raises(UnsupportedError, match="the tap 't', conv2d, may not be"):
        KERAS.emit_tapped(graph, graph)

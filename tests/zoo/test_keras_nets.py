"""The Keras models of torchvision's nets compute what torchvision's nets compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from keras_engine import ask, run
from proofs import sampled
from published import NETS, canonical, distance, images, output, published

import archspec
from archspec.backend import backend

TOLERANCE = 1e-12
FEW = ("resnet18", "resnext50_32x4d")
"""Nets of every kind of block, cheap enough for each run."""
NARROW = {"hidden": [32, 32]}
"""The head of a VGG for each run."""


def error(name: str, params: dict[str, Any]) -> float:
    """How far Keras on TensorFlow is from torchvision with the same weights."""
    net, given = published(name, **params), images(name)
    spec = archspec.load(name, params=params, size=given.shape[2:])
    model = spec.build("keras", weights=canonical(net), dtype="float64")
    outputs = backend("keras").forward(spec.graph, model, {"image": given})
    (found,) = outputs.values()
    return distance(found, output(net, given))


@pytest.mark.parametrize(
    "name",
    sampled(NETS, FEW),
)
def test_tensorflow(name: str) -> None:
    assert error(name, {}) <= TOLERANCE


@pytest.mark.parametrize("name", ["vgg11_bn", "vgg16"])
def test_tensorflow_vgg(name: str) -> None:
    assert error(name, NARROW) <= TOLERANCE


# Random specs (tests/source) run on the torch engine.
@pytest.mark.parametrize("engine", sampled(["jax", "torch"], ["jax"]))
@pytest.mark.parametrize(
    "nets",
    [
        {"resnet18": {}},
        pytest.param(
            {
                "vgg11_bn": NARROW,
                "vgg16": {},
                "resnet50": {},
                "resnext50_32x4d": {},
                "resnet152": {},
            },
            marks=pytest.mark.proof,
        ),
    ],
    ids=["few", "more"],
)
def test_engines(nets: dict[str, dict[str, Any]], engine: str, tmp_path: Path) -> None:
    """The same on JAX and on torch."""
    wanted = []
    for name, params in nets.items():
        net, given = published(name, **params), images(name)
        wanted.append(output(net, given))
        ask(tmp_path / name, name, params, canonical(net), given)
    found = run(engine, [tmp_path / name for name in nets])
    errors = [distance(a, b) for a, b in zip(found, wanted, strict=True)]
    assert max(errors) <= TOLERANCE

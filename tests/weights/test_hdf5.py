"""Keras' own files of our models."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from commands import done, same, saved
from published import canonical

import archspec
from archspec.errors import WeightsError
from archspec.weights import load


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> archspec.Spec:
    monkeypatch.chdir(tmp_path)
    return saved()


class TestKeras:
    @pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
    def test_our_own_models(self, small: archspec.Spec, suffix: str) -> None:
        done(
            *("weights", "convert", "small.safetensors", "--spec", "small.yaml"),
            *("-o", f"small{suffix}"),
        )
        found = load(f"small{suffix}", small.graph)
        assert same(found, load("small.safetensors"))
        model = small.build("torch", weights=f"small{suffix}")
        assert same(canonical(model), found)

    def test_a_trained_model(self, small: archspec.Spec) -> None:
        """The optimizer's state, and generators, are no weights."""
        model = small.build("keras", weights="small.safetensors")
        drop = keras.layers.Dropout(0.5, name="drop")(model.output)
        model = keras.Model(model.input, drop)
        model.compile("adam", "mse")
        model.fit(np.zeros((2, 8, 8, 3)), np.zeros((2, 3)), verbose=0)
        model.save("trained.keras")
        layers = {layer.name: layer for layer in model.layers}
        found = load("trained.keras", small.graph)
        kernel = keras.ops.convert_to_numpy(layers["conv"].kernel)
        assert np.array_equal(found["conv.weight"], kernel.transpose(3, 2, 0, 1))

    def test_layers_are_found_by_name(self, small: archspec.Spec) -> None:
        """A layer in front, of the same class, moves every number in the file."""
        inner = small.build("keras", weights="small.safetensors")
        front = keras.layers.Conv2D(3, 1, name="front")
        image = keras.Input((8, 8, 3))
        value = front(image)
        for layer in inner.layers[1:]:
            value = layer(value)
        keras.Model(image, value).save_weights("moved.weights.h5")
        with pytest.raises(WeightsError, match="0 missing, 2 surplus, 0 of another"):
            load("moved.weights.h5", small.graph)
        found = load("moved.weights.h5", small.graph, allow_extra=["front/*"])
        assert same(found, load("small.safetensors"))

    def test_a_model_in_a_model_is_surplus(self, small: archspec.Spec) -> None:
        inner = small.build("keras", weights="small.safetensors")
        image = keras.Input((8, 8, 3))
        keras.Model(image, inner(image)).save_weights("outer.weights.h5")
        with pytest.raises(WeightsError) as caught:
            load("outer.weights.h5", small.graph)
        assert "10 missing, 10 surplus" in str(caught.value)
        assert "layers/functional/layers/conv2d/vars/0" in str(caught.value)

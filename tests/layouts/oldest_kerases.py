"""Files of Keras 1, of early Keras 2 and of Theano, as their saving code has them.

Written as keras 1.2.2 does, and read as `preprocess_weights_for_loading` of 2.2.4 has it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
from layouts.kerases import held, net
from layouts.layout import Held, layout
from layouts.older_kerases import config_of, legacy, second, variables


def _turned(key: str, array: Any) -> Any:
    return array[::-1, ::-1] if array.ndim == 4 else array


@layout("Keras 2 on Theano: kernels are turned", oracle="script")
def theano(folder: Path) -> Held:
    path, model = folder / "f.h5", net(deep=False)
    of = second(model)
    with h5py.File(path, "w") as file:
        legacy(
            file,
            [layer.name for layer in model.layers],
            lambda name: [(key, _turned(key, array)) for key, array in of(name)],
        )
        file.attrs["backend"] = b"theano"
        file.attrs["keras_version"] = b"2.0.8"
    return held(path, model, deep=False)


def channels_first(model: Any, array: Any) -> Any:
    """A kernel behind a Flatten that takes images as [C, H, W]."""
    height, width, channels = model.get_layer("flat").input.shape[1:]
    image = array.reshape(height, width, channels, -1)
    return image.transpose(2, 0, 1, 3).reshape(array.shape)


@layout("Keras before 2.1.6 with `data_format: channels_first`", oracle="script")
def early_channels(folder: Path) -> Held:
    """The model's settings say so; its kernels are as any of Keras 2."""
    path, model = folder / "f.h5", net()

    def of(name: str) -> list[tuple[str, Any]]:
        found = second(model)(name)
        if name != "hidden":
            return found
        return [(k, channels_first(model, v) if v.ndim == 2 else v) for k, v in found]

    config = json.dumps(config_of(model)).replace("channels_last", "channels_first")
    settings = json.loads(config)
    for item in settings["config"]["layers"]:
        if item["class_name"] == "Flatten":
            del item["config"]["data_format"]
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights")
        legacy(root, [layer.name for layer in model.layers], of)
        file.attrs["model_config"] = json.dumps(settings).encode()
        file.attrs["keras_version"] = b"2.0.8"
    return held(path, model)


WORDS = {
    "kernel": "W",
    "bias": "b",
    "moving_mean": "running_mean",
    "moving_variance": "running_std",
}
ENDS: dict[str, str] = {"tensorflow": "_1:0", "theano": ""}


def first(
    folder: Path, *, backend: str, order: str, whole: bool = False, turned: bool = False
) -> Held:
    """A file of Keras 1.2.2: its words, its axes, its order of features."""
    path, model = folder / "f.h5", net(deep=False)
    found = variables(model)

    def array_of(layer: str, key: str, array: Any) -> Any:
        if array.ndim == 4:
            array = array[::-1, ::-1] if turned else array
            if layer == "up":  # (height, width, out, in) from Keras 2 on
                array = array.transpose(0, 1, 3, 2)
            if order == "th":
                array = array.transpose(3, 2, 0, 1)
        if layer == "hidden" and key == "kernel" and order == "th":
            array = channels_first(model, array)
        return array

    def of(layer: str) -> list[tuple[str, Any]]:
        return [
            (f"{layer}_{WORDS.get(k, k)}{ENDS[backend]}", array_of(layer, k, array))
            for k, array in found[layer]
        ]

    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole else file
        legacy(root, [layer.name for layer in model.layers], of)
        if whole:
            settings = {"name": "stem", "dim_ordering": order, "nb_filter": 6}
            layers = [{"class_name": "Convolution2D", "config": settings}]
            file.attrs["model_config"] = json.dumps(
                {"class_name": "Sequential", "config": layers}
            ).encode()
            file.attrs["keras_version"] = b"1.2.2"
    source = {"source": "theano"} if turned else {}
    return held(path, model, deep=False, **source)


@layout("Keras 1's names and axes, on TensorFlow", oracle="script")
def first_tensorflow(folder: Path) -> Held:
    return first(folder, backend="tensorflow", order="tf")


@layout("a whole model of Keras 1 with `dim_ordering: th`", oracle="script")
def first_channels(folder: Path) -> Held:
    return first(folder, backend="tensorflow", order="th", whole=True)


@layout("Keras 1 on Theano, kernels `th`", oracle="script", said="--from theano")
def first_theano(folder: Path) -> Held:
    return first(folder, backend="theano", order="th", turned=True)


@layout("Keras 1 on Theano, kernels `tf`", oracle="script", said="--from theano")
def first_theano_last(folder: Path) -> Held:
    return first(folder, backend="theano", order="tf", turned=True)

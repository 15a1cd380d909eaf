"""Files of Keras 3 before it kept names, and of Keras 2, as they wrote them.

Keras 3 still reads most of them, by position; the others are as their saving code says
(keras 2.2.4, 2.12 and 2.15), and were compared with tf_keras once.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from layouts.kerases import TOP, again, filled, held, net, outer
from layouts.layout import Held, layout

import archspec
from archspec.spec import Spec
from archspec.weights import initial_weights

WIDTHS = (64, 6, 6, 8)
"""Of the stages of a ResNet; the stem of keras.applications' is always 64 wide."""


def nameless(group: Any) -> None:
    """Takes the names of layers out of a file, which early Keras 3 didn't keep."""
    for part in group.values():
        if isinstance(part, h5py.Group):
            part.attrs.pop("name", None)
            nameless(part)


def packed(path: Path, weights: Path, config: dict[str, Any]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        archive.writestr("config.json", json.dumps(config))
        archive.write(weights, "model.weights.h5")
    return path


def _nameless(folder: Path, model: Any) -> Path:
    path = folder / "model.weights.h5"
    model.save_weights(path)
    with h5py.File(path, "a") as file:
        nameless(file)
    return path


def config_of(model: Any) -> dict[str, Any]:
    return {"class_name": "Functional", "config": json.loads(model.to_json())["config"]}


@layout("`.keras` of Keras 2.13 to 3.5, whose groups have no names", oracle="Keras")
def without_names(folder: Path) -> Held:
    inner = _nameless(folder, net())
    path = packed(folder / "f.keras", inner, config_of(net()))
    return held(path, again(inner, filled(net(), 1)))


@layout("the same with a model inside", oracle="Keras", said="--prefix backbone/")
def without_names_inside(folder: Path) -> Held:
    inner = _nameless(folder, outer(net()))
    path = packed(folder / "f.keras", inner, json.loads(outer(net()).to_json()))
    whole = again(inner, outer(filled(net(), 1)))
    return held(path, whole.get_layer("backbone"), **TOP)


@layout("`.keras` of TF 2.13: `_layer_checkpoint_dependencies`", oracle="Keras")
def dependencies(folder: Path) -> Held:
    inner = _nameless(folder, net())
    with h5py.File(inner, "a") as file:
        file.move("layers", "_layer_checkpoint_dependencies")
    path = packed(folder / "f.keras", inner, config_of(net()))
    return held(path, again(inner, filled(net(), 1)))


@layout("`.keras` of TF 2.12, which counts layers with weights twice", oracle="script")
def counted_twice(folder: Path) -> Held:
    """Its list of layers has each with weights under two names, of which one is new."""
    inner = _nameless(folder, net())
    with h5py.File(inner, "a") as file:
        file.move("layers", "_layer_checkpoint_dependencies")
        layers = file["_layer_checkpoint_dependencies"]
        for kind in ("dense", "batch_normalization"):
            layers.move(f"{kind}_1", f"{kind}_2")
    return held(packed(folder / "f.keras", inner, config_of(net())), net())


@cache
def _resnet_spec() -> Spec:
    params: dict[str, Any] = {
        "depths": [1] * 4,
        "widths": list(WIDTHS),
        "num_classes": 5,
        "classifier_activation": "none",
    }
    return archspec.load("keras_resnet50", params=params, size=(33, 40))


def _resnet(dtype: str = "float32", seed: int = 0) -> Any:
    """keras.applications' ResNet, narrow."""
    import keras
    from keras.src.applications import resnet

    def stages(value: Any) -> Any:
        for number, width in enumerate(WIDTHS):
            value = resnet.stack_residual_blocks_v1(
                value,
                width,
                1,
                stride1=1 if number == 0 else 2,
                name=f"conv{number + 2}",
            )
        return value

    before = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_dtype_policy(dtype)
    keras.config.set_floatx(dtype)
    try:
        model = resnet.ResNet(
            stages,
            preact=False,
            use_bias=True,
            weights=None,
            input_shape=(33, 40, 3),
            classes=5,
            classifier_activation=None,
        )
    finally:
        keras.config.set_dtype_policy(before[0])
        keras.config.set_floatx(before[1])
    return filled(model, seed)


def _residual(path: Path, model: Any, **read: Any) -> Held:
    double = _resnet("float64")
    for mine, theirs in zip(double.variables, model.variables, strict=True):
        mine.assign(np.asarray(theirs))
    given = np.random.default_rng(1).normal(size=(2, 3, 33, 40))
    outputs = np.asarray(double(given.transpose(0, 2, 3, 1)))
    return Held(path, _resnet_spec(), given, outputs, read=tuple(read.items()))


@layout(
    "`.weights.h5` of Keras 2 or early 3 without names, of a net of keras.applications",
    oracle="Keras",
)
def by_number(folder: Path) -> Held:
    path = _nameless(folder, _resnet())
    return _residual(path, again(path, _resnet(seed=1)))


@layout(
    "a `notop` file of keras.applications", oracle="Keras", said="--new predictions"
)
def without_top(folder: Path) -> Held:
    import keras

    path, model = folder / "resnet50_notop.h5", _resnet()
    pool = model.get_layer("avg_pool")
    keras.Model(model.input, pool.output).save(path)
    again(path, keras.Model((other := _resnet(seed=1)).input, other.layers[-2].output))
    start = initial_weights(_resnet_spec().graph, 0)
    head = start["predictions.weight"].T, start["predictions.bias"]
    other.get_layer("predictions").set_weights([*head])
    return _residual(path, other, new=["predictions"])


Variables = dict[str, list[tuple[str, Any]]]


def variables(model: Any) -> Variables:
    """By layer: what Keras calls each of its variables, and the values."""
    return {
        layer.name: [(v.path.rpartition("/")[2], np.asarray(v)) for v in layer.weights]
        for layer in model.layers
    }


def legacy(
    root: Any, names: Iterable[str], held: Callable[[str], list[tuple[str, Any]]]
) -> None:
    """Writes a group as `save_weights_to_hdf5_group` of Keras 1.2.2 and 2.x does."""
    root.attrs["layer_names"] = [name.encode() for name in names]
    for name in names:
        group = root.create_group(name)
        found = held(name)
        group.attrs["weight_names"] = [key.encode() for key, _ in found]
        for key, array in found:
            group.create_dataset(key, data=array)


def second(model: Any) -> Callable[[str], list[tuple[str, Any]]]:
    """Keras 2's names of a layer's variables."""
    found = variables(model)

    def of(layer: str) -> list[tuple[str, Any]]:
        own = {"kernel": "depthwise_kernel"} if layer == "deep" else {}
        return [(f"{layer}/{own.get(k, k)}:0", array) for k, array in found[layer]]

    return of


def _second(path: Path, model: Any, backend: bytes = b"tensorflow") -> Path:
    with h5py.File(path, "w") as file:
        legacy(file, [layer.name for layer in model.layers], second(model))
        file.attrs["backend"] = backend
        file.attrs["keras_version"] = b"2.2.4"
    return path


@layout('`save_weights("f.h5")` of Keras 2', oracle="Keras", written="-o f.h5")
def second_weights(folder: Path) -> Held:
    path = _second(folder / "f.h5", net())
    return held(path, again(path, filled(net(), 1)))


@layout("a whole model in `.h5` by Keras 2, with its optimizer", oracle="Keras")
def second_model(folder: Path) -> Held:
    path, model = folder / "f.hdf5", net()
    with h5py.File(path, "w") as file:
        legacy(
            file.create_group("model_weights"),
            [layer.name for layer in model.layers],
            second(model),
        )
        file.attrs["model_config"] = json.dumps(config_of(model)).encode()
        file.attrs["keras_version"] = b"2.4.0"
        optimizer = file.create_group("optimizer_weights")
        optimizer.attrs["weight_names"] = [b"Adam/stem/kernel/m:0"]
        optimizer["Adam/stem/kernel/m:0"] = np.ones((3, 5, 3, 6), "float32")
    legacy_path = _second(folder / "weights.h5", model)
    return held(path, again(legacy_path, filled(net(), 1)))


@layout("names with TensorFlow 1's counts, `stem_1/kernel_1:0`", oracle="script")
def recounted(folder: Path) -> Held:
    def of(name: str) -> list[tuple[str, Any]]:
        return [
            (key.replace("/", "_2/").replace(":", "_1:"), array)
            for key, array in second(model)(name)
        ]

    path, model = folder / "f.h5", net()
    with h5py.File(path, "w") as file:
        legacy(file, [layer.name for layer in model.layers], of)
        file.attrs["keras_version"] = b"2.0.9"
    return held(path, model)


@layout("variables of a layer in another order than Keras has them", oracle="script")
def reordered(folder: Path) -> Held:
    path, model = folder / "f.h5", net()
    with h5py.File(path, "w") as file:
        names = [layer.name for layer in model.layers]
        legacy(file, names, lambda name: second(model)(name)[::-1])
    return held(path, model)


@layout("lists of names that are cut up, as those of deep nets are", oracle="Keras")
def cut_up(folder: Path) -> Held:
    path = _second(folder / "f.h5", net())
    with h5py.File(path, "a") as file:
        names = file.attrs["layer_names"]
        del file.attrs["layer_names"]
        for number in range(0, len(names), 4):
            file.attrs[f"layer_names{number // 4}"] = names[number : number + 4]
    return held(path, again(path, filled(net(), 1)))


FROZEN = ("stem", "norm")


@layout(
    "a net inside another model in Keras 2's `.h5`, some of its layers frozen",
    oracle="Keras",
    said="--prefix backbone/",
)
def frozen(folder: Path) -> Held:
    """All that trains comes first, then all that doesn't: `Model.weights` of Keras 2."""
    path, inner = folder / "f.h5", net()
    of = second(inner)
    ours = [(layer.name, *found) for layer in inner.layers for found in of(layer.name)]

    def resting(item: tuple[str, str, Any]) -> bool:
        return item[0] in FROZEN or "moving" in item[1]

    ordered = [(key, array) for _, key, array in sorted(ours, key=resting)]
    whole = outer(filled(net(), 1), FROZEN)
    top = [(f"top/{k}:0", v) for k, v in variables(whole)["top"]]
    with h5py.File(path, "w") as file:
        held_by = {"backbone": ordered, "top": top}
        names = [layer.name for layer in whole.layers]
        legacy(file, names, lambda name: held_by.get(name, []))
        file.attrs["keras_version"] = b"2.10.0"
    return held(path, again(path, whole).get_layer("backbone"), **TOP)

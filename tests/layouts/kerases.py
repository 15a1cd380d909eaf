"""Files of Keras 3, by itself: models, weights, parts of models."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from layouts.layout import Held, layout

import archspec
from archspec.spec import Spec
from archspec.weights import Wish

NET = """
archspec: 1
name: tiny
inputs: {image: [3, 15, 19]}
defaults: {batch_norm: {eps: 0.001}}
graph:
  stem: {op: conv2d, channels: 6, kernel: [3, 5], stride: 2}
  norm: batch_norm
  act: relu
  deep: {op: conv2d, channels: 6, kernel: 3, groups: 6, bias: false}
  up: {op: conv_transpose2d, channels: 5, kernel: [2, 3], stride: 2}
  flat: {op: flatten, order: hwc}
  hidden: {op: linear, features: 7}
  hidden_norm: batch_norm
  hidden_act: relu
  fc: {op: linear, features: 4}
"""


@cache
def spec(deep: bool = True) -> Spec:
    """The net of these files, with or without a depthwise convolution."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.yaml"
        lines = NET.splitlines(keepends=True)
        path.write_text("".join(n for n in lines if deep or "deep:" not in n))
        return archspec.load(path)


def net(
    dtype: str = "float32", name: str = "backbone", *, deep: bool = True, **norm: Any
) -> Any:
    """The net as a Keras model."""
    import keras
    from keras import layers

    given: dict[str, Any] = {"dtype": dtype}
    image = keras.Input((15, 19, 3), dtype=dtype)
    value = layers.Conv2D(6, (3, 5), 2, name="stem", **given)(image)
    value = layers.BatchNormalization(name="norm", **given, **norm)(value)
    value = layers.ReLU(name="act", **given)(value)
    if deep:
        made = layers.DepthwiseConv2D(3, use_bias=False, name="deep", **given)
        value = made(value)
    value = layers.Conv2DTranspose(5, (2, 3), 2, name="up", **given)(value)
    value = layers.Flatten(name="flat", **given)(value)
    value = layers.Dense(7, name="hidden", **given)(value)
    value = layers.BatchNormalization(name="hidden_norm", **given)(value)
    value = layers.ReLU(name="hidden_act", **given)(value)
    value = layers.Dense(4, name="fc", **given)(value)
    return filled(keras.Model(image, value, name=name))


def filled(model: Any, seed: int = 0) -> Any:
    """A model with random state, each number of which is a float32."""
    draw = np.random.default_rng(seed)
    for variable in model.variables:
        shape = tuple(variable.shape)
        fan = max(1, int(np.prod(shape[:-1])))
        array = draw.normal(0, (2 / fan) ** 0.5, shape)
        if len(shape) < 2:
            array = draw.uniform(0.5, 1.5, shape)
        if variable.dtype != "int64" and "seed" not in variable.path:
            variable.assign(array.astype(np.float32))
    return model


def images() -> Any:
    return np.random.default_rng(1).normal(size=(2, 3, 15, 19))


@cache
def _double(deep: bool) -> Any:
    return net("float64", deep=deep)


def arrays(model: Any) -> dict[str, Any]:
    """A model's variables, by layer and attribute."""
    import keras

    found = {}
    for layer in model.layers:
        for variable in layer.weights:
            key = f"{layer.name}/{variable.path.rpartition('/')[2]}"
            value = keras.ops.convert_to_numpy(variable)
            found[key] = np.asarray(value, np.float64)
    return found


def held(path: Path, model: Any, deep: bool = True, **read: Any) -> Held:
    """A file, and what the net computes with a model's variables."""
    wish = read.pop("wish", Wish())
    state = arrays(model)
    double = _double(deep)
    for layer in double.layers:
        for variable in layer.weights:
            attribute = variable.path.rpartition("/")[2]
            usual = np.ones if attribute == "gamma" else np.zeros
            default = usual(tuple(variable.shape))
            variable.assign(state.get(f"{layer.name}/{attribute}", default))
    given = images()
    outputs = np.asarray(double(given.transpose(0, 2, 3, 1)))
    return Held(path, spec(deep), given, outputs, wish, tuple(read.items()))


def again(path: Path, model: Any) -> Any:
    """Another model into which Keras' own loader has read a file."""
    model.load_weights(path)
    return model


def whole(path: Path) -> Any:
    """The model that Keras' own loader makes of a file."""
    import keras

    return keras.models.load_model(path, compile=False)


# Keras 3


@layout('`model.save("f.keras")` of Keras 3', oracle="Keras", written="-o f.keras")
def keras_file(folder: Path) -> Held:
    path = folder / "f.keras"
    net().save(path)
    return held(path, whole(path))


@layout(
    '`model.save_weights("f.weights.h5")`', oracle="Keras", written="-o f.weights.h5"
)
def weights_file(folder: Path) -> Held:
    path = folder / "f.weights.h5"
    net().save_weights(path)
    return held(path, again(path, filled(net(), 1)))


@layout('`model.save("f.h5")` of Keras 3', oracle="Keras")
def whole_legacy(folder: Path) -> Held:
    path = folder / "f.h5"
    net().save(path)
    return held(path, whole(path))


@layout('`model.save("folder", zipped=False)`', oracle="Keras")
def unzipped(folder: Path) -> Held:
    import keras

    keras.saving.save_model(net(), folder / "saved", zipped=False)
    return held(folder / "saved", whole(folder / "saved"))


def _trained(path: Path) -> Held:
    model = net()
    model.compile("adam", "mse", metrics=["mae"], run_eagerly=True)
    model.train_on_batch(images().transpose(0, 2, 3, 1), np.zeros((2, 4)))
    model.save(path)
    return held(path, whole(path))


@layout("a trained `.keras`, with its optimizer and metrics", oracle="Keras")
def trained(folder: Path) -> Held:
    return _trained(folder / "f.keras")


@layout("a trained `.h5`, with its optimizer", oracle="Keras")
def trained_legacy(folder: Path) -> Held:
    return _trained(folder / "f.h5")


def _half(path: Path, dtype: str) -> Held:
    net(dtype).save(path)
    return held(path, whole(path))


@layout("bfloat16 in `.keras`", oracle="Keras")
def brain(folder: Path) -> Held:
    return _half(folder / "f.keras", "bfloat16")


@layout("float16 in `.keras`", oracle="Keras")
def half(folder: Path) -> Held:
    return _half(folder / "f.keras", "float16")


@layout("float16 in `.h5`", oracle="Keras")
def half_legacy(folder: Path) -> Held:
    return _half(folder / "f.h5", "float16")


@layout("`.h5` of Keras on PyTorch or JAX", oracle="Keras")
def on_another_backend(folder: Path) -> Held:
    """Such a file says so, and is the same otherwise (seen on both)."""
    path = folder / "f.h5"
    net().save(path)
    with h5py.File(path, "a") as file:
        for group in (file, file["model_weights"]):
            assert group.attrs["backend"] == "tensorflow"
            group.attrs["backend"] = "jax"
    return held(path, whole(path))


# Models in models

TOP: dict[str, Any] = {"wish": Wish(prefix="backbone/")}


def outer(inner: Any, frozen: Sequence[str] = ()) -> Any:
    """A net with layers before and behind it, as one retrains a part."""
    import keras
    from keras import layers

    scaling = layers.Normalization(mean=[0.4, 0.5, 0.6], variance=[0.1, 0.2, 0.3])
    for name in frozen:
        inner.get_layer(name).trainable = False
    top = layers.Dense(2, name="top")
    front = [keras.Input((15, 19, 3)), layers.Rescaling(1 / 255), scaling]
    return keras.Sequential([*front, inner, layers.Dropout(0.5), top])


@layout(
    "`Sequential([Rescaling(…), net, Dense(…)])` in `.keras`",
    oracle="Keras",
    said="--prefix backbone/",
)
def inside(folder: Path) -> Held:
    path = folder / "f.keras"
    outer(net()).save(path)
    return held(path, whole(path).get_layer("backbone"), **TOP)


@layout("the same in `.weights.h5`", oracle="Keras", said="--prefix backbone/")
def inside_weights(folder: Path) -> Held:
    path = folder / "f.weights.h5"
    outer(net()).save_weights(path)
    whole = again(path, outer(filled(net(), 1)))
    return held(path, whole.get_layer("backbone"), **TOP)


@layout(
    "the same in `.h5`, some layers frozen",
    oracle="Keras",
    said="--prefix backbone/",
)
def inside_legacy(folder: Path) -> Held:
    path = folder / "f.h5"
    outer(net(), frozen=["stem", "hidden_norm"]).save(path)
    return held(path, whole(path).get_layer("backbone"), **TOP)


def _twice(inner: Any) -> Any:
    import keras

    image = keras.Input((15, 19, 3))
    value = keras.layers.Dense(2, name="top")(inner(image))
    middle = keras.Model(image, value, name="middle")
    return keras.Sequential([keras.Input((15, 19, 3)), middle], name="outer")


def _inner(model: Any) -> Any:
    return model.get_layer("middle").get_layer("backbone")


DEEP: dict[str, Any] = {"wish": Wish(prefix="middle/backbone/")}


@layout(
    "a model in a model in a model, `.weights.h5`",
    oracle="Keras",
    said="--prefix middle/backbone/",
)
def twice(folder: Path) -> Held:
    path = folder / "f.weights.h5"
    _twice(net()).save_weights(path)
    return held(path, _inner(again(path, _twice(filled(net(), 1)))), **DEEP)


@layout("the same in `.h5`", oracle="Keras", said="--allow-extra 'top/*'")
def twice_legacy(folder: Path) -> Held:
    path = folder / "f.h5"
    _twice(net()).save(path)
    return held(path, _inner(whole(path)), allow_extra=("top/*",))


def _subclassed() -> Any:
    import keras

    class Classifier(keras.Model):  # type: ignore[misc]  # keras has no types
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            self.encoder = net()
            self.top = keras.layers.Dense(2, name="top")

        def call(self, value: Any) -> Any:
            return self.top(self.encoder(value))

    model = Classifier()
    model(np.zeros((1, 15, 19, 3), "float32"))
    return model


@layout(
    "a subclassed model with a net in it, `.weights.h5`",
    oracle="Keras",
    said="--prefix backbone/",
)
def subclassed(folder: Path) -> Held:
    path = folder / "f.weights.h5"
    _subclassed().save_weights(path)
    return held(path, again(path, filled(_subclassed(), 1)).encoder, **TOP)


@layout("the same in `.keras`", oracle="Keras", said="--prefix backbone/")
def subclassed_file(folder: Path) -> Held:
    path = folder / "f.keras"
    _subclassed().save(path)
    return held(path, again(path, filled(_subclassed(), 1)).encoder, **TOP)


# Parts of norms


@layout(
    "`BatchNormalization(scale=False)` for a net whose norm has a factor, `.h5`",
    oracle="Keras",
)
def without_scale(folder: Path) -> Held:
    path = folder / "f.h5"
    net(scale=False).save(path)
    return held(path, whole(path))


@layout(
    "`BatchNormalization(center=False)` for a net whose norm has an offset, `.keras`",
    oracle="Keras",
)
def without_center(folder: Path) -> Held:
    path = folder / "f.keras"
    net(center=False).save(path)
    return held(path, whole(path))

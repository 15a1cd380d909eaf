"""The two samples of Keras code compute what the models of our specs compute."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray
from published import distance

import archspec
from archspec.backend import backend
from archspec.graph import Graph

TOLERANCE = 1e-12
DRAW = np.random.default_rng(5)
SEQUENCE = {
    "Conv2D": ("weight", "bias"),
    "Dense": ("weight", "bias"),
    "BatchNormalization": ("weight", "bias", "running_mean", "running_var"),
}
"""The order of `layer.get_weights()`, in canonical names."""
KINDS = {"Conv2D": "conv2d", "Dense": "linear", "BatchNormalization": "batch_norm"}


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    """Keras makes layers of float64."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


def sample_vgg16(size: int = 224, hidden: int = 4096) -> Any:
    """VGG-16 as a Sequential model."""
    model = keras.Sequential()
    model.add(layers.Input((size, size, 3)))
    model.add(layers.Conv2D(64, (3, 3), padding="same", activation="relu"))
    model.add(layers.Conv2D(64, (3, 3), padding="same", activation="relu"))
    model.add(layers.MaxPooling2D((2, 2), strides=(2, 2)))
    model.add(layers.Conv2D(128, (3, 3), padding="same", activation="relu"))
    model.add(layers.Conv2D(128, (3, 3), padding="same", activation="relu"))
    model.add(layers.MaxPooling2D((2, 2), strides=(2, 2)))
    model.add(layers.Conv2D(256, (3, 3), padding="same", activation="relu"))
    model.add(layers.Conv2D(256, (3, 3), padding="same", activation="relu"))
    model.add(layers.Conv2D(256, (3, 3), padding="same", activation="relu"))
    model.add(layers.MaxPooling2D((2, 2), strides=(2, 2)))
    model.add(layers.Conv2D(512, (3, 3), padding="same", activation="relu"))
    model.add(layers.Conv2D(512, (3, 3), padding="same", activation="relu"))
    model.add(layers.Conv2D(512, (3, 3), padding="same", activation="relu"))
    model.add(layers.MaxPooling2D((2, 2), strides=(2, 2)))
    model.add(layers.Conv2D(512, (3, 3), padding="same", activation="relu"))
    model.add(layers.Conv2D(512, (3, 3), padding="same", activation="relu"))
    model.add(layers.Conv2D(512, (3, 3), padding="same", activation="relu"))
    model.add(layers.MaxPooling2D((2, 2), strides=(2, 2)))
    model.add(layers.Flatten())
    model.add(layers.Dense(hidden, activation="relu"))
    model.add(layers.Dense(hidden, activation="relu"))
    model.add(layers.Dense(1000, activation="softmax"))
    return model


def residual_block(x: Any, filters: int, stride: int = 1) -> Any:
    """A basic block; one with a stride projects its shortcut."""
    shortcut = x
    x = layers.Conv2D(filters, (3, 3), strides=stride, padding="same")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    x = layers.Conv2D(filters, (3, 3), padding="same")(x)
    x = layers.BatchNormalization()(x)
    if stride > 1:
        shortcut = layers.Conv2D(filters, (1, 1), strides=stride, padding="same")(
            shortcut
        )
        shortcut = layers.BatchNormalization()(shortcut)
    x = layers.Add()([x, shortcut])
    return layers.Activation("relu")(x)


def sample_resnet(
    size: tuple[int, int] = (224, 224), more: tuple[int, ...] = ()
) -> Any:
    """The small residual net as a functional model; `more` are stages of one block."""
    inputs = layers.Input((*size, 3))
    x = layers.Conv2D(64, (7, 7), strides=2, padding="same")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    x = layers.MaxPooling2D((3, 3), strides=2, padding="same")(x)
    x = residual_block(x, 64)
    x = residual_block(x, 64)
    x = residual_block(x, 64)
    for filters in more:
        x = residual_block(x, filters, stride=2)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(1000, activation="softmax")(x)
    return keras.Model(inputs, outputs)


def randomise(model: Any) -> None:
    """Gives a model random weights and statistics, an array at a time."""
    for layer in model.layers:
        weights = layer.get_weights()
        for name, array in zip(
            SEQUENCE.get(type(layer).__name__, ()), weights, strict=True
        ):
            if name == "running_var":
                array[:] = DRAW.uniform(0.5, 1.5, array.shape)
            elif array.ndim == 1:
                array[:] = DRAW.normal(0.5, 0.3, array.shape)
            else:
                DRAW.standard_normal(out=array)
                # Small logits: a saturated softmax would hide differences.
                array *= (0.5 / array[..., 0].size) ** 0.5
        layer.set_weights(weights)


def canonical(model: Any, graph: Graph) -> dict[str, NDArray[np.float64]]:
    """A model's weights in torch's layouts, under the names of a spec's nodes.

    Layers and nodes have different names; of one kind, they come in the same order.
    """
    made: dict[str, NDArray[np.float64]] = {}
    nodes = {
        kind: iter([node.name for node in graph.nodes if node.op.kind == op])
        for kind, op in KINDS.items()
    }
    for layer in model.layers:
        kind = type(layer).__name__
        if kind not in SEQUENCE:
            continue
        name = next(nodes[kind])
        for part, array in zip(SEQUENCE[kind], layer.get_weights(), strict=True):
            if array.ndim == 4:
                array = array.transpose(3, 2, 0, 1)
            elif array.ndim == 2:
                array = array.T
            made[f"{name}.{part}"] = np.ascontiguousarray(array)
    return made


def check(sample: Any, spec: archspec.Spec, size: tuple[int, int]) -> None:
    """Both backends give the sample's output; `sample` is a list, to be emptied.

    One model at a time is in memory beside the weights.
    """
    model = sample.pop()
    randomise(model)
    image = DRAW.normal(size=(1, *size, 3))
    wanted = np.asarray(model(image, training=False))
    assert wanted.max() < 0.9
    weights = canonical(model, spec.graph)
    del model
    keras.backend.clear_session()
    given = {"image": image.transpose(0, 3, 1, 2)}
    for name in ("torch", "keras"):
        chosen = backend(name)
        ours = spec.build(name, weights=weights, dtype="float64")
        (found,) = chosen.forward(spec.graph, ours, given).values()
        del ours
        assert distance(found, wanted) <= TOLERANCE


SIZES = [
    (97, 65),
    pytest.param((224, 224), marks=pytest.mark.proof),
    pytest.param((112, 99), marks=pytest.mark.proof),
]


def test_vgg16_narrow() -> None:
    """At 64 pixels and with a narrow head; the next test takes it as it is."""
    spec = archspec.load("sample_vgg16", size=(64, 64), hidden=48)
    check([sample_vgg16(64, 48)], spec, (64, 64))


@pytest.mark.proof
def test_vgg16() -> None:
    model = sample_vgg16()
    spec = archspec.load("sample_vgg16")
    assert model.count_params() == spec.graph.parameter_count() == 138_357_544
    sample = [model]
    del model
    check(sample, spec, (224, 224))


@pytest.mark.parametrize("size", SIZES)
def test_resnet(size: tuple[int, int]) -> None:
    """`same` pads differently at each of these sizes."""
    model = sample_resnet(size)
    spec = archspec.load("sample_resnet", size=size)
    counted = spec.graph.parameter_count() + spec.graph.buffer_count()
    assert model.count_params() == counted
    check([model], spec, size)


@pytest.mark.parametrize("size", SIZES[:2])
def test_resnet_projects(size: tuple[int, int]) -> None:
    """A block with a stride has a 1x1 convolution and a norm in its shortcut."""
    spec = archspec.load(
        "sample_resnet", size=size, depths=(3, 1, 1), widths=(64, 32, 48)
    )
    check([sample_resnet(size, (32, 48))], spec, size)

"""keras.applications' nets: ours are equal, and their files go in and out by command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import keras
import numpy as np
import pytest
import scipy.special
from keras.src.legacy.saving import legacy_h5_format
from nets import randomised
from numpy.typing import NDArray
from proofs import sampled
from published import distance
from typer.testing import CliRunner

import archspec
from archspec.backend import backend
from archspec.cli.app import application
from archspec.weights import load

TOLERANCE = 1e-12
NETS = {
    "keras_resnet50": "ResNet50",
    "keras_resnet50v2": "ResNet50V2",
    "keras_vgg16": "VGG16",
    "keras_resnet101": "ResNet101",
    "keras_resnet152": "ResNet152",
    "keras_resnet101v2": "ResNet101V2",
    "keras_resnet152v2": "ResNet152V2",
    "keras_vgg19": "VGG19",
}
"""Our spec, and the function of keras.applications."""
SIZE = 32
FILES = (".weights.h5", ".keras", ".h5", "published.h5")
"""What Keras saves, and `published.h5`, the layout of its published weights."""
FEW = (".weights.h5", "published.h5")
"""The other two hold the same, as tests/layouts has them of narrow nets."""
LARGE = "keras_vgg16"
"""Its files are: a sister has all of them."""
COUNTED = {
    "keras_resnet50": (25_636_712, 25_583_592),
    "keras_resnet101": (44_707_176, 44_601_832),
    "keras_resnet152": (60_419_944, 60_268_520),
    "keras_resnet50v2": (25_613_800, 25_568_360),
    "keras_resnet101v2": (44_675_560, 44_577_896),
    "keras_resnet152v2": (60_380_648, 60_236_904),
    "keras_vgg16": (138_357_544, 138_357_544),
    "keras_vgg19": (143_667_240, 143_667_240),
}
"""All parameters, and the trainable ones, as `summary()` of the library counts them."""

Arrays = dict[str, NDArray[Any]]


class Published(NamedTuple):
    """A net of keras.applications, random, with an image and what it makes of it."""

    name: str
    model: Any
    image: NDArray[Any]
    output: NDArray[Any]


@pytest.fixture(scope="module", autouse=True)
def double() -> Iterator[None]:
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


@pytest.fixture(
    scope="module",
    params=sampled(NETS, ["keras_resnet50"]),
)
def net(request: pytest.FixtureRequest) -> Published:
    name = request.param
    make = getattr(keras.applications, NETS[name])
    model = make(weights=None, input_shape=(SIZE, SIZE, 3))
    draw = np.random.default_rng(0)
    for variable in model.weights:
        shape = variable.shape
        if variable.path.endswith("moving_variance"):
            variable.assign(draw.uniform(0.5, 1.5, shape))
        elif len(shape) == 1:
            variable.assign(draw.normal(0.5, 0.3, shape))
    image = draw.normal(size=(2, 3, SIZE, SIZE))
    made = model(image.transpose(0, 2, 3, 1), training=False)
    output = keras.ops.convert_to_numpy(made)
    assert np.isfinite(output).all() and output.std() > 0
    return Published(name, model, image, output)


def save(model: Any, path: Path) -> None:
    """As Keras saves, and, for `published.h5`, as its published weights are stored."""
    if path.name == "published.h5":
        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, model)
    elif path.name.endswith(".weights.h5"):
        model.save_weights(path)
    else:
        model.save(path)


def convert(*arguments: object) -> str:
    result = CliRunner().invoke(
        application(), ["weights", "convert", *map(str, arguments)]
    )
    assert result.exit_code == 0, result.stderr
    return result.stdout


def variables(path: Path) -> Arrays:
    """Every variable of the layers in a file, by the layer's name and its position."""
    found: Arrays = {}
    with h5py.File(path) as file:
        if "layers" in file:
            for layer in file["layers"].values():
                for number, data in layer["vars"].items():
                    found[f"{layer['vars'].attrs['name']}/{number}"] = data[()]
            return found
        root = file.get("model_weights", file)
        for name in root.attrs["layer_names"]:
            layer = root[name]
            for number, weight in enumerate(layer.attrs["weight_names"]):
                text = name.decode() if isinstance(name, bytes) else name
                found[f"{text}/{number}"] = layer[weight][()]
    return found


def same(left: Arrays, right: Arrays) -> bool:
    return left.keys() == right.keys() and all(
        np.array_equal(left[key], right[key]) and left[key].dtype == right[key].dtype
        for key in left
    )


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("files", sampled([[*FEW], [*FILES]], [[*FEW]]), ids=len)
def test_files_in_and_out(net: Published, files: list[str], tmp_path: Path) -> None:
    if net.name == LARGE:
        files = [*FEW]
    spec = archspec.load(net.name, size=(SIZE, SIZE))
    first: Arrays = {}
    for suffix in files:
        original = tmp_path / (suffix if suffix[0] == "p" else f"theirs{suffix}")
        save(net.model, original)
        ours = tmp_path / "ours.safetensors"
        convert(
            original, "--spec", net.name, "--input-size", SIZE, "--force", "-o", ours
        )
        arrays = load(ours)
        if not first:
            first = {name: array.copy() for name, array in arrays.items()}
            for name in ("torch", "keras"):
                model = backend(name).build(spec.graph, arrays, dtype="float64")
                made = backend(name).forward(spec.graph, model, {"image": net.image})
                assert distance(made[""], net.output) <= TOLERANCE
        assert same(arrays, first)
    theirs = variables(tmp_path / "theirs.weights.h5")
    assert len(theirs) == len(net.model.weights)
    assert same(variables(tmp_path / "published.h5"), theirs)
    make = getattr(keras.applications, NETS[net.name])
    for suffix in (".weights.h5", ".h5"):
        back = tmp_path / f"back{suffix}"
        options = ("--to", "keras.applications", "--input-size", SIZE)
        convert(ours, "--spec", net.name, *options, "-o", back)
        assert same(variables(back), theirs)
        read = make(weights=str(back), input_shape=(SIZE, SIZE, 3))
        values = [keras.ops.convert_to_numpy(v) for v in read.weights]
        wanted = [keras.ops.convert_to_numpy(v) for v in net.model.weights]
        assert all(map(np.array_equal, values, wanted))


NAMED = ("Add", "Activation", "MaxPooling2D", "GlobalAveragePooling2D", "Flatten")
"""Layers without weights that the library names; not its V2 nets' `max_pooling2d`."""


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_layers_have_the_names_of_the_library(net: Published, tmp_path: Path) -> None:
    """And so its weights are loaded by name."""
    graph = archspec.load(net.name, size=(SIZE, SIZE)).graph
    ours = backend("keras").build(graph, randomised(graph), dtype="float64")
    theirs = net.model.layers
    named = [x for x in theirs if x.weights or type(x).__name__ in NAMED]
    wanted = [x.name for x in named if not x.name.startswith("max_pooling2d")]
    assert len(wanted) > len({x.name for x in theirs if x.weights})
    assert not set(wanted).difference(x.name for x in ours.layers)
    weighted = [x.name for x in theirs if x.weights]
    assert sorted(weighted) == sorted(x.name for x in ours.layers if x.weights)
    path = tmp_path / "published.h5"
    save(net.model, path)
    ours.load_weights(path, by_name=True)
    (found,) = backend("keras").forward(graph, ours, {"image": net.image}).values()
    assert distance(found, net.output) <= TOLERANCE


@pytest.mark.parametrize("name", NETS)
def test_counts(name: str) -> None:
    graph = archspec.load(name).graph
    trained = graph.parameter_count()
    assert (trained + graph.buffer_count(), trained) == COUNTED[name]


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("keras_resnet50", {"depths": [1] * 4, "widths": [4] * 4}),
        ("keras_resnet50v2", {"depths": [1] * 4, "widths": [4] * 4}),
        ("keras_vgg16", {"widths": [4] * 5, "hidden": [8, 8]}),
        ("sample_resnet", {}),
        ("sample_vgg16", {"widths": [4] * 5, "hidden": 8}),
    ],
)
def test_logits(name: str, changed: dict[str, Any]) -> None:
    """As an argument of the printed function, and of the spec for the class."""
    spec = archspec.load(name, size=(SIZE, SIZE), num_classes=5, **changed)
    logits = archspec.load(
        name,
        size=(SIZE, SIZE),
        num_classes=5,
        classifier_activation="none",
        **changed,
    )
    given = {"image": np.random.default_rng(0).normal(size=(2, 3, SIZE, SIZE))}
    weights = randomised(spec.graph)
    torch, ours = backend("torch"), backend("keras")
    graph = spec.graph
    (one,) = torch.forward(
        graph, torch.build(graph, weights, dtype="float64"), given
    ).values()
    graph = logits.graph
    (other,) = torch.forward(
        graph, torch.build(graph, weights, dtype="float64"), given
    ).values()
    assert "; gives probabilities." in spec.codegen("torch").text
    assert "; gives logits." in logits.codegen("torch").text
    assert distance(scipy.special.softmax(other, 1), one) <= TOLERANCE
    for said in ("linear", None):
        model = ours.build(
            spec.graph,
            weights,
            dtype="float64",
            arguments={"classifier_activation": said},
        )
        (found,) = ours.forward(spec.graph, model, given).values()
        assert distance(found, other) <= TOLERANCE


@pytest.mark.parametrize("name", ["keras_resnet50", "keras_resnet50v2"])
def test_a_stage_of_one_block_keeps_its_stride(name: str) -> None:
    spec = archspec.load(name, depths=[1, 1, 1, 1])
    shapes = spec.graph.shapes()
    assert shapes[spec.graph.taps["c5"]][1:] == (7, 7)

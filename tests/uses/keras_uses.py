"""Uses of printed Keras nets, run one by one: the Keras half of docs/uses.md.

`python -m uses.keras_uses` runs all and writes the table of docs/uses.md anew; with the
name of an engine and of a net it says in JSON what that raises there.

Every use is compared with what the net itself computes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "uses.md"
MARK = "<!-- keras -->"
SIZE = 64
OTHER = 96, 65
"""Another height and width."""
SMALL = {"depths": [1, 1, 1, 1], "widths": [16, 32, 32, 64], "num_classes": 10}
VGG = {"widths": [8, 16, 16, 32, 32], "hidden": [32, 32], "num_classes": 10}
NETS: dict[str, tuple[dict[str, Any], str]] = {
    "resnet18": (SMALL, "layer4_0_relu2"),
    "resnet50": (SMALL, "layer4_0_relu3"),
    "resnext50_32x4d": (SMALL, "layer4_0_relu3"),
    "seresnet50": (SMALL, "layer4_0_relu3"),
    "resnet50_gn": (SMALL | {"widths": [32, 32, 64, 64]}, "layer4_0_relu3"),
    "resnet50d": (SMALL, "layer4_0_relu3"),
    "resnetrs50": (SMALL, "layer4_0_relu3"),
    "resnetv2_50": (SMALL, "act"),
    "wrn_16_8": ({"depths": [1, 1, 1], "widths": [16, 32, 64]}, "act"),
    "vgg11_bn": (VGG, "features_27"),
    "keras_resnet50": (SMALL, "conv5_block1_out"),
    "keras_resnet50v2": (SMALL, "post_relu"),
    "keras_vgg16": (VGG, "block5_conv3"),
}
"""Specs, what makes them quick, and the layer that Grad-CAM looks at."""

Arrays = list[NDArray[Any]]


@dataclass
class Net:
    """A net that a use gets: its function, one of its models, images and outputs."""

    make: Callable[..., Any]
    model: Any
    images: NDArray[Any]
    wanted: Arrays
    seen: str
    folder: Path


def arrays(made: Any) -> Arrays:
    """What a model gives, as arrays."""
    import keras

    return [keras.ops.convert_to_numpy(x) for x in keras.tree.flatten(made)]


def check(found: Sequence[Any], wanted: Arrays, most: float = 1e-4) -> None:
    """Asserts that outputs, in any order, are nearly equal."""
    left = [np.asarray(array, "float64") for array in found]
    assert len(left) == len(wanted)
    for array in wanted:
        same = [other for other in left if other.shape == array.shape]
        away = min(float(np.linalg.norm(x - array)) for x in same)
        assert away <= most * float(np.linalg.norm(array)), away


def saved(net: Net, suffix: str) -> None:
    """Saves and loads a whole model."""
    import keras

    net.model.save(net.folder / f"net{suffix}")
    loaded = keras.saving.load_model(net.folder / f"net{suffix}")
    check(arrays(loaded(net.images)), net.wanted, 1e-6)


def saved_model(net: Net) -> None:
    """Exports for TensorFlow, and runs what is read."""
    import tensorflow as tf

    net.model.export(net.folder / "saved", verbose=False)
    loaded = tf.saved_model.load(net.folder / "saved")
    check(arrays(loaded.serve(net.images)), net.wanted)


def lite(net: Net, *, whole: bool) -> None:
    """Converts for LiteRT, in floats or in 8-bit integers, and interprets."""
    import tensorflow as tf

    fixed = net.make(input_shape=net.images.shape[1:])
    fixed.set_weights(net.model.get_weights())
    converter = tf.lite.TFLiteConverter.from_keras_model(fixed)
    if whole:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([x[None]] for x in net.images)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], net.images[:1])
    interpreter.invoke()
    outputs = interpreter.get_output_details()
    found = [interpreter.get_tensor(item["index"]) for item in outputs]
    wanted = [array[:1] for array in net.wanted]
    check(found, wanted, 0.25 if whole else 1e-4)


def trained(model: Any, images: NDArray[Any], **options: Any) -> None:
    """Fits for an epoch of two steps, from tf.data where that is there."""
    import keras

    outputs = keras.tree.map_structure(
        lambda x: np.zeros(x.shape, "float32"), model(images, training=False)
    )
    before = [np.array(weight) for weight in model.trainable_weights]
    model.compile("sgd", "mse", **options)
    data: dict[str, Any] = {"x": images, "y": outputs, "batch_size": 2}
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        data = {"x": tf.data.Dataset.from_tensor_slices((images, outputs)).batch(2)}
    history = model.fit(**data, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    after = [np.array(weight) for weight in model.trainable_weights]
    assert any(not np.array_equal(*pair) for pair in zip(before, after, strict=True))


def twin(net: Net) -> Any:
    """Another model of the net, with the same weights."""
    made = net.make(input_shape=net.images.shape[1:])
    made.set_weights(net.model.get_weights())
    return made


def fit(net: Net) -> None:
    """Fits by `fit`."""
    trained(twin(net), net.images)


def mixed(net: Net) -> None:
    """Computes in bfloat16, with weights in float32, and trains so."""
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        made = twin(net)
        assert {weight.dtype for weight in made.trainable_weights} == {"float32"}
        check(arrays(made(net.images)), net.wanted, 0.1)
        trained(made, net.images)
    finally:
        keras.config.set_dtype_policy("float32")


def jit(net: Net) -> None:
    """Compiles by XLA: predicts and trains."""
    made = twin(net)
    made.compile("sgd", "mse", jit_compile=True)
    check(arrays(made.predict(net.images, verbose=0)), net.wanted, 1e-3)
    trained(made, net.images, jit_compile=True)


def quantized(net: Net) -> None:
    """Quantizes to int8 in place: Keras does so with its dense layers."""
    made = twin(net)
    made.quantize("int8")
    check(arrays(made(net.images)), net.wanted, 0.1)


def cloned(net: Net) -> None:
    """Clones by `clone_model`."""
    import keras

    made = keras.models.clone_model(net.model)
    made.set_weights(net.model.get_weights())
    check(arrays(made(net.images)), net.wanted, 1e-6)


def nested(net: Net) -> None:
    """Stands as a layer in another model, which is saved and loaded."""
    import keras

    inputs = keras.Input(net.images.shape[1:])
    outer = keras.Model(inputs, net.model(keras.layers.Rescaling(1.0)(inputs)))
    check(arrays(outer(net.images)), net.wanted, 1e-6)
    outer.save(net.folder / "outer.keras")
    loaded = keras.saving.load_model(net.folder / "outer.keras")
    check(arrays(loaded(net.images)), net.wanted, 1e-6)


def grad_cam(net: Net) -> None:
    """Where a class is seen: gradients by features, which a name finds."""
    import keras
    import tensorflow as tf

    layer = net.model.get_layer(net.seen)
    outputs = [layer.output, keras.tree.flatten(net.model.output)[0]]
    model = keras.Model(net.model.inputs, outputs)
    with tf.GradientTape() as tape:
        features, scores = model(net.images)
        best = tf.reduce_sum(tf.reduce_max(scores, axis=-1))
    slopes = tape.gradient(best, features)
    shares = tf.reduce_mean(slopes, axis=(1, 2), keepdims=True)
    seen = np.maximum(tf.reduce_sum(features * shares, -1).numpy(), 0)
    assert features.shape.rank == 4 and np.isfinite(seen).all()
    assert float(np.abs(slopes).max()) > 0


def any_size(net: Net) -> None:
    """A model without a size computes what one for the image's size does."""
    free = net.make(input_shape=(None, None, 3))
    free.set_weights(net.model.get_weights())
    check(arrays(free(net.images)), net.wanted)
    other = np.random.default_rng(2).normal(size=(1, *OTHER, 3)).astype("float32")
    fixed = net.make(input_shape=other.shape[1:])
    fixed.set_weights(net.model.get_weights())
    check(arrays(free(other)), arrays(fixed(other)))


def onnx(net: Net) -> None:
    """Exports to ONNX, and computes by onnx's own reference."""
    from onnx.reference import ReferenceEvaluator

    path = net.folder / "net.onnx"
    net.model.export(path, format="onnx", verbose=False)
    session = ReferenceEvaluator(str(path))
    made = session.run(None, {session.input_names[0]: net.images})
    check([*made], net.wanted, 1e-3)


def data_parallel(net: Net) -> None:
    """Trains on two devices of JAX, each with half of the batch."""
    import jax
    import keras

    assert len(jax.devices()) == 2
    keras.distribution.set_distribution(keras.distribution.DataParallel())
    try:
        made = twin(net)
        found = made.predict(net.images, batch_size=4, verbose=0)
        check(arrays(found), net.wanted)
        trained(made, net.images)
    finally:
        keras.distribution.set_distribution(None)


USES: dict[str, tuple[str, Callable[[Net], None]]] = {
    "`.keras`": ("tensorflow", lambda net: saved(net, ".keras")),
    "`.h5`": ("tensorflow", lambda net: saved(net, ".h5")),
    "SavedModel": ("tensorflow", saved_model),
    "LiteRT": ("tensorflow", lambda net: lite(net, whole=False)),
    "LiteRT int8": ("tensorflow", lambda net: lite(net, whole=True)),
    "ONNX": ("torch", onnx),
    "mixed bfloat16": ("tensorflow", mixed),
    "jit": ("tensorflow", jit),
    "`fit`, tf.data": ("tensorflow", fit),
    "DataParallel": ("jax", data_parallel),
    "`quantize`": ("tensorflow", quantized),
    "clone": ("tensorflow", cloned),
    "nested": ("tensorflow", nested),
    "Grad-CAM": ("tensorflow", grad_cam),
    "`(None, None, 3)`": ("tensorflow", any_size),
}
"""Each use with the engine that it is run on."""

LIMITS: dict[tuple[str, str], tuple[str, str]] = {
    ("vgg11_bn", "ONNX"): (
        "SymbolicValueError: Unsupported: ONNX export of operator adaptive_avg_pool2d",
        "torch's export, which Keras calls, has no adaptive pooling of 2 pixels to 7: "
        "images are of multiples of 224 pixels.",
    ),
    ("keras_vgg16", "`(None, None, 3)`"): (
        "ValueError: this net needs an input_shape with a height and a width",
        "The first dense layer reads all pixels, so the net is of one size: a ValueError.",
    ),
}
"""What can't be, by net and use: what is raised, and why."""


def net_of(name: str, folder: Path) -> Net:
    """A net from its printed text."""
    import keras
    from run_printed import module

    import archspec

    changed, seen = NETS[name]
    spec = ROOT / f"{name}.yaml" if "/" in name else name
    source = archspec.load(spec, **changed).codegen("keras")
    path = folder / "printed.py"
    path.write_text(source.text, encoding="utf-8")
    make = getattr(module(str(path)), source.entry)
    keras.utils.set_random_seed(0)
    model = make(input_shape=(SIZE, SIZE, 3))
    images = np.random.default_rng(0).normal(size=(4, SIZE, SIZE, 3)).astype("float32")
    wanted = arrays(model(images, training=False))
    assert all(np.isfinite(a).all() and a.std() > 0 for a in wanted)
    return Net(make, model, images, wanted, seen, folder)


def run(engine: str, name: str) -> dict[str, str]:
    """What each use of a net on an engine raises, nothing where it goes well."""
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        net = net_of(name, Path(folder))
        for use, (of, step) in USES.items():
            if of != engine:
                continue
            try:
                step(net)
            except Exception as error:  # whatever a tool raises stands in the table
                found[use] = f"{type(error).__name__}: {error}"
            else:
                found[use] = ""
            print(name, use, found[use] or "ok", file=sys.stderr, flush=True)
    return found


def measured(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """What each use of each net raises, a process for each net and engine."""
    return {name: _measured(name) for name in names}


def _measured(name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for engine in dict.fromkeys(engine for engine, _ in USES.values()):
        env = {
            **os.environ,
            "KERAS_BACKEND": engine,
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "tests", *sys.path))),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        }
        command = [sys.executable, "-m", "uses.keras_uses", engine, name]
        made = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE)
        found |= json.loads(made.stdout.splitlines()[-1])
    return {use: found[use] for use in USES}


def unexpected(found: Mapping[str, Mapping[str, str]]) -> list[str]:
    """What went otherwise than `LIMITS` say."""
    wrong = []
    for name, uses in found.items():
        for use, raised in uses.items():
            wanted = LIMITS.get((name, use), ("", ""))[0]
            if not re.match(wanted, raised) or bool(wanted) != bool(raised):
                wrong.append(f"{name}, {use}: {raised or 'goes well'}")
    return wrong


def table(found: Mapping[str, Mapping[str, str]]) -> str:
    """The section of the page."""
    notes: list[str] = []
    rows = [f"| net | {' | '.join(USES)} |", f"| --- |{' --- |' * len(USES)}"]
    for name, uses in found.items():
        cells = []
        for use, raised in uses.items():
            cell = "ok"
            if raised:
                why = LIMITS[name, use][1]
                notes += [] if why in notes else [why]
                cell = f"no ({notes.index(why) + 1})"
            cells.append(cell)
        rows.append(f"| {name.rpartition('/')[2]} | {' | '.join(cells)} |")
    told = [f"{n}. {text}" for n, text in enumerate(notes, 1)]
    return "\n".join([MARK, "", *rows, "", *told, "", MARK])


def main(arguments: Sequence[str]) -> None:
    """Runs a net on one engine, or all and writes the page's section."""
    if arguments:
        print(json.dumps(run(*arguments)))
        return
    found = measured([*NETS])
    if unexpected(found):
        sys.exit("\n".join(unexpected(found)))
    before, _, after = PAGE.read_text(encoding="utf-8").split(MARK)
    PAGE.write_text(before + table(found) + after, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

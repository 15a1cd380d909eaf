"""archspec_keras.pooling: every padding, against PyTorch and on each engine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import archspec_keras
import numpy as np
import pytest
import torch
from archspec_keras.pooling import centred, fixed, halves, hanging_over
from nets import errors, graph_of, randomised
from proofs import sampled
from torch.nn import functional

from archspec.ops import BY_KIND

SIZES = ((7, 8), (10, 13))


def pools() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every kind of window, as PyTorch's functions take them."""
    windows = product((1, 2, 3, 5), (1, 2, 3), (0, 1, 2), (False, True))
    for kernel, stride, padding, ceil in windows:
        if 2 * padding <= kernel:
            told = {"kernel": kernel, "stride": stride, "padding": padding}
            yield "max", {**told, "ceil_mode": ceil}
            for counted in (False, True) if padding else (True,):
                yield "avg", {**told, "ceil_mode": ceil, "count_include_pad": counted}


def check(height: int, width: int) -> None:
    """All of them, of what may be below 0 and of what is not."""
    whole, lines, wanted = np.random.default_rng(0), [], {}
    image = whole.normal(size=(2, 3, height, width))
    for number, (kind, told) in enumerate(pools()):
        given = dict(told)
        given["kernel_size"] = given.pop("kernel")
        pool = getattr(functional, f"{kind}_pool2d")
        for name, value in {"image": image, "relu": np.maximum(image, 0)}.items():
            text = ", ".join(f"{k}: {str(v).lower()}" for k, v in told.items())
            node = f"  {name}{number}: {{op: {kind}_pool2d, from: {name}, {text}}}\n"
            read = "input" if name == "image" else name
            lines.append(node.replace(f"from: {name}", f"from: {read}"))
            wanted[f"{name}{number}"] = pool(torch.from_numpy(value), **given).numpy()
    text = f"inputs: {{image: [3, {height}, {width}]}}\ngraph:\n  relu: relu\n"
    text += "".join(lines) + f"outputs: {{{', '.join(f'{n}: {n}' for n in wanted)}}}"
    graph = graph_of(text)
    model = archspec_keras.backend.build(graph, {}, dtype="float64")
    found = archspec_keras.backend.forward(graph, model, {"image": image})
    for name, array in wanted.items():
        assert np.abs(found[name] - array).max() <= 1e-12, (name, lines)


@pytest.mark.parametrize(("height", "width"), sampled(SIZES, SIZES[:1]))
def test_every_padding(height: int, width: int) -> None:
    check(height, width)


@pytest.mark.proof
@pytest.mark.parametrize("engine", ["jax", "torch"])
def test_every_padding_on_another_engine(engine: str) -> None:
    code = "from keras_engine import keep_float64; keep_float64(); "
    code += "from backends.keras.test_pooling import check; check(7, 8); check(10, 13)"
    tests = str(Path(__file__).parents[2])
    around = {**os.environ, "KERAS_BACKEND": engine, "PYTHONPATH": tests}
    subprocess.run([sys.executable, "-c", code], env=around, check=True)


def layers(pool: str, before: str = "tanh") -> list[str]:
    """The classes of the layers that are printed for a pool."""
    text = archspec_keras.backend.emit(
        graph_of(f"inputs: {{image: [2, 9, 9]}}\ngraph: {{a: {before}, n: {pool}}}")
    ).text
    body = text.partition("keras.Input(")[2].partition("return ")[0]
    found = re.findall(r"\bx = (?:layers\.)?(\w+)\(", body)
    return found[1:]


INFINITE = ["InfinitePadding2D", "MaxPooling2D"]
CEIL = ["CeilPadding2D", "MaxPooling2D"]


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("kernel: 2", ["MaxPooling2D"]),
        ("kernel: 3, padding: same", ["MaxPooling2D"]),
        ("kernel: 3, padding: [[0, 0], [0, 0]]", ["MaxPooling2D"]),
        # A window of 2 that moves by 2, or an odd one that is centred and moves by 1.
        ("kernel: 2, ceil_mode: true", ["MaxPooling2D"]),
        ("kernel: 3, stride: 1, padding: 1", ["MaxPooling2D"]),
        ("kernel: 3, stride: 1, padding: 1, ceil_mode: true", ["MaxPooling2D"]),
        ("kernel: [3, 1], stride: 1, padding: [1, 0]", ["MaxPooling2D"]),
        # The same, with a stride of its own behind it.
        ("kernel: 3, padding: 1", ["MaxPooling2D"] * 2),
        ("kernel: 5, stride: [1, 2], padding: 2", ["MaxPooling2D"] * 2),
        ("kernel: 2, padding: 1", INFINITE),
        ("kernel: [3, 2], stride: 1, padding: 1", INFINITE),
        ("kernel: 3, stride: 1, padding: [[0, 1], [1, 1]]", INFINITE),
        ("kernel: 3, stride: 2, ceil_mode: true", INFINITE),
        ("kernel: 3, stride: 2, padding: 1, ceil_mode: true", INFINITE),
        ("kernel: [2, 3], stride: 2, ceil_mode: true", INFINITE),
        # A last window may begin behind the image.
        ("kernel: 2, padding: 1, ceil_mode: true", CEIL),
        ("kernel: 2, stride: 3, ceil_mode: true", CEIL),
        ("kernel: [3, 2], stride: [2, 3], ceil_mode: true", CEIL),
    ],
)
def test_layers_of_a_max_pool(told: str, found: list[str]) -> None:
    """Zeros stand for all that pads with less, where nothing is below 0."""
    assert layers(f"{{op: max_pool2d, {told}}}") == found
    zeros = found in (INFINITE, ["MaxPooling2D"] * 2)
    wanted = ["ZeroPadding2D", "MaxPooling2D"] if zeros else found
    assert layers(f"{{op: max_pool2d, {told}}}", "relu") == wanted


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("kernel: 2", ["AveragePooling2D"]),
        ("kernel: 2, ceil_mode: true", ["AveragePooling2D"]),
        ("kernel: 2, stride: 1, padding: same", ["AveragePooling2D"]),
        ("kernel: 3, count_include_pad: false", ["AveragePooling2D"]),
        ("kernel: 3, padding: 1", ["ZeroPadding2D", "AveragePooling2D"]),
        ("kernel: 3, padding: same", ["CountedAveragePooling2D"]),
        ("kernel: [1, 3], padding: same", ["CountedAveragePooling2D"]),
        ("kernel: 3, stride: 2, ceil_mode: true", ["CountedAveragePooling2D"]),
        ("kernel: 2, padding: 1, ceil_mode: true", ["CountedAveragePooling2D"]),
        (
            "kernel: 3, padding: 1, count_include_pad: false",
            ["CountedAveragePooling2D"],
        ),
    ],
)
def test_layers_of_an_average_pool(told: str, found: list[str]) -> None:
    assert layers(f"{{op: avg_pool2d, {told}}}") == found


def pool_of(kind: str = "max_pool2d", **told: Any) -> Any:
    op: Any = BY_KIND[kind]
    return op(**told)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"kernel": 2}, True),
        ({"kernel": 2, "ceil_mode": False}, False),
        ({"kernel": 2, "stride": 1}, False),
        ({"kernel": 3, "stride": 2}, False),
        ({"kernel": (2, 1)}, False),
        ({"kernel": 2, "padding": (0, 1)}, False),
        ({"kernel": 2, "padding": (1, 0)}, False),
    ],
)
def test_windows_that_halve(told: dict[str, Any], found: bool) -> None:
    assert halves(pool_of(**{"ceil_mode": True} | told)) is found


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"kernel": 3, "padding": 1}, True),
        ({"kernel": 1}, True),
        ({"kernel": (5, 3), "padding": (2, 1)}, True),
        ({"kernel": (5, 3), "padding": (1, 1)}, False),
        ({"kernel": (3, 5), "padding": (1, 1)}, False),
        ({"kernel": 2, "padding": 1}, False),
        ({"kernel": 3, "padding": ((1, 0), (1, 1))}, False),
        ({"kernel": 3, "padding": ((1, 1), (0, 1))}, False),
    ],
)
def test_windows_that_are_centred(told: dict[str, Any], found: bool) -> None:
    assert centred(pool_of(**told)) is found


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"kernel": 3, "stride": (2, 1)}, ((0, 1), (0, 0))),
        ({"kernel": (4, 3), "stride": (3, 2), "padding": 1}, ((1, 3), (1, 2))),
        ({"kernel": 3, "padding": ((1, 0), (0, 1)), "stride": 2}, ((1, 1), (0, 2))),
        ({"kernel": 2}, ((0, 1), (0, 1))),
        ({"kernel": 2, "padding": 1}, None),
        ({"kernel": 2, "stride": (3, 1)}, None),
        ({"kernel": 2, "stride": (1, 3)}, None),
    ],
)
def test_room_for_a_last_window(told: dict[str, Any], found: Any) -> None:
    """A stride less one behind the image, unless a window may begin there."""
    assert hanging_over(pool_of(**told)) == found


@pytest.mark.parametrize(
    ("kind", "told", "names"),
    [
        ("max_pool2d", {"kernel": 3, "stride": 2, "padding": 1}, ""),
        ("max_pool2d", {"kernel": 3}, "stride"),
        ("max_pool2d", {"kernel": (3, 3), "stride": 2}, "kernel"),
        ("max_pool2d", {"kernel": 2, "padding": "same"}, "stride padding"),
        ("max_pool2d", {"kernel": 2, "stride": 2}, ""),
        (
            "max_pool2d",
            {"kernel": 2, "stride": 2, "ceil_mode": True},
            "kernel stride padding",
        ),
        ("max_pool2d", {"kernel": 3, "stride": 2, "ceil_mode": True}, ""),
        (
            "avg_pool2d",
            {"kernel": 2, "stride": 1, "padding": "same"},
            "kernel stride padding",
        ),
        ("avg_pool2d", {"kernel": 3, "stride": 1, "padding": "same"}, "padding"),
        ("avg_pool2d", {"kernel": 2, "stride": 1}, ""),
    ],
)
def test_sizes_that_can_not_be_arguments(
    kind: str, told: dict[str, Any], names: str
) -> None:
    assert fixed(pool_of(kind, **told)) == names.split()


def model_of(text: str, **arguments: Any) -> Any:
    from archspec.source.program import execute

    source = archspec_keras.backend.emit(graph_of(text))
    return getattr(execute(source), source.entry)(**arguments)


@pytest.mark.parametrize(
    "pool",
    [
        "{op: avg_pool2d, kernel: 2, ceil_mode: true, count_include_pad: false}",
        "{op: avg_pool2d, kernel: 2, padding: same}",
        "{op: max_pool2d, kernel: 3, stride: 2, padding: 1}",
        "{op: max_pool2d, kernel: 3, stride: 2, ceil_mode: true}",
        "{op: max_pool2d, kernel: 2, ceil_mode: true}",
        "{op: max_pool2d, kernel: 4, stride: 2, padding: 1}",
    ],
)
def test_images_of_any_size(pool: str) -> None:
    """One model for all sizes gives what a model for each gives."""
    graph = f"graph: {{pool: {pool}}}"
    model = model_of(
        f"inputs: {{image: [2, 8, 8]}}\n{graph}", input_shape=(None, None, 2)
    )
    for height, width in SIZES:
        other = graph_of(f"inputs: {{image: [2, {height}, {width}]}}\n{graph}")
        image = np.random.default_rng(1).normal(size=(1, height, width, 2))
        made = archspec_keras.backend.build(other, {})
        one, two = (np.asarray(net(image.astype("float32"))) for net in (model, made))
        assert np.array_equal(one, two)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("before", ["relu", "tanh"])
def test_int8(before: str) -> None:
    """TFLite's interpreter computes what Keras does, within what 8 bits hold."""
    tf = pytest.importorskip("tensorflow")
    graph = graph_of(
        "inputs: {image: [3, 16, 16]}\ngraph:\n"
        "  conv: {op: conv2d, channels: 4, kernel: 3, padding: 1}\n"
        f"  act: {before}\n  pool: {{op: max_pool2d, kernel: 3, stride: 2, padding: 1}}"
    )
    model = archspec_keras.backend.build(graph, randomised(graph))
    images = np.random.default_rng(0).normal(size=(8, 1, 16, 16, 3)).astype("float32")
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images[0])
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    wanted = np.asarray(model(images[0]))
    assert np.abs(found - wanted).max() <= 0.05 * np.abs(wanted).max()


BLOCK = """
inputs: {image: [3, 8, 8]}
blocks:
  head:
    params: {size: 1}
    graph:
      pool: {op: adaptive_avg_pool2d, size: =size}
      flat: flatten
  plain: {graph: {pool: {op: adaptive_max_pool2d, size: 1}, flat: flatten}}
graph:
"""


@pytest.mark.parametrize(
    ("graph", "flattens"),
    [
        ("  a: {op: adaptive_avg_pool2d, size: 1}\n  b: flatten\n", 0),
        ("  a: {graph: [{op: adaptive_max_pool2d, size: [1, 1]}, flatten]}\n", 0),
        ("  a: {block: plain}\n", 0),
        # What reads the pixel, or is said elsewhere, keeps it.
        ("  a: {op: adaptive_avg_pool2d, size: 2}\n  b: flatten\n", 1),
        ("  a: {graph: [{op: adaptive_avg_pool2d, size: 1}]}\n  b: flatten\n", 1),
        (
            "  a: {op: adaptive_avg_pool2d, size: 1}\n  b: flatten\n"
            "  c: {op: flatten, from: a}\n  d: {op: add, from: [b, c]}\n",
            2,
        ),
        (
            "  a: {op: adaptive_avg_pool2d, size: 1}\n  b: {op: flatten, when: true}\n",
            0,
        ),
        ("  a: {block: head}\n", 1),
        (
            "  a: {block: head}\n  b: {block: head, size: 2, from: input}\n"
            "  c: {op: concat, from: [a, b]}\n",
            2,
        ),
    ],
)
def test_a_global_pool_and_a_flatten_are_one_layer(graph: str, flattens: int) -> None:
    made = graph_of(BLOCK + graph)
    text = archspec_keras.backend.emit(made).text
    assert text.count("layers.Flatten(") == flattens
    assert text.count("keepdims=True") == (0 if flattens == 0 else text.count("Global"))
    assert max(errors(made)) <= 1e-12


def test_a_pixel_that_is_an_output_stays_one() -> None:
    made = graph_of(
        "outputs: {pixel: a, all: b}\n"
        + BLOCK
        + "  a: {op: adaptive_avg_pool2d, size: 1}\n"
        "  b: flatten\n"
    )
    assert "layers.Flatten(" in archspec_keras.backend.emit(made).text
    assert max(errors(made)) <= 1e-12

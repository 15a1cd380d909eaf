"""Numbers on which floats round nothing: every order and every width gives the same."""

from __future__ import annotations

import struct
from hashlib import sha256
from math import inf, nan
from typing import Any, Literal

import numpy as np
import pytest
from nets import graph_of

import archspec
from archspec.backend import backend
from archspec.graph import Graph
from archspec.passes.stand_ins import stand_ins
from archspec.passes.with_outputs import with_outputs
from archspec.passes.without_dropout import without_dropout
from archspec.verify.dyadic import BITS, Dyadic, bits, digest, granule

SMALL: dict[str, Any] = {
    "depths": [1, 1, 1, 1],
    "widths": [8, 16, 16, 24],
    "num_classes": 10,
}


def small(name: str, **params: Any) -> Graph:
    graph = archspec.load(name, size=(64, 64), params={**SMALL, **params}).graph
    return stand_ins(without_dropout(graph))[0]


@pytest.mark.parametrize(
    ("values", "step", "count"),
    [
        ([0.75, -6.0], 0.25, 5),
        ([0.0, 0.0], 1.0, 0),
        ([], 1.0, 0),
        ([1.0], 1.0, 1),
        ([-8.0], 8.0, 1),
        ([3.0, 2.0**-20], 2.0**-20, 22),
        ([1.0, 1.0 + 2.0**-52], 2.0**-52, 53),
        ([5e-324], 5e-324, 1),
        ([0.1], 2.0**-55, 52),
    ],
)
def test_granules_and_bits(values: list[float], step: float, count: int) -> None:
    x = np.array(values)
    assert (granule(x), bits(x)) == (step, count)
    if x.size:
        assert not (x / step % 1).any()


def test_digests() -> None:
    x = np.array([[1.0, -0.0], [2.0, 3.0]], "float32")
    assert digest(x) == digest(x + 0) == digest(np.asfortranarray(x))
    assert digest(x) == digest(x.astype(">f4"))
    assert digest(x) != digest(x.T) and digest(x) != digest(x.astype("float64"))
    assert digest(x) == sha256(struct.pack("<4f", 1, 0, 2, 3)).hexdigest()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["resnet18", "seresnet50", "resnet50d", "resnetv2_50"])
def test_nothing_is_rounded(name: str, dtype: Literal["float32", "float64"]) -> None:
    """PyTorch adds in other orders, and in others again with the channels last."""
    graph = small(name)
    numbers = Dyadic(graph, 3, dtype)
    assert not numbers.loose and 0 < numbers.bits <= BITS[dtype]
    every = {node.name.replace(".", "_"): node.name for node in graph.nodes}
    whole = with_outputs(graph, every)
    for engine in ("", "channels_last"):
        torch = backend("torch").on(engine, dtype)
        copies = {name: array.copy() for name, array in numbers.weights.items()}
        model = torch.build(whole, copies, dtype=dtype)
        found = torch.forward(whole, model, numbers.inputs)
        for name, value in every.items():
            assert np.array_equal(found[name], numbers.values[value]), value


LARGE = """
inputs: {image: [3, 4, 4]}
graph:
  a: {op: multiply, from: [input, input]}
  b: {op: multiply, from: [a, a]}
  c: {op: multiply, from: [b, b]}
  d: {op: multiply, from: [c, c]}
  large: {op: resize, scale: 2, mode: bilinear}
"""


def test_a_bilinear_resize_is_exact_as_far_as_single_precision_goes() -> None:
    """TensorFlow's kernel has no other."""
    graph = graph_of(LARGE)
    numbers = Dyadic(graph, 0, "float64")
    assert BITS["float32"] < bits(numbers.values["d"]) < BITS["float64"]
    keras = backend("keras")
    model = keras.build(graph, {}, dtype="float64")
    (found,) = keras.forward(graph, model, numbers.inputs).values()
    assert not np.array_equal(found, numbers.values["large"])
    assert numbers.loose == {"large": "it takes 37 bits"}


def test_every_weight_is_a_power_of_two_with_a_sign() -> None:
    numbers = Dyadic(small("resnet18"))
    kernels = [a for a in numbers.weights.values() if a.ndim > 1]
    for kernel in kernels:
        own = np.abs(kernel[kernel != 0])
        assert own.size and (np.frexp(own)[0] == 0.5).all()
    places = [(k != 0).any((0, 1)) for k in kernels if k.shape[2:] == (3, 3)]
    assert places and np.mean(places) > 0.9  # all places of the kernels are used


@pytest.mark.parametrize(
    "name", ["resnet18", "seresnet50", "vgg11_bn", "keras_resnet50v2"]
)
def test_values_neither_grow_nor_die(name: str) -> None:
    params = {} if "resnet" in name else {"depths": [1] * 5, "widths": [8] * 5}
    graph = small(name, **params) if "vgg" not in name else stand_ins(
        without_dropout(
            archspec.load(
                name, size=(64, 64), params={"widths": [8] * 5, "hidden": [16, 16]}
            ).graph
        )
    )[0]  # fmt: skip
    numbers = Dyadic(graph)
    for node in graph.nodes:
        value = numbers.values[node.name]
        assert len(np.unique(value)) > 1, node.name
    last = next(n for n in reversed(graph.nodes) if n.op.kind != "softmax")
    assert len(np.unique(numbers.values[last.name])) > 8


def test_seeds_differ_and_repeat() -> None:
    graph = small("resnet18")
    one, again, other = Dyadic(graph, 1), Dyadic(graph, 1), Dyadic(graph, 2)
    assert one.digests() == again.digests()
    assert len(one.digests()) == len(graph.nodes)
    assert one.digests()["fc"] != other.digests()["fc"]


@pytest.mark.parametrize(
    ("op", "reason"),
    [
        ("{op: local_response_norm, size: 3}", "it divides by a sum of squares"),
        ("{op: layer_norm, affine: false}", "divides by a deviation"),
        ("{op: avg_pool2d, kernel: 3}", "bits"),
        ("{op: avg_pool2d, kernel: 3, stride: 2, padding: same}", "bits"),
        ("{op: adaptive_avg_pool2d, size: 3}", "bits"),
        ("{op: resize, size: 11, mode: bilinear}", "bits"),
        ("{op: resize, size: [8, 3], mode: bilinear}", "bits"),
        ("selu", "selu of a value between 0 and 128"),
        ("hard_sigmoid", "bits"),
    ],
)
def test_what_is_never_exact(op: str, reason: str) -> None:
    text = f"inputs: {{image: [4, 8, 8]}}\ngraph: {{one: {op}, two: relu}}"
    numbers = Dyadic(graph_of(text))
    assert reason in numbers.loose["one"]
    assert numbers.loose["two"] == "it reads 'one'"
    assert numbers.ends() == () and numbers.digests() == {}


@pytest.mark.parametrize(
    "op",
    [
        "{op: avg_pool2d, kernel: 3, padding: same}",
        "global_avg_pool2d",
        "{op: adaptive_avg_pool2d, size: 1}",
        "{op: resize, size: 7, mode: bilinear}",
    ],
)
def test_a_mean_that_is_exact_by_luck(op: str) -> None:
    """Of values that are alike: a framework may round its parts, or their places."""
    net = "{zero: {op: subtract, from: [input, input]}, one: {op: conv2d, channels: 9,"
    text = f"inputs: {{image: [2, 9, 9]}}\ngraph: {net} kernel: 1}}, two: {op}}}"
    numbers = Dyadic(graph_of(text))
    assert bits(numbers.values["two"]) < 8 and numbers.values["two"].any()
    assert "parts of many bits" in numbers.loose["two"]


def test_the_ends_are_what_is_exact_and_says_something() -> None:
    text = (
        "inputs: {image: [3, 8, 8]}\n"
        "graph: {conv: {op: conv2d, channels: 4, kernel: 1}, act: relu,"
        " lrn: {op: local_response_norm, size: 3}, last: relu}\ntaps: {c: conv}"
    )
    numbers = Dyadic(graph_of(text))
    assert numbers.ends() == ("act", "conv")
    classes = text.replace("{op: local_response_norm, size: 3}", "softmax")
    assert Dyadic(graph_of(classes)).ends() == ("act", "conv")
    classes = classes.replace(", last: relu", "")
    assert Dyadic(graph_of(classes)).ends() == ("act", "conv")


@pytest.mark.parametrize(
    "op", ["sigmoid", "tanh", "silu", "gelu", "mish", "softplus", "elu"]
)
def test_far_from_zero_all_is_exact(op: str) -> None:
    text = (
        "inputs: {image: [3, 8, 8]}\n"
        f"graph: {{conv: {{op: conv2d, channels: 8, kernel: 3}}, act: {op}}}"
    )
    numbers = Dyadic(graph_of(text))
    if op == "softplus":  # log 2 at 0
        assert "act" in numbers.loose or not (numbers.values["conv"] == 0).any()
        return
    assert not numbers.loose
    assert len(np.unique(numbers.values["act"])) > 1


def test_a_value_that_is_not_finite() -> None:
    numbers = Dyadic(graph_of("inputs: {image: [1, 2, 2]}\ngraph: {a: relu, b: relu}"))
    node = numbers.graph.nodes[0]
    for value in (inf, nan):
        made = np.full((1, 1, 2, 2), value)
        assert numbers._doubt(node, [made], made) == "it is not finite"

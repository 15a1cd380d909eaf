"""Every op in every configuration that was measured: right at two sizes, on both engines.

The oracle is `archspec.reference`, the definitions of the ops.
"""

from __future__ import annotations

from typing import Any

import pytest
from nets import graph_of, randomised
from onnx_models import TOLERANCES, error
from proofs import sampled

from archspec.errors import ArchspecError, UnsupportedError
from archspec.graph import Graph
from archspec.ops import BY_KIND

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "conv2d": (
        "channels: 4, kernel: 3, padding: 1",
        "channels: 4, kernel: 3, stride: 2, padding: 1",
        "channels: 4, kernel: [3,2], stride: [2,1], padding: [[1,0],[2,1]]",
        "channels: 4, kernel: 3, stride: 2, padding: same",
        "channels: 4, kernel: 2, padding: same",
        "channels: 4, kernel: 3, dilation: 2, padding: same",
        "channels: 4, kernel: 3, dilation: 2, stride: 2, padding: same",
        "channels: 6, kernel: 3, groups: 3, padding: 1, bias: false",
        "channels: 12, kernel: 5, groups: 6, stride: 2, padding: 2",
        "channels: 4, kernel: 1, stride: 2, padding: same",
    ),
    "conv_transpose2d": (
        "channels: 4, kernel: 3, stride: 2, padding: 1, output_padding: 1",
        "channels: 4, kernel: 2, stride: 2",
        "channels: 4, kernel: 3, dilation: 2, stride: 2, padding: 1",
        "channels: 6, kernel: 4, groups: 3, stride: 2, padding: 1",
        "channels: 4, kernel: 2, stride: 3, output_padding: 2",
        "channels: 4, kernel: [3,2], stride: [1,2], padding: [1,0], bias: false",
    ),
    "batch_norm": (
        "",
        "affine: false, eps: 1e-3",
    ),
    "layer_norm": (
        "",
        "affine: false, eps: 1e-6",
    ),
    "group_norm": (
        "groups: 1",
        "groups: 3",
        "groups: 6",
        "groups: 2, affine: false, eps: 1e-3",
    ),
    "local_response_norm": (
        "size: 5",
        "size: 4, alpha: 1e-2",
        "size: 3, alpha: 1, beta: 0.6, k: 2",
        "size: 1",
        "size: 9, alpha: 0.5",
    ),
    "scale": ("",),
    "max_pool2d": (
        "kernel: 3, stride: 2, padding: 1",
        "kernel: 2",
        "kernel: 3, stride: 2, ceil_mode: true",
        "kernel: 3, stride: 2, padding: 1, ceil_mode: true",
        "kernel: 3, stride: 2, padding: same",
        "kernel: 2, stride: 1, padding: same",
        "kernel: 3, stride: 2, padding: [[0,1],[1,0]]",
        "kernel: 3, stride: 1, dilation: 2",
        "kernel: 3, stride: 2, dilation: 2, padding: same",
        "kernel: 2, stride: 3, ceil_mode: true",
        "kernel: 3, stride: 4, dilation: 2, padding: 1, ceil_mode: true",
        "kernel: 2, stride: 5, dilation: 3, padding: [[0,1],[1,0]], ceil_mode: true",
        "kernel: [2,3], stride: [3,2], padding: [0,1], ceil_mode: true",
    ),
    "avg_pool2d": (
        "kernel: 3, stride: 2, padding: 1",
        "kernel: 3, stride: 2, padding: 1, count_include_pad: false",
        "kernel: 2",
        "kernel: 3, stride: 2, ceil_mode: true",
        "kernel: 3, stride: 2, padding: 1, ceil_mode: true",
        "kernel: 3, stride: 2, padding: 1, ceil_mode: true, count_include_pad: false",
        "kernel: 4, stride: 3, padding: 2, ceil_mode: true",
        "kernel: 3, stride: 2, padding: same",
        "kernel: 2, stride: 1, padding: same",
        "kernel: 3, stride: 2, padding: [[0,1],[1,0]]",
        "kernel: 2, stride: 3, ceil_mode: true",
        "kernel: [3,2], stride: [2,3], padding: [1,1], ceil_mode: true",
        "kernel: 6, ceil_mode: true",
        "kernel: 3, padding: [1,0]",
        "kernel: [5,4], stride: [4,3], padding: [2,1], ceil_mode: true",
        "kernel: 5, stride: 4, padding: 2, ceil_mode: true, count_include_pad: false",
        "kernel: 3, stride: 5, padding: 1, ceil_mode: true",
        "kernel: 2, stride: 3, padding: [[0,1],[1,0]], ceil_mode: true",
    ),
    "adaptive_avg_pool2d": (
        "size: 1",
        "size: 3",
        "size: 7",
        "size: [4,5]",
        "size: [12,13]",
        "size: [1,3]",
    ),
    "adaptive_max_pool2d": (
        "size: 1",
        "size: 3",
        "size: 7",
        "size: [4,5]",
        "size: [12,13]",
    ),
    "global_avg_pool2d": ("",),
    "global_max_pool2d": ("",),
    "relu": ("",),
    "relu6": ("",),
    "leaky_relu": (
        "",
        "negative_slope: 0.2",
    ),
    "prelu": (
        "",
        "shared: false",
    ),
    "elu": (
        "",
        "alpha: 0.7",
    ),
    "selu": ("",),
    "gelu": (
        "",
        "approximate: tanh",
    ),
    "silu": ("",),
    "mish": ("",),
    "sigmoid": ("",),
    "hard_sigmoid": ("",),
    "hard_swish": ("",),
    "tanh": ("",),
    "softplus": ("",),
    "softmax": ("",),
    "log_softmax": ("",),
    "identity": ("",),
    "dropout": ("rate: 0.3",),
    "drop_path": ("rate: 0.3",),
    "slice": ("start: 1, stop: 4",),
    "flatten": (
        "",
        "order: hwc",
    ),
    "pad": (
        "spatial: 1",
        "spatial: [[0,1],[2,0]]",
        "channels: [1,2]",
        "spatial: [1,2], channels: 1",
    ),
    "resize": (
        "scale: 2",
        "scale: 1.5",
        "size: [5,23]",
        "size: [20,3]",
        "scale: 0.5",
        "scale: [1.3,0.7]",
        "scale: 3, mode: bilinear",
        "scale: 1.5, mode: bilinear",
        "size: [5,23], mode: bilinear",
        "size: [4,5], mode: bilinear",
        "scale: 0.7, mode: bilinear",
    ),
    "pixel_shuffle": ("factor: 2",),
    "channel_shuffle": (
        "groups: 2",
        "groups: 3",
    ),
}
"""Of an image; each is an op, its attributes as a spec has them in braces."""
OF_VECTORS: dict[str, tuple[str, ...]] = {
    "linear": (
        "features: 5",
        "features: 5, bias: false",
    ),
    "batch_norm": (
        "",
        "affine: false",
    ),
    "layer_norm": ("",),
    "scale": ("",),
    "prelu": ("shared: false",),
    "softmax": ("",),
    "slice": ("stop: 2",),
    "flatten": ("",),
}
SEVERAL: dict[str, tuple[str, ...]] = {
    "add": ("a, input", "a, input, a", "a, pool"),
    "subtract": ("a, input", "a, pool"),
    "multiply": ("a, input", "a, input, a", "a, pool"),
    "concat": ("a, input", "a, input, a"),
}
"""What each reads: a convolution of the input, its mean, the input itself."""


def alone(op: str, attributes: str, shape: str) -> str:
    return f"inputs: {{image: {shape}}}\ngraph: {{node: {{op: {op}, {attributes}}}}}\n"


def between(op: str, attributes: str, shape: str) -> str:
    """Between two that transpose images, which ONNX Runtime tries to move away."""
    return f"""inputs: {{image: {shape}}}
graph: [layer_norm, {{op: {op}, {attributes}}}, layer_norm]
"""


def joined(op: str, read: str, shape: str) -> str:
    pool = "  pool: {op: adaptive_avg_pool2d, size: 1, from: input}\n"
    return f"""inputs: {{image: {shape}}}
graph:
  a: {{op: conv2d, channels: 6, kernel: 1}}
{pool * ("pool" in read)}  node: {{op: {op}, from: [{read}]}}
"""


SIZES = {"pixel_shuffle": ("[8, 3, 5]", "[8, 7, 4]")}
CASES = [
    *(
        (alone, op, attributes, *SIZES.get(op, ("[6, 9, 10]", "[6, 13, 8]")))
        for op, several in ATTRIBUTES.items()
        for attributes in several
    ),
    *(
        (alone, op, attributes, "[6]", "[6]")
        for op, several in OF_VECTORS.items()
        for attributes in several
    ),
    *(
        (joined, op, read, "[6, 9, 10]", "[6, 13, 8]")
        for op, several in SEVERAL.items()
        for read in several
    ),
]


def _named(case: tuple[Any, str, str, str, str]) -> str:
    return f"{case[1]} {case[2]}"


def test_every_op_is_there() -> None:
    assert {*ATTRIBUTES, *OF_VECTORS, *SEVERAL} == {*BY_KIND}


@pytest.mark.parametrize("engine", TOLERANCES)
@pytest.mark.parametrize("case", CASES, ids=_named)
def test_an_op(case: tuple[Any, str, str, str, str], engine: str) -> None:
    made, op, told, shape, other = case
    graph = graph_of(made(op, told, shape))
    weights = randomised(graph)
    for size in dict.fromkeys((shape, other)):
        elsewhere = graph_of(made(op, told, size))
        if not _bakes(graph) or size == shape:
            assert error(graph, elsewhere, engine, weights) <= TOLERANCES[engine][1]


@pytest.mark.parametrize(
    "case", [case for case in CASES if case[0] is alone], ids=_named
)
def test_an_op_between_layer_norms(case: tuple[Any, str, str, str, str]) -> None:
    _, op, told, shape, _ = case
    graph = graph_of(between(op, told, shape))
    assert error(graph, graph, "ort", randomised(graph)) <= TOLERANCES["ort"][1]


POOLS = [(op, told) for op in ("max_pool2d", "avg_pool2d") for told in ATTRIBUTES[op]]


@pytest.mark.parametrize(("op", "told"), POOLS)
@pytest.mark.parametrize("shape", ["[6, 9, 10]", "[6, 11, 7]"])
def test_a_linear_behind_a_pool(op: str, told: str, shape: str) -> None:
    """onnx's inference of shapes counts windows that start behind the image."""
    steps = f"{{op: {op}, {told}}}, flatten, {{op: linear, features: 3}}"
    graph = graph_of(f"inputs: {{x: {shape}}}\ngraph: [{steps}]")
    assert error(graph, graph, "ort", randomised(graph)) <= TOLERANCES["ort"][1]


ZERO = {("log_softmax", "relu"), ("log_softmax", "relu6")}
"""What is 0 everywhere proves nothing."""


@pytest.mark.parametrize(
    "first", sampled([*ATTRIBUTES], ["avg_pool2d", "channel_shuffle", "pad", "resize"])
)
def test_an_op_before_each_other(first: str) -> None:
    """ONNX Runtime fuses neighbours, and moves one past the other."""
    for number, (second, several) in enumerate(ATTRIBUTES.items()):
        before, after = _turn(ATTRIBUTES[first], number), _turn(several, number)
        steps = f"{{op: {first}, {before}}}, {{op: {second}, {after}}}"
        try:
            graph = graph_of(f"inputs: {{x: [12, 9, 10]}}\ngraph: [{steps}]")
        except ArchspecError:  # a vector, or too few pixels or channels, for the second
            continue
        if (first, second) not in ZERO:
            found = error(graph, graph, "ort", randomised(graph))
            assert found <= TOLERANCES["ort"][1], steps


def _turn(several: tuple[str, ...], number: int) -> str:
    return several[number % len(several)]


def _bakes(graph: Graph) -> bool:
    """Whether it is of images of one size."""
    return any(node.op.flattens for node in graph.nodes)


@pytest.mark.parametrize("engine", TOLERANCES)
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_a_resize_to_another_image(mode: str, engine: str) -> None:
    def net(like: str) -> Graph:
        return graph_of(
            f"inputs: {{image: [6, 9, 10], like: {like}}}\n"
            f"graph: {{n: {{op: resize, mode: {mode}, from: [image, like]}}}}\n"
        )

    graph = net("[2, 5, 23]")
    for like in ("[2, 5, 23]", "[2, 20, 3]"):
        assert error(graph, net(like), engine, {}) <= TOLERANCES[engine][1]


SINGLE = [("1", "2"), ("1", "[8, 4]"), ("[1, 3]", "2"), ("[3, 1]", "[3, 2]")]


@pytest.mark.parametrize("engine", TOLERANCES)
@pytest.mark.parametrize(("kernel", "stride"), SINGLE)
@pytest.mark.parametrize("op", ["conv2d, channels: 2", "max_pool2d", "avg_pool2d"])
def test_same_of_single_pixels(op: str, kernel: str, stride: str, engine: str) -> None:
    """Strides beyond windows of one pixel: auto_pad would take pixels away."""
    text = f"{{op: {op}, kernel: {kernel}, stride: {stride}, padding: same}}"
    graph = graph_of(f"inputs: {{x: [4, 4, 4]}}\ngraph: [{text}]")
    if op == "avg_pool2d" and kernel != "1":  # padding of our own would be counted
        with pytest.raises(UnsupportedError, match="takes pixels away"):
            error(graph, graph, engine, randomised(graph))
        return
    assert error(graph, graph, engine, randomised(graph)) <= TOLERANCES[engine][1]


def test_output_padding_that_no_runtime_takes() -> None:
    """Smaller than the dilation is enough for torch, not for ONNX Runtime."""
    told = "channels: 4, kernel: 1, stride: [2, 4], output_padding: 2, dilation: 3"
    graph = graph_of(
        f"inputs: {{x: [4, 4, 4]}}\ngraph: [{{op: conv_transpose2d, {told}}}]"
    )
    with pytest.raises(UnsupportedError, match="as large as the stride"):
        error(graph, graph, "ort", randomised(graph))

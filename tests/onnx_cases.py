"""Every op in every configuration that was measured, for the tests of ONNX models."""

from __future__ import annotations

import re
from typing import Any

from nets import graph_of, randomised
from onnx_models import TOLERANCES, error

from archspec.backend import backend
from archspec.graph import Graph

Case = tuple[Any, str, str, str, str]
"""What makes the text, the op and its attributes, the image, and another one."""

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


WINDOWS = ("conv2d", "conv_transpose2d", "max_pool2d", "avg_pool2d")
"""Ops whose windows move over the image."""
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


def named(case: Case) -> str:
    return f"{case[1]} {case[2]}"


def check(case: Case, engine: str) -> None:
    """An op is its definition on an engine, at both sizes if it isn't of one alone."""
    made, op, told, shape, other = case
    graph = graph_of(made(op, told, shape))
    weights = randomised(graph)
    for size in dict.fromkeys((shape, other)):
        if size == shape or not any(node.op.flattens for node in graph.nodes):
            elsewhere = graph_of(made(op, told, size))
            assert error(graph, elsewhere, engine, weights) <= TOLERANCES[engine][1]


def resizes(mode: str, engine: str) -> None:
    """A resize to the size of another value is its definition for any such value."""

    def net(like: str) -> Graph:
        return graph_of(
            f"inputs: {{image: [6, 9, 10], like: {like}}}\n"
            f"graph: {{n: {{op: resize, mode: {mode}, from: [image, like]}}}}\n"
        )

    graph = net("[2, 5, 23]")
    for like in ("[2, 5, 23]", "[2, 20, 3]"):
        assert error(graph, net(like), engine, {}) <= TOLERANCES[engine][1]


SINGLE = [
    (op, kernel, stride)
    for op in ("conv2d, channels: 2", "max_pool2d", "avg_pool2d")
    for kernel, stride in (
        ("1", "2"),
        ("1", "[8, 4]"),
        ("[1, 3]", "2"),
        ("[3, 1]", "[3, 2]"),
    )
]
"""Strides beyond windows of one pixel, with padding `same`."""


def single(op: str, kernel: str, stride: str) -> Graph:
    """The net of such a window."""
    text = f"{{op: {op}, kernel: {kernel}, stride: {stride}, padding: same}}"
    return graph_of(f"inputs: {{x: [4, 4, 4]}}\ngraph: [{text}]")


def said(op: str, shape: str = "[6, 9, 10]") -> list[str]:
    """What is printed for one op, called n: each statement on one line."""
    graph = graph_of(f"inputs: {{image: {shape}}}\ngraph: {{n: {op}}}")
    text = backend("onnx").emit(graph).text
    body = text.rpartition("net.input(")[2].partition("return ")[0]
    joined = re.sub(r",? (?=\))|(?<=\() ", "", " ".join(body.split()))
    made = re.findall(r"(?<= )x = (.*?)(?= x = |$)", joined)
    return [re.sub(r"\bimage\b(?!=)", "x", line) for line in made]

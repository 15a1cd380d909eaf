"""A net of two images and two outputs, and what it gives, by hand."""

from __future__ import annotations

import numpy as np
from nets import Arrays

TWO = """
inputs: {a: [3, 4, 5], b: [3, 4, 5]}
graph:
  x: {op: conv2d, channels: 3, kernel: 1, from: a}
  y: {op: add, from: [x, b]}
outputs: {one: x, two: y}
"""


def outputs(weights: Arrays, given: Arrays) -> Arrays:
    """Its outputs, channels first."""
    one = np.einsum("nihw,oi->nohw", given["a"], weights["x.weight"][:, :, 0, 0])
    one += weights["x.bias"][:, None, None]
    return {"one": one, "two": one + given["b"]}


def gradients(weights: Arrays, given: Arrays, against: Arrays) -> Arrays:
    """Of sum(output x cotangent), by weights and images in the order of the graph."""
    both = against["one"] + against["two"]
    kernel = np.einsum("nohw,nihw->oi", both, given["a"])
    return {
        "x.weight": kernel[:, :, None, None],
        "x.bias": both.sum((0, 2, 3)),
        "a": np.einsum("nohw,oi->nihw", both, weights["x.weight"][:, :, 0, 0]),
        "b": against["two"],
    }

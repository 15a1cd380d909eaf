"""Folds batch norms into the layers before them, for inference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspec.fingerprint import fingerprint
from archspec.graph import Graph, Node
from archspec.ops import Op
from archspec.ops.convolution import Conv2d, ConvTranspose2d, Linear
from archspec.ops.normalization import BatchNorm
from archspec.passes.rewrite import rewrite
from archspec.weights.fit import check

Array = NDArray[Any]


def fold_norms(
    graph: Graph, weights: Mapping[str, Array]
) -> tuple[Graph, dict[str, Array]]:
    """The graph with batch norms folded into the layers before them, and its weights.

    In inference a norm is y = s x + t for each channel, with s = weight / sqrt(variance
    + eps) and t = bias - s mean. The convolution, transposed convolution or linear that
    makes x takes over s and t, and gets a bias if it has none. A norm stays where
    another node reads x too, where x is an output or a tap, and where a folded number
    would be infinite. In a list an identity stands in its place, as `fuse_modules` of
    torch.ao.quantization leaves one.

    Args:
        graph: any graph; the result is for inference, as no statistics move in it.
        weights: canonical name -> array, for every parameter and buffer.

    Returns:
        The graph, and its weights in the dtypes of those given. The arithmetic is
        float64; what no norm changed is handed on and not copied.

    Raises:
        WeightsError: weights are missing, surplus or of another shape.
    """
    check(weights, {**graph.parameters(), **graph.buffers()})
    arrays = dict(weights)
    readers = Counter(value for node in graph.nodes for value in node.inputs)
    readers.update([*graph.outputs.values(), *graph.taps.values()])
    layers: dict[str, Node] = {}
    biased: dict[int, Op] = {}  # Instances of a block go on sharing their ops.
    changes: dict[str, list[Node]] = {}
    norms: list[str] = []
    for node in graph.nodes:
        if isinstance(node.op, Conv2d | ConvTranspose2d | Linear):
            layers[node.name] = node
            continue
        layer = layers.get(node.inputs[0])
        if layer is None or readers[node.inputs[0]] > 1:
            continue
        if isinstance(node.op, BatchNorm):
            folded = _folded(layer, node, arrays)
            if folded is None:
                continue
            arrays |= folded
            norms.append(node.name)
            op = biased.setdefault(
                id(layer.op), layer.op.model_copy(update={"bias": True})
            )
            changes |= {node.name: [], layer.name: [replace(layer, op=op)]}
        elif not node.op.passes_through():
            continue
        layers[node.name] = layer  # A norm may stand behind this one.
    made = rewrite(graph, changes)
    if norms:
        origin = graph.origin or fingerprint(graph)
        made = replace(made, folded=(*graph.folded, *norms), origin=origin)
    return made, {name: arrays[name] for name in (*made.parameters(), *made.buffers())}


def without_norms(graph: Graph) -> Graph:
    """The graph that `fold_norms` gives with any weights, for printing it."""
    shapes = {**graph.parameters(), **graph.buffers()}
    one = np.ones((), np.float32)
    made, _ = fold_norms(
        graph, {name: np.broadcast_to(one, shape) for name, shape in shapes.items()}
    )
    return made


def _folded(
    layer: Node, norm: Node, arrays: Mapping[str, Array]
) -> dict[str, Array] | None:
    """The layer's weights that do what the norm does; None if they would overflow."""

    def float64(node: Node, name: str, default: float) -> Array:
        found = arrays.get(f"{node.name}.{name}", np.array(default))
        return found.astype(np.float64)

    assert isinstance(norm.op, BatchNorm)
    kernel = arrays[f"{layer.name}.weight"]
    with np.errstate(all="ignore"):
        deviation = np.sqrt(float64(norm, "running_var", 1.0) + norm.op.eps)
        factor = float64(norm, "weight", 1.0) / deviation
        moved = float64(layer, "bias", 0.0) - float64(norm, "running_mean", 0.0)
        weight = kernel.astype(np.float64) * _spread(layer, factor, kernel.shape)
        bias = float64(norm, "bias", 0.0) + factor * moved
        made = {
            f"{layer.name}.weight": weight.astype(kernel.dtype),
            f"{layer.name}.bias": bias.astype(kernel.dtype),
        }
    return made if all(np.isfinite(array).all() for array in made.values()) else None


def _spread(layer: Node, factor: Array, shape: tuple[int, ...]) -> Array:
    """A factor for each channel that a layer makes, to multiply its weight with."""
    if isinstance(layer.op, ConvTranspose2d):  # [C, channels / groups, kh, kw]
        groups = layer.op.groups
        rows = np.repeat(factor.reshape(groups, -1), shape[0] // groups, axis=0)
        return rows[:, :, None, None]
    return factor.reshape(-1, *[1] * (len(shape) - 1))

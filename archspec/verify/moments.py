"""Batches whose mean and variance are exact, for batch norms in training.

Half of a channel's values lie 2^k above an integer, half as much below it. So their
mean is that integer, their variance 4^k, and beside that eps is nothing; what is
normalised is 1 or -1. With a momentum of 1/4, and 2^j values in a channel, nothing is
rounded:

    >>> import numpy as np
    >>> x = np.array([5 - 64.0, 5 + 64.0, 5 + 64.0, 5 - 64.0])
    >>> float(x.mean()), float(x.var()), float(1 / np.sqrt(x.var()))
    (5.0, 4096.0, 0.015625)

The momentum and the eps of the net's own norms are shown elsewhere: each op alone, on
random numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, log2
from typing import TYPE_CHECKING, Any

import numpy as np

from archspec.backend import Trainer
from archspec.graph import Graph
from archspec.ops import Shape
from archspec.ops.normalization import BatchNorm
from archspec.reference import compute
from archspec.reference.images import channelwise
from archspec.reference.normalization import running_statistics
from archspec.verify.data import Arrays, Data, stream
from archspec.verify.lone import lone

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMAGES = 64
IMAGE, VECTOR = (8, 2, 2), (8,)
MOMENTUM = 0.25
MANTISSA = {"float32": 24, "float64": 53}


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch norm, where it stands first in a net, and what it is trained on.

    Attributes:
        node: the first one of a net that has this op.
        op: its own, with a momentum of 1/4.
        shape: of an image, or of a vector.
    """

    node: str
    op: BatchNorm
    shape: Shape

    def numbers(self, seed: int, dtype: str) -> tuple[Arrays, Arrays, Arrays]:
        """Images, cotangents, and what the op stores by its names."""
        draw = stream(seed, f"moments {self.op!r} {self.shape}")
        channels, count = self.shape[0], IMAGES * int(np.prod(self.shape[1:]))
        least = max(ceil((MANTISSA[dtype] + log2(self.op.eps or 1e-30)) / 2) + 1, 3)
        signs = draw.permuted(np.tile([-1.0, 1.0], (channels, count // 2)), axis=1)
        far = 2.0 ** draw.integers(least, least + 3, (channels, 1))
        values = signs * far + draw.integers(-5, 6, (channels, 1))
        x = np.moveaxis(values.reshape(channels, IMAGES, *self.shape[1:]), 0, 1)
        stored = {
            "weight": draw.choice((-2.0, -1.0, 1.0, 2.0), channels),
            "bias": draw.integers(-3, 4, channels),
            "running_mean": draw.integers(1, 5, channels) * far[:, 0],
            "running_var": far[:, 0] ** 2 * 4,
        }
        names = {*self.op.weights(self.shape), *self.op.buffers(self.shape)}
        against = draw.choice((-2.0, -1.0, 1.0, 2.0), x.shape)
        return (
            {"x0": np.ascontiguousarray(x, dtype)},
            {"": against.astype(dtype)},
            {name: stored[name].astype(dtype) for name in stored if name in names},
        )

    def wanted(self, seed: int, dtype: str, running_var: str) -> Arrays:
        """The output, the gradients and the statistics, by the names of `answers`.

        The gradients are those of https://arxiv.org/abs/1502.03167, section 3.
        """
        images, cotangents, stored = self.numbers(seed, dtype)
        x, against = images["x0"], cotangents[""]
        y = compute(self.op, x, stored=stored, training=True)
        axes = (0, *range(2, x.ndim))
        count = x.size // x.shape[1]
        off = x - channelwise(x.mean(axes), x)
        deviation = np.sqrt((off**2).mean(axes))
        normal = off / channelwise(deviation, x)
        weight = stored.get("weight", np.ones_like(deviation))
        slopes = {"bias": against.sum(axes), "weight": (against * normal).sum(axes)}
        bias, factor = (
            channelwise(slopes[name] / count, x) for name in ("bias", "weight")
        )
        back = channelwise(weight / deviation, x) * (against - bias - normal * factor)
        unbiased = (self.op.running_var or running_var) == "unbiased"
        old = (stored["running_mean"], stored["running_var"])
        mean, var = running_statistics(self.op, x, *old, unbiased=unbiased)
        gradients = {k: v for k, v in slopes.items() if k in stored}
        return {
            "output": y,
            "gradient of the input": back,
            **{f"gradient of the {name}": array for name, array in gradients.items()},
            "running_mean": mean,
            "running_var": var,
        }


def batches(graph: Graph) -> tuple[Batch, ...]:
    """Each different batch norm of a net, whatever its momentum."""
    found: dict[tuple[str, int], Batch] = {}
    for node, shapes in graph.located():
        if not isinstance(node.op, BatchNorm):
            continue
        op = node.op.model_copy(update={"momentum": MOMENTUM, "init": None})
        shape = IMAGE if len(shapes[0]) == 3 else VECTOR
        found.setdefault((repr(op), len(shape)), Batch(node.name, op, shape))
    return tuple(found.values())


def answers(chosen: Trainer, data: Data) -> Iterator[tuple[str, NDArray[Any]]]:
    """For each batch, by its number, what one step in training gives: `0/output`."""
    for number, batch in enumerate(batches(data.graph)):
        graph = lone(batch.op, batch.shape)
        images, against, stored = batch.numbers(data.seed, data.dtype)
        weights = {f"node.{name}": array for name, array in stored.items()}
        model = chosen.build(graph, weights, dtype=data.dtype, device=data.device)
        made, slopes = chosen.gradients(graph, model, images, against, training=True)
        after = chosen.read_weights(graph, model)
        yield f"{number}/output", made[""]
        yield f"{number}/gradient of the input", slopes["x0"]
        for name in graph.parameters():
            yield f"{number}/gradient of the {name.removeprefix('node.')}", slopes[name]
        for name in graph.buffers():
            yield f"{number}/{name.removeprefix('node.')}", after[name]

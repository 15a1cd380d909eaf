"""The numbers that a net is run on: the same in every process, from the seed alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from hashlib import blake2b
from math import prod, sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from archspec.graph import Graph
from archspec.ops.shaping import Add
from archspec.verify.dyadic import Dyadic
from archspec.weights import initial_weights

Arrays = dict[str, NDArray[Any]]
Dtype = Literal["float32", "float64"]

BATCH = 4
"""Images: enough that a batch norm behind 1x1 features has a variance."""

SCALE = 0.2
"""What conditioning multiplies a residual branch by."""


def stream(seed: int, what: str) -> np.random.Generator:
    """The same random numbers in every process, other ones for each thing."""
    found = blake2b(f"{seed}:{what}".encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(found, "little"))


class Data:
    """Weights, images and cotangents of a graph, and the device that it runs on.

    Attributes:
        printed: the graph whose file runs, if that is one for other images.
    """

    def __init__(
        self, graph: Graph, dtype: Dtype, seed: int, device: str | None = None
    ) -> None:
        self.graph = graph
        self.dtype: Dtype = dtype
        self.seed = seed
        self.device = device
        self.printed: Graph | None = None

    def weights(self, kind: str) -> Arrays:
        """Fresh arrays: `initial` or `conditioned` weights."""
        made = initial_weights(self.graph, self.seed, self.dtype)
        if kind == "conditioned":
            self._disturb(made)
            for name in self._conditioned:
                made[name] *= SCALE
        return made

    def images(self, step: int = 0) -> Arrays:
        """Normal noise, channels first."""
        return {
            name: self._normal(f"input {step} {name}", (BATCH, *shape))
            for name, shape in self.graph.inputs.items()
        }

    def cotangents(self, step: int = 0) -> Arrays:
        """A direction of length one for each output."""
        shapes = self.graph.shapes()
        made = {}
        for name, value in self.graph.outputs.items():
            shape = (BATCH, *shapes[value])
            made[name] = self._normal(f"output {step} {name}", shape)
            made[name] /= np.asarray(sqrt(prod(shape)), self.dtype)
        return made

    def direction(self, weights: Arrays) -> Arrays:
        """A direction for each parameter and each input, as large as that itself."""
        made = {}
        around = {**{n: weights[n] for n in self.graph.parameters()}, **self.images()}
        for name, array in around.items():
            size = np.sqrt(np.mean(array**2)) or 1.0
            made[name] = self._normal(f"direction {name}", array.shape) * size
        return made

    def against(self, value: str) -> NDArray[Any]:
        """The direction for a node's value where it is the only output."""
        shape = (BATCH, *self.graph.shapes()[value])
        return self._normal(f"value {value}", shape) / sqrt(prod(shape))

    def _draw(self, what: str) -> np.random.Generator:
        return stream(self.seed, what)

    def _normal(self, what: str, shape: tuple[int, ...]) -> NDArray[Any]:
        return self._draw(what).standard_normal(shape).astype(self.dtype)

    def _disturb(self, weights: Arrays) -> None:
        """Moves vectors, which most nets start at 0 or 1, where faults don't show."""
        roles = {
            f"{node.name}.{name}": node.op.role(name)
            for node, shapes in self.graph.located()
            for name in (*node.op.weights(*shapes), *node.op.buffers(*shapes))
        }
        for name, array in weights.items():
            draw = self._draw(f"weight {name}")
            if roles[name] == "variance":
                array *= draw.uniform(0.5, 1.5, array.shape).astype(self.dtype)
            elif roles[name] != "kernel":
                array += draw.normal(0, 0.2, array.shape).astype(self.dtype)

    @cached_property
    def _conditioned(self) -> tuple[str, ...]:
        """Parameters of the op before each residual sum, upstream of its first operand.

        Without this, float64 rounding of a deep residual net at its initial weights
        grows to 1e-3 within three steps, in torch against torch.
        """
        parameters: dict[str, list[str]] = {}
        for name in self.graph.parameters():
            parameters.setdefault(name.rpartition(".")[0], []).append(name)
        reads: Mapping[str, tuple[str, ...]] = {
            node.name: node.inputs for node in self.graph.nodes
        }
        found: dict[str, None] = {}
        for node in self.graph.nodes:
            if not isinstance(node.op, Add):
                continue
            value = node.inputs[0]
            while value in reads and value not in parameters:
                value = reads[value][0]
            found.update(dict.fromkeys(parameters.get(value, ())))
        return tuple(found)


class ExactData(Data):
    """The same for weights and images on which floats round nothing."""

    @cached_property
    def numbers(self) -> Dyadic:
        """The weights, the images, and what the net computes with them."""
        return Dyadic(self.graph, self.seed, self.dtype, BATCH)

    def weights(self, kind: str) -> Arrays:
        """Fresh arrays."""
        return {name: array.copy() for name, array in self.numbers.weights.items()}

    def images(self, step: int = 0) -> Arrays:
        """Small integers, channels first."""
        return self.numbers.inputs

    def against(self, value: str) -> NDArray[Any]:
        """Small integers."""
        return against(self.graph, self.seed, value)


def against(graph: Graph, seed: int, value: str) -> NDArray[Any]:
    """What an exact value is multiplied with; none is 0, so that all of it counts."""
    shape = (BATCH, *graph.shapes()[value])
    return stream(seed, f"cotangent {value}").choice((-2.0, -1.0, 1.0, 2.0), shape)

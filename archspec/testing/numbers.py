"""What nets are run on, what comes out by definition, and how near is near enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspec.graph import Graph
from archspec.reference import evaluate, statistics
from archspec.reference.gradients import five_points
from archspec.reference.images import Array

Arrays = dict[str, NDArray[Any]]

SLACK = 100
"""How many times what rounding alone does is near enough."""
LARGEST = 1e6
"""Nets whose numbers outgrow this are left out: they only show how rounding grows."""


@dataclass(frozen=True, slots=True)
class Data:
    """Weights, inputs and cotangents of a graph, in one float type.

    The weights are moved away from where ops start, at 0 or 1, where faults don't show.
    """

    graph: Graph
    weights: Arrays
    inputs: Arrays
    cotangents: Arrays

    @classmethod
    def drawn(cls, graph: Graph, dtype: str, seed: int = 0, count: int = 3) -> Data:
        """Random ones; `count` is the size of the batch."""
        draw = np.random.default_rng(seed)
        weights: Arrays = {}
        for name, shape in {**graph.parameters(), **graph.buffers()}.items():
            fan = max(int(np.prod(shape[1:])), 1)
            weights[name] = draw.normal(0.3 if fan == 1 else 0, fan**-0.5, shape)
            if name in graph.buffers() and name.endswith("var"):
                weights[name] = draw.uniform(0.5, 1.5, shape)
        shapes = graph.shapes()
        inputs = {k: draw.normal(size=(count, *s)) for k, s in graph.inputs.items()}
        cotangents = {
            name: draw.normal(size=(count, *shapes[value]))
            for name, value in graph.outputs.items()
        }
        parts = (weights, inputs, cotangents)
        rounded = [{k: v.astype(dtype) for k, v in part.items()} for part in parts]
        return cls(graph, *rounded)

    def copies(self) -> Arrays:
        """Weights that a backend may keep as its own."""
        return {name: value.copy() for name, value in self.weights.items()}


def outputs(values: Mapping[str, Array], graph: Graph) -> Arrays:
    """The outputs among the values of a graph."""
    return {name: values[value] for name, value in graph.outputs.items()}


@dataclass(frozen=True, slots=True)
class Truth:
    """What a graph gives by definition, and how far rounding alone moves it.

    Attributes:
        outputs, buffers: in extended precision; the buffers are those after the pass.
        shake: how far the outputs and buffers move, relative to their size, when the
            definition is computed in the data's own type, from weights and inputs whose
            last bits are changed: no backend can be asked to hold less.
    """

    outputs: Arrays
    buffers: Arrays
    shake: float

    @property
    def sound(self) -> bool:
        """Whether the numbers are such that a fault would show."""
        largest = max(float(np.max(np.abs(v))) for v in self.outputs.values())
        return largest <= LARGEST and self.shake <= 1e-6


def truth(data: Data, running_var: str, *, training: bool = False) -> Truth:
    """What a backend with this definition of the running variance has to give."""
    with np.errstate(all="ignore"):  # what isn't finite is no sound truth
        wide = _computed(data, np.longdouble, running_var, training)
        dtype = next(iter(data.inputs.values())).dtype
        near = _computed(_shaken(data), dtype, running_var, training)
        moved = max(apart(a, b) for a, b in zip(near, wide, strict=True))
    return Truth(*wide, moved if np.isfinite(moved) else np.inf)


def _computed(
    data: Data, dtype: Any, running_var: str, training: bool
) -> tuple[Arrays, Arrays]:
    inputs = {name: value.astype(dtype) for name, value in data.inputs.items()}
    values = evaluate(data.graph, data.weights, inputs, training=training)
    moved = {name: data.weights[name].astype(dtype) for name in data.graph.buffers()}
    if training:
        moved.update(statistics(data.graph, data.weights, values, running_var))
    return outputs(values, data.graph), moved


def _shaken(data: Data) -> Data:
    draw = np.random.default_rng(3)

    def moved(arrays: Arrays) -> Arrays:
        eps = {name: np.finfo(value.dtype).eps for name, value in arrays.items()}
        return {
            name: value * (1 + 2 * eps[name] * draw.choice((-1, 1), value.shape))
            for name, value in arrays.items()
        }

    inputs, weights = moved(data.inputs), moved(data.weights)
    return Data(data.graph, weights, inputs, data.cotangents)


def apart(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> float:
    """The largest ||a - b|| of all arrays over the largest ||b||; 0 for no arrays."""
    differences = [
        float(np.linalg.norm(np.asarray(found[name] - wanted[name], float)))
        for name in wanted
    ]
    sizes = [
        float(np.linalg.norm(np.asarray(value, float))) for value in wanted.values()
    ]
    return max(differences, default=0.0) / (max(sizes, default=0.0) or 1.0)


def slopes(
    data: Data, *, training: bool = False
) -> dict[str, tuple[Array, float]] | None:
    """For each parameter and input a direction, and the derivative along it.

    Of the sum of output x cotangent, by five points in extended precision: no
    derivative is written by hand. None where a kink lies so near that two step sizes
    disagree.
    """
    draw = np.random.default_rng(4)
    step = float(np.finfo(np.longdouble).eps) ** 0.25
    found: dict[str, tuple[Array, float]] = {}
    for name in (*data.graph.parameters(), *data.graph.inputs):
        held = data.weights if name in data.weights else data.inputs
        direction = draw.choice((-1.0, 1.0), held[name].shape)

        def at(t: Any, name: str = name, direction: Any = direction) -> np.longdouble:
            return _sum(data, name, t * direction.astype(np.longdouble), training)

        one, other = five_points(at, step), five_points(at, step / 2)
        scale = max(abs(one), abs(other), np.longdouble(1e-3))
        if not abs(one - other) <= 1e-9 * scale:
            return None
        # Richardson: the error of the half step is a 16th.
        found[name] = direction, float((16 * other - one) / 15)
    return found


def _sum(data: Data, name: str, change: Array, training: bool) -> np.longdouble:
    """The sum of output x cotangent where one weight or input is changed."""
    inputs = {k: v.astype(np.longdouble) for k, v in data.inputs.items()}
    weights: dict[str, Array] = dict(data.weights)
    if name in weights:
        weights[name] = weights[name].astype(np.longdouble) + change
    else:
        inputs[name] = inputs[name] + change
    with np.errstate(all="ignore"):
        values = evaluate(data.graph, weights, inputs, training=training)
    made = outputs(values, data.graph)
    total = np.longdouble(0)
    for output, value in made.items():
        total += (value * data.cotangents[output]).sum()
    return total

"""Whether a backend's model of a graph is what the definitions of its ops say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from archspec.backend import Backend, backend, trainer, trains
from archspec.errors import UnsupportedError
from archspec.graph import Graph, Value
from archspec.passes.unrounded import key
from archspec.passes.without_dropout import without_dropout
from archspec.source.program import Source
from archspec.testing.numbers import (
    SLACK,
    Arrays,
    Data,
    Truth,
    apart,
    slopes,
    truth,
)
from archspec.testing.specs import graph_of
from archspec.testing.variants import Variant

TOLERANCES = {"float32": 1e-5, "float64": 1e-12}
"""How far outputs may be off, relative to the largest of them."""
GRADIENTS = {"float32": 1e-3, "float64": 1e-10}
"""How far derivatives may be off: what five points and a backward pass round."""
CANCELLING = 1e-4
"""Gradients this much smaller than the cotangents are what cancels in a sum."""
TRIES = 4

Rounding = Mapping[str, tuple[float, float]]
"""Ops whose kernels round, by `archspec.passes.unrounded.key`: how far outputs and
gradients may be off for it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A backend under test.

    Attributes:
        backend: on its engine.
        dtype: what it computes in.
        rounding: what its kernels round, beyond that.
    """

    backend: Backend
    dtype: str = "float64"
    rounding: Rounding = field(default_factory=dict)

    def emitted(self, graph: Graph) -> Source | None:
        """The source, or None where the backend refuses a graph as it should."""
        try:
            return self.backend.emit(graph)
        except UnsupportedError as error:
            places = {str(node.at) for node in graph.nodes}
            assert error.code.startswith("AS5"), f"{error.code} is no code of a backend"
            assert str(error.at) in places, (
                f"{error.message!r} is said of {error.at}, where no node stands: "
                "raise it with `at=node.at`, as `refuse_unsupported` does"
            )
            return None

    def expresses(self, graph: Graph) -> bool:
        """Whether the backend has each op of a graph, on its own, as it is there."""
        return all(
            _expresses(self.backend.name, Variant.of(node.op, shapes))
            for node, shapes in graph.located()
        )

    def allowed(self, graph: Graph, *, backward: bool = False) -> float:
        """How far outputs or gradients may be off for what kernels round."""
        kinds = {key(node.op) for node in graph.nodes}
        bounds = [v[backward] for k, v in self.rounding.items() if k in kinds]
        # Behind other ops an error grows; an op that is alone is held to its bound.
        return max(bounds, default=0.0) * (1 if len(graph.nodes) == 1 else SLACK)

    def check(
        self,
        graph: Graph,
        source: Source | None = None,
        arguments: Mapping[str, Value] | None = None,
    ) -> bool:
        """Builds a graph's model and compares all that it does; False if it can't.

        That is where no data are found at which the net is well-conditioned.

        Args:
            graph: the net, which may have dropouts.
            source, arguments: as `Backend.build` takes them.
        """
        for seed in range(TRIES):
            data = Data.drawn(graph, self.dtype, seed)
            wanted = truth(data, self.backend.running_var)
            if wanted.sound:
                break
        else:
            return False
        model = self.backend.build(
            graph,
            data.copies(),
            dtype=self.dtype,
            source=source,
            arguments=arguments,
        )
        self._weights(data, model)
        made = self.backend.forward(graph, model, data.inputs)
        self._outputs(data, made, wanted)
        one = {name: value[:1] for name, value in data.inputs.items()}
        alone = self.backend.forward(graph, model, one)
        first = {name: value[:1] for name, value in wanted.outputs.items()}
        self._near(graph, "outputs for one image", alone, first, wanted)
        self._weights(data, model)
        if trains(self.backend) and not source:
            self._trained(seed, graph)
        return True

    def check_chance(self, graph: Graph, *, whole: bool) -> None:
        """Checks a net of one dropout of rate 1/4, which drops images if it is `whole`.

        Images and cotangents are powers of two, of which each is dropped or scaled.
        """
        chosen = trainer(self.backend)
        draw = np.random.default_rng(5)
        shape = (512, *graph.nodes[0].shape)
        x, against = (
            draw.choice((-1.0, 0.5, 2.0), shape).astype(self.dtype) for _ in range(2)
        )
        model = chosen.build(graph, {}, dtype=self.dtype)
        given, cotangents = {"x": x}, {"": against}
        kept = chosen.forward(graph, model, given)[""]
        assert np.array_equal(kept, x), "it drops in eval mode"
        ratios = []
        for _ in range(2):
            made, gradients = chosen.gradients(
                graph, model, given, cotangents, training=True
            )
            ratio = made[""] / x
            error = np.abs(gradients["x"] / against - ratio).max()
            assert error <= 1e-6, "a gradient passes where its value didn't"
            ratios.append(ratio)
        dropped = ratios[0] == 0
        scaled = np.abs(ratios[0] * 0.75 - 1) <= 1e-6
        assert (dropped | scaled).all(), "a value is neither 0 nor scaled by 4/3"
        assert not np.array_equal(*ratios), "two passes drop the same"
        alike = np.array_equal(dropped, dropped[:, :1, :1, :1] | np.zeros_like(dropped))
        assert alike == whole, "images are dropped whole" if alike else "in parts"
        number = len(dropped) if whole else dropped.size
        away = abs(dropped.mean() - 0.25) * np.sqrt(number / (0.25 * 0.75))
        assert away <= 6, f"a share of {dropped.mean():.3f} is dropped, not 1/4"

    def _weights(self, data: Data, model: Any) -> None:
        """Weights there and back: the very bits, and copies of them."""
        graph, backend = data.graph, self.backend
        same(backend.read_weights(graph, model), data.weights)
        for value in backend.read_weights(graph, model).values():
            value[...] = 7
        same(backend.read_weights(graph, model), data.weights)
        other = {name: value + 1 for name, value in data.weights.items()}
        backend.write_weights(graph, model, {k: v.copy() for k, v in other.items()})
        same(backend.read_weights(graph, model), other)
        backend.write_weights(graph, model, data.copies())
        same(backend.read_weights(graph, model), data.weights)

    def _outputs(self, data: Data, made: Arrays, wanted: Truth) -> None:
        kinds = {str(value.dtype) for value in made.values()}
        assert kinds <= {self.dtype}, f"the outputs are {kinds}, not {self.dtype}"
        self._near(data.graph, "outputs", made, wanted.outputs, wanted)

    def _near(
        self, graph: Graph, what: str, found: Arrays, wanted: Arrays, told: Truth
    ) -> None:
        alike(what, found, wanted)
        limit = max(TOLERANCES[self.dtype], SLACK * told.shake, self.allowed(graph))
        error = apart(found, wanted)
        assert error <= limit, f"{what} are off by {error:.1e}; allowed are {limit:.1e}"

    def _trained(self, seed: int, graph: Graph) -> None:
        graph = without_dropout(graph)
        chosen = trainer(self.backend)
        for training in (False, True):
            data = Data.drawn(graph, self.dtype, seed)
            told = truth(data, chosen.running_var, training=training)
            if not told.sound:
                continue
            model = chosen.build(graph, data.copies(), dtype=self.dtype)
            made, gradients = chosen.gradients(
                graph, model, data.inputs, data.cotangents, training=training
            )
            when = "in training" if training else "with gradients"
            self._near(graph, f"outputs {when}", made, told.outputs, told)
            after = chosen.read_weights(graph, model)
            moved = {name: after[name] for name in graph.buffers()}
            self._near(graph, f"buffers {when}", moved, told.buffers, told)
            kept = {name: data.weights[name] for name in graph.parameters()}
            same({name: after[name] for name in kept}, kept)
            self._gradients(data, gradients, told, training)

    def _gradients(
        self, data: Data, found: Arrays, told: Truth, training: bool
    ) -> None:
        shapes = {**data.graph.parameters()}
        wanted = {name: np.empty(shape) for name, shape in shapes.items()}
        alike("gradients", found, {**wanted, **data.inputs})
        along = slopes(data, training=training)
        if along is None:
            return
        sizes = [float(np.linalg.norm(value)) for value in found.values()]
        against = [float(np.linalg.norm(value)) for value in data.cotangents.values()]
        scale = max(*sizes, CANCELLING * max(against))
        limit = max(
            GRADIENTS[self.dtype],
            SLACK * told.shake,
            self.allowed(data.graph, backward=True),
        )
        for name, (direction, slope) in along.items():
            error = abs(float((found[name] * direction).sum()) - slope) / scale
            assert error <= limit, (
                f"the gradient of {name!r} {'in training ' * training}is off by "
                f"{error:.1e} of the largest gradient; allowed are {limit:.1e}"
            )


@cache
def _expresses(name: str, variant: Variant) -> bool:
    """Whether a backend has an op; drawing nets asks for the same ones many times."""
    return Subject(backend(name)).emitted(graph_of(variant.spec())) is not None


def same(found: Arrays, wanted: Arrays) -> None:
    """Asserts that arrays have the same names, in order, and the same bits."""
    alike("weights", found, wanted)
    wrong = [name for name in wanted if not np.array_equal(found[name], wanted[name])]
    assert not wrong, f"{wrong[0]!r} has changed on its way; so have {wrong[1:]}"


def alike(what: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Asserts that arrays have the same names, in order, and the same shapes."""
    assert list(found) == list(wanted), (
        f"{what} are {list(found)}, they should be {list(wanted)}"
    )
    for name in wanted:
        shapes = found[name].shape, wanted[name].shape
        assert shapes[0] == shapes[1], (
            f"{what}: {name!r} has the shape {shapes[0]}, not {shapes[1]}"
        )

"""What a backend is asked to compute for a comparison."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from archspec.backend import Backend, trainer
from archspec.graph import Graph
from archspec.ops.normalization import BatchNorm
from archspec.passes.with_outputs import with_outputs
from archspec.verify import dice, moments, starts
from archspec.verify.data import BATCH, Arrays, Data, ExactData
from archspec.verify.trial import answers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from archspec.verify.setting import Setting

STEPS = 3
RATE, MOMENTUM, DECAY = 0.05, 0.9, 1e-4
"""Of archspec's own SGD, torch's definition: v = momentum v + g + decay w; w -= rate v.
"""


@dataclass(frozen=True, slots=True)
class Task:
    """One request.

    Attributes:
        kind: `eval` (outputs at initial weights, outputs and taps at conditioned
            ones), `values` (of all nodes, at conditioned weights), `single` (without
            the initial ones: in float32 a net of a thousand layers overflows there),
            `exact` (values of nodes, where the data
            are exact), `alone` (each op alone, see `archspec.verify.trial`), `train`
            (conditioned weights: outputs and gradients in training mode, the statistics
            after one step, the weights after three), `step` (outputs in training mode
            and the statistics), `slope` (how fast the loss grows along a direction),
            `probe` (the value of a node), `slopes` (gradients of the net that ends at
            some nodes; without any, at its last exact values), `dice` (each op of
            chance alone), `thrown` (all of them in the whole; see `dice`), `moments`
            (batch norms; see there) or `starts` (initial weights that the printed file
            draws).
        node, weights, training: a probe's node, and how it is run; so of slopes.
        nodes: where the net of slopes ends.
    """

    kind: str
    node: str = ""
    weights: str = ""
    training: bool = False
    nodes: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)


def read(facts: Mapping[str, Any]) -> Task:
    """The task that JSON holds."""
    return Task(**{**facts, "nodes": tuple(facts.get("nodes", ()))})


@runtime_checkable
class Sloped(Protocol):
    """What knows how fast the loss grows along a direction, without gradients."""

    def slope(
        self,
        graph: Graph,
        model: Any,
        inputs: Arrays,
        cotangents: Arrays,
        direction: Arrays,
    ) -> float:
        """The derivative of sum(output x cotangent), in training mode."""
        ...


class Bench:
    """A graph, its data, and one backend that has started, maybe on an engine."""

    def __init__(self, chosen: Backend, data: Data, engine: str = "") -> None:
        self.chosen = chosen
        self.engine = engine
        self.data = data
        self.graph = data.graph

    def ask(self, task: Task) -> Arrays:
        """The arrays that a task asks for, each named `what/name`."""
        if task.kind == "eval":
            return dict(self._evaluated("conditioned", "initial"))
        if task.kind == "single":
            return dict(self._evaluated("conditioned"))
        if task.kind == "values":
            return self._values()
        if task.kind == "exact":
            return dict(self._exact())
        if task.kind == "alone":
            data = self.data
            return dict(answers(self.chosen, self.graph, data.seed, data.device))
        if task.kind == "train":
            return dict(self._trained())
        if task.kind == "slopes":
            return self._slopes(task)
        if task.kind == "dice":
            return dict(dice.alone(trainer(self.chosen), self.data))
        if task.kind == "thrown":
            return dict(dice.together(trainer(self.chosen), self.data))
        if task.kind == "starts":
            made = starts.drawn(self.chosen, self.graph)
            return {f"starts/{name}": array for name, array in made}
        if task.kind == "moments":
            return dict(moments.answers(trainer(self.chosen), self.data))
        if task.kind == "step":
            return dict(self._stepped())
        if task.kind == "slope":
            return self._sloped(task.nodes)
        return self._probed(task)

    def about(self) -> dict[str, Any]:
        """What ran: the versions of what is imported, the device, the threads."""
        names = (self.chosen.framework, self.engine, "numpy")
        found = {name: sys.modules[name] for name in names if name in sys.modules}
        return {
            "versions": {n: getattr(m, "__version__", "") for n, m in found.items()},
            "device": self.data.device or "default",
            "threads": int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1),
        }

    def use(self, setting: Setting) -> None:
        """From now on it is about another net, or other numbers."""
        self.data = setting.data()
        self.graph = self.data.graph

    def expect(self, task: Task) -> None:
        """It begins when it is asked."""

    def ended(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """There is nothing to close."""

    def build(self, graph: Graph, weights: Arrays) -> Any:
        """A model of a graph, with those of some weights that it has."""
        names = {**graph.parameters(), **graph.buffers()}
        given = {name: weights[name] for name in names}
        data = self.data
        return self.chosen.build(graph, given, dtype=data.dtype, device=data.device)

    def _fitted(
        self, graph: Graph, weights: Arrays, printed: Graph, keys: Mapping[str, str]
    ) -> Any:
        """A model from the file of a graph for other images, with the same outputs."""
        names = {**graph.parameters(), **graph.buffers()}
        shapes = getattr(self.chosen, "image_shapes", None)
        return self.chosen.build(
            graph,
            {name: weights[name] for name in names},
            dtype=self.data.dtype,
            device=self.data.device,
            source=self.chosen.emit(with_outputs(printed, keys)),
            arguments=shapes(graph) if shapes else {},
        )

    def _evaluated(self, kind: str, *more: str) -> Iterator[tuple[str, NDArray[Any]]]:
        """Outputs and taps at weights of a kind, outputs also at others."""
        images = self.data.images()
        graph, keys = self._with_taps()
        model = self.build(graph, self.data.weights(kind))
        made = self.chosen.forward(graph, model, images)
        yield from ((keys[name], array) for name, array in made.items())
        for other in more:
            self.chosen.write_weights(graph, model, self.data.weights(other))
            made = self.chosen.forward(graph, model, images)
            for name, array in made.items():
                part, _, output = keys[name].partition("/")
                if part == "outputs":
                    yield f"{other}/{output}", array

    def _values(self) -> Arrays:
        """Every value of the net."""
        graph = self.graph
        keys = {f"value{n}": node.name for n, node in enumerate(graph.nodes)}
        every = with_outputs(graph, keys)
        model = self.build(every, self.data.weights("conditioned"))
        made = self.chosen.forward(every, model, self.data.images())
        return {f"values/{keys[key]}": array for key, array in made.items()}

    def _exact(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Every exact value, and those at the ends in the net as it is printed."""
        assert isinstance(self.data, ExactData)
        numbers = self.data.numbers
        for part, wanted in (("nodes", [*numbers.digests()]), ("ends", numbers.ends())):
            if not wanted:
                continue
            keys = {f"value{number}": name for number, name in enumerate(wanted)}
            graph, weights = with_outputs(self.graph, keys), self.data.weights("exact")
            if self.data.printed is None:
                model = self.build(graph, weights)
            else:
                model = self._fitted(graph, weights, self.data.printed, keys)
            made = self.chosen.forward(graph, model, self.data.images())
            yield from ((f"{part}/{keys[key]}", array) for key, array in made.items())

    def _with_taps(self) -> tuple[Graph, dict[str, str]]:
        """A graph that gives outputs and taps, and what its outputs are called."""
        graph = self.graph
        if not graph.taps:
            return graph, {name: f"outputs/{name}" for name in graph.outputs}
        wanted = {f"outputs/{name}": value for name, value in graph.outputs.items()}
        wanted |= {f"taps/{name}": value for name, value in graph.taps.items()}
        keys = {f"value{n}": key for n, key in enumerate(wanted)}
        together = with_outputs(graph, {name: wanted[k] for name, k in keys.items()})
        return together, keys

    def _trained(self) -> Iterator[tuple[str, NDArray[Any]]]:
        graph, chosen = self.graph, trainer(self.chosen)
        weights = self.data.weights("conditioned")
        before = {name: weights[name].copy() for name in graph.buffers()}
        values = {name: weights[name].copy() for name in graph.parameters()}
        speeds: Arrays = {}
        model = self.build(graph, weights)
        for step in range(STEPS):
            images, against = self.data.images(step), self.data.cotangents(step)
            outputs, gradients = chosen.gradients(
                graph, model, images, against, training=True
            )
            if step == 0:
                yield from ((f"training/{k}", array) for k, array in outputs.items())
                yield from ((f"gradients/{k}", v) for k, v in gradients.items())
                after = chosen.read_weights(graph, model)
                yield from self._statistics(before, after)
            descend(values, speeds, gradients)
            chosen.write_weights(graph, model, values)
        after = chosen.read_weights(graph, model)
        yield from ((f"weights/{name}", after[name]) for name in values)

    def _stepped(self) -> Iterator[tuple[str, NDArray[Any]]]:
        weights = self.data.weights("conditioned")
        before = {name: weights[name].copy() for name in self.graph.buffers()}
        model = self.build(self.graph, weights)
        images = self.data.images()
        outputs = self.chosen.forward(self.graph, model, images, training=True)
        yield from ((f"training/{name}", array) for name, array in outputs.items())
        after = self.chosen.read_weights(self.graph, model)
        yield from self._statistics(before, after)

    def _sloped(self, nodes: tuple[str, ...]) -> Arrays:
        """A number: sum(gradient x direction)."""
        graph, images, against = self.graph, self.data.images(), self.data.cotangents()
        weights = self.data.weights("conditioned")
        direction = self.data.direction(weights)
        if nodes:
            graph, keys = self._ending(nodes)
            against = {key: self.data.against(value) for key, value in keys.items()}
            own = {**graph.parameters(), **graph.inputs}
            direction = {name: direction[name] for name in own}
        model = self.build(graph, weights)
        if isinstance(self.chosen, Sloped):
            found = self.chosen.slope(graph, model, images, against, direction)
        else:
            _, gradients = trainer(self.chosen).gradients(
                graph, model, images, against, training=True
            )
            found = sum(float((gradients[k] * v).sum()) for k, v in direction.items())
        return {"slope/all": np.array([found])}

    def _statistics(
        self, before: Arrays, after: Arrays
    ) -> Iterator[tuple[str, NDArray[Any]]]:
        """Running statistics, with every running variance as the biased one.

        A framework's own definition is an exact factor away: the new part of an
        unbiased one is n / (n - 1) of the biased.
        """
        for node, shapes in self.graph.located():
            if not isinstance(node.op, BatchNorm):
                continue
            yield (
                f"statistics/{node.name}.running_mean",
                after[f"{node.name}.running_mean"],
            )
            name = f"{node.name}.running_var"
            found = after[name]
            if (node.op.running_var or self.chosen.running_var) == "unbiased":
                n = BATCH * prod(shapes[0][1:])
                old = before[name] * (1 - node.op.momentum)
                found = old + (found - old) * ((n - 1) / n)
            yield f"statistics/{name}", found

    def _probed(self, task: Task) -> Arrays:
        graph = with_outputs(self.graph, {"": task.node})
        model = self.build(graph, self.data.weights(task.weights))
        made = self.chosen.forward(
            graph, model, self.data.images(), training=task.training
        )
        return {"probe/": made[""]}

    def _slopes(self, task: Task) -> Arrays:
        chosen, data = trainer(self.chosen), self.data
        graph, keys = self._ending(task.nodes)
        model = self.build(graph, data.weights(task.weights))
        against = {key: data.against(value) for key, value in keys.items()}
        _, found = chosen.gradients(
            graph, model, data.images(), against, training=task.training
        )
        return {f"slopes/{name}": gradient for name, gradient in found.items()}

    def _ending(self, nodes: tuple[str, ...]) -> tuple[Graph, Mapping[str, str]]:
        """The net that ends at some nodes, and the values that its outputs are.

        That is the net as it stands, where it ends there.
        """
        if not nodes:
            assert isinstance(self.data, ExactData)
            nodes = self.data.numbers.ends()
        if nodes == tuple(self.graph.outputs.values()):
            return self.graph, self.graph.outputs
        keys = {f"value{number}": name for number, name in enumerate(nodes)}
        if len(nodes) == 1:
            keys = {"": nodes[0]}
        return with_outputs(self.graph, keys), keys


def descend(values: Arrays, speeds: Arrays, gradients: Arrays) -> None:
    """One step of SGD with momentum and weight decay, as torch.optim.SGD defines it."""
    for name, value in values.items():
        speed = gradients[name] + DECAY * value
        if name in speeds:
            speed += MOMENTUM * speeds[name]
        speeds[name] = speed
        value -= RATE * speed

"""A whole net beside the definitions of its ops, where bits can't be compared.

Some values no weights make exact: averages over nine, norms by group, most activations.
So that what comes behind them is compared too, the definitions run the net as it is, in
float64 on random numbers, as a backend does:

    >>> import numpy as np, archspec
    >>> graph = archspec.load("resnet18", size=(32, 32)).graph
    >>> weights = archspec.weights.initial_weights(graph)
    >>> numpy = Definitions()
    >>> model = numpy.build(graph, weights)
    >>> numpy.forward(graph, model, {"image": np.ones((1, 3, 32, 32))})[""].shape
    (1, 1000)

They have no gradients, but derivatives: two runs, a step along a direction apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from archspec.graph import Graph
from archspec.ops import Op
from archspec.reference import evaluate, statistics
from archspec.verify.comparison import distances
from archspec.verify.limits import Reading, limit, terms
from archspec.verify.process import Session
from archspec.verify.proof import Proof, Prover
from archspec.verify.setting import Setting
from archspec.verify.target import Target
from archspec.verify.task import Bench, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Arrays = Mapping[str, Array]
    Noise = Callable[[Op, Sequence[Array], Array], Array]

DEFINITIONS, SHAKEN = Target("definitions"), Target("definitions", "shaken")
STEPS: tuple[tuple[type[np.floating[Any]], tuple[float, ...]], ...] = (
    (np.float64, (2.0**-28,)),
    (np.longdouble, (2.0**-34, 2.0**-28, 2.0**-40)),
)
"""Of a derivative: the smaller, the fewer kinks are near, and the more is rounded."""
AGREE = 1e-6
"""Slopes to both sides that are no further apart, relatively, are good enough."""


class Definitions:
    """The definitions in the place of a backend; a model is a dict of weights."""

    running_var = "biased"
    noise: Noise | None = None
    last: Noise | None = None

    def build(
        self,
        graph: Graph,
        weights: Arrays,
        *,
        dtype: str = "float64",
        device: str | None = None,
    ) -> dict[str, NDArray[Any]]:
        """The weights, which training may change; they are in this process's memory."""
        return {name: np.array(array, dtype) for name, array in weights.items()}

    def write_weights(
        self, graph: Graph, model: dict[str, NDArray[Any]], weights: Arrays
    ) -> None:
        """Puts weights into a model."""
        for name in model:
            model[name] = np.array(weights[name], model[name].dtype)

    def read_weights(
        self, graph: Graph, model: dict[str, NDArray[Any]]
    ) -> dict[str, NDArray[Any]]:
        """The weights of a model."""
        return dict(model)

    def forward(
        self,
        graph: Graph,
        model: dict[str, NDArray[Any]],
        inputs: Arrays,
        *,
        training: bool = False,
    ) -> dict[str, NDArray[Any]]:
        """The outputs; in training the statistics move."""
        values = evaluate(graph, model, inputs, training=training, noise=self.noise)
        if training:
            model.update(statistics(graph, model, values, self.running_var))
        return {name: values[value] for name, value in graph.outputs.items()}

    def slope(
        self,
        graph: Graph,
        model: dict[str, NDArray[Any]],
        inputs: Arrays,
        cotangents: Arrays,
        direction: Arrays,
    ) -> float:
        """How fast sum(output x cotangent) grows along a direction, in training.

        The direction has an array for each parameter and each input.
        """

        def total(step: float, dtype: type[np.floating[Any]]) -> Any:
            moved = {
                name: array.astype(dtype) + step * direction.get(name, 0)
                for name, array in (*model.items(), *inputs.items())
            }
            images = {name: moved[name] for name in inputs}
            values = evaluate(graph, moved, images, training=True, noise=self.last)
            return sum(
                (values[value] * cotangents[name]).sum()
                for name, value in graph.outputs.items()
            )

        slope, least = 0.0, inf
        for dtype, steps in STEPS:
            here = total(0, dtype)
            for step in steps:
                before, after = total(-step, dtype), total(step, dtype)
                found = float((after - before) / (2 * step))
                bend = float(abs(after - 2 * here + before) / step)
                if bend < least:  # of kinks, and of what is rounded
                    slope, least = found, bend
                if least <= AGREE * abs(slope):
                    return slope
        return slope


class Shaken(Definitions):
    """The definitions with another last bit in every value.

    A net that makes much of that shows as much between two that are right: batch norms
    in training of two places each, one behind the other, or of channels that are flat.
    """

    def __init__(self) -> None:
        self.draw = np.random.default_rng(0)

    def noise(self, op: Op, read: Sequence[Array], x: Array) -> Array:
        """The value, a bit more or less, as an op that is right may be off.

        An elu near 0 may be off by the last bit of 1: not all take `expm1` for it.
        """
        measure = limit(op).scale
        if measure is terms:  # its sums are of terms that have been shaken already
            return self.last(op, read, x)
        return self._moved(x, measure(Reading(op, (*read,), {}, x)))

    def last(self, op: Op, read: Sequence[Array], x: Array) -> Array:
        """The value with another last bit: derivatives by steps take no more."""
        return self._moved(x, x)

    def _moved(self, x: Array, size: Array) -> Array:
        last = np.finfo(x.dtype).eps * self.draw.choice((-1, 1), x.shape)
        return np.asarray(x + last * size, x.dtype)


def rounds(setting: Setting) -> float:
    """How far the outputs of a net move where every value has another last bit.

    Torch's own kernels, which else say how far two frameworks may be apart, are alike
    in what an elu near 0 rounds.
    """
    data = setting.data()
    wanted, found = (
        Bench(own, data).ask(Task("eval")) for own in own_backends().values()
    )
    return max(
        error
        for part in ("initial", "outputs")
        for error in distances(found, wanted, part).values()
    )


def own_backends() -> dict[Target, Any]:
    """The definitions, and these shaken, by what they are called."""
    return {DEFINITIONS: Definitions(), SHAKEN: Shaken()}


def tasks(graph: Graph, *, training: bool) -> list[str]:
    """What is asked of each backend: in training, statistics only where there are."""
    moves = ["step"] if graph.buffers() else []
    return ["eval", *([*moves, "slope"] if training else [])]


def prove(
    setting: Setting,
    targets: Sequence[Target],
    open_session: Callable[[Setting, Target], Session],
    note: Callable[[str], None],
    *,
    training: bool = True,
) -> Proof:
    """Rows for each target beside the definitions, and the node behind a difference.

    Args:
        setting: of the net as it is, in float64; of a small image.
        targets: each is compared by itself.
        open_session: starts a target; raises NotAvailable.
        note: told what goes on.
        training: whether what shows in training alone is compared.
    """
    graph, data = setting.graph(), setting.data()
    own = own_backends()

    def opened(target: Target) -> Session:
        if target in own:
            return Bench(own[target], data)
        return open_session(setting, target)

    def proved(floor: Sequence[Target]) -> Proof:
        return Prover(
            graph,
            (DEFINITIONS, *targets),
            setting.dtype,
            opened,
            note,
            tasks=tasks(graph, training=training),
            floor=floor,
        ).prove()

    made = proved(())
    if any(row.verdict == "FAIL" for row in made.rows):
        made = proved((DEFINITIONS, SHAKEN))  # is it more than what is rounded?
    rows = tuple(replace(row, check=f"{row.check}, by definition") for row in made.rows)
    curves = tuple(replace(c, check=f"{c.check}, by definition") for c in made.curves)
    return replace(made, rows=rows, curves=curves)

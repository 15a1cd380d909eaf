"""What a backend gives of ops of chance, in its own process.

Each is thrown alone, on images of which none is 0, so that what is dropped shows; and
all together in the whole net, which then gives every value, so that what each op drops
shows there too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from archspec.backend import Trainer
from archspec.graph import Graph
from archspec.ops import Op, Shape
from archspec.passes.with_outputs import with_outputs
from archspec.passes.without_dropout import without_dropout
from archspec.verify.data import Arrays, Data, stream
from archspec.verify.lone import lone

if TYPE_CHECKING:
    from numpy.typing import NDArray

Answers = Iterator[tuple[str, "NDArray[Any]"]]

IMAGE, VECTOR = (3, 4, 4), (7,)
"""Shapes on which an op is thrown: what an image is doesn't depend on its size."""
WHOLE = 4096
"""Images on which an op is thrown that drops them whole."""
PARTS = 256
"""Images on which another one is thrown."""
CALLS = ("first", "second")
MANY = 40
"""So many times the net as it is printed is called at most, until it drops others."""


@dataclass(frozen=True, slots=True)
class Toss:
    """An op of chance, where it stands first, and what it is thrown on.

    Attributes:
        node: the first one of a net that has this op.
        op, shape: its own, and that of an image or vector.
    """

    node: str
    op: Op
    shape: Shape

    @property
    def rate(self) -> float:
        """The probability of what is dropped."""
        assert self.op.chance is not None
        return float(getattr(self.op, self.op.chance))

    @property
    def whole(self) -> bool:
        """Whether an image is dropped whole."""
        return self.op.kind == "drop_path"

    def numbers(self, seed: int) -> tuple[Arrays, Arrays]:
        """Images and cotangents: powers of two, and small integers, none of them 0."""
        draw = stream(seed, f"toss {self.op!r} {self.shape}")
        shape = (WHOLE if self.whole else PARTS, *self.shape)
        x = draw.choice((-2.0, -1.0, 0.5, 1.0, 4.0), shape)
        return {"x0": x}, {"": draw.choice((-3.0, -1.0, 1.0, 2.0), shape)}


def tosses(graph: Graph) -> tuple[Toss, ...]:
    """Each different op of chance of a net that drops anything."""
    found: dict[tuple[str, int], Toss] = {}
    for node, shapes in graph.located():
        if node.op.chance is None or node.op.passes_through():
            continue
        shape = IMAGE if len(shapes[0]) == 3 else VECTOR
        found.setdefault((repr(node.op), len(shape)), Toss(node.name, node.op, shape))
    return tuple(found.values())


def alone(chosen: Trainer, data: Data) -> Answers:
    """For each toss, by its number: what it gives in evaluation, twice in training.

    As `0/still`, `0/first`, `0/second`, and the first's gradient, `0/slope`.
    """
    for number, toss in enumerate(tosses(data.graph)):
        graph = lone(toss.op, toss.shape)
        images, against = toss.numbers(data.seed)
        images, against = (
            {name: array.astype(data.dtype) for name, array in arrays.items()}
            for arrays in (images, against)
        )
        model = chosen.build(graph, {}, dtype=data.dtype, device=data.device)
        yield f"{number}/still", chosen.forward(graph, model, images)[""]
        made, slopes = chosen.gradients(graph, model, images, against, training=True)
        yield f"{number}/first", made[""]
        yield f"{number}/slope", slopes["x0"]
        made = chosen.forward(graph, model, images, training=True)
        yield f"{number}/second", made[""]


def differing(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    """Where values differ; what is no number in both doesn't."""
    return np.asarray((a != b) & ~(np.isnan(a) & np.isnan(b)))


def together(chosen: Trainer, data: Data) -> Answers:
    """The whole net: each value of it, twice in training; and as it is printed.

    As `first/NODE`, `second/NODE`; as printed in evaluation `still/OUTPUT`, in training
    `once/OUTPUT` and, of the first call that differs, if any, `again/OUTPUT`; and
    `never/OUTPUT` where no chance was printed.
    """
    graph, images = data.graph, data.images()

    def built(graph: Graph) -> Any:
        weights = data.weights("conditioned")
        return chosen.build(graph, weights, dtype=data.dtype, device=data.device)

    keys = {f"value{n}": node.name for n, node in enumerate(graph.nodes)}
    every = with_outputs(graph, keys)
    model = built(every)
    for call in CALLS:
        made = chosen.forward(every, model, images, training=True)
        yield from ((f"{call}/{keys[key]}", array) for key, array in made.items())
    del model  # a large net has no room for two
    model = built(graph)
    made = chosen.forward(graph, model, images)
    yield from ((f"still/{name}", array) for name, array in made.items())
    once = chosen.forward(graph, model, images, training=True)
    yield from ((f"once/{name}", array) for name, array in once.items())
    for _ in range(MANY - 1):
        made = chosen.forward(graph, model, images, training=True)
        if any(differing(made[name], array).any() for name, array in once.items()):
            break
    yield from ((f"again/{name}", array) for name, array in made.items())
    del model
    calm = without_dropout(graph)
    made = chosen.forward(calm, built(calm), images)
    yield from ((f"never/{name}", array) for name, array in made.items())

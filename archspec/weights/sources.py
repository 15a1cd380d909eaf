"""Who calls the weights what: a table of names and reshapes for each source.

A source says, for every canonical weight of a net, which tensor of a file it is. What
differs from one source to the next is a list of patterns, nothing else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from archspec.errors import WeightsError, nearest
from archspec.graph import Graph
from archspec.ops.base import Shape
from archspec.weights import layouts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from archspec.weights.layouts import Move

TIMM: tuple[tuple[str, str, int], ...] = (
    # timm's VGG has its hidden layers as convolutions of 7 x 7 and of one pixel.
    (r"classifier\.0\.(weight|bias)", r"pre_logits.fc1.\1", 7),
    (r"classifier\.3\.(weight|bias)", r"pre_logits.fc2.\1", 1),
    (r"classifier\.6\.(weight|bias)", r"head.fc.\1", 0),
)
"""A canonical name, timm's, and the kernel that a linear weight is a convolution of."""


class Place(NamedTuple):
    """One canonical weight in a file.

    Attributes:
        name, shape: canonical.
        key, stored: the tensor's name and shape in the file.
        into, back: from the canonical layout to the file's, and from there.
        layer, attribute: Keras' words for it; empty for a flat file.
    """

    name: str
    shape: Shape
    key: str
    stored: Shape
    into: Move
    back: Move
    layer: str = ""
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Whose names a file has.

    Attributes:
        name: what a user calls it.
        layered: whether its files hold the variables of Keras layers.
        places: where each canonical weight of a net is.
    """

    name: str
    layered: bool
    places: Callable[[Graph], Iterator[Place]]


def source(name: str) -> Source:
    """The source of this name; WeightsError with the nearest name without one."""
    found = next((known for known in SOURCES if known.name == name), None)
    if found is None:
        names = [known.name for known in SOURCES]
        hint = nearest(name, names) or "known are " + ", ".join(names)
        raise WeightsError(
            f"there is no weight format {name!r}", code="AS608", hint=hint
        )
    return found


def guessed(graph: Graph, keys: Collection[str], layered: bool) -> Source:
    """The source whose names agree with most of the tensors of a file."""
    there = set(keys)
    fitting = [known for known in SOURCES if known.layered == layered]
    return max(fitting, key=lambda s: sum(p.key in there for p in s.places(graph)))


def _canonical(graph: Graph) -> Iterator[Place]:
    for name, shape in {**graph.parameters(), **graph.buffers()}.items():
        yield Place(name, shape, name, shape, _same, _same)


def _timm(graph: Graph) -> Iterator[Place]:
    for place in _canonical(graph):
        for pattern, replacement, kernel in TIMM:
            found = re.fullmatch(pattern, place.name)
            if found is not None:
                yield _convolved(place, found.expand(replacement), kernel)
                break
        else:
            yield place


def _convolved(place: Place, key: str, kernel: int) -> Place:
    shape = place.shape
    if not kernel or len(shape) != 2 or shape[1] % kernel**2:
        return place._replace(key=key)
    stored = (shape[0], shape[1] // kernel**2, kernel, kernel)
    return place._replace(
        key=key,
        stored=stored,
        into=lambda array: array.reshape(stored),
        back=lambda array: array.reshape(shape),
    )


def _keras(graph: Graph) -> Iterator[Place]:
    from numpy import empty

    counts: Counter[str] = Counter()
    for place in layouts.places(graph):
        key = f"{place.layer}/{counts[place.layer]}"
        counts[place.layer] += 1
        # Elements of no bytes: only the shape is wanted.
        stored = place.into(empty(place.shape, "V0")).shape
        yield Place(
            place.name,
            place.shape,
            key,
            stored,
            place.into,
            place.back,
            place.layer,
            place.attribute,
        )


def _same(array: NDArray[Any]) -> NDArray[Any]:
    return array


SOURCES = (
    Source("canonical", False, _canonical),
    Source("torchvision", False, _canonical),
    Source("timm", False, _timm),
    Source("keras", True, _keras),
    Source("keras.applications", True, _keras),
)
"""All sources; of two that agree with a file equally well, the first is taken.

The layers of our Keras models of keras.applications' nets have its names: an `alias` in
their specs says them. So the last two differ in who writes the files.
"""

KINDS = {
    "conv2d": "conv2d",
    "conv_transpose2d": "conv2d_transpose",
    "linear": "dense",
    "batch_norm": "batch_normalization",
}
"""What Keras' files call the class of a layer, for the ops of keras.applications."""


def layers(
    graph: Graph, places: Collection[Place], weights: Mapping[str, NDArray[Any]]
) -> dict[str, tuple[str, list[tuple[str, NDArray[Any]]]]]:
    """Weights by layer, with each layer's class, in the order of a Keras model.

    Raises WeightsError for an op that keras.applications' nets don't have.
    """
    by_name = {place.name: place for place in places}
    found: dict[str, tuple[str, list[tuple[str, NDArray[Any]]]]] = {}
    located = {node.name: (node.op, shapes) for node, shapes in graph.located()}
    for path in keras_order(graph):
        op, shapes = located[path]
        stored = {**op.weights(*shapes), **op.buffers(*shapes)}
        if not stored:
            continue
        if op.kind not in KINDS:
            raise WeightsError(
                f"{path!r}: keras.applications has no {op.kind} with weights",
                code="AS608",
                hint="--to keras writes weights for the net's own Keras model",
            )
        of = [by_name[f"{path}.{name}"] for name in stored]
        arrays = [(p.attribute, p.into(weights[p.name])) for p in of]
        found[of[0].layer] = (KINDS[op.kind], arrays)
    return found


def keras_order(graph: Graph) -> list[str]:
    """The nodes in the order of a Keras functional model's layers.

    The farthest from the outputs come first; of equally far ones the one that a walk
    from the outputs, along inputs in order, meets first (keras/src/ops/function.py).
    """
    inputs = {node.name: node.inputs for node in graph.nodes}
    depth = dict.fromkeys(inputs, 0)
    for node in reversed(graph.nodes):
        for name in node.inputs:
            if name in depth:
                depth[name] = max(depth[name], depth[node.name] + 1)
    met: dict[str, int] = {}
    waiting = list(graph.outputs.values())[::-1]
    while waiting:
        name = waiting.pop()
        if name in inputs and name not in met:
            met[name] = len(met)
            waiting += reversed(inputs[name])
    return sorted(met, key=lambda name: (-depth[name], met[name]))

"""Who calls the weights what: a table of names and reshapes for each source.

A source says, for every canonical weight of a net, which tensor of a file it is. What
differs from one source to the next is a list of patterns (`publishers`), nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from archspec.errors import WeightsError, nearest
from archspec.graph import Graph
from archspec.ops.base import Shape
from archspec.weights import eras, layouts, nnx, publishers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from archspec.weights.layouts import Move


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
        name: what a user calls it. Several may have one name, whose files differ.
        layered: whether its files hold the variables of Keras layers.
        places: where each canonical weight of a net is; none for a net whose names it
            doesn't know.
        lead: what names of all but the head begin with; files may lack it.
        first: in files of Keras 1, in which order their kernels have their axes; `chw`
            where only flattened images are so.
        note: what there is to say of files that are read so.
    """

    name: str
    layered: bool
    places: Callable[[Graph], Iterator[Place]]
    lead: str = ""
    first: str = ""
    note: str = ""

    def suits(self, facts: Mapping[str, str]) -> bool:
        """Whether a file that says this of itself may be such a one."""
        if self.note == COUNTED and "layers" not in facts:
            return False
        order = facts.get("dim_ordering", self.first)
        if facts.get("keras_version", "3").partition(".")[0] != "1":
            return self.first == facts.get("features", "")
        return self.first in ("tf", "th") and self.first == order

    def candidates(self, graph: Graph) -> list[Candidate]:
        """The places, and those without the lead if there is one.

        Empty where the source has no names for the net.
        """
        whole = list(self.places(graph))
        lacking = [p._replace(key=p.key.removeprefix(self.lead)) for p in whole]
        different = [whole, lacking][: 1 + (lacking != whole)]
        return [(self, of) for of in different if of or not graph.parameters()]


Candidate = tuple[Source, list[Place]]
"""A source with the places that its files may have."""


def source(name: str) -> Source:
    """The source of this name; WeightsError with the nearest name without one."""
    found = next((known for known in SOURCES if known.name == name), None)
    if found is None:
        names = [*dict.fromkeys(known.name for known in SOURCES)]
        hint = nearest(name, names) or "known are " + ", ".join(names)
        raise WeightsError(
            f"there is no weight format {name!r}", code="AS608", hint=hint
        )
    return found


def named(name: str | None, layered: bool, facts: Mapping[str, str]) -> list[Source]:
    """The sources that a file may have.

    Args:
        name: what the user says of it.
        layered: whether it holds the variables of Keras layers.
        facts: what it says of itself.

    Raises:
        WeightsError: there is no source of this name.
    """
    if name is None:
        whose = facts.get("backend") == THEANO
        known = [known for known in SOURCES if (known.name == THEANO) == whose]
    else:
        known = [known for known in SOURCES if known.name == source(name).name]
    return [known for known in known if known.layered == layered and known.suits(facts)]


def guessed(
    candidates: Collection[Candidate], tensors: Mapping[str, Shape]
) -> Candidate:
    """The first of those whose names and shapes agree most with the tensors of a file.

    Raises WeightsError where the order of Keras 1's axes can't be told.
    """

    def fit(places: Collection[Place]) -> tuple[int, int]:
        there = [place for place in places if place.key in tensors]
        same = sum(tensors[place.key] == place.stored for place in there)
        return same, len(there)

    fits = [fit(places) for _, places in candidates]
    best = [one for one, own in zip(candidates, fits, strict=True) if own == max(fits)]
    orders = {source.first: of for source, of in reversed(best) if source.first}
    if len(orders) > 1 and not eras.equal(*orders.values()):
        raise WeightsError(
            "nothing says whether images are [C, H, W] or [H, W, C] for the layers in "
            "the file, which Keras 1 wrote",
            code="AS608",
            hint="load it with Keras 2 (tf_keras) and save it again",
        )
    return best[0]


def _canonical(graph: Graph) -> Iterator[Place]:
    for name, shape in {**graph.parameters(), **graph.buffers()}.items():
        yield Place(name, shape, name, shape, _same, _same)


def _flax(graph: Graph) -> Iterator[Place]:
    """Flax NNX's own paths and layouts."""
    from numpy import empty

    for place in nnx.places(graph):
        name, shape, key, into, back = place
        yield Place(name, shape, key, into(empty(shape, "V0")).shape, into, back)


def _named(
    lists: publishers.Lists,
    more: Callable[[Graph], tuple[publishers.Row, ...]] = lambda graph: (),
) -> Callable[[Graph], Iterator[Place]]:
    """The places of a publisher's names, by the first list that has all of a net's."""

    def places(graph: Graph) -> Iterator[Place]:
        canonical = list(_canonical(graph))
        for rows in (*lists, more(graph)):
            found = []
            for place in canonical:
                row = publishers.row_of(place.name, rows)
                if row is None:
                    break
                found.append(_stored(place, *row))
            else:
                yield from found
                return

    return places


def _stored(place: Place, key: str, row: publishers.Row) -> Place:
    shape, kernel = place.shape, row.kernel
    stored = shape
    if kernel == 0 and len(shape) == 4 and shape[2:] == (1, 1):
        stored = shape[:2]
    elif kernel and len(shape) == 2 and not shape[1] % kernel**2:
        stored = (shape[0], shape[1] // kernel**2, kernel, kernel)
    if stored == shape:
        return place._replace(key=key)
    return place._replace(
        key=key,
        stored=stored,
        into=lambda array: array.reshape(stored),
        back=lambda array: array.reshape(shape),
    )


def _keras(graph: Graph) -> Iterator[Place]:
    from numpy import empty

    for place in layouts.places(graph):
        # Elements of no bytes: only the shape is wanted.
        stored = place.into(empty(place.shape, "V0")).shape
        yield Place(
            place.name,
            place.shape,
            f"{place.layer}/{place.attribute}",
            stored,
            place.into,
            place.back,
            place.layer,
            place.attribute,
        )


def _first(order: str, graph: Graph) -> Iterator[Place]:
    return eras.first(graph, _keras(graph), order)


def _counted(graph: Graph) -> Iterator[Place]:
    return eras.counted(graph, _keras(graph), keras_order(graph), KINDS)


def _same(array: NDArray[Any]) -> NDArray[Any]:
    return array


def _turned(
    places: Callable[[Graph], Iterator[Place]], graph: Graph
) -> Iterator[Place]:
    return eras.turned(graph, places(graph))


THEANO = "theano"
KERAS = ("keras", "keras.applications")
TURNED = (
    "the file was written on Theano: the kernels of convolutions are turned by 180 "
    "degrees, as Keras 2 turns them"
)
BLIND = (
    "Keras 1 doesn't say on what it wrote the file: if on Theano, whose kernels are "
    "turned by 180 degrees, archspec weights convert --from theano"
)
COUNTED = "the file has no names of layers: they are taken in the order of Keras' model"
ORDERS = {order: partial(_first, order) for order in ("tf", "th", "chw")}

MMPRETRAIN = _named(publishers.MMPRETRAIN, publishers.mmpretrain_vgg)

SOURCES = (
    Source("canonical", False, _canonical),
    Source("torchvision", False, _canonical),
    Source("timm", False, _named(publishers.TIMM)),
    Source("transformers", False, _named(publishers.TRANSFORMERS), "resnet."),
    Source("mmpretrain", False, MMPRETRAIN, "backbone."),
    Source("mmdet", False, _named(publishers.MMDET), "backbone."),
    Source("detectron2", False, _named(publishers.DETECTRON2)),
    Source("kuangliu", False, _named(publishers.KUANGLIU)),
    Source("weiaicunzai", False, _named(publishers.WEIAICUNZAI)),
    Source("xternalz", False, _named(publishers.XTERNALZ)),
    Source("sequential", False, _named(publishers.SEQUENTIAL)),
    Source("flax", False, _flax),
    *(Source(name, True, _keras) for name in KERAS),
    *(Source(name, True, _counted, note=COUNTED) for name in KERAS),
    *(
        Source(name, True, places, "", order, BLIND if order != "chw" else "")
        for name in KERAS
        for order, places in ORDERS.items()
    ),
    Source(THEANO, True, partial(_turned, _keras), note=TURNED),
    *(Source(THEANO, True, partial(_turned, ORDERS[o]), "", o, TURNED) for o in ORDERS),
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

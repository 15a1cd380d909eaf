"""How files of older Kerases differ: Keras 1's axes, Theano's kernels, no names.

Sources: `preprocess_weights_for_loading` and `convert_dense_weights_data_format` of
Keras 2.2.4, `saving_lib.py` of Keras 2.12 to 2.15.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from archspec.errors import WeightsError
from archspec.graph import Graph
from archspec.ops import Op, Shape
from archspec.ops.convolution import multiplier
from archspec.ops.shaping import Flatten
from archspec.weights.archives import Archive, Stored
from archspec.weights.fit import listed
from archspec.weights.variables import by_layer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from archspec.weights.sources import Place

AXES: Mapping[tuple[str, str], tuple[int, ...]] = {
    ("conv2d", "tf"): (2, 3, 1, 0),
    ("conv2d", "th"): (0, 1, 2, 3),
    ("conv_transpose2d", "tf"): (2, 3, 0, 1),
    ("conv_transpose2d", "th"): (1, 0, 2, 3),
}
"""By op and by order: which canonical axis each axis of Keras 1's kernels is."""


PLAIN = {"gamma": (1.0, "scale=False"), "beta": (0.0, "center=False")}
"""Of a batch norm without the attribute: what it is, and the argument that says so."""


def first(graph: Graph, places: Iterable[Place], order: str) -> Iterator[Place]:
    """The places in a file of Keras 1, or of early 2.

    Kernels are (height, width, in, out), or (out, in, height, width) under `th`, where
    images are [C, H, W] and flattened so. Under `chw` only the latter is so.
    """
    ops = {node.name: node.op for node in graph.nodes}
    flattened = _flattened(graph) if order != "tf" else {}
    for place in places:
        name = place.name.rpartition(".")[0]
        axes = AXES.get((ops[name].kind, order))
        if len(place.shape) == 4 and axes:
            yield _moved(place, axes)
        elif name in flattened and place.attribute != "bias":
            yield _reordered(place, flattened[name])
        else:
            yield place


def _moved(place: Place, axes: tuple[int, ...]) -> Place:
    back = tuple(axes.index(axis) for axis in range(4))
    return place._replace(
        stored=tuple(place.shape[axis] for axis in axes),
        into=lambda array: array.transpose(axes),
        back=lambda array: array.transpose(back),
    )


def _reordered(place: Place, image: Shape) -> Place:
    """A weight of one axis per value of an image: [H, W, C] here, [C, H, W] there."""
    channels, height, width = image
    there, here = (channels, height, width), (height, width, channels)

    def into(array: NDArray[Any]) -> NDArray[Any]:
        found = place.into(array)
        rest = found.shape[1:]
        return (
            found.reshape(*here, *rest)
            .swapaxes(1, 2)
            .swapaxes(0, 1)
            .reshape(found.shape)
        )

    def back(array: NDArray[Any]) -> NDArray[Any]:
        rest = array.shape[1:]
        moved = array.reshape(*there, *rest).swapaxes(0, 1).swapaxes(1, 2)
        return place.back(moved.reshape(array.shape))

    return place._replace(into=into, back=back)


def _flattened(graph: Graph) -> dict[str, Shape]:
    """By node: the image that its input's features are, flattened in H, W, C order."""
    found: dict[str, Shape] = {}
    held: dict[str, Shape] = {}
    for node, shapes in graph.located():
        images = {held[name] for name in node.inputs if name in held}
        if isinstance(node.op, Flatten) and node.op.order == "hwc":
            if prod(shapes[0][1:]) > 1:
                held[node.name] = shapes[0]
        elif images:
            found[node.name] = images.pop()
            if node.op.kind != "linear":
                held[node.name] = found[node.name]
    return found


def equal(left: Iterable[Place], right: Iterable[Place]) -> bool:
    """Whether both ways of reading a file give the same weights."""
    for one, other in zip(left, right, strict=True):
        numbers = np.arange(prod(one.stored)).reshape(one.stored)
        if not np.array_equal(one.back(numbers), other.back(numbers)):
            return False
    return True


def turned(graph: Graph, places: Iterable[Place]) -> Iterator[Place]:
    """The places in a file that Keras wrote on Theano, whose kernels are turned.

    Theano's convolution is the mathematicians': a kernel is turned by 180 degrees.
    """
    located = graph.located()
    depthwise = {node.name for node, shapes in located if multiplier(node.op, shapes)}
    for place in places:
        if len(place.shape) != 4:
            yield place
        elif place.name.rpartition(".")[0] in depthwise:
            yield place._replace(back=lambda array: _undecided())
        else:
            yield _turned(place)


def _turned(place: Place) -> Place:
    return place._replace(
        into=lambda array: place.into(array[:, :, ::-1, ::-1]),
        back=lambda array: place.back(array)[:, :, ::-1, ::-1],
    )


def _undecided() -> NDArray[Any]:
    raise WeightsError(
        "depthwise kernels that Keras wrote on Theano aren't read: Keras 2 itself "
        "doesn't turn them back",
        code="AS607",
    )


def counted(
    graph: Graph,
    places: Iterable[Place],
    order: Iterable[str],
    classes: Mapping[str, str],
) -> Iterator[Place]:
    """The places in a file that calls layers by class and number alone.

    None for a net with two layers of one class and shape neither of which comes before
    the other: which is the first then depends on how the model was written.

    Args:
        graph: the net.
        places: as where layers have names.
        order: paths of the nodes, in the order of a Keras model's layers.
        classes: what Keras' files call the class of a layer, by kind of op.
    """
    of: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        of[place.name.rpartition(".")[0]].append(place)
    located = {node.name: (node.op, shapes) for node, shapes in graph.located()}
    counts: Counter[str] = Counter()
    last: dict[tuple[Any, ...], int] = {}
    before = _before(graph)
    found: list[Place] = []
    known = graph.name.startswith("keras_")
    for path in order:
        if path not in of:
            continue
        kind = _class(*located[path], classes)
        looks = (kind, *[place.stored for place in of[path]])
        after = last.get(looks, 0)
        if not kind or not (known or before[path] & after == after):
            return
        last[looks] = before[path]
        number = f"_{counts[kind]}" if counts[kind] else ""
        counts[kind] += 1
        found += [
            place._replace(key=f"layers/{kind}{number}/{place.attribute}")
            for place in of[path]
        ]
    yield from found


def _class(op: Op, shapes: tuple[Shape, ...], classes: Mapping[str, str]) -> str:
    if multiplier(op, shapes):
        return "depthwise_conv2d"
    return classes.get(op.kind, "")


def _before(graph: Graph) -> dict[str, int]:
    """By node: a bit for each node that it comes after, and for itself."""
    found: dict[str, int] = {}
    for number, node in enumerate(graph.nodes):
        found[node.name] = 1 << number
        for name in node.inputs:
            found[node.name] |= found.get(name, 0)
    return found


def by_attribute(
    archive: Archive, places: Iterable[Place], path: str
) -> tuple[Archive, tuple[str, ...]]:
    """The archive with attributes for numbers of variables, and notes.

    Where nothing in a file says what a layer's variables are, there have to be as many
    of them as the net's layer has. A norm that was made without a factor or an offset
    has 1 or 0 there.

    Raises:
        WeightsError: there are not; or the file has no names of layers, and their order
            doesn't say which is which.
    """
    if not archive.layered:
        return archive, ()
    wanted: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        wanted[place.key.rpartition("/")[0]].append(place)
    tensors = dict(archive.tensors)
    for layer, variables in by_layer(tensors).items():
        own = wanted.get(layer)
        if own is None:
            _check_named(layer, wanted, path)
        elif all(name.isdecimal() for name in variables):
            for number, place in enumerate(_meant(variables, tensors, own, path)):
                tensors[place.key] = tensors.pop(variables[str(number)])
    notes = _plain(tensors, wanted)
    return replace(archive, tensors=tensors), notes


def _check_named(layer: str, wanted: Collection[str], path: str) -> None:
    if layer.startswith("layers/") and not any(n.startswith("layers/") for n in wanted):
        raise WeightsError(
            f"{path!r} has no names of layers, and their order doesn't say which of "
            "them is which of the net's",
            code="AS606",
            hint="load it into its own model with the Keras that wrote it (tf_keras is "
            "Keras 2), and save that as .keras, which has names",
        )


def _meant(
    variables: Mapping[str, str],
    tensors: Mapping[str, Stored],
    own: Sequence[Place],
    path: str,
) -> Sequence[Place]:
    """Which of a layer's weights its variables are: by shape, or else in order."""
    numbers = [str(number) for number in range(len(own))]
    if {*variables} != {*numbers}:
        layer, names = own[0].layer, ", ".join(place.attribute for place in own)
        raise WeightsError(
            f"{layer!r} has {len(variables)} variables in {path!r}, which don't say "
            f"what they are; the net's has {len(own)}: {names}",
            code="AS601",
            hint="a .keras or .h5 file of the same model says it (a batch norm made "
            "with scale=False or center=False has three)",
        )
    shapes = [tensors[variables[number]].shape for number in numbers]
    by_shape = {place.stored: place for place in own}
    if len(by_shape) == len(own) and by_shape.keys() == {*shapes}:
        return [by_shape[shape] for shape in shapes]
    return own


def _plain(
    tensors: dict[str, Stored], wanted: Mapping[str, Sequence[Place]]
) -> tuple[str, ...]:
    """Adds factors and offsets that norms of the file don't have, and says so."""
    added: dict[str, list[str]] = defaultdict(list)
    for layer, own in wanted.items():
        keys = {place.key for place in own}
        variance = tensors.get(f"{layer}/moving_variance")
        for attribute, (value, _) in PLAIN.items():
            key = f"{layer}/{attribute}"
            if variance is not None and key in keys and key not in tensors:
                values = partial(np.full, variance.shape, value, variance.dtype)
                tensors[key] = Stored(variance.shape, variance.dtype, values)
                added[attribute].append(layer)
    notes = []
    for attribute, layers in added.items():
        value, argument = PLAIN[attribute]
        told = ", ".join(listed("", layers))
        notes.append(f"{argument} left {attribute} out, so it is {value:g}: {told}")
    return tuple(notes)

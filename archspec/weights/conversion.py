"""Weight files of any source into canonical weights for a net, and back."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from archspec.errors import WeightsError
from archspec.fingerprint import fingerprint
from archspec.graph import Graph
from archspec.weights import archives, checkpoints, files, hdf5
from archspec.weights.archives import counted
from archspec.weights.choice import ANY, Wish, chosen
from archspec.weights.fit import compare
from archspec.weights.initial import initial_weights
from archspec.weights.pretrained import located
from archspec.weights.sources import SOURCES, Source, guessed, layers, source

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOG = logging.getLogger("archspec.weights")
PRINTED = ("float64", "float32", "float16")
"""Element types that weights of a net may have in a file, beside bfloat16."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Canonical weights from a file.

    Attributes:
        weights: by canonical name, in canonical order, all of the net's.
        source: whose names the file has.
        initial: names of the weights that the file may lack: they are as a net with
            seed 0 starts.
        passed_over: tensors of the file that the net has no use for, as was allowed.
        made_for: the name of another spec that the file says it was made for, or "".
        notes: what was chosen without being asked for.
    """

    weights: dict[str, NDArray[Any]]
    source: str
    initial: tuple[str, ...]
    passed_over: tuple[str, ...]
    made_for: str
    notes: tuple[str, ...] = ()


def load(
    path: str | os.PathLike[str],
    graph: Graph | None = None,
    *,
    source: str | None = None,
    allow_missing: Collection[str] = (),
    allow_extra: Collection[str] = (),
    wish: Wish = ANY,
) -> dict[str, NDArray[Any]]:
    """The weights in a file.

    torch's `num_batches_tracked` is left out. Arrays from .safetensors and .pth files
    are private maps of the file: writable, and the file stays as it is.

    Args:
        path: a .safetensors, .pth, .weights.h5, .h5 or .keras file; as a text also
            published weights, as `archspec.weights.pretrained` has them.
        graph: the net that the weights are for. With it they come complete, in
            canonical names, layouts and order; without it as the file has them.
        source: whose names the file has; found out unless given.
        allow_missing: names, or patterns such as `fc.*`, of weights that the file may
            lack; they get the net's initial values for seed 0.
        allow_extra: names, or patterns, of tensors that the net has no use for. A
            weight of another shape has to be named by both.
        wish: which part of the file, what its names begin with, and what they are in
            the net; what fits best unless said.

    Raises:
        WeightsError: the file is missing, damaged, of another format, or doesn't fit
            the net; then every tensor that is at fault is listed.
    """
    if graph is not None:
        found = fitted(
            path,
            graph,
            source=source,
            allow_missing=allow_missing,
            allow_extra=allow_extra,
            wish=wish,
        )
        for note in found.notes:
            LOG.warning("note: %s", note)
        return found.weights
    with archives.opened(located(path)) as archive:
        tensors = {k: v for k, v in archive.tensors.items() if not counted(k)}
        return {name: tensor.read() for name, tensor in tensors.items()}


def fitted(
    path: str | os.PathLike[str],
    graph: Graph,
    *,
    source: str | None = None,
    allow_missing: Collection[str] = (),
    allow_extra: Collection[str] = (),
    wish: Wish = ANY,
) -> Loaded:
    """What `load` gives for a net, with what there is to say about it."""
    path = located(path, graph.name)
    with archives.opened(path) as archive:
        archive, notes = _wished(graph, source, archive, wish, os.fspath(path))
        shapes = {name: tensor.shape for name, tensor in archive.tensors.items()}
        whose = _whose(graph, source, archive, os.fspath(path))
        places = list(whose.places(graph))
        compare(
            shapes,
            {place.key: place.stored for place in places},
            allow_missing=allow_missing,
            allow_extra=allow_extra,
            names={place.key: place.name for place in places},
            what=f"the weights in {os.fspath(path)!r}, read as {whose.name},",
        )
        found: dict[str, NDArray[Any]] = {}
        used = set()
        for place in places:
            if shapes.get(place.key) == place.stored:
                used.add(place.key)
                array = place.back(_read(archive, place.key))
                found[place.name] = np.require(array, requirements="C")
        texts = archive.metadata
    initial = tuple(place.name for place in places if place.name not in found)
    if initial:
        found |= initial_weights(graph, only=initial)
    other = texts.get("fingerprint", "") not in ("", fingerprint(graph))
    return Loaded(
        {name: found[name] for name in {**graph.parameters(), **graph.buffers()}},
        whose.name,
        initial,
        tuple(key for key in shapes if key not in used and not counted(key)),
        texts.get("name", "") if other and texts.get("name") != graph.name else "",
        notes,
    )


def _wished(
    graph: Graph, name: str | None, archive: archives.Archive, wish: Wish, path: str
) -> tuple[archives.Archive, tuple[str, ...]]:
    """The archive with the tensors that are meant."""
    sources = SOURCES if name is None else [source(name)]
    fitting = [known for known in sources if known.layered == archive.layered]
    wanted = [{p.key: p.stored for p in of.places(graph)} for of in fitting]
    return chosen(archive, wanted, wish, path) if wanted else (archive, ())


def _whose(
    graph: Graph, name: str | None, archive: archives.Archive, path: str
) -> Source:
    if name is None:
        return guessed(graph, archive.tensors, archive.layered)
    chosen = source(name)
    if chosen.layered != archive.layered:
        raise WeightsError(
            f"{path!r} is {archive.kind}, which is not {name}'s format", code="AS608"
        )
    return chosen


def _read(archive: archives.Archive, key: str) -> NDArray[Any]:
    tensor = archive.tensors[key]
    if tensor.dtype not in (*PRINTED, "bfloat16"):
        raise WeightsError(
            f"{key!r} holds {tensor.dtype} values, no weights of a net", code="AS607"
        )
    return tensor.read()


def write(
    path: str | os.PathLike[str],
    graph: Graph,
    weights: Mapping[str, NDArray[Any]],
    target: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Writes a net's canonical weights, whole or not at all.

    Args:
        path: ends in .safetensors, .pth, .weights.h5 or .h5.
        graph: the net.
        weights: all of its weights.
        target: whose names the file gets; `canonical`, or for an .h5
            `keras.applications`, unless given.
        metadata: more texts for a safetensors file, beside the net's name and
            fingerprint.

    Raises:
        WeightsError: the suffix is none of these, or isn't the target's.
    """
    name = os.fspath(path)
    layered = name.endswith(".h5")
    chosen = source(target or ("keras.applications" if layered else "canonical"))
    if chosen.layered != layered or not name.endswith(WRITABLE):
        known = ", ".join(s for s in WRITABLE if s.endswith(".h5") == chosen.layered)
        raise WeightsError(
            f"{name!r}: expected a file that ends in {known} for {chosen.name}",
            code="AS608",
        )
    if chosen.name == "keras":
        raise WeightsError(
            f"{name!r}: Keras itself writes the files of a net's own Keras model",
            code="AS608",
            hint="build the model with these weights and save it",
        )
    places = list(chosen.places(graph))
    if layered:
        hdf5.save(path, layers(graph, places, weights))
        return
    stored = {place.key: place.into(weights[place.name]) for place in places}
    if not name.endswith(".safetensors"):
        checkpoints.save(path, stored)
        return
    texts = {"name": graph.name, "fingerprint": fingerprint(graph)}
    files.save(path, stored, {**(metadata or {}), **texts})


WRITABLE = (".safetensors", ".pth", ".pt", ".weights.h5", ".h5")
"""Suffixes that `write` knows; Keras writes .keras files itself."""

"""Weight files of any source into canonical weights for a net, and back."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, cast

import numpy as np

from archspec import arguments
from archspec.errors import WeightsError
from archspec.fingerprint import fingerprint
from archspec.graph import Graph
from archspec.weights import archives, checkpoints, files, hdf5, shards
from archspec.weights.adapt import adapted, advise, other_input
from archspec.weights.archives import BRAIN, counted
from archspec.weights.choice import ANY, Choice, Wish, chosen
from archspec.weights.elements import encoded, known
from archspec.weights.eras import by_attribute
from archspec.weights.fit import Misfit, check, compare, rows
from archspec.weights.hints import way_out
from archspec.weights.initial import initial_weights
from archspec.weights.pretrained import located
from archspec.weights.renewal import renewed, replaced
from archspec.weights.sources import (
    THEANO,
    Candidate,
    Place,
    Source,
    guessed,
    layers,
    named,
    source,
)
from archspec.weights.tensors import arrays
from archspec.weights.values import doubts

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOG = logging.getLogger("archspec.weights")
PRINTED = ("float64", "float32", "float16")
"""Element types that weights of a net may have in a file, beside bfloat16."""


class Reading(TypedDict, total=False):
    """What a user says of weights that are to be read.

    Attributes:
        source: whose names they have; found out unless given.
        wish: which part of a file, what its names begin with, and what they are in the
            net; what fits best unless said.
        allow_missing: names, or patterns such as `fc.*`, of weights that may be absent;
            they get the net's initial values.
        allow_extra: names, or patterns, of tensors that the net has no use for. A
            weight of another shape has to be named by both.
        new: names of layers, or patterns such as `layer4.*`, whose weights get initial
            values whatever there is for them.
        adapt_input: how the first convolution is taken to the net's input channels
            where it has others: `sum`, to one, or `repeat`.
        thorough: whether to look at every value for what is no number, which reads the
            whole file; else at biases and norms alone.
        strict: whether what is no number is an error, not a warning.
    """

    source: str | None
    wish: Wish
    allow_missing: Collection[str]
    allow_extra: Collection[str]
    new: Collection[str]
    adapt_input: Literal["sum", "repeat"] | None
    thorough: bool
    strict: bool


def reading(how: Mapping[str, Any]) -> Reading:
    """What a user says, once its names and types were looked at; TypeError if wrong."""
    arguments.known("build", how, Reading.__annotations__)
    found = dict(how)
    for name in ("allow_missing", "allow_extra", "new"):
        found[name] = arguments.texts(name, how.get(name, ()))
    for name in ("thorough", "strict"):
        found[name] = arguments.flag(name, how.get(name, False))
    if how.get("source") is not None:
        arguments.text("source", how["source"], "torchvision")
    if not isinstance(how.get("wish", ANY), Wish):
        raise arguments.wrong("wish", "an archspec.weights.Wish", how["wish"])
    if how.get("adapt_input") not in (None, "sum", "repeat"):
        expected = "'sum', 'repeat' or None"
        raise arguments.wrong("adapt_input", expected, how["adapt_input"])
    return cast(Reading, found)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Canonical weights from a file.

    Attributes:
        weights: by canonical name, in canonical order, all of the net's.
        source: whose names the file has.
        initial: names of the weights that the file lacks, or that were to be new: they
            are as the net starts.
        passed_over: tensors of the file that the net has no use for, as was allowed.
        made_for: the name of another spec that the file says it was made for, or "".
        notes: what was chosen without being asked for.
        seed: of what is as the net starts.
        doubts: what there is to warn of in the values.
    """

    weights: dict[str, NDArray[Any]]
    source: str
    initial: tuple[str, ...]
    passed_over: tuple[str, ...]
    made_for: str
    notes: tuple[str, ...] = ()
    seed: int = 0
    doubts: tuple[str, ...] = ()

    def tell(self) -> None:
        """Logs the notes and the doubts."""
        for note in self.notes:
            LOG.warning("note: %s", note)
        for doubt in self.doubts:
            LOG.warning("warning: %s", doubt)

    def lines(self) -> Iterator[str]:
        """What was taken, what was made new and what was left out, a line each."""
        taken = len(self.weights) - len(self.initial)
        yield f"taken: {taken} of {len(self.weights)} weights, read as {self.source}"
        if self.initial:
            yield f"new, from seed {self.seed}: {', '.join(rows(self.initial))}"
        if self.passed_over:
            yield f"left out: {', '.join(rows(self.passed_over))}"


def load(
    path: str | os.PathLike[str] | Any,
    graph: Graph | None = None,
    *,
    seed: int = 0,
    **how: Unpack[Reading],
) -> dict[str, NDArray[Any]]:
    """The weights in a file, or those of a state_dict or a model, as arrays.

    torch's `num_batches_tracked` is left out. Arrays from .safetensors and .pth files
    are private maps of the file: writable, and the file stays as it is.

    Args:
        path: a .safetensors, .pth, .weights.h5, .h5 or .keras file; as a text also
            published weights, as `archspec.weights.pretrained` has them; or a mapping
            from names to arrays or tensors, a torch module or a Keras model.
        graph: the net that the weights are for. With it they come complete, in
            canonical names, layouts and order; without it as the file has them.
        seed: of initial values, for what is missing or to be new.
        how: see `Reading`.

    Raises:
        WeightsError: the file is missing, damaged, of another format, or doesn't fit
            the net; then every tensor that is at fault is listed.
    """
    if graph is not None:
        found = fitted(path, graph, seed=seed, **how)
        found.tell()
        return found.weights
    with archives.opened(located(path)) as archive:
        tensors = {k: v for k, v in archive.tensors.items() if not counted(k)}
        return {name: tensor.read() for name, tensor in tensors.items()}


def fitted(
    path: str | os.PathLike[str] | Any,
    graph: Graph,
    *,
    seed: int = 0,
    **how: Unpack[Reading],
) -> Loaded:
    """What `load` gives for a net, with what there is to say about it."""
    path, how = located(path, graph.name), reading(how)
    seed = arguments.whole("seed", seed)
    source, wish = how.get("source"), how.get("wish", ANY)
    how_input = how.get("adapt_input")
    new = renewed(graph, how.get("new", ()))
    told = archives.told(path)
    with archives.opened(path) as archive:
        choice, (whose, every), notes = _wished(graph, source, archive, wish, told)
        archive = choice.archive
        with _part(told):
            archive, plain = by_attribute(archive, every, told)
        notes += plain
        places = [place for place in every if place.name not in new]
        shapes = {name: tensor.shape for name, tensor in archive.tensors.items()}
        for key in replaced(every, places, shapes):
            del shapes[key]
        expected = {place.key: place.stored for place in places}
        other = other_input(graph, places, shapes) if how_input else None
        if other:
            expected[other.key] = shapes[other.key]
        try:
            with _part(told):
                compare(
                    shapes,
                    expected,
                    allow_missing=how.get("allow_missing", ()),
                    allow_extra=how.get("allow_extra", ()),
                    names={place.key: place.name for place in places},
                    what=_what(path, whose),
                )
        except Misfit as error:
            if not (how_input or error.hint):
                advise(error, graph, places, shapes)
            error.hint = error.hint or way_out(shapes, places, choice)
            raise
        found: dict[str, NDArray[Any]] = {}
        used = set()
        for place in places:
            if shapes.get(place.key) == expected[place.key]:
                used.add(place.key)
                array = place.back(_read(archive, place.key))
                if how_input and place is other:
                    own, channels = array.shape[1], place.shape[1]
                    notes += (f"{place.name}: {own} input channels to {channels}",)
                    array = adapted(array, channels, how_input)
                found[place.name] = np.require(array, requirements="C")
        texts = archive.metadata
        wrong = doubts(graph, found, whole=how.get("thorough", False))
    if wrong and how.get("strict", False):
        raise WeightsError(
            f"{_what(path, whose)} can't be used: {'; '.join(wrong)}",
            code="AS620",
            hint="without --strict it is a warning",
        )
    initial = tuple(place.name for place in every if place.name not in found)
    kinds = {array.dtype for array in found.values()}
    for name, array in initial_weights(graph, seed, only=initial).items():
        kind = next(iter(kinds)) if len(kinds) == 1 else array.dtype
        found[name] = array.astype(kind, copy=False)
    made_for = texts.get("fingerprint", "") not in ("", fingerprint(graph))
    return Loaded(
        {name: found[name] for name in {**graph.parameters(), **graph.buffers()}},
        whose.name,
        initial,
        tuple(key for key in shapes if key not in used and not counted(key)),
        texts.get("name", "") if made_for and texts.get("name") != graph.name else "",
        notes,
        seed,
        wrong,
    )


@contextmanager
def _part(path: str) -> Iterator[None]:
    """Says of a file that doesn't fit that it is one of several."""
    try:
        yield
    except WeightsError as error:
        error.hint = shards.hint(Path(path)) or error.hint
        raise


def _what(path: str | os.PathLike[str] | Any, whose: Source) -> str:
    """What weights are called that don't fit."""
    told, read = archives.told(path), f"read as {whose.name}"
    return told if told == archives.GIVEN else f"the weights in {told!r}, {read},"


def _wished(
    graph: Graph, name: str | None, archive: archives.Archive, wish: Wish, path: str
) -> tuple[Choice, Candidate, tuple[str, ...]]:
    """The tensors that are meant, whose names they have, and notes."""
    fitting = named(name, archive.layered, archive.metadata)
    if not fitting:
        raise WeightsError(
            f"{path!r} is {archive.kind}, which is not {name}'s format", code="AS608"
        )
    ways = fitting[0].candidates(graph)
    if not (ways and _whole(archive, ways[0][1])):
        ways = [candidate for of in fitting for candidate in of.candidates(graph)]
    if not ways:
        raise _nameless(fitting[0], graph)
    wanted = [{place.key: place.stored for place in places} for _, places in ways]
    choice = chosen(archive, wanted, wish, path)
    tensors = choice.archive.tensors
    found = guessed(ways, {key: tensor.shape for key, tensor in tensors.items()})
    whose = found[0]
    told = whose.first and (name is not None or "backend" in archive.metadata)
    said = (whose.note,) if whose.note and not told else ()
    return choice, found, (*archive.notes, *choice.notes, *said)


def _whole(archive: archives.Archive, places: Collection[Place]) -> bool:
    """Whether a file holds these tensors alone: then no other source need be tried."""
    there = {name: t.shape for name, t in archive.tensors.items() if not counted(name)}
    alone = not archive.layered and len(archive.parts) < 2
    return alone and there == {place.key: place.stored for place in places}


def _nameless(whose: Source, graph: Graph) -> WeightsError:
    return WeightsError(
        f"{whose.name} has no names for the weights of {graph.name}", code="AS608"
    )


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
    weights: Mapping[str, Any] | Any,
    target: str | None = None,
    metadata: Mapping[str, str] | None = None,
    *,
    dtype: str | None = None,
    shard: int | None = None,
) -> Path:
    """Writes a net's canonical weights, whole or not at all.

    Args:
        path: ends in .safetensors, .pth, .weights.h5 or .h5.
        graph: the net.
        weights: all of its weights, as arrays or tensors; or a torch module.
        target: whose names the file gets; `canonical`, or for an .h5
            `keras.applications`, unless given.
        metadata: more texts for a safetensors file, beside the net's name and
            fingerprint.
        dtype: what they are stored as: float32, float64, float16 or, but in an .h5,
            bfloat16; what they are unless given.
        shard: how many bytes a .safetensors file may have; more become several files.

    Returns:
        The path of the file, or of the index of several.

    Raises:
        WeightsError: the suffix is none of these, or isn't the target's, or weights
            are missing, surplus, of another shape or too large for the type.
    """
    name = os.fspath(path)
    layered = name.endswith(".h5")
    chosen = source(target or ("keras.applications" if layered else "canonical"))
    if chosen.layered != layered or not name.endswith(WRITABLE):
        ends = ", ".join(s for s in WRITABLE if s.endswith(".h5") == chosen.layered)
        raise WeightsError(
            f"{name!r}: expected a file that ends in {ends} for {chosen.name}",
            code="AS608",
            hint="archspec build writes it" if name.endswith(".pt2") else None,
        )
    if chosen.name == THEANO:
        raise WeightsError(f"{name!r}: files for Theano are only read", code="AS608")
    if chosen.name == "keras":
        raise WeightsError(
            f"{name!r}: Keras itself writes the files of a net's own Keras model",
            code="AS608",
            hint="build the model with these weights and save it",
        )
    if shard is not None and not name.endswith(".safetensors"):
        message = f"{name!r}: only .safetensors may be several files"
        raise WeightsError(message, code="AS608")
    weights = arrays(weights)
    check(weights, {**graph.parameters(), **graph.buffers()})
    places = list(chosen.places(graph))
    if not places and graph.parameters():
        raise _nameless(chosen, graph)
    if layered:
        if dtype == BRAIN:
            message = f"{name!r}: HDF5 has no {BRAIN}"
            raise WeightsError(message, code="AS607", hint="--dtype float16")
        known(dtype)
        held = {
            name: encoded(name, array, dtype).reshape(array.shape)
            for name, array in weights.items()
        }
        hdf5.save(path, layers(graph, places, held))
        return Path(path)
    stored = {place.key: place.into(weights[place.name]) for place in places}
    if not name.endswith(".safetensors"):
        checkpoints.save(path, stored, dtype)
        return Path(path)
    texts = {"name": graph.name, "fingerprint": fingerprint(graph)}
    both = {**(metadata or {}), **texts}
    return files.save(path, stored, both, dtype=dtype, shard=shard)


WRITABLE = (".safetensors", ".pth", ".pt", ".weights.h5", ".h5")
"""Suffixes that `write` knows; Keras writes .keras files itself."""

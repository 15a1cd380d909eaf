"""A spec in Python: `load` reads it, a `Spec` shows, prints and builds it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from archspec import arguments
from archspec.arguments import Dtype, Given, Size
from archspec.errors import (
    ArchspecError,
    BackendError,
    ExpectWarning,
    SpecError,
    SpecErrors,
    SpecWarning,
    WeightsError,
    blamed,
)
from archspec.expectation import unexpected
from archspec.fingerprint import fingerprint
from archspec.graph import Graph, Value
from archspec.language.expand import expand
from archspec.language.files import Files
from archspec.language.syntax import Unit
from archspec.passes.with_outputs import with_outputs

if TYPE_CHECKING:
    import keras
    import torch
    from numpy.typing import NDArray

    from archspec.backend import Backend
    from archspec.source.program import Source
    from archspec.weights.conversion import Loaded, Reading
    from archspec.weights.fit import Misfit

    class Building(Reading, total=False):
        """What `Spec.build` takes."""

        weights: Any
        seed: int
        dtype: Dtype
        device: Any
        force_memory: bool
        opset: int | None
        optimize: Goal | None


LOG = logging.getLogger("archspec.weights")
Goal = Literal["inference"]
CLASSES = "num_classes"
"""The param on which the size of a net's head depends."""
HEAD = "head"
"""What that head is called where weights are to be new."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Spec:
    """A spec that was read and found valid.

    >>> spec = archspec.load("resnet20")
    >>> spec
    <Spec resnet20: image 3 x 32 x 32, 73 nodes, 269,722 parameters, 40,551,040 MACs>
    >>> spec.preprocessing["mean"]
    [0.4914, 0.4822, 0.4465]

    Attributes:
        graph: the net, with shapes, parameters and MACs.
        unit: the file, with all that it inherits.
        overridden: whether a param, the input size or the outputs are not the file's
            own, so that its `expect` says nothing about this graph.
        whole: the net with its head, where `graph` is cut off at its taps.
        given: the values of params that the caller gave.
        size: the image size that was given.
        files: what the spec was read from.
    """

    graph: Graph
    unit: Unit
    overridden: bool
    whole: Graph | None = None
    given: Mapping[str, Given] = field(default_factory=dict)
    size: Size | None = None
    files: Files | None = None

    @property
    def name(self) -> str:
        """The net's name."""
        return self.graph.name

    @property
    def fingerprint(self) -> str:
        """What the net computes, as 64 hex digits: equal ones are the same function.

        Titles, comments and how the file writes it don't count.
        """
        return fingerprint(self.graph)

    @property
    def preprocessing(self) -> dict[str, Value]:
        """How an image becomes an input, as the file says: sizes, `mean`, `std`."""
        return self.graph.recipe()

    def __repr__(self) -> str:
        given = [f"{name}={value!r}" for name, value in self.given.items()]
        given += [f"size={self.size}"] if self.size else []
        given += ["taps=True"] if self.whole else []
        return f"<Spec {' '.join([self.name, *given])}: {self.graph.facts()}>"

    def _repr_svg_(self) -> str:
        """The picture, for notebooks."""
        return self.graph._repr_svg_()

    def _repr_html_(self) -> str:
        """The picture and the table, for notebooks."""
        return self.graph._repr_html_()

    def unexpected(self) -> list[SpecError]:
        """Where the graph differs from the file's `expect`; empty if overridden."""
        if self.overridden:
            return []
        return unexpected(self.graph, self.unit.expect)

    def _warn(self) -> None:
        """Gives an ExpectWarning for each place where the file expects otherwise."""
        for error in self.unexpected():
            told = SpecWarning(error.message, code=error.code, at=error.at)
            warnings.warn(ExpectWarning(told), stacklevel=3)

    def validate(self) -> list[SpecWarning]:
        """What `archspec validate` says of a spec: its warnings.

        Raises SpecError where the net isn't what the file expects of it.
        """
        from archspec.authoring.lint import warnings as doubts

        wrong = self.unexpected()
        if wrong:
            raise wrong[0] if len(wrong) == 1 else SpecErrors(wrong)
        return [*doubts(self)]

    def show(self, depth: int | None = None) -> str:
        """A plain-text table by block; `depth` is how many levels it opens."""
        from archspec.table import render

        if depth is not None:
            depth = arguments.whole("depth", depth, least=1)
        return render(self.graph, depth)

    def codegen(
        self,
        backend: str,
        *,
        with_weights: bool = False,
        with_taps: bool = False,
        opset: int | None = None,
        optimize: Goal | None = None,
    ) -> Source:
        """The source that a backend prints; needs no framework.

        Args:
            backend: its name, such as `torch`.
            with_weights: prints a function `load_weights` as well. It reads what the
                spec says is published, or a safetensors file beside the module.
            with_taps: prints what gives the features as well, the file's taps: a method
                `forward_features` in torch, a function `features` in Keras.
            opset: the version of ONNX' ops, the backend's own choice if None.
            optimize: `inference` folds batch norms into the layers before them.

        Warns, with ExpectWarning, of what the file expects of itself otherwise. Raises
        BackendError for an unknown backend, or one that prints no such function;
        UnsupportedError for an op that it can't express exactly.
        """
        from archspec.backend import method

        chosen = versioned(backend, opset)
        taps = arguments.flag("with_taps", with_taps)
        if arguments.flag("with_weights", with_weights):
            _refuse_loading(optimize)
            chosen = method(chosen, "loading", "function that loads weights")()
        self._warn()
        net = self.folded() if inference(optimize) else self
        if not taps:
            return chosen.emit(net.graph)
        tapped = method(chosen, "emit_tapped", "features beside a head")
        made: Source = tapped(net.graph, net.tapped())
        return made

    def folded(self) -> Spec:
        """This net for inference: batch norms folded into the layers before them.

        Its weights are others; `build` with `optimize="inference"` computes them.
        """
        from archspec.passes.fold_norms import without_norms

        return replace(self, graph=without_norms(self.graph))

    def tapped(self) -> Graph:
        """The graph with its taps behind its outputs; SpecError without any."""
        both = {name or "output": v for name, v in self.graph.outputs.items()}
        for name, value in taps_of(self.graph, self.unit).items():
            while name in both:
                name += "_"
            both[name] = value
        return with_outputs(self.graph, both)

    def with_pretrained(self, weights: str) -> Spec:
        """This net as published weights want it; for a file, the same.

        It has their preprocessing and, if it is the publisher's own net and their hash
        is known, their address for the function `load_weights`.

        Raises WeightsError where nobody publishes such weights.
        """
        from archspec.weights.pretrained import chosen

        row = chosen(arguments.path("weights", weights), self.name)
        if row is None:
            return self
        own = row.net == self.name and row.classes and not self.overridden
        known = {"url": row.url, "hash": row.hash} if own and row.hash else {}
        told = dict(row.preprocessing)
        graph = replace(self.graph, preprocessing=told, weights=known)
        return replace(self, graph=graph)

    @overload
    def build(
        self, backend: Literal["torch"], **how: Unpack[Building]
    ) -> torch.nn.Module: ...
    @overload
    def build(
        self, backend: Literal["keras"], **how: Unpack[Building]
    ) -> keras.Model: ...
    @overload
    def build(self, backend: str, **how: Unpack[Building]) -> Any: ...
    def build(
        self,
        backend: str,
        *,
        weights: str | Path | Mapping[str, Any] | Any | None = None,
        seed: int = 0,
        dtype: Dtype = "float32",
        device: Any = None,
        force_memory: bool = False,
        opset: int | None = None,
        optimize: Goal | None = None,
        **how: Unpack[Reading],
    ) -> Any:
        """A model of the backend's framework.

        >>> model = archspec.load("resnet20").build("torch", seed=1).eval()
        >>> sum(p.numel() for p in model.parameters())
        269722

        Args:
            backend: its name, such as `torch`.
            weights: what `archspec.weights.load` reads, a weight file of any kind or
                published ones by name, or what is in Python: arrays or tensors of any
                framework by name, such as a state_dict, or a model; without them the
                initial weights that the spec describes. A backbone takes its own part
                of the whole net's.
            seed: of the initial weights; they are the same numbers on every backend.
            dtype: of the model's parameters.
            device: where the backend's framework puts the model, by its name or as the
                framework has it; its default if None.
            force_memory: builds a model even if its weights don't seem to fit.
            opset: the version of ONNX' ops, the backend's own choice if None.
            optimize: `inference` folds batch norms into the layers before them, once
                the weights are read; such a model is not for training.
            how: what there is to say of the weights, as for `read_weights`.

        Warns, with ExpectWarning, of what the file expects of itself otherwise.

        Raises:
            BackendError: the backend is unknown, its framework isn't installed, or it
                can't express an op exactly (UnsupportedError), or the weights don't
                fit into memory, or the framework fails.
            WeightsError: weights are missing, surplus or of another shape.
            TypeError: an argument is of no type that could be meant.
        """
        from archspec import memory
        from archspec import weights as canonical
        from archspec.backend import require
        from archspec.weights.conversion import reading

        chosen, seed = versioned(backend, opset), arguments.whole("seed", seed)
        kind = arguments.dtype(dtype)
        forced = arguments.flag("force_memory", force_memory)
        if weights is None and how:
            reading(how)
            told = "says how weights are read, and none are given"
            raise TypeError(f"{next(iter(how))} {told}")
        require(chosen)
        self._warn()
        if not forced:
            memory.check(self.graph, kind)
        fold = inference(optimize)
        if weights is not None:
            found = self.read_weights(weights, seed=seed, **how)
            return self._made(chosen, found, kind, device, fold)
        with canonical.drawing(self.graph, seed, kind) as drawn:
            return self._made(chosen, drawn, kind, device, fold)

    def _made(
        self,
        chosen: Backend,
        weights: Mapping[str, NDArray[Any]],
        dtype: str,
        device: Any,
        fold: bool,
    ) -> Any:
        """The model; BackendError for whatever the framework raises."""
        graph = self.graph
        if fold:
            from archspec.passes.fold_norms import fold_norms

            graph, weights = fold_norms(graph, weights)
        with blamed(f"{chosen.name} can't build {self.name}"):
            return chosen.build(graph, weights, dtype=dtype, device=device)

    def read_weights(
        self,
        weights: str | Path | Mapping[str, Any] | Any,
        *,
        seed: int = 0,
        **how: Unpack[Reading],
    ) -> Mapping[str, NDArray[Any]]:
        """The weights of a file or in Python, maybe the whole net's, as `build` takes.

        Args:
            weights: as for `build`.
            seed: of initial values.
            how: what there is to say of them. `new=["head"]` starts the layers anew
                whose size is `num_classes`, also `new=["fc"]` and `new=["layer4.*"]`;
                `adapt_input="sum"` takes the first convolution to one input channel;
                `allow_missing`, `allow_extra`, `source` and `wish` as for
                `archspec.weights.load`.

        Raises WeightsError.
        """
        found = self.fit_weights(weights, seed=seed, **how)
        found.tell()
        return found.weights

    def fit_weights(
        self,
        weights: str | Path | Mapping[str, Any] | Any,
        *,
        seed: int = 0,
        **how: Unpack[Reading],
    ) -> Loaded:
        """What `read_weights` gives, with what there is to say about it."""
        from archspec.weights.conversion import fitted, reading
        from archspec.weights.fit import Misfit
        from archspec.weights.pretrained import located

        how, seed = reading(how), arguments.whole("seed", seed)
        weights, new = located(weights, self.name), how.get("new", ())
        head = self.head() if HEAD in new else ()
        how["new"] = (*(name for name in new if name != HEAD), *head)
        try:
            return fitted(weights, self.graph, seed=seed, **how)
        except WeightsError as error:
            if self.whole is None:
                if isinstance(error, Misfit):
                    self._hint(error)
                raise
        # A file without the classifier may have other parts of the head.
        beyond, allowed = self._beyond(), how.get("allow_missing", ())
        how["allow_missing"] = (*allowed, *beyond)
        found = fitted(weights, self.whole, seed=seed, **how)
        initial = tuple(name for name in found.initial if name not in beyond)
        own = dict(self._own(found.weights))
        return replace(found, weights=own, initial=initial)

    def head(self) -> tuple[str, ...]:
        """The layers whose weights have other shapes for another `num_classes`.

        Raises WeightsError where there are none.
        """
        count = self.graph.params.get(CLASSES)
        refused = f"{self.name} has no weights that depend on a param {CLASSES!r}"
        found: dict[str, None] = {}
        if isinstance(count, int) and self.files is not None:
            given = {**self.given, CLASSES: count + 1}
            other = expand(self.files, self.unit, given, self.size)
            theirs = {**other.parameters(), **other.buffers()}
            own = {**self.graph.parameters(), **self.graph.buffers()}
            found = {
                name.rpartition(".")[0]: None
                for name, shape in own.items()
                if theirs.get(name, shape) != shape
            }
        if not found:
            hint = "--new takes the names of layers and patterns, too"
            raise WeightsError(refused, code="AS615", hint=hint)
        return tuple(found)

    def _hint(self, error: Misfit) -> None:
        """Says what takes weights for another head, where that is all that is wrong."""
        with suppress(ArchspecError):
            layers = self.head()
            names = error.canonical - {error.adaptable}
            if names and all(name.rpartition(".")[0] in layers for name in names):
                told = f"--new {HEAD} starts {', '.join(layers)} anew"
                if error.hint is None or error.hint.startswith("--new"):
                    error.hint = told
                elif "--new" not in error.hint:
                    error.hint = f"{error.hint}; {told}"

    def _own(self, weights: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """The weights without those that only the head of the whole net has."""
        head = self._beyond()
        return {name: array for name, array in weights.items() if name not in head}

    def _beyond(self) -> set[str]:
        """The weights that only the head of the whole net has."""
        if self.whole is None:
            return set()
        own = {**self.graph.parameters(), **self.graph.buffers()}
        return {**self.whole.parameters(), **self.whole.buffers()}.keys() - own.keys()


def taps_of(graph: Graph, unit: Unit) -> Mapping[str, str]:
    """The taps; SpecError without any."""
    if not graph.taps:
        raise SpecError(
            f"{graph.name} has no taps",
            code="AS307",
            at=unit.at,
            hint="taps: {name: node} names the features that a backbone gives",
        )
    return graph.taps


def versioned(backend: str, opset: int | None) -> Backend:
    """The backend of a name, with a version of its ops; BackendError where it can't."""
    from archspec.backend import backend as find
    from archspec.backend import method

    chosen = find(backend)
    if opset is None:
        return chosen
    number = arguments.whole("opset", opset, least=1)
    made: Backend = method(chosen, "versioned", "other version of its ops")(number)
    return made


def inference(goal: Goal | None) -> bool:
    """Whether a net is to be optimized for inference; TypeError for another goal."""
    if goal not in (None, "inference"):
        raise arguments.wrong("optimize", "'inference' or None", goal)
    return goal is not None


def _refuse_loading(goal: Goal | None) -> None:
    if inference(goal):
        raise BackendError(
            "a net whose batch norms are folded has no function that loads weights: "
            "files have those of the net before",
            code="AS515",
            hint="build folds what it reads, and saves it",
        )


def family(
    specs: Sequence[Spec],
    backend: str,
    *,
    with_weights: bool = False,
    with_taps: bool = False,
    opset: int | None = None,
    optimize: Goal | None = None,
) -> Source:
    """The source of several nets in one file: blocks once, a builder for each net.

    With weights or taps it has what `Spec.codegen` prints then; of weights, and in
    Keras of features, the function takes the net's name.

    Raises what `Spec.codegen` does, and BackendError for nets that can't be in one
    file, or for none.
    """
    from archspec.backend import emit_family, method
    from archspec.source.family import Family

    taps = arguments.flag("with_taps", with_taps)
    chosen = versioned(backend, opset)
    if arguments.flag("with_weights", with_weights):
        _refuse_loading(optimize)
        chosen = method(chosen, "loading", "function that loads weights")()
    if not specs:
        raise BackendError("there is no net to print", code="AS516")
    for spec in specs:
        spec._warn()
    if inference(optimize):
        specs = [spec.folded() for spec in specs]
    graphs = [spec.graph for spec in specs]
    if not taps:
        return emit_family(chosen, graphs)
    tapped = method(chosen, "emit_tapped", "features beside a head")
    both = Family(tuple(spec.tapped() for spec in specs))
    made: Source = tapped(Family(tuple(graphs)), both)
    return made

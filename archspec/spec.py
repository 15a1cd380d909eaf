"""A spec in Python: `load` reads it, a `Spec` shows, prints and builds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from archspec.errors import SpecError, WeightsError, nearest, shown
from archspec.graph import Graph
from archspec.language.expand import Given, expand
from archspec.language.files import Files
from archspec.language.syntax import Entry, Unit
from archspec.limits import Limits
from archspec.passes.with_outputs import with_outputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from archspec.source.program import Source
    from archspec.weights import Wish

Size = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Spec:
    """A spec that was read and found valid.

    Attributes:
        graph: the net, with shapes, parameters and MACs.
        unit: the file, with all that it inherits.
        overridden: whether a param, the input size or the outputs are not the file's
            own, so that its `expect` says nothing about this graph.
        whole: the net with its head, where `graph` is cut off at its taps.
    """

    graph: Graph
    unit: Unit
    overridden: bool
    whole: Graph | None = None

    @property
    def name(self) -> str:
        """The net's name."""
        return self.graph.name

    def unexpected(self) -> list[SpecError]:
        """Where the graph differs from the file's `expect`; empty if overridden."""
        if self.overridden:
            return []
        return unexpected(self.graph, self.unit.expect)

    def show(self, depth: int | None = None) -> str:
        """A plain-text table by block; `depth` is how many levels it opens."""
        from archspec.table import render

        return render(self.graph, depth)

    def codegen(
        self, backend: str, *, with_weights: bool = False, with_taps: bool = False
    ) -> Source:
        """The source that a backend prints; needs no framework.

        Args:
            backend: its name, such as `torch`.
            with_weights: prints a function `load_weights` as well. It reads what the
                spec says is published, or a safetensors file beside the module.
            with_taps: prints what gives the features as well, the file's taps: a method
                `forward_features` in torch, a function `features` in Keras.

        Raises BackendError for an unknown backend, or one that prints no such function;
        UnsupportedError for an op that it can't express exactly.
        """
        from archspec.backend import backend as find
        from archspec.backend import method

        chosen = find(backend)
        if with_weights:
            chosen = method(chosen, "loading", "function that loads weights")()
        if not with_taps:
            return chosen.emit(self.graph)
        tapped = method(chosen, "emit_tapped", "features beside a head")
        both = {name or "output": v for name, v in self.graph.outputs.items()}
        for name, value in _taps(self.graph, self.unit).items():
            while name in both:
                name += "_"
            both[name] = value
        made: Source = tapped(self.graph, with_outputs(self.graph, both))
        return made

    def with_pretrained(self, weights: str) -> Spec:
        """This net as published weights want it; for a file, the same.

        It has their preprocessing and, if it is the publisher's own net and their hash
        is known, their address for the function `load_weights`.

        Raises WeightsError where nobody publishes such weights.
        """
        from archspec.weights.pretrained import chosen

        row = chosen(weights, self.name)
        if row is None:
            return self
        own = row.net == self.name and row.classes and not self.overridden
        known = {"url": row.url, "hash": row.hash} if own and row.hash else {}
        told = dict(row.preprocessing)
        graph = replace(self.graph, preprocessing=told, weights=known)
        return replace(self, graph=graph)

    def build(
        self,
        backend: str,
        *,
        weights: str | Path | Mapping[str, NDArray[Any]] | None = None,
        seed: int = 0,
        dtype: Literal["float32", "float64"] = "float32",
        device: str | None = None,
        force_memory: bool = False,
    ) -> Any:
        """A model of the backend's framework.

        Args:
            backend: its name, such as `torch`.
            weights: canonical weights, or what `archspec.weights.load` reads: a weight
                file of any kind, or published ones by name; without them the initial
                weights that the spec describes. A backbone takes its own part of the
                whole net's.
            seed: of the initial weights; they are the same numbers on every backend.
            dtype: of the model's parameters.
            device: where the backend's framework puts the model; its default if None.
            force_memory: builds a model even if its weights don't seem to fit.

        Raises:
            BackendError: the backend is unknown, its framework isn't installed, or it
                can't express an op exactly (UnsupportedError), or the weights don't
                fit into memory.
            WeightsError: weights are missing, surplus or of another shape.
        """
        from archspec import memory
        from archspec import weights as canonical
        from archspec.backend import backend as find
        from archspec.backend import require

        chosen = find(backend)
        require(chosen)
        if not force_memory:
            memory.check(self.graph, dtype)
        if weights is None:
            with canonical.drawing(self.graph, seed, dtype) as drawn:
                return chosen.build(self.graph, drawn, dtype=dtype, device=device)
        if isinstance(weights, str | Path):
            weights = self.read_weights(weights)
        else:
            weights = self._own(weights)
            expected = {**self.graph.parameters(), **self.graph.buffers()}
            canonical.check(weights, expected)
        return chosen.build(self.graph, weights, dtype=dtype, device=device)

    def read_weights(
        self, path: str | Path, wish: Wish | None = None
    ) -> Mapping[str, NDArray[Any]]:
        """The weights of a file, which may be the whole net's, as `build` takes them.

        A text may be a path, an address, or the name of published weights.

        What the user knows of the file is a `wish`. Raises WeightsError.
        """
        from archspec import weights as canonical
        from archspec.weights.pretrained import located

        wish, path = wish or canonical.Wish(), located(path, self.name)
        try:
            return canonical.load(path, self.graph, wish=wish)
        except WeightsError:
            if self.whole is None:
                raise
        # A file without the classifier may have other parts of the head.
        whole = canonical.load(path, self.whole, wish=wish, allow_missing=self._head())
        return self._own(whole)

    def _own(self, weights: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """The weights without those that only the head of the whole net has."""
        head = self._head()
        return {name: array for name, array in weights.items() if name not in head}

    def _head(self) -> set[str]:
        """The weights that only the head of the whole net has."""
        if self.whole is None:
            return set()
        own = {**self.graph.parameters(), **self.graph.buffers()}
        return {**self.whole.parameters(), **self.whole.buffers()}.keys() - own.keys()


def load(
    spec: str | Path,
    *,
    size: Size | None = None,
    params: Mapping[str, Given] | None = None,
    taps: bool = False,
    limits: Limits | None = None,
    **overrides: Given,
) -> Spec:
    """Reads a spec.

    Args:
        spec: a net of the zoo (`resnet34`) or the path of a .yaml file.
        size: another height and width, in pixels, of the input images.
        limits: what a spec may ask for; else that of the environment's ARCHSPEC_LIMITS
            (`nodes=500000`), else `archspec.limits.Limits()`.
        params, overrides: values for the file's params.
        taps: makes the file's taps the outputs, and leaves out what they don't need:
            a backbone without its head.

    Raises:
        SpecError, ShapeError: with the place in the file.
    """
    files = Files(limits)
    unit = files.open(spec)
    given = {**(params or {}), **overrides}
    graph = expand(files, unit, given, size)
    if not taps:
        return Spec(graph, unit, bool(given) or size is not None)
    cut = with_outputs(graph, _taps(graph, unit))
    backbone = replace(cut, title=f"{graph.title or graph.name} backbone")
    return Spec(backbone, unit, True, graph)


def _taps(graph: Graph, unit: Unit) -> Mapping[str, str]:
    """The taps; SpecError without any."""
    if not graph.taps:
        raise SpecError(
            f"{graph.name} has no taps",
            code="AS307",
            at=unit.at,
            hint="taps: {name: node} names the features that a backbone gives",
        )
    return graph.taps


def family(specs: Sequence[Spec], backend: str) -> Source:
    """The source of several nets in one file: blocks once, a builder for each net.

    Raises what `Spec.codegen` does, and BackendError for nets that can't be in one
    file.
    """
    from archspec.backend import backend as find
    from archspec.backend import emit_family

    return emit_family(find(backend), [spec.graph for spec in specs])


def unexpected(graph: Graph, expect: Mapping[str, Entry]) -> list[SpecError]:
    """Compares a graph with what its spec expects of it."""
    shapes = graph.shapes()
    outputs = {name: shapes[value] for name, value in graph.outputs.items()}
    found: dict[str, Any] = {
        "params": graph.parameter_count(),
        "buffers": graph.buffer_count(),
        "macs": graph.macs(),
        "output": next(iter(outputs.values()))
        if list(outputs) == [""]
        else {name: list(shape) for name, shape in outputs.items()},
    }
    errors = []
    for name, entry in expect.items():
        if name not in found:
            hint = nearest(name, found) or "known are " + ", ".join(found)
            errors.append(
                SpecError(
                    f"expect: unknown key {name!r}",
                    code="AS201",
                    at=entry.at,
                    hint=hint,
                )
            )
            continue
        actual = found[name]
        if isinstance(actual, tuple):
            actual = list(actual)
        wanted = entry.value
        if actual != wanted or isinstance(wanted, bool):
            errors.append(
                SpecError(
                    f"expected {name} {shown(wanted)}, the net has {shown(actual)}",
                    code="AS410",
                    at=entry.at,
                )
            )
    return errors

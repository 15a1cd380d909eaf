"""What archspec asks of Keras; keras is imported when a model is wanted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from archspec.backend import (
    Runner,
    compare_names,
    named_outputs,
    refuse_places,
    refuse_unsupported,
    save_weights,
)
from archspec.errors import BackendError, Location, UnsupportedError
from archspec.files import write_whole
from archspec.graph import Graph, Value
from archspec.source.family import Family
from archspec.source.functions import emit
from archspec.source.functions.dialect import Dialect
from archspec.source.program import Source, execute
from archspec.source.recorded import Imported
from archspec_keras.engines import (
    beside,
    framework,
    gradients,
    placed,
    policy,
    preferred,
    running,
    start,
    undrawn,
)
from archspec_keras.features import featured
from archspec_keras.lowering import unsupported
from archspec_keras.model import KERAS
from archspec_keras.own import OwnModel
from archspec_keras.recorded import test
from archspec_keras.starts import starts
from archspec_keras.weights import loading, loading_each

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from archspec.weights.layouts import Place

    Arrays = dict[str, NDArray[Any]]


ABOUT = 1 << 13
"""Bytes of a weight's settings, and of what HDF5 keeps beside its values."""


class KerasBackend:
    """Prints and runs Keras models, on the framework that KERAS_BACKEND names."""

    name = "keras"
    framework = "keras"
    install = "archspec-nn[keras]"
    files: tuple[str, ...] = (".keras", ".weights.h5", ".h5", ".safetensors", ".pth")
    running_var = "biased"
    channels_last = True
    modes: tuple[str, ...] = ("jit",)
    reserved: frozenset[str] = frozenset()
    initialises = True

    def __init__(self, *, loads: bool = False) -> None:
        """With `loads` printed files load weights."""
        self.loads = loads
        self.engines: tuple[str, ...] = preferred()

    def loading(self) -> KerasBackend:
        """This backend, whose printed files then have a function that loads weights."""
        return KerasBackend(loads=True)

    def on(self, engine: str, dtype: str) -> KerasBackend:
        """Keras on this engine, in this process for good."""
        start(engine, dtype)
        return self

    def start(self) -> None:
        """Imports keras and what it runs on."""
        framework()

    def emit(self, graph: Graph) -> Source:
        """The source of a function that makes a model; never imports keras."""
        return emit(graph, self._dialect(graph))

    def emit_family(self, family: Family) -> Source:
        """The source of a module for several nets."""
        return emit(family, self._dialect(family))

    def _dialect(self, net: Graph | Family) -> Dialect:
        """The dialect of a file; UnsupportedError for nets that it can't say."""
        for graph in [net] if isinstance(net, Graph) else net.graphs:
            _refuse(graph)
        if not self.loads:
            return KERAS
        if isinstance(net, Family):
            return loading_each(KERAS, net.graphs)
        return loading(KERAS, net)

    def emit_tapped(self, net: Graph | Family, both: Graph | Family) -> Source:
        """The source of a module with a function for the features, the nets' taps."""
        return emit(net, featured(self._dialect(net), net))

    def test(
        self, graphs: Sequence[Graph], small: Sequence[Graph], tested: Imported
    ) -> str:
        """A test of a printed file, recorded with each net at a small size."""
        return test(graphs, small, tested)

    def build(
        self,
        graph: Graph,
        weights: Mapping[str, NDArray[Any]],
        *,
        dtype: str = "float32",
        device: str | None = None,
        source: Source | None = None,
        arguments: Mapping[str, Value] | None = None,
    ) -> Any:
        """A functional model with these weights; they are copied."""
        made = source or self.emit(graph)
        keras = framework()
        refuse_channels_first(graph, keras)
        make = getattr(execute(made), made.entry)
        with placed(keras, device), policy(keras, dtype):
            with undrawn(keras):
                model = make(**(arguments or {}))
            _compare(graph, model)
            self.write_weights(graph, model, weights)
        return model

    def starts(self, source: Source) -> Iterator[Any]:
        """Models whose weights start as their file says."""
        return starts(getattr(execute(source), source.entry))

    def own(self, graph: Graph, model: Any, renamed: Callable[[str], str]) -> OwnModel:
        """A user's model, for the values of a graph; it stays as it is."""
        return OwnModel(graph, model, renamed)

    def image_shapes(self, graph: Graph) -> dict[str, Value]:
        """The arguments by which a printed function takes images of a graph's size."""
        several = len(graph.inputs) > 1
        return {
            f"{name}_shape" if several else "input_shape": (*shape[1:], shape[0])
            for name, shape in graph.inputs.items()
        }

    def write_weights(
        self, graph: Graph, model: Any, weights: Mapping[str, NDArray[Any]]
    ) -> None:
        """Copies canonical weights into a model's variables."""
        for place, variable in _stored(graph, model):
            if place.name in weights:
                variable.assign(place.into(weights[place.name]))

    def read_weights(self, graph: Graph, model: Any) -> Arrays:
        """Copies of a model's variables, in canonical names and layouts."""
        from numpy import array

        found = {
            place.name: array(place.back(_array(variable)), order="C")
            for place, variable in _stored(graph, model)
        }
        return {name: found[name] for name in (*graph.parameters(), *graph.buffers())}

    def forward(
        self,
        graph: Graph,
        model: Any,
        inputs: Mapping[str, NDArray[Any]],
        *,
        training: bool = False,
    ) -> Arrays:
        """The outputs as arrays, channels first."""
        keras = framework()
        # The policy is for numbers in functions, too.
        with beside(keras, model), policy(keras, model.compute_dtype):
            given = _tensors(inputs[name] for name in graph.inputs)
            made = model(given if len(given) > 1 else given[0], training=training)
        return {
            name: _first(value) for name, value in named_outputs(graph, made).items()
        }

    def runner(
        self, graph: Graph, model: Any, inputs: Mapping[str, NDArray[Any]], mode: str
    ) -> Runner:
        """The model as it is called, or as the engine's own compiler makes it."""
        keras = framework()
        with beside(keras, model):
            given = _tensors(inputs[name] for name in graph.inputs)
            images = given if len(given) > 1 else given[0]
            called = running(model, images, compiled=bool(mode))

        def run() -> Any:
            with beside(keras, model):
                return called()

        def read(made: Any) -> Arrays:
            return {k: _first(v) for k, v in named_outputs(graph, made).items()}

        return Runner(run, read)

    def gradients(
        self,
        graph: Graph,
        model: Any,
        inputs: Mapping[str, NDArray[Any]],
        cotangents: Mapping[str, NDArray[Any]],
        *,
        training: bool = False,
    ) -> tuple[Arrays, Arrays]:
        """Outputs, and gradients of sum(output x cotangent), channels first."""
        keras = framework()
        trained = graph.parameters()
        wanted = [(p, v) for p, v in _stored(graph, model) if p.name in trained]

        def total(made: Any) -> Any:
            named = named_outputs(graph, made).items()
            return sum(keras.ops.sum(value * against[name]) for name, value in named)

        variables = [variable for _, variable in wanted]
        with beside(keras, model), policy(keras, model.compute_dtype):
            given = _tensors(cotangents.values())
            against = dict(zip(cotangents, given, strict=True))
            images = _tensors(inputs[name] for name in graph.inputs)
            made, found = gradients(model, variables, images, total, training)
        places = zip(wanted, found, strict=False)
        by_name = {place.name: place.back(_array(v)) for (place, _), v in places}
        grads = {name: by_name[name] for name in trained}
        by_input = map(_first, found[len(wanted) :])
        outputs = {k: _first(value) for k, value in named_outputs(graph, made).items()}
        return outputs, grads | dict(zip(graph.inputs, by_input, strict=True))

    def save(self, graph: Graph, model: Any, path: str) -> None:
        """A model (.keras, .h5), Keras' weights (.weights.h5) or canonical ones."""
        if path.endswith((".safetensors", ".pth")):
            save_weights(self, graph, model, path)
            return
        write = model.save_weights if path.endswith(".weights.h5") else model.save
        logger = logging.getLogger("absl")
        was, logger.disabled = logger.disabled, True  # that .h5 is an older format
        try:
            write_whole(path, lambda draft: write(str(draft)), size=_size(model))
        finally:
            logger.disabled = was


def _size(model: Any) -> int:
    """About how many bytes a model's file has, settings included."""
    values: int = sum(prod(variable.shape) for variable in model.weights)
    itemsize = 8 if model.compute_dtype == "float64" else 4
    return itemsize * values + ABOUT * len(model.weights)


def _refuse(graph: Graph) -> None:
    refuse_unsupported(graph, "Keras", unsupported)
    refuse_names(graph)
    refuse_unread(graph)


def refuse_channels_first(graph: Graph, keras: Any) -> None:
    """Raises BackendError where Keras takes images for channels first."""
    images = any(len(shape) == 3 for shape in graph.inputs.values())
    if images and keras.config.image_data_format() != "channels_last":
        raise BackendError(
            "Keras is set to images with the channels first, archspec's nets have them "
            "last",
            code="AS514",
            hint='keras.config.set_image_data_format("channels_last"), or '
            '"image_data_format" in keras.json',
        )


def refuse_names(graph: Graph) -> None:
    """Raises UnsupportedError where two paths are one name."""
    seen: dict[str, str] = {}
    found: dict[Location, str] = {}
    places = [(name, name, graph.root.at) for name in graph.inputs]
    places += [(node.name, node.layer(), node.at) for node in graph.nodes]
    for path, name, at in places:
        if seen.setdefault(name, path) != path:
            found[at] = f"{seen[name]!r} and {path!r} are both {name!r} in Keras"
    refuse_places(found)


def refuse_unread(graph: Graph) -> None:
    """Raises UnsupportedError where only a tap needs a node.

    A functional model has the layers that its outputs need, and no others.
    """
    read = set(graph.outputs.values())
    unread = []
    for node in reversed(graph.nodes):
        if node.name in read:
            read.update(node.inputs)
        else:
            unread.append(node)
    if unread:
        node = unread[-1]
        raise UnsupportedError(
            f"only a tap needs {node.name!r}: a Keras model has the layers that its "
            "outputs need",
            at=node.at,
            hint="make the tap an output, or build the backbone with --taps",
        )


def _stored(graph: Graph, model: Any) -> Iterator[tuple[Place, Any]]:
    """Every place of a weight with its variable; None where the model has none."""
    from archspec.weights.layouts import places

    layers = {layer.name: layer for layer in model.layers}
    for place in places(graph):
        yield place, getattr(layers.get(place.layer), place.attribute, None)


def _compare(graph: Graph, model: Any) -> None:
    from numpy import empty

    found: dict[str, tuple[int, ...]] = {}
    for place, variable in _stored(graph, model):
        if variable is not None:
            wanted, shape = place.into(empty(place.shape, "V0")).shape, variable.shape
            found[place.name] = place.shape if shape == wanted else tuple(shape)
    compare_names(graph, "Keras", found)
    seeds = sum(v.name == "seed_generator_state" for v in model.variables)
    if len(model.variables) - seeds != len(found):
        raise BackendError(
            "the Keras model has more weights: a fault of archspec", code="AS506"
        )


def _tensors(arrays: Iterable[NDArray[Any]]) -> list[Any]:
    """Arrays as tensors, channels last."""
    tensor = framework().ops.convert_to_tensor
    return [tensor(a.transpose(0, 2, 3, 1) if a.ndim == 4 else a) for a in arrays]


def _first(value: Any) -> NDArray[Any]:
    """A tensor as an array, channels first."""
    array = _array(value)
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array


def _array(value: Any) -> NDArray[Any]:
    """A tensor or a variable as an array."""
    ops = framework().ops
    made: NDArray[Any] = ops.convert_to_numpy(ops.convert_to_tensor(value))
    return made

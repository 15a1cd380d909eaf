"""What archspec asks of Keras; keras is imported when a model is wanted."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from archspec.backend import compare_names, refuse_unsupported, save_weights
from archspec.errors import BackendError
from archspec.files import write_whole
from archspec.graph import Graph, Value
from archspec.source.functions import emit
from archspec.source.program import Source, execute
from archspec_keras.checks import refuse_names, refuse_unread
from archspec_keras.lowering import unsupported
from archspec_keras.model import KERAS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

DRAWING = ("VarianceScaling", "RandomNormal", "RandomUniform", "TruncatedNormal")
"""Initializers that draw; while `build` runs they give zeros, which costs nothing."""


class KerasBackend:
    """Prints and runs Keras models, on the framework that KERAS_BACKEND names."""

    name = "keras"
    framework = "keras"
    install = "archspec-nn[keras]"
    files: tuple[str, ...] = (".keras", ".weights.h5", ".safetensors")
    engines: tuple[str, ...] = ("tensorflow", "jax", "torch")
    running_var = "biased"
    reserved: frozenset[str] = frozenset()
    initialises = True

    def on(self, engine: str, dtype: str) -> KerasBackend:
        """Keras on this engine, in this process for good."""
        from archspec_keras.engines import start

        start(engine, dtype)
        return self

    def start(self) -> None:
        """Imports keras and what it runs on."""
        framework()

    def emit(self, graph: Graph) -> Source:
        """The source of a function that makes a model; never imports keras."""
        refuse_unsupported(graph, "Keras", unsupported)
        refuse_unread(graph)
        made = emit(graph, KERAS)
        refuse_names(graph, made.text)
        return made

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
        make = getattr(execute(made), made.entry)
        with keras.device(device) if device else nullcontext(), _policy(keras, dtype):
            with _undrawn(keras):
                model = make(**(arguments or {}))
            _compare(graph, model)
            self.write_weights(graph, model, weights)
        return model

    def write_weights(
        self, graph: Graph, model: Any, weights: Mapping[str, NDArray[Any]]
    ) -> None:
        """Copies canonical weights into a model's variables."""
        from archspec.weights.layouts import places

        layers = {layer.name: layer for layer in model.layers}
        for place in places(graph):
            if place.name in weights:
                variable = getattr(layers[place.layer], place.attribute)
                variable.assign(place.into(weights[place.name]))

    def read_weights(self, graph: Graph, model: Any) -> Arrays:
        """Copies of a model's variables, in canonical names and layouts."""
        from numpy import array

        from archspec.weights.layouts import places

        keras = framework()
        layers = {layer.name: layer for layer in model.layers}
        found = {}
        for place in places(graph):
            variable = getattr(layers[place.layer], place.attribute)
            tensor = keras.ops.convert_to_tensor(variable)
            value = keras.ops.convert_to_numpy(tensor)
            found[place.name] = array(place.back(value), order="C")
        names = {**graph.parameters(), **graph.buffers()}
        return {name: found[name] for name in names}

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
        with _policy(keras, model.compute_dtype):  # of numbers in functions, too
            made = model(_given(keras, graph, inputs), training=training)
        return {
            name: _first(keras.ops.convert_to_numpy(value))
            for name, value in _named(graph, made).items()
        }

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
        from archspec.weights.layouts import places
        from archspec_keras.differentiation import gradients

        keras = framework()
        layers = {layer.name: layer for layer in model.layers}
        trained = graph.parameters()
        wanted = [place for place in places(graph) if place.name in trained]
        variables = [getattr(layers[p.layer], p.attribute) for p in wanted]
        given = _given(keras, graph, inputs)
        tensor = keras.ops.convert_to_tensor
        against = {name: tensor(_last(array)) for name, array in cotangents.items()}
        single = not isinstance(given, list)
        images = [given] if single else list(given)

        def run(values: list[Any], call: Any) -> tuple[dict[str, Any], Any]:
            made = _named(graph, call(values[0] if single else values))
            total = sum(
                keras.ops.sum(value * against[name]) for name, value in made.items()
            )
            return made, total

        with _policy(keras, model.compute_dtype):
            made, found = gradients(keras, model, variables, images, run, training)
        outputs = {n: _first(keras.ops.convert_to_numpy(v)) for n, v in made.items()}
        arrays = [keras.ops.convert_to_numpy(value) for value in found]
        by_name = {
            place.name: place.back(array)
            for place, array in zip(wanted, arrays, strict=False)
        }
        grads = {name: by_name[name] for name in trained}
        for name, array in zip(graph.inputs, arrays[len(wanted) :], strict=True):
            grads[name] = _first(array)
        return outputs, grads

    def save(self, graph: Graph, model: Any, path: str) -> None:
        """A whole model (.keras), Keras' weights (.weights.h5) or canonical ones."""
        if path.endswith(".safetensors"):
            save_weights(self, graph, model, path)
            return
        write = model.save_weights if path.endswith(".weights.h5") else model.save
        write_whole(path, lambda draft: write(str(draft)))


def framework() -> Any:
    """The module keras; BackendError when what it runs on is missing."""
    if "keras" in sys.modules:
        return sys.modules["keras"]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _silence():
            import keras

            keras.ops.zeros(()) + 0
    except ImportError as error:
        raise BackendError(
            f"Keras can't start: {error}",
            code="AS503",
            hint='pip install "archspec-nn[keras]", or what KERAS_BACKEND names',
        ) from error
    return keras


@contextmanager
def _silence() -> Iterator[None]:
    """Hides what TensorFlow's C++ says before any of its own settings count."""
    sys.stderr.flush()
    kept = os.dup(2)
    with TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


@contextmanager
def _policy(keras: Any, dtype: str) -> Iterator[None]:
    """Layers that are made meanwhile have this dtype."""
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


@contextmanager
def _undrawn(keras: Any) -> Iterator[None]:
    kinds = [getattr(keras.initializers, name) for name in DRAWING]
    kept = [kind.__dict__.get("__call__") for kind in kinds]

    def zeros(self: Any, shape: Any, dtype: Any = None) -> Any:
        return keras.ops.zeros(shape, dtype=dtype)

    for kind in kinds:
        kind.__call__ = zeros
    try:
        yield
    finally:
        for kind, call in zip(kinds, kept, strict=True):
            if call is None:
                del kind.__call__
            else:
                kind.__call__ = call


def _compare(graph: Graph, model: Any) -> None:
    from numpy import empty

    from archspec.weights.layouts import places

    layers = {layer.name: layer for layer in model.layers}
    found: dict[str, tuple[int, ...]] = {}
    for place in places(graph):
        variable = getattr(layers.get(place.layer), place.attribute, None)
        if variable is None:
            continue
        wanted = place.into(empty(place.shape, "V0")).shape
        shape = tuple(variable.shape)
        found[place.name] = place.shape if shape == wanted else shape
    compare_names(graph, "Keras", found)
    seeds = sum(v.name == "seed_generator_state" for v in model.variables)
    if len(model.variables) - seeds != len(found):
        raise BackendError(
            "the Keras model has more weights: a fault of archspec", code="AS506"
        )


def _given(keras: Any, graph: Graph, inputs: Mapping[str, NDArray[Any]]) -> Any:
    images = [keras.ops.convert_to_tensor(_last(inputs[name])) for name in graph.inputs]
    return images[0] if len(images) == 1 else images


def _named(graph: Graph, made: Any) -> dict[str, Any]:
    return made if isinstance(made, dict) else {next(iter(graph.outputs)): made}


def _last(array: NDArray[Any]) -> NDArray[Any]:
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


def _first(array: NDArray[Any]) -> NDArray[Any]:
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array

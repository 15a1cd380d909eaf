"""A Keras model that a user wrote, run for the values that a graph should compute."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from archspec.backend import named_outputs, own_model
from archspec.errors import BackendError, said
from archspec.graph import Graph
from archspec.weights.layouts import places
from archspec_keras.engines import framework, policy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]
    Size = tuple[int, int]

DOUBLE = "float64"


class OwnModel:
    """A copy of a model in float64; the user's stays as it is, or becomes so again.

    Args:
        graph: what it should compute.
        model: a keras.Model that takes the graph's inputs in order, channels last, or
            a functools.partial that makes one.
        renamed: from the names of its layers to those that archspec prints.

    Attributes:
        shapes: of its weights, by the graph's names; those of layers that have none are
            called LAYER.VARIABLE.
        engine: that Keras runs on.
        raised: what it raised when it ran last.
        size: height and width of the images that it takes; None if any.
    """

    def __init__(self, graph: Graph, model: Any, renamed: Callable[[str], str]) -> None:
        keras = framework()
        with policy(keras, DOUBLE):
            model = own_model(model, keras.Model, "a keras.Model")
        self.graph = graph
        self.raised = ""
        self.size = _size(model)
        self.engine = str(keras.backend.backend())
        self.model = _double(keras, model)
        self.kept = model.get_weights() if self.model is model else []
        self.layers = {renamed(layer.name): layer for layer in _layers(self.model)}
        self.places = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        known: set[int] = set()
        for place in places(graph):
            layer = self.layers.get(place.layer)
            variable = getattr(layer, place.attribute, None)
            if variable is None:
                continue
            known.add(id(variable))
            self.places[place.name] = place, variable
            self.shapes[place.name] = _canonical(place, tuple(variable.shape))
        for name, layer in self.layers.items():
            for variable in layer.weights:
                if id(variable) not in known and "seed" not in variable.name:
                    self.shapes[f"{name}.{variable.name}"] = tuple(variable.shape)

    def write(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Puts weights, by the graph's names, into the copy."""
        for name, (place, variable) in self.places.items():
            variable.assign(place.into(weights[name]))

    def close(self) -> None:
        """Puts the weights back, where no copy could be made."""
        if self.kept:
            self.model.set_weights(self.kept)

    def values(self, images: Mapping[str, NDArray[Any]]) -> Arrays:
        """Outputs as `outputs/NAME`, and as `nodes/NODE` what its layers show.

        A layer of a functional model that has a node's name shows what the node gives.
        """
        keras = framework()
        shown: dict[str, Any] = {}
        own = {id(layer) for layer in self.model.layers}
        for node in self.graph.nodes:
            layer = self.layers.get(node.layer())
            # One that runs twice has no single output; a model's own layers have none.
            if layer is not None and id(layer) in own and len(_runs(layer)) == 1:
                shown[node.name] = layer.output
        with policy(keras, DOUBLE):
            tensor = keras.ops.convert_to_tensor
            given = [
                tensor(a.transpose(0, 2, 3, 1) if a.ndim == 4 else a)
                for a in (images[name] for name in self.graph.inputs)
            ]
            read = given if len(given) > 1 else given[0]
            try:
                outputs = named_outputs(self.graph, self.model(read, training=False))
                self.raised = ""
            except BackendError:
                raise
            except Exception as error:
                self.raised = f"{type(error).__name__}: {said(error)}"
                return {}
            nodes = {}
            if shown and getattr(self.model, "inputs", None):
                whole = keras.Model(self.model.inputs, [*shown.values()])
                made = whole(read, training=False)
                each = made if isinstance(made, list | tuple) else [made]
                nodes = dict(zip(shown, each, strict=True))
        found = {f"outputs/{name}": _first(value) for name, value in outputs.items()}
        shapes = self.graph.shapes()
        for name, value in nodes.items():
            array, (*_, height, width) = _first(value), (0, 0, *shapes[name])
            if array.ndim == 2 and (height, width) == (1, 1):
                array = array[..., None, None]  # Keras' global pools give vectors
            found[f"nodes/{name}"] = array
        return found


def _size(model: Any) -> Any:
    shape = tuple(model.inputs[0].shape) if getattr(model, "inputs", None) else ()
    return shape[1:3] if len(shape) == 4 and None not in shape[1:3] else None


def _double(keras: Any, model: Any) -> Any:
    """A copy in float64; the model itself where it is so, and Keras can't copy it."""

    def twin(layer: Any) -> Any:
        own = {"dtype": DOUBLE} if isinstance(layer, keras.Layer) else {}
        return type(layer).from_config({**layer.get_config(), **own})

    try:
        with policy(keras, DOUBLE):
            # The old inputs would round to float32 whatever comes in.
            new = [keras.Input(batch_shape=t.shape, name=t.name) for t in model.inputs]
            given = new if len(new) > 1 else new[0]
            return keras.models.clone_model(model, given, clone_function=twin)
    except Exception as error:
        if {layer.compute_dtype for layer in _layers(model)} <= {DOUBLE}:
            return model
        raise BackendError(
            f"Keras can't copy the model in float64: {said(error)}",
            code="AS523",
            hint='make it under keras.config.set_dtype_policy("float64")',
        ) from error


def _layers(model: Any) -> Iterator[Any]:
    """All layers, those of models in a model too."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _layers(layer)
        else:
            yield layer


def _runs(layer: Any) -> Any:
    return getattr(layer, "_inbound_nodes", ())


def _canonical(place: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The canonical shape, or Keras' own where that is another."""
    from numpy import empty

    wanted = place.into(empty(place.shape, "V0")).shape
    return place.shape if shape == wanted else shape


def _first(value: Any) -> NDArray[Any]:
    """A tensor as an array, channels first."""
    array: NDArray[Any] = framework().ops.convert_to_numpy(value)
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array

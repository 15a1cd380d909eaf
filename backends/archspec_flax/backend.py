"""What archspec asks of Flax; flax and jax are imported when a model is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from importlib import import_module
from inspect import signature
from os.path import abspath
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from numpy import asarray, ascontiguousarray, empty

from archspec.backend import (
    Runner,
    compare_names,
    named_outputs,
    no_device,
    refuse_names,
    refuse_unsupported,
    require,
    save_weights,
)
from archspec.errors import ArchspecError
from archspec.graph import Graph, Value
from archspec.source.classes import Dialect, emit, emit_tapped
from archspec.source.classes.features import FEATURES
from archspec.source.family import Family
from archspec.source.program import Source, execute
from archspec.weights import write
from archspec.weights.nnx import places
from archspec_flax.dialect import DIALECT, RESERVED
from archspec_flax.lowering import unsupported
from archspec_flax.plan import plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]


class FlaxBackend:
    """Prints and runs Flax NNX models."""

    name = "flax"
    framework = "flax"
    install = "archspec-nn[flax]"
    files: tuple[str, ...] = (".safetensors", ".orbax", ".pth")
    engines: tuple[str, ...] = ("",)
    modules: Mapping[str, str] = {"": "jax"}
    running_var = "biased"
    channels_last = True
    reserved = RESERVED
    initialises = True

    def on(self, engine: str, dtype: str) -> FlaxBackend:
        """Flax, whose jax then has float64 where that is wanted, in this process."""
        require(self)
        if dtype == "float64":
            _double()
        return self

    def start(self) -> None:
        """Imports flax."""
        import_module("flax.nnx")

    def emit(self, graph: Graph) -> Source:
        """The source of a module; never imports flax."""
        return emit(graph, self._dialect(graph, self.reserved))

    def emit_family(self, family: Family) -> Source:
        """The source of a module for several nets."""
        return emit(family, self._dialect(family, self.reserved))

    def _dialect(self, net: Graph | Family, reserved: frozenset[str]) -> Dialect:
        """The dialect of a file; UnsupportedError for nets that it can't say."""
        for graph in [net] if isinstance(net, Graph) else net.graphs:
            refuse_unsupported(graph, "Flax", unsupported)
            refuse_names(graph, "flax.nnx.Module", reserved)
        return replace(DIALECT, reserved=reserved)

    def emit_tapped(self, net: Graph | Family, both: Graph | Family) -> Source:
        """The source of a module that also has `forward_features`, which gives taps.

        `both` is the net, or are the nets, with the taps behind the outputs.
        """
        return emit_tapped(net, both, self._dialect(net, self.reserved | {FEATURES}))

    def plan(self, graph: Graph) -> Source:
        """The source of what lays a model out on several devices."""
        return plan(graph)

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
        """An nnx.Module with these weights, which are copied; in evaluation mode."""
        from flax import nnx

        place = placed(device)
        if dtype == "float64":
            _double()
        source = source or self.emit(graph)
        given = dict(arguments or {})
        model = nnx.eval_shape(lambda: _made(source, given, 0))
        _compare(graph, model)
        _fill(graph, model, weights, lambda array: array.astype(dtype), place)
        nnx.reseed(model, default=0)
        model.eval()
        return model

    def started(self, source: Source, seed: int) -> Any:
        """A model whose weights start as its file says."""
        return _made(source, {}, seed)

    def write_weights(
        self, graph: Graph, model: Any, weights: Mapping[str, NDArray[Any]]
    ) -> None:
        """Copies canonical weights into a module, which keeps its dtypes."""
        _fill(graph, model, weights, lambda array: array, None)

    def read_weights(self, graph: Graph, model: Any) -> Arrays:
        """Copies of a module's state, in canonical names and layouts."""
        from numpy import array

        stored = _stored(model)
        found = {
            place.name: array(place.back(array(stored[place.path][...])), order="C")
            for place in places(graph)
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
        """The outputs as arrays, channels first; the module's mode stays."""
        from flax import nnx

        images = _tensors(inputs[name] for name in graph.inputs)
        forward, _ = _compiled(model, training)
        made, moved = forward(nnx.state(model), images)
        if training:
            nnx.update(model, moved)
        return {
            name: _first(value) for name, value in named_outputs(graph, made).items()
        }

    def runner(
        self, graph: Graph, model: Any, inputs: Mapping[str, NDArray[Any]], mode: str
    ) -> Runner:
        """The module in evaluation mode, as `jax.jit` compiles it."""
        import jax
        from flax import nnx

        net, state = nnx.split(model)
        own = next(iter(jax.tree.leaves(state)), None)
        place: Any = None if own is None else next(iter(own.devices()))
        images = jax.device_put(_tensors(inputs[name] for name in graph.inputs), place)
        # The state is an argument: what is constant, XLA computes with as it compiles.
        predict = jax.jit(lambda state, images: nnx.merge(net, state)(*images))

        def read(made: Any) -> Arrays:
            return {k: _first(v) for k, v in named_outputs(graph, made).items()}

        def peak() -> int | None:
            told: Mapping[str, int] = place.memory_stats() or {}
            return told.get("peak_bytes_in_use")

        def run() -> Any:
            return jax.block_until_ready(predict(state, images))

        if place is None or place.platform == "cpu":
            return Runner(run, read)
        return Runner(run, read, place.device_kind, peak)

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
        from flax import nnx

        order = [*graph.outputs]
        against = _tensors(cotangents[name] for name in order)
        images = _tensors(inputs[name] for name in graph.inputs)
        _, derived = _compiled(model, training)
        weights, rest = nnx.state(model, nnx.Param, ...)
        (by_weight, by_image), (made, moved) = derived(weights, images, rest, against)
        if training:
            nnx.update(model, moved)
        found = {_path(key): value for key, value in nnx.to_flat_state(by_weight)}
        grads = {
            place.name: place.back(asarray(found[place.path][...]))
            for place in places(graph)
            if place.path in found
        }
        outputs = {k: _first(value) for k, value in named_outputs(graph, made).items()}
        ordered = {name: grads[name] for name in graph.parameters()}
        return outputs, ordered | dict(
            zip(graph.inputs, map(_first, by_image), strict=True)
        )

    def save(self, graph: Graph, model: Any, path: str) -> None:
        """The state by NNX's paths (.safetensors, an .orbax folder), or canonical."""
        if path.endswith(".pth"):
            save_weights(self, graph, model, path)
            return
        if path.endswith(".safetensors"):
            write(path, graph, self.read_weights(graph, model), "flax")
            return
        import orbax.checkpoint as ocp
        from flax import nnx

        state = nnx.to_pure_dict(nnx.state(model, nnx.Not(nnx.RngState)))
        try:
            with ocp.StandardCheckpointer() as checkpointer:
                checkpointer.save(abspath(path), state)
        except (OSError, ValueError) as error:  # it moves the folder there at the end
            told = f"can't write {path!r}: {error}"
            raise ArchspecError(told, code="AS190") from error


def _made(source: Source, given: Mapping[str, Value], seed: int) -> Any:
    """What the entry of a file makes; without weights and chance it draws nothing."""
    from flax import nnx

    make = getattr(execute(source), source.entry)
    # The metaclass of modules hides what they take.
    told = vars(make)["__init__"] if isinstance(make, type) else make
    drawn = {"rngs": nnx.Rngs(seed)} if "rngs" in signature(told).parameters else {}
    return make(**given, **drawn)


def _double() -> None:
    """Lets jax have float64, in this process from now on."""
    import jax

    jax.config.update("jax_enable_x64", True)


def placed(device: str | None) -> Any:
    """A device by its name; None is jax's default.

    Raises BackendError that names the devices there are.
    """
    import jax

    if device is None:
        return None
    kind, _, number = str(device).lower().replace("cuda", "gpu").partition(":")
    try:
        return jax.devices(kind)[int(number or 0)]
    except (RuntimeError, ValueError, IndexError):
        known = [f"{d.platform}:{d.id}" for d in jax.devices()]
        raise no_device("jax", device, known) from None


def _stored(model: Any) -> dict[str, Any]:
    """The variables of a module by their paths, but those of chance."""
    from flax import nnx

    state = nnx.to_flat_state(nnx.state(model))
    return {_path(p): v for p, v in state if not isinstance(v, nnx.RngState)}


def _path(parts: tuple[Any, ...]) -> str:
    return ".".join(map(str, parts))


def _compiled(model: Any, training: bool) -> tuple[Any, Any]:
    """What computes a module's outputs and state in a mode, and what derives them."""
    import jax
    from flax import nnx

    def run(state: Any, images: list[Any], *rest: Any) -> tuple[Any, Any]:
        copy = nnx.merge(net, state, *rest, copy=True)
        made = copy(*images)
        return made, nnx.state(copy, nnx.Not(nnx.Param))

    def total(
        weights: Any, images: list[Any], rest: Any, against: list[Any]
    ) -> tuple[Any, Any]:
        made, moved = run(weights, images, rest)
        values = made.values() if isinstance(made, dict) else [made]
        pairs = zip(values, against, strict=True)
        return sum((value * cotangent).sum() for value, cotangent in pairs), (
            made,
            moved,
        )

    known = COMPILED.setdefault(model, {})
    if training not in known:
        modes = {"deterministic": not training, "use_running_average": not training}
        net = nnx.graphdef(nnx.view(model, **modes, raise_if_not_found=False))
        derived = jax.grad(total, argnums=(0, 1), has_aux=True)
        known[training] = jax.jit(run), jax.jit(derived)
    return known[training]


COMPILED: WeakKeyDictionary[Any, dict[bool, tuple[Any, Any]]] = WeakKeyDictionary()
"""For each module that is in use, and each of its modes, what was compiled of it."""


def _compare(graph: Graph, model: Any) -> None:
    found = {path: tuple(v.shape) for path, v in _stored(model).items()}
    shapes: dict[str, tuple[int, ...]] = {}
    for place in places(graph):
        shape = found.pop(place.path, None)
        if shape is not None:
            wanted = place.into(empty(place.shape, "V0")).shape
            shapes[place.name] = place.shape if shape == wanted else shape
    compare_names(graph, "flax", shapes | found)


def _fill(
    graph: Graph,
    model: Any,
    weights: Mapping[str, NDArray[Any]],
    cast: Callable[[NDArray[Any]], NDArray[Any]],
    device: Any,
) -> None:
    import jax

    stored = _stored(model)
    for place in places(graph):
        if place.name in weights:
            array = cast(ascontiguousarray(place.into(weights[place.name])))
            stored[place.path].set_value(jax.device_put(array.copy(), device))


def _tensors(arrays: Iterable[NDArray[Any]]) -> list[Any]:
    """Arrays of jax, channels last."""
    import jax.numpy as jnp

    return [jnp.array(a.transpose(0, 2, 3, 1) if a.ndim == 4 else a) for a in arrays]


def _first(value: Any) -> NDArray[Any]:
    """A value as an array, channels first."""
    found = asarray(value)
    return found.transpose(0, 3, 1, 2) if found.ndim == 4 else found

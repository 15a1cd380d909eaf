"""What archspec asks of Flax; flax and jax are imported when a model is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import finalize

from numpy import asarray, ascontiguousarray, empty

from archspec.backend import (
    Runner,
    begin,
    compare_names,
    named_outputs,
    no_device,
    refuse_names,
    refuse_unsupported,
    save_weights,
)
from archspec.errors import BackendError, said
from archspec.files import write_folder
from archspec.graph import Graph, Value
from archspec.source.classes import Dialect, emit, emit_tapped
from archspec.source.classes.features import FEATURES
from archspec.source.family import Family
from archspec.source.program import Source
from archspec.source.recorded import Imported
from archspec.weights import write
from archspec.weights.archives import ORBAX
from archspec.weights.nnx import places
from archspec_flax import making
from archspec_flax.arrays import first, path_of, stored, tensors
from archspec_flax.dialect import DIALECT, RESERVED
from archspec_flax.lowering import unsupported
from archspec_flax.own import OwnModule
from archspec_flax.plan import plan
from archspec_flax.recorded import test
from archspec_flax.weights import loading

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

    def __init__(self, *, loads: bool = False) -> None:
        """With `loads` printed files load weights."""
        self.loads = loads

    def loading(self) -> FlaxBackend:
        """This backend, whose printed files then have a function that loads weights."""
        return FlaxBackend(loads=True)

    def on(self, engine: str, dtype: str) -> FlaxBackend:
        """Flax, whose jax then has float64 where that is wanted, in this process."""
        begin(self)
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
        graphs = [net] if isinstance(net, Graph) else [*net.graphs]
        for graph in graphs:
            refuse_unsupported(graph, "Flax", unsupported)
            refuse_names(graph, "flax.nnx.Module", reserved)
        dialect = replace(DIALECT, reserved=reserved)
        if not self.loads:
            return dialect
        return loading(dialect, graphs, several=isinstance(net, Family))

    def emit_tapped(self, net: Graph | Family, both: Graph | Family) -> Source:
        """The source of a module that also has `forward_features`, which gives taps.

        `both` is the net, or are the nets, with the taps behind the outputs.
        """
        return emit_tapped(net, both, self._dialect(net, self.reserved | {FEATURES}))

    def test(
        self, graphs: Sequence[Graph], small: Sequence[Graph], tested: Imported
    ) -> str:
        """A test of a printed file, recorded with each net at a small size."""
        return test(graphs, small, tested)

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
        model = making.shaped(source, arguments or {})
        _compare(graph, model)
        _fill(graph, model, weights, lambda held: (dtype, place))
        nnx.reseed(model, default=0)
        model.eval()
        return model

    def starts(self, source: Source) -> Iterator[Any]:
        """Models whose weights start as their file says."""
        from flax import nnx

        for seed in count():
            yield making.made(source, {}, nnx.Rngs(seed))

    def own(self, graph: Graph, model: Any, renamed: Callable[[str], str]) -> OwnModule:
        """A user's module, for the values of a graph; it stays as it is."""
        return OwnModule(graph, model, renamed)

    def handed(self, graph: Graph) -> dict[str, Any]:
        """What a user's class draws from."""
        from flax import nnx

        return {"rngs": nnx.Rngs(0)}

    def write_weights(
        self, graph: Graph, model: Any, weights: Mapping[str, NDArray[Any]]
    ) -> None:
        """Copies canonical weights into a module, which keeps dtypes and devices."""
        _fill(graph, model, weights, lambda held: (held.dtype, held[...].sharding))

    def read_weights(self, graph: Graph, model: Any) -> Arrays:
        """Copies of a module's state, in canonical names and layouts."""
        from numpy import array

        held = stored(model)
        found = {
            place.name: array(place.back(array(held[place.path][...])), order="C")
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

        images = tensors(inputs[name] for name in graph.inputs)
        forward, _ = _compiled(model, training)
        made, moved = forward(nnx.state(model), images)
        if training:
            nnx.update(model, moved)
        return {
            name: first(value) for name, value in named_outputs(graph, made).items()
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
        images = jax.device_put(tensors(inputs[name] for name in graph.inputs), place)
        # The state is an argument: what is constant, XLA computes with as it compiles.
        predict = jax.jit(lambda state, images: nnx.merge(net, state)(*images))

        def read(made: Any) -> Arrays:
            return {k: first(v) for k, v in named_outputs(graph, made).items()}

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
        against = tensors(cotangents[name] for name in order)
        images = tensors(inputs[name] for name in graph.inputs)
        _, derived = _compiled(model, training)
        weights, rest = nnx.state(model, nnx.Param, ...)
        (by_weight, by_image), (made, moved) = derived(weights, images, rest, against)
        if training:
            nnx.update(model, moved)
        found = {path_of(key): value for key, value in nnx.to_flat_state(by_weight)}
        grads = {
            place.name: place.back(asarray(found[place.path][...]))
            for place in places(graph)
            if place.path in found
        }
        outputs = {k: first(value) for k, value in named_outputs(graph, made).items()}
        ordered = {name: grads[name] for name in graph.parameters()}
        return outputs, ordered | dict(
            zip(graph.inputs, map(first, by_image), strict=True)
        )

    def save(self, graph: Graph, model: Any, path: str) -> None:
        """The state by NNX's paths (.safetensors, an .orbax folder), or canonical."""
        if path.endswith(".pth"):
            save_weights(self, graph, model, path)
            return
        if path.endswith(".safetensors"):
            write(path, graph, self.read_weights(graph, model), "flax")
            return
        from flax import nnx

        ocp = _orbax()
        state = nnx.to_pure_dict(nnx.state(model, nnx.Not(nnx.RngState)))
        size = sum(variable.nbytes for variable in stored(model).values())

        def fill(draft: Path) -> None:
            with ocp.StandardCheckpointer() as checkpointer:
                checkpointer.save(draft, state)

        write_folder(path, fill, known=ORBAX, size=size)


def _orbax() -> Any:
    """The module orbax.checkpoint; BackendError where that isn't installed."""
    try:
        return import_module("orbax.checkpoint")
    except ImportError as error:
        raise BackendError(
            f"a .orbax folder needs orbax-checkpoint: {said(error)}",
            code="AS502",
            hint='pip install "archspec-nn[flax]", or -o net.safetensors',
        ) from error


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

    if id(model) not in COMPILED:
        COMPILED[id(model)] = {}
        finalize(model, COMPILED.pop, id(model)).atexit = False
    known = COMPILED[id(model)]
    if training not in known:
        modes = {"deterministic": not training, "use_running_average": not training}
        net = nnx.graphdef(nnx.view(model, **modes, raise_if_not_found=False))
        derived = jax.grad(total, argnums=(0, 1), has_aux=True)
        known[training] = jax.jit(run), jax.jit(derived)
    return known[training]


COMPILED: dict[int, dict[bool, tuple[Any, Any]]] = {}
"""For the id of each module that is in use (a list of layers has no hash), and each of
its modes, what was compiled of it."""


def _compare(graph: Graph, model: Any) -> None:
    found = {path: tuple(v.shape) for path, v in stored(model).items()}
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
    kept: Callable[[Any], tuple[Any, Any]],
) -> None:
    """Copies weights into a module; `kept` gives a variable's type and device."""
    import jax

    held = stored(model)
    for place in places(graph):
        if place.name in weights:
            variable = held[place.path]
            dtype, device = kept(variable)
            array = ascontiguousarray(place.into(weights[place.name]))
            variable.set_value(jax.device_put(array.astype(dtype), device))

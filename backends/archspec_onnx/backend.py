"""What archspec asks of ONNX; onnx_ir is imported when a model is wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from archspec.backend import (
    Runner,
    compare_names,
    refuse_places,
    refuse_unsupported,
    require,
    save_weights,
)
from archspec.errors import BackendError, Location
from archspec.fingerprint import fingerprint
from archspec.graph import Graph, Value
from archspec.source.family import Family
from archspec.source.functions import emit
from archspec.source.functions.dialect import Dialect
from archspec.source.program import Source, execute
from archspec.source.recorded import Imported
from archspec.weights import initial_weights
from archspec_onnx.engines import run, session, start
from archspec_onnx.features import featured
from archspec_onnx.files import beside, opened, save
from archspec_onnx.lowering import OPSET, OPSETS, unsupported
from archspec_onnx.model import dialect
from archspec_onnx.own import OwnModel
from archspec_onnx.recorded import test
from archspec_onnx.weights import loading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]


class OnnxBackend:
    """Prints and runs ONNX models, forward only."""

    name = "onnx"
    framework = "onnx_ir"
    install = "archspec-nn[onnx]"
    files: tuple[str, ...] = (".onnx", ".onnx.txt", ".safetensors", ".pth")
    engines: tuple[str, ...] = ("ort", "reference")
    modules: Mapping[str, str] = {"ort": "onnxruntime", "reference": "onnx"}
    precisions: Mapping[str, tuple[str, ...]] = {"ort": ("float32",)}
    running_var = "unbiased"
    channels_last = False
    reserved: frozenset[str] = frozenset()
    initialises = False

    def __init__(
        self, *, engine: str = "", opset: int = OPSET, loads: bool = False
    ) -> None:
        """On an engine, or on what fits; with a version of the ops.

        With `loads` printed files load weights.
        """
        self.engine = engine
        self.opset = opset
        self.loads = loads

    def loading(self) -> OnnxBackend:
        """This backend, whose printed files then have a function that loads weights."""
        return OnnxBackend(engine=self.engine, opset=self.opset, loads=True)

    def on(self, engine: str, dtype: str) -> OnnxBackend:
        """ONNX on one of its engines."""
        start(engine, dtype)
        return OnnxBackend(engine=engine, opset=self.opset, loads=self.loads)

    def versioned(self, opset: int) -> OnnxBackend:
        """The backend with a version of ONNX' ops; BackendError for one of no use."""
        if opset not in OPSETS:
            raise BackendError(
                f"there are no models of opset {opset} here",
                code="AS505",
                hint=f"an opset is one of {OPSETS[0]} to {OPSETS[-1]}",
            )
        return OnnxBackend(engine=self.engine, opset=opset)

    def beside(self, path: str) -> tuple[str, ...]:
        """The files that a saved model needs in its folder."""
        return beside(path)

    def start(self) -> None:
        """Imports onnx_ir."""
        import_module(self.framework)

    def emit(self, graph: Graph) -> Source:
        """The source of a function that makes a model; never imports onnx_ir."""
        return emit(graph, self._dialect(graph))

    def emit_family(self, family: Family) -> Source:
        """The source of a module for several nets."""
        return emit(family, self._dialect(family))

    def _dialect(self, net: Graph | Family) -> Dialect:
        """The dialect of a file; UnsupportedError for nets that it can't say."""
        graphs = [net] if isinstance(net, Graph) else [*net.graphs]
        for graph in graphs:
            _refuse(graph, self.opset)
        told = dialect(self.opset)
        if not self.loads:
            return told
        return loading(told, graphs, several=isinstance(net, Family))

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
        """A model with these weights, which are copied."""
        from numpy import array

        if device not in (None, "cpu"):
            raise BackendError(
                "an ONNX model is on no device: who runs it says where",
                code="AS517",
                hint="leave --device out",
            )
        made = source or self.emit(graph)
        require(self)
        make = getattr(execute(made), made.entry)
        given = {name: array(value, dtype) for name, value in weights.items()}
        model = make(given, **(arguments or {}), dtype=dtype)
        model.metadata_props["archspec.fingerprint"] = fingerprint(graph)
        _compare(graph, model)
        return model

    def own(self, graph: Graph, model: Any, renamed: Callable[[str], str]) -> OwnModel:
        """A user's model, for the values of a graph; it stays as it is."""
        return OwnModel(graph, model, renamed)

    def opened(self, path: str) -> Any | None:
        """The model of an .onnx file; BackendError where it can't be read."""
        return opened(path) if path.endswith(".onnx") else None

    def handed(self, graph: Graph) -> dict[str, Any]:
        """The weights that a user's function takes, in double precision."""
        return {"weights": initial_weights(graph, 0, "float64"), "dtype": "float64"}

    def write_weights(
        self, graph: Graph, model: Any, weights: Mapping[str, NDArray[Any]]
    ) -> None:
        """Copies canonical weights into a model."""
        import onnx_ir as ir
        from numpy import array

        held = model.graph.initializers
        for name, value in weights.items():
            dtype = held[name].const_value.dtype.numpy()
            held[name].const_value = ir.tensor(array(value, dtype), name=name)

    def read_weights(self, graph: Graph, model: Any) -> Arrays:
        """Copies of a model's weights, in canonical order."""
        from numpy import array

        held = model.graph.initializers
        names = (*graph.parameters(), *graph.buffers())
        return {name: array(held[name].const_value.numpy()) for name in names}

    def forward(
        self,
        graph: Graph,
        model: Any,
        inputs: Mapping[str, NDArray[Any]],
        *,
        training: bool = False,
    ) -> Arrays:
        """The outputs, computed by the engine."""
        made = run(model, inputs, self.engine)
        return dict(zip(graph.outputs, made, strict=True))

    def runner(
        self, graph: Graph, model: Any, inputs: Mapping[str, NDArray[Any]], mode: str
    ) -> Runner:
        """A session of the engine."""
        runs, given = session(model, self.engine), dict(inputs)
        return Runner(
            lambda: runs.run(None, given),
            lambda made: dict(zip(graph.outputs, made, strict=True)),
        )

    def save(self, graph: Graph, model: Any, path: str) -> None:
        """A model (.onnx), its text (.onnx.txt) or canonical weights."""
        if path.endswith((".safetensors", ".pth")):
            save_weights(self, graph, model, path)
        else:
            save(model, path)


def _refuse(graph: Graph, opset: int) -> None:
    refuse_unsupported(graph, "ONNX", partial(unsupported, opset=opset))
    found: dict[Location, str] = {}
    nodes = {node.name: node.at for node in graph.nodes}
    for name in graph.inputs:
        if name in nodes:
            found[nodes[name]] = f"{name!r} is an input too, and ONNX has one of a name"
    for name, value in graph.outputs.items():
        if name != value and name in nodes:
            at = nodes[name]
            found[at] = f"{name!r} is another output, and ONNX has one value of a name"
    refuse_places(found)


def _compare(graph: Graph, model: Any) -> None:
    wanted = {**graph.parameters(), **graph.buffers()}
    held = model.graph.initializers
    found = {
        name: tuple(held[name].const_value.shape) for name in wanted if name in held
    }
    compare_names(graph, "ONNX", found)

"""An ONNX model that a user wrote or exported, run for the values of a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from archspec.backend import named_outputs, own_model
from archspec.errors import said
from archspec.graph import Graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]


class OwnModel:
    """A copy of a model in float64; the user's stays as it is.

    Args:
        graph: what it should compute.
        model: an onnx_ir.Model or onnx.ModelProto that takes the graph's inputs in
            order, or a functools.partial that makes one.
        renamed: from the names of its initializers and values to the graph's.

    Attributes:
        shapes: of its weights, by the graph's names; of others, but constants, by
            theirs.
        raised: what it raised when it ran last.
        size: height and width of the images that it takes; None if any.
    """

    engine = "reference"
    raised = ""

    def __init__(self, graph: Graph, model: Any, renamed: Callable[[str], str]) -> None:
        import onnx
        import onnx_ir as ir

        model = own_model(model, (ir.Model, onnx.ModelProto), "an onnx_ir.Model")
        if isinstance(model, onnx.ModelProto):
            model = ir.from_proto(model)
        self.graph = graph
        self.model = ir.from_proto(ir.to_proto(model))
        self.held = {}
        self.shapes = {}
        known = {**graph.parameters(), **graph.buffers()}
        floats = ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.BFLOAT16
        double = ir.DataType.DOUBLE
        for name, value in self.model.graph.initializers.items():
            tensor = value.const_value
            if tensor is None or tensor.dtype not in (*floats, double):
                continue
            array = tensor.numpy().astype("float64")
            value.const_value = ir.tensor(array, name=name)
            value.dtype = double
            if (own := renamed(name)) in known or not _constant(name, array.shape):
                self.held[own] = value
                self.shapes[own] = tuple(array.shape)
        for value in (*self.model.graph.inputs, *self.model.graph.outputs):
            if value.dtype in floats:
                value.dtype = double
        self.size = _size(self.model)
        nodes = {node.name for node in graph.nodes}
        self.seen = {
            output.name: own
            for node in self.model.graph
            for output in node.outputs
            if output.name and (own := renamed(output.name)) in nodes
        }

    def write(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Puts weights, by the graph's names, into the copy."""
        import onnx_ir as ir

        for name, value in self.held.items():
            array = weights[name].astype("float64")
            value.const_value = ir.tensor(array, name=value.name)

    def close(self) -> None:
        """There is nothing to do: the user's model was never touched."""

    def values(self, images: Mapping[str, NDArray[Any]]) -> Arrays:
        """Outputs as `outputs/NAME`, and as `nodes/NODE` the values of their names."""
        import onnx_ir as ir

        from archspec_onnx.exact import evaluator

        names = [value.name for value in self.model.graph.inputs]
        given = zip(names, (images[name] for name in self.graph.inputs), strict=False)
        wanted = [value.name for value in self.model.graph.outputs]
        try:
            session = evaluator(ir.to_proto(self.model))
            made = session.run([*wanted, *self.seen], dict(given))
            self.raised = ""
        except Exception as error:
            self.raised = f"{type(error).__name__}: {said(error)}"
            return {}
        outputs = named_outputs(self.graph, made[: len(wanted)])
        found = {f"outputs/{name}": value for name, value in outputs.items()}
        pairs = zip(self.seen.values(), made[len(wanted) :], strict=True)
        return found | {f"nodes/{name}": value for name, value in pairs}


def _constant(name: str, shape: tuple[int, ...]) -> bool:
    """Whether an initializer that the graph hasn't is no weight."""
    return "/" in name or not shape


def _size(model: Any) -> tuple[int, int] | None:
    for value in model.graph.inputs:
        axes = [*(value.shape or ())]
        if len(axes) == 4 and all(isinstance(axis, int) for axis in axes[2:]):
            return axes[2], axes[3]
    return None

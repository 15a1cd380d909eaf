"""A backend of archspec for toynet, which it only imports where a model is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from archspec.backend import (
    compare_names,
    refuse_names,
    refuse_unsupported,
    require,
    save_weights,
)
from archspec.files import write_whole
from archspec.graph import Graph, Value
from archspec.source.classes import emit
from archspec.source.program import Source, execute
from archspec_toy.dialect import DIALECT, RESERVED, unsupported

Arrays = Mapping[str, Any]


class ToyBackend:
    """Prints and runs toynet's modules, forward only."""

    name = "toy"
    framework = "toynet"
    install = "archspec-toy"
    files: tuple[str, ...] = (".safetensors", ".npz")
    engines: tuple[str, ...] = ("",)
    running_var, channels_last = "biased", False
    reserved = RESERVED
    initialises = False

    def on(self, engine: str, dtype: str) -> ToyBackend:
        require(self)
        return self

    def start(self) -> None:
        import_module(self.framework)

    def emit(self, graph: Graph) -> Source:
        refuse_unsupported(graph, "toynet", unsupported)
        refuse_names(graph, "toynet.Module", self.reserved)
        return emit(graph, DIALECT)

    def build(
        self,
        graph: Graph,
        weights: Arrays,
        *,
        dtype: str = "float32",
        device: str | None = None,
        source: Source | None = None,
        arguments: Mapping[str, Value] | None = None,
    ) -> Any:
        source = source or self.emit(graph)
        model = getattr(execute(source), source.entry)(**(arguments or {}))
        shapes = {name: array.shape for name, array in model.state().items()}
        compare_names(graph, self.name, shapes)
        for name, array in weights.items():
            model.put(name, array.astype(dtype))
        return model

    def write_weights(self, graph: Graph, model: Any, weights: Arrays) -> None:
        for name, array in weights.items():
            model.put(name, array.copy())

    def read_weights(self, graph: Graph, model: Any) -> dict[str, Any]:
        state = model.state()
        names = {**graph.parameters(), **graph.buffers()}
        return {name: state[name].copy() for name in names}

    def forward(
        self, graph: Graph, model: Any, inputs: Arrays, *, training: bool = False
    ) -> dict[str, Any]:
        made = model(*(inputs[name] for name in graph.inputs))
        return made if isinstance(made, dict) else {next(iter(graph.outputs)): made}

    def save(self, graph: Graph, model: Any, path: str) -> None:
        if path.endswith(".safetensors"):
            save_weights(self, graph, model, path)
        else:
            from numpy import savez

            write_whole(path, lambda draft: savez(draft, **model.state()))


backend = ToyBackend()

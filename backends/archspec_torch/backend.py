"""What archspec asks of PyTorch; torch is imported when a model is wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from archspec.backend import (
    Runner,
    compare_names,
    named_outputs,
    refuse_names,
    refuse_unsupported,
    require,
    save_weights,
)
from archspec.files import write_whole
from archspec.graph import Graph, Value
from archspec.source.classes import Dialect, emit, emit_tapped
from archspec.source.classes.features import FEATURES
from archspec.source.family import Family
from archspec.source.program import Source, execute
from archspec.source.recorded import Imported
from archspec_torch.devices import placed
from archspec_torch.dialect import DIALECT
from archspec_torch.lowering import unsupported
from archspec_torch.own import OwnModule
from archspec_torch.recorded import test
from archspec_torch.reserved import RESERVED
from archspec_torch.weights import loading, loading_each

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

COUNTER = "num_batches_tracked"
"""torch's only state that is not canonical."""


class TorchBackend:
    """Prints and runs PyTorch models."""

    name = "torch"
    framework = "torch"
    install = "archspec-nn[torch]"
    files: tuple[str, ...] = (".safetensors", ".pth", ".pt2")
    engines: tuple[str, ...] = ("", "channels_last")
    modes: tuple[str, ...] = ("compile",)
    running_var = "unbiased"
    channels_last = False
    reserved = RESERVED
    initialises = True

    def __init__(self, *, channels_last: bool = False, loads: bool = False) -> None:
        """With `channels_last` images lie so in memory.

        That takes other kernels of torch for the same net: how far the two are apart is
        what torch itself rounds. With `loads` printed files load weights.
        """
        self.channels_last = channels_last
        self.loads = loads

    def loading(self) -> TorchBackend:
        """This backend, whose printed files then have a function that loads weights."""
        return TorchBackend(channels_last=self.channels_last, loads=True)

    def on(self, engine: str, dtype: str) -> TorchBackend:
        """PyTorch with images laid out as the engine says."""
        require(self)
        return TorchBackend(channels_last=engine == "channels_last")

    def start(self) -> None:
        """Imports torch."""
        import_module(self.framework)

    def emit(self, graph: Graph) -> Source:
        """The source of a module; never imports torch."""
        return emit(graph, self._dialect(graph, self.reserved))

    def emit_family(self, family: Family) -> Source:
        """The source of a module for several nets."""
        return emit(family, self._dialect(family, self.reserved))

    def _dialect(self, net: Graph | Family, reserved: frozenset[str]) -> Dialect:
        """The dialect of a file; UnsupportedError for nets that it can't say."""
        graphs = (net,) if isinstance(net, Graph) else net.graphs
        for graph in graphs:
            refuse_unsupported(graph, "PyTorch", unsupported)
            refuse_names(graph, "torch.nn.Module", reserved)
        if not self.loads:
            whole = "ForInference" if any(g.folded for g in graphs) else ""
            return replace(DIALECT, reserved=reserved, whole=whole)
        if isinstance(net, Family):
            return replace(loading_each(DIALECT, net.graphs), reserved=reserved)
        return replace(loading(DIALECT, net), reserved=reserved)

    def emit_tapped(self, net: Graph | Family, both: Graph | Family) -> Source:
        """The source of a module that also has `forward_features`, which gives taps.

        `both` is the net, or are the nets, with the taps behind the outputs.
        """
        dialect = self._dialect(net, self.reserved | {FEATURES})
        return emit_tapped(net, both, dialect)

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
        """A module with these weights; on the CPU it keeps their memory as its own."""
        import torch

        place = placed(device)
        source = source or self.emit(graph)
        make = getattr(execute(source), source.entry)
        with torch.device("meta"), _undrawn():
            model = make(**(arguments or {}))
        counters: dict[str, Any] = {}
        found: dict[str, tuple[int, ...]] = {}
        for name, tensor in model.state_dict().items():
            if name.rpartition(".")[2] == COUNTER:
                counters[name] = torch.tensor(0)
            else:
                found[name] = tuple(tensor.shape)
        compare_names(graph, self.name, found)
        kind = getattr(torch, dtype)
        # Last, since initial values may still be being drawn.
        state = {k: torch.from_numpy(v).to(place, kind) for k, v in weights.items()}
        for name, tensor in counters.items():
            state[name] = tensor.to(place)
        model.load_state_dict(state, assign=True)
        if self.channels_last or graph.folded:
            model.to(memory_format=torch.channels_last)
        if graph.folded:
            model.eval()
        return model

    def own(self, graph: Graph, model: Any, renamed: Callable[[str], str]) -> OwnModule:
        """A user's module, for the values of a graph; it stays as it is."""
        return OwnModule(graph, model, renamed)

    def write_weights(
        self, graph: Graph, model: Any, weights: Mapping[str, NDArray[Any]]
    ) -> None:
        """Copies canonical weights into a module."""
        import torch

        own = model.state_dict()
        with torch.no_grad():
            for name, array in weights.items():
                own[name].copy_(torch.from_numpy(array))

    def read_weights(self, graph: Graph, model: Any) -> Arrays:
        """Copies of a module's parameters and buffers."""
        state = model.state_dict()
        names = {**graph.parameters(), **graph.buffers()}
        return {name: state[name].detach().cpu().numpy().copy() for name in names}

    def forward(
        self,
        graph: Graph,
        model: Any,
        inputs: Mapping[str, NDArray[Any]],
        *,
        training: bool = False,
    ) -> Arrays:
        """The outputs as arrays; the module's mode is put back afterwards."""
        import torch

        with torch.no_grad():
            made = _called(graph, model, self._tensors(graph, model, inputs), training)
        return {name: tensor.cpu().numpy() for name, tensor in made.items()}

    def runner(
        self, graph: Graph, model: Any, inputs: Mapping[str, NDArray[Any]], mode: str
    ) -> Runner:
        """The module in evaluation mode, compiled if the mode says so."""
        import torch

        images = self._tensors(graph, model, inputs)
        called = torch.compile(model.eval()) if mode else model.eval()
        cuda = any(image.is_cuda for image in images)

        def run() -> Any:
            with torch.inference_mode():
                made = called(*images)
            if cuda:
                torch.cuda.synchronize()
            return made

        def read(made: Any) -> Arrays:
            found = named_outputs(graph, made).items()
            return {name: tensor.cpu().numpy() for name, tensor in found}

        if not cuda:
            return Runner(run, read)
        name = torch.cuda.get_device_name(images[0].device)
        return Runner(run, read, name, torch.cuda.max_memory_allocated)

    def gradients(
        self,
        graph: Graph,
        model: Any,
        inputs: Mapping[str, NDArray[Any]],
        cotangents: Mapping[str, NDArray[Any]],
        *,
        training: bool = False,
    ) -> tuple[Arrays, Arrays]:
        """Outputs, and gradients of sum(output x cotangent)."""
        import torch

        given = [t.requires_grad_() for t in self._tensors(graph, model, inputs)]
        made = _called(graph, model, given, training)
        total = sum(
            (tensor * torch.from_numpy(cotangents[name]).to(tensor)).sum()
            for name, tensor in made.items()
        )
        parameters = dict(model.named_parameters())
        wanted = [*(parameters[name] for name in graph.parameters()), *given]
        # A value that only lends its size to a resize has no gradient: that is zero.
        found = torch.autograd.grad(total, wanted, materialize_grads=True)
        names = [*graph.parameters(), *graph.inputs]
        outputs = {name: t.detach().cpu().numpy() for name, t in made.items()}
        grads = zip(names, found, strict=True)
        return outputs, {name: tensor.cpu().numpy() for name, tensor in grads}

    def save(self, graph: Graph, model: Any, path: str) -> None:
        """Canonical weights (.safetensors, .pth) or an exported program (.pt2).

        The program is the net in eval mode, for any number of images.
        """
        if not path.endswith(".pt2"):
            save_weights(self, graph, model, path)
            return
        import torch

        own = next(iter(model.state_dict().values()))
        images = tuple(
            torch.zeros(2, *shape, dtype=own.dtype, device=own.device)
            for shape in graph.inputs.values()
        )
        batch = torch.export.Dim("batch")
        was = model.training
        program = torch.export.export(
            model.eval(), images, dynamic_shapes=tuple({0: batch} for _ in images)
        )
        model.train(was)
        size = sum(t.nbytes for t in model.state_dict().values()) + (1 << 16)
        write_whole(path, lambda draft: torch.export.save(program, draft), size=size)

    def _tensors(
        self, graph: Graph, model: Any, inputs: Mapping[str, NDArray[Any]]
    ) -> list[Any]:
        import torch

        own = next(iter(model.state_dict().values()), torch.empty(0))
        made = [torch.from_numpy(inputs[name]).to(own.device) for name in graph.inputs]
        if not self.channels_last:
            return made
        last = torch.channels_last
        return [t.contiguous(memory_format=last) if t.ndim == 4 else t for t in made]


def _called(
    graph: Graph, model: Any, tensors: list[Any], training: bool
) -> dict[str, Any]:
    was = model.training
    model.train(training)
    try:
        made = model(*tensors)
    finally:
        model.train(was)
    return named_outputs(graph, made)


def _undrawn() -> Any:
    """A context in which nothing is drawn.

    The values are written afterwards; and to draw on the meta device, torch imports its
    whole compiler, which takes seconds.
    """
    from torch.overrides import TorchFunctionMode

    class Undrawn(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            given = kwargs or {}
            if getattr(func, "__name__", "") in ("normal_", "uniform_"):
                return args[0] if args else given["tensor"]
            return func(*args, **given)

    return Undrawn()

"""A module that a user wrote, run for the values of a graph that it should compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from archspec.backend import named_outputs, own_model
from archspec.errors import BackendError, said
from archspec.graph import Graph, Node

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]
    Size = tuple[int, int]

COUNTER = "num_batches_tracked"


class OwnModule:
    """A copy of a module in float64, in evaluation mode; the user's stays as it is.

    Args:
        graph: what it should compute.
        model: an nn.Module whose forward takes the graph's inputs in order, or a
            functools.partial that makes one.
        renamed: from the module's names to the graph's.

    Attributes:
        shapes: of its parameters and buffers, by the graph's names.
        raised: what its forward raised when it ran last.
        size: None; a module takes images of any height and width that its layers take.
    """

    size: Size | None = None
    engine = ""
    raised = ""

    def __init__(self, graph: Graph, model: Any, renamed: Callable[[str], str]) -> None:
        from torch import nn

        model = own_model(model, nn.Module, "a torch.nn.Module")
        self.graph = graph
        try:
            self.model = deepcopy(model).cpu().double().eval()
        except Exception as error:
            raise BackendError(
                f"the model can't be copied: {said(error)}", code="AS523"
            ) from error
        self.state = {
            renamed(name): tensor
            for name, tensor in self.model.state_dict().items()
            if name.rpartition(".")[2] != COUNTER
        }
        self.shapes = {name: tuple(tensor.shape) for name, tensor in self.state.items()}
        self.modules: dict[str, Any] = {}
        for place, module in self.model.named_modules():
            own = next((n for n, _ in module.named_parameters(recurse=False)), None)
            name = renamed(f"{place}.{own}").rpartition(".")[0] if own else ""
            self.modules[name or renamed(place)] = module

    def write(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Puts weights, by the graph's names, into the copy."""
        import torch

        with torch.no_grad():
            for name, tensor in self.state.items():
                tensor.copy_(torch.from_numpy(weights[name]))

    def close(self) -> None:
        """There is nothing to do: the user's module was never touched."""

    def values(self, images: Mapping[str, NDArray[Any]]) -> Arrays:
        """Outputs as `outputs/NAME`, and as `nodes/NODE` what its layers show.

        A layer that has a node's name shows what the node gives, and what it reads; one
        that runs more than once shows nothing.
        """
        import torch

        seen: dict[str, list[Any]] = {}

        def keep(name: str, value: Any) -> None:
            if isinstance(value, torch.Tensor):
                seen.setdefault(name, []).append(value.detach().clone())

        def keep_read(node: Node, values: tuple[Any, ...]) -> None:
            for name, value in zip(node.inputs, values, strict=False):
                keep(f"{node.name} {name}", value)

        handles = []
        nodes = [node for node in self.graph.nodes if node.name in self.modules]
        for node in nodes:
            module = self.modules[node.name]
            # Copies, since what comes later may write into them.
            handles += [
                module.register_forward_pre_hook(
                    lambda m, given, n=node: keep_read(n, given)
                ),
                module.register_forward_hook(
                    lambda m, given, made, n=node: keep(n.name, made)
                ),
            ]
        given = [torch.from_numpy(images[name]).double() for name in self.graph.inputs]
        try:
            with torch.no_grad():
                outputs = named_outputs(self.graph, self.model(*given))
            self.raised = ""
        except BackendError:
            raise
        except Exception as error:  # what was seen before it may say why
            self.raised = f"{type(error).__name__}: {said(error)}"
            outputs = {}
        finally:
            for handle in handles:
                handle.remove()
        found = {f"outputs/{n}": tensor.numpy() for n, tensor in outputs.items()}
        known = {node.name for node in self.graph.nodes}
        for node in nodes:
            if len(seen.get(node.name, ())) != 1:
                continue
            for name in node.inputs:
                if name in known and (read := seen.get(f"{node.name} {name}")):
                    found.setdefault(f"nodes/{name}", read[0].numpy())
            found[f"nodes/{node.name}"] = seen[node.name][0].numpy()
        return found

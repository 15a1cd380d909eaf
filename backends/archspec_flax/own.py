"""A Flax module that a user wrote, run for the values that a graph should compute."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from numpy import asarray

from archspec.backend import named_outputs, own_model
from archspec.errors import BackendError, said
from archspec.graph import Graph
from archspec.weights.nnx import Place, places
from archspec_flax.arrays import first, path_of, stored, tensors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]


class OwnModule:
    """A copy of a module in float64, in evaluation mode; the user's stays as it is.

    Args:
        graph: what it should compute.
        model: an nnx.Module that takes the graph's inputs in order, channels last, or a
            functools.partial that makes one.
        renamed: from the module's paths to those that archspec prints.

    Attributes:
        shapes: of its variables, by the graph's names; those that the graph has not are
            called by their paths.
        raised: what it raised when it ran last.
        size: None; a module takes images of any height and width that its layers take.
    """

    size: tuple[int, int] | None = None
    engine = ""
    raised = ""

    def __init__(self, graph: Graph, model: Any, renamed: Callable[[str], str]) -> None:
        import jax
        from flax import nnx

        self.double = bool(jax.config.jax_enable_x64)
        model = own_model(model, nnx.Module, "a flax.nnx.Module")
        self.graph = graph
        self.model = nnx.clone(model)
        self.model.eval()
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.places: dict[str, tuple[Place, Any]] = {}
        held = {renamed(path): value for path, value in stored(self.model).items()}
        for place in places(graph):
            variable = held.pop(place.path, None)
            if variable is not None:
                self.places[place.name] = place, variable
                self.shapes[place.name] = _canonical(place, tuple(variable.shape))
        self.shapes |= {path: tuple(value.shape) for path, value in held.items()}
        self.modules = {}
        for parts, module in nnx.iter_modules(self.model):
            path = path_of(parts)
            own = next((p for p in stored(module) if "." not in p), None)
            name = renamed(f"{path}.{own}").rpartition(".")[0] if own else ""
            self.modules[id(module)] = name or renamed(path)

    def write(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Puts weights, by the graph's names, into the copy."""
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        for name, (place, variable) in self.places.items():
            variable.set_value(jnp.asarray(place.into(weights[name])))

    def close(self) -> None:
        """Gives jax back the precision that it had."""
        import jax

        jax.config.update("jax_enable_x64", self.double)

    def values(self, images: Mapping[str, NDArray[Any]]) -> Arrays:
        """Outputs as `outputs/NAME`, and as `nodes/NODE` what its layers show.

        A layer that has a node's name shows what the node gives; one that runs more
        than once shows nothing.
        """
        import jax

        seen: dict[str, list[Any]] = {}
        given = tensors(images[name] for name in self.graph.inputs)
        try:
            with _shown({type(m) for m in _modules(self.model)}, self.modules, seen):
                outputs = named_outputs(self.graph, self.model(*given))
            self.raised = ""
        except BackendError:
            raise
        except Exception as error:  # what was seen before it may say why
            self.raised = f"{type(error).__name__}: {said(error)}"
            outputs = {}
        found = {f"outputs/{name}": first(value) for name, value in outputs.items()}
        for node in self.graph.nodes:
            made = seen.get(node.name, ())
            if len(made) == 1 and isinstance(made[0], jax.Array):
                found[f"nodes/{node.name}"] = first(made[0])
        return found


def _modules(model: Any) -> Iterator[Any]:
    from flax import nnx

    return (module for _, module in nnx.iter_modules(model))


@contextmanager
def _shown(
    kinds: set[type], names: Mapping[int, str], seen: dict[str, list[Any]]
) -> Iterator[None]:
    """Keeps what modules give: nnx has no hooks, so classes have other calls here."""
    kept = {kind: vars(kind)["__call__"] for kind in kinds if "__call__" in vars(kind)}

    def noted(kind: type, call: Any) -> Any:
        def run(self: Any, *args: Any, **kwargs: Any) -> Any:
            made = call(self, *args, **kwargs)
            if type(self) is kind and id(self) in names:
                seen.setdefault(names[id(self)], []).append(made)
            return made

        return run

    try:
        for kind, call in kept.items():
            setattr(kind, "__call__", noted(kind, call))  # noqa: B010  # of any class
        yield
    finally:
        for kind, call in kept.items():
            setattr(kind, "__call__", call)  # noqa: B010  # of any class


def _canonical(place: Place, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A variable's shape as the graph has it; its own where it is of another rank."""
    from numpy import empty

    wanted = place.into(empty(place.shape, "V0")).shape
    if len(shape) != len(wanted):
        return shape
    if shape == wanted:
        return place.shape
    found = place.back(empty(shape, "V0")).shape if len(shape) in (2, 4) else shape
    return tuple(asarray(found).tolist())

"""What archspec asks of a backend, and how backends are found.

A backend is an import package of its own that names itself in the entry-point group
`archspec.backends`. Importing it imports no framework; building a model does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Protocol

from archspec.errors import BackendError, UnsupportedError, nearest
from archspec.graph import Graph
from archspec.ops import Op, Shape
from archspec.source.program import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUP = "archspec.backends"
DISTRIBUTION = "archspec-nn"
Reason = Callable[[Op, tuple[Shape, ...]], str | None]


class Backend(Protocol):
    """A framework that graphs are compiled to.

    Weights are canonical: a flat dict from parameter names to arrays in torch's
    layouts. Inputs, outputs and their gradients are channels first, with a batch axis,
    by the names of the graph.

    Attributes:
        name: what a user calls it, such as `torch`.
        framework: the module that a model needs, such as `torch`.
        extra: the extra of archspec's distribution that installs the framework.
        files: the suffixes that `save` knows.
        engines: what the framework can run on, its own choice first; "" is itself.
        running_var: how its own batch norm keeps the running variance, `biased` or
            `unbiased`.
    """

    name: str
    framework: str
    extra: str
    files: tuple[str, ...]
    engines: tuple[str, ...]
    running_var: str

    def on(self, engine: str, dtype: str) -> Backend:
        """This backend on one of its engines, able to compute in `dtype`.

        To be called before the process has imported the framework. Raises BackendError
        where the framework is missing, or rounds to less than `dtype`.
        """
        ...

    def start(self) -> None:
        """Imports the framework; BackendError where that fails."""
        ...

    def emit(self, graph: Graph) -> Source:
        """The source of a model; never imports the framework.

        Raises UnsupportedError, with every op that has no exact lowering.
        """
        ...

    def build(
        self,
        graph: Graph,
        weights: Mapping[str, NDArray[Any]],
        *,
        dtype: str = "float32",
        device: str | None = None,
    ) -> Any:
        """A model: runs the text that `emit` gives and writes the weights into it."""
        ...

    def write_weights(
        self, graph: Graph, model: Any, weights: Mapping[str, NDArray[Any]]
    ) -> None:
        """Puts canonical weights into a model."""
        ...

    def read_weights(self, graph: Graph, model: Any) -> dict[str, NDArray[Any]]:
        """The canonical weights of a model, in canonical order."""
        ...

    def forward(
        self,
        graph: Graph,
        model: Any,
        inputs: Mapping[str, NDArray[Any]],
        *,
        training: bool = False,
    ) -> dict[str, NDArray[Any]]:
        """The outputs; in training mode the statistics of norms move, as they would."""
        ...

    def gradients(
        self,
        graph: Graph,
        model: Any,
        inputs: Mapping[str, NDArray[Any]],
        cotangents: Mapping[str, NDArray[Any]],
        *,
        training: bool = False,
    ) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """Outputs, and the gradients of sum(output x cotangent).

        The gradients are named like the parameters and like the graph's inputs.
        """
        ...

    def save(self, graph: Graph, model: Any, path: str) -> None:
        """Writes a model in a format that the suffix names."""
        ...


@cache
def _found() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def backends() -> tuple[str, ...]:
    """The names of the installed backends."""
    return tuple(sorted(_found()))


def backend(name: str) -> Backend:
    """The backend of this name; BackendError with the nearest name without one."""
    point = _found().get(name)
    if point is None:
        known = backends()
        hint = nearest(name, known) or "installed are " + (", ".join(known) or "none")
        raise BackendError(f"there is no backend {name!r}", code="AS501", hint=hint)
    made: Backend = point.load()
    return made


def require(chosen: Backend) -> None:
    """Raises BackendError that says what to install where the framework is missing."""
    from importlib.util import find_spec

    if find_spec(chosen.framework) is None:
        raise BackendError(
            f"the backend {chosen.name!r} needs {chosen.framework}, "
            "which is not installed",
            code="AS502",
            hint=f'pip install "{DISTRIBUTION}[{chosen.extra}]"',
        )


def refuse_unsupported(graph: Graph, name: str, reason: Reason) -> None:
    """Raises UnsupportedError that lists every node that `reason` gives a reason for.

    `reason` takes an op and the shapes that it reads.
    """
    found = [
        (node, text)
        for node, shapes in graph.located()
        if (text := reason(node.op, shapes)) is not None
    ]
    if not found:
        return
    first, text = found[0]
    raise UnsupportedError(
        f"{name} can't express {first.name!r} exactly: {text}",
        at=first.at,
        notes=tuple(f"{node.at}: {node.name!r}: {why}" for node, why in found[1:]),
    )


def compare_names(
    graph: Graph, name: str, found: Mapping[str, tuple[int, ...]]
) -> None:
    """Raises BackendError when a model's parameters are not those of the graph."""
    wanted = {**graph.parameters(), **graph.buffers()}
    if found == wanted:
        return
    wrong = [key for key in {**wanted, **found} if wanted.get(key) != found.get(key)]
    raise BackendError(
        f"the {name} model's {wrong[0]!r} is {found.get(wrong[0])}, "
        f"the graph's is {wanted.get(wrong[0])}: a fault of archspec",
        code="AS506",
        hint=f"{len(wrong)} differ",
    )


def save_weights(chosen: Backend, graph: Graph, model: Any, path: str) -> None:
    """Writes a model's canonical weights as safetensors."""
    from archspec.weights import write

    write(path, graph, chosen.read_weights(graph, model))

"""What archspec asks of a backend, and how backends are found.

A backend is an import package of its own that names an object in the entry-point group
`archspec.backends`:

    [project.entry-points."archspec.backends"]
    toy = "archspec_toy:backend"

Importing it imports no framework; building a model does. The object has the attributes
and methods of `Backend`; one that can train has those of `Trainer`. More is for
users: `precisions`, of an engine that doesn't compute in float64 what it computes in,
as `{"ort": ("float32",)}`; `beside(path)`, the files that one which `save` wrote needs
in its folder; `versioned(opset)`, the backend with another version of its ops;
`own(graph, model, renamed)`, a model that somebody wrote, see `Own`; `opened(path)`,
such a model from a file that isn't Python, or None; `handed(graph)`,
arguments that what makes one is given where it takes them;
`image_shapes(graph)`, arguments by which what was printed for other images takes these;
and for
printing: `emit_family(family)`, several nets in one file; `loading()`, the backend
whose files can load weights; `emit_tapped(net, both)`, features beside a head, of a
graph or a family; `test(graphs, small, imported)`, a file's test
(`archspec.source.recorded`); `plan(graph)`, how several devices share a model;
and for `archspec bench`: `runner(graph, model, inputs, mode)`, which gives a `Runner`,
`modes`, the ways to run a model that its framework compiles, such as `jit`, and
`modules`, by engine the module that computes where it has not the engine's name.
`starts(source)` gives models without end, whose weights start as the file says, each
good until the next is there: where a constructor wants to be told what it draws from,
or is slower than what it draws. There is no version of the protocol to
keep in step: `backend` looks at the object itself, whether all is there and takes what
it will be given, and says what is not.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Protocol

from archspec import arguments
from archspec.errors import BackendError, Location, UnsupportedError, nearest, said
from archspec.graph import Graph, Node, Scope, Value
from archspec.ops import Op, Shape
from archspec.source.family import Family
from archspec.source.program import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUP = "archspec.backends"
Reason = Callable[[Op, tuple[Shape, ...]], str | None]


class Backend(Protocol):
    """A framework that graphs are compiled to.

    Weights are canonical: a flat dict from parameter names to arrays in torch's
    layouts. Inputs, outputs and their gradients are channels first, with a batch axis,
    by the names of the graph.

    Attributes:
        name: what a user calls it, such as `torch`; the entry point's name.
        framework: the module that a model needs, such as `torch`.
        install: what `pip install` takes to install that, such as `archspec-nn[torch]`.
        files: the suffixes that `save` knows.
        engines: what the framework can run on, its own choice first; "" is itself.
        running_var: how its own batch norm keeps the running variance, `biased` or
            `unbiased`.
        channels_last: whether its models take images as [N, H, W, channels], and give
            them so.
        reserved: names that a node can't have, since its place in a model is an
            attribute of this name, and the framework has one itself.
        initialises: whether printed source says how weights start. Where False, what it
            defines takes them as its first argument.
    """

    name: str
    framework: str
    install: str
    files: tuple[str, ...]
    engines: tuple[str, ...]
    running_var: str
    channels_last: bool
    reserved: frozenset[str]
    initialises: bool

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

        Raises UnsupportedError, with every op that has no exact lowering and every name
        that a node can't have.
        """
        ...

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
        """A model: runs the text that `emit` gives and writes the weights into it.

        Given a `source`, that is run in its place, with `arguments`: what was printed
        for a net whose params had other values is to make this graph's model.
        """
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
        """The outputs; in training mode the statistics of norms move, as they would.

        Only a Trainer is asked for training mode.
        """
        ...

    def save(self, graph: Graph, model: Any, path: str) -> None:
        """Writes a model in a format that the suffix names."""
        ...


class Trainer(Backend, Protocol):
    """A backend whose models train; one without `gradients` runs nets forward only."""

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


class Own(Protocol):
    """A model of a user's, run for the values of a graph that it should compute.

    Attributes:
        shapes: of its parameters and buffers, by the graph's names.
        size: height and width of the images that it takes; None if any.
        engine: what it runs on, of the backend's engines.
        raised: what it raised when it ran last; empty if nothing.
    """

    engine: str
    raised: str
    shapes: Mapping[str, Shape]
    size: tuple[int, int] | None

    def write(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Puts canonical weights into it, or into a copy."""
        ...

    def values(self, images: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Outputs as `outputs/NAME` and, as far as it shows them, `nodes/NODE`."""
        ...

    def close(self) -> None:
        """Leaves the user's model as it was."""
        ...


@dataclass(frozen=True, slots=True)
class Runner:
    """A model with its images where it takes them, to be run again and again.

    Attributes:
        run: computes the outputs to the end, and gives them as the framework does.
        read: such outputs as arrays, channels first.
        device: what a device calls itself; empty where that is the process' CPU.
        device_peak: the most bytes that the device held so far; None if nobody knows.
    """

    run: Callable[[], Any]
    read: Callable[[Any], Mapping[str, NDArray[Any]]]
    device: str = ""
    device_peak: Callable[[], int | None] = lambda: None


def runner(
    chosen: Backend,
    graph: Graph,
    model: Any,
    inputs: Mapping[str, NDArray[Any]],
    mode: str = "",
) -> Runner:
    """How a backend runs a model: by its `runner`, or else by `forward`."""
    own = getattr(chosen, "runner", None)
    if own is None:
        return Runner(lambda: chosen.forward(graph, model, inputs), lambda made: made)
    made: Runner = own(graph, model, inputs, mode)
    return made


def own_model(model: Any, kinds: Any, name: str) -> Any:
    """The model of a user, or that which a functools.partial of theirs makes.

    Raises BackendError where it is none of the kinds; `name` says what they are.
    """
    if isinstance(model, partial):
        model = model()
    if not isinstance(model, kinds):
        raise BackendError(
            f"expected {name}, found {type(model).__name__}", code="AS523"
        )
    return model


def named_outputs(graph: Graph, made: Any) -> dict[str, Any]:
    """What a model gave, by the graph's outputs: a mapping, a sequence, or one value.

    Raises BackendError where they are others.
    """
    names = [*graph.outputs]
    if isinstance(made, Mapping):
        found = dict(made)
        if len(found) == len(names) == 1:
            found = dict(zip(names, found.values(), strict=True))
    else:
        each = list(made) if isinstance(made, list | tuple) else [made]
        found = dict(zip(names, each, strict=False)) if len(each) == len(names) else {}
    if found.keys() != set(names):
        told = ", ".join(map(repr, made)) if isinstance(made, Mapping) else len(each)
        raise BackendError(
            f"the model's outputs are {told}, the spec's "
            + ", ".join(map(repr, names)),
            code="AS523",
        )
    return found


@cache
def _found() -> dict[str, tuple[EntryPoint, ...]]:
    """All entry points of the group, by name; a name should have one."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=GROUP):
        found[point.name] = (*found.get(point.name, ()), point)
    return dict(sorted(found.items()))


def backends() -> tuple[str, ...]:
    """The names of the installed backends, whether they work or not."""
    return tuple(_found())


def broken() -> Iterator[str]:
    """Why some installed backends can't be used, a sentence each."""
    for name in backends():
        try:
            backend(name)
        except BackendError as error:
            yield error.message


def backend(name: str) -> Backend:
    """The backend of this name.

    Raises:
        TypeError: the name is no string.
        BackendError: there is none, and the hint has the nearest name; several packages
            have one; its package can't be imported; or it lacks what a backend has.
    """
    points = _found().get(arguments.text("backend", name, "torch"), ())
    if not points:
        known = backends()
        hint = (
            _engine(name)
            or nearest(name, known)
            or "installed are " + (", ".join(known) or "none")
        )
        raise BackendError(
            f"there is no backend {name!r}",
            code="AS501",
            hint=hint,
            notes=tuple(broken()),
        )
    if len(points) > 1:
        each = " and ".join(map(_origin, points))
        raise BackendError(
            f"{len(points)} packages have a backend {name!r}: {each}",
            code="AS510",
            hint="uninstall all but one",
        )
    return _loaded(points[0])


def _engine(name: str) -> str | None:
    """The hint for what is no backend, but an engine of one."""
    for other in backends():
        try:
            if name and name in backend(other).engines:
                asked = "to build or verify"  # printed code runs on every engine
                return f"did you mean {other!r}, or {asked} '{other}:{name}'?"
        except BackendError:  # `broken` says why
            continue
    return None


@cache
def _loaded(point: EntryPoint) -> Backend:
    """The object of an entry point, once it is known to be a backend."""
    which = f"the backend {point.name!r} of {_origin(point)}"
    try:
        found: Any = point.load()
    except (Exception, SystemExit) as error:
        raise BackendError(
            f"{which} can't be imported: {type(error).__name__}: {said(error)}",
            code="AS511",
            hint=f"python -c 'import {point.module}' shows where it fails",
        ) from error
    faults = tuple(_faults(found, point.name))
    if faults:
        raise BackendError(
            f"{which} is not what this archspec takes for one: {faults[0]}",
            code="AS512",
            hint="archspec.backend.Backend says what it must have",
            notes=faults[1:],
        )
    made: Backend = found
    return made


def _origin(point: EntryPoint) -> str:
    """The distribution that an entry point comes from, and the object that it names."""
    named = f"{point.dist.name} {point.dist.version}" if point.dist else "nobody"
    return f"{named} ({point.value})"


def _faults(found: Any, name: str) -> Iterator[str]:
    """What an object lacks of a backend, or of a trainer if it has gradients."""
    if isinstance(found, type):
        yield f"{found.__name__} is a class, where an instance of it is wanted"
        return
    for attribute in Backend.__annotations__:
        if not hasattr(found, attribute):
            yield f"there is no attribute {attribute!r}"
    if getattr(found, "name", name) != name:
        yield f"it calls itself {found.name!r}"
    wanted = {**vars(Backend), **(vars(Trainer) if trains(found) else {})}
    for method, asked in wanted.items():
        if method.startswith("_") or not inspect.isfunction(asked):
            continue
        if not callable(getattr(found, method, None)):
            yield f"there is no method {method}{inspect.signature(asked)}"
            continue
        refused = _refused(asked, getattr(found, method))
        if refused:
            yield f"{method} can't be called as it will be: {refused}"


def _refused(asked: Callable[..., Any], method: Callable[..., Any]) -> str | None:
    """Why a method doesn't take what the protocol's gives it, or None."""
    parameters = list(inspect.signature(asked).parameters.values())[1:]
    named = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    try:
        inspect.signature(method).bind(*parameters[: -len(named) or None], **named)
    except TypeError as error:
        return str(error)
    return None


def trains(chosen: Any) -> bool:
    """Whether a backend's models have gradients and a training mode."""
    return hasattr(chosen, "gradients")


def computes(chosen: Backend, engine: str, dtype: str) -> bool:
    """Whether one of a backend's engines computes in `float32` or `float64`."""
    known: Mapping[str, tuple[str, ...]] = getattr(chosen, "precisions", {})
    return dtype in known.get(engine, (dtype,))


def trainer(chosen: Backend) -> Trainer:
    """A backend as one that trains; BackendError where it doesn't."""
    if not trains(chosen):
        raise BackendError(
            f"the backend {chosen.name!r} runs nets forward only: it has no gradients "
            "and no training mode",
            code="AS513",
        )
    made: Any = chosen
    found: Trainer = made
    return found


def method(chosen: Backend, name: str, what: str) -> Callable[..., Any]:
    """A method that not all backends have, for what it prints; else BackendError."""
    found: Callable[..., Any] | None = getattr(chosen, name, None)
    if found is None:
        raise BackendError(f"{chosen.name!r} prints no {what}", code="AS515")
    return found


def emit_family(chosen: Backend, graphs: Sequence[Graph]) -> Source:
    """The source of several nets in one file; BackendError where there is none."""
    if not hasattr(chosen, "emit_family"):
        message = f"the backend {chosen.name!r} prints one net a file"
        raise BackendError(message, code="AS516")
    made: Source = chosen.emit_family(Family(tuple(graphs)))
    return made


def require(chosen: Backend) -> None:
    """Raises BackendError that says what to install where the framework is missing."""
    from importlib.util import find_spec

    if find_spec(chosen.framework) is None:
        raise BackendError(
            f"the backend {chosen.name!r} needs {chosen.framework}, "
            "which is not installed",
            code="AS502",
            hint=f'pip install "{chosen.install}"',
        )


def begin(chosen: Backend) -> None:
    """Imports a backend's framework; BackendError where it, or what it needs, fails."""
    require(chosen)
    try:
        chosen.start()
    except BackendError:
        raise
    except Exception as error:  # whatever an installation with a part missing raises
        raise BackendError(
            f"the backend {chosen.name!r} can't start: {said(error)}",
            code="AS502",
            hint=f'pip install "{chosen.install}"',
        ) from error


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


def refuse_names(graph: Graph, name: str, reserved: frozenset[str]) -> None:
    """Raises UnsupportedError that lists every place of a name that is reserved.

    The last part of a path, of those above it, or of a weight.
    """
    found: dict[Location, str] = {}
    known: set[int] = set()
    for node, shapes in graph.located():
        parts = node.name.split(".")
        if id(node.op) not in known:  # instances of a block share their ops
            known.add(id(node.op))
            for part in node.op.weights(*shapes):
                if part in reserved:
                    found.setdefault(node.at, part)
        for number, part in enumerate(parts, 1):
            if part in reserved:
                found.setdefault(_place(node, ".".join(parts[:number])), part)
    texts = {at: f"the name {part!r} is {name}'s own" for at, part in found.items()}
    refuse_places(texts)


def refuse_places(found: Mapping[Location, str]) -> None:
    """Raises UnsupportedError for names that can't be had, and lists every place."""
    if not found:
        return
    (at, text), *others = found.items()
    raise UnsupportedError(
        text,
        code="AS507",
        at=at,
        hint="choose another",
        notes=tuple(f"{place}: {other}" for place, other in others),
    )


def _place(node: Node, path: str) -> Location:
    """Where the statement stands that gives a part of a node's path its name."""
    at = node.at
    inner: Scope | None = node.scope
    while inner is not None and f"{inner.name}.".startswith(f"{path}."):
        at, inner = inner.at, inner.parent
    return at


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


def no_device(owner: str, device: Any, known: Sequence[str]) -> BackendError:
    """The error for a device that a framework hasn't, with those that it has."""
    return BackendError(
        f"{owner} has no device {device!r} here",
        code="AS517",
        hint="there are " + ", ".join(known),
    )


def save_weights(chosen: Backend, graph: Graph, model: Any, path: str) -> None:
    """Writes a model's canonical weights, as .safetensors or .pth."""
    from archspec.weights import write

    write(path, graph, chosen.read_weights(graph, model))

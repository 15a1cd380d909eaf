"""A model that a user wrote, or edited, against the spec: same layers, same answer.

    import archspec, torchvision
    report = archspec.verify_model("resnet18", torchvision.models.resnet18())
    assert report.passed, report

It runs in float64, on weights on which floats round nothing (see `dyadic`), and on
weights and images of ordinary size. What its layers show is compared too, so that the
first that differs is named; between layers that are seen others may be none of their
own, such as a sum: then each that may be at fault is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any

from archspec import arguments
from archspec.backend import Backend, Own, backend, backends, begin, broken
from archspec.errors import ArchspecError, BackendError, shown
from archspec.graph import Graph, Node
from archspec.reference import evaluate
from archspec.renaming import renamed
from archspec.verify.bisection import Finding
from archspec.verify.comparison import NOT_EXACT, Curve, Row, distances
from archspec.verify.data import Arrays, Data, ExactData
from archspec.verify.entry import entry
from archspec.verify.exact import SMALL
from archspec.verify.native import EXACT, allowance, modelled
from archspec.verify.process import NotAvailable, Telling
from archspec.verify.proof import Proof
from archspec.verify.report import Report
from archspec.verify.setting import Setting
from archspec.verify.target import Target
from archspec.verify.task import Task
from archspec.weights.fit import compare

if TYPE_CHECKING:
    from numpy.typing import NDArray

Open = Callable[[Setting, Target], Telling]
TITLES = {
    "exact": "your model, bit for bit",
    "conditioned": "your model, near 1",
}
"""By the weights that are put in."""
NOTE = (
    "your model: training, chance and how its weights start are not compared, and of "
    "its values those that its layers show"
)


def made(chosen: Backend, graph: Graph, model: Any, rename: Mapping[str, str]) -> Own:
    """A user's model, or what the function `model` makes, as something to run.

    Raises:
        BackendError: it is no model of this backend, or gives something else.
        Misfit: its parameters are not the graph's; all that differ are listed.
    """
    if not hasattr(chosen, "own"):
        told = f"the backend {chosen.name!r} takes no model that somebody else made"
        raise BackendError(told, code="AS523")
    found: Own = chosen.own(graph, model, partial(renamed, rename=rename))
    expected = {**graph.parameters(), **graph.buffers()}
    compare(found.shapes, expected, what="the parameters of the model")
    return found


class OwnBench:
    """A session with a user's model, in this process."""

    def __init__(self, own: Own, setting: Setting) -> None:
        self.own = own
        self.use(setting)

    def use(self, setting: Setting) -> None:
        """Takes another seed or size."""
        self.data = data(replace(setting, size=self.own.size or setting.size))

    def about(self) -> Mapping[str, Any]:
        """The image size, where the model takes no other; what it raised."""
        return {"size": self.own.size, "raised": self.own.raised}

    def ask(self, task: Task) -> Arrays:
        """Its values at weights of a kind."""
        found = self.data[task.weights]
        self.own.write(found.weights(task.weights))
        return self.own.values(found.images())

    def expect(self, task: Task) -> None:
        """It begins when it is asked."""

    def ended(self) -> bool:
        """It answers as long as the process lives."""
        return False

    def close(self) -> None:
        """Leaves the model as it was."""
        self.own.close()


def opened(setting: Setting, chosen: Backend) -> OwnBench:
    """A session with the model of a file."""
    graph = setting.graph()
    shape = next(iter(graph.inputs.values()))
    # What Keras' models call the shape of their images.
    given = {"input_shape": (*shape[1:], shape[0]), **setting.params}
    begin(chosen)
    if hasattr(chosen, "handed"):
        given |= chosen.handed(graph)
    names = (chosen.emit(graph).entry, graph.name)
    file = setting.file or ""
    stored = getattr(chosen, "opened", lambda path: None)(file)
    model = entry(file, names, given) if stored is None else stored
    return OwnBench(made(chosen, graph, model, setting.rename), setting)


def data(setting: Setting) -> dict[str, Data]:
    """What it is run on, by the weights."""
    graph, seed = setting.graph(), setting.seed
    return {
        "exact": ExactData(graph, setting.dtype, seed),
        "conditioned": Data(graph, setting.dtype, seed),
    }


def small(setting: Setting) -> Setting:
    """The setting with small images, if the parameters stay what they are."""
    graph = setting.graph()
    heights = [shape[1] for shape in graph.inputs.values() if len(shape) == 3]
    if setting.size is None and max(heights, default=0) > SMALL[0]:
        with suppress(ArchspecError):
            smaller = replace(setting, size=SMALL)
            if smaller.graph().parameters() == graph.parameters():
                return smaller
    return setting


def prove(
    setting: Setting,
    targets: Sequence[Target],
    open_session: Open,
    note: Callable[[str], None],
) -> Proof:
    """A row for each kind of weights; the first value that differs.

    Args:
        setting: of the spec, in float64, at the image size that the model takes.
        targets: the backend of the model, and no other.
        open_session: starts what holds the model; raises NotAvailable.
        note: told what goes on.
    """
    [target] = targets
    rows: list[Row] = []
    findings: dict[str, Finding | str] = {}
    notes: dict[str, None] = {}
    curves: list[Curve] = []
    try:
        with closing(open_session(setting, target)) as session:
            size = session.about().get("size")
            setting = replace(setting, size=tuple(size)) if size else setting
            for weights, found in data(setting).items():
                note(f"{target}, {TITLES[weights]}")
                wanted = _wanted(found, target, weights)
                if not wanted.limits:
                    title = TITLES[weights]
                    rows.append(Row(setting.dtype, title, str(target), NOT_EXACT))
                    continue
                left = len(wanted.graph.nodes) - len(wanted.limits)
                if weights == "conditioned" and left:
                    behind = f"which stand behind a kernel that rounds on {target}"
                    notes.setdefault(
                        f"{TITLES[weights]}: {left} nodes are not compared, {behind}"
                    )
                given = session.ask(Task("own", weights=weights))
                errors = wanted.errors(given)
                row, finding = wanted.row(setting, target, errors)
                rows.append(row)
                limits = {name: wanted.limits[name] for name in errors}
                names = (row.dtype, row.check, row.target)
                curves.append(Curve(*names, errors, limits=limits))
                if raised := session.about().get("raised"):
                    told = f"your model raises {raised.splitlines()[0][:200]}"
                    notes.setdefault(told)
                if finding is not None:
                    findings.setdefault(f"{target}, {setting.dtype}", finding)
    except NotAvailable as error:
        missing = Row(setting.dtype, "", str(target), "not available")
        shown = {row.check for row in rows}
        unseen = [title for title in TITLES.values() if title not in shown]
        rows += [replace(missing, check=title, reason=str(error)) for title in unseen]
        if not shown:
            return Proof(tuple(rows), (), ())
    said = (*notes, NOTE)
    return Proof(tuple(rows), tuple(findings.items()), said, (), tuple(curves))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a model should give at weights of a kind.

    Attributes:
        graph: the net.
        weights: their kind.
        values: of every node.
        limits: how far each may be; a node that can't be compared has none.
    """

    graph: Graph
    weights: str
    values: Mapping[str, NDArray[Any]]
    limits: Mapping[str, float]

    def row(
        self, setting: Setting, target: Target, errors: Mapping[str, float]
    ) -> tuple[Row, Finding | None]:
        """The first value that is too far, or the furthest of all."""
        order = [node.name for node in self.graph.nodes if node.name in errors]
        wrong = [name for name in order if errors[name] > self.limits[name]]
        where = wrong[0] if wrong else max(order, key=errors.__getitem__)
        nodes = {node.name: node for node in self.graph.nodes}
        row = Row(
            setting.dtype,
            TITLES[self.weights],
            str(target),
            "FAIL" if wrong else "pass",
            errors[where],
            where,
            str(nodes[where].at),
            limit=self.limits[where],
        )
        if not wrong:
            return row, None
        return row, _finding(nodes, where, errors)

    def errors(self, given: Mapping[str, NDArray[Any]]) -> dict[str, float]:
        """How far each value is; outputs always, others as far as they were shown."""
        found: dict[str, float] = {}
        pairs = [
            *(("outputs", name, value) for name, value in self.graph.outputs.items()),
            *(("nodes", n.name, n.name) for n in self.graph.nodes),
        ]
        for part, name, value in pairs:
            key = f"{part}/{name}"
            if value not in self.limits or (part == "nodes" and key not in given):
                continue
            own = {key: given[key]} if key in given else {}
            error = distances(own, {key: self.values[value]}, part)[name]
            found[value] = max(found.get(value, 0.0), error)
        return found


def _wanted(found: Data, target: Target, weights: str) -> Wanted:
    graph = found.graph
    if isinstance(found, ExactData):
        numbers = found.numbers
        exact = dict.fromkeys(numbers.digests(), 0.0)
        return Wanted(graph, weights, numbers.values, exact)
    values = evaluate(
        graph, found.weights(weights), found.images(), rounding=modelled(target)
    )
    return Wanted(graph, weights, values, _limits(graph, target))


def _limits(graph: Graph, target: Target) -> dict[str, float]:
    """How far nodes may be; of an op whose kernel rounds, no further than it reads."""
    found: dict[str, float] = {}
    spoilt: set[str] = set()
    for node in graph.nodes:
        native = allowance(node.op, target)
        if spoilt.isdisjoint(node.inputs):
            found[node.name] = max(EXACT, native.forward if native else 0.0)
        if node.name not in found or found[node.name] > EXACT:
            spoilt.add(node.name)
    return found


def _finding(
    nodes: Mapping[str, Node], where: str, errors: Mapping[str, float]
) -> Finding:
    """The first that differs, and what may be at fault before it."""
    node = nodes[where]
    hidden: list[str] = []
    agreed: list[str] = []
    waiting = [*node.inputs]
    while waiting:
        name = waiting.pop()
        if name in errors or name not in nodes:
            agreed.append(name)
        elif name not in hidden:
            hidden.append(name)
            waiting += nodes[name].inputs
    kind = node.op.kind
    text = (
        f"{node.at}: the first value that differs is {where!r} ({kind}), by "
        f"{errors[where]:.1e}; "
    )
    if hidden:
        text += "the fault is there or in " + _listed(
            f"{name!r} ({nodes[name].op.kind})" for name in reversed(hidden)
        )
        text += ", which the model doesn't show; "
    text += f"what it reads agrees: {_listed(map(repr, dict.fromkeys(agreed)))}"
    return Finding(where, kind, str(node.at), errors[where], text)


def _listed(names: Any) -> str:
    """Some names as a text; of very many the nearest."""
    every = [*names]
    return " and ".join(every[-6:]) + (" and others" if len(every) > 6 else "")


def verify_model(
    spec: str | PathLike[str],
    model: Any,
    *,
    backend: str | None = None,
    rename: Mapping[str, str] | None = None,
    size: int | tuple[int, int] | None = None,
    seed: int = 0,
    **params: Any,
) -> Report:
    """Compares a live model with a spec; the model is as before, afterwards.

    >>> model = archspec.build("resnet20", "torch")
    >>> archspec.verify_model("resnet20", model, size=16).passed
    True

    Args:
        spec: a path or a name of the zoo.
        model: an nn.Module, a keras.Model, or of another backend. It takes the spec's
            inputs in order, and has its parameters.
        backend: of the model; found by its class if None.
        rename: from parts of the model's names, or patterns with `*`, to the spec's:
            of parameters in torch, of layers in Keras.
        size: height and width of the images, or one number for both; small ones if
            None.
        seed: of weights and images.
        params: of the spec.

    Returns:
        A report: `passed`, its table as `repr`.

    Raises:
        SpecError, ShapeError: the spec is wrong.
        BackendError: the model is none of a backend's, or its outputs are others.
        WeightsError: its parameters are others; all are listed with the nearest names.
    """
    named, seed = arguments.path("spec", spec), arguments.whole("seed", seed)
    if rename is not None and not isinstance(rename, Mapping):
        raise arguments.wrong("rename", "a mapping from names to names", rename)
    setting = Setting(named, "float64", seed, params, arguments.size(size))
    chosen = _backend(model, backend)
    own = made(chosen, setting.graph(), model, rename or {})
    setting = small(setting) if own.size is None else replace(setting, size=own.size)
    graph = setting.graph()
    target = Target(chosen.name, own.engine)

    def live(setting: Setting, target: Target) -> OwnBench:
        return OwnBench(own, setting)

    proof = prove(setting, [target], live, lambda text: None)
    shape = " and ".join("x".join(map(str, s)) for s in graph.inputs.values())
    return Report(graph.name, setting, "the definitions", proof, (), shape)


def _backend(model: Any, name: str | None) -> Backend:
    """The backend of a model, by the module of one of its classes."""
    if name is not None:
        return backend(name)
    modules = [kind.__module__.partition(".")[0] for kind in type(model).__mro__]
    known: dict[str, str] = {}
    for found in backends():
        with suppress(BackendError):  # one that is broken; it is said below
            known[found] = backend(found).framework
    # A Keras model on torch is a module of torch, too: the nearest class counts.
    for module in modules:
        for found, framework in known.items():
            if framework == module:
                return backend(found)
    kinds: Sequence[str] = [*known]
    raise BackendError(
        f"{shown(type(model).__name__)} is a model of no backend",
        code="AS523",
        hint="known are " + ", ".join(kinds),
        notes=tuple(broken()),
    )

"""Verifies a spec: the processes, the memory, the temporary folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from archspec.backend import computes
from archspec.errors import ArchspecError, BackendError
from archspec.files import scratch
from archspec.graph import Graph
from archspec.memory import available
from archspec.verify import (
    alone,
    chance,
    definitions,
    depth,
    exact,
    gradients,
    initial,
    moments,
    own,
    sizes,
)
from archspec.verify import training as trained
from archspec.verify.certificate import Certificate
from archspec.verify.comparison import SINGLE_ONLY, Row
from archspec.verify.dice import tosses
from archspec.verify.limits import BELOW, BENT, limit
from archspec.verify.memory import needed, shrunk
from archspec.verify.native import replaced, rounding
from archspec.verify.process import Asked, Sessions, Telling, Worker
from archspec.verify.proof import Proof, Prover
from archspec.verify.report import Report
from archspec.verify.setting import Setting
from archspec.verify.target import Target
from archspec.verify.task import Task

Layer = Callable[
    [
        Setting,
        Sequence[Target],
        Callable[[Setting, Target], Telling],
        Callable[[str], None],
    ],
    Proof,
]
"""Of a setting, the targets, what starts one and what is told what goes on."""
GIB = 2**30
CERTIFIED, DEFINED = "its certificate", "the definitions"


def run(
    setting: Setting,
    targets: Sequence[Target],
    note: Callable[[str], None],
    *,
    training: bool = True,
    shrink: bool = False,
    quick: bool = False,
    certificate: Certificate | None = None,
    pictured: bool = False,
    start: Callable[[Setting, Target, Path], Telling] | None = None,
) -> Report:
    """The report on one spec in one precision; backends run one after another.

    Args:
        setting: the spec, its params, the precision, the seed.
        targets: each is compared with the definitions of the ops, bit for bit, and all
            with the first. A user's file has a model for one of them.
        note: told what goes on.
        quick: leaves all out but values, bit for bit.
        training: whether gradients and training are compared, in float64.
        shrink: makes a net smaller that doesn't fit in memory; else that is reported,
            and is no pass.
        certificate: whose bits are wanted, and nothing else; the setting is its own.
        pictured: whether every node's value is compared as well, for the picture of
            the errors along the depth.
        start: starts a backend, which may leave files in the folder; raises
            NotAvailable. In processes of their own if None.

    Raises:
        SpecError, ShapeError: the spec is wrong.
        BackendError: a backend is unknown.
        ArchspecError: the certificate is of another net or of other numbers.
    """
    start = start or Worker
    graph = setting.graph()
    targets, single_only = _able(targets, setting.dtype)
    training = training and setting.dtype == "float64" and not quick
    notes: tuple[str, ...] = ()
    need, room = needed(graph, setting.dtype, training=training), available()
    if room is not None and need > room:
        text = f"needs about {need / GIB:.1f} GiB, {room / GIB:.1f} GiB are free"
        try:
            if not shrink:
                raise ArchspecError(f"{text}: --shrink makes it smaller")
            setting = shrunk(setting, graph, room, training=training)
        except ArchspecError as error:
            return _report(setting, graph, targets, (f"not run: {error.message}",))
        graph = setting.graph()
        changed = {"size": setting.size, **setting.params}
        notes = (f"shrunk to {changed}, for it {text}",)
    single = quick or len(targets) == 1 or certificate is not None
    natives = rounding(graph, targets) if setting.dtype == "float64" else []
    with scratch() as folder:
        sessions = Sessions(
            lambda made, target: start(made, target, folder),
            # All at once, with another of torch's engines.
            keep=room is None or need * (len(targets) + 1) < room,
        )
        proof = Proof(single_only, (), ())
        try:
            todo: list[tuple[Layer, Setting, Sequence[Asked]]] = []
            if single or setting.dtype == "float64":
                todo += layers(
                    setting, targets, certificate, quick=quick, training=training
                )
            if pictured and not quick and not (certificate or setting.file):
                plain = replace(exact.exact(setting), exact=False)
                steady = replace(plain, unrounded=tuple(n.kind for n in natives))
                todo.append((depth.prove, steady, [(steady, depth.VALUES)]))
            for prove, made, tasks in todo:
                sessions.ahead(targets, tasks)
                proof = proof.joined(prove(made, targets, sessions.open, note))
            if not single:
                kinds = tuple(native.kind for native in natives)
                compared = replace(setting, unrounded=kinds)
                net = compared.graph()
                near = any(limit(node.op) in (BELOW, BENT) for node in net.nodes)
                prover = Prover(
                    net,
                    targets,
                    setting.dtype,
                    partial(sessions.open, compared),
                    note,
                    training=training,
                    rounds=cache(partial(definitions.rounds, compared))
                    if near and setting.dtype == "float64"
                    else None,
                )
                others = dict.fromkeys((*targets, *prover.floor))
                asked = [(compared, Task(kind)) for kind in prover.tasks]
                sessions.ahead([*others], asked)
                proof = proof.joined(prover.prove())
                prover.results.clear()
        finally:
            sessions.close()
    if certificate is None and setting.file is None:
        told = [replaced(native, targets) for native in natives if not quick]
        if single and setting.dtype != "float64":
            told.append("each op alone is compared in float64 only")
        proof = proof.joined(Proof((), (), tuple(told)))
    report = _report(setting, graph, targets, notes, proof)
    if single:
        return replace(report, reference=CERTIFIED if certificate else DEFINED)
    return report


def _able(
    targets: Sequence[Target], dtype: str
) -> tuple[Sequence[Target], tuple[Row, ...]]:
    """The targets that compute in a type, and a row for each other one.

    Raises BackendError where there is none.
    """
    able = [t for t in targets if computes(t.found(), t.engine, dtype)]
    if not able:
        raise BackendError(
            f"{targets[0]} doesn't compute in {dtype}",
            code="AS503",
            hint="--dtype float32",
        )
    others = [target for target in targets if target not in able]
    return able, tuple(Row(dtype, "all", str(t), SINGLE_ONLY) for t in others)


def layers(
    setting: Setting,
    targets: Sequence[Target],
    certificate: Certificate | None = None,
    *,
    quick: bool = False,
    training: bool = True,
) -> Iterator[tuple[Layer, Setting, Sequence[Asked]]]:
    """What is compared with the definitions, each backend by itself.

    With each layer come its setting, and what it asks every backend.
    Arguments are those of `run`.
    """
    if setting.file is not None:
        yield own.prove, own.small(setting), ()
        return
    bits = exact.exact(setting)
    prove = partial(exact.prove, certificate=certificate)
    yield prove, bits, [(bits, Task("exact"))]
    if training and not quick and certificate is None:
        # Next, while a process has these numbers.
        yield gradients.prove, bits, [(bits, gradients.WHOLE)]
    if setting.dtype == "float64" and certificate is None:
        yield alone.prove, setting, [(setting, Task("alone"))]
    if quick or certificate is not None:
        return
    if setting.dtype == "float64":
        sized = sizes.settings(setting)
        others = [(one, Task("exact")) for one in sized[0]]
        yield partial(sizes.prove, sized=sized), setting, others
    plain = replace(bits, exact=False)
    if training:
        chancy = replace(plain, chance=True)
        graph = chancy.graph()
        asked = [(plain, Task("moments"))] if moments.batches(graph) else []
        yield trained.prove, plain, asked
        tossed = chance.TASKS if tosses(graph) else ()
        yield chance.prove, chancy, [(chancy, Task(kind)) for kind in tossed]
        asked = [(chancy, Task("starts"))] if graph.parameters() else []
        yield initial.prove, chancy, asked
    if setting.dtype == "float64":
        natives = rounding(setting.graph(), targets)
        steady = replace(plain, unrounded=tuple(native.kind for native in natives))
        kinds = definitions.tasks(steady.graph(), training=training)
        asked = [(steady, Task(kind)) for kind in kinds]
        yield partial(definitions.prove, training=training), steady, asked


def _report(
    setting: Setting,
    graph: Graph,
    targets: Sequence[Target],
    notes: tuple[str, ...],
    proof: Proof | None = None,
) -> Report:
    shape = " and ".join("x".join(map(str, s)) for s in graph.inputs.values())
    return Report(graph.name, setting, str(targets[0]), proof, notes, shape)

"""Verifies a spec: the processes, the memory, the temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from archspec.errors import ArchspecError
from archspec.graph import Graph
from archspec.memory import available
from archspec.verify import alone, definitions, exact
from archspec.verify.certificate import Certificate
from archspec.verify.memory import needed, shrunk
from archspec.verify.process import Telling, Worker, Workers
from archspec.verify.proof import Proof, Prover
from archspec.verify.report import Report
from archspec.verify.setting import Setting
from archspec.verify.target import Target

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
    start: Callable[[Setting, Target, Path], Telling] | None = None,
) -> Report:
    """The report on one spec in one precision; backends run one after another.

    Args:
        setting: the spec, its params, the precision, the seed.
        targets: each is compared with the definitions of the ops, bit for bit, and all
            with the first.
        note: told what goes on.
        quick: leaves out the comparison with the first.
        training: whether gradients and training are compared, in float64.
        shrink: makes a net smaller that doesn't fit in memory; else that is reported,
            and is no pass.
        certificate: whose bits are wanted, and nothing else; the setting is its own.
        start: starts a backend, which may leave files in the folder; raises
            NotAvailable. In processes of their own if None.

    Raises:
        SpecError, ShapeError: the spec is wrong.
        BackendError: a backend is unknown.
        ArchspecError: the certificate is of another net or of other numbers.
    """
    start = start or Worker
    graph = setting.graph()
    training = training and setting.dtype == "float64"
    notes: tuple[str, ...] = ()
    need, room = needed(graph, setting.dtype, training=training), available()
    if room is not None and need > room:
        text = f"needs about {need / GIB:.1f} GiB, {room / GIB:.1f} GiB are free"
        try:
            if not shrink:
                raise ArchspecError(f"{text}: --shrink makes it smaller")
            setting = shrunk(setting, graph, room, training=training)
        except ArchspecError as error:
            return _report(setting, graph, targets, (f"not run: {error}",))
        graph = setting.graph()
        changed = {"size": setting.size, **setting.params}
        notes = (f"shrunk to {changed}, for it {text}",)
    with tempfile.TemporaryDirectory(prefix="archspec-verify-") as folder:
        single = quick or len(targets) == 1 or certificate is not None
        proof = Proof((), (), ())
        if single or setting.dtype == "float64":
            workers = Workers(Path(folder), start)
            small = exact.exact(setting)
            try:
                proof = exact.prove(small, targets, workers.open, note, certificate)
                if setting.dtype == "float64" and certificate is None:
                    made = alone.prove(setting, targets, workers.open, note)
                    proof = proof.joined(made)
                    if not quick:
                        plain = replace(small, exact=False)
                        made = definitions.prove(plain, targets, workers.open, note)
                        proof = proof.joined(made)
            finally:
                workers.close()
        if single:
            report = _report(setting, graph, targets, notes, proof)
            return replace(report, reference=CERTIFIED if certificate else DEFINED)
        prover = Prover(
            graph,
            targets,
            setting.dtype,
            lambda target: start(setting, target, Path(folder)),
            note,
            training=training,
        )
        proof = proof.joined(prover.prove())
        prover.results.clear()
    return _report(setting, graph, targets, notes, proof)


def _report(
    setting: Setting,
    graph: Graph,
    targets: Sequence[Target],
    notes: tuple[str, ...],
    proof: Proof | None = None,
) -> Report:
    shape = " and ".join("x".join(map(str, s)) for s in graph.inputs.values())
    return Report(graph.name, setting, str(targets[0]), proof, notes, shape)

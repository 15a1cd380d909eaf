"""Times a net: the processes, whose turn it is, and what the machine does meanwhile."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.bench.contender import Contender
from archspec.bench.section import Entry, Peak, Section
from archspec.bench.worker import image
from archspec.files import scratch
from archspec.graph import Graph
from archspec.verify.jobs import THREADS
from archspec.verify.process import NotAvailable, Process

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from archspec.spec import Spec

MORE = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")
"""What says besides how many threads there are; the last one to XLA."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is timed.

    Attributes:
        spec, params, size: as `archspec.load` takes them.
        contenders: the first one that is there is what others are compared with.
        batches, threads: each with each is a section of the report.
        rounds: how often each has its turn.
        device: of the frameworks; their default if None.
        seed: of images, of random weights, and of the order.
        fold: whether batch norms are folded.
    """

    spec: str
    contenders: Sequence[Contender]
    params: Mapping[str, Any] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    batches: Sequence[int] = (1,)
    threads: Sequence[int] = (1,)
    rounds: int = 5
    device: str | None = None
    seed: int = 0
    fold: bool = False

    def start(self, contender: Contender, weights: Path) -> dict[str, Any]:
        """What a process is told."""
        return {
            "spec": self.spec,
            "params": dict(self.params),
            "size": self.size,
            "backend": contender.target.backend,
            "engine": contender.target.engine,
            "mode": contender.mode,
            "device": self.device,
            "seed": self.seed,
            "weights": str(weights),
            "fold": self.fold,
        }


class Timer(Process):
    """A process of `archspec.bench.worker`, which does what it is asked."""

    def __init__(self, contender: Contender, folder: Path, threads: int) -> None:
        env = dict.fromkeys((*THREADS, *MORE), str(threads))
        # Messages, and files that a killed process leaves; all share a device's memory.
        env |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TMPDIR": os.fspath(folder)}
        env |= {"XLA_PYTHON_CLIENT_PREALLOCATE": "0", "TF_FORCE_GPU_ALLOW_GROWTH": "1"}
        log = f"{contender}-{threads}.log".replace(":", "-")
        super().__init__("archspec.bench.worker", folder / log, env)

    def ask(self, what: str, *given: Any) -> dict[str, Any]:
        """The answer; raises NotAvailable."""
        number = self.tell(json.dumps({"do": what, "given": given}))
        made = dict(self.answer(number))
        failed = made.pop("failed")
        if failed is not None:
            raise NotAvailable(failed)
        return made


def run(
    plan: Plan,
    spec: Spec,
    weights: Mapping[str, NDArray[Any]] | None,
    sections: list[Section],
    note: Callable[[str], None],
) -> None:
    """Times each batch with each number of threads, in sections that grow meanwhile.

    Args:
        plan: what is timed.
        spec: its net.
        weights: canonical; without them random ones, as `verify` has them.
        sections: gets one more for each batch and number of threads, as it begins.
        note: told what goes on.
    """
    with scratch() as folder:
        note("computing the outputs in float64")
        files = _prepared(plan, spec.graph, weights, folder)
        for threads in plan.threads:
            workers: dict[Contender, Timer] = {}
            try:
                for contender in plan.contenders:
                    workers[contender] = Timer(contender, folder, threads)
                _time(plan, spec, threads, workers, files, sections, note)
            finally:
                for worker in workers.values():
                    worker.close()


def _prepared(
    plan: Plan, graph: Graph, weights: Mapping[str, NDArray[Any]] | None, folder: Path
) -> tuple[Path, Path]:
    """Files: the weights, and what the net gives by definition, in float64."""
    import numpy as np

    from archspec.reference.evaluation import evaluate
    from archspec.verify.data import Data
    from archspec.weights import save

    if weights is None:
        weights = Data(graph, "float32", plan.seed).weights("conditioned")
    truth = {}
    for number in sorted({0, *(batch - 1 for batch in plan.batches)}):
        inputs = {
            name: image(name, shape, plan.seed, number)[None].astype(np.float64)
            for name, shape in graph.inputs.items()
        }
        made = evaluate(graph, weights, inputs, wanted=set(graph.outputs.values()))
        for name, value in graph.outputs.items():
            truth[f"{number}/{name}"] = made[value][0]
    paths = folder / "weights.safetensors", folder / "truth.safetensors"
    for path, arrays in zip(paths, (weights, truth), strict=True):
        save(path, arrays, {})
    return paths


def _time(
    plan: Plan,
    spec: Spec,
    threads: int,
    workers: Mapping[Contender, Timer],
    files: tuple[Path, Path],
    sections: list[Section],
    note: Callable[[str], None],
) -> None:
    """The sections of one number of threads."""
    entries = {contender: Entry(str(contender)) for contender in workers}

    def asked(contender: Contender, what: str, *given: Any) -> dict[str, Any] | None:
        """The answer of one that is still there."""
        entry = entries[contender]
        if entry.missing is not None:
            return None
        try:
            return workers[contender].ask(what, *given)
        except NotAvailable as error:
            entry.missing = str(error)
            return None

    for contender in entries:  # one by one: to build takes memory
        note(f"{contender}: building, {threads} threads")
        asked(contender, "start", plan.start(contender, files[0]))
    # A process for each engine, not for each of its modes.
    first = {contender.target: contender for contender in reversed(entries)}.values()

    def peaks() -> list[Peak]:
        """What each engine can do; a net may run on one that can't do these."""
        found: list[Peak] = []
        for contender in first:
            with suppress(NotAvailable):
                found.append(workers[contender].ask("peak"))
        return found

    begun = peaks()
    for batch in plan.batches:
        for contender, old in entries.items():
            entries[contender] = Entry(old.backend, old.missing)
        flop = spec.graph.flops() * batch
        section = Section(batch, threads, flop, [*entries.values()], plan.rounds)
        section.peaks = [begun]
        sections.append(section)
        for contender, entry in entries.items():
            note(f"{contender}: the first run of {batch}")
            told = asked(contender, "prepare", batch, str(files[1]))
            if told:
                entry.first_seconds, entry.error = told["first"], told["error"]
                entry.device, entry.versions = told["device"], told["versions"]
        order, chance = [*entries], random.Random(plan.seed)
        before, start, own = _machine(), time.monotonic(), 0.0
        for number in range(plan.rounds):
            note(f"round {number + 1} of {plan.rounds}")
            chance.shuffle(order)
            turns = {contender: asked(contender, "turn") for contender in order}
            for contender, entry in entries.items():
                turn = turns[contender]
                if turn is not None:
                    entry.cpu_seconds.append(turn["cpu"])
                    entry.wall_seconds.append(turn["wall"])
                    entry.peak_bytes = turn["held"]
            section.done += 1
            own += sum(turn["spent"] for turn in turns.values() if turn)
            section.load = _load()
            section.others = _others(before, start, own)
        begun = peaks()
        section.peaks.append(begun)


def _machine() -> float | None:
    """Seconds that all processors worked so far; None where the system doesn't say."""
    with suppress(OSError, ValueError, AttributeError):
        first, *numbers = Path("/proc/stat").read_text().split("\n")[0].split()
        worked = [int(n) for at, n in enumerate(numbers[:8]) if at not in (3, 4)]
        return sum(worked) / os.sysconf("SC_CLK_TCK") if first == "cpu" else None
    return None


def _others(before: float | None, start: float, own: float) -> float | None:
    """Processors that others kept busy, as far as anybody knows."""
    now = _machine()
    if now is None or before is None:
        return None
    return max(0.0, (now - before - own) / max(time.monotonic() - start, 1e-9))


def _load() -> float | None:
    with suppress(OSError, AttributeError):
        return os.getloadavg()[0]
    return None

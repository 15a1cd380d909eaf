"""What `archspec bench` says: a table for people, a record for machines."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from archspec.bench.run import Plan
from archspec.bench.section import SAME, Entry, Section
from archspec.bench.worker import WARM
from archspec.spec import Spec
from archspec.table import listed
from archspec.width import Column, hung, table

VERSION = 1
UNITS = ("avx512f", "avx2", "avx", "asimd", "neon")
"""Of vectors, the widest first."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured of a net.

    Attributes:
        weights: where they are from; None for random ones.
        sections: as far as they went; the last one may be amid its rounds.
    """

    plan: Plan
    spec: Spec
    weights: str | None
    sections: Sequence[Section]

    @property
    def whole(self) -> bool:
        """Whether every backend gave all its numbers."""
        return all(entry.there for one in self.sections for entry in one.entries)

    def head(self, section: Section) -> Iterator[str]:
        """What the numbers are of."""
        graph, flop = self.spec.graph, section.flop
        shapes = (f"{n} {[section.batch, *s]}" for n, s in graph.inputs.items())
        yield (
            f"{self.spec.name}, {', '.join(shapes)}, float32, eval; {flop / 2e9:.4g} "
            f"G MACs = {flop / 1e9:.4g} GFLOP a run"
        )
        versions = {k: v for e in section.entries for k, v in e.versions.items()}
        devices = {e.device: "" for e in section.entries if e.device}
        told = (
            f"{name} {text}".rstrip() for name, text in {**devices, **versions}.items()
        )
        yield f"{machine()}; {', '.join(told)}"
        weights = self.weights or f"random weights, seed {self.plan.seed}"
        folded = len(self.spec.folded().graph.folded) if self.plan.fold else 0
        yield weights + (f"; {folded} batch norms folded" if self.plan.fold else "")
        peaks = [section.peak("conv", n) / 1e9 for n in range(len(section.peaks))]
        if not any(peaks):  # no backend started
            return
        yield (
            f"peak here: sgemm {section.peak('sgemm') / 1e9:.0f} GFLOP/s, conv 3x3 256 "
            f"at 56x56 {section.peak('conv') / 1e9:.0f} GFLOP/s ({plural(section)}, "
            f"before{' and after' * (len(peaks) > 1)}: "
            f"{', '.join(f'{peak:.0f}' for peak in peaks)})"
        )

    def notes(self, section: Section) -> Iterator[str]:
        """What is said below the table."""
        for entry in section.entries:
            if entry.missing is not None:
                yield f"{entry.backend}: not available: {entry.missing}"
        if section.done < section.rounds:
            yield f"interrupted after {section.done} of {section.rounds} rounds"
        if not section.there:
            return
        runs = [len(each) for entry in section.there for each in entry.cpu_seconds]
        each = " to ".join(map(str, sorted({min(runs), max(runs)})))
        yield (
            f"{section.done} rounds x {each} runs, order shuffled in each round; "
            f"{WARM + 1} runs before the first round, 1 before each turn. Ratios are "
            f"medians of the rounds' paired {section.compared} times, with their least "
            "and greatest; ~ is no difference: the range covers 1."
        )
        if not all(entry.same for entry in section.there):
            yield (
                f"! another function, its error is above {SAME:.0e}: not to be "
                "compared by time alone."
            )
        if section.busy:
            load = "" if section.load is None else f"load {section.load:.1f} "
            used = section.others
            others = "" if used is None else f", of which others keep {used:.1f} busy"
            yield (
                f"{load}on {os.cpu_count()} CPUs{others}: wall times are the machine's,"
                " not the backends'; cpu times are shown and compared instead."
            )

    def text(self, width: int | None = None) -> str:
        """All sections, in lines of so many characters."""
        found: list[str] = []
        for section in self.sections:
            found += [
                "",
                *(t for line in self.head(section) for t in hung(line, width)),
            ]
            if section.there:
                rows = [cells(section, entry) for entry in section.there]
                found += ["", *table(columns(section), rows, width).lines]
            found += [
                "",
                *(t for line in self.notes(section) for t in hung(line, width)),
            ]
        return "\n".join(found[1:] or ["nothing was measured"]) + "\n"

    def facts(self) -> dict[str, Any]:
        """As JSON holds it."""
        plan, graph = self.plan, self.spec.graph
        return {
            "archspec_bench": VERSION,
            "spec": plan.spec,
            "name": self.spec.name,
            "fingerprint": self.spec.fingerprint,
            "params": listed(graph.params),
            "inputs": {name: [*shape] for name, shape in graph.inputs.items()},
            "macs": graph.macs(),
            "weights": self.weights,
            "seed": plan.seed,
            "optimize": "inference" if plan.fold else None,
            "machine": machine(),
            "cpus": os.cpu_count(),
            "sections": [section.facts() for section in self.sections],
        }


def columns(section: Section) -> tuple[Column, ...]:
    """The columns; what has no room is left out, the last rank first."""
    return (
        Column("backend"),
        Column("error", right=True),
        Column("first s", right=True, rank=4),
        Column("cpu ms", right=True, rank=0 if section.busy else 2),
        Column("(min)", right=True, rank=5),
        Column("wall ms", right=True, rank=2 if section.busy else 0),
        Column(f"ratio to {section.there[0].backend}"),
        Column("GFLOP/s", right=True, rank=1),
        Column("of peak", right=True, rank=1),
        Column("peak MiB", right=True, rank=3),
    )


def cells(section: Section, entry: Entry) -> tuple[str, ...]:
    """A row of them."""
    rate, best = section.rate(entry), section.peak()
    error = "not finite" if entry.error is None else f"{entry.error:.1e}"
    return (
        entry.backend,
        f"{error} {' ' if entry.same else '!'}",
        f"{entry.first_seconds or 0:.2f}",
        milliseconds(median(entry.seconds("cpu"))),
        milliseconds(min(entry.seconds(section.compared))),
        milliseconds(median(entry.seconds("wall"))),
        "1" if entry is section.there[0] else str(section.ratio(entry)),
        f"{rate / 1e9:.1f}" if entry.same else "-",
        f"{rate / best:.0%}" if entry.same and best else "-",
        "-" if entry.peak_bytes is None else f"{entry.peak_bytes / 2**20:.0f}",
    )


def milliseconds(seconds: float) -> str:
    """In three digits or more."""
    value = 1e3 * seconds
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def plural(section: Section) -> str:
    """How many threads, in words."""
    return f"{section.threads} thread{'s' * (section.threads > 1)}"


def machine() -> str:
    """Its processors."""
    told = {"model name": platform.processor() or platform.machine()}
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        pairs = (line.partition(":") for line in lines)
        told |= {key.strip(): value.strip() for key, _, value in pairs}
    flags = (told.get("flags") or told.get("Features", "")).split()
    units = [unit.upper() for unit in UNITS if unit in flags][:1]
    return ", ".join([told["model name"], f"{os.cpu_count()} CPUs", *units])

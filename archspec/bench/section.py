"""What was measured of a batch with a number of threads, and what follows from it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

Peak = Mapping[str, Mapping[str, float]]
"""Of an engine, operations a second by kind and by which time."""
SAME = 1e-4
"""The error up to which it is the same function: float32 makes 1e-7 to 1e-5 in the nets
of the zoo; TensorFloat-32, float16 and int8 make 1e-3 and more."""


@dataclass(slots=True)
class Entry:
    """A backend's row.

    Attributes:
        backend: as the user spells it.
        missing: why there are no numbers.
        versions: of the modules that compute.
        device: what it calls itself, if that is not the processor.
        first_seconds: of the first run, in which compilers compile.
        error: the largest difference to float64 by the largest value; None if that is
            not finite.
        cpu_seconds, wall_seconds: of the runs of each round.
        peak_bytes: the most of the process, or of the device; None if nobody knows.
    """

    backend: str
    missing: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    first_seconds: float | None = None
    error: float | None = None
    cpu_seconds: list[list[float]] = field(default_factory=list)
    wall_seconds: list[list[float]] = field(default_factory=list)
    peak_bytes: int | None = None

    @property
    def there(self) -> bool:
        """Whether there is something to compare."""
        return self.missing is None and bool(self.cpu_seconds)

    @property
    def same(self) -> bool:
        """Whether it is the function that the spec defines, in float32."""
        return self.error is not None and self.error <= SAME

    def rounds(self, which: str) -> list[list[float]]:
        """Seconds of each round's runs, `cpu` or `wall`."""
        return self.cpu_seconds if which == "cpu" else self.wall_seconds

    def seconds(self, which: str) -> list[float]:
        """Of all its runs."""
        return [value for each in self.rounds(which) for value in each]


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of the rounds' ratios, and the least and the greatest.

    >>> str(Ratio(0.733, 0.69, 0.75))
    '0.733 [0.69, 0.75]'
    """

    median: float
    least: float
    greatest: float

    def __str__(self) -> str:
        return f"{self.median:.3g} [{self.least:.2f}, {self.greatest:.2f}]{self.mark}"

    @property
    def short(self) -> str:
        """Without its range."""
        return f"{self.median:.3g}{self.mark}"

    @property
    def mark(self) -> str:
        """A tilde where it shows no difference."""
        return " ~" if self.least <= 1 <= self.greatest else ""


@dataclass(slots=True)
class Section:
    """A batch with a number of threads.

    Attributes:
        flop: floating point operations of a run.
        entries: in the order of the command.
        rounds, done: how many there were to be, and how many there were.
        peaks: before and after, of each engine.
        others: processors that others kept busy meanwhile; None if nobody knows.
        load: of the machine, at the end.
    """

    batch: int
    threads: int
    flop: int
    entries: list[Entry]
    rounds: int
    done: int = 0
    peaks: list[list[Peak]] = field(default_factory=list)
    others: float | None = None
    load: float | None = None

    @property
    def there(self) -> list[Entry]:
        """The rows with numbers; the first is what others are compared with."""
        return [entry for entry in self.entries if entry.there]

    @property
    def busy(self) -> bool:
        """Whether others used the processors that the threads would have had."""
        known = os.cpu_count() or 1
        if any(entry.device for entry in self.entries):
            return False
        if self.others is not None:
            return self.others > known - self.threads + 0.1
        return self.load is not None and self.load > known + 0.5

    @property
    def compared(self) -> str:
        """Which time is: the clock's, on a busy machine the processor's."""
        return "cpu" if self.busy else "wall"

    @property
    def share(self) -> int:
        """What divides a compared time to give the clock's on a quiet machine."""
        return self.threads if self.busy else 1

    def ratio(self, entry: Entry) -> Ratio:
        """To the first row that is there, by rounds."""
        rounds = (one.rounds(self.compared) for one in (entry, self.there[0]))
        found = [median(own) / median(first) for own, first in zip(*rounds)]  # noqa: B905
        return Ratio(median(found), min(found), max(found))

    def runs(self, entry: Entry) -> list[float]:
        """Seconds of each, as far as a clock would say."""
        return [value / self.share for value in entry.seconds(self.compared)]

    def rate(self, entry: Entry) -> float:
        """Operations a second."""
        return self.flop / median(self.runs(entry))

    def peak(self, kind: str = "", number: int | None = None) -> float:
        """The most operations a second, of a kind or of any, or 0.

        Before (0) or after (1); at any time if that isn't said.
        """
        peaks = self.peaks if number is None else self.peaks[number : number + 1]
        kinds = [one.items() for each in peaks for one in each]
        rates = [r[self.compared] for one in kinds for k, r in one if kind in ("", k)]
        return self.share * max(rates, default=0.0)

    def facts(self) -> dict[str, Any]:
        """As JSON holds it."""
        best, made = self.peak(), []
        for entry in self.entries:
            facts, there = asdict(entry), entry.there
            facts["device"] = entry.device or None
            facts["same_function"] = entry.same if there else None
            facts["ratio"] = asdict(self.ratio(entry)) if there else None
            facts["flops_per_second"] = self.rate(entry) if there else None
            facts["of_peak"] = self.rate(entry) / best if there and best else None
            made.append(facts)
        each = range(len(self.peaks))
        return {
            "batch": self.batch,
            "threads": self.threads,
            "flops": self.flop,
            "rounds": self.done,
            "compared": self.compared,
            "others": self.others,
            "load": self.load,
            "peak_flops_per_second": {
                kind: [self.peak(kind, n) for n in each] for kind in ("sgemm", "conv")
            },
            "backends": made,
        }

"""Sections with numbers that a test can reckon."""

from __future__ import annotations

from collections.abc import Sequence

from archspec import load
from archspec.bench.contender import parse_all
from archspec.bench.report import Report
from archspec.bench.run import Plan
from archspec.bench.section import Entry, Section

FLOP = load("resnet20").graph.flops()


def entry(
    backend: str, rounds: Sequence[Sequence[float]], error: float | None = 1e-7
) -> Entry:
    """A row whose wall times are twice its processor times."""
    wall = [[2 * value for value in each] for each in rounds]
    cpu = [[*each] for each in rounds]
    return Entry(backend, None, {backend: "1.0"}, "", 0.5, error, cpu, wall, 3 << 20)


def section(*entries: Entry, others: float | None = 99.0, threads: int = 1) -> Section:
    """On a machine that others keep busy, unless told."""
    peak = {kind: {"cpu": rate, "wall": rate / 2} for kind, rate in PEAKS.items()}
    half = {kind: {"cpu": 1e9, "wall": 1e9} for kind in PEAKS}
    done = max(len(one.cpu_seconds) for one in entries)
    return Section(
        1, threads, FLOP, [*entries], done, done, [[peak, half], [half]], others, 6.3
    )


PEAKS = {"sgemm": 85e9, "conv": 92e9}


def report(*sections: Section, weights: str | None = None) -> Report:
    """About resnet20 on torch and ONNX Runtime."""
    plan = Plan("resnet20", parse_all("torch,onnx"))
    return Report(plan, load("resnet20"), weights, sections)

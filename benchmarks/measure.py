"""Time and memory, measured so that a busy machine spoils little."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One line of the table.

    Attributes:
        what: what was measured.
        ours, theirs: seconds (or MiB), of archspec and of what it is compared with.
        ratio: ours to theirs, or to the target.
        target: what the ratio should be at most.
    """

    what: str
    ours: str
    theirs: str
    ratio: float
    target: str


def best(runs: int, *calls: Callable[[], Any]) -> list[float]:
    """The shortest time of each call, in seconds; the calls take turns."""
    found = [float("inf")] * len(calls)
    for _ in range(runs):
        for number, call in enumerate(calls):
            start = time.perf_counter()
            call()
            found[number] = min(found[number], time.perf_counter() - start)
    return found


def processes(runs: int, *commands: list[str]) -> list[float]:
    """The least processor time of each Python command, in seconds.

    Bytecode is written, as an installed package has it; the first run warms the disk.
    """
    found = [float("inf")] * len(commands)
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for run in range(runs + 1):
        for number, command in enumerate(commands):
            before = _spent()
            output = subprocess.DEVNULL
            subprocess.run(
                [sys.executable, *command], env=env, stdout=output, check=True
            )
            if run:
                found[number] = min(found[number], _spent() - before)
    return found


def alone(code: str, env: Mapping[str, str] | None = None) -> list[float]:
    """The numbers that Python code prints, in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
    )
    if run.returncode:
        raise RuntimeError(run.stderr)
    return [float(number) for number in run.stdout.split()]


def peak() -> float:
    """The most memory that this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms"

"""Does a model fit into memory? Asked before anything is allocated."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from archspec.errors import BackendError
from archspec.graph import Graph

CGROUP = Path("/sys/fs/cgroup")


def available() -> int | None:
    """Bytes that a process can still get; None where the system doesn't say."""
    found = []
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        line = next(line for line in lines if line.startswith("MemAvailable:"))
        found.append(1024 * int(line.split()[1]))
    with suppress(OSError, ValueError):
        limit = int((CGROUP / "memory.max").read_text())
        found.append(limit - int((CGROUP / "memory.current").read_text()))
    if not found:
        with suppress(OSError, ValueError, AttributeError):
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(found, default=None)


def check(graph: Graph, dtype: str) -> None:
    """Raises BackendError, with an estimate, when the weights can't fit.

    They are held once; a framework may need more, activations come on top.
    """
    itemsize = 8 if dtype == "float64" else 4
    needed = itemsize * (graph.parameter_count() + graph.buffer_count())
    room = available()
    if room is None or needed <= room:
        return
    activations = graph.activation_bytes(itemsize)
    raise BackendError(
        f"{graph.name} needs {_gib(needed)} for its weights in {dtype} and up to "
        f"{_gib(activations)} for the activations of one image; {_gib(room)} are free",
        code="AS504",
        hint="--force-memory builds it all the same",
    )


def _gib(count: int) -> str:
    return f"{count / 2**30:,.1f} GiB"

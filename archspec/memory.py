"""Does a model fit into memory? Asked before anything is allocated."""

from __future__ import annotations

import os
from collections.abc import Iterator
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
    for folder, limit, used in _groups():
        with suppress(OSError, ValueError):  # `max` is none
            most = int((folder / limit).read_text())
            found.append(max(0, most - int((folder / used).read_text())))
    if not found:
        with suppress(OSError, ValueError, AttributeError):
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(found, default=None)


V2 = "memory.max", "memory.current"
V1 = "memory.limit_in_bytes", "memory.usage_in_bytes"


def _groups() -> Iterator[tuple[Path, str, str]]:
    """The process' control groups, the nearest first, with the names of their files.

    Each limits what is below it. In a container its own may be what is mounted as the
    root, whatever its path says (cgroups(7)).
    """
    lines = []
    with suppress(OSError, ValueError):
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    for line in [*lines, "0::/", "0:memory:/"]:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        root = CGROUP / "memory" if controllers else CGROUP
        own = root / path.lstrip("/")
        while root in (own, *own.parents):
            yield own, *(V1 if controllers else V2)
            own = own.parent


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

"""Several comparisons at once: as many as are asked for, and as memory takes.

Each waits in a thread for the processes of its backends, which do the work.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
THREADS = "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"


def share_cores(jobs: int) -> None:
    """Gives frameworks that start from now on their part of the cores.

    What the environment says already stands.
    """
    for name in THREADS:
        os.environ.setdefault(name, str(max(1, cores() // jobs)))


def cores() -> int:
    """Processors that this process may use."""
    known = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1


def at_once(
    make: Callable[[int], T], needs: Sequence[int], jobs: int, room: int | None
) -> Iterator[tuple[int, T]]:
    """What `make` gives for each number, with it, as it comes.

    Args:
        make: called in threads with a position in `needs`.
        needs: bytes that each takes. They begin in this order.
        jobs: how many there are at once at most.
        room: bytes for all that go on at once; None if nobody knows. What is too large
            for it goes on alone.

    An exception of `make` is raised when those that have begun are done.
    """
    if jobs == 1:
        yield from ((number, make(number)) for number in range(len(needs)))
        return
    waiting = [*range(len(needs))]
    running: dict[Future[T], int] = {}
    with ThreadPoolExecutor(jobs) as pool:
        while waiting or running:
            while waiting and len(running) < jobs:
                taken = sum(needs[number] for number in running.values())
                if running and room is not None and taken + needs[waiting[0]] > room:
                    break
                number = waiting.pop(0)
                running[pool.submit(make, number)] = number
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()

"""Which nets a machine of several verifies, and how long what is left may take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from archspec.errors import ArchspecError
from archspec.graph import Graph

SHARD = re.compile("([1-9][0-9]{0,3})/([1-9][0-9]{0,3})")
START = 2**30
"""What it takes to start the frameworks and to print, as MACs."""
WEIGHTS = {"float32": 1, "float64": 4}
"""Checks of gradients, training and each op alone are in float64 only."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several machines, the first is 1."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def share(self, costs: Sequence[int]) -> list[int]:
        """The positions of its nets, in order, by what each net costs.

        The dearest net goes to the machine that has least so far, and so on (longest
        processing time first, Graham 1969): the same on all machines.
        """
        loads = [0] * self.count
        mine = []
        for place in sorted(range(len(costs)), key=lambda n: (-costs[n], n)):
            least = loads.index(min(loads))
            loads[least] += costs[place]
            if least == self.number - 1:
                mine.append(place)
        return sorted(mine)


def parse(text: str) -> Shard:
    """`2/4` as the second of four; ArchspecError for anything else."""
    found = SHARD.fullmatch(text)
    if found is None or int(found[1]) > int(found[2]):
        count = found[2] if found else "4"
        raise ArchspecError(
            f"--shard {text}: expected NUMBER/COUNT, from 1/{count} to {count}/{count}",
            code="AS505",
        )
    return Shard(int(found[1]), int(found[2]))


def cost(graph: Graph, dtype: str) -> int:
    """What a comparison costs against others, about in MACs."""
    return WEIGHTS[dtype] * (graph.macs() + START)


def left(costs: Sequence[int], done: int, seconds: float) -> str:
    """How many comparisons are left when some are done, and about how long they take.

    Args:
        costs: of all comparisons, in their order.
        done: how many of them are done, one at least.
        seconds: that they took.
    """
    rest = seconds * sum(costs[done:]) / sum(costs[:done])
    return f"{len(costs) - done:,} left, about {duration(rest)}"


def duration(seconds: float) -> str:
    """`40 s`, `12 min` or `3 h 20 min`, never less than it is."""
    if seconds <= 90:
        return f"{ceil(seconds)} s"
    minutes = ceil(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours:,} h {rest} min" if rest else f"{hours:,} h"

"""How much a spec may ask for, so that an answer or a refusal comes soon.

The defaults allow what takes about two seconds and less than 1 GiB: reading a file of
512 KiB takes as long, and so does printing a net of 5,000 nodes, though longer where no
two are alike. The largest net of the zoo, ResNet-1202, has 4,210, and 370 KB where each
node is written out.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from archspec.errors import ArchspecError, LimitError, Location, nearest

VARIABLE = "ARCHSPEC_LIMITS"


class Limits(NamedTuple):
    """Bounds on untrusted input; pass another instance to raise one.

    >>> archspec.load("resnet20", limits=archspec.Limits(nodes=500_000)).name
    'resnet20'

    Attributes:
        file_bytes: size of all files of a spec.
        depth: nesting of mappings and lists, of files and of scopes.
        nodes: nodes of the graph.
        work: what expanding a net may take: list items and characters that formulas
            touch, and a price for each node (see `Budget`).
        integer: magnitude of an integer.
        list_length: entries of one list or mapping.
        alias_nodes: YAML values that aliases may expand to, in one file.
    """

    file_bytes: int = 2**19
    depth: int = 64
    nodes: int = 5_000
    work: int = 10_000_000
    integer: int = 2**53
    list_length: int = 20_000
    alias_nodes: int = 10_000

    def error(
        self, limit: str, code: str, message: str, at: Location | None = None
    ) -> LimitError:
        """The error for a limit that is passed, with the way to raise it."""
        value = getattr(self, limit)
        hint = f"{VARIABLE}={limit}={10 * value} would allow ten times as much"
        return LimitError(message, code=code, at=at, hint=hint)


DEFAULT = Limits()


def limits() -> Limits:
    """The defaults, with what the environment says, as `nodes=500000 depth=100`."""
    found: dict[str, int] = {}
    for item in os.environ.get(VARIABLE, "").replace(",", " ").split():
        name, _, value = item.partition("=")
        if name not in Limits._fields or not value.isdecimal():
            known = "known are " + ", ".join(Limits._fields)
            raise ArchspecError(
                f"{VARIABLE}: expected NAME=NUMBER, found {item!r}",
                code="AS100",
                hint=nearest(name, Limits._fields) or known,
            )
        found[name] = int(value)
    return Limits(**found)


class Budget:
    """The work that is left for a net: what its formulas touch, and all its nodes.

    A unit is what touching an item of a list takes, about 0.1 µs.
    """

    COPY = 60
    """Units for a node like one in an earlier instance of a repeat."""
    ABSENT = 150
    """Units for an instance that does not exist."""
    STEP = 700
    """Units for an instance of a statement that is like no earlier one."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.left = limits.work

    def spend(self, units: int, at: Location | None = None) -> None:
        """Takes units off; LimitError when none are left."""
        self.left -= units
        if self.left < 0:
            message = (
                f"expanding the net takes more than {self.limits.work} units of work"
            )
            raise self.limits.error("work", "AS322", message, at)

    def touch(self, *values: Any) -> None:
        """Counts the items of lists, and the characters of texts."""
        for value in values:
            if isinstance(value, str):
                self.spend(len(value))
            elif isinstance(value, tuple):
                self.spend(self._size(value))

    def listed(self, length: int) -> None:
        """LimitError for a list that is too long."""
        most = self.limits.list_length
        if length > most:
            message = f"a list holds at most {most} items"
            raise self.limits.error("list_length", "AS304", message)

    def _size(self, value: tuple[Any, ...]) -> int:
        count, waiting = 0, [value]
        while waiting:
            items = waiting.pop()
            count += len(items)
            self.listed(count)
            waiting.extend(item for item in items if isinstance(item, tuple))
        return count

"""The errors of one compilation, kept so that independent ones are told together."""

from __future__ import annotations

from archspec.errors import ArchspecError, Collector, LimitError
from archspec.graph import Scope
from archspec.language.files import Files

UNKNOWN = "AS301"
ALSO = "and so in line"
MOST = 50
"""Faults named at once; further ones help nobody."""


class Ended(Exception):
    """Nothing more can be found out; the faults are kept."""


class Faults(Collector):
    """Keeps what failed, with the way to it; a limit ends everything.

    A node that fails is broken, and so is who reads it; everything else goes on. A name
    that formulas don't know is told once, with all the lines that have it.
    """

    def __init__(self, files: Files) -> None:
        super().__init__()
        self.files = files
        self.unknown: dict[object, ArchspecError] = {}
        self.lines: dict[ArchspecError, set[int]] = {}

    def report(self, error: ArchspecError, scope: Scope | None = None) -> None:
        """Keeps an error; `scope` is the one in which it came up."""
        for item in error.errors:
            if (item.at or item.message) not in self.found:
                item.notes += (*_way(scope), *self.files.chain(item.at))
            super().report(self._first(item))
        if isinstance(error, LimitError) or len(self.found) >= MOST:
            raise Ended

    def _first(self, error: ArchspecError) -> ArchspecError:
        """Of an unknown name the error that was first; all others as they are."""
        if error.code != UNKNOWN or error.at is None:
            return error
        first = self.unknown.setdefault((error.at.file, error.message), error)
        self.found.setdefault(error.at, first)
        assert first.at is not None
        lines = self.lines.setdefault(first, set())
        lines |= {error.at.line} - {first.at.line}
        further = ", ".join(map(str, sorted(lines)))
        notes = [note for note in first.notes if not note.startswith(ALSO)]
        first.notes = (*notes, *([f"{ALSO} {further}"] if further else []))
        return first

    def end(self) -> None:
        """Raises what failed, if anything did.

        What a file gets wrong in its base is told once nothing is wrong in itself: it
        is mostly the same.
        """
        bases, found = self.files.extended, self.found.items()
        own = {at: e for at, e in found if not e.at or e.at.file not in bases}
        self.found = own or self.found
        super().end()


def _way(scope: Scope | None) -> list[str]:
    """The instances around a scope, inner before outer, as notes."""
    notes = []
    while scope is not None and scope.parent is not None:
        what = {"file": f"the spec {scope.title!r}", "graph": "a nested graph"}
        kind = what.get(scope.kind, f"the block {scope.title!r}")
        notes.append(f"in {scope.name or scope.slot}, {kind}, at {scope.at}")
        scope = scope.parent
    return notes

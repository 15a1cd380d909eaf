"""The errors of one compilation, kept so that independent ones are told together."""

from __future__ import annotations

from archspec.errors import ArchspecError, LimitError, Location, SpecErrors
from archspec.language.context import Context
from archspec.language.files import Files

MOST = 50
"""Faults named at once; further ones help nobody."""


class Ended(Exception):
    """Nothing more can be found out; the faults are kept."""


class Faults:
    """Keeps what failed, by its place.

    A node that fails is BROKEN, and so is who reads it; everything else goes on.
    """

    def __init__(self, files: Files) -> None:
        self.files = files
        self.faults: dict[Location | None, ArchspecError] = {}

    def report(self, context: Context | None, error: ArchspecError) -> None:
        """Keeps an error with the way to it; a limit ends everything."""
        for item in error.errors if isinstance(error, SpecErrors) else (error,):
            if item.at not in self.faults:
                item.notes += self._way(context, item.at)
                self.faults[item.at] = item
        if isinstance(error, LimitError) or len(self.faults) >= MOST:
            raise Ended

    def _way(self, context: Context | None, at: Location | None) -> tuple[str, ...]:
        notes = []
        scope = context.scope if context else None
        while scope is not None and scope.parent is not None:
            what = {"file": f"the spec {scope.title!r}", "graph": "a nested graph"}
            kind = what.get(scope.kind, f"the block {scope.title!r}")
            notes.append(f"in {scope.name or scope.slot}, {kind}, at {scope.at}")
            scope = scope.parent
        return (*notes, *self.files.chain(at))

    def finish(self) -> None:
        """Raises what failed, if anything did, in the order of the text."""
        files = list(dict.fromkeys(at.file for at in self.faults if at))

        def order(error: ArchspecError) -> tuple[int, int, int]:
            at = error.at
            return (files.index(at.file), at.line, at.column) if at else (-1, 0, 0)

        found = sorted(self.faults.values(), key=order)
        if len(found) == 1:
            raise found[0]
        if found:
            raise SpecErrors(found)

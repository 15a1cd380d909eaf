"""What names mean at each place of a spec, as the inspection of a file sees them."""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.editor.cursor import Path
from archspec.errors import Collector, Location
from archspec.language.inspection import Inspection, Seen
from archspec.language.reader import Map, locate
from archspec.language.reading import Sight
from archspec.language.syntax import Block, Statement, Unit


class View(NamedTuple):
    """What a statement sees: itself, what it may read, and the block around it."""

    statement: Statement
    sight: Sight
    block: Block | None


class Sights(Inspection):
    """Looks at a file, and keeps what is seen where; what is wrong is told elsewhere.

    Attributes:
        seen: what formulas see, by the place of the value that they stand in.
        views: by the place of a statement.
        blocks: around a formula's value; None for the file's own graph.
    """

    def __init__(self, unit: Unit) -> None:
        super().__init__(unit, Collector())
        self.seen: dict[Location, Seen] = {}
        self.views: dict[Location, View] = {}
        self.blocks: dict[Location, Block | None] = {}
        self.block: Block | None = None
        self.whole()

    def names(self, raw: Map, path: Path) -> tuple[Seen, Block | None]:
        """What a formula at a path sees, and in which block it is."""
        for end in range(len(path), 0, -1):
            for is_key in (False, True):
                at = locate(raw, path[:end], key=is_key)
                if at in self.seen:
                    return self.seen[at], self.blocks[at]
        return Seen(), None

    def view(self, raw: Map, path: Path) -> View | None:
        """The innermost statement on a path."""
        for end in range(len(path), 0, -1):
            for is_key in (True, False):
                found = self.views.get(locate(raw, path[:end], key=is_key))
                if found is not None:
                    return found
        return None

    def _block(self, block: Block, seen: Seen) -> None:
        self.block = block
        super()._block(block, seen)
        self.block = None

    def _statement(self, statement: Statement, sight: Sight, seen: Seen) -> None:
        kept = sight._replace(nodes=dict(sight.nodes))
        self.views[statement.at] = View(statement, kept, self.block)
        super()._statement(statement, sight, seen)

    def _formulas(self, raw: Any, at: Location, seen: Seen) -> None:
        known = self.seen.get(at)
        if known is None or len(known.names) < len(seen.names):
            self.seen[at], self.blocks[at] = seen, self.block

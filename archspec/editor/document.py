"""A spec that is open in an editor: its text, what is wrong with it, what it was last.

While a text is no YAML, or no net, what was known of the last one that was stays: a
node keeps its shape while another is being written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile
from pathlib import Path

from archspec.authoring.codes import checked
from archspec.authoring.messages import length, singly
from archspec.editor.cursor import Spot, spot
from archspec.editor.sights import Sights
from archspec.errors import ArchspecError, Location, SpecError, SpecWarning
from archspec.language.begun import begun
from archspec.language.files import Files
from archspec.language.reader import Map, parse
from archspec.language.syntax import Unit
from archspec.spec import Spec
from archspec.table import Row, tree

OURS = re.compile(r"""^[\s{]*["']?archspec["']?\s*:""", re.MULTILINE)
"""By which a spec is told from other YAML."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in an open file.

    Attributes:
        line, column, end: from where to where on a line; all count from 1.
        code: the row of `archspec explain`.
        message: what was found and expected, what to do, and the way to it.
        is_warning: whether it is no error.
        elsewhere: the place in a base file that it is about.
    """

    line: int
    column: int
    end: int
    code: str
    message: str
    is_warning: bool = False
    elsewhere: Location | None = None


@dataclass(frozen=True)
class Net:
    """A spec as it was when it last was one."""

    raw: Map
    spec: Spec

    @cached_property
    def rows(self) -> dict[str, Row]:
        """What the table says of every node and block, by path."""
        found: dict[str, Row] = {}
        waiting = [*tree(self.spec.graph).rows]
        while waiting:
            row = waiting.pop()
            found[row.name] = row
            waiting += row.rows
        return found

    @cached_property
    def places(self) -> dict[Location, list[str]]:
        """The paths of what each statement made, in the order of the net."""
        found: dict[Location, dict[str, None]] = {}
        for name, at in self.homes.items():
            found.setdefault(at, {})[name] = None
        return {at: [*names] for at, names in found.items()}

    @cached_property
    def homes(self) -> dict[str, Location]:
        """Where the statement of each node and block stands, by path."""
        found: dict[str, Location] = {}
        for node in self.spec.graph.nodes:
            above = [node.scope]
            while above[-1].parent is not None:
                above.append(above[-1].parent)
            for scope in reversed(above[:-1]):
                if not scope.inline:
                    found.setdefault(scope.name, scope.at)
            found[node.name] = node.at
        return found


@dataclass(frozen=True)
class Cursor:
    """A place in a document, with what the file says around it."""

    spot: Spot
    unit: Unit
    files: Files

    @cached_property
    def sights(self) -> Sights:
        """What names mean."""
        return Sights(self.unit)


class Document:
    """An open file.

    Attributes:
        file: its path.
        text: what it holds now.
        net: what it was when it last was a whole net.
    """

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.net: Net | None = None
        self._told: list[Problem] = []
        self._read: list[str] = []
        self._is_spec = False

    def problems(self) -> list[Problem]:
        """What `archspec validate` says of the text.

        What was wrong before stays told while the text is no YAML, where its line still
        stands. Nothing is wrong with YAML that is no spec.
        """
        self._is_spec = self._is_spec or bool(OURS.search(self.text))
        if not self._is_spec:
            return []
        lines = self.text.split("\n")
        try:
            raw = parse(self.text, self.file)
        except SpecError as error:
            now = [self._problem(item, lines) for item in error.errors]
            return [*now, *self._moved(lines)]
        spec, faults = checked(self.text, self.file, self.folder)
        if spec is not None:
            self.net = Net(raw, spec)
        self._told = [self._problem(fault, lines) for fault in singly(faults)]
        self._read = lines
        return self._told

    @property
    def folder(self) -> Path:
        """Where its base files are."""
        return Path(self.file).resolve().parent

    def cursor(self, line: int, column: int) -> Cursor | None:
        """What is at a place, which counts from 1; None where there is nothing."""
        found = spot(self.text, line, column, self.file)
        if found is None:
            return None
        files = Files()
        return Cursor(found, files.begun(found.raw, self.file, self.folder), files)

    def written(self) -> Unit:
        """The file, as far as it can be read."""
        raw = begun(self.text, self.file).raw
        empty = Map(Location(self.file, 1, 1))
        raw = raw if isinstance(raw, Map) else empty
        return Files().begun(raw, self.file, self.folder)

    def _problem(self, error: ArchspecError, lines: list[str]) -> Problem:
        at, elsewhere = error.at, None
        told = [error.message]
        if at is not None and at.file != self.file:
            told = [f"{at}: {error.message}"]
            at, elsewhere = self._base(), at
        at = at or Location(self.file, 1, 1)
        line = lines[at.line - 1] if at.line <= len(lines) else ""
        told += [f"hint: {error.hint}"] if error.hint else []
        return Problem(
            at.line,
            at.column,
            at.column + length(at, line),
            error.code,
            "\n".join([*told, *error.notes]),
            isinstance(error, SpecWarning),
            elsewhere,
        )

    def _base(self) -> Location:
        """Where the file says what it extends."""
        extends = self.written().extends
        return extends.at if extends else Location(self.file, 1, 1)

    def _moved(self, lines: list[str]) -> list[Problem]:
        """What was told of lines that still stand, where they are now."""
        old = self._read
        above = sum(1 for _ in takewhile(_same, zip(old, lines, strict=False)))
        behind = zip(reversed(old[above:]), reversed(lines[above:]), strict=False)
        below = sum(1 for _ in takewhile(_same, behind))
        further = len(lines) - len(old)
        return [
            problem
            if problem.line <= above
            else replace(problem, line=problem.line + further)
            for problem in self._told
            if problem.line <= above or problem.line > len(old) - below
        ]


def _same(pair: tuple[str, str]) -> bool:
    return pair[0] == pair[1]

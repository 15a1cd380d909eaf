"""One scope while it is expanded: its names, and what its statements have made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from archspec.errors import Location, SpecError, Told, nearest
from archspec.graph import Scope
from archspec.language.files import made_by
from archspec.language.reading import UNKNOWN, Sight, several
from archspec.language.syntax import Entry, Statement, Statements, Unit
from archspec.language.values import Variables, known

Outputs = Mapping[str, str]
"""Output names and the values there; "" names the only one."""


class Moved(NamedTuple):
    """How values inside a copy are called: other than inside its original.

    All that is made inside has a name that starts with the instance's own.
    """

    name: str
    source: str
    old_name: str
    old_source: str

    def value(self, old: str) -> str:
        """What the original calls so."""
        if old == self.old_source:
            return self.source
        return self.name + old[len(self.old_name) :]


class Member(NamedTuple):
    """What paths find under a name: the outputs of a node, and what is inside of it.

    Without outputs the node does not exist. Values inside are called as in the instance
    that this one was `moved` from, if it was.
    """

    outputs: Outputs = MappingProxyType({})
    inside: Mapping[str, Member | None] = MappingProxyType({})
    moved: Moved | None = None


@dataclass(slots=True, eq=False, repr=False)
class Space:
    """Where children take their names: a path, and what is taken below it."""

    path: str
    listed: bool
    taken: set[str] = field(default_factory=set)
    count: int = 0

    def full(self, name: str) -> str:
        """The path of a child."""
        return f"{self.path}.{name}" if self.path else name

    def number(self) -> str:
        """The next number of a list."""
        self.count += 1
        return str(self.count - 1)


@dataclass(slots=True, eq=False, repr=False)
class Context:
    """One open scope: what its statements see, and what they have made.

    Attributes:
        file, variables: what defaults and blocks of the file see, and formulas here.
        open: the definitions that are open, this one's last: none contains itself.
        outer: the scope that this one is inlined into, whose paths find its nodes too.
        nodes, members: what `from` and what paths find by name; None for what failed.
        copied: instances of repeats, by all that they depend on.
    """

    unit: Unit
    file: Variables
    variables: Variables
    scope: Scope
    space: Space
    graph: Statements
    open: tuple[str, ...]
    outer: Context | None = None
    nodes: dict[str, Outputs | None] = field(default_factory=dict)
    members: dict[str, Member | None] = field(default_factory=dict)
    copied: dict[Any, Any] = field(default_factory=dict)

    def claim(self, key: str, statement: Statement) -> None:
        """Takes a name of the scope, once."""
        inline = statement.keys.inline
        if key == "input" or key in self.scope.inputs:
            problem = f"{key!r} is taken by an input of the scope"
        elif key in self.nodes:
            problem = f"{key!r} is taken twice"
        elif not inline and key in self.space.taken:
            problem = f"{self.space.full(key)!r} is taken twice"
        else:
            if not inline:
                self.space.taken.add(key)
            return
        hint = None if statement.braced else made_by(key, self.graph.items)
        raise SpecError(f"the name {problem}", code="AS311", at=statement.at, hint=hint)

    def remember(self, name: str, outputs: Outputs, member: Member) -> None:
        """Notes what `from` finds under a name, and what paths do."""
        self.nodes[name] = outputs
        self.note(name, member)

    def note(self, name: str, member: Member | None) -> None:
        """Notes what paths find under a name."""
        self.members[name] = member
        if self.outer is not None:
            self.outer.note(name, member)

    def fail(self, statement: Statement) -> None:
        """Notes that a statement made nothing, for a reason that is told."""
        names = [statement.keys.name or statement.key]
        if statement.listed or statement.braced:
            names.append(UNKNOWN)
        for name in names:
            self.nodes[name] = None
            self.note(name, None)

    def read(self, ref: Any, at: Location) -> str:
        """The value that a name of the scope stands for; Told for one that failed."""
        inputs = self.scope.inputs
        sight = Sight(inputs, self.nodes, self.graph, self.unit)
        node, output = sight.find(ref, at)
        return inputs[node] if node in inputs else (self.nodes[node] or {})[output]

    def find(self, entry: Entry) -> str:
        """The value at a dotted path below the scope; Told for one that failed."""
        words = "a path is the name of a node, or names with dots in quotes"
        types, at = (str, int), entry.at
        path = str(known(entry.value, self.variables, at, words, types).value)
        return self.scope.inputs.get(path) or self._walk(path, at)

    def _walk(self, path: str, at: Location) -> str:
        steps = path.split(".")
        way: list[Member] = [Member(inside=self.members)]
        for number, step in enumerate(steps):
            # A named output hides a node of that name inside.
            if step and number == len(steps) - 1 and step in way[-1].outputs:
                return _value(way, step)
            if step not in way[-1].inside:
                if UNKNOWN in way[-1].inside:
                    raise Told
                raise no_path(path, nearest(path, _paths("", self.members)), at)
            member = way[-1].inside[step]
            if member is None:
                raise Told
            if not member.outputs:
                name = ".".join(steps[: number + 1])
                why = f"the `when` of {name!r} is false or its `repeat` 0"
                raise no_path(path, why, at)
            way.append(member)
        if "" not in way[-1].outputs:
            raise several(repr(path), way[-1].outputs, at)
        return _value(way, "")


def _value(way: list[Member], output: str) -> str:
    """An output of the last of several members, each inside of the one before."""
    value = way[-1].outputs[output]
    for member in reversed(way[:-1]):
        value = member.moved.value(value) if member.moved else value
    return value


def no_path(path: str, hint: str | None, at: Location) -> SpecError:
    """The error for a path that leads to nothing."""
    return SpecError(f"there is no node {path!r}", code="AS308", at=at, hint=hint)


def _paths(prefix: str, members: Mapping[str, Member | None]) -> Iterator[str]:
    """Every path that leads to a node."""
    for name, member in members.items():
        if member is not None and member.outputs:
            yield prefix + name
            yield from _paths(f"{prefix}{name}.", member.inside)

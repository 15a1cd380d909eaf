"""What is open while a spec is expanded: scopes, their names, instances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from archspec.errors import Location, SpecError
from archspec.graph import Scope
from archspec.language.params import Names
from archspec.language.written import Statement, Unit

Outputs = Mapping[str, str]
"""Output names and the values there; "" names the only one."""

BROKEN: Outputs = MappingProxyType({"": "?"})
"""Of a node that failed: who reads it fails too, and says nothing."""


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

    def take(self, name: str, at: Location) -> str:
        """Gives a child its name, once."""
        if name in self.taken:
            raise SpecError(
                f"the name {self.full(name)!r} is taken twice", code="AS311", at=at
            )
        self.taken.add(name)
        return self.full(name)

    def number(self) -> str:
        """The next number of a list."""
        self.count += 1
        return str(self.count - 1)


@dataclass(slots=True, eq=False, repr=False)
class Context:
    """One open scope: what its statements see."""

    unit: Unit
    file_names: Names
    names: Names
    scope: Scope
    space: Space
    prefixes: tuple[str, ...]
    opened: tuple[str, ...]
    local: dict[str, Outputs] = field(default_factory=dict)
    like: dict[Any, Any] = field(default_factory=dict)
    """Instances of repeated blocks, by all that they depend on."""
    broken: bool = False
    """Whether a node failed whose name is a formula's, so that any may be missing."""


@dataclass(slots=True, eq=False, repr=False)
class Instance:
    """One instance of a statement: its place in a repeat and its formulas' names."""

    statement: Statement
    names: Names
    name: str
    space: Space
    prefixes: tuple[str, ...]
    index: int | None
    count: int
    when: str | None
    repeat: str | None


def join(prefix: str, name: str) -> str:
    """A path below another, or at the top."""
    return f"{prefix}.{name}" if prefix else name

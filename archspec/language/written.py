"""What a file says, as values with places: statements, blocks, the whole unit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from archspec.errors import Location
from archspec.language.reader import Map, locate


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Statement:
    """One node as written; `key` is its name, or its position in a list.

    `counter` is what formulas call the index of its repeat; None for `index`.
    """

    key: str
    at: Location
    kind: str
    target: Any
    sources: Any
    when: bool | str
    repeat: int | str | None
    counter: str | None
    inline: bool
    name: str | None
    taps: bool
    attributes: dict[str, Any]
    raw: Map | None
    value_at: Location
    body: Body | None
    places: dict[Any, Location]
    """Found places, since every instance of a block asks for them."""
    decides: tuple[tuple[str, frozenset[str]], ...] = ()
    """Formulas that printed code never says, as `Scope.decided` has them."""

    def __str__(self) -> str:
        """What a message calls it."""
        if self.name or not self.key.isdigit():
            return repr(self.name or self.key)
        formula = not isinstance(self.target, str) or self.target.startswith("=")
        match self.kind:
            case "graph":
                return "the nested graph"
            case "op":
                return "the op" if formula else f"the {self.target}"
        return f"the {self.kind}" if formula else f"the {self.kind} {self.target!r}"

    def place(self, *path: str | int, key: bool = False) -> Location:
        """Where the value of a key stands, or the key itself."""
        found = self.places.get((path, key))
        if found is None:
            found = self.places[path, key] = self._place(path, key)
        return found

    def _place(self, path: tuple[str | int, ...], key: bool) -> Location:
        if self.raw is None or path[0] not in self.raw:
            return self.value_at if path[0] == self.kind else self.at
        return locate(self.raw, path, key=key)


class Body(NamedTuple):
    """The statements of a scope; `listed` is a chain whose children are numbered."""

    listed: bool
    statements: dict[str, Statement]
    at: Location
    removed: dict[str, Location]


class Entry(NamedTuple):
    """A raw value, where it stands, and its type where a base file fixed it.

    In a file that `extends`, the value None removes what the base has.
    """

    value: Any
    at: Location
    key: Location
    kind: str | None = None


class Block(NamedTuple):
    """A block as written; without a body it removes what the base has."""

    name: str
    at: Location
    params: dict[str, Entry]
    inputs: tuple[str, ...]
    value: Body | None
    outputs: dict[str, Entry]

    @property
    def body(self) -> Body:
        """The statements of a block that removes nothing."""
        assert self.value is not None
        return self.value


class Defaults(NamedTuple):
    """The attributes that a file gives to all ops of a kind; None removes a base's."""

    value: dict[str, Entry] | None
    at: Location


@dataclass(slots=True, eq=False, repr=False)
class Unit:
    """One file, with everything that it inherits already merged in."""

    file: str
    name: str
    at: Location
    title: str = ""
    description: str = ""
    source: str = ""
    publisher: str = ""
    extends: Entry | None = None
    params: dict[str, Entry] = field(default_factory=dict)
    require: dict[str, Entry] = field(default_factory=dict)
    preprocessing: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Entry] = field(default_factory=dict)
    defaults: dict[str, Defaults] = field(default_factory=dict)
    blocks: dict[str, Block] = field(default_factory=dict)
    graph: Body | None = None
    outputs: dict[str, Entry] = field(default_factory=dict)
    taps: dict[str, Entry] = field(default_factory=dict)
    expect: dict[str, Entry] = field(default_factory=dict)

    def default(self, kind: str) -> dict[str, Entry]:
        """The attributes that the file gives to every op of a kind."""
        found = self.defaults.get(kind)
        return found.value or {} if found else {}

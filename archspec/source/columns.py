"""Instances side by side: what one line of printed code stands for."""

from __future__ import annotations

from collections import ChainMap
from dataclasses import dataclass

from archspec.graph import Scope, Value
from archspec.source.expr import Arg
from archspec.source.tree import Item, Tree

INDICES = "ijklmnopq"


class Unfit(Exception):
    """No expression gives a value; `params` could not be arguments because of it.

    `repeat` is the one whose instances could be written one by one instead: the
    definition that it stands in, and its key there.
    """

    def __init__(
        self,
        message: str,
        params: frozenset[str] = frozenset(),
        repeat: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.params = params
        self.repeat = repeat


class Unlike(Exception):
    """Instances of `definition` read different values: they share no code."""

    def __init__(self, definition: str) -> None:
        super().__init__("instances are wired differently")
        self.definition = definition


class Unroll(Exception):
    """A short repeat whose instances read better one by one: `key` in `definition`."""

    def __init__(self, definition: str, key: str) -> None:
        super().__init__(key)
        self.place = (definition, key.partition("@")[0])


@dataclass(slots=True, eq=False)
class Column:
    """One instance of the lines at hand: where it stands, and what names are there.

    `tree` is the scope whose lines they are, `owner` the instance of the definition,
    `env` the values of printed names, `inputs` the values that the scope reads.
    """

    tree: Tree
    owner: int
    env: ChainMap[str, Value]


@dataclass(slots=True, eq=False)
class Cell:
    """One instance of a line's target, with the column that it stands in."""

    item: Item
    column: Column
    env: ChainMap[str, Value]


@dataclass(frozen=True, slots=True)
class Text:
    """A formula, the scope whose names it reads, and what `index` is there.

    `counter` is the name by which it reads the index.
    """

    text: str
    scope: Scope
    index: Arg | None = None
    counter: str = "index"

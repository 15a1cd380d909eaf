"""Instances side by side: what one line of printed code stands for."""

from __future__ import annotations

from collections import ChainMap
from dataclasses import dataclass

from archspec.graph import Scope, Value
from archspec.nodes import unseen
from archspec.source.expr import Arg
from archspec.source.tree import Item, Tree


@dataclass(slots=True, eq=False)
class Column:
    """One instance of the lines at hand: where it stands, and what names are there.

    `tree` is the scope whose lines they are, `owner` the instance of the definition,
    `env` the values of printed names.
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
    """A formula, the scope whose names it reads, and what `index` is there."""

    text: str
    scope: Scope
    index: Arg | None = None
    counter: str = ""
    """What the spec calls that index; "" is `index`."""
    hidden: frozenset[str] = frozenset()
    """Params of the scope by whose names it reads the file's."""


def default_of(name: str, scope: Scope) -> Text:
    """The formula of a param that the caller left out."""
    return Text(scope.defaults[name], scope, hidden=unseen(scope.params, name))

"""What the layers of a printed function are called: strings, or the next of a counter.

A layer's name is its path. Of a list with the lines conv, unit (`depth` times) and relu
it ends in

    >>> numbers([conv, units, relu])
    ['0', '{i + 1}', '{depth + 1}']

which stands in an f-string. Behind a child that isn't always there, or that is as many
as another function says, a counter counts: `names = (f"{name}_{i}" for i in count())`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archspec.source.expr import Arg, Expr
from archspec.source.outline import Line, walk
from archspec.source.text import Call, Code, Each, Loop

SUM = re.compile(r"\w+( [-+*] \w+){0,2}")
"""What goes on with ` + 1` in the braces of an f-string, and is easily read there."""
HELD = re.compile(r"\{((?:label|prefix)\d*)\}")
"""A name that a variable holds."""
LETTERS = "ijkmnpqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Label:
    """The name of what a line makes, or where `counter` is one, the next that it gives.

    `text` is what stands in the quotes of an f-string.
    """

    text: str
    counter: str = ""

    def code(self) -> Code:
        """The name as code."""
        if self.counter:
            return Code(f"next({self.counter})")
        held = HELD.fullmatch(self.text)
        if held:
            return Code(held[1])
        return Code(f'f"{self.text}"' if "{" in self.text else f'"{self.text}"')

    def counted(self) -> Loop:
        """What counts the names that start with this one."""
        read = {name for part in self.text.split("{") for name in re.split(r"\W", part)}
        letter = next(letter for letter in LETTERS if letter not in read)
        element = Code(f'f"{self.text}{{{letter}}}"')
        return Loop(element, (Each(letter, Call("count")),))


def numbers(lines: Sequence[Line]) -> list[str] | None:
    """The number of each line's first child; None where only a counter knows it."""
    at: int | Expr = 0
    found: list[str] = []
    moving = {name for line in walk(lines) for name in (*line.start, *line.carried)}
    known = True
    for line in lines:
        text, read = str(at), frozenset[str]()
        if isinstance(at, Expr):
            text, read = at.code(), at.names()
        unknown = not (known or line.instead) or read & moving
        if unknown or line.spread or not SUM.fullmatch(text):
            return None
        known = line.when is True or line.instead
        if line.count is not None:
            text = line.index if at == 0 else f"{line.index} + {text}"
            at = _sum(at, line.count)
        elif known:
            at = _sum(at, 1)
        found.append(f"{{{text}}}" if read or line.count is not None else text)
    return found


def _sum(at: int | Expr, children: Arg) -> int | Expr:
    """A number of children more; a constant stands last, as people write it."""
    pair: Any = (at, children) if isinstance(at, Expr) else (children, at)
    found = pair[0] + pair[1]
    assert isinstance(found, int | Expr)
    return found

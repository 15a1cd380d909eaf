"""Drops the arguments that a framework's words don't need.

An outline hands the channels of an input to every block whose ops could ask for them;
a block of nothing but a ReLU and a pool has no use for them in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable

from archspec.source.expr import names_of
from archspec.source.outline import Definition, Line, OpUse, Use, free_names, walk


def prune(definitions: list[Definition], reads: Callable[[OpUse], bool]) -> None:
    """Drops unread constants, and arguments of all definitions but the net, in place.

    Args:
        definitions: those that are used come before those that use them.
        reads: whether the printed form of an op says the channels that it reads.
    """
    for definition in definitions:
        said: set[str] = set()
        for line in walk(definition.lines):
            target = line.target
            if isinstance(target, OpUse) and not reads(target):
                target.channels = ()
            elif isinstance(target, Use):
                held = target.definition.arguments
                target.arguments = {
                    k: v for k, v in target.arguments.items() if k in held
                }
            bare = Line(line.name, target, line.inputs, line.when, line.count)
            said = said.union(*map(names_of, bare.said()))
        drop_carried(definition, said)
        kept = definition.arguments if definition.model else {}
        drop(definition, set(kept).union(*map(free_names, definition.lines)))


def drop_carried(definition: Definition, used: set[str]) -> None:
    """Drops what loops start from and carry for nobody; `used` gets what is left.

    It may be read by the next turn, by what a later loop starts from or carries, or by
    other lines; only those, which read the names in `used`, start a chain of reasons.
    """
    every = list(walk(definition.lines))
    before = -1
    while len(used) != before:
        before = len(used)
        for line in every:
            for held in (line.start, line.carried):
                for name, value in held.items():
                    used |= names_of(value) if name in used else set()
    for line in every:
        line.start = {k: v for k, v in line.start.items() if k in used}
        line.carried = {k: v for k, v in line.carried.items() if k in used}


def drop(definition: Definition, used: set[str]) -> None:
    """Drops all arguments and constants but those that are used, or needed for that."""
    for name, constant in reversed(definition.constants.items()):
        used |= constant.names() if name in used else set()
    definition.arguments = {k: v for k, v in definition.arguments.items() if k in used}
    definition.constants = {k: v for k, v in definition.constants.items() if k in used}
    kept = definition.arguments
    definition.positional = tuple(n for n in definition.positional if n in kept)

"""Drops the arguments that a framework's words don't need.

An outline hands the channels of an input to every block whose ops could ask for them;
a block of nothing but a ReLU and a pool has no use for them in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable

from archspec.source.expr import Expr
from archspec.source.outline import Definition, OpUse, Use, free_names, walk


def prune(definitions: list[Definition], reads: Callable[[OpUse], bool]) -> None:
    """Drops unread arguments and constants of all definitions but the net, in place.

    Args:
        definitions: those that are used come before those that use them.
        reads: whether the printed form of an op says the channels that it reads.
    """
    for definition in definitions:
        for line in walk(definition.lines):
            target = line.target
            if isinstance(target, OpUse) and not reads(target):
                target.channels = ()
            elif isinstance(target, Use):
                held = target.definition.arguments
                target.arguments = {
                    k: v for k, v in target.arguments.items() if k in held
                }
        if not definition.model:
            _drop(definition, _read(definition))


def _read(definition: Definition) -> set[str]:
    """The names that the definition's text reads."""
    used = set().union(*map(free_names, definition.lines))
    for line in walk(definition.lines):
        # What a loop sets anew is read by the next turn, or by nobody.
        line.carried = {k: v for k, v in line.carried.items() if k in used}
        for value in line.carried.values():
            used |= value.names() if isinstance(value, Expr) else set()
    for name, constant in reversed(definition.constants.items()):
        if name in used:
            used |= constant.names()
    return used


def _drop(definition: Definition, used: set[str]) -> None:
    definition.arguments = {k: v for k, v in definition.arguments.items() if k in used}
    definition.constants = {k: v for k, v in definition.constants.items() if k in used}
    definition.positional = tuple(n for n in definition.positional if n in used)

"""What of a graph is printed in general, and what is given up to be literal.

An outline is tried with everything general: all arguments, one definition a block, a
loop a repeat. What turns out to have no exact code raises `Unfit`, which says what to
give up; each step makes the plan more literal, so there is a last one. In it no value
is an argument, each instance has a definition of its own, and no loop is left: every
value is a constant, and nothing can be missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Place = tuple[str, str]
"""A definition and the key of a statement in it, or the name of one of its params."""


class Unfit(Exception):
    """No expression gives a value in all instances.

    Attributes:
        params: params of the net that can't be arguments because of it.
        lengths: params of blocks that are lists, in all instances of one length.
        split: params of blocks by whose values instances must be told apart.
        taken: params of blocks whose names channels have, which are something else.
        repeat: the repeat whose instances could be written one by one instead.
        definition: the definition that it happened in.
    """

    def __init__(
        self,
        message: str,
        *,
        params: frozenset[str] = frozenset(),
        lengths: frozenset[Place] = frozenset(),
        split: frozenset[Place] = frozenset(),
        taken: frozenset[Place] = frozenset(),
        repeat: Place | None = None,
        definition: str = "",
    ) -> None:
        super().__init__(message)
        self.params = params
        self.lengths = lengths
        self.split = split
        self.taken = taken
        self.repeat = repeat
        self.definition = definition


@dataclass
class Plan:
    """What has been given up so far.

    Attributes:
        arguments: the params that the printed net takes.
        variable: params of definitions that are equal in all instances, but that a
            caller computes from its own arguments.
        lengths: params of definitions that are lists of one length, which is fixed.
        split: params of definitions whose instances share one only if they are equal.
        taken: params whose definition's channels have another name.
        lines: definitions whose instances share one only if they have the same lines.
        apart: definitions whose instances share none.
        unrolled: repeats that are written one by one; all of them where `literal`.
        literal: the last step.
    """

    arguments: set[str]
    variable: set[Place] = field(default_factory=set)
    lengths: set[Place] = field(default_factory=set)
    split: set[Place] = field(default_factory=set)
    taken: set[Place] = field(default_factory=set)
    lines: set[str] = field(default_factory=set)
    apart: set[str] = field(default_factory=set)
    unrolled: set[Place] = field(default_factory=set)
    literal: bool = False

    def give_up(self, unfit: Unfit) -> None:
        """Makes the plan more literal by one step, the one that keeps the most."""
        if not unfit.taken <= self.taken:
            self.taken |= unfit.taken
        elif not unfit.lengths <= self.lengths:
            self.lengths |= unfit.lengths
        elif unfit.params & self.arguments:
            self.arguments -= unfit.params
        elif not unfit.split <= self.split:
            self.split |= unfit.split
        elif unfit.repeat is not None and unfit.repeat not in self.unrolled:
            self.unrolled.add(unfit.repeat)
        elif unfit.definition and unfit.definition not in self.lines:
            self.lines.add(unfit.definition)
        elif unfit.definition and unfit.definition not in self.apart:
            self.apart.add(unfit.definition)
        elif not self.literal:
            self.arguments.clear()
            self.literal = True
        else:
            raise AssertionError(f"the literal plan has no code: {unfit}") from unfit

    def varies(self, definition: str, param: str) -> bool:
        """Whether a param must be an argument, though all instances give it one value.

        One that can't be an argument is no such: its callers see to that.
        """
        place = (definition, param)
        return place in self.variable and place not in self.split

    def unrolls(self, definition: str, key: str) -> bool:
        """Whether a repeat is written one by one."""
        return self.literal or (definition, key) in self.unrolled

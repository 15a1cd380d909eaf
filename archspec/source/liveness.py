"""Which variable of a printed function holds which value, and when it is free again.

For the lines conv (of the input), bn (of conv), down (of the input) and add (of bn and
down)

    variables(lines, ["x"], {"": Ref(3)}).targets

is y, y, x, x: `down` still reads the input, so the branch goes to `y`; the last reader
of `x` may have its name.

What the spec names keeps its name: a named output, and a named node that several lines
read. The alphabet x, y, z, x2, x3, ... is for the others, which stay in the variable
of what they read where they can.
"""

from __future__ import annotations

import builtins
import keyword
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, islice

from archspec.source.outline import Definition, Line, Ref, Use, walk

REGISTERS = ("x", "y", "z")
UNREAD = "_"
LANGUAGE = frozenset((*keyword.kwlist, *vars(builtins), UNREAD))
ROOM = 60
"""How many columns the variables of several values may take side by side."""


@dataclass(slots=True)
class Variables:
    """The variables of a function, line by line.

    Attributes:
        reads: what each line reads, in the order of `Line.reads`.
        targets: what each line assigns to: a variable for each output, `_` for one that
            nothing reads. Where those have no room, one variable for all of them, of
            which others then read `name[0]`. None for a line that hands its input on.
        live: the variables that a line must leave as they are.
        outputs: where the outputs are at the end, in order.
    """

    reads: list[tuple[str, ...]] = field(default_factory=list)
    targets: list[tuple[str, ...]] = field(default_factory=list)
    live: list[frozenset[str]] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


def variables(
    lines: Sequence[Line],
    inputs: Sequence[str],
    outputs: Mapping[str, Ref],
    *,
    taken: Collection[str] = (),
    busy: Collection[str] = (),
    handed: Collection[int] = (),
) -> Variables:
    """The variables of all lines' values.

    A loop and a line that is not always there take the variable of what stands for them
    where it is free: `if test: x = f(x)` needs no other branch.

    Args:
        lines: those of a function, in order.
        inputs: the variables that hold the function's inputs.
        outputs: what is still read at the end, by names; one that is no identifier
            names nothing.
        taken: names that the text uses itself.
        busy: variables around the lines that must stay as they are.
        handed: numbers of lines that compute nothing: the value of each is the first
            that it reads.
    """
    return _Run(lines, inputs, outputs, taken, busy, handed).made


def output_names(definition: Definition) -> tuple[str, ...]:
    """The names of a definition's outputs as the spec has them; some may be numbers."""
    names = tuple(definition.outputs)
    if definition.net or not definition.instances:
        return names
    tree = definition.instances[0]
    told = {value: name for name, value in reversed(tree.scope.outputs.items())}
    found = tuple(map(told.get, tree.outputs, names))
    return found if len({*found}) == len(names) else names


def local_names(definition: Definition) -> set[str]:
    """The names of arguments, constants and loops in a definition's code."""
    found = {*definition.arguments, *definition.constants}
    return found.union(*(line.bound() for line in walk(definition.lines)))


class _Run:
    """One pass over the lines; `held` says where each value is, `count` how many
    values that are still read are in a variable."""

    def __init__(
        self,
        lines: Sequence[Line],
        inputs: Sequence[str],
        outputs: Mapping[str, Ref],
        taken: Collection[str],
        busy: Collection[str],
        handed: Collection[int],
    ) -> None:
        self.lines = lines
        self.taken = LANGUAGE.union(taken)
        self.busy = frozenset(busy)
        self.flowing = {*inputs, *REGISTERS}
        self.made = Variables()
        origin: dict[Ref, Ref] = {}
        for number in sorted(handed):
            read = lines[number].inputs[0]
            origin[Ref(number)] = origin.get(read, read)
        self.reads = [
            () if n in handed else tuple(origin.get(ref, ref) for ref in line.reads)
            for n, line in enumerate(lines)
        ]
        ends = {name: origin.get(ref, ref) for name, ref in outputs.items()}
        self.names = _names(lines, self.reads, ends)
        self.last = {
            ref: n
            for n, refs in enumerate(chain(self.reads, [ends.values()]))
            for ref in refs
        }
        self.held: dict[Ref, str] = {}
        self.count: dict[str, int] = {}
        for number, name in enumerate(inputs):
            self._hold(Ref(None, number), name)
        for number in range(len(lines)):
            self._line(number, number in handed)
        self.made.outputs = [self.held[ref] for ref in ends.values()]

    def _hold(self, ref: Ref, name: str) -> None:
        self.held[ref] = name
        if ref in self.last:
            variable = _variable(name)
            self.count[variable] = self.count.get(variable, 0) + 1

    def _release(self, ref: Ref) -> None:
        variable = _variable(self.held[ref])
        self.count[variable] -= 1
        if not self.count[variable]:
            del self.count[variable]

    def _line(self, number: int, handed: bool) -> None:
        line, refs = self.lines[number], self.reads[number]
        reads = tuple(self.held[ref] for ref in refs)
        for ref in dict.fromkeys(refs):
            if self.last[ref] == number:
                self._release(ref)
        live = self.busy.union(self.count)
        targets: tuple[str, ...] = ()
        if not handed and line.outputs == 1:
            targets = (self._target(number, reads, live),)
        elif not handed:
            targets = self._several(number, live)
        for output in range(line.outputs if targets else 0):
            alone = len(targets) < line.outputs
            name = f"{targets[0]}[{output}]" if alone else targets[output]
            self._hold(Ref(number, output), name)
        self.made.reads.append(reads)
        self.made.live.append(live)
        self.made.targets.append(targets)

    def _target(self, number: int, reads: tuple[str, ...], live: frozenset[str]) -> str:
        """The variable of a line's only value."""
        line = self.lines[number]
        other = "" if not reads else reads[0 if line.otherwise is None else -1]
        sometimes = line.count is not None or line.when is not True
        blocked = live | self.taken
        if sometimes:  # what stands for it may be put there before the line reads
            blocked = blocked.union(name for name in reads if name != other)
        name = self.names.get(Ref(number))
        if name is not None and name not in blocked:
            return name
        flows = len(line.inputs) == 1 and other in self.flowing
        if (sometimes or flows) and other.isidentifier() and other not in blocked:
            return other
        return next(_alphabet(blocked))

    def _several(self, number: int, live: frozenset[str]) -> tuple[str, ...]:
        """The variables of several values: the first names that are free and fit."""
        line = self.lines[number]
        refs = [Ref(number, output) for output in range(line.outputs)]
        blocked = live | self.taken
        wanted: list[Iterable[str]] = [islice(_alphabet(blocked), len(refs))]
        if line.name.isidentifier():
            wanted.insert(0, [f"{line.name}_{n}" for n in range(len(refs))])
        if isinstance(line.target, Use):
            wanted.insert(0, output_names(line.target.definition))
        for names in wanted:
            told = [self.names.get(r, n) for r, n in zip(refs, names, strict=True)]
            used = [n for r, n in zip(refs, told, strict=True) if r in self.last]
            fits = len(", ".join(used)) <= ROOM and len({*used}) == len(used)
            if fits and blocked.isdisjoint(used) and all(map(str.isidentifier, used)):
                return tuple(
                    name if ref in self.last else UNREAD
                    for ref, name in zip(refs, told, strict=True)
                )
        return (next(_alphabet(blocked)),)


def _names(
    lines: Sequence[Line], reads: Sequence[Sequence[Ref]], ends: Mapping[str, Ref]
) -> dict[Ref, str]:
    """The names that the spec gives to values, in lower case as variables are."""
    found: dict[Ref, str] = {}
    for name, ref in ends.items():
        if ref.line is not None and name.isidentifier():
            found.setdefault(ref, _lower(name))
    readers = Counter(ref for refs in (*reads, ends.values()) for ref in {*refs})
    final = {*ends.values()} if len({*ends.values()}) > 1 else set()
    told = [(line.name, n) for n, line in enumerate(lines) if not line.value]
    own = ((line.value, n) for n, line in enumerate(lines) if line.value)
    for name, number in (*dict(told).items(), *own):
        ref = Ref(number)
        read = readers[ref] > 1 or ref in final
        if read and lines[number].outputs == 1 and name.isidentifier():
            found.setdefault(ref, _lower(name))
    return found


def _lower(name: str) -> str:
    """A name in lower case, but for one that would be the letter l."""
    return name.lower() if len(name) > 1 else name


def _alphabet(blocked: Collection[str]) -> Iterator[str]:
    """x, y, z, x2, x3, ... without the names that are blocked."""
    letters = chain(REGISTERS, (f"x{number}" for number in count(2)))
    return (name for name in letters if name not in blocked)


def _variable(name: str) -> str:
    """The variable in a place such as `x[0]`."""
    return name.partition("[")[0]

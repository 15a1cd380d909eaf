"""What each line of a scope reads, over all its instances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from archspec.graph import Node
from archspec.source.columns import Column
from archspec.source.outline import Line, Ref
from archspec.source.plan import Unfit
from archspec.source.tree import Forest, Item, inputs_of, scope_of


class References:
    """The lines of a scope so far, and the one reference that explains a read.

    A reference explains what is read if it means that value in every instance. Where a
    line is absent it means what the line would have read.

    Attributes:
        lines, keys: in order, and the statement of each.
        numbers: of a statement its line.
    """

    def __init__(self, forest: Forest, columns: list[Column]) -> None:
        self.forest = forest
        self.columns = columns
        self.listed = columns[0].tree.scope.listed
        self.definition = columns[0].tree.scope.definition
        self.lines: list[Line] = []
        self.keys: list[str] = []
        self.numbers: dict[str, int] = {}

    def add(self, key: str, line: Line) -> None:
        """Adds the line of a statement."""
        self.numbers.setdefault(key, len(self.lines))
        self.keys.append(key)
        self.lines.append(line)

    def reads(
        self, items: Sequence[list[Item]]
    ) -> list[tuple[Column, tuple[str, ...]]]:
        """What a statement reads in the instances where it is there."""
        return [
            (column, inputs_of(group[0]))
            for column, group in zip(self.columns, items, strict=True)
            if group
        ]

    def sources(self, items: Sequence[list[Item]]) -> list[Ref]:
        """Where a statement's inputs come from."""
        reads = self.reads(items)
        first = next(group[0] for group in items if group)
        return [
            self.ref([(column, values[n]) for column, values in reads], name)
            for n, name in enumerate(_named(first))
        ]

    def ref(self, reads: Sequence[tuple[Column, str]], named: str = "") -> Ref:
        """The one reference that explains what is read in all instances.

        `named` is the input that the spec names there, which may hold the value of
        another one.
        """
        for candidate in self._candidates(reads, named):
            if self._explains(candidate, reads):
                return candidate
        raise Unfit("instances are wired differently", definition=self.definition)

    def _candidates(
        self, reads: Sequence[tuple[Column, str]], named: str
    ) -> Iterator[Ref]:
        """What may explain a read, the likeliest first; some of it twice."""
        places = [self._places(column, value) for column, value in reads]
        inputs = list(self.columns[0].tree.scope.inputs)
        if named in inputs:
            yield Ref(None, inputs.index(named))
        if self.listed and self.lines:
            yield Ref(len(self.lines) - 1)
        yield from chain(*places)
        yield from (Ref(n) for n in reversed(range(len(self.lines))))

    def _explains(self, ref: Ref, reads: Sequence[tuple[Column, str]]) -> bool:
        return all(self.value(ref, column) == value for column, value in reads)

    def resolved(self, ref: Ref, column: Column) -> Ref:
        """What a reference means in one instance, where its line may be absent."""
        while ref.line is not None and self.keys[ref.line] not in column.tree.lines:
            line = self.lines[ref.line]
            ref = line.otherwise or line.inputs[0]
        return ref

    def value(self, ref: Ref, column: Column) -> str:
        """The value that a reference means in one instance."""
        ref = self.resolved(ref, column)
        if ref.line is None:
            return list(column.tree.scope.inputs.values())[ref.output]
        item = column.tree.lines[self.keys[ref.line]][-1]
        if isinstance(item, Node):
            return item.name
        return item.outputs[ref.output] if ref.output < len(item.outputs) else ""

    def otherwise(self, key: str, refs: list[Ref]) -> Ref | None:
        """What the readers of a line read where it is absent; None: what it reads.

        A reader is known by its own line and the number of its input.
        """
        if self.listed:
            return None
        reads = [
            (column, dict(self.forest.reads(column.tree))) for column in self.columns
        ]
        readers = {
            reader
            for column, values in reads
            for reader, value in values.items()
            if self.forest.find(column.tree, value) == key
        }
        wanted = [
            (column, value)
            for column, values in reads
            if key not in column.tree.lines
            for reader, value in values.items()
            if reader in readers and self._is_made(column, value)
        ]
        inputs = [Ref(None, n) for n in range(len(self.columns[0].tree.scope.inputs))]
        lines = [Ref(n) for n in reversed(range(len(self.lines)))]
        for candidate in (refs[0], *inputs, *lines):
            if self._explains(candidate, wanted):
                return None if candidate == refs[0] else candidate
        return None

    def chains(self, ref: Ref, items: Sequence[list[Item]]) -> bool:
        """Whether a line reads a value wherever it is there, and nothing else."""
        reads = self.reads(items)
        return all(len(values) == 1 for _, values in reads) and self._explains(
            ref, [(column, values[0]) for column, values in reads]
        )

    def _places(self, column: Column, value: str) -> list[Ref]:
        """Where a value comes from in one instance: a line, or inputs that hold it."""
        key = self.forest.find(column.tree, value)
        if key is None:
            inputs = column.tree.scope.inputs.values()
            return [Ref(None, n) for n, held in enumerate(inputs) if held == value]
        number = self.numbers.get(key)
        if number is None:
            raise Unfit(f"{value} isn't made yet", definition=self.definition)
        item = column.tree.lines[key][-1]
        if isinstance(item, Node) and item.name == value:
            return [Ref(number)]
        if isinstance(item, Node) or value not in item.outputs:
            # It comes from the middle of a repeat.
            place = (self.definition, key.partition("@")[0])
            raise Unfit("read in the middle", repeat=place, definition=self.definition)
        return [Ref(number, item.outputs.index(value))]

    def _is_made(self, column: Column, value: str) -> bool:
        found = self.forest.find(column.tree, value)
        return found is None or found in self.numbers


def _named(item: Item) -> list[str]:
    """For each value that a statement reads, the input that it names, or ""."""
    at = item if isinstance(item, Node) else item.scope
    names = [*scope_of(item).named.get(at.slot, ())]
    return names if len(names) == len(inputs_of(item)) else [""] * len(inputs_of(item))

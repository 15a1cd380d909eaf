"""What each line of a scope reads, over all its instances."""

from __future__ import annotations

from collections.abc import Sequence

from archspec.graph import Node
from archspec.source.columns import Column, Unfit, Unlike, Unroll
from archspec.source.outline import Line, Ref
from archspec.source.tree import Forest, Item, inputs_of


class Wiring:
    """The lines of a scope so far, and the one place that explains what each reads.

    Attributes:
        lines: in order.
        keys: the number of a statement's line.
    """

    def __init__(self, forest: Forest, columns: list[Column]) -> None:
        self.forest = forest
        self.columns = columns
        self.listed = columns[0].tree.scope.listed
        self.definition = columns[0].tree.scope.definition
        self.lines: list[Line] = []
        self.keys: dict[str, int] = {}
        self.present: list[bool] = []

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
        return [
            self.ref([(column, values[n]) for column, values in reads])
            for n in range(len(reads[0][1]))
        ]

    def ref(self, reads: Sequence[tuple[Column, str]]) -> Ref:
        """The one place that explains what is read in all instances."""
        places = [self._place(column, value) for column, value in reads]
        same = len(set(places)) == 1
        if same and not (self.listed and self.lines):
            return places[0]
        candidates = [Ref(n) for n in reversed(range(len(self.lines)))]
        if places[0].line is None or places[0].output or same:
            candidates = [*candidates[:1], *places, *candidates]
        for candidate in candidates:
            if all(
                self.resolved(candidate, column) == place
                for (column, _), place in zip(reads, places, strict=True)
            ):
                return candidate
        raise Unlike(self.definition)

    def resolved(self, ref: Ref, column: Column) -> Ref:
        """What a reference means in one instance, where its line may be absent."""
        while ref.line is not None:
            key = next(k for k, n in self.keys.items() if n == ref.line)
            if key in column.tree.lines:
                return ref
            line = self.lines[ref.line]
            ref = line.otherwise or line.inputs[0]
        return ref

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
            (column, self._place(column, value))
            for column, values in reads
            if key not in column.tree.lines
            for reader, value in values.items()
            if reader in readers and self._is_made(column, value)
        ]
        inputs = [Ref(None, n) for n in range(len(self.columns[0].tree.scope.inputs))]
        lines = [Ref(n) for n in reversed(range(len(self.lines)))]
        for candidate in (refs[0], *inputs, *lines):
            if all(self.resolved(candidate, column) == at for column, at in wanted):
                return None if candidate == refs[0] else candidate
        return None

    def chains(self, ref: Ref, items: Sequence[list[Item]]) -> bool:
        """Whether a line reads a value wherever it is there, and nothing else."""
        return all(
            len(values) == 1
            and self.resolved(ref, column) == self._place(column, values[0])
            for column, values in self.reads(items)
        )

    def instead(self, items: Sequence[list[Item]]) -> bool:
        """Whether the last line of a list is there just where the one before isn't."""
        before, self.present = self.present, [len(group) == 1 for group in items]
        if not self.listed or len(self.lines) < 2:
            return False
        pair = self.lines[-2:]
        single = all(not line.spread and line.count is None for line in pair)
        opposite = before == [not found for found in self.present]
        return single and opposite and not pair[0].instead

    def value(self, ref: Ref, column: Column) -> str:
        """The value that a reference means in an instance where its line is there."""
        if ref.line is None:
            return list(column.tree.scope.inputs.values())[ref.output]
        key = next(k for k, n in self.keys.items() if n == ref.line)
        item = column.tree.lines[key][-1]
        return item.name if isinstance(item, Node) else item.outputs[ref.output]

    def _place(self, column: Column, value: str) -> Ref:
        """Where a value comes from in one instance."""
        key = self.forest.find(column.tree, value)
        if key is None:
            inputs = list(column.tree.scope.inputs.values())
            if value not in inputs:
                raise Unfit(f"{value} comes from outside")
            return Ref(None, inputs.index(value))
        item = column.tree.lines[key][-1]
        if isinstance(item, Node):
            if item.name != value:
                raise Unroll(f"{column.tree.name} here", key)
            return Ref(self.keys[key])
        if value not in item.outputs:
            raise Unroll(f"{column.tree.name} here", key)
        return Ref(self.keys[key], item.outputs.index(value))

    def _is_made(self, column: Column, value: str) -> bool:
        found = self.forest.find(column.tree, value)
        return found is None or found in self.keys

"""The lines of one scope, over all its instances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archspec.graph import Node
from archspec.language.formula import names
from archspec.source.columns import Cell, Column, Text, Unfit, Unroll
from archspec.source.expr import Arg, Expr, parts, substitute
from archspec.source.outline import Line, Nested, OpUse, Ref, Target, Use
from archspec.source.tree import (
    Item,
    Tree,
    inputs_of,
    numbers,
    repeats,
    scope_of,
    when_of,
)
from archspec.source.wiring import Wiring

if TYPE_CHECKING:
    from archspec.source.generalise import Writer

CLEAN: frozenset[str] = frozenset()
SHORT = 6
"""How many instances are written out where a loop would look values up in tables."""


class Body:
    """Collects lines in order; `channels` are those of the scope's inputs."""

    def __init__(
        self, writer: Writer, columns: list[Column], channels: list[Arg], depth: int
    ) -> None:
        self.writer = writer
        self.forest = writer.forest
        self.columns = columns
        self.channels = channels
        self.depth = depth
        self.wiring = Wiring(writer.forest, columns)
        self.lines = self.wiring.lines
        self.made: list[tuple[Arg, ...]] = []
        self.trusting = False

    def add(self, key: str) -> None:
        """Adds the line of a statement."""
        items = [column.tree.lines.get(key, []) for column in self.columns]
        first = next(group[0] for group in items if group)
        # In a mapping a repeat of one is a chain too: its instance is called `0`.
        alone = not self.columns[0].tree.scope.listed and "@" not in key
        counts = set(map(len, items))
        looped = repeats(first) and (alone or max(counts) > 1 or 0 in counts)
        variable = self.writer.variables[self.depth] if looped else ""
        depth = self.depth + 1 if looped else self.depth
        cells = [
            Cell(item, column, column.env.new_child({variable: n} if variable else {}))
            for column, group in zip(self.columns, items, strict=True)
            for n, item in enumerate(group)
        ]
        refs = self.wiring.sources(items)
        otherwise = None if looped or all(items) else self.wiring.otherwise(key, refs)
        if otherwise is not None and self.wiring.chains(otherwise, items):
            refs, otherwise = [otherwise], None
        channels = [self._channels_at(ref) for ref in refs]
        count = self._count(items, first, key) if looped else None
        when = True if looped else self._when(items, first)
        index = Expr(variable) if variable else None
        if looped:
            channels = [self._looped(cells, channels[0], variable, depth)]
        target, made = self._target(cells, channels, index, depth)
        short = isinstance(count, int) and count <= SHORT
        if short and _tabled(target, variable) and len(set(map(len, items))) == 1:
            raise Unroll(self.columns[0].tree.scope.definition, key)
        last = [
            Cell(group[-1], column, column.env)
            for column, group in zip(self.columns, items, strict=True)
            if group
        ]
        out = tuple(
            self._after(arg, number, last, variable, count)
            for number, arg in enumerate(made)
        )
        name = "" if self.columns[0].tree.scope.listed else key.partition("@")[0]
        self.wiring.keys[key] = len(self.lines)
        self.lines.append(
            Line(
                name=name,
                target=target,
                inputs=tuple(refs),
                when=when,
                count=count,
                index=variable,
                nodes=[cell.item.name for cell in cells],
                outputs=len(made),
                single=repeats(first) and not looped,
                otherwise=otherwise,
            )
        )
        self.lines[-1].instead = self.wiring.instead(items)
        self.made.append(out)
        if when is not True and len(made) > 1:
            raise Unfit(f"{name} has several outputs, and isn't always there")
        if when is not True:
            other = self._channels_at(otherwise or refs[0])
            self.made[-1] = (self._joined(key, other, out, when),)

    def outputs(self) -> tuple[list[Ref], list[Arg]]:
        """Where the scope's outputs come from, and their channels."""
        number = len(self.columns[0].tree.outputs)
        refs = [
            self.wiring.ref(
                [(column, column.tree.outputs[n]) for column in self.columns]
            )
            for n in range(number)
        ]
        return refs, [self._channels_at(ref) for ref in refs]

    def _channels_at(self, ref: Ref) -> Arg:
        if ref.line is None:
            return self.channels[ref.output]
        return self.made[ref.line][ref.output]

    def _when(self, items: Sequence[list[Item]], first: Item) -> Arg:
        present = [bool(group) for group in items]
        text = when_of(first)
        cells = [Cell(first, column, column.env) for column in self.columns]
        texts = [self._text(text, first, None) for _ in self.columns]
        name = f"with_{first.name.rpartition('.')[2]}"
        return self.writer.choose(cells, present, texts, name)

    def _count(self, items: Sequence[list[Item]], first: Item, key: str) -> Arg:
        text = first.repeat if isinstance(first, Node) else first.scope.repeat
        runs = [column.tree.runs.get(key.partition("@")[0]) for column in self.columns]
        others = {
            len(run) - len(group)
            for run, group in zip(runs, items, strict=True)
            if run is not None
        }
        if text and len(others) == 1:
            text = f"({text}) - {others.pop()}"
        cells = [Cell(first, column, column.env) for column in self.columns]
        texts = [Text(text, scope_of(first)) if text else None for _ in self.columns]
        counts = [len(group) for group in items]
        return self.writer.choose(cells, counts, texts, "depth")

    def _position(self, item: Item) -> Arg | None:
        return item.index if isinstance(item, Node) else item.scope.index

    def _looped(self, cells: list[Cell], outer: Arg, variable: str, depth: int) -> Arg:
        """The channels that the instances of a repeat read."""
        values = [self._read(cell)[0] for cell in cells]
        taint = CLEAN.union(*(self._read(cell)[1] for cell in cells))
        if len(set(values)) == 1 and not taint & self.writer.whole.arguments:
            return values[0]
        starts = [(c, v) for c, v in zip(cells, values, strict=True)]
        candidates: list[Arg] = [outer]
        self.trusting = True
        try:
            made = self._target(cells, [outer], Expr(variable), depth)[1][0]
        except Unfit:
            made = outer
        finally:
            self.trusting = False
        if isinstance(made, Expr) and variable in made.names():
            made = substitute(
                made.text,
                lambda n: Expr(f"{n} - 1") if n == variable else Expr(n),
            )
        candidates.append(made)
        if isinstance(outer, Expr) or isinstance(made, Expr) or outer != made:
            first = outer.text if isinstance(outer, Expr) else repr(outer)
            rest = made.text if isinstance(made, Expr) else repr(made)
            candidates.append(Expr(f"{first} if {variable} == 0 else {rest}"))
        for candidate in candidates:
            if self.writer.holds(candidate, cells, values):
                return candidate
        return self.writer.choose(
            cells, values, [None] * len(starts), "in_channels", taint, variable
        )

    def _read(self, cell: Cell) -> tuple[int, frozenset[str]]:
        """How many channels an instance reads, and what that depends on."""
        value = inputs_of(cell.item)[0]
        return self.forest.shapes[value][0], self.forest.taint(value)

    def _after(
        self,
        arg: Arg,
        number: int,
        last: list[Cell],
        variable: str,
        count: Arg | None,
    ) -> Arg:
        """The channels of an output, outside of the repeat."""
        made = [
            cell.item.name if isinstance(cell.item, Node) else cell.item.outputs[number]
            for cell in last
        ]
        values = [self.forest.shapes[value][0] for value in made]
        taint = CLEAN.union(*(self.forest.taint(value) for value in made))
        if isinstance(arg, Expr) and variable and variable in arg.names():
            end = count - 1 if isinstance(count, Expr | int) else 0
            arg = substitute(arg.text, lambda n: end if n == variable else Expr(n))
        if self.writer.holds(arg, last, values):
            return arg
        return self.writer.choose(last, values, [None] * len(values), "channels", taint)

    def _joined(self, key: str, other: Arg, out: tuple[Arg, ...], when: Arg) -> Arg:
        """The channels behind a line that is not always there."""
        cells = []
        values = []
        for column in self.columns:
            ref = self.wiring.resolved(Ref(self.wiring.keys[key]), column)
            value = self.wiring.value(ref, column)
            cells.append(Cell(column.tree, column, column.env))
            values.append(self.forest.shapes[value][0])
        texts = [
            a.text if isinstance(a, Expr) else repr(a) for a in (out[0], when, other)
        ]
        both = Expr(f"{texts[0]} if {texts[1]} else {texts[2]}")
        for candidate in (out[0], other, both):
            if self.writer.holds(candidate, cells, values):
                return candidate
        return self.writer.choose(cells, values, [None] * len(values), "channels")

    # What a line does: an op, a block, a nested graph.

    def _target(
        self, cells: list[Cell], channels: list[Arg], index: Arg | None, depth: int
    ) -> tuple[Target, tuple[Arg, ...]]:
        first = cells[0].item
        if isinstance(first, Node):
            return self._op(cells, channels, index)
        if first.scope.kind == "graph":
            return self._nested(cells, channels, index, depth)
        return self._use(cells, channels, index)

    def _op(
        self, cells: list[Cell], channels: list[Arg], index: Arg | None
    ) -> tuple[Target, tuple[Arg, ...]]:
        nodes = [cell.item for cell in cells if isinstance(cell.item, Node)]
        shapes = [
            tuple(self.forest.shapes[value] for value in node.inputs) for node in nodes
        ]
        fixed = self.forest.signature(nodes[0].op, shapes[0])
        if "in_channels" in fixed:
            read = CLEAN.union(*(self.forest.taint(node.inputs[0]) for node in nodes))
            if read & self.writer.whole.arguments:
                raise Unfit("in_channels is fixed", read)
        attributes: dict[str, Arg] = {}
        for name in type(nodes[0].op).model_fields:
            if name == "init":
                continue
            texts = [self._text(node.texts.get(name), node, index) for node in nodes]
            values = [getattr(node.op, name) for node in nodes]
            if name in fixed:
                taint = self._taint(texts) & self.writer.whole.arguments
                if taint:
                    raise Unfit(f"{name} is fixed", taint)
                if fixed[name] is not ...:
                    attributes[name] = values[0]
                    continue
            attributes[name] = self.writer.choose(
                cells,
                values,
                texts,
                name,
                self._taint(texts),
                index.text if isinstance(index, Expr) else "",
            )
        given = attributes
        if nodes[0].op.kind == "pad":
            given = attributes | {"channels": parts(attributes["channels"])}
        made = nodes[0].op.out_channels(tuple(channels), given, shapes[0])
        use = OpUse([node.op for node in nodes], shapes, attributes, tuple(channels))
        return use, (made,)

    def _text(self, text: str | None, item: Item, index: Arg | None) -> Text | None:
        if text is None:
            return None
        position = index if index is not None else self._position(item)
        counter = item.counter if isinstance(item, Node) else item.scope.counter
        return Text(text, scope_of(item), position, counter or "index")

    def _taint(self, texts: Sequence[Text | None]) -> frozenset[str]:
        return CLEAN.union(
            *(
                text.scope.taints.get(name, CLEAN)
                for text in texts
                if text is not None
                for name in names(text.text)
            )
        )

    def _use(
        self, cells: list[Cell], channels: list[Arg], index: Arg | None
    ) -> tuple[Target, tuple[Arg, ...]]:
        trees = [cell.item for cell in cells if isinstance(cell.item, Tree)]
        definition = self.writer.whole.made[trees[0].group]
        positions = {id(tree): n for n, tree in enumerate(definition.instances)}
        arguments: dict[str, Arg] = {}
        for name, argument in definition.arguments.items():
            values = [argument.values[positions[id(tree)]] for tree in trees]
            if name in definition.channel_arguments:
                arg = channels[definition.channel_arguments[name]]
                if self.trusting or self.writer.holds(arg, cells, values):
                    arguments[name] = arg
                    continue
            texts = [self._argument_text(name, tree, index) for tree in trees]
            arguments[name] = self.writer.choose(
                cells,
                values,
                texts,
                name,
                self._taint(texts),
                index.text if isinstance(index, Expr) else "",
            )
        made = tuple(
            substitute(arg.text, lambda n: arguments[n])
            if isinstance(arg, Expr)
            else arg
            for arg in definition.channels
        )
        return Use(definition, arguments), made

    def _argument_text(self, name: str, tree: Tree, index: Arg | None) -> Text | None:
        if name in tree.scope.params:
            return self._text(tree.scope.texts.get(name), tree, index)
        return self._text(name, tree, index) if name.isidentifier() else None

    def _nested(
        self, cells: list[Cell], channels: list[Arg], index: Arg | None, depth: int
    ) -> tuple[Target, tuple[Arg, ...]]:
        columns = []
        for cell in cells:
            assert isinstance(cell.item, Tree)
            scope = cell.item.scope
            self.writer.dims[id(scope)] = {"input": channels[0]}
            position = index if index is not None else self._position(cell.item)
            if position is not None:
                self.writer.index[id(scope)] = position
            columns.append(Column(cell.item, cell.column.owner, cell.env))
        lines, outputs, made = self.writer.scope_lines(columns, channels, depth)
        scope = columns[0].tree.scope
        nested = Nested(scope.title, scope.listed, scope.inline, lines, tuple(outputs))
        if scope.listed and not scope.inline and len(outputs) > 1:
            nested.numbers = numbers(columns[0].tree)
        return nested, tuple(made)


def _tabled(target: Target, variable: str) -> bool:
    """Whether a loop looks up an argument in a list, and has few arguments."""
    if not isinstance(target, Use) or len(target.arguments) > 4:
        return False
    return any(
        isinstance(arg, Expr) and f"][{variable}]" in arg.text
        for arg in target.arguments.values()
    )

"""The lines of one scope, over all its instances."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from archspec.graph import Node, Scope, Value
from archspec.language.formula import parse
from archspec.ops import Shape
from archspec.source.columns import Cell, Column, Text, default_of
from archspec.source.expr import (
    Arg,
    Expr,
    choice,
    kept_from_first,
    named,
    names_of,
    opposite,
    over_turns,
    over_zero,
    put,
    settled,
    value_of,
    where,
    without_term,
)
from archspec.source.literal import Product
from archspec.source.outline import (
    CHOSEN,
    Definition,
    Line,
    Nested,
    OpUse,
    Ref,
    Target,
    Use,
)
from archspec.source.plan import Unfit
from archspec.source.references import References
from archspec.source.tree import (
    Item,
    Tree,
    inputs_of,
    numbers,
    repeats,
    scope_of,
    when_of,
)
from archspec.source.vocabulary import Unsayable

if TYPE_CHECKING:
    from archspec.source.generalise import Writer

CLEAN: frozenset[str] = frozenset()
BRACES = re.compile(r"\{([^{}]*)\}")


class Body:
    """Collects lines in order; `channels` are those of the scope's inputs."""

    def __init__(
        self, writer: Writer, columns: list[Column], channels: list[Arg], depth: int
    ) -> None:
        self.writer = writer
        self.words = writer.words
        self.forest = writer.forest
        self.columns = columns
        self.channels = channels
        self.depth = depth
        self.references = References(writer.forest, columns)
        self.lines = self.references.lines
        self.made: list[tuple[Arg, ...]] = []
        self.told: set[int] = set()

    def add(self, key: str) -> None:
        """Adds the line of a statement."""
        items = [column.tree.lines.get(key, []) for column in self.columns]
        first = next(group[0] for group in items if group)
        # In a mapping a repeat of one is a chain too: its instance is called `0`.
        alone = not self.columns[0].tree.scope.listed and "@" not in key
        counts = set(map(len, items))
        looped = repeats(first, key) and (
            self._counted(first) or max(counts) > 1 or (alone and counts != {1})
        )
        if self.forest.plan.unrolls(self._definition(), key.partition("@")[0]):
            looped = False
        if not looped or "@" in key:
            self._check_count(first)
        if "{" in key and (not looped or "@" in key or not self._chains()):
            raise Unfit(key, repeat=(self._definition(), key.partition("@")[0]))
        self._dissolved(items)
        refs = self.references.sources(items)
        line = Line(
            name="" if self.columns[0].tree.scope.listed else plain(key),
            target=OpUse([], [], {}, ()),
            inputs=tuple(refs),
            single=repeats(first, key) and not looped,
        )
        made = (
            self._loop(line, key, items, first)
            if looped
            else self._once(line, key, items, first)
        )
        line.outputs = len(made)
        word = f"{line.name}_channels" if line.name.isidentifier() else "channels"
        made = tuple(self.writer.short(arg, word) for arg in made)
        self._check_choice(first)
        self.references.add(key, line)
        line.instead = self._instead(line)
        self.made.append(made)
        if line.when is not True:
            if len(made) > 1:
                raise self.words.unfit(
                    f"{key} has several outputs, and isn't always there",
                    self.words.behind(names_of(line.when)),
                )
            other = self._channels_at(line.otherwise or line.inputs[0])
            self.made[-1] = (self._joined(key, other, made[0], line.when),)

    def _instead(self, line: Line) -> bool:
        """Whether the last line of a list is there just where the one before isn't."""
        before = self.lines[-2:][0]
        alone = self.references.listed and not (before.spread or line.spread)
        return alone and not before.instead and opposite(before.when, line.when)

    def _check_choice(self, first: Item) -> None:
        """Unfit where a formula chooses what is read, and no line's absence says so.

        `from: ="shortcut" if projected else "input"` is said by a shortcut that is
        there when `projected`, and for which its input stands elsewhere.
        """
        scope, at = scope_of(first), first if isinstance(first, Node) else first.scope
        for text in sorted(scope.decided.get(f"{at.slot} from", ())):
            depends = self.writer.behind(Text(text, scope))
            if depends and not self._said(parse(text), scope):
                raise self.words.unfit(f"{text} decides what is read", depends)

    def _said(self, tree: ast.expr, scope: Scope) -> bool:
        """Whether a line is there just when a formula chooses it, and else another."""
        if not isinstance(tree, ast.IfExp) or not isinstance(tree.body, ast.Constant):
            return False
        found = [line for line in self.lines if line.name == str(tree.body.value)]
        if len(found) != 1 or not isinstance(tree.orelse, ast.Constant):
            return False
        other = str(tree.orelse.value)
        inputs = list(self.columns[0].tree.scope.inputs)
        refs = [Ref(None, inputs.index(other))] if other in inputs else []
        refs += [Ref(n) for n, line in enumerate(self.lines) if line.name == other]
        try:
            test = self.words.translated(Text(ast.unparse(tree.test), scope))
        except Unsayable:
            return False
        return (
            test == found[0].when and (found[0].otherwise or found[0].inputs[0]) in refs
        )

    def _dissolved(self, items: Sequence[list[Item]]) -> None:
        """Says what formulas read in inlined scopes, whose lines stand here."""
        for column, group in zip(self.columns, items, strict=True):
            scope = scope_of(group[0]) if group else column.tree.scope
            # What a loop tries first leaves other words behind.
            while scope is not column.tree.scope and id(scope) not in self.told:
                self.told.add(id(scope))
                self.words.dims[id(scope)] = {
                    name: self._channels_at(self.references.ref([(column, value)]))
                    for name, value in scope.inputs.items()
                }
                self.words.counters[id(scope)] = scope.index
                self.writer.decide([scope], column.tree.lines)
                assert scope.parent is not None
                scope = scope.parent

    def _definition(self) -> str:
        return self.columns[0].tree.scope.definition

    def _once(
        self, line: Line, key: str, items: Sequence[list[Item]], first: Item
    ) -> tuple[Arg, ...]:
        """A line that is there once, or not at all; the channels of its outputs."""
        refs = list(line.inputs)
        line.when = self._when(items, first)
        otherwise = None if all(items) else self.references.otherwise(key, refs)
        if otherwise is not None and self.references.chains(otherwise, items):
            refs, otherwise = [otherwise], None
        line.inputs, line.otherwise = tuple(refs), otherwise
        cells = [
            Cell(item, column, column.env.new_child())
            for column, group in zip(self.columns, items, strict=True)
            for item in group
        ]
        line.nodes = [cell.item.name for cell in cells]
        line.alias = self._alias(cells, None)
        channels = [where(self._channels_at(ref), line.when) for ref in refs]
        line.target, made = self._target(cells, channels, None, self.depth)
        return made

    # Loops

    def _loop(
        self, line: Line, key: str, items: Sequence[list[Item]], first: Item
    ) -> tuple[Arg, ...]:
        """A line that is repeated; the channels behind it."""
        depth = self.depth + 1
        line.index = variable = self.words.variable(self.depth)
        flow = self.words.free("in_channels")
        self.words.reserved.add(flow)
        cells = [
            Cell(
                item,
                column,
                column.env.new_child({variable: n, flow: self._reads(item)}),
            )
            for column, group in zip(self.columns, items, strict=True)
            for n, item in enumerate(group)
        ]
        line.nodes = [cell.item.name for cell in cells]
        line.count = count = self._count(items, first, key)
        self.words.loop(variable, count)
        index = named(variable, "int")
        line.alias = self._alias(cells, index)
        if "{" in key:
            line.template = self._template(key, cells, index)
        outer = self._channels_at(line.inputs[0])
        word = self.words.flowing(flow, outer)

        def tried() -> Arg:
            line.target, made = self._target(cells, [word], index, depth)
            if isinstance(count, int):
                return over_turns(made[0], variable, count)
            return made[0]

        made = tried()
        step = without_term(made, flow)
        if count == 1:
            inner, after = outer, _with(_with(made, variable, 0), flow, outer)
        elif made in (word, outer):
            inner = after = outer
        elif step is not None and variable not in names_of(step):
            inner, after = outer + index * step, outer + count * step  # type: ignore[operator]  # numbers
        else:
            known = self.words.behind(names_of(outer))
            self.words.flowing(flow, outer, made)
            if self.words.behind(names_of(made)) - known:
                # Once more: now it is known on what the variable depends.
                made = tried()
            return self._flow(line, flow, outer, made, items)
        values = [self._reads(cell.item) for cell in cells]
        inner = self.writer.checked(inner, cells, values, "in_channels")
        line.target, _ = self._target(cells, [inner], index, depth)
        self.words.reserved.discard(flow)
        return (after,)

    def _flow(
        self, line: Line, flow: str, outer: Arg, made: Arg, items: Sequence[list[Item]]
    ) -> tuple[Arg, ...]:
        """A loop that sets a variable to the channels that its next turn reads."""
        made = kept_from_first(made, flow, line.index)
        line.start, line.carried = {flow: outer}, {flow: made}
        for column, group in zip(self.columns, items, strict=True):
            made_last = self._made_by(group[-1]) if group else None
            read = self.references.value(line.inputs[0], column)
            column.env[flow] = self.forest.shapes[made_last or read][0]
        count, after = line.count, None
        surely = isinstance(count, int)  # and not 0: then there is no line
        if flow not in names_of(made):
            after = _with(made, line.index, count - 1)  # type: ignore[operator]  # numbers
            if not surely:
                after = choice(after, over_zero(count), outer)
        line.after = {flow: after}
        self.words.flows[flow] = after
        return (after if surely and after is not None else named(flow, "int"),)

    def _made_by(self, item: Item) -> str:
        """The value that an instance of a repeat gives."""
        return item.name if isinstance(item, Node) else item.outputs[0]

    def _chains(self) -> bool:
        """Whether a scope is a chain of blocks, graphs and layers with weights."""
        return all(
            isinstance(item, Tree) or item.op.stored
            for column in self.columns
            for items in column.tree.lines.values()
            for item in items[:1]
        ) and all(len(column.tree.outputs) == 1 for column in self.columns)

    def _template(self, key: str, cells: list[Cell], index: Expr) -> tuple[Arg, ...]:
        """What names the instances of a repeat, in pieces."""
        place = Unfit(key, repeat=(self._definition(), key))
        made: list[Arg] = []
        for number, piece in enumerate(BRACES.split(key)):
            if number % 2 == 0:
                made.append(piece)
                continue
            first = cells[0].item
            formula = self._text(piece, first, index)
            assert formula is not None
            try:
                found = self.words.translated(formula)
            except Unsayable:
                raise place from None
            made.append(found)
        for cell in cells:
            name = "".join(str(value_of(arg, cell.env)) for arg in made)
            if cell.item.name.rpartition(".")[2] != name:
                raise place
        return tuple(made)

    def _alias(self, cells: list[Cell], index: Expr | None) -> tuple[Arg, ...]:
        """What names of layers say of a line instead of its name, in pieces."""
        items = [cell.item for cell in cells] if self.forest.aliased else []
        places = [item if isinstance(item, Node) else item.scope for item in items]
        aliases = [at.alias for at in places]
        told = {alias and alias.pieces for alias in aliases}
        if told <= {None}:
            return ()
        if len(told) > 1:  # of an inlined part in the place of another
            names = [str(at.alias or at.name.rpartition(".")[2]) for at in places]
            return (self.writer.choose(cells, names, [None] * len(names), "alias"),)
        made: list[Arg] = []
        for n, piece in enumerate(next(alias for alias in aliases if alias).pieces):
            if n % 2 == 0:
                made += [piece] if piece else []
                continue
            numbers = [alias.numbers[n // 2] for alias in aliases if alias]
            texts = [self._text(piece, item, index) for item in items]
            word = _variable(index)
            made.append(self.writer.choose(cells, numbers, texts, "number", word))
        return tuple(made)

    def _reads(self, item: Item) -> int:
        """How many channels an instance reads."""
        return self.forest.shapes[inputs_of(item)[0]][0]

    def _counted(self, first: Item) -> bool:
        """Whether the number of instances depends on an argument."""
        text = _repeat_of(first)
        return bool(text) and bool(
            self.writer.behind(Text(text or "", scope_of(first)))
        )

    def _check_count(self, first: Item) -> None:
        """Unfit where instances that are written one by one depend on an argument."""
        text = _repeat_of(first)
        depends = self.writer.behind(Text(text, scope_of(first))) if text else CLEAN
        if depends:
            raise self.words.unfit(f"{first.name} is repeated", depends)

    def _count(self, items: Sequence[list[Item]], first: Item, key: str) -> Arg:
        text = None if "@" in key else _repeat_of(first)
        cells = [Cell(first, column, column.env) for column in self.columns]
        texts = [Text(text, scope_of(first)) if text else None for _ in self.columns]
        counts = [len(group) for group in items]
        return self.writer.choose(cells, counts, texts, "depth")

    # Whether a line is there, and what stands for it

    def outputs(self) -> tuple[list[Ref], list[Arg]]:
        """Where the scope's outputs come from, and their channels."""
        number = len(self.columns[0].tree.outputs)
        refs = [
            self.references.ref(
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
        cells = [Cell(first, column, column.env) for column in self.columns]
        texts = [self._text(when_of(first), first, None) for _ in self.columns]
        name = f"with_{first.name.rpartition('.')[2]}"
        return self.writer.choose(cells, present, texts, name)

    def _position(self, item: Item) -> Arg | None:
        return item.index if isinstance(item, Node) else item.scope.index

    def _joined(self, key: str, other: Arg, made: Arg, when: Arg) -> Arg:
        """The channels behind a line that is not always there."""
        cells = []
        values: list[Value] = []
        for column in self.columns:
            value = self.references.value(Ref(len(self.lines) - 1), column)
            cells.append(Cell(column.tree, column, column.env))
            values.append(self.forest.shapes[value][0])
        joined = made if made == other else choice(made, when, other)
        return self.writer.checked(joined, cells, values, "channels")

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
        op = nodes[0].op
        choices = [self._text(node.texts.get(CHOSEN), node, index) for node in nodes]
        if all(map(self.forest.choosable, nodes)):
            kinds = [node.op.kind for node in nodes]
            variable = _variable(index)
            found = self.writer.choose(cells, kinds, choices, "activation", variable)
            if isinstance(found, Expr):
                ops = [node.op for node in nodes]
                return OpUse(ops, shapes, {CHOSEN: found}, ()), (channels[0],)
        self._settle(choices, "the op")
        fixed = self.forest.fixed(nodes[0])
        attributes: dict[str, Arg] = {}
        for name in type(op).model_fields:
            texts = [self._text(node.texts.get(name), node, index) for node in nodes]
            if name == "init":  # what it depends on is fixed
                continue
            values = [getattr(node.op, name) for node in nodes]
            if name in fixed and fixed[name] is not ...:
                self._settle(texts, name)
                attributes[name] = values[0]
                continue
            found = self.writer.choose(cells, values, texts, name, _variable(index))
            if name in ("channels", "features"):  # the next op reads them, too
                word = f"{nodes[0].name.rpartition('.')[2]}_channels"
                found = self.writer.short(
                    found, word if word.isidentifier() else "channels"
                )
            attributes[name] = found
        if "in_channels" in fixed:  # as many groups as channels, whatever they are
            depth = op.channels // op.groups  # type: ignore[attr-defined]  # a Conv2d
            told = {"groups": channels[0], "channels": channels[0] * depth}
            for name, arg in told.items():
                self.writer.relate(attributes[name], arg)
                attributes[name] = arg
        use = OpUse([node.op for node in nodes], shapes, attributes, tuple(channels))
        given = {**attributes, **{name: use.two(name) for name in op.paired}}
        made = op.out_channels(use.channels, given, shapes[0])
        if op.flattens:  # instances may read images of several sizes
            features: list[Value] = [node.shape[0] for node in nodes]
            made = self.writer.checked(made, cells, features, "flat_features")
            sizes = [shape for (shape,) in shapes]
            last = op.order == "hwc"  # type: ignore[attr-defined]  # a Flatten
            made = _factored(made, [(*s[1:], s[0]) if last else s for s in sizes])
        return use, (made,)

    def _settle(self, texts: Sequence[Text | None], what: str) -> None:
        """Unfit where what code can't say depends on an argument."""
        depends = CLEAN.union(*(self.writer.behind(text) for text in texts if text))
        if depends:
            raise self.words.unfit(f"{what} is fixed", depends)

    def _text(self, text: str | None, item: Item, index: Arg | None) -> Text | None:
        if text is None:
            return None
        position = index if index is not None else self._position(item)
        counter = item.counter if isinstance(item, Node) else item.scope.counter
        return Text(text, scope_of(item), position, counter)

    def _use(
        self, cells: list[Cell], channels: list[Arg], index: Arg | None
    ) -> tuple[Target, tuple[Arg, ...]]:
        trees = [cell.item for cell in cells if isinstance(cell.item, Tree)]
        definition = self.writer.whole.made[trees[0].group]
        positions = {id(tree): n for n, tree in enumerate(definition.instances)}
        for tree in trees:
            self.words.dims[id(tree.scope)] = dict(
                zip(tree.scope.inputs, channels, strict=True)
            )
        arguments: dict[str, Arg] = {}
        for name, argument in definition.arguments.items():
            values = [argument.values[positions[id(tree)]] for tree in trees]
            if name in definition.channel_arguments:
                arg = channels[definition.channel_arguments[name]]
                arguments[name] = self.writer.checked(arg, cells, values, name)
                continue
            texts = [
                None if argument.invented else self._argument_text(name, tree, index)
                for tree in trees
            ]
            arguments[name] = self.writer.choose(
                cells, values, texts, name, _variable(index)
            )
            if argument.sized:
                self._fix_length(definition, name, arguments[name])
        self._widen(trees, channels, index)
        self._relate(definition, trees[0], arguments, index)
        made: list[Arg] = []
        for number, arg in enumerate(definition.channels):
            if isinstance(arg, Expr) and not arg.names() <= arguments.keys():
                read = CLEAN.union(*map(names_of, arguments.values()))
                arg = self._untold(cells, number, self.words.behind(read))
            elif isinstance(arg, Expr):
                arg = arg.replaced(lambda name: arguments[name])
            if self.writer.definition.net and not self.writer.definition.model:
                arg = self._settled(arg, cells)
            made.append(arg)
        return Use(definition, arguments), tuple(made)

    def _settled(self, arg: Arg, cells: Sequence[Cell]) -> Arg:
        """An expression without choices that are one in all nets of a family.

        What tells the nets apart is no caller's choice: no stage of theirs is empty.
        """
        held, words = self.writer.definition.arguments, self.words
        told = {name for name in held if not words.behind_root(name)}
        told |= words.fixed_loops
        return settled(arg, told, [cell.env for cell in cells])

    def _fix_length(self, definition: Definition, name: str, arg: Arg) -> None:
        """Notes that a list has a fixed length here, since a block asks for one."""
        if not isinstance(arg, Expr):
            return
        plan, own = self.forest.plan, self.writer.definition.arguments.get(arg.text)
        if own is None or own.invented:
            place = definition.instances[0].scope.definition, name
            raise Unfit(f"{name} has any length", split=frozenset((place,)))
        if not own.sized:
            plan.lengths.add((self.writer.group[0].scope.definition, arg.text))

    def _relate(
        self,
        definition: Definition,
        tree: Tree,
        arguments: Mapping[str, Arg],
        index: Arg | None,
    ) -> None:
        """Hands on what a block takes to be equal."""

        def word(name: str) -> Arg:
            if name in arguments:
                return arguments[name]
            text = self._argument_text(name, tree, index)
            if text is None:
                return tree.scope.params[name]
            return self.words.translated(text)

        for pair in definition.relations:
            try:
                one, other = (
                    arg.replaced(word) if isinstance(arg, Expr) else arg for arg in pair
                )
            except Unsayable as unsayable:
                if unsayable.depends:
                    raise self.words.unfit("a relation", unsayable.depends) from None
                continue  # it is a fact of these instances
            self.writer.relate(one, other)

    def _untold(self, cells: list[Cell], number: int, depends: frozenset[str]) -> Arg:
        """The channels of an output that no expression of the arguments gives."""
        values: list[Value] = [
            self.forest.shapes[cell.item.outputs[number]][0]
            for cell in cells
            if isinstance(cell.item, Tree)
        ]
        return self.writer.told(cells, values, "channels", depends)

    def _widen(
        self,
        trees: list[Tree],
        channels: list[Arg],
        index: Arg | None,
    ) -> None:
        """Notes what a block must take as an argument, since here it is computed.

        Where it can't be one, what it is computed from can't be an argument here.
        """
        scope = trees[0].scope
        held = self.writer.whole.made[trees[0].group]
        for name in scope.params:
            if name in held.arguments and not held.arguments[name].invented:
                continue
            text = self._argument_text(name, trees[0], index)
            if text is not None:
                self._widen_one(scope.definition, name, self.writer.behind(text))
        for number, name in enumerate(scope.inputs):
            if number not in held.channel_arguments.values():
                depends = self.words.behind(names_of(channels[number]))
                self._widen_one(scope.definition, f"{name}.channels", depends)

    def _widen_one(self, definition: str, name: str, depends: frozenset[str]) -> None:
        if not depends:
            return
        plan = self.forest.plan
        if (definition, name) in plan.split:
            raise self.words.unfit(f"{name} of {definition} is fixed", depends)
        plan.variable.add((definition, name))

    def _argument_text(self, name: str, tree: Tree, index: Arg | None) -> Text | None:
        """What a caller gives, or the default, for which a block's inputs may count."""
        scope = tree.scope
        if name in scope.defaults:
            return default_of(name, scope)
        if name in scope.params:
            return self._text(scope.texts.get(name), tree, index)
        if not name.isidentifier():
            return None
        # The file's: of that name the caller may have a param of its own.
        return Text(name, scope_of(tree), hidden=frozenset((name,)))

    def _nested(
        self, cells: list[Cell], channels: list[Arg], index: Arg | None, depth: int
    ) -> tuple[Target, tuple[Arg, ...]]:
        columns = []
        for cell in cells:
            assert isinstance(cell.item, Tree)
            scope = cell.item.scope
            self.words.dims[id(scope)] = {"input": channels[0]}
            position = index if index is not None else self._position(cell.item)
            if position is not None:
                self.words.counters[id(scope)] = position
            columns.append(Column(cell.item, cell.column.owner, cell.env))
        lines, outputs, made = self.writer.scope_lines(columns, channels, depth)
        scope = columns[0].tree.scope
        nested = Nested(scope.title, scope.listed, scope.inline, lines, tuple(outputs))
        if scope.listed and not scope.inline and len(outputs) > 1:
            nested.numbers = numbers(columns[0].tree)
        if not scope.inline:
            made = [self._closed(arg, cells, n) for n, arg in enumerate(made)]
        return nested, tuple(made)

    def _closed(self, arg: Arg, cells: list[Cell], number: int) -> Arg:
        """The channels of a nested graph's output, without variables of its loops."""
        arg = self.words.closed(arg)
        depends = self.words.unclosed(arg)
        return arg if depends is None else self._untold(cells, number, depends)


def plain(key: str) -> str:
    """The name of a statement without what its braces hold."""
    return BRACES.sub("", key.partition("@")[0])


def _variable(index: Arg | None) -> str:
    return index.text if isinstance(index, Expr) else ""


def _repeat_of(item: Item) -> str | None:
    """The formula of an item's `repeat`."""
    return item.repeat if isinstance(item, Node) else item.scope.repeat


def _factored(features: Arg, shapes: Sequence[Shape]) -> Arg:
    """The features of flattened images of such shapes as the product that they are."""
    factors = tuple(size for size in shapes[0] if size != 1)
    if isinstance(features, Expr) or len({*shapes}) > 1 or len(factors) < 2:
        return features
    return Product.of(factors)


def _with(arg: Arg, name: str, value: Arg) -> Arg:
    """An expression with a value for one of its names."""
    return put(arg, {name: value})

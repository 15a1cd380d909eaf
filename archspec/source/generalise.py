"""Finds the outline of a graph: one definition for all instances of a block.

What is printed for a value is looked for in this order: its formula in the words of
printed code; a constant; a choice by the index of a repeat; an argument of its own. A
value whose formula depends on an argument is never a constant, though it be the same
in all instances: another value of the argument would give another.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Iterable, Mapping, Sequence

from archspec.errors import SpecError
from archspec.graph import Graph, Scope, Value
from archspec.nodes import FAMILY
from archspec.source import choices
from archspec.source.arrange import arrange
from archspec.source.body import Body
from archspec.source.columns import Cell, Column, Text
from archspec.source.expr import (
    Arg,
    Expr,
    choice,
    equal,
    item,
    named,
    names_of,
)
from archspec.source.naming import rename
from archspec.source.outline import (
    Definition,
    Line,
    Ref,
    free_names,
)
from archspec.source.plan import Plan, Unfit
from archspec.source.tree import (
    Forest,
    Signature,
    Tree,
    in_family,
    kept,
    numbers,
    ordered,
)
from archspec.source.vocabulary import Unsayable, Vocabulary, same

LONG = 9
"""Names, numbers and operations beyond which an expression gets a name of its own."""


def outline(
    graph: Graph,
    signature: Signature,
    chosen: Collection[str] = (),
    *,
    aliased: bool = False,
) -> list[Definition]:
    """Definitions in the order of use, the net last.

    `signature` says what of an op can't be an argument, and `chosen` holds the kinds
    of ops that can be one themselves; `aliased` asks for aliases of lines. There always
    is an outline: the last plan says everything literally.
    """
    plan = Plan(set(graph.arguments))
    while True:
        before = len(plan.variable) + len(plan.lengths)
        try:
            forest = Forest(graph, signature, plan, chosen, aliased)
            found = Generaliser(graph, forest).definitions()
            if len(plan.variable) + len(plan.lengths) > before:
                continue
            arrange(found)
            rename(found)
            choices.check(found, [*chosen])
        except Unfit as unfit:
            plan.give_up(unfit)
        else:
            return found


class Generaliser:
    """Builds the definitions, those that are used before those that use them."""

    def __init__(self, graph: Graph, forest: Forest) -> None:
        self.graph = graph
        self.forest = forest
        self.made: dict[int, Definition] = {}

    def definitions(self) -> list[Definition]:
        """All definitions, the net last, each behind what it uses first."""
        uses: dict[int, dict[int, None]] = {}
        for tree in self.forest.trees.values():
            if tree.group < 0 or tree.scope.parent is None:
                continue
            above = self.forest.trees[id(kept(tree.scope.parent))]
            while above.group < 0:
                assert above.scope.parent is not None
                above = self.forest.trees[id(kept(above.scope.parent))]
            uses.setdefault(above.group, {})[tree.group] = None
        root = self.forest.root
        if root.scope.kind == FAMILY:  # what its nets are made of comes before all nets
            for net in uses[root.group]:
                for used in uses.get(net, ()):
                    self._make(used, uses)
        self._make(root.group, uses)
        return list(self.made.values())

    def _make(self, group: int, uses: Mapping[int, Iterable[int]]) -> None:
        """The definition of a group, those that it uses before it."""
        if group in self.made:
            return
        for used in uses.get(group, ()):
            self._make(used, uses)
        self.made[group] = Writer(self, self.forest.groups[group]).write()


class Writer:
    """Writes the one definition of a group of instances."""

    def __init__(self, whole: Generaliser, group: list[Tree]) -> None:
        self.whole = whole
        self.forest = whole.forest
        self.plan = whole.forest.plan
        self.group = group
        scope = group[0].scope
        self.definition = Definition(
            title=scope.title,
            model=scope.parent is None,
            net=in_family(scope),
            listed=scope.listed,
            inline=scope.inline,
            inputs=tuple(scope.inputs),
            instances=group,
        )
        self.words = Vocabulary(
            self.forest, group, self.definition, tuple(whole.graph.params)
        )

    def write(self) -> Definition:
        """The finished definition."""
        definition = self.definition
        if definition.model:
            for name, value in self.whole.graph.params.items():
                if name in self.plan.arguments:
                    self.words.argument(name, [value])
                    definition.arguments[name].default = value
                    definition.arguments[name].keyword = True
        columns = [
            Column(tree, number, ChainMap(self.words.envs[number]))
            for number, tree in enumerate(self.group)
        ]
        channels = [self._input(number) for number in range(len(definition.inputs))]
        for tree in self.group:
            self.words.dims[id(tree.scope)] = dict(
                zip(definition.inputs, channels, strict=True)
            )
        definition.lines, outputs, out_channels = self.scope_lines(columns, channels, 0)
        if definition.model:
            graph = self.whole.graph
            values = self.group[0].outputs
            definition.outputs = {
                name: outputs[values.index(value)]
                for name, value in graph.outputs.items()
            }
        elif definition.net:
            made, told = self.group[0].outputs, self.group[0].scope.outputs
            definition.outputs = {k: outputs[made.index(v)] for k, v in told.items()}
        else:
            definition.outputs = {str(n): ref for n, ref in enumerate(outputs)}
        definition.reads = tuple(map(self._outside, channels))
        definition.channels = tuple(map(self._outside, out_channels))
        if definition.listed and not definition.inline and len(outputs) > 1:
            definition.numbers = numbers(self.group[0])
        self._drop_unused()
        self._check_relations()
        return definition

    def decide(self, scopes: Sequence[Scope], there: Collection[str]) -> None:
        """Unfit where something that no code says depends on an argument.

        That a node is in no instance, say, or which op it is.
        """
        found = {
            text: scope
            for scope in scopes
            for key, texts in scope.decided.items()
            if key not in there and not key.endswith(" from")
            for text in texts
        }
        for text, scope in sorted(found.items(), key=lambda item: item[0]):
            depends = self.behind(Text(text, scope))
            if depends:
                raise self.words.unfit(f"{text} decides what is there", depends)

    def behind(self, text: Text) -> frozenset[str]:
        """The arguments that a formula depends on."""
        try:
            return self.words.behind(names_of(self.words.translated(text)))
        except Unsayable as unsayable:
            return unsayable.depends

    def _outside(self, arg: Arg) -> Arg:
        """An expression in the arguments' names: nobody else sees the constants."""
        held = self.definition.constants
        arg = self.words.closed(arg)
        while isinstance(arg, Expr) and arg.names() & held.keys():
            kinds = dict(arg.kinds)
            arg = arg.replaced(lambda n: held[n] if n in held else named(n, kinds[n]))  # noqa: B023  # at once
            arg = self.words.closed(arg)
        return arg

    def relate(self, one: Arg, other: Arg) -> None:
        """Notes that printed code takes two expressions to be equal."""
        pair = self._outside(one), self._outside(other)
        if pair[0] != pair[1] and pair not in self.definition.relations:
            self.definition.relations.append(pair)

    def _check_relations(self) -> None:
        """Unfit where arguments could have values that break a relation."""
        for one, other in self.definition.relations:
            depends = self.words.behind(names_of(one))
            if self.definition.model:
                depends |= self.words.behind(names_of(other))
            else:
                depends -= self.words.behind(names_of(other))
                depends &= self._kept
            if depends:
                raise self.words.unfit("a relation need not hold", depends)

    def _drop_unused(self) -> None:
        """Drops what only a discarded attempt wanted, and orders the arguments."""
        definition = self.definition
        used: set[str] = set()
        for line in definition.lines:
            used |= free_names(line)
        for arg in definition.channels:
            used |= names_of(arg)
        for name, constant in reversed(definition.constants.items()):
            if name in used:
                used |= constant.names()
        definition.constants = {
            k: v for k, v in definition.constants.items() if k in used
        }
        self._kept = frozenset(used)
        declared = [
            *definition.channel_arguments,
            *(name for tree in self.group[:1] for name in tree.scope.params),
            *(name for name in self.whole.graph.params if not definition.model),
            *definition.arguments,
        ]
        definition.arguments = {
            name: definition.arguments[name]
            for name in dict.fromkeys(declared)
            if name in used and name in definition.arguments
        }

    def _input(self, number: int) -> Arg:
        """The channels of an input of the definition."""
        definition = self.definition
        name = definition.inputs[number]
        told = f"{name}.channels"
        values: list[Value] = [
            self.forest.shapes[tree.scope.inputs[name]][0] for tree in self.group
        ]
        scopes = [tree.scope for tree in self.group]
        taint = frozenset().union(*(s.taints.get(told, frozenset()) for s in scopes))
        tainted = bool(taint & self.plan.arguments)
        if definition.model:
            scope = scopes[0]
            text = scope.texts.get(f"{scope.inputs[name]}.channels")
            if text is None or not tainted:
                return values[0]
            found = self.words.translated(Text(text, scope))
            if (
                not isinstance(found, Expr)
                or found.value(self.words.envs[0]) != values[0]
            ):
                raise Unfit(text, params=taint)
            return found
        varies = tainted or self.plan.varies(scopes[0].definition, told)
        if not varies and same(values):
            return values[0]
        arg = "in_channels" if len(definition.inputs) == 1 else f"{name}_channels"
        # A block's param is something else; a file's may be what its input has.
        block = scopes[0].kind == "block" and arg in scopes[0].params
        if block or (scopes[0].definition, arg) in self.plan.taken:
            arg = self.words.free(f"{name}_channels")
        definition.channel_arguments[arg] = number
        return self.words.argument(arg, values)

    def scope_lines(
        self, columns: list[Column], channels: Sequence[Arg], depth: int
    ) -> tuple[list[Line], list[Ref], list[Arg]]:
        """The lines of a scope, its outputs, and the channels of these."""
        there = {key for column in columns for key in column.tree.lines}
        self.decide([column.tree.scope for column in columns], there)
        body = Body(self, columns, list(channels), depth)
        for key in ordered([column.tree for column in columns]):
            body.add(key)
        return body.lines, *body.outputs()

    def choose(
        self,
        cells: Sequence[Cell],
        values: Sequence[Value],
        texts: Sequence[Text | None],
        hint: str,
        index: str = "",
    ) -> Arg:
        """What to print for a value: an expression, a constant or a new argument."""
        depends: frozenset[str] = frozenset()
        for text in dict.fromkeys(text and text.text for text in texts):
            first = next(t for t in texts if (t and t.text) == text)
            if first is None:
                continue
            try:
                found = self.words.translated(first)
            except Unsayable as unsayable:
                depends |= unsayable.depends
                continue
            if self.holds(found, cells, values) and _typed(found, values):
                return values[0] if same(values) and self._settled(found) else found
            depends |= self.words.behind(names_of(found))
        return self.told(cells, values, hint, depends, index)

    def told(
        self,
        cells: Sequence[Cell],
        values: Sequence[Value],
        hint: str,
        depends: frozenset[str],
        index: str = "",
    ) -> Arg:
        """What to print for a value without an expression.

        Unfit where it depends on arguments, which could then have other values.
        """
        if depends:
            raise self.words.unfit(f"{hint} has no expression", depends)
        if same(values):
            return values[0]
        if index:
            found = self._by_index(cells, values, index)
            if found is not None:
                return found
        by_owner: dict[int, Value] = {}
        for cell, value in zip(cells, values, strict=True):
            if by_owner.setdefault(cell.column.owner, value) != value:
                raise Unfit(
                    f"{hint} varies within an instance",
                    repeat=self.forest.around(cell.column.tree),
                    definition=self.group[0].scope.definition,
                )
        filled = [by_owner.get(n, values[0]) for n in range(len(self.group))]
        return self.words.invented(hint, filled)

    def _settled(self, arg: Arg) -> bool:
        """Whether an expression reads nothing but counters of loops of fixed length."""
        return names_of(arg) <= self.words.fixed_loops

    def holds(self, arg: Arg, cells: Sequence[Cell], values: Sequence[Value]) -> bool:
        """Whether an expression gives the graph's value in every instance."""
        if not isinstance(arg, Expr):
            return all(arg == value for value in values)
        try:
            return all(
                arg.value(cell.env) == value
                for cell, value in zip(cells, values, strict=True)
            )
        except SpecError:
            return False

    def checked(
        self, arg: Arg, cells: Sequence[Cell], values: Sequence[Value], hint: str
    ) -> Arg:
        """An expression that was derived, or what stands for it where it is wrong."""
        if self.holds(arg, cells, values):
            settled = isinstance(arg, Expr) and same(values) and self._settled(arg)
            return values[0] if settled else arg
        return self.told(cells, values, hint, self.words.behind(names_of(arg)))

    def short(self, arg: Arg, name: str) -> Arg:
        """A long expression of our own making under a name, where that can be."""
        if not isinstance(arg, Expr) or arg.size() <= LONG:
            return arg
        known = {*self.definition.arguments, *self.definition.constants}
        if not arg.names() <= known:
            return arg
        return self.words.local(name, arg)

    def _by_index(
        self, cells: Sequence[Cell], values: Sequence[Value], index: str
    ) -> Arg | None:
        """`a if i == 0 else b`, or a tuple's item, where only the repeat counts."""
        by_index: dict[int, Value] = {}
        for cell, value in zip(cells, values, strict=True):
            number = cell.env[index]
            assert isinstance(number, int)
            if by_index.setdefault(number, value) != value:
                return None
        if not {index} <= self.words.fixed_loops:
            return None
        word = named(index, "int")
        if len({v for k, v in by_index.items() if k}) == 1:
            return choice(by_index[0], equal(word, 0), by_index[1])
        return item([by_index[n] for n in range(len(by_index))], word)


def _typed(arg: Arg, values: Sequence[Value]) -> bool:
    """Whether a type checker takes an expression for an integer where all values are.

    Of `max(8, width * scale)` it doesn't: a float is refused there, by specs too.
    """
    if not isinstance(arg, Expr) or "float" not in dict(arg.kinds).values():
        return True
    return arg.whole() or not all(type(value) is int for value in values)

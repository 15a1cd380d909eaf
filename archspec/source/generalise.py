"""Finds the outline of a graph: one definition for all instances of a block."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Sequence
from graphlib import TopologicalSorter

from archspec.errors import SpecError
from archspec.graph import Graph, Scope, Value
from archspec.source.body import Body
from archspec.source.columns import (
    INDICES,
    Cell,
    Column,
    Text,
    Unfit,
)
from archspec.source.expr import Arg, Expr, printable, substitute, text_of, value_of
from archspec.source.outline import (
    Argument,
    Definition,
    Line,
    Ref,
    free_names,
)
from archspec.source.tree import Forest, Tree, kept, numbers, ordered

FLAG = "with_"
"""How an argument starts that says whether a node is there."""


class Generaliser:
    """Builds the definitions, those that are used before those that use them."""

    def __init__(self, graph: Graph, forest: Forest, arguments: frozenset[str]) -> None:
        self.graph = graph
        self.forest = forest
        self.arguments = arguments
        self.made: dict[int, Definition] = {}

    def definitions(self) -> list[Definition]:
        """All definitions, the net last."""
        uses: dict[int, set[int]] = {n: set() for n in range(len(self.forest.groups))}
        for tree in self.forest.trees.values():
            if tree.group < 0 or tree.scope.parent is None:
                continue
            above = self.forest.trees[id(kept(tree.scope.parent))]
            while above.group < 0:
                assert above.scope.parent is not None
                above = self.forest.trees[id(kept(above.scope.parent))]
            uses[above.group].add(tree.group)
        for group in TopologicalSorter(uses).static_order():
            self.made[group] = Writer(self, self.forest.groups[group]).write()
        return list(self.made.values())


class Writer:
    """Writes the one definition of a group of instances."""

    def __init__(self, whole: Generaliser, group: list[Tree]) -> None:
        self.whole = whole
        self.forest = whole.forest
        self.group = group
        scope = group[0].scope
        self.model = scope.parent is None
        self.definition = Definition(
            title=scope.title,
            model=self.model,
            listed=scope.listed,
            inline=scope.inline,
            inputs=tuple(scope.inputs),
            instances=group,
        )
        params = {*whole.graph.params, *(p for t in group for p in t.scope.params)}
        self.variables = [letter for letter in INDICES if letter not in params]
        self.index: dict[int, Arg] = {}
        self.dims: dict[int, dict[str, Arg]] = {}
        self.envs: list[dict[str, Value]] = [{} for _ in group]

    def write(self) -> Definition:
        """The finished definition."""
        definition = self.definition
        if self.model:
            for name in self.whole.graph.params:
                if name in self.whole.arguments:
                    value = self.whole.graph.params[name]
                    self._argument(name, [value]).default = value
                    definition.arguments[name].keyword = True
        columns = [
            Column(tree, number, ChainMap(self.envs[number]))
            for number, tree in enumerate(self.group)
        ]
        channels = [self._input(number) for number in range(len(definition.inputs))]
        for tree in self.group:
            self.dims[id(tree.scope)] = dict(
                zip(definition.inputs, channels, strict=True)
            )
        definition.lines, outputs, out_channels = self.scope_lines(columns, channels, 0)
        if self.model:
            names = list(self.whole.graph.outputs)
            values = self.group[0].outputs
            definition.outputs = {
                name: outputs[values.index(self.whole.graph.outputs[name])]
                for name in names
            }
        else:
            definition.outputs = {str(n): ref for n, ref in enumerate(outputs)}
        definition.channels = tuple(map(self._outside, out_channels))
        if definition.listed and not definition.inline and len(outputs) > 1:
            definition.numbers = numbers(self.group[0])
        self._drop_unused()
        return definition

    def _outside(self, arg: Arg) -> Arg:
        """An expression in the arguments' names: nobody else sees the constants."""
        held = self.definition.constants
        while isinstance(arg, Expr) and arg.names() & held.keys():
            arg = substitute(arg.text, lambda name: held.get(name, Expr(name)))
        return arg

    def _drop_unused(self) -> None:
        """Drops what only a discarded attempt wanted, and orders the arguments."""
        definition = self.definition
        used: set[str] = set()
        for line in definition.lines:
            used |= free_names(line)
        for arg in definition.channels:
            used |= arg.names() if isinstance(arg, Expr) else set()
        for name, constant in reversed(definition.constants.items()):
            if name in used:
                used |= constant.names()
        definition.constants = {
            k: v for k, v in definition.constants.items() if k in used
        }
        declared = [
            *definition.channel_arguments,
            *(name for tree in self.group[:1] for name in tree.scope.params),
            *(name for name in self.whole.graph.params if not self.model),
            *definition.arguments,
        ]
        definition.arguments = {
            name: definition.arguments[name]
            for name in dict.fromkeys(declared)
            if name in used and name in definition.arguments
        }

    def _argument(self, name: str, values: list[Value]) -> Argument:
        found = self.definition.arguments.get(name)
        if found is None:
            found = self.definition.arguments[name] = Argument(name, values)
            for env, value in zip(self.envs, values, strict=True):
                env[name] = value
        return found

    def _input(self, number: int) -> Arg:
        """The channels of an input of the definition."""
        name = self.definition.inputs[number]
        values: list[Value] = []
        tainted = False
        for tree in self.group:
            value = tree.scope.inputs[name]
            values.append(self.forest.shapes[value][0])
            taints = tree.scope.taints.get(f"{name}.channels", frozenset())
            tainted = tainted or bool(taints & self.whole.arguments)
        if self.model:
            graph_input = self.group[0].scope.inputs[name]
            text = self.group[0].scope.texts.get(f"{graph_input}.channels")
            if text is not None and tainted:
                return self._own_text(text, values)
            return values[0]
        if not tainted and len(set(values)) == 1:
            return values[0]
        arg = "in_channels" if len(self.definition.inputs) == 1 else f"{name}_channels"
        self._argument(arg, values)
        self.definition.channel_arguments[arg] = number
        return Expr(arg)

    def _own_text(self, text: str, values: list[Value]) -> Arg:
        scope = self.group[0].scope
        arg = self._translated(Text(text, scope))
        if arg is None or value_of(arg, self.envs[0]) != values[0]:
            raise Unfit(text, scope.taints.get(text, self.whole.arguments))
        return arg

    def scope_lines(
        self, columns: list[Column], channels: Sequence[Arg], depth: int
    ) -> tuple[list[Line], list[Ref], list[Arg]]:
        """The lines of a scope, its outputs, and the channels of these."""
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
        taint: frozenset[str] = frozenset(),
        index: str = "",
    ) -> Arg:
        """What to print for a value: a constant, an expression or a new argument."""
        taint &= self.whole.arguments
        same = all(
            value == values[0] and type(value) is type(values[0]) for value in values
        )
        if same and not taint:
            return values[0]
        first = texts[0]
        if first is not None and all(
            text is not None and text.text == first.text for text in texts
        ):
            found = self._translated(first)
            if found is not None and self.holds(found, cells, values):
                return found
        if taint:
            raise Unfit(f"{hint} has no expression", taint)
        if index:
            found = self._by_index(cells, values, index)
            if found is not None:
                return found
        by_owner: dict[int, Value] = {}
        for cell, value in zip(cells, values, strict=True):
            if by_owner.setdefault(cell.column.owner, value) != value:
                around = self.forest.around(cell.column.tree)
                raise Unfit(f"{hint} varies within an instance", repeat=around)
        if self.model:
            raise Unfit(f"{hint} varies in the net")
        filled = [by_owner.get(n, values[0]) for n in range(len(self.group))]
        alike = FLAG if hint.startswith(FLAG) else hint
        for name, argument in self.definition.arguments.items():
            if name.startswith(alike) and argument.values == filled:
                return Expr(name)
        name, number = hint, 2
        while name in self.definition.arguments or name in self.envs[0]:
            name, number = f"{hint}{number}", number + 1
        self._argument(name, filled)
        return Expr(name)

    def holds(self, arg: Arg, cells: Sequence[Cell], values: Sequence[Value]) -> bool:
        """Whether an expression gives the graph's value in every instance."""
        if not isinstance(arg, Expr):
            return all(arg == value and type(arg) is type(value) for value in values)
        try:
            return all(
                arg.value(cell.env) == value
                for cell, value in zip(cells, values, strict=True)
            )
        except SpecError:
            return False

    def _by_index(
        self, cells: Sequence[Cell], values: Sequence[Value], index: str
    ) -> Arg | None:
        """`a if i == 0 else b`, or a tuple's item, where only the repeat counts."""
        by_index: dict[int, Value] = {}
        for cell, value in zip(cells, values, strict=True):
            number = cell.env[index]
            assert isinstance(number, int)
            if by_index.setdefault(number, value) != value:
                return self._first_and_rest(cells, values, index)
        if len(by_index) > 1 and len({v for k, v in by_index.items() if k}) == 1:
            return Expr(
                f"{text_of(by_index[0])} if {index} == 0 else {text_of(by_index[1])}"
            )
        if sorted(by_index) != list(range(len(by_index))):
            return None
        items = ", ".join(text_of(by_index[n]) for n in range(len(by_index)))
        return Expr(f"[{items}][{index}]")

    def _first_and_rest(
        self, cells: Sequence[Cell], values: Sequence[Value], index: str
    ) -> Arg | None:
        """`a if i == 0 else b` where a or b is an argument."""
        parts: list[str] = []
        for first in (True, False):
            chosen = [
                (cell, value)
                for cell, value in zip(cells, values, strict=True)
                if (cell.env[index] == 0) is first
            ]
            if not chosen:
                return None
            if len({value for _, value in chosen}) == 1:
                parts.append(text_of(chosen[0][1]))
                continue
            part_cells, part_values = zip(*chosen, strict=True)
            name = next(
                (
                    name
                    for name in self.definition.arguments
                    if self.holds(Expr(name), part_cells, part_values)
                ),
                None,
            )
            if name is None:
                return None
            parts.append(name)
        return Expr(f"{parts[0]} if {index} == 0 else {parts[1]}")

    def _translated(self, text: Text) -> Arg | None:
        """A formula in the names of printed code; None where a name has none."""
        try:
            found = substitute(text.text, lambda name: self._name(name, text))
        except LookupError:
            return None
        if isinstance(found, Expr) and not printable(found.text):
            return None
        return found

    def _name(self, name: str, text: Text) -> Arg:
        """What stands in printed code for a name of a formula."""
        scope = text.scope
        if name == text.counter and text.index is not None:
            return text.index
        if "." in name:
            source, _, dimension = name.partition(".")
            if dimension != "channels":
                raise LookupError(name)
            return self.dims[id(scope)][source]
        while scope.kind == "graph":
            if name == (scope.counter or "index") and scope.index is not None:
                return self.index[id(scope)]
            assert scope.parent is not None
            scope = scope.parent
        if id(scope) in {id(tree.scope) for tree in self.group}:
            return self._own(name, scope)
        if name in scope.params:
            assert scope.parent is not None
            if name in scope.texts:
                outer = self._translated(Text(scope.texts[name], scope.parent))
            elif name in scope.defaults:
                outer = self._translated(Text(scope.defaults[name], scope))
            else:
                outer = scope.params[name]
            if outer is None:
                raise LookupError(name)
            return outer
        assert scope.parent is not None
        return self._name(name, Text("", scope.parent))

    def _own(self, name: str, scope: Scope) -> Arg:
        """A param of the definition, or of the file that it stands in."""
        if name in self.definition.channel_arguments:
            raise LookupError(name)  # a param of the same name is something else
        if name in self.definition.arguments or name in self.definition.constants:
            return Expr(name)
        if self.model:
            return scope.params[name]
        values: list[Value] = []
        tainted = False
        for tree in self.group:
            holder = tree.scope if name in tree.scope.params else file_of(tree.scope)
            values.append(holder.params[name])
            taint = tree.scope.taints.get(name, frozenset())
            tainted = tainted or bool(taint & self.whole.arguments)
        if not tainted and all(value == values[0] for value in values):
            return values[0]
        if all(name in tree.scope.defaults for tree in self.group):
            return self._constant(name, scope, values)
        self._argument(name, values)
        return Expr(name)

    def _constant(self, name: str, scope: Scope, values: list[Value]) -> Arg:
        """A param that is nowhere given: its default, computed first in the body."""
        found = self._translated(Text(scope.defaults[name], scope))
        if not isinstance(found, Expr):
            if found is not None and all(value == found for value in values):
                return found
            self._argument(name, values)
            return Expr(name)
        if any(
            found.value(env) != value
            for env, value in zip(self.envs, values, strict=True)
        ):
            raise Unfit(f"{name} is not its default")
        if found.is_name():
            return found
        self.definition.constants[name] = found
        for env, value in zip(self.envs, values, strict=True):
            env[name] = value
        return Expr(name)


def file_of(scope: Scope) -> Scope:
    """The file that a block's text stands in."""
    above: Scope | None = scope.parent
    while above is not None and above.kind != "file":
        above = above.parent
    assert above is not None
    return above

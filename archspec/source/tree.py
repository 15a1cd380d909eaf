"""The scopes of a graph as a tree, and which instances can share one definition."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from heapq import heappop, heappush
from typing import Any, Union

from archspec.graph import Graph, Node, Scope
from archspec.nodes import FAMILY, file_of
from archspec.ops import Op, Shape
from archspec.ops.base import forms
from archspec.source.plan import Place, Plan

Signature = Callable[[Op, tuple[Shape, ...]], Mapping[str, Hashable]]
"""What of an op a backend's printed code can't take as an argument: its attributes with
their values, and whatever else two uses of the op must have in common. A name behind
`=` counts only where a formula says the attribute."""
Kind = Any
Item = Union["Tree", Node]


SHORT = 4
"""As many children with names of their own are written one by one."""


@dataclass(slots=True, eq=False)
class Tree:
    """One instance of a scope: its statements' instances, by statement, in order.

    `outputs` are the values that are made inside and read outside. A repeat of unlike
    instances is several lines, one for each run of like ones; `runs` has their keys,
    for each instance of the repeat.
    """

    scope: Scope
    lines: dict[str, list[Item]] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    group: int = -1
    runs: dict[str, list[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The path of the instance."""
        return self.scope.name


class Forest:
    """All scopes of a graph, grouped by the definition that they can share."""

    def __init__(
        self,
        graph: Graph,
        signature: Signature,
        plan: Plan,
        chosen: Collection[str] = (),
        aliased: bool = False,
    ) -> None:
        self.graph = graph
        self.aliased = aliased
        self.chosen = chosen
        self.signature = signature
        self.plan = plan
        self.shapes = graph.shapes()
        self.trees: dict[int, Tree] = {}
        self.makers: dict[str, Node] = {node.name: node for node in graph.nodes}
        self.braced = self._braced()
        self.root = self._tree(graph.root)
        for node in graph.nodes:
            self._add(self._tree(node.scope), node, node)
        self._outputs()
        self.groups: list[list[Tree]] = []
        self.kinds: list[dict[str, Kind]] = []
        self._group()

    def _tree(self, scope: Scope) -> Tree:
        scope = kept(scope)
        if id(scope) in self.trees:
            return self.trees[id(scope)]
        parent = self._tree(scope.parent) if scope.parent is not None else None
        tree = self.trees[id(scope)] = Tree(scope)
        if parent is not None:
            self._add(parent, scope, tree)
        return tree

    def _add(self, tree: Tree, at: Node | Scope, item: Item) -> None:
        tree.lines.setdefault(self._key(tree, at), []).append(item)

    def _braced(self) -> set[Place]:
        """The repeats whose instances have names of their own and read as a loop.

        That is where they are many, or not everywhere as many.
        """
        counts: dict[Place, set[int]] = {}
        seen: set[int] = set()
        for node in self.graph.nodes:
            at: Node | Scope | None = node
            while at is not None and id(at) not in seen:
                seen.add(id(at))
                above = at.scope if isinstance(at, Node) else at.parent
                if "{" in at.slot and at.index is not None and above is not None:
                    place = (above.definition, at.slot)
                    counts.setdefault(place, set()).add(at.count)
                at = above
        return {
            place
            for place, found in counts.items()
            if (len(found) > 1 or max(found) > SHORT) and not self.plan.unrolls(*place)
        }

    def _outputs(self) -> None:
        readers = [
            (name, kept(node.scope))
            for node in self.graph.nodes
            for name in node.inputs
        ]
        root = self.graph.root
        for name, scope in (
            *readers,
            *((v, root) for v in self.graph.outputs.values()),
        ):
            maker = self.makers.get(name)
            if maker is None:
                continue
            inside = set()
            above: Scope | None = scope
            while above is not None:
                inside.add(id(above))
                above = above.parent
            made: Scope | None = kept(maker.scope)
            while made is not None and id(made) not in inside:
                if id(made) in self.trees:
                    outputs = self.trees[id(made)].outputs
                    if name not in outputs:
                        outputs.append(name)
                made = made.parent
        order = {name: n for n, name in enumerate(self.makers)}
        for tree in self.trees.values():
            # As the spec names them, then as they are made.
            said = [*dict.fromkeys(tree.scope.outputs.values())]
            place = {**order, **{name: n - len(said) for n, name in enumerate(said)}}
            tree.outputs.sort(key=place.__getitem__)
        self.root.outputs = list(dict.fromkeys(self.graph.outputs.values()))

    def find(self, tree: Tree, value: str) -> str | None:
        """The key of the line of a tree that makes a value; None for an input."""
        maker = self.makers.get(value)
        if maker is None:
            return None
        at: Node | Scope = maker
        scope: Scope | None = kept(maker.scope)
        while scope is not None and scope is not tree.scope:
            at = scope
            scope = kept(scope.parent) if scope.parent is not None else None
        if scope is None:
            return None
        key = self._key(tree, at)
        return tree.runs[key][at.index or 0] if key in tree.runs else key

    def around(self, tree: Tree) -> tuple[str, str] | None:
        """The nearest repeat of graphs that a tree is in: its definition, its key."""
        scope = tree.scope
        while scope.kind == "graph" and scope.parent is not None:
            parent = self._tree(scope.parent)
            if scope.index is not None:
                key = self._key(parent, scope)
                return parent.scope.definition, key
            scope = parent.scope
        return None

    def reads(self, tree: Tree) -> Iterator[tuple[tuple[str, int], str]]:
        """What each line of a tree reads, by its key and the input's number."""
        for key, items in tree.lines.items():
            for number, value in enumerate(inputs_of(items[0])):
                yield (key, number), value
        for number, value in enumerate(tree.outputs):
            yield ("", number), value

    def _key(self, tree: Tree, at: Node | Scope) -> str:
        if tree.scope.listed:
            return at.slot
        above = at.scope if isinstance(at, Node) else at.parent
        if above is tree.scope and (above.definition, at.slot) in self.braced:
            return at.slot
        start = len(tree.scope.name) + 1 if tree.scope.name else 0
        return at.name[start:].partition(".")[0]

    def kind(self, item: Item) -> Kind:
        """What two instances of a statement must have in common to share its line."""
        if isinstance(item, Node):
            shapes = tuple(self.shapes[name] for name in item.inputs)
            if self.choosable(item):
                return ("op", "", len(shapes[0]))
            fixed = tuple(sorted(self.fixed(item).items(), key=_name))
            return ("op", item.op.kind, fixed)
        if item.scope.kind == "graph":
            return ("graph", item.scope.listed, self._shape(item))
        return ("block", item.group)

    def fixed(self, node: Node) -> dict[str, Hashable]:
        """What of a node can't be an argument; see `Signature`."""
        shapes = tuple(self.shapes[name] for name in node.inputs)
        told = {
            **self.signature(node.op, shapes),
            **forms(node.op, *node.op.paired),  # `out_channels` is given two numbers
        }
        known = {f"={name}" for name in node.texts}
        return {
            k.removeprefix("="): v for k, v in told.items() if k[0] != "=" or k in known
        }

    def choosable(self, node: Node) -> bool:
        """Whether a formula says which op a node is, and an argument could."""
        plain = not node.op.model_fields_set
        return plain and "op" in node.texts and node.op.kind in self.chosen

    def _shape(self, tree: Tree) -> dict[str, Kind]:
        shape: dict[str, Kind] = {}
        lines: dict[str, list[Item]] = {}
        for key, items in tree.lines.items():
            if not repeats(items[0], key):
                shape[key], lines[key] = self.kind(items[0]), items
                continue
            if self._unrolls(tree, key):
                runs = [(self.kind(item), [item]) for item in items]
            else:
                runs = self._runs(items)
            if len(runs) > 1:
                tree.runs[key] = []
            for kind, run in runs:
                name = key if len(runs) == 1 else f"{key}@{len(tree.runs[key])}"
                shape[name], lines[name] = ("repeat", kind), run
                if len(runs) > 1:
                    tree.runs[key].extend([name] * len(run))
        tree.lines = lines
        several = len(tree.outputs) > 1
        shape[""] = self._made(tree) if several else len(tree.outputs)
        shape["#"] = self._told_apart(tree)
        if in_family(tree.scope):
            shape["#"] = shape["#"], *tree.scope.inputs, *tree.scope.outputs
        return shape

    def _told_apart(self, tree: Tree) -> Kind:
        """What two instances must have in common beside their lines."""
        scope, plan = tree.scope, self.plan
        if plan.literal or scope.definition in plan.apart:
            return (scope.name, id(scope))
        lines = tuple(tree.lines) if scope.definition in plan.lines else ()
        split = sorted(name for of, name in plan.split if of == scope.definition)
        return lines, tuple((name, self._told(scope, name)) for name in split)

    def _told(self, scope: Scope, name: str) -> Kind:
        """A param of a scope, or the channels of an input, with its type."""
        if name in scope.params:
            value = scope.params[name]
        elif name.endswith(".channels"):
            value = self.shapes[scope.inputs[name.removesuffix(".channels")]][0]
        else:
            value = file_of(scope).params.get(name)
        return type(value).__name__, value

    def _made(self, tree: Tree) -> Kind:
        """Which statements, or which children of a list, make the outputs."""
        if tree.scope.listed and not tree.scope.inline:
            return numbers(tree)
        return tuple(self.find(tree, value) for value in tree.outputs)

    def _unrolls(self, tree: Tree, key: str) -> bool:
        """Whether the instances of a repeat are lines of their own."""
        if self.plan.unrolls(tree.scope.definition, key):
            return True
        return tree.scope.listed and any(
            isinstance(item, Tree) and len(item.outputs) > 1
            for items in tree.lines.values()
            for item in items
        )

    def _runs(self, items: list[Item]) -> list[tuple[Kind, list[Item]]]:
        runs: list[tuple[Kind, list[Item]]] = []
        for item in items:
            kind = self.kind(item)
            joined = unify(runs[-1][0], kind) if runs else None
            if joined is None:
                runs.append((kind, [item]))
            else:
                runs[-1][1].append(item)
                runs[-1] = (joined, runs[-1][1])
        return runs

    def _group(self) -> None:
        by_definition: dict[tuple[str, bool], list[int]] = {}
        for tree in reversed(self.trees.values()):
            if tree.scope.kind == "graph":
                continue
            shape = self._shape(tree)
            key = (tree.scope.definition, tree.scope.inline)
            for index in by_definition.setdefault(key, []):
                joined = unify(self.kinds[index], shape)
                if joined is not None:
                    self.kinds[index] = joined
                    break
            else:
                index = len(self.groups)
                self.groups.append([])
                self.kinds.append(shape)
                by_definition[key].append(index)
            self.groups[index].append(tree)
            tree.group = index
        for group in self.groups:
            group.reverse()


def in_family(scope: Scope) -> bool:
    """Whether a scope is a whole net beside others."""
    return scope.parent is not None and scope.parent.kind == FAMILY


def _name(item: tuple[str, Hashable]) -> str:
    return item[0]


def repeats(item: Item, key: str) -> bool:
    """Whether a statement's item is one of a repeat, not a line of its own."""
    at = item if isinstance(item, Node) else item.scope
    return at.index is not None and at.slot == key.partition("@")[0]


def numbers(tree: Tree) -> tuple[int, ...]:
    """For each output of a list, the number of the child that makes it."""
    start = len(tree.name) + 1 if tree.name else 0
    return tuple(int(value[start:].partition(".")[0]) for value in tree.outputs)


def kept(scope: Scope) -> Scope:
    """The scope that holds the names: an inlined mapping dissolves in its parent."""
    while scope.inline and not scope.listed and scope.parent is not None:
        scope = scope.parent
    return scope


def unify(one: Kind, other: Kind) -> Kind | None:
    """The kind that covers both, or None; a statement may be missing on one side."""
    if one == other:
        return one
    if isinstance(one, dict) and isinstance(other, dict):
        merged: dict[str, Kind] = {}
        for key in (*one, *(key for key in other if key not in one)):
            if key in one and key in other:
                joined = unify(one[key], other[key])
                if joined is None:
                    return None
                merged[key] = joined
            else:
                if key in ("", "#"):
                    return None
                merged[key] = one.get(key, other.get(key))
        return merged
    if (
        not isinstance(one, tuple)
        or not isinstance(other, tuple)
        or not one
        or not other
    ):
        return None
    if one[0] != other[0] or one[0] not in ("graph", "repeat"):
        return None
    inner = unify(one[-1], other[-1])
    return None if inner is None or one[:-1] != other[:-1] else (*one[:-1], inner)


def ordered(trees: list[Tree]) -> list[str]:
    """The statements of all instances, in the order of the text."""
    if len(trees) == 1:
        return list(trees[0].lines)
    before: dict[str, set[str]] = {}
    for tree in trees:
        previous = None
        for key in tree.lines:
            found = before.setdefault(key, set())
            if previous is not None:
                found.add(previous)
            previous = key
    listed = trees[0].scope.listed  # of two that are nowhere both one is first there
    place = {
        key: (int(key.partition("@")[0]) if listed else 0, n)
        for n, key in enumerate(before)
    }
    sorter = TopologicalSorter(before)
    sorter.prepare()
    ready: list[tuple[tuple[int, int], str]] = []
    keys: list[str] = []
    while sorter.is_active():
        for key in sorter.get_ready():
            heappush(ready, (place[key], key))
        keys.append(heappop(ready)[1])
        sorter.done(keys[-1])
    return keys


def inputs_of(item: Item) -> tuple[str, ...]:
    """The values that an instance of a statement reads."""
    return item.inputs if isinstance(item, Node) else tuple(item.scope.inputs.values())


def when_of(item: Item) -> str | None:
    """The formula of an instance's `when`."""
    return item.when if isinstance(item, Node) else item.scope.when


def scope_of(item: Item) -> Scope:
    """The scope whose names the formulas of a statement read."""
    if isinstance(item, Node):
        return item.scope
    assert item.scope.parent is not None
    return item.scope.parent

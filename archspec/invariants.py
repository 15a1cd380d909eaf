"""What holds in every graph, so that passes and printers can trust it.

The nodes are walked once, in order; what a scope says is held against what is made
inside it. In a net whose block `body` reads `stem` and gives `body.conv`,

    stem: conv2d                reads image     in ""
    body.conv: conv2d           reads stem      in "body"
    head: linear                reads body.conv in ""

`body.conv` may read `stem` because that is an input of its scope, and `head` may read
`body.conv` because that is an output of a scope that stands in its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from archspec.nodes import Node, Scope
from archspec.ops.base import Op, Shape

KINDS = ("file", "block", "graph")
BRACES = re.compile(r"\{[^{}]*\}")
CLEAN: frozenset[str] = frozenset()


def check(
    inputs: Mapping[str, Shape],
    nodes: Sequence[Node],
    outputs: Mapping[str, str],
    taps: Mapping[str, str],
    root: Scope,
    arguments: Iterable[str],
) -> None:
    """Raises ValueError, or the ShapeError of an op, that says what is broken."""
    walk = _Walk(inputs, root, arguments)
    walk.walk(nodes)
    walk.end(outputs, taps)


class _Walk:
    """The nodes so far.

    Attributes:
        makers: the nodes, by name.
        opened: the scopes so far.
        starts: what the names in a scope start with, by the scope's id.
        paths: of the scopes so far, but inlined ones.
        given: the id of a scope, with each value that a scope in it gives.
        numbers: by the path of a list, how many children it has.
        placed: by the id of a scope and a statement's slot, the last index and count.
        shapes: what ops make of shapes; the instances of a block share their ops.
        taints: of the graph's inputs.
        params_of: the ids of what scopes say of their params.
    """

    def __init__(
        self, inputs: Mapping[str, Shape], root: Scope, arguments: Iterable[str]
    ) -> None:
        self.inputs = inputs
        self.root = root
        self.params = frozenset(root.params)
        self.arguments = frozenset(arguments)
        self.makers: dict[str, Node] = {}
        self.opened: list[Scope] = [root]
        self.starts: dict[int, str] = {id(root): _start(root)}
        self.paths: set[str] = set()
        self.given: set[tuple[int, str]] = set()
        self.numbers: dict[str, int] = {}
        self.placed: dict[tuple[int, str], tuple[int | None, int]] = {}
        self.shapes: dict[tuple[int, tuple[Shape, ...]], Shape] = {}
        self.taints: dict[str, frozenset[str]] = {}
        self.params_of: set[tuple[int, int, int]] = set()
        self._root()

    def _root(self) -> None:
        root, inputs = self.root, self.inputs
        if root.parent is not None or root.name or root.kind != "file" or root.inline:
            raise ValueError("the root is not the scope of a whole file")
        names = tuple(inputs) if len(inputs) > 1 else ("input",)
        if root.inputs != dict(zip(names, inputs, strict=False)):
            raise ValueError(
                f"the root's inputs are {dict(root.inputs)}, the graph's {[*inputs]}"
            )
        self._params(root)
        for name, value in root.inputs.items():
            self.taints[value] = root.taints.get(f"{name}.channels", CLEAN)

    def walk(self, nodes: Sequence[Node]) -> None:
        """Checks nodes, each of which may read what stands before it."""
        makers, starts = self.makers, self.starts
        for node in nodes:
            name, scope, own = node.name, node.scope, node.taint
            start = starts.get(id(scope))
            if start is None:
                start = self._open(node)
            shapes = []
            for value in node.inputs:
                maker = makers.get(value)
                if maker is None:
                    self._sees(scope, value, node)
                    shapes.append(self.inputs[value])
                    taint = self.taints[value]
                else:
                    if maker.scope is not scope:
                        self._sees(scope, value, node)
                    shapes.append(maker.shape)
                    taint = maker.taint
                if taint and not taint <= own:
                    self._covers(node, value, taint)
            key = (id(node.op), tuple(shapes))
            shape = self.shapes.get(key)
            if shape is None:
                shape = self.shapes[key] = _shape(node, key[1])
            if shape != node.shape:
                raise ValueError(
                    f"{name!r} is said to be {list(node.shape)}, "
                    f"{node.op.kind} gives {list(shape)}"
                )
            if node.index is not None or scope.listed or name != start + node.slot:
                self._place(node, scope)
            elif node.count != 1 or node.repeat or node.counter:
                self._count(node, scope)
            if own and not own <= self.params:
                self._unknown(own, name)
            if node.texts:
                _named(node)
            makers[name] = node
        self._names(nodes)

    def _names(self, nodes: Sequence[Node]) -> None:
        """Has everything a name of its own?"""
        taken = {*self.inputs, *self.paths}
        if len(self.makers) == len(nodes) and taken.isdisjoint(self.makers):
            return
        for node in nodes:
            if node.name in taken:
                raise ValueError(f"the name {node.name!r} stands twice in the graph")
            taken.add(node.name)

    def _sees(self, scope: Scope, value: str, reader: Node | Scope) -> None:
        """Is a value there that is not made in the scope itself?"""
        if value in scope.inputs.values():
            return
        if value not in self.makers and value not in self.inputs:
            raise ValueError(f"{_called(reader)} reads {value!r} before it is made")
        if (id(scope), value) not in self.given:
            raise ValueError(
                f"{_called(reader)} reads {value!r}, which {_called(scope)} lacks"
            )

    def _covers(self, node: Node, value: str, taint: frozenset[str]) -> None:
        """Does a node say so where an argument decides the channels that it reads?"""
        lacking = self.arguments & taint - node.taint
        if lacking and node.op.width is None:
            raise ValueError(
                f"{node.name!r}: the channels of {value!r} depend on "
                f"{min(lacking)!r}, its own don't"
            )

    def _unknown(self, taint: Iterable[str], what: str) -> None:
        name = next(name for name in taint if name not in self.params)
        raise ValueError(f"{what!r} depends on {name!r}, which is no param")

    # Scopes

    def _open(self, node: Node) -> str:
        """Checks the scopes around a node that were not met before, outer ones first.

        Returns what the names of the node and its like start with.
        """
        waiting: list[Scope] = []
        scope = node.scope
        while id(scope) not in self.starts:
            waiting.append(scope)
            if scope.parent is None:
                raise ValueError(f"{node.name!r} stands in a scope outside of the root")
            scope = scope.parent
        for inner in reversed(waiting):
            self._enter(inner, inner.parent or self.root)
        return self.starts[id(node.scope)]

    def _enter(self, scope: Scope, parent: Scope) -> None:
        if scope.kind not in KINDS:
            raise ValueError(f"{_called(scope)} is of the kind {scope.kind!r}")
        if scope.inline:
            if scope.name != parent.name or scope.listed != parent.listed:
                raise ValueError(f"{_called(scope)} is not like what it is inlined in")
        elif scope.name in self.paths:
            raise ValueError(f"the name {scope.name!r} stands twice in the graph")
        else:
            self.paths.add(scope.name)
        self._place(scope, parent)
        self._params(scope)
        for name, value in scope.inputs.items():
            maker = self.makers.get(value)
            if maker is None or maker.scope is not parent:
                self._sees(parent, value, scope)
            taint = self.taints[value] if maker is None else maker.taint
            lacking = taint and self.arguments & taint - scope.taints.get(
                f"{name}.channels", CLEAN
            )
            if lacking:
                raise ValueError(
                    f"{_called(scope)}: the channels of {value!r} depend on "
                    f"{min(lacking)!r}, {name}.channels don't"
                )
        self.opened.append(scope)
        self.starts[id(scope)] = _start(scope)
        for value in scope.outputs.values():
            self.given.add((id(parent), value))

    def _params(self, scope: Scope) -> None:
        # Instances that were made from one another have them in common.
        key = (id(scope.taints), id(scope.texts), id(scope.defaults))
        if key in self.params_of:
            return
        self.params_of.add(key)
        for taint in scope.taints.values():
            if taint and not taint <= self.params:
                self._unknown(taint, scope.name)
        if scope.parent is None:
            return
        for names in (scope.texts, scope.defaults):
            for name in names:
                if name not in scope.params:
                    raise ValueError(f"{_called(scope)} has no param {name!r}")

    # Names and places

    def _place(self, item: Node | Scope, parent: Scope) -> None:
        """Is an item called what its statement and its index say?"""
        slot, index = item.slot, item.index
        if index is not None or parent.listed or item.count != 1 or item.repeat:
            self._count(item, parent)
        if isinstance(item, Scope) and item.inline:
            return
        start = self.starts[id(parent)]
        if not item.name.startswith(start):
            raise ValueError(f"{item.name!r} does not start with {start!r}, its scope")
        own = item.name[len(start) :]
        if parent.listed:
            number = self.numbers.get(parent.name, 0)
            if own != str(number):
                raise ValueError(
                    f"{item.name!r} is number {number} of the list {parent.name!r}"
                )
            self.numbers[parent.name] = number + 1
        elif own == (slot if index is None else f"{slot}.{index}"):
            return
        elif "{" not in slot or not _pattern(slot).fullmatch(own):
            raise ValueError(f"{item.name!r} is not called {slot!r}, as it is written")

    def _count(self, item: Node | Scope, parent: Scope) -> None:
        """Is an item of a repeat the next one? Is one of a list the only one?"""
        index, count = item.index, item.count
        if index is None:
            if count != 1 or item.repeat or item.counter:
                raise ValueError(f"{item.name!r} has no index in its repeat")
        elif not 0 <= index < count:
            raise ValueError(f"{item.name!r} is instance {index} of {count}")
        key = (id(parent), item.slot)
        before = self.placed.get(key)
        self.placed[key] = (index, count)
        if before is None:
            return
        if index is None or before[0] is None or before[0] >= index:
            raise ValueError(
                f"{item.name!r} stands where a later instance of {item.slot!r} should"
            )
        if before[1] != count:
            raise ValueError(
                f"{item.name!r} is one of {count}, the one before it of {before[1]}"
            )

    # The end

    def end(self, outputs: Mapping[str, str], taps: Mapping[str, str]) -> None:
        """Checks what the whole gives, and what its scopes do."""
        if not outputs:
            raise ValueError("the graph has no output")
        for role, values in (("output", outputs), ("tap", taps)):
            for name, value in values.items():
                if value not in self.makers and value not in self.inputs:
                    raise ValueError(f"{role} {name!r} names {value!r}, which isn't")
        if self.root.outputs != outputs:
            raise ValueError(
                f"the root's outputs are {self.root.outputs}, the graph's "
                f"{dict(outputs)}"
            )
        for scope in self.opened:
            self._outputs(scope)
        read = {value for node in self.makers.values() for value in node.inputs}
        read.update(outputs.values(), taps.values())
        for name in self.makers:
            if name not in read:
                raise ValueError(f"nothing reads {name!r}")

    def _outputs(self, scope: Scope) -> None:
        if "" in scope.outputs and len(scope.outputs) > 1:
            raise ValueError(f"{_called(scope)} has an output without a name")
        for name, value in scope.outputs.items():
            if value in scope.inputs.values():
                continue
            maker = self.makers.get(value)
            if maker is None:
                raise ValueError(
                    f"the output {name!r} of {_called(scope)} is {value!r}, which isn't"
                )
            inside: Scope | None = maker.scope
            while inside is not None and inside is not scope:
                inside = inside.parent
            if inside is None:
                raise ValueError(
                    f"the output {name!r} of {_called(scope)} is {value!r}, which is "
                    "neither made in it nor read by it"
                )


def _shape(node: Node, inputs: tuple[Shape, ...]) -> Shape:
    least, most = node.op.arity
    if len(inputs) < least or (most is not None and len(inputs) > most):
        raise ValueError(
            f"{node.name!r}: {node.op.kind} can't read {len(inputs)} values"
        )
    return node.op.shape(*inputs)


def _named(node: Node) -> None:
    names = _attributes(type(node.op))
    for name in node.texts:
        if name not in names:
            raise ValueError(f"{node.name!r}: {node.op.kind} has no {name!r}")


@cache
def _attributes(op: type[Op]) -> frozenset[str]:
    return frozenset({"op", *op.model_fields})  # a formula may say the op itself


def _start(scope: Scope) -> str:
    """What names in a scope start with."""
    return f"{scope.name}." if scope.name else ""


def _called(item: Node | Scope) -> str:
    if isinstance(item, Node):
        return repr(item.name)
    return "the root" if item.parent is None else f"the scope {item.name!r}"


@cache
def _pattern(slot: str) -> re.Pattern[str]:
    """The names that a slot with formulas in braces can give."""
    return re.compile(r"-?\d+".join(map(re.escape, BRACES.split(slot))))

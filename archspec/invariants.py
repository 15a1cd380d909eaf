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
from collections.abc import Iterable, Mapping
from functools import cache

from archspec.errors import ShapeError
from archspec.nodes import Node, Scope
from archspec.ops.base import Op, Shape

KINDS = ("file", "block", "graph")
BRACES = re.compile(r"\{[^{}]*\}")
NOTHING: frozenset[str] = frozenset()


def check(
    inputs: Mapping[str, Shape],
    nodes: Iterable[Node],
    outputs: Mapping[str, str],
    taps: Mapping[str, str],
    root: Scope,
) -> None:
    """Raises ValueError, or ShapeError with a place, that says what is broken."""
    walk = _Walk(inputs, root)
    for node in nodes:
        walk.take(node)
    walk.end(outputs, taps)


class _Walk:
    """The nodes so far.

    Attributes:
        shapes: of every value.
        makers: the scope in which a node makes a value.
        seen: values that a scope sees though they are not made in it, by its id.
        opened: scopes by their ids.
        paths: what has no name of its own any more: of nodes, and of scopes.
        numbers: by a list's path, how many children it has.
        placed: by the id of a scope and a statement's slot, the last index and count.
        taints: of every value that depends on a param.
        read: values that a node reads.
    """

    def __init__(self, inputs: Mapping[str, Shape], root: Scope) -> None:
        self.root = root
        self.shapes: dict[str, Shape] = dict(inputs)
        self.makers: dict[str, Scope] = {}
        self.seen: set[tuple[int, str]] = set()
        self.opened: dict[int, Scope] = {id(root): root}
        self.paths: set[str] = set(inputs)
        self.numbers: dict[str, int] = {}
        self.placed: dict[tuple[int, str], tuple[int | None, int]] = {}
        self.params = frozenset(root.params)
        self.taints: dict[str, frozenset[str]] = {}
        self.read: set[str] = set()
        # Instances of a block share their ops, and most read equal shapes.
        self.given: dict[tuple[int, tuple[Shape, ...]], Shape] = {}
        self._root(inputs)

    def _root(self, inputs: Mapping[str, Shape]) -> None:
        root = self.root
        if root.parent is not None or root.name or root.kind != "file" or root.inline:
            raise ValueError("the root is not the scope of a whole file")
        names = tuple(inputs) if len(inputs) > 1 else ("input",)
        if dict(root.inputs) != dict(zip(names, inputs, strict=False)):
            raise ValueError(
                f"the root's inputs are {dict(root.inputs)}, the graph's {[*inputs]}"
            )
        self._params(root)
        for name, value in root.inputs.items():
            self.seen.add((id(root), value))
            taint = root.taints.get(f"{name}.channels")
            if taint:
                self.taints[value] = taint

    def take(self, node: Node) -> None:
        """Checks a node, which may read what was taken before."""
        name, scope = node.name, node.scope
        if id(scope) not in self.opened:
            self._open(node)
        if name in self.paths:
            raise ValueError(f"the name {name!r} stands twice in the graph")
        shapes = []
        for value in node.inputs:
            shape = self.shapes.get(value)
            if shape is None:
                raise ValueError(f"{name!r} reads {value!r} before it is made")
            if (
                self.makers.get(value) is not scope
                and (id(scope), value) not in self.seen
            ):
                raise ValueError(
                    f"{name!r} reads {value!r}, which {_called(scope)} doesn't see"
                )
            shapes.append(shape)
        self._shape(node, tuple(shapes))
        self._place(node, scope)
        self._taint(node)
        self.read.update(node.inputs)
        self.shapes[name] = node.shape
        self.makers[name] = scope
        self.paths.add(name)

    def _shape(self, node: Node, inputs: tuple[Shape, ...]) -> None:
        op = node.op
        found = self.given.get((id(op), inputs))
        if found is None:
            least, most = op.arity
            if len(inputs) < least or (most is not None and len(inputs) > most):
                raise ValueError(f"{node.name!r}: {op.kind} can't read {len(inputs)}")
            found = self.given[id(op), inputs] = op.shape(*inputs)
        if found != node.shape:
            raise ShapeError(
                f"{node.name!r} is said to be {list(node.shape)}, "
                f"{op.kind} gives {list(found)}",
                at=node.at,
            )

    def _taint(self, node: Node) -> None:
        if node.taint:
            self._known(node.taint, node.name)
            self.taints[node.name] = node.taint
        if node.texts and not node.texts.keys() <= type(node.op).model_fields.keys():
            extra = next(k for k in node.texts if k not in type(node.op).model_fields)
            raise ValueError(f"{node.name!r}: {node.op.kind} has no {extra!r}")
        if not self.taints or decides_channels(type(node.op)):
            return
        for value in node.inputs:
            lacking = self.taints.get(value, NOTHING) - node.taint
            if lacking:
                raise ValueError(
                    f"{node.name!r}: the channels of {value!r} depend on "
                    f"{min(lacking)!r}, its own don't"
                )

    def _known(self, taint: Iterable[str], what: str) -> None:
        for param in taint:
            if param not in self.params:
                raise ValueError(f"{what!r} depends on {param!r}, which is no param")

    # Scopes

    def _open(self, node: Node) -> None:
        """Checks the scopes around a node that were not met before, outer ones first."""
        waiting: list[Scope] = []
        scope = node.scope
        while id(scope) not in self.opened:
            waiting.append(scope)
            if scope.parent is None:
                raise ValueError(f"{node.name!r} stands in a scope outside of the root")
            scope = scope.parent
        for inner in reversed(waiting):
            self._enter(inner, inner.parent or self.root)

    def _enter(self, scope: Scope, parent: Scope) -> None:
        called = _called(scope)
        if scope.kind not in KINDS:
            raise ValueError(f"{called} is of the kind {scope.kind!r}")
        if scope.inline:
            if scope.name != parent.name or scope.listed != parent.listed:
                raise ValueError(f"{called} is not like what it is inlined into")
        elif scope.name in self.paths:
            raise ValueError(f"the name {scope.name!r} stands twice in the graph")
        else:
            self.paths.add(scope.name)
        self._place(scope, parent)
        self._params(scope)
        for name, value in scope.inputs.items():
            if value not in self.shapes:
                raise ValueError(f"{called} reads {value!r} before it is made")
            if (
                self.makers.get(value) is not parent
                and (id(parent), value) not in self.seen
            ):
                raise ValueError(
                    f"{called} reads {value!r}, which {_called(parent)} doesn't see"
                )
            taint = self.taints.get(value)
            if taint and not taint <= scope.taints.get(f"{name}.channels", NOTHING):
                raise ValueError(
                    f"{called}: the channels of {value!r} depend on {min(taint)!r}, "
                    f"{name}.channels don't"
                )
        self.opened[id(scope)] = scope
        self.seen.update([(id(scope), value) for value in scope.inputs.values()])
        self.seen.update([(id(parent), value) for value in scope.outputs.values()])

    def _params(self, scope: Scope) -> None:
        for taint in scope.taints.values():
            if taint and not taint <= self.params:
                self._known(taint, scope.name)
        if scope.parent is None:
            return
        for name in (*scope.texts, *scope.defaults):
            if name not in scope.params:
                raise ValueError(f"{_called(scope)} has no param {name!r}")

    # Names and places

    def _place(self, item: Node | Scope, parent: Scope) -> None:
        """Is an item called what its statement and its index say?"""
        slot, index = item.slot, item.index
        if index is not None or item.repeat or item.count != 1 or parent.listed:
            self._count(item, parent)
        if isinstance(item, Scope) and item.inline:
            return
        start = f"{parent.name}." if parent.name else ""
        if not parent.listed:
            key = slot if index is None else f"{slot}.{index}"
            if item.name == start + key:
                return
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
        elif "{" not in slot or not _pattern(slot).fullmatch(own):
            raise ValueError(f"{item.name!r} is not called {slot!r}, as it is written")

    def _count(self, item: Node | Scope, parent: Scope) -> None:
        """Is an item of a repeat the next one? Is one of a list the only one?"""
        index, count = item.index, item.count
        if index is None:
            if count != 1 or item.repeat:
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
                if value not in self.shapes:
                    raise ValueError(f"{role} {name!r} names {value!r}, which isn't")
        if dict(self.root.outputs) != dict(outputs):
            raise ValueError(
                f"the root's outputs are {self.root.outputs}, the graph's "
                f"{dict(outputs)}"
            )
        for scope in self.opened.values():
            self._outputs(scope)
        read = self.read.union(outputs.values(), taps.values())
        for name in self.makers:
            if name not in read:
                raise ValueError(f"nothing reads {name!r}")

    def _outputs(self, scope: Scope) -> None:
        if "" in scope.outputs and len(scope.outputs) > 1:
            raise ValueError(f"{_called(scope)} has an output without a name")
        for name, value in scope.outputs.items():
            if value not in self.shapes:
                raise ValueError(
                    f"the output {name!r} of {_called(scope)} is {value!r}, which isn't"
                )
            maker = self.makers.get(value)
            while maker is not None and maker is not scope:
                maker = maker.parent
            if maker is None and value not in scope.inputs.values():
                raise ValueError(
                    f"the output {name!r} of {_called(scope)} is {value!r}, which is "
                    "neither made in it nor read by it"
                )


def decides_channels(op: type[Op]) -> bool:
    """Whether an attribute alone decides the channels, whatever is read."""
    return bool(op.weighted) and bool({"channels", "features"} & op.model_fields.keys())


def _called(scope: Scope) -> str:
    return f"the scope {scope.name!r}"


@cache
def _pattern(slot: str) -> re.Pattern[str]:
    """The names that a slot with formulas in braces can give."""
    return re.compile(r"-?\d+".join(map(re.escape, BRACES.split(slot))))

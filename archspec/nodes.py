"""What a graph is made of: nodes, and the scopes that they stand in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from archspec.errors import Location
from archspec.ops.base import Op, Shape

Value = bool | int | float | str | None | tuple["Value", ...]
"""What a formula or an attribute evaluates to."""

EMPTY: Mapping[str, str] = MappingProxyType({})

FAMILY = "family"
"""The kind of a root whose children are whole nets, each of a file."""


class Alias(NamedTuple):
    """What a spec has names of layers say for a part of a path, instead of that.

    Attributes:
        pieces: the text, with the formulas that stood in braces at odd places.
        numbers: the values of these formulas.
    """

    pieces: tuple[str, ...]
    numbers: tuple[int, ...]

    def __str__(self) -> str:
        numbers = map(str, self.numbers)
        return "".join(next(numbers) if n % 2 else p for n, p in enumerate(self.pieces))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scope:
    """One instance of a file, a block or a nested graph.

    Attributes:
        name: path of the instance, such as `layer1.0`; empty for the whole net. An
            inlined instance has the path of the scope that it is inlined into.
        parent: the scope that it stands in; None for the whole net.
        slot: which statement of the parent made it: its key as written, braces and all
            (`layer{index + 1}`), or its position in a list (`0`).
        definition: identity of the text that it is an instance of, equal for all
            instances of one block, unlike for any two blocks.
        title: what to call it: the block's name, the spec's name or the slot.
        description: what the spec says of the block, or the file.
        kind: "file", "block" or "graph".
        listed: its children are numbered; a chain.
        inline: its children take their names from the parent.
        alias: what its name is in names of layers, if another one.
        index, count: which of how many instances of a repeat; index None without one.
        counter: the name by which formulas read the index; empty for `index` itself.
        params: the values of its own params (a nested graph has none).
        texts: for a param: the formula that the caller gave, in the caller's names.
        defaults: for a param that the caller left out: its default's formula, in the
            scope's own names.
        taints: for a name that formulas of the scope see: the root params behind it.
        when, repeat: the formulas' texts, in the parent's names.
        inputs: its inputs' names ("input", or those of `inputs`) and the values there.
        outputs: named outputs and the values there; "" names the only one.
        at: where its statement stands.
        decided: formulas that decided what no printed code says: by the key of a
            statement that is absent, that it is; by `KEY from` what it reads; by "",
            which block some node is.
        named: by the key of a statement that says what it reads, the names of the
            scope's inputs there, "" for other values: one value may have two names.
    """

    name: str
    parent: Scope | None
    slot: str
    definition: str
    title: str
    description: str = field(default="", kw_only=True)
    alias: Alias | None = field(default=None, kw_only=True)
    kind: str
    listed: bool
    inline: bool
    index: int | None
    count: int
    counter: str = field(default="", kw_only=True)
    params: Mapping[str, Value]
    texts: Mapping[str, str]
    defaults: Mapping[str, str]
    taints: Mapping[str, frozenset[str]]
    when: str | None
    repeat: str | None
    inputs: Mapping[str, str]
    outputs: dict[str, str]
    at: Location
    decided: dict[str, frozenset[str]] = field(default_factory=dict)
    named: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def decide(self, key: str, *texts: str) -> None:
        """Notes formulas that decided what no printed code says."""
        self.decided[key] = self.decided.get(key, frozenset()).union(texts)


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One op with its place in the graph.

    Attributes:
        name: path, such as `layer1.0.conv1`: the torch attribute path, the prefix of
            its weights' names, and what messages say.
        op: the op with its evaluated attributes.
        inputs: names of the values that it reads.
        scope: the innermost instance that it belongs to.
        slot: which statement of the scope's definition made it (see `Scope.slot`).
        shape: the output's shape, without the batch axis.
        at: where its statement stands.
        alias: what its name is in names of layers, if another one.
        index, count: which of how many instances of a repeated op; None without one.
        counter: the name by which formulas read the index; empty for `index` itself.
        texts: for an attribute that a formula gave: the formula, in the scope's names;
            by "op", the formula that chose the op.
        when, repeat: the formulas' texts, in the scope's names.
        taint: root params that the number of the output's channels depends on.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    scope: Scope
    slot: str
    shape: Shape
    at: Location
    alias: Alias | None = field(default=None, kw_only=True)
    index: int | None = None
    count: int = 1
    counter: str = field(default="", kw_only=True)
    texts: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    when: str | None = None
    repeat: str | None = None
    taint: frozenset[str] = frozenset()

    def layer(self, separator: str = "_") -> str:
        """Its name where that is one text, as in Keras: the path, or its aliases."""
        parts: list[str] = []
        at: Node | Scope = self
        above: Scope | None = self.scope
        while above is not None:
            own = at.name[len(above.name) :].removeprefix(".")
            parts.append(str(at.alias or own))
            at, above = above, above.parent
        path = ".".join(part for part in reversed(parts) if part)
        return path.replace(".", separator)


def unseen(params: Iterable[str], name: str) -> frozenset[str]:
    """The params that the default of one doesn't read: itself, and those after it.

    By their names it reads the file's.
    """
    order = (*params,)
    return frozenset(order[order.index(name) :])


def file_of(scope: Scope) -> Scope:
    """The file that a block's text stands in."""
    above: Scope | None = scope.parent
    while above is not None and above.kind not in ("file", FAMILY):
        above = above.parent
    assert above is not None
    return above


def settled(
    nodes: Sequence[Node],
    root: Scope,
    outputs: Mapping[str, str],
    instead: Mapping[str, str] = EMPTY,
) -> tuple[tuple[Node, ...], Scope]:
    """The nodes and the root, in scopes that name only values that are there.

    Args:
        nodes: some of a graph's, perhaps with others among them.
        root: the scope of the whole net.
        outputs: what the whole net gives.
        instead: what stands for a value that is gone. One without, and that no node
            makes, is no scope's input or output any more.
    """
    there = {*root.inputs.values(), *(node.name for node in nodes)}
    made = {id(root): root}
    if root.outputs != outputs:
        made[id(root)] = replace(root, outputs=dict(outputs))

    def values(held: Mapping[str, str]) -> dict[str, str]:
        now = {name: instead.get(value, value) for name, value in held.items()}
        return {name: value for name, value in now.items() if value in there}

    def settle(scope: Scope) -> Scope:
        waiting: list[Scope] = []
        above: Scope | None = scope
        while above is not None and id(above) not in made:
            waiting.append(above)
            above = above.parent
        for old in reversed(waiting):
            parent = made[id(old.parent)]
            inputs, outputs = values(old.inputs), values(old.outputs)
            new = old
            if (parent, inputs, outputs) != (old.parent, old.inputs, old.outputs):
                new = replace(old, parent=parent, inputs=inputs, outputs=outputs)
            made[id(old)] = new
        return made[id(scope)]

    moved = []
    for node in nodes:
        scope = settle(node.scope)
        moved.append(node if scope is node.scope else replace(node, scope=scope))
    return tuple(moved), made[id(root)]

"""The typed graph between a spec and a backend: flat, frozen, in topological order.

A `Graph` holds `Node`s, each one op with the names of the values that it reads. A
value is named after the node (or the graph input) that makes it. Nothing is nested; the
nesting that the spec wrote is kept in `Node.scope`, a chain of `Scope`s up to the file,
so that printed code can have a class for each block. Channels first, no batch axis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from types import MappingProxyType

from archspec.errors import Location, ShapeError
from archspec.ops.base import Op, Shape

Value = bool | int | float | str | None | tuple["Value", ...]
"""What a formula or an attribute evaluates to."""

EMPTY: Mapping[str, str] = MappingProxyType({})


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
        kind: "file", "block" or "graph".
        listed: its children are numbered; a chain.
        inline: its children take their names from the parent.
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
            which op or block some node is.
    """

    name: str
    parent: Scope | None
    slot: str
    definition: str
    title: str
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

    def decide(self, key: str, texts: frozenset[str]) -> None:
        """Notes formulas that decided what no printed code says."""
        self.decided[key] = self.decided.get(key, frozenset()) | texts


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
        index, count: which of how many instances of a repeated op; None without one.
        counter: the name by which formulas read the index; empty for `index` itself.
        texts: for an attribute that a formula gave: the formula, in the scope's names.
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
    index: int | None = None
    count: int = 1
    counter: str = field(default="", kw_only=True)
    texts: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    when: str | None = None
    repeat: str | None = None
    taint: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Graph:
    """A whole net.

    Attributes:
        name, title, description, source, preprocessing: as the spec says.
        inputs: input names and their shapes.
        nodes: in topological order.
        outputs: output names and the values there; one named "" when it is the only
            one and the spec gives no name.
        taps: names of features and the values there.
        params: the file's params, evaluated.
        arguments: scalar params that reach nothing but op attributes, so that a printed
            model may take them as arguments.
        root: the scope of the whole net.
    """

    name: str
    inputs: Mapping[str, Shape]
    nodes: tuple[Node, ...]
    outputs: Mapping[str, str]
    taps: Mapping[str, str]
    params: Mapping[str, Value]
    root: Scope
    arguments: tuple[str, ...] = ()
    title: str = ""
    description: str = ""
    source: str = ""
    preprocessing: Mapping[str, Value] = field(default_factory=dict)

    def shapes(self) -> dict[str, Shape]:
        """Every value's shape, by name: the inputs' and the nodes'."""
        shapes = dict(self.inputs)
        shapes.update((node.name, node.shape) for node in self.nodes)
        return shapes

    def located(self) -> Iterator[tuple[Node, tuple[Shape, ...]]]:
        """Every node with the shapes that it reads."""
        shapes = self.shapes()
        for node in self.nodes:
            yield node, tuple([shapes[name] for name in node.inputs])

    def parameters(self) -> dict[str, Shape]:
        """Trainable parameters: canonical name -> shape, in canonical order."""
        return {
            f"{node.name}.{name}": shape
            for node, shapes in self.located()
            for name, shape in node.op.weights(*shapes).items()
        }

    def buffers(self) -> dict[str, Shape]:
        """Stored, untrained state: canonical name -> shape, in canonical order."""
        return {
            f"{node.name}.{name}": shape
            for node, shapes in self.located()
            for name, shape in node.op.buffers(*shapes).items()
        }

    def macs(self) -> int:
        """Multiply-accumulates of one image's forward pass, as papers count them."""
        return self._total(lambda op, shapes: op.macs(*shapes))

    def flops(self) -> int:
        """Floating-point operations of one image's forward pass: 2 x MACs."""
        return 2 * self.macs()

    def parameter_count(self) -> int:
        """Number of trainable parameters."""
        return self._total(lambda op, shapes: _size(op.weights(*shapes)))

    def buffer_count(self) -> int:
        """Number of stored, untrained values."""
        return self._total(lambda op, shapes: _size(op.buffers(*shapes)))

    def _total(self, count: Callable[[Op, tuple[Shape, ...]], int]) -> int:
        """The sum over all nodes; instances of a block share their ops and shapes."""
        known: dict[tuple[int, tuple[Shape, ...]], int] = {}
        total = 0
        for node, shapes in self.located():
            found = known.get((id(node.op), shapes))
            if found is None:
                found = known[id(node.op), shapes] = count(node.op, shapes)
            total += found
        return total

    def activation_bytes(self, itemsize: int = 4) -> int:
        """Bytes of every node's output for one image, at `itemsize` bytes a value."""
        return itemsize * sum(prod(node.shape) for node in self.nodes)

    def check(self) -> None:
        """Raises ValueError or ShapeError when a pass has broken the graph."""
        shapes: dict[str, Shape] = dict(self.inputs)
        read: set[str] = set(self.outputs.values()) | set(self.taps.values())
        # Instances of a block share their ops, and most read equal shapes.
        given: dict[tuple[int, tuple[Shape, ...]], Shape] = {}
        for node in self.nodes:
            if node.name in shapes:
                raise ValueError(f"the name {node.name!r} stands twice in the graph")
            for name in node.inputs:
                if name not in shapes:
                    raise ValueError(f"{node.name!r} reads {name!r} before it is made")
            read.update(node.inputs)
            inputs = tuple([shapes[name] for name in node.inputs])
            found = given.get((id(node.op), inputs))
            if found is None:
                found = given[id(node.op), inputs] = node.op.shape(*inputs)
            if found != node.shape:
                raise ShapeError(
                    f"{node.name!r} is said to be {list(node.shape)}, "
                    f"{node.op.kind} gives {list(found)}",
                    at=node.at,
                )
            shapes[node.name] = node.shape
        for role, values in (("output", self.outputs), ("tap", self.taps)):
            for name, value in values.items():
                if value not in shapes:
                    raise ValueError(f"{role} {name!r} names {value!r}, which isn't")
        unread = [node.name for node in self.nodes if node.name not in read]
        if unread:
            raise ValueError(f"nothing reads {unread[0]!r}")


def _size(shapes: Mapping[str, Shape]) -> int:
    return sum(map(prod, shapes.values()))

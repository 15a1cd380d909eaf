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

from archspec.errors import Location, nearest
from archspec.invariants import check
from archspec.nodes import Alias, Node, Scope, Value
from archspec.ops.base import Op, Shape

__all__ = ["Alias", "Graph", "Node", "Scope", "Value"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Graph:
    """A whole net.

    >>> graph = archspec.load("resnet20").graph
    >>> len(graph), graph.parameter_count(), graph.macs()
    (73, 269722, 40551040)
    >>> graph["layer2.0.conv1"].shape
    (32, 16, 16)
    >>> [name for name in graph if graph[name].op.kind == "linear"]
    ['fc']

    Attributes:
        name, title, description, source, preprocessing: as the spec says.
        weights: the url and the hash of the published weights, if these are of this
            very net.
        inputs: input names and their shapes.
        nodes: in topological order.
        outputs: output names and the values there; one named "" when it is the only
            one and the spec gives no name.
        taps: names of features and the values there.
        params: the file's params, evaluated.
        arguments: scalar params that reach nothing but op attributes, so that a printed
            model may take them as arguments.
        fixed: params that decide what is built, with the place where each first does,
            so that printed code has them as they are.
        root: the scope of the whole net.
        family: the title of the file that wrote the graph, which others may extend.
        folded: the batch norms that were folded into other layers, for inference;
            `origin` is then the fingerprint of the net that had them.
    """

    name: str
    inputs: Mapping[str, Shape]
    nodes: tuple[Node, ...]
    outputs: Mapping[str, str]
    taps: Mapping[str, str]
    params: Mapping[str, Value]
    root: Scope
    arguments: tuple[str, ...] = ()
    fixed: Mapping[str, Location] = field(default_factory=dict)
    title: str = ""
    description: str = ""
    source: str = ""
    preprocessing: Mapping[str, Value] = field(default_factory=dict)
    family: str = ""
    weights: Mapping[str, str] = field(default_factory=dict)
    folded: tuple[str, ...] = ()
    origin: str = ""

    def __len__(self) -> int:
        """Number of nodes."""
        return len(self.nodes)

    def __iter__(self) -> Iterator[str]:
        """The nodes' names, in topological order."""
        return (node.name for node in self.nodes)

    def __contains__(self, name: object) -> bool:
        return any(node.name == name for node in self.nodes)

    def __getitem__(self, name: str) -> Node:
        """The node of a name, such as `layer1.0.conv1`; KeyError if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        hint = nearest(str(name), self)
        raise KeyError(
            f"{self.name} has no node {name!r}" + (f"; {hint}" if hint else "")
        )

    def __repr__(self) -> str:
        return f"<Graph {self.name}: {self.facts()}>"

    def _repr_svg_(self) -> str:
        """The picture, for notebooks."""
        from archspec.drawing import draw

        return str(draw(self))

    def _repr_html_(self) -> str:
        """The picture with the table of `Spec.show` folded below it, for notebooks."""
        from archspec.table import html

        table = f"<details><summary>Table</summary>{html(self)}</details>"
        return f'<div style="overflow: auto">{self._repr_svg_()}</div>{table}'

    def facts(self) -> str:
        """Its inputs and counts in words."""
        inputs = ", ".join(
            f"{name} {' x '.join(map(str, shape))}"
            for name, shape in self.inputs.items()
        )
        return (
            f"{inputs}, {len(self)} nodes, {self.parameter_count():,} parameters, "
            f"{self.macs():,} MACs"
        )

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

    def recipe(self) -> dict[str, Value]:
        """The preprocessing, less what it says of each channel if there are others.

        A net of one channel (`--set in_channels=1`) has no use for three means.
        """
        images = {shape[0] for shape in self.inputs.values() if len(shape) == 3}
        told = dict(self.preprocessing)
        lists = [told.get(key) for key in ("mean", "std")]
        counts = {len(value) for value in lists if isinstance(value, tuple | list)}
        if counts - images:
            for key in ("channels", "mean", "std"):
                told.pop(key, None)
        return told

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
        check(
            self.inputs,
            self.nodes,
            self.outputs,
            self.taps,
            self.root,
            self.arguments,
        )
        if self.params != self.root.params:
            raise ValueError("the root's params are not the graph's")
        for name in self.arguments:
            if not isinstance(self.params.get(name), bool | int | float | str):
                raise ValueError(f"the argument {name!r} is no param, or a list")


def _size(shapes: Mapping[str, Shape]) -> int:
    return sum(map(prod, shapes.values()))

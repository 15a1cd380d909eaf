"""An outline unfolded: the nodes that printed code stands for, by what they are called.

    unfolded(outline(graph, signature), graph) == nodes_of(graph)

and the same for other values of its arguments: an outline that says what the graph says
is right, whatever prints it. What an outline claims on the way (channels, what a loop
carries, whether two expressions are equal) is held against the shapes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from archspec.graph import Graph, Value
from archspec.ops import BY_KIND
from archspec.ops.base import Op, Shape
from archspec.source.expr import Expr, value_of
from archspec.source.outline import CHOSEN, Definition, Line, Nested, OpUse, Ref, Use


class Made(NamedTuple):
    """A value: the node that makes it, and its shape."""

    name: str
    shape: Shape


Nodes = dict[str, tuple[str, dict[str, Value], tuple[str, ...]]]
"""Of each node the op's kind, its attributes but for `init`, and what it reads."""


def nodes_of(graph: Graph) -> Nodes:
    """The nodes of a graph."""
    return {n.name: (n.op.kind, _attributes(n.op), n.inputs) for n in graph.nodes}


def _attributes(op: Op) -> dict[str, Value]:
    return {k: getattr(op, k) for k in type(op).model_fields if k != "init"}


def unfolded(
    definitions: Sequence[Definition],
    graph: Graph,
    arguments: Mapping[str, Value] | None = None,
) -> tuple[Nodes, dict[str, str]]:
    """The nodes of a net for some arguments, and what its outputs are."""
    net = definitions[-1]
    given: dict[str, Any] = {k: held.default for k, held in net.arguments.items()}
    unfolding = Unfolding(bool(any(d.positional for d in definitions)))
    inputs = [Made(name, shape) for name, shape in graph.inputs.items()]
    names = Numbers(net.listed)
    found = unfolding.definition(net, given | dict(arguments or {}), inputs, "", names)
    outputs = zip(net.outputs, found, strict=True)
    return unfolding.nodes, {name: made.name for name, made in outputs}


class Numbers:
    """How many children there are: of a list in all, of a mapping by their name."""

    def __init__(self, listed: bool) -> None:
        self.listed = listed
        self.counts: dict[str, int] = {}

    def next(self, name: str) -> int:
        self.counts[name] = self.counts.get(name, -1) + 1
        return self.counts[name]


class Unfolding:
    """Unfolds definitions; `pruned` says that unread arguments may be gone."""

    def __init__(self, pruned: bool) -> None:
        self.pruned = pruned
        self.nodes: Nodes = {}

    def definition(
        self,
        definition: Definition,
        arguments: Mapping[str, Value],
        inputs: Sequence[Made],
        path: str,
        names: Numbers,
    ) -> list[Made]:
        assert arguments.keys() == definition.arguments.keys(), definition.title
        words = dict(arguments)
        for name, constant in definition.constants.items():
            words[name] = constant.value(words)
        for name, number in definition.channel_arguments.items():
            if name in words:
                assert words[name] == inputs[number].shape[0], name
        refs = list(definition.outputs.values())
        found = self.scope(definition.lines, words, inputs, refs, path, names)
        if not definition.model:
            for made, channels in zip(found, definition.channels, strict=True):
                assert value_of(channels, words) == made.shape[0], channels
        return found

    def scope(
        self,
        lines: Sequence[Line],
        words: dict[str, Value],
        inputs: Sequence[Made],
        outputs: Sequence[Ref],
        path: str,
        names: Numbers,
    ) -> list[Made]:
        made: list[list[Made]] = []

        def value(ref: Ref) -> Made:
            if ref.line is None:
                return inputs[ref.output]
            return made[ref.line][ref.output]

        for line in lines:
            read = [value(ref) for ref in line.inputs]
            there = value_of(line.when, words)
            assert isinstance(there, bool), line.when
            if line.instead:
                assert there is not value_of(lines[len(made) - 1].when, words)
            if not there:
                other = line.inputs[0] if line.otherwise is None else line.otherwise
                made.append([value(other)])
            elif line.count is None:
                made.append(self.target(line, words, read, path, names))
            else:
                made.append(self.loop(line, words, read, path, names))
            assert len(made[-1]) == line.outputs
        return [value(ref) for ref in outputs]

    def loop(
        self,
        line: Line,
        words: dict[str, Value],
        read: list[Made],
        path: str,
        names: Numbers,
    ) -> list[Made]:
        count = value_of(line.count, words)
        assert type(count) is int
        words.update({k: value_of(v, words) for k, v in line.start.items()})
        for turn in range(count):
            words[line.index] = turn
            words |= row(line, turn, words)
            read = self.target(line, words, read, path, names)
            # All at once, as the printed assignment does.
            words.update({k: value_of(v, words) for k, v in line.carried.items()})
        for name in (line.index, *line.rows):
            words.pop(name, None)
        for name, after in line.after.items():
            if after is not None:
                assert value_of(after, words) == words[name]
        return read

    def target(
        self,
        line: Line,
        words: dict[str, Value],
        read: list[Made],
        path: str,
        names: Numbers,
    ) -> list[Made]:
        target = line.target
        own = self.path(line, words, path, names)
        if isinstance(target, Use):
            inner = target.definition
            given = {k: value_of(v, words) for k, v in target.arguments.items()}
            held = names if line.spread else Numbers(inner.listed)
            return self.definition(inner, given, read, own, held)
        if isinstance(target, Nested):
            held = names if line.spread else Numbers(target.listed)
            return self.scope(target.lines, words, read, target.outputs, own, held)
        return [self.op(target, words, read, own)]

    def path(
        self, line: Line, words: dict[str, Value], path: str, names: Numbers
    ) -> str:
        """What a child of a scope is called, with the scope's own path."""
        if line.spread:
            return path
        if names.listed:
            own = str(names.next(""))
        elif line.template:
            own = "".join(str(value_of(arg, words)) for arg in line.template)
        elif line.count is not None or line.single:
            own = f"{line.name}.{names.next(line.name)}"
        else:
            own = line.name
        return f"{path}.{own}" if path else own

    def op(
        self, use: OpUse, words: dict[str, Value], read: list[Made], path: str
    ) -> Made:
        first = use.ops[0]
        attributes: dict[str, Any] = {
            k: value_of(v, words) for k, v in use.attributes.items()
        }
        if CHOSEN in attributes:  # an op without attributes of its own
            first = BY_KIND[attributes.pop(CHOSEN)]()
            attributes = _attributes(first)
        for channels, value in zip(use.channels, read, strict=False):
            assert value_of(channels, words) == value.shape[0], (path, channels)
        unread = self.pruned or use.kind == CHOSEN
        assert unread or len(use.channels) == len(read)
        assert path not in self.nodes, path
        self.nodes[path] = (first.kind, attributes, tuple(m.name for m in read))
        init = {"init": getattr(first, "init", None)} if hasattr(first, "init") else {}
        op = type(first).model_construct(**attributes, **init)
        return Made(path, op.shape(*(m.shape for m in read)))


def row(line: Line, turn: int, words: Mapping[str, Value]) -> dict[str, Value]:
    """What a turn of a loop takes from its table and from arguments that are lists."""
    found: dict[str, Value] = {}
    for name, column in line.rows.items():
        held = value_of(column, words) if isinstance(column, Expr) else column
        assert isinstance(held, tuple)
        found[name] = value_of(held[turn], {})
    return found

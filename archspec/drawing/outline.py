"""What is drawn: boxes inside boxes, as the author nested them.

A box is an op or a scope. Neighbours that one `repeat` made, and that agree in stride
and shape, are one box with a count; its `parts` are the instances. A scope's box is a
contiguous run of nodes in topological order, so that boxes never form a cycle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import log2, prod

from archspec.graph import Graph, Node, Scope
from archspec.ops import Shape
from archspec.receptive import Reach, reaches

NOTHING: Mapping[str, Mark] = {}


@dataclass(frozen=True, slots=True)
class Mark:
    """Something said of a node or a scope.

    Attributes:
        kind: "added", "removed", "changed" or "differs", which gives it its colour.
        text: lines of words, such as `stride 1 -> 2`.
        folded: whether the box is folded at first though something in it is marked.
    """

    kind: str
    text: str = ""
    folded: bool = False

    @property
    def lines(self) -> list[str]:
        """Its kind and its words."""
        first, *others = self.text.split("\n")
        return [f"{self.kind}: {first}" if first else self.kind, *others]


@dataclass(slots=True, eq=False)
class Box:
    """An op, a scope, a repeat, or an input of the net.

    Attributes:
        name: path in the net, of the first instance of a repeat.
        what: the op's kind, the block's title, or "input".
        group: what colours it: the module of the op, "block" or "input".
        shape: of its last output, channels first.
        shapes: what it reads, in the order of `reads`.
        reach: stride and receptive field of that output.
        params, macs, memory: counts, and bytes of all outputs in float32.
        node: of an op.
        scope: of a scope; of a repeat, the first instance's.
        children: of a scope, in topological order.
        parts: of a repeat: its instances.
        reads: the values that come from outside, each once.
        makes: every value that is made in it.
        gives: those that others read.
        ends: the value whose shape it has: the last of `gives`, or the last at all.
        flags: "output" and "tap c2" where these values are made in it.
        mark: what is said of it.
        label: what it is called in its scope, where that isn't the rest of its path.
        before, after: in a picture of two nets: what it is in the first, and in the
            second; None where that net lacks it.
        lone: in such a picture, of `reads` those that one net alone reads: "added" or
            "removed".
        leaves: in such a picture: which value leaves as which of `gives`, and "" or
            the net in which it does, as in `lone`.
    """

    name: str
    what: str
    group: str
    shape: Shape = ()
    reach: Reach = field(default_factory=lambda: Reach(None, None))
    params: int = 0
    macs: int = 0
    memory: int = 0
    node: Node | None = None
    scope: Scope | None = None
    children: list[Box] = field(default_factory=list)
    parts: list[Box] = field(default_factory=list)
    reads: tuple[str, ...] = ()
    shapes: tuple[Shape, ...] = ()
    makes: frozenset[str] = frozenset()
    gives: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    mark: Mark | None = None
    label: str = ""
    before: Box | None = None
    after: Box | None = None
    lone: Mapping[str, str] = field(default_factory=dict)
    leaves: Sequence[tuple[str, int, str]] = ()

    @property
    def opens(self) -> bool:
        """Whether there is something in it to be seen."""
        return bool(self.children or self.parts)

    @property
    def inside(self) -> list[Box]:
        """What it shows when opened: of a repeat, the first instance's boxes.

        The instance of a repeated op is the op itself.
        """
        if not self.parts:
            return self.children
        first = self.parts[0]
        return first.inside if first.opens else [first]

    @property
    def narrowed(self) -> int:
        """How often the resolution was halved since the image; 0 to 6."""
        stride = self.reach.stride
        if stride is None:
            return 6
        return max(0, min(6, round(log2(max(stride)))))

    @property
    def halves(self) -> bool:
        """Whether it gives fewer pixels than it reads."""
        before = min((prod(s[1:]) for s in self.shapes if len(s) == 3), default=0)
        return len(self.shape) == 3 and prod(self.shape[1:]) < before

    @property
    def rechannels(self) -> bool:
        """Whether it gives other channels than it reads."""
        return bool(self.shapes) and all(s[0] != self.shape[0] for s in self.shapes)


def outline(
    graph: Graph, marks: Mapping[str, Mark] = NOTHING, *, repeats: bool = True
) -> Box:
    """The whole net as one box, whose children are its inputs and what follows.

    Args:
        graph: the net.
        marks: what is said of nodes and scopes, by path.
        repeats: whether the instances of one are one box.
    """
    known, shapes = reaches(graph), graph.shapes()
    flags: dict[str, list[str]] = {}
    for name, value in graph.outputs.items():
        flags.setdefault(value, []).append(f"output {name}".strip())
    for name, value in graph.taps.items():
        flags.setdefault(value, []).append(f"tap {name}")
    root = Box(graph.name, graph.title or graph.name, "block", scope=graph.root)
    for name, shape in graph.inputs.items():
        box = Box(name, "input", "input", shape, known[name], gives=(name,))
        box.makes, box.flags = frozenset((name,)), tuple(flags.get(name, ()))
        root.children.append(box)
    stack = [root]
    chains: dict[int, list[Scope]] = {}
    counts: dict[tuple[int, tuple[Shape, ...]], tuple[int, int, int]] = {}
    for node, taken in graph.located():
        chain = chains.get(id(node.scope))
        if chain is None:
            chain = chains[id(node.scope)] = _chain(node.scope)
        level = 1
        while (
            level < len(stack)
            and level <= len(chain)
            and stack[level].scope is chain[level - 1]
        ):
            level += 1
        del stack[level:]
        for scope in chain[level - 1 :]:
            box = Box(scope.name, scope.title, "block", scope=scope)
            box.mark = marks.get(scope.name)
            stack[-1].children.append(box)
            stack.append(box)
        op = node.op
        group = type(op).__module__.rpartition(".")[2]
        leaf = Box(node.name, op.kind, group, node.shape, known[node.name], node=node)
        if (id(op), taken) not in counts:
            params = sum(map(prod, op.weights(*taken).values()))
            counts[id(op), taken] = params, op.macs(*taken), 4 * prod(node.shape)
        leaf.params, leaf.macs, leaf.memory = counts[id(op), taken]
        leaf.reads = tuple(dict.fromkeys(node.inputs))
        leaf.shapes = tuple(shapes[name] for name in leaf.reads)
        leaf.makes = frozenset((node.name,))
        leaf.gives = leaf.ends = (node.name,)
        leaf.flags = tuple(flags.get(node.name, ()))
        leaf.mark = marks.get(node.name)
        stack[-1].children.append(leaf)
    readers: dict[str, list[str]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node.name)
    _close(root, readers, shapes, known, repeats, bool(marks))
    return root


def _chain(scope: Scope) -> list[Scope]:
    """The scopes around a node that are drawn, outermost first."""
    found: list[Scope] = []
    above: Scope | None = scope
    while above is not None and above.parent is not None:
        if not above.inline:
            found.append(above)
        above = above.parent
    return found[::-1]


def _close(
    box: Box,
    readers: Mapping[str, Sequence[str]],
    shapes: Mapping[str, Shape],
    known: Mapping[str, Reach],
    repeats: bool,
    marked: bool,
) -> None:
    """Sums up a scope and makes its repeats one box each, from the inside out."""
    for child in box.children:
        if child.opens:
            _close(child, readers, shapes, known, repeats, marked)
    _sum(box, box.children, readers, shapes, known)
    if repeats:
        box.children = [
            run[0] if len(run) == 1 else _repeat(run, readers, shapes, known)
            for run in runs(box.children, marked)
        ]


def _sum(
    box: Box,
    inside: Sequence[Box],
    readers: Mapping[str, Sequence[str]],
    shapes: Mapping[str, Shape],
    known: Mapping[str, Reach],
) -> None:
    box.makes = frozenset().union(*(child.makes for child in inside))
    reads = dict.fromkeys(name for child in inside for name in child.reads)
    box.reads = tuple(name for name in reads if name not in box.makes)
    box.shapes = tuple(shapes[name] for name in box.reads)
    box.flags = tuple(dict.fromkeys(flag for child in inside for flag in child.flags))
    given = [name for child in inside for name in child.gives]
    box.gives = tuple(
        name
        for name in given
        if any(reader not in box.makes for reader in readers.get(name, ()))
    )
    last = (*inside[-1].ends, *box.gives)[-1]
    box.ends = (last,)
    box.shape, box.reach = shapes[last], known[last]
    for child in inside:
        box.params += child.params
        box.macs += child.macs
        box.memory += child.memory


def _repeat(
    run: list[Box],
    readers: Mapping[str, Sequence[str]],
    shapes: Mapping[str, Shape],
    known: Mapping[str, Reach],
) -> Box:
    first = run[0]
    box = Box(first.name, first.what, first.group, scope=first.scope, node=first.node)
    box.mark = first.mark
    _sum(box, run, readers, shapes, known)
    box.parts = run
    return box


def runs(boxes: Sequence[Box], marked: bool) -> Iterator[list[Box]]:
    """Neighbours of one repeat that give the same shape at the same stride.

    Or whose channels grow evenly, three or more, as in a DenseNet. What is `marked` in
    one of them is so in all.
    """
    start = 0
    while start < len(boxes):
        end = start + 1
        key = _key(boxes[start], marked)
        while end < len(boxes) and key and _key(boxes[end], marked) == key:
            end += 1
        run = list(boxes[start:end])
        start = end
        if _growing(run):
            yield run
            continue
        held = run[:1]
        for box in run[1:]:
            if box.shape != held[-1].shape:
                yield held
                held = []
            held.append(box)
        yield held


def _key(box: Box, marked: bool) -> object:
    """What instances of one repeat have in common; None outside of any."""
    made = box.node or box.scope
    if made is None or made.index is None or box.parts:
        return None
    scope = box.scope.parent if box.scope else box.node and box.node.scope
    definition = box.scope.definition if box.scope else box.what
    told = marked and tuple(
        (inner.name[len(box.name) :], inner.mark) for inner in below(box) if inner.mark
    )
    return id(scope), made.slot, definition, box.reach.stride, box.shape[1:], told


def _growing(run: Sequence[Box]) -> bool:
    channels = [box.shape[0] for box in run]
    steps = {b - a for a, b in pairwise(channels)}
    return len(run) > 2 and len(steps) == 1


def below(box: Box) -> Iterator[Box]:
    """A box and all in it, repeats with each of their instances."""
    yield box
    for inner in box.parts or box.children:
        yield from below(inner)

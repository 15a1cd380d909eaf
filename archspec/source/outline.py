"""The structure of printed code, framework-free: definitions, arguments, lines.

The outline generalises over the instances in the graph and never re-reads the spec.
What is equal in all instances is a constant, what differs is an expression that was
computed for every instance and found equal to the graph's value, or an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field

from archspec.graph import Value
from archspec.ops import Op, Shape
from archspec.ops.base import form
from archspec.source.expr import Arg, Expr, four_parts, names_of, two_parts
from archspec.source.text import flat
from archspec.source.tree import Tree

SHORT = 4
"""Tuples of so many items have a type for each item."""


LONG = 66
"""Characters that the type of a list may have."""
CHOSEN = "op"
"""The kind, and the only attribute, of a use whose op is what its caller says."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A value in a definition: the output of line `line`, or an input if it is None.

    `output` numbers the outputs of a line, or the inputs of the definition.
    """

    line: int | None
    output: int = 0


@dataclass(slots=True, eq=False)
class OpUse:
    """One op in a line: what it is in every instance, and what is printed for it.

    Attributes:
        ops, shapes: in each instance, the op and the shapes that it reads.
        attributes: the attributes as they are printed.
        channels: the channels of each input as they are printed.
    """

    ops: list[Op]
    shapes: list[tuple[Shape, ...]]
    attributes: dict[str, Arg]
    channels: tuple[Arg, ...]

    @property
    def kind(self) -> str:
        """The op's kind, the same in all instances; CHOSEN where an argument is it."""
        return CHOSEN if CHOSEN in self.attributes else self.ops[0].kind

    @property
    def image(self) -> bool:
        """Whether it reads an image."""
        return len(self.shapes[0][0]) == 3

    def __getitem__(self, name: str) -> Arg:
        """An attribute as it is printed."""
        return self.attributes[name]

    def two(self, name: str) -> tuple[Arg, Arg]:
        """Both numbers of an attribute that all instances tell in one form."""
        return two_parts(self[name], form(getattr(self.ops[0], name)))

    def four(self, name: str) -> tuple[tuple[Arg, Arg], tuple[Arg, Arg]]:
        """(top, bottom), (left, right) of padding that all tell in one form."""
        return four_parts(self[name], form(getattr(self.ops[0], name)))

    def values(self, name: str) -> set[Value]:
        """All values of an attribute; the kinds of ops where an argument says which."""
        return {op.kind if name == CHOSEN else getattr(op, name) for op in self.ops}


@dataclass(slots=True, eq=False)
class Use:
    """A definition used in a line, with its arguments."""

    definition: Definition
    arguments: dict[str, Arg]


@dataclass(slots=True, eq=False)
class Nested:
    """A nested graph, or the unequal instances of a repeat: lines of their own.

    Its expressions read the names of the definition around it. The numbered children
    of an inlined list stand in the list around it. `numbers` says for each output of a
    list which child makes it.
    """

    title: str
    listed: bool
    inline: bool
    lines: list[Line]
    outputs: tuple[Ref, ...]
    numbers: tuple[int, ...] = ()


Target = OpUse | Use | Nested


@dataclass(slots=True, eq=False)
class Line:
    """One statement of a definition.

    Attributes:
        name: the child's name, or "" in a list, whose children are numbered.
        alias: what names of layers say of it instead of its name, in pieces of text and
            numbers; only where these are asked for.
        template: what names the children of a loop, in pieces: `layer`, `i + 1`; the
            scope is then a chain.
        target: what it does.
        inputs: what it reads; a repeated one chains.
        when: True, or the condition under which it exists.
        otherwise: what stands for it where it is absent; None is its first input.
        instead: whether it is there just where the line before it, in a list, is not.
        count, index: how often it is repeated, and the name that counts from 0.
        nodes: names of the graph's nodes or scopes that it stands for.
        outputs: number of values that it gives.
        start: variables that a loop needs, and what they are before its first turn.
        carried: arguments and such variables, which it sets anew after each turn.
        after: what such variables hold behind the loop, in other words.
        rows: names that a loop takes from a table, each with its column, or with the
            argument whose items these are.
        single: whether it is an instance of a repeat, named by its number.
        value: what its value is called where it needs a name, if not as the line.
    """

    name: str
    target: Target
    inputs: tuple[Ref, ...]
    when: Arg = True
    count: Arg | None = None
    index: str = ""
    nodes: list[str] = field(default_factory=list)
    outputs: int = 1
    start: dict[str, Arg] = field(default_factory=dict)
    carried: dict[str, Arg] = field(default_factory=dict)
    after: dict[str, Arg] = field(default_factory=dict)
    rows: dict[str, tuple[Arg, ...] | Expr] = field(default_factory=dict)
    single: bool = False
    otherwise: Ref | None = None
    instead: bool = False
    template: tuple[Arg, ...] = ()
    value: str = ""
    alias: tuple[Arg, ...] = ()

    @property
    def reads(self) -> tuple[Ref, ...]:
        """Its inputs, and what stands for it where that is none of them."""
        return self.inputs if self.otherwise is None else (*self.inputs, self.otherwise)

    @property
    def spread(self) -> bool:
        """Whether its children stand in the list around it."""
        if isinstance(self.target, Nested):
            return self.target.inline
        return isinstance(self.target, Use) and self.target.definition.inline

    @property
    def plain(self) -> bool:
        """Whether it is one child, and always there."""
        return not self.spread and self.count is None and self.when is True

    def repeated(self) -> set[str]:
        """The names that what a loop repeats reads, its own among them."""
        found = free_names(Line(self.name, self.target, self.inputs, self.when))
        own = (*self.carried.values(), *self.template)
        return found.union(*map(names_of, own))

    def bound(self) -> set[str]:
        """The names that a loop has of its own."""
        return {self.index, *self.start, *self.rows} - {""}

    def lists(self, read: Container[str]) -> Iterator[Expr]:
        """The arguments over whose items it runs, where a name for these is read."""
        for name, column in self.rows.items():
            if isinstance(column, Expr) and name in read:
                yield column

    def said(self) -> Iterator[Arg]:
        """Everything that it prints, without what is nested in it."""
        yield self.when
        if self.count is not None:
            yield self.count
        yield from self.lists(self.rows)
        yield from self.start.values()
        yield from self.carried.values()
        yield from (*self.alias, *self.template)
        if isinstance(self.target, OpUse):
            yield from self.target.attributes.values()
            yield from self.target.channels
        elif isinstance(self.target, Use):
            yield from self.target.arguments.values()


@dataclass(slots=True, eq=False)
class Argument:
    """An argument of a definition: its value in each instance, its default if any.

    `invented` says that no param of the spec stands for it; `note` is its annotation
    where that isn't the type of its values. A `sized` one is a list of fixed length.
    `param` is what the spec calls it, where printed code can't.
    """

    name: str
    values: list[Value]
    default: Arg = None
    keyword: bool = False
    invented: bool = False
    note: str = ""
    sized: bool = False
    param: str = ""

    def type(self) -> str:
        """The Python type of its values, as an annotation."""
        return self.note or annotation(self.values, sized=self.sized)

    def declaration(self) -> str:
        """How a signature says it."""
        text = f"{self.name}: {self.type()}"
        return f"{text} = {flat(self.default)}" if self.keyword else text


@dataclass(slots=True, eq=False)
class Definition:
    """A class or a function of printed code: the net, or one block.

    Attributes:
        title: the block's name.
        model: whether it is the whole of what is printed.
        net: whether it is a whole net, which is the same but in a family of nets.
        listed, inline: a chain of numbered children; one whose children stand in the
            list that uses it.
        inputs: names of what it reads.
        arguments: by name; `in_channels` is one where the body needs it.
        constants: names that the body computes first.
        lines, outputs: the body, and what it gives.
        instances: what it stands for.
        reads, channels: the channels of its inputs and outputs, in the names of its
            arguments.
        channel_arguments: the arguments that are an input's channels, by number.
        positional: the first arguments, which callers give by position.
        numbers: for each output of a list, which child makes it.
        relations: pairs of expressions of its params and input channels that its code
            takes to be equal.
        ops: the names that stand for ops, once these are spelled.
        unspelled: the constants as they were before; none where no op is spelled.
    """

    title: str
    model: bool
    listed: bool
    inline: bool
    inputs: tuple[str, ...]
    instances: list[Tree]
    net: bool = False
    arguments: dict[str, Argument] = field(default_factory=dict)
    constants: dict[str, Expr] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    outputs: dict[str, Ref] = field(default_factory=dict)
    reads: tuple[Arg, ...] = ()
    channels: tuple[Arg, ...] = ()
    channel_arguments: dict[str, int] = field(default_factory=dict)
    positional: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    relations: list[tuple[Arg, Arg]] = field(default_factory=list)
    ops: frozenset[str] = frozenset()
    unspelled: dict[str, Expr] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """The whole is a net, unless nets stand in it."""
        self.net = self.net or self.model

    def asks(self, name: str, arg: Arg) -> bool:
        """Whether a caller must give an argument its value."""
        default = self.arguments[name].default
        other = type(arg) is not type(default) or arg != default
        return name in self.positional or other

    def parameters(self, behind: Sequence[str] = ()) -> list[str]:
        """What a printed signature says of its arguments and of what stands behind.

        Those of a net that aren't `positional` are given by name alone.
        """
        said = [argument.declaration() for argument in self.arguments.values()]
        if not self.net:
            return [*said, *behind]
        first = len(self.positional)
        rest = [*said[first:], *(text for text in behind if text != "*")]
        return [*said[:first], *(["*", *rest] if rest else [])]


def annotation(values: Sequence[Value], *, sized: bool = False) -> str:
    """The annotation that covers all values; an int may stand for a float.

    It has a type for each item of lists of one length that are short, or `sized`, if
    that has room in a line.
    """
    tuples = [value for value in values if isinstance(value, tuple)]
    kinds = {type(value).__name__ for value in values if not isinstance(value, tuple)}
    if "float" in kinds:
        kinds.discard("int")
    found = {"None" if kind == "NoneType" else kind for kind in kinds}
    if tuples:
        sizes = {len(value) for value in tuples}
        every = [item for value in tuples for item in value]
        text = f"tuple[{annotation(every) if every else 'int'}, ...]"
        if len(sizes) == 1 and (sized or 1 < max(sizes) <= SHORT):
            items = [annotation(column) for column in zip(*tuples, strict=True)]
            each = f"tuple[{', '.join(items)}]"
            text = text if len(each) > LONG else each
        found.add(text)
    return " | ".join(sorted(found, key=lambda name: (name == "None", name)))


def walk(lines: Sequence[Line]) -> Iterator[Line]:
    """All lines, also those of nested graphs."""
    for line in lines:
        yield line
        if isinstance(line.target, Nested):
            yield from walk(line.target.lines)


def expressions(line: Line) -> Iterator[Arg]:
    """Everything that a line and its nested ones print."""
    for inner in walk([line]):
        yield from inner.said()


def free_names(line: Line) -> set[str]:
    """The names of the definition that a line reads.

    A loop starts, and is counted, in the words around it; all else in it may read its
    own.
    """
    outside: list[Arg] = [*line.start.values()]
    outside += [] if line.count is None else [line.count]
    inside = {name for arg in line.said() for name in names_of(arg)}
    inside = inside.difference(*map(names_of, (*outside, *line.lists(line.rows))))
    if isinstance(line.target, Nested):
        inside |= read_by(line.target.lines)
    outside += line.lists(inside)
    return (inside - line.bound()).union(*map(names_of, outside))


def read_by(lines: Sequence[Line]) -> set[str]:
    """The names that lines read, but for what loops before them have set."""
    found: set[str] = set()
    made: set[str] = set()
    for line in lines:
        found |= free_names(line) - made
        made |= line.start.keys()
    return found


def rewrite(line: Line, change: Callable[[Arg], Arg], *, nested: bool = True) -> None:
    """Changes everything that a line, and those nested in it, read.

    What loops start from and carry stays, but for that of loops inside.
    """
    for inner in walk([line]) if nested else [line]:
        inner.when = change(inner.when)
        inner.alias = tuple(map(change, inner.alias))
        inner.template = tuple(map(change, inner.template))
        if inner.count is not None:
            inner.count = change(inner.count)
        for name, column in inner.rows.items():
            if isinstance(column, Expr):
                inner.rows[name] = change(column)  # type: ignore[assignment]  # a name
        if inner is not line:
            inner.start = {k: change(v) for k, v in inner.start.items()}
            inner.carried = {k: change(v) for k, v in inner.carried.items()}
        target = inner.target
        if isinstance(target, OpUse):
            target.attributes = {k: change(v) for k, v in target.attributes.items()}
            target.channels = tuple(change(arg) for arg in target.channels)
        elif isinstance(target, Use):
            target.arguments = {k: change(v) for k, v in target.arguments.items()}

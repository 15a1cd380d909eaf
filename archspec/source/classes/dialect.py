"""What tells one class-printing framework from another, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from archspec.graph import Graph
from archspec.source.outline import Definition, OpUse
from archspec.source.text import Call, Code, Doc, Names
from archspec.source.tree import Signature

Lowering = Callable[[OpUse], Doc]
"""A child of a class: the call that makes it in `__init__`."""
Function = Callable[[OpUse, Sequence[str]], Doc]
"""What `forward` says for an op, from the code of what it reads."""


@dataclass(frozen=True, slots=True)
class Container:
    """A class of numbered children.

    Attributes:
        base: its name.
        unpacked: whether it is given the children as arguments, not as one list.
        reads: what its own method calls the value that it reads, as one that overrides
            it does.
        parent: its name as a base class, where type checkers want more of that.
        other: what a class inherits instead whose own method gives several values, and
            so does a child, where type checkers say that it can't.
    """

    base: str
    unpacked: bool = False
    reads: str = "x"
    parent: str = ""
    other: str = ""

    @property
    def inherited(self) -> str:
        """What a class of such children inherits."""
        return self.parent or self.base


@dataclass(frozen=True, slots=True)
class Extra:
    """A last argument that constructors hand down, such as NNX's `rngs`.

    Attributes:
        name: the argument, which is given by its name.
        parameters: what the signature of a constructor ends with.
        wanted: whether an op's child takes it.
    """

    name: str
    parameters: tuple[str, ...]
    wanted: Callable[[OpUse], bool]


class Start(Protocol):
    """How a printed file says what the weights of one graph start from."""

    def child(self, use: OpUse, made: Doc) -> Doc:
        """An op's child with its initial weights."""
        ...

    def rules(self) -> list[str]:
        """What stands before the classes."""
        ...

    def last(self, net: Definition) -> list[str]:
        """The last statements of a net's `__init__`."""
        ...


def _sized(use: OpUse) -> bool:
    return any(op.counts_channels for op in use.ops)


def _get(name: str) -> str:
    return f'getattr(self, "{name}")'


def _put(name: Doc, doc: Doc) -> Call:
    return Call("setattr", (Code("self"), name, doc))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A class-printing framework.

    Attributes:
        backend: the backend's name.
        modules, functions: for each kind of op the child that computes it and what
            `forward` says instead; an op with both is a function where it can be.
        ops: for each kind of op that can be an argument, the code for it; `op` is the
            type of that, and the lowering "op" computes what such an argument says.
        imports: for each name that code may read, its import statement.
        helpers: classes and functions that are printed where code reads their names.
        signature: what of an op can't be an argument of a printed class.
        sized: whether an op's child is told how many channels it reads; without it,
            that of an op whose weights have a size that they give.
        base: the class of modules; `initialised` says that its own constructor is
            called first.
        whole: what a net's class inherits from beside that, if anything.
        tensor: the type of values.
        call: the method that computes.
        sequential, listing: children that are called one after the other; children
            that are only numbered.
        chain: the class whose named children are called one after the other, if
            that isn't `sequential`.
        member: the type of a container's child, in annotations.
        get, put: how a child is read and set whose name is no identifier.
        add: how a child of a `chain` is set, if not by `put`.
        reserved: attributes that every module has.
        taken: names that a file may use beside imports and helpers.
        extra: an argument that constructors hand down.
        start: initial weights, for a graph, its definitions, the classes' names by
            the definitions' ids, and what gives out names of the file.
        prepared: the graph that is printed.
        taps: features, for a method of their own, and which outputs they are.
        constants, last: by name, what is printed before and behind all definitions.
        channels_last: whether images are so, for the docstring.
        remarks: comments for tools, at the top of a file.
    """

    backend: str
    modules: Mapping[str, Lowering]
    functions: Mapping[str, Function]
    imports: Mapping[str, str]
    base: str
    tensor: str
    call: str
    sequential: Container
    listing: Container
    member: str
    signature: Signature = lambda op, shapes: {"rank": len(shapes[0])}
    sized: Callable[[OpUse], bool] = _sized
    helpers: Mapping[str, str] = field(default_factory=dict)
    taps: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    last: Mapping[str, str] = field(default_factory=dict)
    ops: Mapping[str, str] = field(default_factory=dict)
    op: str = "str"
    initialised: bool = True
    whole: str = ""
    get: Callable[[str], str] = _get
    put: Callable[[Doc, Doc], Call] = _put
    add: Callable[[Doc, Doc], Call] | None = None
    chain: str = ""
    reserved: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()
    extra: Extra | None = None
    start: (
        Callable[[Graph, list[Definition], Mapping[int, str], Names], Start] | None
    ) = None
    prepared: Callable[[Graph], Graph] = lambda graph: graph
    channels_last: bool = False
    remarks: tuple[str, ...] = ()

"""What a file says, as values with places: statements, blocks, the whole unit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from archspec.errors import Location, SpecError
from archspec.language.formula import names
from archspec.language.reader import Map, locate
from archspec.language.values import (
    Known,
    Variables,
    formulas,
    frozen,
    has_formula,
    known,
)

BRACES = re.compile(r"\{([^{}]*)\}")
"""A formula in a node's name."""

KINDS = ("op", "block", "graph", "spec")
ABSENT: Any = None
"""The default of a key that null is no value for."""


class Keys(BaseModel):
    """A mapping of the language: no unknown keys, no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


def key(meaning: str, default: Any = ..., **more: Any) -> Any:
    """One key of a mapping; without a default it is required."""
    return Field(default, description=meaning, **more)


GRAPH = "A mapping of named nodes, or a list, which is a chain."
OUTPUTS = "Names of outputs and the nodes that give them; else the last node."


class FileKeys(Keys):
    """The keys of a file."""

    archspec: Literal[1] = key("The version of the language: 1.")
    name: str = key("The net's name; letters, digits, '_', '-' and '.'.")
    title: str = key("Its name for people; the printed class is named after it.", "")
    description: str = key("One or two sentences, printed in docstrings.", "")
    source: str = key("Where the net comes from, such as a paper's address.", "")
    publisher: str = key("Whose code and weights it equals, such as torchvision.", "")
    extends: str = key(
        "A base file: a net or a family of the zoo, or a path ending in .yaml. "
        "Entries of the file are merged over it by name; null removes one.",
        ABSENT,
    )
    params: dict[str, Any] = key(
        "What may vary: a default value, or a type name (int, float, bool, str, list, "
        "any) for a required one, or both: {type: int or str, default: same}. Formulas "
        "read them, --set overrides them.",
        {},
    )
    require: dict[str, str | None] = key(
        "What params must fulfil: in words, and as a formula.", {}
    )
    preprocessing: dict[str, Any] = key(
        "How images become inputs: resize (the shorter side, in pixels), crop (the "
        "centre), size, interpolation, range (of values before mean and std), channels "
        "(RGB or BGR), mean, std.",
        {},
    )
    inputs: dict[str, Any] = key(
        "Each input's shape, [channels, height, width] or [features].", {}
    )
    defaults: dict[str, dict[str, Any] | None] = key(
        "Attributes for every op of a kind that is written in this file.", {}
    )
    blocks: dict[str, dict[str, Any] | None] = key(
        "Named parts, used by {block: name}.", {}
    )
    graph: Any = key(f"The net: {GRAPH[0].lower()}{GRAPH[1:]}", None)
    outputs: dict[str, Any] = key(OUTPUTS, {})
    taps: dict[str, Any] = key("Names of features and the paths of their nodes.", {})
    weights: dict[str, Any] = key(
        "The published weights, which `codegen --with-weights` loads: url, hash.", {}
    )
    expect: dict[str, Any] = key("What `validate` compares: params, macs, output.", {})


class ExpectKeys(Keys):
    """What a file may expect of its graph; see `archspec.spec.unexpected`."""

    params: int = key("Number of trainable parameters.", ABSENT)
    buffers: int = key("Number of stored, untrained values.", ABSENT)
    macs: int = key("Multiply-accumulates of one image.", ABSENT)
    output: list[int] | dict[str, list[int]] = key(
        "The output's shape, or each output's by name.", ABSENT
    )


class WeightsKeys(Keys):
    """Where the weights of a net are published."""

    url: Annotated[
        str, Field(pattern=r"^https?://[!#-&(-\[\]-~]+\.(pth|safetensors|h5)$")
    ] = key(
        "A .safetensors or .pth file with canonical names, or an .h5 file of Keras."
    )
    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")] = key(
        "The file's SHA-256 in hex, of which torch needs eight digits and Keras all; "
        "for Keras' files the MD5 will do."
    )


class BlockKeys(Keys):
    """The keys of a block."""

    description: str = key("A sentence, printed in its docstring.", "")
    params: dict[str, Any] = key("Params of its own, which hide the file's.", {})
    inputs: list[str] = key("Its several inputs; without it one, called `input`.", [])
    graph: Any = key(GRAPH)
    outputs: dict[str, Any] = key(OUTPUTS, {})


class ParamKeys(Keys):
    """The keys of a param of which more is said than a type or a default."""

    type: str = key("A type name, or several, as `int or str`.", ABSENT)
    default: Any = key("Its value where no other is given.", ABSENT)
    fixed: bool = key(
        "Whether it only tells presets apart: printed code takes no argument for it. "
        "If false it takes one even where a `when` reads it, as of `dropout > 0`, and "
        "what that says is there. Of a file's params, not a block's.",
        ABSENT,
    )


class NodeKeys(BaseModel):
    """The keys of a node beside its attributes; a formula may stand for most."""

    model_config = ConfigDict(extra="allow", strict=True, defer_build=True)

    op: str | None = key("The kind of an op.", None)
    block: str | None = key("A block of this file; beside it stand its params.", None)
    graph: Any = key("Nodes of its own scope, nested here.", None)
    spec: str | None = key("Another file or a net; beside it stand its params.", None)
    from_: str | int | list[Any] | None = key(
        "The node or nodes that it reads; else the one before it.", None, alias="from"
    )
    when: bool | str = key("Whether it exists; else readers get its first input.", True)
    repeat: int | str | None = key("How many are chained; `index` counts from 0.", None)
    index: str = key("With repeat: another name for `index` in formulas.", ABSENT)
    inline: bool = key("Whether its children are named in the enclosing scope.", False)
    name: str | None = key("In a list: a name for taps, outputs and messages.", None)
    alias: str | None = key(
        "What names of layers in Keras say instead of its own name; formulas that give "
        "numbers may stand in braces.",
        None,
    )
    taps: bool = key("With spec: taps for outputs, without the head.", False)


def keys_of(model: type[BaseModel]) -> dict[str, str]:
    """Every key of a mapping, as it is written, with what it means."""
    return {
        field.alias or name: field.description or ""
        for name, field in model.model_fields.items()
    }


@cache
def bare() -> NodeKeys:
    """The keys of a node that is written as a bare name."""
    return NodeKeys()


RESERVED = frozenset((*keys_of(NodeKeys), "input"))
"""What no param and no counter may be called."""


@dataclass(frozen=True, eq=False, repr=False)
class Statement:
    """One node as written; `key` is its name, or its position in a list.

    Attributes:
        entry: the mapping, or the bare name of an op, and where it stands.
        listed: whether it is an entry of a list.
        kind, target: which of op, block, graph and spec it is, and what stands there.
        keys: all else that is no attribute; `attributes` are the op's, or params.
        nested: the graph, as a block, if it is one.
    """

    key: str
    entry: Entry
    listed: bool
    kind: str
    target: Any
    keys: NodeKeys
    attributes: dict[str, Any]
    nested: Block | None
    places: dict[Any, Location] = field(default_factory=dict)
    """Found places, since every instance of a block asks for them."""

    def __str__(self) -> str:
        """What a message calls it."""
        name = self.keys.name or (None if self.listed else self.key)
        return repr(name) if name else f"the {self.kind}"

    @property
    def at(self) -> Location:
        """Where its key stands."""
        return self.entry.key

    @property
    def counter(self) -> str:
        """What formulas call the number of an instance of a repeat."""
        return self.keys.index or "index"

    def place(self, *path: str | int, key: bool = False) -> Location:
        """Where the value of a key stands, or the key itself."""
        found = self.places.get((path, key))
        if found is None:
            found = self.places[path, key] = self._place(path, key)
        return found

    def _place(self, path: tuple[str | int, ...], key: bool) -> Location:
        raw = self.entry.value
        if not isinstance(raw, Map) or path[0] not in raw:
            return self.entry.at if path[0] == self.kind else self.at
        return locate(raw, path, key=key)

    @cached_property
    def braced(self) -> bool:
        """Whether a formula in its name gives each instance one of its own."""
        return not self.listed and bool(BRACES.search(self.key))

    @cached_property
    def constants(self) -> dict[str, Known]:
        """The attributes without formulas."""
        raw = self.attributes.items()
        return {key: Known(frozen(v)) for key, v in raw if not has_formula(v)}

    @cached_property
    def varying(self) -> list[str]:
        """The attributes with formulas."""
        return [key for key in self.attributes if key not in self.constants]

    @cached_property
    def counts(self) -> bool:
        """Whether a formula of the graph nested in it reads its counter."""
        inner = self.nested.graph.all() if self.nested else ()
        values = (value for s in inner for value, _ in (*s.outside(), *s.inside()))
        found = (text for value in values for text, _ in formulas(value, self.at))
        try:
            return any(self.counter in names(text[1:].strip()) for text in found)
        except SpecError:
            return True

    @cached_property
    def decides(self) -> dict[str, frozenset[str]]:
        """Formulas that printed code never says, as `Scope.decided` has them."""
        said: list[Any] = [v for v in self.attributes.values() if isinstance(v, Map)]
        said += [f"={text}" for text in BRACES.findall(self.key)]
        said += [self.target] if self.kind == "block" else []
        found = {"": said, f"{self.key} from": [self.keys.from_]}
        return {
            key: frozenset(text[1:].strip() for text, _ in formulas(raw, self.at))
            for key, raw in found.items()
            if has_formula(raw)
        }

    def given(self, variables: Variables) -> dict[str, Known]:
        """The attributes, evaluated; raises SpecError."""
        found = dict(self.constants)
        for key in self.varying:
            found[key] = known(self.attributes[key], variables, self.place(key))
        return found

    def outside(self) -> Iterator[tuple[Any, Location]]:
        """The values in which formulas don't see its counter, with their places."""
        yield self.keys.from_, self.place("from")
        yield self.keys.repeat, self.place("repeat")

    def inside(self) -> Iterator[tuple[Any, Location]]:
        """The values in which they do, but for those of nested statements."""
        yield from ((f"={text}", self.at) for text in BRACES.findall(self.key))
        at = self.place("alias")
        yield from ((f"={t}", at) for t in BRACES.findall(self.keys.alias or ""))
        yield self.keys.when, self.place("when")
        yield from ((raw, self.place(key)) for key, raw in self.attributes.items())
        if self.nested is None:
            yield self.target, self.place(self.kind)


class Statements(NamedTuple):
    """What stands under `graph`; `listed` is a chain whose children are numbered."""

    listed: bool
    items: dict[str, Statement]
    at: Location
    removed: dict[str, Location]

    def all(self) -> Iterator[Statement]:
        """The statements, and those of the graphs nested in them."""
        for statement in self.items.values():
            yield statement
            if statement.nested is not None:
                yield from statement.nested.graph.all()


class Entry(NamedTuple):
    """A raw value and where it stands, with its key.

    In a file that `extends`, the value None removes what the base has.
    """

    value: Any
    at: Location
    key: Location


class Param(NamedTuple):
    """A declared param: its type, and the raw default of one that isn't required.

    Without a type it removes what the base has.
    """

    default: Any
    at: Location
    key: Location
    type: str
    typed: bool = False
    """Whether the declaration names the type, not only a default that has it."""
    required: bool = False
    fixed: bool | None = None
    """Whether printed code takes no argument for it; None where that isn't said."""

    @property
    def value(self) -> str | None:
        """What it stands for, as an entry's; None removes."""
        return self.type or None


class Block(NamedTuple):
    """A block as written, or as such a nested graph or the graph of a file.

    `kind` is `block`, `graph` or `file`. One without a graph removes what the base has.
    """

    kind: str
    name: str
    at: Location
    params: dict[str, Param]
    inputs: tuple[str, ...]
    value: Statements | None
    outputs: dict[str, Entry]
    description: str = ""

    @property
    def graph(self) -> Statements:
        """The statements of a block that removes nothing."""
        assert self.value is not None
        return self.value

    def __str__(self) -> str:
        """What a message calls it."""
        what = {"graph": "a nested graph", "file": f"the spec {self.name!r}"}
        return what.get(self.kind, f"the block {self.name!r}")


@dataclass(eq=False, repr=False)
class Unit:
    """One file, with everything that it inherits already merged in."""

    file: str
    keys: FileKeys
    at: Location
    extends: Entry | None
    params: dict[str, Param]
    require: dict[str, Entry]
    preprocessing: dict[str, Any]
    inputs: dict[str, Entry]
    defaults: dict[str, Entry]
    """Of each kind of op: entries by attribute."""
    blocks: dict[str, Block]
    graph: Statements | None
    outputs: dict[str, Entry]
    taps: dict[str, Entry]
    expect: dict[str, Entry]
    family: str
    """The title of the file that wrote the graph: this one, or what it extends."""

    def default(self, kind: str) -> dict[str, Entry]:
        """The attributes that the file gives to every op of a kind."""
        found = self.defaults.get(kind)
        return found.value or {} if found else {}

    def block(self) -> Block:
        """The file's own graph; its single input is called `input`."""
        inputs = tuple(self.inputs) if len(self.inputs) > 1 else ("input",)
        name, graph = self.keys.name, self.graph
        told = self.keys.title
        return Block(
            "file", name, self.at, self.params, inputs, graph, self.outputs, told
        )

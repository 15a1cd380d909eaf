"""Makes the nodes of a graph: attributes evaluated, ops validated, shapes inferred."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from archspec.errors import LimitError, Location, ShapeError
from archspec.graph import Alias, Node, Scope
from archspec.language import names as naming
from archspec.language.context import Context
from archspec.language.formula import names, subscripts
from archspec.language.syntax import Statement
from archspec.language.targets import attribute_place, check_arity
from archspec.language.values import (
    CLEAN,
    Known,
    Taint,
    Variables,
    formulas,
    is_formula,
    known,
)
from archspec.limits import Budget
from archspec.ops import BY_KIND, Op, Shape, Weighted
from archspec.ops.validate import validated


@dataclass(slots=True, eq=False, repr=False)
class Instance:
    """One instance of a statement.

    Attributes:
        outer: the scope that it stands in; None for the whole net.
        variables: what its formulas see.
        sources: the values that it reads.
        index, count: which of how many of a repeat; index None without one.
        when, repeat: these formulas' texts.
        key, name: what it is called in its scope, and its whole path.
        alias: what names of layers say instead of the key.
        target: the kind of op, or the name of a block or a file.
        given: its attributes, evaluated.
    """

    outer: Context | None
    statement: Statement
    variables: Variables
    sources: tuple[str, ...]
    index: int | None = None
    count: int = 1
    repeat: str | None = None
    when: str | None = None
    key: str = ""
    name: str = ""
    alias: Alias | None = None
    target: str = ""
    given: dict[str, Known] = field(default_factory=dict)

    @property
    def context(self) -> Context:
        """The scope that it stands in."""
        assert self.outer is not None
        return self.outer


class Builder:
    """The nodes made so far, with the shape and the taints of every value.

    `fixed` holds the root params that decide the net's structure, with the place where
    each first does, `used` those that reach an op's attribute, `free` those that may
    say whether a node is there. `absent` holds a scope's definition with the key of a
    statement of which some instance isn't there. `pruned` says that some nodes were
    dropped again, `aliased` that names of layers aren't all paths.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.nodes: list[Node] = []
        self.shapes: dict[str, Shape] = {}
        self.taints: dict[str, tuple[Taint, Taint]] = {}
        self.fixed: dict[str, Location] = {}
        self.used: set[str] = set()
        self.free: set[str] = set()
        self.absent: dict[tuple[str, str], None] = {}
        self.pruned = False
        self.aliased = False
        self._ops: dict[tuple[str, str], Op] = {}

    def fix(self, raw: Any, variables: Variables, at: Location, *wanted: Any) -> Known:
        """The value of a formula that decides the structure of the net; see `known`."""
        found = known(raw, variables, at, *wanted)
        self.decide(found.taint, at)
        return found

    def decide(self, params: Iterable[str], at: Location) -> None:
        """Notes that root params decide what is built, and where."""
        for name in params:
            self.fixed.setdefault(name, at)

    def choose(self, raw: str, variables: Variables, at: Location) -> str:
        """The op that a formula names; `none` is the one that does nothing."""
        found = known(raw, variables, at, "`op` is a name", (str,))
        self.used |= found.taint
        self.decide(variables.taint(subscripts(raw[1:].strip())), at)
        return "identity" if found.value == "none" else str(found.value)

    def set_sizes(
        self, variables: Variables, names: Iterable[str], values: Iterable[str]
    ) -> None:
        """Lets formulas read the sizes of a scope's inputs."""
        for name, value in zip(names, values, strict=True):
            variables.set_input(name, self.shapes[value], self.taints[value])

    def room(self, count: int) -> bool:
        """Whether so many nodes more are allowed."""
        return len(self.nodes) + count <= self.budget.limits.nodes

    def too_many(self, count: int, at: Location) -> LimitError:
        """The error for so many nodes."""
        limits = self.budget.limits
        message = f"a graph has at most {limits.nodes} nodes, this would have {count}"
        return limits.error("nodes", "AS321", message, at)

    def add(self, instance: Instance) -> str:
        """Makes a node; returns its name. Raises SpecError and ShapeError."""
        statement, sources = instance.statement, instance.sources
        if not self.room(1):
            raise self.too_many(len(self.nodes) + 1, statement.at)
        attributes, texts = self._attributes(instance)
        if is_formula(statement.target):
            texts["op"] = statement.target[1:].strip()
        op = self._op(instance, attributes)
        if isinstance(op, Weighted) and op.naming in op.model_fields_set:
            unit, name = instance.context.unit, op.naming
            at = attribute_place(unit, op.kind, statement, name)
            naming.check(getattr(op, name), at, naming.RESERVED)
        check_arity(type(op), statement, len(sources))
        try:
            shape = op.shape(*[self.shapes[name] for name in sources])
        except ShapeError as error:
            raise ShapeError(
                f"{instance.name!r}: {error.message}",
                code=error.code,
                at=statement.at,
                hint=error.hint or _mistaken(instance, texts),
                notes=tuple(map(self._origin, sources)),
            ) from None
        taints = self._taints(op, attributes, sources)
        if op.flattens:
            self.decide(taints[1], statement.at)
        node = Node(
            instance.name,
            op,
            sources,
            instance.context.scope,
            statement.key,
            shape,
            statement.at,
            instance.index,
            instance.count,
            texts,
            instance.when,
            instance.repeat,
            taints[0],
            counter=statement.keys.index or "",
            alias=instance.alias,
        )
        self.put(node, taints)
        return node.name

    def put(self, node: Node, taints: tuple[Taint, Taint]) -> None:
        """Adds a node."""
        self.nodes.append(node)
        self.shapes[node.name] = node.shape
        self.taints[node.name] = taints

    def prune(self, start: int, wanted: Collection[str]) -> None:
        """Drops the nodes from `start` on that these values don't depend on."""
        made = self.nodes[start:]
        self.nodes[start:] = kept = needed(made, wanted)
        self.pruned = self.pruned or len(kept) < len(made)
        for name in {node.name for node in made}.difference(n.name for n in kept):
            del self.shapes[name]

    def _origin(self, name: str) -> str:
        """What a value is and where it was made, as a note."""
        made = next((n for n in reversed(self.nodes) if n.name == name), None)
        shape = list(self.shapes[name])
        if made is None:
            return f"reads the input {name!r}, {shape}"
        return f"reads {name!r}, {shape}, from {made.op.kind} at {made.at}"

    def _attributes(
        self, instance: Instance
    ) -> tuple[dict[str, Known], dict[str, str]]:
        """All attributes of an op, the file's defaults first, and formulas' texts."""
        context = instance.context
        found: dict[str, Known] = {}
        texts: dict[str, str] = {}
        for key, entry in context.unit.default(instance.target).items():
            if key in instance.given:
                continue
            item = found[key] = known(entry.value, context.file, entry.at)
            if item.text is None or _hidden(names(item.text), context.scope):
                self.decide(item.taint, entry.at)
                for text, _ in formulas(entry.value, entry.at):
                    _decide(text[1:].strip(), context.scope)
            else:
                texts[key] = item.text
        for key, item in instance.given.items():
            found[key], at = item, instance.statement.place(key)
            if item.text is None:
                self.decide(item.taint, at)
            else:
                texts[key] = item.text
                self.decide(instance.variables.taint(subscripts(item.text)), at)
        self.used.update(*(item.taint for item in found.values()))
        return found, texts

    def _op(self, instance: Instance, attributes: Mapping[str, Known]) -> Op:
        """The op with these attributes; nodes that are alike share it."""
        statement, kind = instance.statement, instance.target
        values = {key: item.value for key, item in attributes.items()}
        identity = (kind, repr(sorted(values.items())))
        found = self._ops.get(identity)
        if found is None:
            place = partial(attribute_place, instance.context.unit, kind, statement)
            found = validated(BY_KIND[kind], values, place, statement.at)
            assert found is not None
            self._ops[identity] = found
        return found

    def _taints(
        self, op: Op, attributes: Mapping[str, Known], sources: tuple[str, ...]
    ) -> tuple[Taint, Taint]:
        """Which root params an output's channels and its size depend on."""
        read = [self.taints[name] for name in sources]
        sizes = [item.taint for key, item in attributes.items() if key in op.sizes]
        size = CLEAN.union(*sizes, *(taint for _, taint in read))
        if op.width is not None:
            return attributes[op.width].taint, size
        every = [item.taint for key, item in attributes.items() if key != op.chance]
        return CLEAN.union(*every, *(taint for taint, _ in read)), size


def _hidden(read: Collection[str], scope: Scope) -> bool:
    """Whether a block's own params have names by which it reads the file's."""
    while scope.kind == "graph" and scope.parent is not None:
        scope = scope.parent
    return scope.kind == "block" and not scope.params.keys().isdisjoint(read)


def _decide(text: str, scope: Scope) -> None:
    """Notes a default that no code says wherever its names are seen, up to the file."""
    above: Scope | None = scope
    while above is not None:
        if above.kind != "graph" and not _hidden(names(text), above):
            above.decide("", text)
        above = above.parent if above.kind != "file" else None


def needed(nodes: list[Node], wanted: Collection[str]) -> list[Node]:
    """Those of the nodes that some values depend on."""
    live, kept = set(wanted), []
    for node in reversed(nodes):
        if node.name in live:
            live.update(node.inputs)
            kept.append(node)
    return kept[::-1]


def _mistaken(instance: Instance, texts: Mapping[str, str]) -> str | None:
    """A hint where an op's formulas read sizes of an input that the op doesn't read."""
    inputs = instance.context.scope.inputs
    for name in sorted({name for text in texts.values() for name in names(text)}):
        held, _, size = name.rpartition(".")
        value = inputs.get(held) if size else None
        if value is not None and value not in instance.sources:
            told = f"a formula's {name} is of what the scope reads, {value!r}"
            return f"{told}, not of what this node reads"
    return None

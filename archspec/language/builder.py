"""Makes the nodes of a graph: attributes evaluated, ops validated, shapes inferred."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from archspec.errors import LimitError, Location, ShapeError, SpecError, nearest
from archspec.graph import Node
from archspec.language import names as naming
from archspec.language.attributes import validated
from archspec.language.context import Context, Instance
from archspec.language.formula import names, subscripts
from archspec.language.limits import Limits
from archspec.language.params import CLEAN, Known, Names, Taint, is_formula, known
from archspec.language.schema import shown
from archspec.language.written import Statement, Unit
from archspec.ops import BY_KIND, Op, Shape, Weighted


class Made(NamedTuple):
    """A statement's op, with its attributes' formulas.

    All instances whose formulas read the same values have it in common.

    Attributes:
        own, size: the taints of all attributes, and of those that decide the size.
        channels: the taint of the attribute that alone decides the channels, if any.
        shapes: the output's shape by those of the inputs.
    """

    op: Op
    texts: Mapping[str, str]
    own: Taint
    size: Taint
    channels: Taint | None
    shapes: dict[tuple[Shape, ...], Shape]

    def shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """The output's shape; raises ShapeError."""
        found = self.shapes.get(inputs)
        if found is None:
            found = self.shapes[inputs] = self.op.shape(*inputs)
        return found


class Builder:
    """The nodes made so far, with the shape and the taints of every value.

    `fixed` holds the root params that decide the net's structure, `used` those that
    reach an op's attribute.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.nodes: list[Node] = []
        self.shapes: dict[str, Shape] = {}
        self.taints: dict[str, tuple[Taint, Taint]] = {}
        self.fixed: set[str] = set()
        self.used: set[str] = set()
        self._ops: dict[Any, Op] = {}
        self._reads: dict[Any, tuple[str, ...]] = {}
        self._made: dict[Any, Made] = {}

    def fix(self, raw: Any, names: Names, at: Location) -> Known:
        """The value of a formula that decides the structure of the net."""
        found = known(raw, names, at)
        self.fixed |= found.taint
        return found

    def add(
        self, context: Context, instance: Instance, sources: tuple[str, ...]
    ) -> str:
        statement = instance.statement
        if len(self.nodes) >= self.limits.nodes:
            raise LimitError(
                f"a graph has at most {self.limits.nodes} nodes",
                code="AS321",
                at=statement.at,
            )
        made = self._op(context, instance)
        op = made.op
        if isinstance(op, Weighted) and op.naming in op.model_fields_set:
            place = attribute_place(context.unit, statement, op.kind, op.naming)
            naming.check(getattr(op, op.naming), place)
        check_arity(type(op), statement, len(sources))
        shapes = tuple([self.shapes[name] for name in sources])
        try:
            shape = made.shape(shapes)
        except ShapeError as error:
            raise ShapeError(
                f"{instance.name!r}: {error.message}",
                code=error.code,
                at=statement.at,
                hint=error.hint,
                notes=tuple(map(self._origin, sources)),
            ) from None
        if instance.name in self.shapes:
            raise SpecError(
                f"the name {instance.name!r} is taken twice",
                code="AS311",
                at=statement.at,
            )
        taints = self._taints(made, sources)
        node = Node(
            instance.name,
            op,
            sources,
            context.scope,
            statement.key,
            shape,
            statement.at,
            instance.index,
            instance.count,
            made.texts,
            instance.when,
            instance.repeat,
            taints[0],
            counter=statement.counter or "",
        )
        self.nodes.append(node)
        self.shapes[node.name] = shape
        self.taints[node.name] = taints
        return node.name

    def _origin(self, name: str) -> str:
        """What a value is and where it was made, as a note."""
        made = next((n for n in reversed(self.nodes) if n.name == name), None)
        shape = list(self.shapes[name])
        if made is None:
            return f"reads the input {name!r}, {shape}"
        return f"reads {name!r}, {shape}, from {made.op.kind} at {made.at}"

    def _op(self, context: Context, instance: Instance) -> Made:
        statement = instance.statement
        kind = self._kind(context, instance)
        # Of one kind and without attributes, all statements of a file are one.
        same = (statement if statement.attributes else None, context.unit, kind)
        if same in self._reads:
            made = self._made.get((same, *self._seen(same, context, instance)))
            if made is not None:
                return made
        attributes, texts = self._attributes(context, instance, kind)
        op = self._validated(context, statement, kind, attributes)
        if same not in self._reads:
            raw = [entry.value for entry in context.unit.default(kind).values()]
            self._reads[same] = _names([*statement.attributes.values(), *raw])
        made = _made(op, texts, attributes)
        self._made[same, *self._seen(same, context, instance)] = made
        return made

    def _seen(self, same: Any, context: Context, instance: Instance) -> tuple[Any, Any]:
        read = self._reads[same]
        return instance.names.seen(read), context.file_names.seen(read)

    def _kind(self, context: Context, instance: Instance) -> str:
        statement = instance.statement
        kind = statement.target
        if kind in BY_KIND:
            return str(kind)
        at = statement.place("op")
        if is_formula(kind):
            kind = self.fix(kind, instance.names, at).value
        check_kind(context.unit, kind, at)
        return str(kind)

    def _attributes(
        self, context: Context, instance: Instance, kind: str
    ) -> tuple[dict[str, Known], dict[str, str]]:
        statement, found = instance.statement, {}
        texts: dict[str, str] = {}
        for key, entry in context.unit.default(kind).items():
            if key in statement.attributes:
                continue
            item = known(entry.value, context.file_names, entry.at)
            found[key] = item
            hidden = item.taint and instance.names.taint(item.text or "0") != item.taint
            if hidden or item.text is None:
                self.fixed |= item.taint
            else:
                texts[key] = item.text
        for key, raw in statement.attributes.items():
            item = known(raw, instance.names, statement.place(key))
            found[key] = item
            if item.text is None:
                self.fixed |= item.taint
                continue
            texts[key] = item.text
            for name in subscripts(item.text):
                self.fixed |= instance.names.taints.get(name, CLEAN)
        for item in found.values():
            self.used |= item.taint
        return found, texts

    def _validated(
        self,
        context: Context,
        statement: Statement,
        kind: str,
        attributes: Mapping[str, Known],
    ) -> Op:
        values = {key: item.value for key, item in attributes.items()}
        identity = (kind, repr(values))
        if identity in self._ops:
            return self._ops[identity]
        place = partial(attribute_place, context.unit, statement, kind)
        found = validated(BY_KIND[kind], values, place, statement.at)
        assert found is not None
        self._ops[identity] = found
        return found

    def _taints(self, made: Made, sources: tuple[str, ...]) -> tuple[Taint, Taint]:
        """Which root params an output's channels and its size depend on."""
        channels, size = self.taints[sources[0]]
        for name in sources[1:]:
            channels |= self.taints[name][0]
            size |= self.taints[name][1]
        size |= made.size
        if made.op.flattens:
            self.fixed |= size
        if made.channels is not None:
            return made.channels, size
        return channels | made.own, size


def _made(op: Op, texts: Mapping[str, str], attributes: Mapping[str, Known]) -> Made:
    own = CLEAN.union(*(item.taint for item in attributes.values()))
    size = CLEAN.union(*(v.taint for k, v in attributes.items() if k in op.sizes))
    channels = None if op.width is None else attributes[op.width].taint
    return Made(op, texts, own, size, channels, {})


def _names(values: list[Any]) -> tuple[str, ...]:
    """The names that all formulas in raw values read."""
    found: set[str] = set()
    waiting = values
    while waiting:
        raw = waiting.pop()
        if is_formula(raw):
            found |= names(raw[1:].strip())
        elif isinstance(raw, dict):
            waiting.extend(raw.values())
        elif isinstance(raw, list | tuple):
            waiting.extend(raw)
    return tuple(found)


def check_kind(unit: Unit, kind: Any, at: Location) -> None:
    """Raises SpecError for what is no op."""
    if isinstance(kind, str) and kind in BY_KIND:
        return
    hint = nearest(str(kind), BY_KIND) or "`archspec ops` names them all"
    if kind in unit.blocks:
        hint = f"a block is written {{block: {kind}}}"
    raise SpecError(f"there is no op {shown(kind)}", code="AS205", at=at, hint=hint)


def check_arity(op: type[Op], statement: Statement, found: int) -> None:
    """Raises SpecError when an op reads more or fewer values than it can."""
    least, most = op.arity
    if least <= found and (most is None or found <= most):
        return
    wanted = f"{least} to {most}" if most else f"at least {least}"
    wanted = str(least) if least == most else wanted
    raise SpecError(
        f"{op.kind} reads {wanted} value{'' if wanted == '1' else 's'}, found {found}",
        code="AS317",
        at=statement.place("from"),
        hint="`from` names them" if found < least else None,
    )


def attribute_place(
    unit: Unit, statement: Statement, kind: str, key: str, *path: str
) -> Location:
    """Where an op's attribute stands: at the node, or among the file's defaults."""
    entry = unit.default(kind).get(key)
    unknown = key not in BY_KIND[kind].model_fields
    if key in statement.attributes:
        return statement.place(key, *path, key=unknown)
    if entry is None:
        return statement.at
    return entry.key if unknown else entry.at

"""What is wrong with a file whatever its formulas give, also where nothing is built.

Expansion sees neither unused blocks nor absent nodes, and can't go past a node that
fails. So every statement is looked at here first, and all faults are named at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from archspec.errors import ArchspecError, Location, SpecError, SpecErrors, nearest
from archspec.language import names as naming
from archspec.language.attributes import validated
from archspec.language.builder import (
    attribute_place,
    check_arity,
    check_kind,
)
from archspec.language.formula import CONSTANTS, DIMENSIONS, FUNCTIONS, inspected
from archspec.language.params import (
    TYPES,
    accept,
    formula_place,
    frozen,
    has_formula,
    is_formula,
    missing,
    type_of,
)
from archspec.language.params import unknown as unknown_param
from archspec.language.reader import locate
from archspec.language.schema import RESERVED
from archspec.language.statements import BRACES, no_name
from archspec.language.written import Block, Body, Entry, Statement, Unit
from archspec.ops import BY_KIND, Op

Faults = Iterator[ArchspecError]


class Sight(NamedTuple):
    """What a statement sees: names of formulas, the scope's inputs, the unit."""

    unit: Unit
    names: frozenset[str]
    inputs: tuple[str, ...]
    earlier: dict[str, tuple[str, ...] | None]
    """Nodes written before, each with the names of its outputs where they are known."""
    told: set[Statement]
    """Repeated nodes that were said to need a name for their counter."""
    later: Collection[str] = ()
    counters: tuple[Statement, ...] = ()
    """Repeated nodes whose counters are in sight, outer before inner."""

    def twice(self) -> str | None:
        """Why `index` may not be read here: more than one counter has no name."""
        unnamed = [s for s in self.counters if s.counter is None]
        if len(unnamed) < 2:
            return None
        *outer, inner = (f"of {s} (line {s.at.line})" for s in unnamed)
        free = next(c for c in "ijklmnopqrstuvwxyz" if c not in self.names)
        return (
            f"'index' may be that {', '.join(outer)} or {inner}; name the outer "
            f"{'ones' if outer[1:] else 'one'}: index: {free}"
        )

    def counting(self, statement: Statement) -> Sight:
        """The sight of an instance of a repeated node."""
        if statement.repeat is None:
            return self
        names = self.names | {statement.counter or "index"}
        return self._replace(names=names, counters=(*self.counters, statement))

    def inside(self, inputs: tuple[str, ...], *names: str) -> Sight:
        """The sight of a scope with these inputs and further names of formulas."""
        sizes = (f"{name}.{size}" for name in inputs for size in DIMENSIONS)
        known = self.names.union(names, sizes)
        return self._replace(names=known, inputs=inputs, earlier={}, later=())


def inspect(unit: Unit) -> Faults:
    """Every fault of a file, with all that it inherits, that needs no values."""
    yield from _names(unit)
    file = Sight(unit, frozenset(), (), {}, set())
    yield from _params(file, unit.params, tuple(unit.inputs))
    file = file._replace(names=frozenset(unit.params))
    for entry in (*unit.require.values(), *unit.inputs.values()):
        yield from _formulas(entry.value, entry.at, file)
    yield from _defaults(file)
    for block in unit.blocks.values():
        yield from _block(file, block)
    if unit.graph is not None:
        declared = tuple(unit.inputs) if len(unit.inputs) > 1 else ("input",)
        scope = file.inside(declared)
        yield from _body(scope, unit.graph)
        for entry in (*unit.taps.values(), *unit.outputs.values()):
            yield from _formulas(entry.value, entry.at, scope)


def _names(unit: Unit) -> Faults:
    for name, entry in unit.inputs.items():
        yield from _caught(naming.check, name, entry.key)
    items: tuple[Mapping[str, Any], ...] = (unit.taps, unit.outputs)
    for name, entry in (pair for item in items for pair in item.items()):
        yield from _caught(naming.check, name, entry.key, number=True, attribute=False)
    for name, block in unit.blocks.items():
        yield from _caught(naming.check, name, block.at, attribute=False)


def _caught(check: Any, *args: Any, **kwargs: Any) -> Faults:
    """What a function that raises finds wrong."""
    try:
        check(*args, **kwargs)
    except SpecErrors as error:
        yield from error.errors
    except ArchspecError as error:
        yield error


def _params(
    sight: Sight, params: Mapping[str, Entry], inputs: tuple[str, ...]
) -> Faults:
    for name, entry in params.items():
        if name in RESERVED or name in inputs:
            yield SpecError(
                f"the param name {name!r} is reserved", code="AS311", at=entry.key
            )
        elif name in FUNCTIONS or name in CONSTANTS:
            yield SpecError(
                f"the param name {name!r} is a word of formulas",
                code="AS311",
                at=entry.key,
            )
        else:
            yield from _caught(naming.check, name, entry.key, attribute=False)
        yield from _formulas(entry.value, entry.at, sight)
        sight = sight._replace(names=sight.names | {name})


def _defaults(file: Sight) -> Faults:
    for kind, defaults in file.unit.defaults.items():
        faults = list(_caught(check_kind, file.unit, kind, defaults.at))
        yield from faults
        if faults:
            continue
        op = BY_KIND[kind]
        for key, entry in file.unit.default(kind).items():
            yield from _formulas(entry.value, entry.at, file)
            values = {key: entry.value}
            place = partial(_given_place, key, entry, op)
            others = {*op.model_fields, "from"} - {key}
            if not has_formula(entry.value):
                yield from _caught(
                    validated, op, values, place, defaults.at, tuple(others)
                )
            elif key not in op.model_fields:
                yield from _caught(validated, op, {key: 0}, place, defaults.at, others)


def _given_place(
    key: str, entry: Entry, op: type[Op], asked: str, *path: str
) -> Location:
    return entry.at if asked == key and key in op.model_fields else entry.key


def _block(file: Sight, block: Block) -> Faults:
    scope = file.inside(block.inputs)
    for name in block.inputs:
        if len(block.inputs) > 1 or name != "input":
            yield from _caught(naming.check, name, block.at)
    if len(set(block.inputs)) < len(block.inputs):
        yield SpecError(
            f"the block {block.name!r} has two inputs of one name",
            code="AS311",
            at=block.at,
        )
    yield from _params(scope, block.params, block.inputs)
    scope = file.inside(block.inputs, *block.params)
    yield from _body(scope, block.body)
    for name, entry in block.outputs.items():
        yield from _caught(naming.check, name, entry.key, attribute=False)
        yield from _formulas(entry.value, entry.at, scope)


def _body(scope: Sight, body: Body) -> Faults:
    if not body.statements:
        yield SpecError("a graph has at least one node", code="AS202", at=body.at)
    scope = scope._replace(later=body.statements)
    for position, statement in enumerate(body.statements.values()):
        if not body.listed and not BRACES.search(statement.key):
            yield from _caught(naming.check, statement.key, statement.at, number=True)
        if statement.name is not None:
            at = statement.place("name")
            yield from _caught(naming.check, statement.name, at, attribute=False)
            if statement.name in scope.earlier:
                yield SpecError(
                    f"the name {statement.name!r} is taken twice", code="AS311", at=at
                )
        yield from _statement(scope, statement, first=position == 0)
        scope.earlier[statement.name or statement.key] = _outputs(scope, statement)


def _outputs(scope: Sight, statement: Statement) -> tuple[str, ...] | None:
    """The names of a node's outputs; None where a formula or a file decides."""
    target = statement.target
    if statement.kind in ("op", "graph"):
        return ("",)
    if statement.kind == "block" and target in scope.unit.blocks:
        return tuple(scope.unit.blocks[target].outputs) or ("",)
    return None


def _statement(scope: Sight, statement: Statement, *, first: bool) -> Faults:
    own = scope.counting(statement)
    if statement.counter is not None:
        yield from _counter(scope, statement.counter, statement.place("index"))
    formulas = [
        (scope, statement.repeat, statement.place("repeat")),
        (scope, statement.sources, statement.place("from")),
        (own, statement.when, statement.place("when")),
        *((own, f"={text}", statement.at) for text in BRACES.findall(statement.key)),
        *((own, v, statement.place(k)) for k, v in statement.attributes.items()),
    ]
    if statement.kind != "graph":
        formulas.append((own, statement.target, statement.place(statement.kind)))
    wrong = [f for sight, raw, at in formulas for f in _formulas(raw, at, sight)]
    yield from (fault for fault in wrong if fault.code != "AS320")
    twice = [fault for fault in wrong if fault.code == "AS320"]
    if twice and not scope.told.issuperset(own.counters[:-1]):
        scope.told.update(own.counters[:-1])
        yield min(twice, key=_order)
    faults = list(_sources(scope, statement, first=first))
    yield from faults
    count = _count(statement) if not faults else None
    if statement.kind == "graph":
        assert statement.body is not None
        yield from _body(own.inside(("input",)), statement.body)
    elif is_formula(statement.target):
        return
    elif statement.kind == "op":
        yield from _op(scope.unit, statement, count)
    elif statement.kind == "block":
        yield from _call(scope.unit, statement, count)


def _order(fault: ArchspecError) -> tuple[int, int]:
    assert fault.at is not None
    return fault.at.line, fault.at.column


def _counter(scope: Sight, name: str, at: Location) -> Faults:
    """What is wrong with the name of a counter."""
    named = [s for s in scope.counters if s.counter == name]
    if name in RESERVED or name in FUNCTIONS or name in CONSTANTS:
        taken = "a word of the language"
    elif name in scope.names and not named:
        taken = "a param"
    elif f"{name}.channels" in scope.names or name in scope.unit.inputs:
        taken = "an input"
    elif named:
        taken = f"the counter of {named[0]} (line {named[0].at.line})"
    else:
        yield from _caught(naming.check, name, at, attribute=False)
        return
    yield SpecError(f"the name {name!r} is that of {taken}", code="AS311", at=at)


def _count(statement: Statement) -> int | None:
    raw = statement.sources
    if is_formula(raw):
        return None
    return len(raw) if isinstance(raw, list) else 1


def _sources(scope: Sight, statement: Statement, *, first: bool) -> Faults:
    raw = statement.sources
    if raw is None:
        if first and len(scope.inputs) > 1:
            inputs = ", ".join(scope.inputs)
            yield SpecError(
                f"the first node of a scope with inputs {inputs} says `from`",
                code="AS306",
                at=statement.at,
            )
        return
    at = statement.place("from")
    if raw == []:
        yield SpecError("`from` names at least one node", code="AS305", at=at)
    if is_formula(raw):
        return
    for index, ref in enumerate(raw if isinstance(raw, list) else [raw]):
        place = statement.place("from", index) if isinstance(raw, list) else at
        if isinstance(ref, bool) or not isinstance(ref, int | str):
            yield no_name(ref, place)
        elif not is_formula(ref):
            yield from _read(scope, str(ref), place)


def _read(scope: Sight, name: str, at: Location) -> Faults:
    node, _, output = name.partition(".")
    if name in scope.inputs or name in scope.earlier:
        node, output = name, ""
    if node in scope.earlier:
        outputs = scope.earlier[node]
        if outputs is not None and output not in outputs:
            named = ", ".join(outputs)
            if outputs == ("",):
                yield SpecError(
                    f"{node!r} has no output {output!r}",
                    code="AS307",
                    at=at,
                    hint=f"its only output is read as {node!r}",
                )
            elif output:
                yield SpecError(
                    f"{node!r} has no output {output!r}",
                    code="AS307",
                    at=at,
                    hint=nearest(output, outputs) or f"its outputs: {named}",
                )
        return
    dynamic = any(BRACES.search(key) for key in scope.earlier)
    if node in scope.inputs or dynamic:
        return
    known = (*scope.inputs, *scope.earlier)
    hint = nearest(name, known) or "it can read " + ", ".join(known[-20:])
    if name in scope.unit.inputs and "input" in scope.inputs:
        hint = "the only input of a scope is called `input`"
    elif node in scope.later:
        hint = f"{node!r} is written further down; a node reads what is above it"
    yield SpecError(
        f"there is no node {name!r} before this one", code="AS306", at=at, hint=hint
    )


def _op(unit: Unit, statement: Statement, count: int | None) -> Faults:
    kind = statement.target
    faults = list(_caught(check_kind, unit, kind, statement.place("op")))
    yield from faults
    if faults:
        return
    op = BY_KIND[kind]
    if statement.inline:
        yield SpecError(
            "an op has no children to inline",
            code="AS211",
            at=statement.place("inline"),
        )
    given = {key: entry.value for key, entry in unit.default(kind).items()}
    given |= statement.attributes
    later = [key for key, value in given.items() if has_formula(value)]
    values = {key: frozen(v) for key, v in given.items() if key not in later}
    values |= {key: 0 for key in later if key not in op.model_fields}
    place = partial(attribute_place, unit, statement, kind)
    yield from _caught(validated, op, values, place, statement.at, later)
    if count is not None:
        yield from _caught(check_arity, op, statement, count)


def _call(unit: Unit, statement: Statement, count: int | None) -> Faults:
    block = unit.blocks.get(statement.target)
    if block is None:
        yield no_block(unit, statement.target, statement.place("block"))
        return
    owner = f"the block {block.name!r}"
    if count is not None and count != len(block.inputs):
        yield wrong_count(owner, block.inputs, count, statement)
    for key, value in statement.attributes.items():
        at = statement.place(key, key=True)
        if key not in block.params:
            yield unknown_param(owner, key, block.params, at)
        elif not has_formula(value):
            kind = type_of(block.params[key])
            yield from _caught(
                accept, frozen(value), kind, f"{owner}: {key}", statement.place(key)
            )
    for name, entry in block.params.items():
        if name not in statement.attributes and entry.value in tuple(TYPES):
            yield missing(owner, name, entry, statement.at)


def no_block(unit: Unit, name: str, at: Location) -> SpecError:
    """The error for a block that isn't there."""
    known = ", ".join(unit.blocks) or "none"
    hint = nearest(name, unit.blocks) or f"the file's blocks: {known}"
    if name in BY_KIND:
        hint = f"an op is written {{op: {name}}}"
    return SpecError(f"there is no block {name!r}", code="AS309", at=at, hint=hint)


def wrong_count(
    owner: str, names: tuple[str, ...], found: int, statement: Statement
) -> SpecError:
    """The error for a block or a spec that reads too few or too many values."""
    values = "1 value" if len(names) == 1 else f"{len(names)} values"
    return SpecError(
        f"{owner} reads {values} ({', '.join(names)}), found {found}",
        code="AS317",
        at=statement.place("from"),
    )


def _formulas(raw: Any, at: Location, sight: Sight) -> Faults:
    """The faults of the formulas in a value."""
    if is_formula(raw):
        for fault in inspected(raw[1:].strip(), sight.names, sight.twice()):
            fault.at = formula_place(raw, at, fault)
            yield fault
    elif isinstance(raw, list):
        for index, item in enumerate(raw):
            yield from _formulas(item, _inner(raw, index, at), sight)
    elif isinstance(raw, dict):
        for key, item in raw.items():
            yield from _formulas(item, _inner(raw, key, at), sight)


def _inner(raw: Any, key: Any, at: Location) -> Location:
    return locate(raw, (key,)) if hasattr(raw, "at") else at

"""What is wrong with a file whatever its formulas give, also where nothing is built.

Expansion sees neither unused blocks nor absent nodes, and can't go past a node that
fails. So every statement is looked at here first; one that is faulty is not expanded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from archspec.errors import Collector, Location, SpecError, nearest
from archspec.language import names as naming
from archspec.language.formula import CONSTANTS, DIMENSIONS, FUNCTIONS, inspected
from archspec.language.params import accept, wrong_params
from archspec.language.reading import UNKNOWN, Sight
from archspec.language.syntax import (
    RESERVED,
    Block,
    Param,
    Statement,
    Unit,
)
from archspec.language.targets import (
    attribute_place,
    block_of,
    check_arity,
    check_inputs,
    op_of,
)
from archspec.language.values import (
    formula_place,
    formulas,
    frozen,
    has_formula,
    is_formula,
)
from archspec.ops import Op
from archspec.ops.validate import validated

AMBIGUOUS = "AS320"


class Seen(NamedTuple):
    """What formulas of a scope see: names, and the repeats around."""

    names: frozenset[str] = frozenset()
    repeats: tuple[Statement, ...] = ()

    def with_names(self, *names: str) -> Seen:
        """The same with further names."""
        return self._replace(names=self.names.union(names))

    def with_inputs(self, inputs: Iterable[str]) -> Seen:
        """The same with the sizes of inputs."""
        return self.with_names(*(f"{n}.{size}" for n in inputs for size in DIMENSIONS))

    def within(self, statement: Statement) -> Seen:
        """What an instance of a statement sees."""
        if statement.keys.repeat is None:
            return self
        more = self.with_names(statement.counter)
        return more._replace(repeats=(*self.repeats, statement))

    def misread(self) -> SpecError | None:
        """Why `index` may not be read: two counters have no name, or each has one."""
        unnamed = [s for s in self.repeats if s.keys.index is None]
        if len(unnamed) > 1:
            *outer, inner = (f"of {s} (line {s.at.line})" for s in unnamed)
            free = next(c for c in "ijklmnopqrstuvwxyz" if c not in self.names)
            message = (
                f"'index' may be that {', '.join(outer)} or {inner}; name the outer "
                f"{'ones' if outer[1:] else 'one'}: index: {free}"
            )
            return SpecError(message, code=AMBIGUOUS)
        if unnamed or not self.repeats:
            return None
        hints = (f"that of {s} (line {s.at.line}) is {s.counter}" for s in self.repeats)
        message = "a formula names 'index', but counters here have names of their own"
        return SpecError(message, code="AS301", hint=", ".join(hints))


def inspect(unit: Unit, faults: Collector) -> set[Statement]:
    """Tells all that is wrong with a file; returns the statements that are."""
    found = Inspection(unit, faults)
    found.whole()
    return found.faulty


class Inspection:
    """Looks at a file, with all that it inherits, without computing anything.

    Attributes:
        faults: where what is wrong goes.
        faulty: the statements that something is wrong with.
        told: repeated nodes that were said to need a name for their counter.
    """

    def __init__(self, unit: Unit, faults: Collector) -> None:
        self.unit = unit
        self.faults = faults
        self.keep = faults.keep
        self.faulty: set[Statement] = set()
        self.told: set[Statement] = set()

    def whole(self) -> None:
        """Looks at everything."""
        unit = self.unit
        for name, entry in unit.inputs.items():
            self.keep(naming.check, name, entry.key, naming.RESERVED)
        for name, entry in chain(unit.taps.items(), unit.outputs.items()):
            self.keep(naming.check, name, entry.key, naming.NONE, number=True)
        seen = self._params(Seen(), unit.params, unit.inputs)
        for entry in chain(unit.require.values(), unit.inputs.values()):
            self._formulas(entry.value, entry.at, seen)
        for kind in unit.defaults:
            self._defaults(kind, seen)
        for block in unit.blocks.values():
            self._block(block, seen)
        if unit.graph is not None:
            block = unit.block()
            scope = seen.with_inputs(block.inputs)
            self._graph(block, scope)
            for entry in chain(unit.taps.values(), unit.outputs.values()):
                self._formulas(entry.value, entry.at, scope)

    def _word(self, name: str, at: Location, taken: Mapping[str, str]) -> None:
        """A new word for formulas; `taken` says whose word it may not hide."""
        owner = taken.get(name)
        if name in RESERVED or name in FUNCTIONS or name in CONSTANTS:
            owner = "the language"
        if owner is None:
            self.keep(naming.check, name, at, naming.NONE)
        else:
            self._taken(name, at, owner)

    def _taken(self, name: str, at: Location, owner: str) -> None:
        message = f"the name {name!r} is taken by {owner}"
        self.faults.report(SpecError(message, code="AS311", at=at))

    def _params(
        self, seen: Seen, params: Mapping[str, Param], inputs: Iterable[str]
    ) -> Seen:
        for name, param in params.items():
            self._word(name, param.key, dict.fromkeys(inputs, "an input"))
            if has_formula(param.default):
                self._formulas(param.default, param.at, seen)
            elif not param.required:
                default = frozen(param.default)
                self.keep(accept, param, default, f"the param {name}", param.at)
            seen = seen.with_names(name)
        return seen

    def _defaults(self, kind: str, seen: Seen) -> None:
        op = self.keep(op_of, self.unit, kind, self.unit.defaults[kind].key)
        if op is not None:
            for key, entry in self.unit.default(kind).items():
                self._formulas(entry.value, entry.at, seen)
                others = op.model_fields.keys() - {key}
                self._attributes(op, None, {key: entry.value}, others)

    def _block(self, block: Block, seen: Seen) -> None:
        self.keep(naming.check, block.name, block.at, naming.NONE)
        for name in block.inputs if block.inputs != ("input",) else ():
            self.keep(naming.check, name, block.at, naming.RESERVED)
        if len(set(block.inputs)) < len(block.inputs):
            message = f"{block} has two inputs of one name"
            self.faults.report(SpecError(message, code="AS311", at=block.at))
        scope = seen.with_inputs(block.inputs)
        scope = self._params(scope, block.params, block.inputs)
        self._graph(block, scope)
        for name, entry in block.outputs.items():
            self.keep(naming.check, name, entry.key, naming.NONE)
            self._formulas(entry.value, entry.at, scope)

    def _graph(self, block: Block, seen: Seen) -> None:
        nodes: dict[str, tuple[str, ...] | None] = {}
        for statement in block.graph.items.values():
            before = len(self.faults.found)
            name = statement.keys.name
            if name is not None:
                self.keep(naming.check, name, statement.place("name"), naming.NONE)
                if name in nodes:
                    self._taken(name, statement.place("name"), "another node")
            elif not statement.listed and not statement.braced:
                at = statement.at
                self.keep(naming.check, statement.key, at, naming.RESERVED, number=True)
            sight = Sight(block.inputs, nodes, block.graph, self.unit)
            self._statement(statement, sight, seen)
            if len(self.faults.found) > before:
                self.faulty.add(statement)
            if statement.nested is not None:
                inner = seen.within(statement).with_inputs(("input",))
                self._graph(statement.nested, inner)
            nodes[name or statement.key] = self._outputs(statement)
            if statement.braced:
                nodes[UNKNOWN] = None

    def _outputs(self, statement: Statement) -> tuple[str, ...] | None:
        """The names of a node's outputs; None where a formula or a file decides."""
        if statement.kind in ("op", "graph"):
            return ("",)
        block = self.unit.blocks.get(statement.target)
        if statement.kind == "spec" or block is None:
            return None
        return tuple(block.outputs) or ("",)

    def _statement(self, statement: Statement, sight: Sight, seen: Seen) -> None:
        keys, inner = statement.keys, seen.within(statement)
        if keys.index is not None:
            self._counter(statement, seen)
        values = [(at, value, seen) for value, at in statement.outside()]
        values += [(at, value, inner) for value, at in statement.inside()]
        for at, value, scope in sorted(values, key=lambda item: item[0].order):
            self._formulas(value, at, scope)
        count = self._sources(statement, sight)
        target, at = statement.target, statement.place(statement.kind)
        if statement.kind == "op" and not is_formula(target):
            op = self.keep(op_of, self.unit, target, at)
            if op is not None:
                defaults = self.unit.default(target).items()
                given = {key: entry.value for key, entry in defaults}
                self._attributes(op, statement, given | statement.attributes)
                if count is not None and not _misread(statement, op.model_fields):
                    self.keep(check_arity, op, statement, count)
            return
        block = statement.nested
        if statement.kind == "block" and not is_formula(target):
            block = self.keep(block_of, self.unit, target, at)
        if block is not None:
            if count is not None and not _misread(statement, block.params):
                self.keep(check_inputs, block, statement, count)
            place, at = statement.place, statement.at
            for error in wrong_params(
                block, statement.attributes, statement.constants, place, at
            ):
                self.faults.report(error)

    def _counter(self, statement: Statement, seen: Seen) -> None:
        """The name of a counter hides no other name."""
        taken = dict.fromkeys(self.unit.inputs, "an input")
        for name in seen.names:
            taken[name.partition(".")[0]] = "an input" if "." in name else "a param"
        for outer in seen.repeats:
            taken[outer.counter] = f"the counter of {outer} (line {outer.at.line})"
        self._word(statement.keys.index, statement.place("index"), taken)

    def _sources(self, statement: Statement, sight: Sight) -> int | None:
        """How many values a node reads; None where that isn't known."""
        raw, at = statement.keys.from_, statement.place("from")
        if raw is None and not sight.nodes and len(sight.inputs) > 1:
            inputs = ", ".join(sight.inputs)
            message = f"the first node of a scope with inputs {inputs} says `from`"
            self.faults.report(SpecError(message, code="AS306", at=at))
        if raw is None or is_formula(raw):
            return 1 if raw is None else None
        refs = raw if isinstance(raw, list) and raw else [raw]
        for number, ref in enumerate(refs):
            if not is_formula(ref):
                self.keep(sight.find, ref, statement.place("from", number))
        return len(refs)

    def _attributes(
        self,
        op: type[Op],
        statement: Statement | None,
        given: Mapping[str, Any],
        others: Iterable[str] = (),
    ) -> None:
        """What can't be right of an op's attributes; `others` are said elsewhere."""
        later = [*others, *(key for key, value in given.items() if has_formula(value))]
        values = {key: frozen(v) for key, v in given.items() if key not in later}
        values |= {key: 0 for key in later if key not in op.model_fields}
        place = partial(attribute_place, self.unit, op.kind, statement)
        at = statement.at if statement else self.unit.defaults[op.kind].key
        self.keep(validated, op, values, place, at, later)

    def _formulas(self, raw: Any, at: Location, seen: Seen) -> None:
        """Looks at the formulas in a value."""
        for text, place in formulas(raw, at):
            for fault in inspected(text[1:].strip(), seen.names, seen.misread):
                outer = seen.repeats[:-1] if fault.code == AMBIGUOUS else ()
                fault.at = formula_place(text, place, fault)
                if not outer or not self.told.issuperset(outer):
                    self.faults.report(fault)
                self.told.update(outer)


def _misread(statement: Statement, known: Collection[str]) -> bool:
    """Whether `from` seems to be misspelled, so that what is read isn't known."""
    strange = [key for key in statement.attributes if key not in known]
    return any(nearest(key, ["from"]) for key in strange)

"""From statements to nodes: what each reads, its instances, and the scopes in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from archspec.errors import ArchspecError, Location, SpecError, Told
from archspec.graph import Alias, Scope
from archspec.language import names as naming
from archspec.language.builder import Builder, Instance
from archspec.language.context import Context, Member, Outputs, Space, no_path
from archspec.language.faults import Faults
from archspec.language.files import Files
from archspec.language.inspection import inspect
from archspec.language.params import Bound, bind, require
from archspec.language.reading import several
from archspec.language.replay import Original, likeness, replay
from archspec.language.syntax import BRACES, Block, Entry, Statement, Unit
from archspec.language.targets import block_of, check_inputs, op_of
from archspec.language.values import CLEAN, Variables, is_formula, known
from archspec.limits import Budget

T = TypeVar("T")


class Expander:
    """Expands scopes; what fails is kept, and everything else goes on."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.limits = files.limits
        self.faults = Faults(files)
        self.budget = Budget(files.limits)
        self.built = Builder(self.budget)
        self.faulty: set[Statement] = set()
        self.inspected: dict[str, bool] = {}

    def inspect(self, unit: Unit) -> bool:
        """Whether nothing is wrong with a file whatever its formulas give."""
        if unit.file not in self.inspected:
            before = len(self.faults.found)
            self.faulty |= inspect(unit, self.faults)
            self.inspected[unit.file] = len(self.faults.found) == before
        return self.inspected[unit.file]

    def close(self, context: Context, declared: Mapping[str, Entry]) -> Member:
        """Expands a scope's statements; notes its outputs in the scope."""
        outputs = self._statements(context)
        if declared:
            outputs = self.find(context, declared)
        elif outputs is None:
            raise Told
        elif "" not in outputs:
            raise several("the last node", outputs, context.graph.at)
        context.scope.outputs.update(outputs)
        return Member(outputs, context.members)

    def find(self, context: Context, entries: Mapping[str, Entry]) -> Outputs:
        """The values at paths, by name."""
        found = {k: self._keep(context, self._find, e) for k, e in entries.items()}
        values = {name: value for name, value in found.items() if value is not None}
        if len(values) < len(found):
            raise Told
        return values

    def _find(self, context: Context, entry: Entry) -> str:
        value = context.find(entry)
        if value not in self.built.shapes:
            hint = "it belongs to the head, which doesn't exist with `taps`"
            raise no_path(str(entry.value), hint, entry.at)
        return value

    def _keep(self, context: Context, step: Callable[..., T], *args: Any) -> T | None:
        """The result of a step; None where it fails, after that was told."""
        try:
            return step(context, *args)
        except ArchspecError as error:
            self.faults.report(error, context.scope)
            return None

    def _statements(self, context: Context) -> Outputs | None:
        """Expands the statements of a scope; returns the last one's outputs."""
        outputs: Outputs | None = {"": next(iter(context.scope.inputs.values()))}
        for statement in context.graph.items.values():
            outputs = self._keep(context, self._statement, statement, outputs)
            if outputs is None:
                context.fail(statement)
        return outputs

    def _statement(
        self, context: Context, statement: Statement, before: Outputs | None
    ) -> Outputs:
        """Expands all instances of a statement, each of which reads the one before it.

        Returns what its readers get: where no instance exists, what it would read.
        """
        if statement in self.faulty:
            raise Told
        for key, texts in statement.decides.items():
            context.scope.decide(key, *texts)
        sources = self._sources(context, statement, before)
        count, repeat = self._repeat(context, statement, sources)
        named = not statement.braced and not statement.listed
        if named:
            context.claim(statement.key, statement)
        if count == 0:
            context.scope.decide(statement.key, repeat or "0")
            self._gone(context, statement)
        outputs: Outputs = {"": sources[0]}
        made: dict[str, Member] = {}
        for index in [None] if count is None else range(count):
            variables = context.variables
            if index is not None:
                variables = variables.child()
                variables.set(statement.counter, index)
            instance = Instance(
                context, statement, variables, sources, index, count or 1, repeat
            )
            member = self._instance(instance)
            if member.outputs:
                made[str(index)], outputs = member, member.outputs
            if statement.braced:
                context.remember(instance.key, outputs, member)
            sources = tuple(outputs.values())
        if named or statement.keys.name:
            found = made.get("None") or (Member(outputs, made) if made else Member())
            context.remember(statement.keys.name or statement.key, outputs, found)
        return outputs

    def _instance(self, instance: Instance) -> Member:
        """Expands one instance; without outputs it does not exist."""
        statement, space = instance.statement, instance.context.space
        self._name(instance)
        if not self._present(instance):
            self._gone(instance.context, statement)
            if statement.target != "identity":  # which would change no value
                instance.context.scope.decide(statement.key, instance.when or "0")
            self.budget.spend(Budget.ABSENT, statement.at)
            return Member()
        if statement.keys.inline:
            instance.name = space.path
        elif space.listed:
            instance.key = space.number()
            instance.name = space.full(instance.key)
        self._evaluate(instance)
        start = len(self.built.nodes)
        member = self._made(instance)
        made = len(self.built.nodes) - start
        # Later instances may be smaller than the first, but hardly by half.
        if instance.index == 0 and not self.built.room(made * instance.count // 2):
            raise self.built.too_many(made * instance.count, statement.place("repeat"))
        if not made and (instance.index is not None or space.listed):
            raise SpecError(
                f"nothing is left of {instance.name!r}, which has a number",
                code="AS319",
                at=statement.at,
                hint="a `when` of its own, not of its children, frees the number",
            )
        if instance.index is not None and "" not in member.outputs:
            message = "a repeated node has one output"
            raise SpecError(message, code="AS317", at=statement.at)
        if space.listed and not statement.keys.inline:
            instance.context.note(instance.key, member)
        return member

    def _gone(self, context: Context, statement: Statement) -> None:
        self.built.absent[context.scope.definition, statement.key] = None

    def _name(self, instance: Instance) -> None:
        """Gives an instance its name; in a list it has one only if it exists."""
        context, statement = instance.context, instance.statement
        instance.key = statement.key
        if statement.braced:
            instance.key = self._filled(statement, instance.variables)
            context.claim(instance.key, statement)
        elif instance.index is not None:
            instance.key = f"{statement.key}.{instance.index}"
        instance.name = context.space.full(instance.key)
        alias = statement.keys.alias
        if alias is not None:
            at, pieces = statement.place("alias"), tuple(BRACES.split(alias))
            told = [self._number(p, instance.variables, at) for p in pieces[1::2]]
            instance.alias = Alias(pieces, tuple(told))
            self.built.aliased = True
            naming.check_alias(str(instance.alias), at)

    def _present(self, instance: Instance) -> bool:
        statement, variables = instance.statement, instance.variables
        when, at = statement.keys.when, statement.place("when")
        if when is True:
            return True
        words = "`when` is true or false"
        found = known(when, variables, at, words, (bool,))
        # Of a node that isn't there printed code knows nothing.
        free = self.built.free if found.value else CLEAN
        self.built.decide(found.taint - free, at)
        instance.when = found.text
        return bool(found.value)

    def _filled(self, statement: Statement, variables: Variables) -> str:
        """The name that the formulas in braces give."""

        def value(match: re.Match[str]) -> str:
            return str(self._number(match[1], variables, statement.at))

        name = BRACES.sub(value, statement.key)
        naming.check(name, statement.at, naming.RESERVED, number=True)
        return name

    def _number(self, text: str, variables: Variables, at: Location) -> int:
        """The value of a formula in braces."""
        words = "braces in a name hold a whole number"
        return int(str(self.built.fix(f"={text}", variables, at, words, (int,)).value))

    def _repeat(
        self, context: Context, statement: Statement, sources: tuple[str, ...]
    ) -> tuple[int | None, str | None]:
        """How many instances there are, and the formula that says so."""
        raw, at = statement.keys.repeat, statement.place("repeat")
        if raw is None:
            return None, None
        words = "`repeat` is a whole number from 0"
        found = self.built.fix(raw, context.variables, at, words, (int,))
        count = int(str(found.value))
        if count < 0:
            raise SpecError(f"{words}, found {count}", code="AS305", at=at)
        if count > self.limits.nodes:
            raise self.built.too_many(count, at)
        if len(sources) != 1:
            message = f"a repeated node reads one value, found {len(sources)}"
            raise SpecError(message, code="AS317", at=statement.at)
        return count, found.text

    def _sources(
        self, context: Context, statement: Statement, before: Outputs | None
    ) -> tuple[str, ...]:
        """The values that a node reads; Told where one of them failed."""
        if statement.keys.from_ is None:
            if before is None:
                raise Told
            if "" not in before:
                raise several("the node before it", before, statement.at)
            return (before[""],)
        at = statement.place("from")
        found = self.built.fix(statement.keys.from_, context.variables, at).value
        inputs = context.scope.inputs
        if len(inputs) > 1:
            said = found if isinstance(found, tuple) else (found,)
            names = tuple(str(ref) if str(ref) in inputs else "" for ref in said)
            context.scope.named[statement.key] = names
        if not isinstance(found, tuple) or not found:
            return (context.read(found, at),)
        places = (statement.place("from", number) for number in range(len(found)))
        return tuple(map(context.read, found, places))

    def _evaluate(self, instance: Instance) -> None:
        """Computes what an instance is of, and its attributes."""
        statement, variables = instance.statement, instance.variables
        instance.given = statement.given(variables)
        instance.target = statement.target if statement.nested is None else ""
        if is_formula(instance.target):
            at = statement.place(statement.kind)
            if statement.kind == "op":
                instance.target = self.built.choose(statement.target, variables, at)
                op_of(instance.context.unit, instance.target, at)
            else:
                words = f"`{statement.kind}` is a name"
                found = self.built.fix(statement.target, variables, at, words, (str,))
                instance.target = str(found.value)

    def _made(self, instance: Instance) -> Member:
        """Makes the nodes of an instance, by itself or as a copy of an earlier one."""
        like, copied = likeness(self.built, instance), instance.context.copied
        original = copied.get(like)
        if original and self.built.room(len(original.nodes)):
            return replay(self.built, original, instance)
        self.budget.spend(Budget.STEP, instance.statement.at)
        start, faults = len(self.built.nodes), len(self.faults.found)
        if instance.statement.kind == "op":
            member = Member({"": self.built.add(instance)})
        else:
            member = self._open(instance)
        if like and len(self.faults.found) == faults:
            nodes, (source,) = self.built.nodes[start:], instance.sources
            copied[like] = Original(instance.name, source, nodes, member)
        return member

    def _open(self, instance: Instance) -> Member:
        """Expands an instance of a nested graph, a block or a spec."""
        context, statement, built = instance.context, instance.statement, self.built
        if len(context.open) >= self.limits.depth:
            message = f"scopes nest {self.limits.depth} deep"
            raise self.limits.error("depth", "AS121", message, statement.at)
        unit, block = self._block(instance)
        if block.kind != "graph" and _definition(unit.file, block) in context.open:
            message, at = f"{block} contains itself", statement.place(statement.kind)
            raise SpecError(message, code="AS318", at=at)
        check_inputs(block, statement, len(instance.sources))
        if statement.keys.inline and block.graph.listed != context.space.listed:
            message = "a list is inlined into a list, a mapping into a mapping"
            raise SpecError(message, code="AS211", at=statement.place("inline"))
        aliases = (s for s in block.graph.items.values() if s.keys.alias is not None)
        if block.graph.listed and statement.keys.inline and any(aliases):
            message = f"{block} is numbered on in another list, so it has no aliases"
            raise SpecError(message, code="AS211", at=statement.place("inline"))
        if block.kind == "file" and not self.inspect(unit):
            raise Told
        fresh: dict[str, Callable[[], Variables]] = {
            "graph": instance.variables.child,
            "block": context.file.child,
            "file": partial(Variables, self.budget),
        }
        variables = instance.variables = fresh[block.kind]()
        built.set_sizes(variables, block.inputs, instance.sources)
        place, at = statement.place, statement.at
        bound = bind(block, instance.given, variables, place, at)
        if block.kind == "file":
            require(unit, variables)
        inner = self.enter(unit, block, instance, bound)
        start = len(built.nodes)
        member = self.close(inner, block.outputs)
        if statement.keys.taps:
            built.prune(start, member.outputs.values())
        return member

    def enter(
        self, unit: Unit, block: Block, instance: Instance, bound: Bound
    ) -> Context:
        """Opens the scope of an instance, whose variables are those inside."""
        statement, variables = instance.statement, instance.variables
        outer = instance.outer
        # Of the text: a block that files inherit is one.
        definition = _definition(block.graph.at.file, block)
        if outer is not None and block.kind == "graph":
            definition = f"{outer.scope.definition}/{statement.key}"
        texts = {name: item.text for name, item in instance.given.items() if item.text}
        scope = Scope(
            name=instance.name,
            parent=outer.scope if outer else None,
            slot=statement.key,
            definition=definition,
            title=block.name,
            kind=block.kind,
            listed=block.graph.listed,
            inline=statement.keys.inline,
            index=instance.index,
            count=instance.count,
            counter=statement.keys.index or "",
            params=bound.values,
            texts=texts,
            defaults=bound.defaults,
            taints=variables.taints,
            when=instance.when,
            repeat=instance.repeat,
            inputs=dict(zip(block.inputs, instance.sources, strict=True)),
            outputs={},
            at=statement.at,
            description=block.description,
            alias=instance.alias,
        )
        inline = outer if statement.keys.inline else None
        return Context(
            unit=unit,
            file=variables if outer is None or block.kind == "file" else outer.file,
            variables=variables,
            scope=scope,
            space=inline.space if inline else Space(instance.name, block.graph.listed),
            graph=block.graph,
            open=(*(outer.open if outer else ()), _definition(unit.file, block)),
            outer=inline,
        )

    def _block(self, instance: Instance) -> tuple[Unit, Block]:
        """What an instance is of, and the file that it stands in."""
        statement, unit = instance.statement, instance.context.unit
        if statement.nested is not None:
            return unit, statement.nested
        target, at = instance.target, statement.place(statement.kind)
        if statement.kind == "block":
            return unit, block_of(unit, target, at)
        unit = self.files.named(target, at)
        if unit.graph is None:
            raise SpecError(f"{target!r} has no graph", code="AS101", at=at)
        if not statement.keys.taps:
            return unit, unit.block()
        if not unit.taps:
            at = statement.place("taps")
            raise SpecError(f"{target!r} has no taps", code="AS307", at=at)
        return unit, unit.block()._replace(outputs=unit.taps)


def _definition(file: str, block: Block) -> str:
    """The identity of a block or a file."""
    return f"{file}#{block.name if block.kind == 'block' else ''}"

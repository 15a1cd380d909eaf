"""From a spec to a graph: params bound, scopes opened, nodes made."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from archspec.errors import LimitError, Location, SpecError
from archspec.graph import Scope, Value
from archspec.language.context import Context, Instance, Outputs
from archspec.language.inspection import inspect, no_block, wrong_count
from archspec.language.params import Known, Names, bind, known, require
from archspec.language.schema import shown
from archspec.language.statements import Statements
from archspec.language.written import Body, Statement

NESTING = 64


class Expander(Statements):
    """Opens blocks, nested graphs and specs."""

    def open(
        self, context: Context, instance: Instance, sources: tuple[str, ...]
    ) -> Outputs:
        statement = instance.statement
        if len(context.opened) >= NESTING:
            raise LimitError(
                f"scopes nest {NESTING} deep", code="AS121", at=statement.at
            )
        if statement.kind == "graph":
            assert statement.body is not None
            if len(sources) != 1:
                raise SpecError(
                    f"a nested graph reads one value, found {len(sources)}",
                    code="AS317",
                    at=statement.place("from"),
                    hint="only blocks and files have several inputs",
                )
            definition = f"{context.scope.definition}/{statement.key}"
            names = instance.names.child()
            scope = self._scope(
                context,
                instance,
                names,
                {"input": sources[0]},
                definition,
                statement.body,
            )
            inner = self._inner(context, instance, scope, names)
            return self.close(inner, statement.body, {})
        target = self._target(context, instance)
        if statement.kind == "block":
            return self._block(context, instance, sources, target)
        return self._spec(context, instance, sources, target)

    def _target(self, context: Context, instance: Instance) -> str:
        statement = instance.statement
        at = statement.place(statement.kind)
        found = self.built.fix(statement.target, instance.names, at).value
        if not isinstance(found, str):
            raise SpecError(
                f"`{statement.kind}` is a name, found {shown(found)}",
                code="AS305",
                at=at,
            )
        return found

    def _given(
        self, instance: Instance, declared: Collection[str]
    ) -> tuple[dict[str, Known], dict[str, Location], dict[str, str]]:
        statement = instance.statement
        places = {
            key: statement.place(key, key=key not in declared)
            for key in statement.attributes
        }
        given = {
            key: known(raw, instance.names, statement.place(key))
            for key, raw in statement.attributes.items()
        }
        return given, places, {k: v.text for k, v in given.items() if v.text}

    def _block(
        self,
        context: Context,
        instance: Instance,
        sources: tuple[str, ...],
        target: str,
    ) -> Outputs:
        statement = instance.statement
        block = context.unit.blocks.get(target)
        if block is None:
            raise no_block(context.unit, target, statement.place("block"))
        key = f"{context.unit.file}#{target}"
        self._no_cycle(context, key, target, statement)
        inputs = self._inputs(block.inputs, sources, f"the block {target!r}", statement)
        given, places, texts = self._given(instance, block.params)
        like = self.likeness(instance, target, given, sources[0])
        made, before = context.like.get(like), self.marks()
        if made and before.nodes + len(made.nodes) <= self.files.limits.nodes:
            return self.replay(made, context, instance, sources[0])
        names = context.file_names.child()
        self.dimensions(names, inputs)
        values, defaults = bind(
            block.params, given, places, names, f"the block {target!r}", statement.at
        )
        scope = self._scope(
            context,
            instance,
            names,
            inputs,
            key,
            block.body,
            target,
            values,
            texts,
            defaults,
        )
        inner = self._inner(context, instance, scope, names, key)
        outputs = self.close(inner, block.body, block.outputs)
        if like and not self.faults:
            context.like[like] = self.record(instance, sources[0], outputs, before)
        return outputs

    def _no_cycle(
        self, context: Context, key: str, target: str, statement: Statement
    ) -> None:
        if key in context.opened:
            raise SpecError(
                f"{target!r} contains itself",
                code="AS318",
                at=statement.place(statement.kind),
            )

    def _inputs(
        self,
        names: tuple[str, ...],
        sources: tuple[str, ...],
        owner: str,
        statement: Statement,
    ) -> dict[str, str]:
        if len(names) != len(sources):
            raise wrong_count(owner, names, len(sources), statement)
        return dict(zip(names, sources, strict=True))

    def dimensions(self, names: Names, inputs: dict[str, str]) -> None:
        """Lets formulas read the sizes of a scope's inputs."""
        for name, value in inputs.items():
            names.set_input(name, self.built.shapes[value], self.built.taints[value])

    def _spec(
        self,
        context: Context,
        instance: Instance,
        sources: tuple[str, ...],
        target: str,
    ) -> Outputs:
        statement = instance.statement
        unit = self.files.named(target, statement.place("spec"))
        key = f"{unit.file}#"
        self._no_cycle(context, key, target, statement)
        if unit.file not in self.inspected:
            self.inspected.add(unit.file)
            for fault in inspect(unit):
                self.report(context, fault)
        if unit.graph is None:
            raise SpecError(
                f"{target!r} has no graph", code="AS101", at=statement.place("spec")
            )
        declared = tuple(unit.inputs) if len(unit.inputs) > 1 else ("input",)
        inputs = self._inputs(declared, sources, f"the spec {target!r}", statement)
        given, places, texts = self._given(instance, unit.params)
        names = Names(work=context.names.work, memo=context.names.memo)
        self.dimensions(names, inputs)
        values, defaults = bind(
            unit.params, given, places, names, f"the spec {target!r}", statement.at
        )
        require(unit.require, names, f"the spec {target!r}")
        scope = self._scope(
            context,
            instance,
            names,
            inputs,
            key,
            unit.graph,
            unit.name,
            values,
            texts,
            defaults,
        )
        inner = self._inner(context, instance, scope, names, key)
        inner.unit, inner.file_names = unit, names.params()
        outputs = self.close(inner, unit.graph, {} if statement.taps else unit.outputs)
        if not statement.taps:
            return outputs
        if not unit.taps:
            raise SpecError(
                f"{target!r} has no taps", code="AS307", at=statement.place("taps")
            )
        outputs = {name: self.found(inner, entry) for name, entry in unit.taps.items()}
        scope.outputs.clear()
        scope.outputs.update(outputs)
        return outputs

    def _scope(
        self,
        context: Context,
        instance: Instance,
        names: Names,
        inputs: dict[str, str],
        definition: str,
        body: Body,
        title: str | None = None,
        params: dict[str, Value] | None = None,
        texts: dict[str, str] | None = None,
        defaults: dict[str, str] | None = None,
    ) -> Scope:
        statement = instance.statement
        if statement.inline and body.listed != context.space.listed:
            raise SpecError(
                "a list is inlined into a list, a mapping into a mapping",
                code="AS211",
                at=statement.place("inline"),
            )
        instance.space.listed = body.listed
        return Scope(
            name=instance.name,
            parent=context.scope,
            slot=statement.key,
            definition=definition,
            title=title or statement.name or statement.key,
            kind={"spec": "file"}.get(statement.kind, statement.kind),
            listed=body.listed,
            inline=statement.inline,
            index=instance.index,
            count=instance.count,
            counter=statement.counter or "",
            params=params or {},
            texts=texts or {},
            defaults=defaults or {},
            taints=names.taints,
            when=instance.when,
            repeat=instance.repeat,
            inputs=inputs,
            outputs={},
            at=statement.at,
        )

    def _inner(
        self,
        context: Context,
        instance: Instance,
        scope: Scope,
        names: Names,
        key: str = "",
    ) -> Context:
        if instance.statement.kind == "graph":
            self.dimensions(names, dict(scope.inputs))
        return Context(
            context.unit,
            context.file_names,
            names,
            scope,
            instance.space,
            self._prefixes(context, instance),
            (*context.opened, key),
        )

    def _prefixes(self, context: Context, instance: Instance) -> tuple[str, ...]:
        """The paths below which children are found; the first is the scope's own."""
        if not instance.statement.inline:
            return instance.prefixes or (instance.name,)
        own = instance.prefixes or (f"{context.prefixes[0]}.{len(self.paths)}\0",)
        return (*own, *context.prefixes)

    def close(self, context: Context, body: Body, declared: dict[str, Any]) -> Outputs:
        """Expands a scope's body; returns its outputs, and notes them in the scope."""
        outputs = self.body(context, body)
        if declared:
            outputs = {
                name: self.found(context, entry) for name, entry in declared.items()
            }
        elif "" not in outputs:
            raise SpecError(
                f"the last node has the outputs {', '.join(outputs)}",
                code="AS307",
                at=body.at,
                hint="a file and a block name their own with `outputs`",
            )
        context.scope.outputs.update(outputs)
        self.closed.extend(outputs.values())
        self.scopes.append(context.scope)
        return outputs

"""From the statements of a scope to nodes: repeats, names, and what each reads."""

from __future__ import annotations

import re
from typing import Any

from archspec.errors import (
    ArchspecError,
    LimitError,
    Location,
    SpecError,
    nearest,
)
from archspec.graph import Value
from archspec.language import names as naming
from archspec.language.context import BROKEN, Context, Instance, Outputs, Space, join
from archspec.language.files import Files
from archspec.language.params import Names, known
from archspec.language.replay import Replay
from archspec.language.schema import shown
from archspec.language.written import Body, Entry, Statement

BRACES = re.compile(r"\{([^{}]*)\}")
ABSENT: Outputs = {}
"""The outputs of a path whose node does not exist."""


class Statements(Replay):
    """Takes statements in order.

    Attributes:
        weight: how many times the open instances stand for, if all are like the first.
    """

    def __init__(self, files: Files) -> None:
        super().__init__(files)
        self.inspected: set[str] = set()
        self.weight = 1

    def found(self, context: Context, entry: Entry) -> str:
        """The value at a path; broken, and the error kept, where there is none."""
        try:
            return self.path(context, entry)
        except SpecError as error:
            self.report(context, error)
            return BROKEN[""]

    def body(self, context: Context, body: Body) -> Outputs:
        """Expands the statements of a scope; returns the last one's outputs."""
        outputs: Outputs | None = None
        for statement in body.statements.values():
            try:
                outputs = self._statement(context, statement, outputs)
            except ArchspecError as error:
                self.report(context, error)
                outputs = BROKEN
                self._remember(context, statement, outputs)
                context.broken |= bool(BRACES.search(statement.key))
        if outputs is None:
            raise SpecError("a graph has at least one node", code="AS202", at=body.at)
        return outputs

    def _statement(
        self, context: Context, statement: Statement, before: Outputs | None
    ) -> Outputs:
        for key, texts in statement.decides:
            context.scope.decide(key, texts)
        sources = self._sources(context, statement, before)
        count, repeat = self._repeat(context, statement, sources)
        braced = not context.space.listed and bool(BRACES.search(statement.key))
        if not context.space.listed and not braced:
            self._claim(context, statement.key, statement)
        last: Outputs = {"": sources[0]}
        path = ABSENT
        if count == 0:
            context.scope.decide(statement.key, frozenset((repeat or "0",)))
        for index in range(1 if count is None else count):
            names = context.names
            if count is not None:
                names = names.child()
                names.set(statement.counter or "index", index)
            key = statement.key
            if braced:
                key = self._fill(key, names, statement.at)
                self._claim(context, key, statement)
            present, when = self._when(statement, names)
            if not present:
                context.scope.decide(statement.key, frozenset((when or "0",)))
                if braced:
                    self._remember(context, statement, last, ABSENT, key)
                continue
            if count is not None and not braced:
                key = f"{key}.{index}"
            name, space, prefixes = self._name(context, statement, key, index, count)
            instance = Instance(
                statement,
                names,
                name,
                space,
                prefixes,
                None if count is None else index,
                1 if count is None else count,
                when,
                repeat,
            )
            nodes = len(self.built.nodes)
            last = path = self._weighed(context, instance, sources)
            numbered = count is not None or context.space.listed
            if numbered and len(self.built.nodes) == nodes and last is not BROKEN:
                raise SpecError(
                    f"nothing is left of {name!r}, which has a number",
                    code="AS319",
                    at=statement.at,
                    hint="a `when` of its own, not of its children, frees the number",
                )
            for prefix in prefixes if statement.inline else {*prefixes, name}:
                self.paths[prefix] = last
            if braced:
                self._remember(context, statement, last, last, key)
            if last is BROKEN:
                break
            if count is not None:
                if "" not in last:
                    raise SpecError(
                        "a repeated node has one output", code="AS317", at=statement.at
                    )
                sources = tuple(last.values())
        if not braced and (not context.space.listed or statement.name):
            self._remember(context, statement, last, path)
        return last

    def _claim(self, context: Context, key: str, statement: Statement) -> None:
        """Checks a name of the scope, and takes it."""
        naming.check(key, statement.at, number=True)
        if key == "input" or key in context.scope.inputs:
            raise SpecError(
                f"the name {key!r} is taken by an input of the scope",
                code="AS311",
                at=statement.at,
            )
        if key in context.local:
            raise SpecError(
                f"the name {key!r} is taken twice", code="AS311", at=statement.at
            )
        if not statement.inline:
            context.space.take(key, statement.at)

    def _when(self, statement: Statement, names: Names) -> tuple[bool, str | None]:
        if statement.when is True:
            return True, None
        at = statement.place("when")
        found = self.built.fix(statement.when, names, at)
        if not isinstance(found.value, bool):
            raise SpecError(
                f"`when` is true or false, found {shown(found.value)}",
                code="AS305",
                at=at,
            )
        return found.value, found.text

    def _remember(
        self,
        context: Context,
        statement: Statement,
        outputs: Outputs,
        path: Outputs = BROKEN,
        key: str = "",
    ) -> None:
        """Notes what readers of a name get, and what taps get, who want no stand-in."""
        name = key or statement.name or statement.key
        context.local[name] = outputs
        for prefix in context.prefixes:
            self.paths[join(prefix, name)] = path

    def _repeat(
        self, context: Context, statement: Statement, sources: tuple[str, ...]
    ) -> tuple[int | None, str | None]:
        if statement.repeat is None:
            return None, None
        at = statement.place("repeat")
        found = self.built.fix(statement.repeat, context.names, at)
        count = found.value
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise SpecError(
                f"`repeat` is a whole number, found {shown(count)}", code="AS305", at=at
            )
        if count > self.files.limits.nodes:
            raise LimitError(
                f"a graph has at most {self.files.limits.nodes} nodes",
                code="AS321",
                at=at,
            )
        if len(sources) != 1:
            raise SpecError(
                f"a repeated node reads one value, found {len(sources)}",
                code="AS317",
                at=statement.at,
            )
        return count, found.text

    def _name(
        self,
        context: Context,
        statement: Statement,
        key: str,
        index: int,
        count: int | None,
    ) -> tuple[str, Space, tuple[str, ...]]:
        """Full name, space of the children (no op has any) and paths of an instance."""
        space = context.space
        steps = [key]
        if space.listed:
            steps = [statement.name] if statement.name else []
            if count is not None:
                steps = [f"{step}.{index}" for step in steps]
        if statement.inline:
            prefixes = tuple(join(p, s) for p in context.prefixes for s in steps)
            return space.path, space, prefixes
        if space.listed:
            key = space.number()
            steps.append(key)
        name = space.full(key)
        prefixes = tuple([join(p, s) for p in context.prefixes for s in steps])
        if statement.kind != "op":
            space = Space(name, listed=False)
        return name, space, prefixes

    def _fill(self, key: str, names: Names, at: Location) -> str:
        def value(match: re.Match[str]) -> str:
            found = self.built.fix("=" + match[1], names, at).value
            if not isinstance(found, int) or isinstance(found, bool):
                raise SpecError(
                    f"braces in a name hold a whole number, found {shown(found)}",
                    code="AS305",
                    at=at,
                )
            return str(found)

        return BRACES.sub(value, key)

    def _sources(
        self, context: Context, statement: Statement, before: Outputs | None
    ) -> tuple[str, ...]:
        raw = statement.sources
        if raw is None:
            if before is not None:
                return (self.only(before, "the node before it", statement.at),)
            if len(context.scope.inputs) > 1:
                inputs = ", ".join(context.scope.inputs)
                raise SpecError(
                    f"the first node of a scope with inputs {inputs} says `from`",
                    code="AS306",
                    at=statement.at,
                )
            return tuple(context.scope.inputs.values())
        at = statement.place("from")
        found = self.built.fix(raw, context.names, at).value
        if not isinstance(found, tuple):
            return (self.read(context, found, at),)
        if not found:
            raise SpecError("`from` names at least one node", code="AS305", at=at)
        return tuple(
            [
                self.read(context, ref, statement.place("from", index))
                for index, ref in enumerate(found)
            ]
        )

    def only(self, outputs: Outputs, what: str, at: Location) -> str:
        if "" not in outputs:
            listed = ", ".join(outputs)
            raise SpecError(
                f"{what} has the outputs {listed}",
                code="AS307",
                at=at,
                hint=f"say which: NODE.{next(iter(outputs), 'output')}",
            )
        return outputs[""]

    def read(self, context: Context, ref: Value, at: Location) -> str:
        """The value that a name of the scope stands for."""
        if isinstance(ref, bool) or not isinstance(ref, int | str):
            raise no_name(ref, at)
        name = str(ref)
        if name in context.local:
            return self.only(context.local[name], repr(name), at)
        if name in context.scope.inputs:
            return context.scope.inputs[name]
        node, _, output = name.partition(".")
        if output and node in context.local:
            outputs = context.local[node]
            if output in outputs:
                return outputs[output]
            if outputs is BROKEN:
                return BROKEN[""]
            raise SpecError(
                f"{node!r} has no output {output!r}",
                code="AS307",
                at=at,
                hint=nearest(output, outputs) or "its outputs: " + ", ".join(outputs),
            )
        if context.broken:
            return BROKEN[""]
        known_names = (*context.scope.inputs, *context.local)[-20:]
        raise SpecError(
            f"there is no node {name!r} before this one",
            code="AS306",
            at=at,
            hint=nearest(name, known_names)
            or "it can read " + ", ".join(known_names[-20:]),
        )

    def _weighed(
        self, context: Context, instance: Instance, sources: tuple[str, ...]
    ) -> Outputs:
        """Refuses a repeat whose first instance shows that it can't be afforded."""
        if instance.index != 0:
            return self._instance(context, instance, sources)
        outer, before = self.weight, len(self.built.nodes)
        self.weight *= instance.count
        try:
            outputs = self._instance(context, instance, sources)
            made = (len(self.built.nodes) - before) * self.weight
        finally:
            self.weight = outer
        most = self.files.limits.nodes
        # Later instances may be smaller than the first, but hardly by half.
        if made > 2 * most:
            raise LimitError(
                f"a graph has at most {most} nodes, this would be about {made}",
                code="AS321",
                at=instance.statement.place("repeat"),
            )
        return outputs

    def _instance(
        self, context: Context, instance: Instance, sources: tuple[str, ...]
    ) -> Outputs:
        statement = instance.statement
        if BROKEN[""] in sources:
            return BROKEN
        if statement.kind != "op":
            return self.open(context, instance, sources)
        if statement.inline:
            raise SpecError(
                "an op has no children to inline",
                code="AS211",
                at=statement.place("inline"),
            )
        return {"": self.built.add(context, instance, sources)}

    def path(self, context: Context, entry: Entry) -> str:
        """The value at a dotted path below a scope, for taps and outputs."""
        value = known(entry.value, context.names, entry.at).value
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise SpecError(
                f"expected the path of a node, found {shown(value)}",
                code="AS305",
                at=entry.at,
                hint="a path of two numbers wants quotes",
            )
        prefix, path = context.prefixes[0], str(value)
        if path in context.scope.inputs:
            return context.scope.inputs[path]
        full = join(prefix, path)
        node, _, output = full.rpartition(".")
        outputs = self.paths.get(node, ABSENT)
        if output in outputs:  # A named output hides a node of that name inside.
            return outputs[output]
        if self.paths.get(full):
            return self.only(self.paths[full], repr(path), entry.at)
        parts = full.split(".")
        around = [".".join(parts[: n + 1]) for n in range(len(parts))]
        if context.broken or any(self.paths.get(p) is BROKEN for p in around):
            return BROKEN[""]
        start = f"{prefix}." if prefix else ""
        made = (p for p in self.paths if self.paths[p] and p.startswith(start))
        absent = next((p for p in around if self.paths.get(p) == ABSENT), "")
        why = f"the `when` of {absent.removeprefix(start)!r} is false or its `repeat` 0"
        hint = why if absent else nearest(path, (p.removeprefix(start) for p in made))
        raise SpecError(
            f"there is no node {path!r}", code="AS308", at=entry.at, hint=hint
        )

    def open(
        self, context: Context, instance: Instance, sources: tuple[str, ...]
    ) -> Outputs:
        """Expands an instance of a block, a nested graph or a spec."""
        raise NotImplementedError


def no_name(ref: Any, at: Location) -> SpecError:
    """The error for what can't be the name of a node."""
    return SpecError(
        f"expected the name of a node, found {shown(ref)}", code="AS305", at=at
    )

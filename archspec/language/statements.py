"""From the statements of a scope to nodes: repeats, names, and what each reads."""

from __future__ import annotations

import re

from archspec.errors import ArchspecError, LimitError, Location, SpecError, nearest
from archspec.graph import Value
from archspec.language import names as naming
from archspec.language.builder import Builder
from archspec.language.context import Context, Instance, Outputs, Space
from archspec.language.files import Files
from archspec.language.params import Names
from archspec.language.schema import Body, Statement, shown

BRACES = re.compile(r"\{([^{}]*)\}")


class Statements:
    """Takes statements in order; `paths` has the outputs of every path."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.built = Builder(files.limits)
        self.paths: dict[str, Outputs] = {}

    def body(self, context: Context, body: Body) -> Outputs:
        """Expands the statements of a scope; returns the last one's outputs."""
        outputs: Outputs | None = None
        for statement in body.statements.values():
            outputs = self._statement(context, statement, outputs)
        if outputs is None:
            raise SpecError("a graph has at least one node", at=body.at)
        return outputs

    def _statement(
        self, context: Context, statement: Statement, before: Outputs | None
    ) -> Outputs:
        sources = self._sources(context, statement, before)
        count, repeat = self._repeat(context, statement, sources)
        key = statement.key
        if not context.space.listed and not BRACES.search(key):
            naming.check(key, statement.at, number=True)
            if key == "input":
                raise SpecError("the name 'input' is the scope's", at=statement.at)
            if not statement.inline:
                context.space.take(key, statement.at)
        last: Outputs = {"": sources[0]}
        for index in range(1 if count is None else count):
            names = context.names
            if count is not None:
                names = names.child()
                names.set("index", index)
            when = None
            if statement.when is not True:
                present = self.built.fix(statement.when, names, statement.place("when"))
                when = present.text
                if not isinstance(present.value, bool):
                    raise SpecError(
                        f"`when` is true or false, found {shown(present.value)}",
                        at=statement.place("when"),
                    )
                if not present.value:
                    self._name(context, statement, names, index, count, absent=last)
                    continue
            name, space, prefixes = self._name(context, statement, names, index, count)
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
            last = self._instance(context, instance, sources)
            for prefix in prefixes:
                self.paths[prefix] = last
            if count is not None:
                if count > 1 and "" not in last:
                    raise SpecError("a repeated node has one output", at=statement.at)
                sources = tuple(last.values())
        if not context.space.listed or statement.name:
            self._remember(context, statement, last)
        return last

    def _remember(
        self, context: Context, statement: Statement, outputs: Outputs
    ) -> None:
        name = statement.name or statement.key
        context.local[name] = outputs
        for prefix in context.prefixes:
            self.paths[f"{prefix}.{name}" if prefix else name] = outputs

    def _repeat(
        self, context: Context, statement: Statement, sources: tuple[str, ...]
    ) -> tuple[int | None, str | None]:
        if statement.repeat is None:
            return None, None
        at = statement.place("repeat")
        found = self.built.fix(statement.repeat, context.names, at)
        count = found.value
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise SpecError(f"`repeat` is a whole number, found {shown(count)}", at=at)
        if count > self.files.limits.nodes:
            raise LimitError(
                f"a graph has at most {self.files.limits.nodes} nodes", at=at
            )
        if len(sources) != 1:
            raise SpecError(
                f"a repeated node reads one value, found {len(sources)}",
                at=statement.at,
            )
        return count, found.text

    def _name(
        self,
        context: Context,
        statement: Statement,
        names: Names,
        index: int,
        count: int | None,
        absent: Outputs | None = None,
    ) -> tuple[str, Space, tuple[str, ...]]:
        """Full name, space of the children and paths of an instance.

        An absent instance takes no number and no name; its paths lead nowhere.
        """
        space, key = context.space, statement.key
        at = statement.at
        if BRACES.search(key) and not space.listed:
            key = self._fill(key, names, at)
            naming.check(key, at, number=True)
            context.local[key] = absent or {}
            if absent is None and not statement.inline:
                space.take(key, at)
        elif count is not None and not space.listed:
            key = f"{key}.{index}"
        if absent is not None:
            return "", space, ()
        steps = [key] if not space.listed else []
        if space.listed and statement.name:
            steps.append(
                statement.name if count is None else f"{statement.name}.{index}"
            )
        if statement.inline:
            prefixes = tuple(join(p, s) for p in context.prefixes for s in steps)
            return space.path, space, prefixes
        if space.listed:
            key = space.number()
            steps.append(key)
        name = space.full(key)
        prefixes = tuple(join(p, s) for p in context.prefixes for s in steps)
        return name, Space(name, listed=False), prefixes

    def _fill(self, key: str, names: Names, at: Location) -> str:
        def value(match: re.Match[str]) -> str:
            found = self.built.fix("=" + match[1], names, at).value
            if not isinstance(found, int) or isinstance(found, bool):
                raise SpecError(
                    f"braces in a name hold a whole number, found {shown(found)}", at=at
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
            if "input" not in context.scope.inputs:
                inputs = ", ".join(context.scope.inputs)
                raise SpecError(
                    f"the first node of a scope with inputs {inputs} says `from`",
                    at=statement.at,
                )
            return (context.scope.inputs["input"],)
        at = statement.place("from")
        found = self.built.fix(raw, context.names, at).value
        refs = found if isinstance(found, tuple) else (found,)
        if not refs:
            raise SpecError("`from` names at least one node", at=at)
        return tuple(self.read(context, ref, at) for ref in refs)

    def only(self, outputs: Outputs, what: str, at: Location) -> str:
        if "" not in outputs:
            listed = ", ".join(outputs)
            raise SpecError(
                f"{what} has the outputs {listed}",
                at=at,
                hint=f"read one as node.{next(iter(outputs), 'output')}",
            )
        return outputs[""]

    def read(self, context: Context, ref: Value, at: Location) -> str:
        """The value that a name of the scope stands for."""
        if isinstance(ref, bool) or not isinstance(ref, int | str):
            raise SpecError(f"expected the name of a node, found {shown(ref)}", at=at)
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
            raise SpecError(
                f"{node!r} has no output {output!r}",
                at=at,
                hint=nearest(output, outputs) or "its outputs: " + ", ".join(outputs),
            )
        known_names = (*context.scope.inputs, *context.local)
        raise SpecError(
            f"there is no node {name!r} before this one",
            at=at,
            hint=nearest(name, known_names) or "here are " + ", ".join(known_names),
        )

    def _instance(
        self, context: Context, instance: Instance, sources: tuple[str, ...]
    ) -> Outputs:
        statement = instance.statement
        if statement.kind == "op":
            if statement.inline:
                raise SpecError("an op has no children to inline", at=statement.at)
            return {"": self.built.add(context, instance, sources)}
        try:
            return self.open(context, instance, sources)
        except ArchspecError as error:
            if len(error.notes) < 8:
                where = instance.name or statement.key
                error.notes = (f"in {where} ({statement.at})", *error.notes)
            raise

    def path(self, context: Context, path: str, at: Location) -> str:
        """The value at a dotted path below a scope, for taps and outputs."""
        prefix = context.prefixes[0]
        if path in context.scope.inputs:
            return context.scope.inputs[path]
        full = join(prefix, path)
        if self.paths.get(full):
            return self.only(self.paths[full], repr(path), at)
        node, _, output = full.rpartition(".")
        outputs = self.paths.get(node, {})
        if output in outputs:
            return outputs[output]
        start = f"{prefix}." if prefix else ""
        below = [p.removeprefix(start) for p in self.paths if p.startswith(start)]
        absent = " (its `when` is false)" if full in self.paths else ""
        raise SpecError(
            f"there is no node {path!r}{absent}",
            at=at,
            hint=nearest(path, below[:5000]),
        )

    def open(
        self, context: Context, instance: Instance, sources: tuple[str, ...]
    ) -> Outputs:
        """Expands an instance of a block, a nested graph or a spec."""
        raise NotImplementedError


def join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name

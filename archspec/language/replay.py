"""An instance of a repeated block, made from an earlier one that is like it.

A block sees its params and its input, nothing else. Where these are the same as in an
instance that was expanded without a fault, the whole of it, scopes and all, is that
instance with other names: it takes a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from archspec.graph import Node, Scope
from archspec.language.builder import Builder
from archspec.language.context import Context, Instance, Outputs
from archspec.language.faults import Faults
from archspec.language.files import Files
from archspec.language.params import Known


class Marks(NamedTuple):
    """How much there was of everything."""

    nodes: int
    scopes: int
    closed: int
    paths: int


class Made(NamedTuple):
    """An expanded instance: its name and input, and all that was made for it."""

    name: str
    source: str
    nodes: list[Node]
    scopes: list[Scope]
    closed: list[str]
    paths: list[tuple[str, Outputs]]
    outputs: Outputs


class Replay(Faults):
    """What was made so far, and making more of the same.

    Attributes:
        built: the nodes, with the shape and the taints of every value.
        scopes: the closed ones, inner before outer.
        closed: every value that is an output of some scope.
        paths: the outputs of every path, by which taps and outputs are found.
    """

    def __init__(self, files: Files) -> None:
        super().__init__(files)
        self.built = Builder(files.limits)
        self.scopes: list[Scope] = []
        self.closed: list[str] = []
        self.paths: dict[str, Outputs] = {}

    def marks(self) -> Marks:
        """How much there is of everything."""
        made = self.built.nodes, self.scopes, self.closed, self.paths
        return Marks(*(len(kind) for kind in made))

    def likeness(
        self, instance: Instance, target: str, given: Mapping[str, Known], source: str
    ) -> Any:
        """All that a repeated instance of a block depends on, as a key, or None."""
        if instance.index is None or instance.prefixes != (instance.name,):
            return None
        # Values as text, since 1, 1.0 and true are equal.
        params = tuple([(k, repr(v.value), v.text, v.taint) for k, v in given.items()])
        seen = self.built.shapes[source], self.built.taints[source]
        return instance.statement, target, params, seen

    def record(
        self, instance: Instance, source: str, outputs: Outputs, before: Marks
    ) -> Made:
        """What was made for an instance."""
        added = islice(reversed(self.paths.items()), len(self.paths) - before.paths)
        return Made(
            instance.name,
            source,
            self.built.nodes[before.nodes :],
            self.scopes[before.scopes :],
            self.closed[before.closed :],
            list(added)[::-1],
            outputs,
        )

    def replay(
        self, made: Made, context: Context, instance: Instance, source: str
    ) -> Outputs:
        """Makes an instance like an earlier one; returns its outputs."""
        start, length, built = instance.name, len(made.name), self.built
        # All that is made for an instance has names that start with its own.
        names = {made.source: source}
        for node in made.nodes:
            names[node.name] = start + node.name[length:]
        twins: dict[int, Scope] = {}
        for scope in reversed(made.scopes):
            outermost = scope is made.scopes[-1]
            twins[id(scope)] = replace(
                scope,
                name=start + scope.name[length:],
                parent=context.scope if outermost else twins[id(scope.parent)],
                index=instance.index if outermost else scope.index,
                inputs=_renamed(scope.inputs, names),
                outputs=_renamed(scope.outputs, names),
            )
        self.scopes.extend(twins[id(scope)] for scope in made.scopes)
        for node in made.nodes:
            name = names[node.name]
            built.nodes.append(
                Node(
                    name,
                    node.op,
                    tuple([names[value] for value in node.inputs]),
                    twins[id(node.scope)],
                    node.slot,
                    node.shape,
                    node.at,
                    node.index,
                    node.count,
                    node.texts,
                    node.when,
                    node.repeat,
                    node.taint,
                    counter=node.counter,
                )
            )
            built.shapes[name] = node.shape
            built.taints[name] = built.taints[node.name]
        self.closed.extend([names[value] for value in made.closed])
        for path, outputs in made.paths:
            self.paths[start + path[length:]] = _renamed(outputs, names)
        return _renamed(made.outputs, names)


def _renamed(values: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {key: names[value] for key, value in values.items()}

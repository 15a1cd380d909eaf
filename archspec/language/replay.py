"""An instance of a repeat, made from an earlier one that is like it.

What is made for an instance depends on the values that it is given and on what it
reads. Where these are the same as for an instance that was expanded without a fault,
the whole of it, scopes and all, is that instance with other names: it takes a tenth of
the time, and a net of a hundred thousand nodes is expanded in a second.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import NamedTuple

from archspec.graph import Node, Scope
from archspec.language.builder import Builder, Instance
from archspec.language.context import Member, Moved
from archspec.limits import Budget


class Original(NamedTuple):
    """An expanded instance: its name, what it reads, and all that was made for it."""

    name: str
    source: str
    nodes: list[Node]
    member: Member


def likeness(built: Builder, instance: Instance) -> Hashable | None:
    """All that an instance of a repeat depends on, as a key; None where it is no copy.

    Scopes that are inlined have no name of their own, and so none that could change.
    """
    statement = instance.statement
    if instance.index is None or statement.keys.inline:
        return None
    # Values as text, since 1, 1.0 and true are equal.
    given = tuple([repr(instance.given[key].value) for key in statement.varying])
    number = instance.index if statement.counts else None
    (source,) = instance.sources
    seen = built.shapes[source], built.taints[source]
    return statement, instance.target, given, number, seen


def replay(built: Builder, original: Original, instance: Instance) -> Member:
    """Makes an instance like an earlier one of the same scope."""
    (source,) = instance.sources
    # All that is made for an instance has names that start with its own.
    start, length, taints = instance.name, len(original.name), built.taints
    names = {original.source: source}
    for node in original.nodes:
        names[node.name] = start + node.name[length:]
    outer = instance.context.scope
    twins: dict[Scope, Scope] = {outer: outer}

    def twin(scope: Scope) -> Scope:
        """What is for the copy as a scope is for the original."""
        assert scope.parent is not None
        parent = twins.get(scope.parent) or twin(scope.parent)
        own = scope.parent is outer
        found = twins[scope] = replace(
            scope,
            name=start + scope.name[length:],
            parent=parent,
            index=instance.index if own else scope.index,
            alias=instance.alias if own else scope.alias,
            inputs=_renamed(scope.inputs, names),
            outputs=_renamed(scope.outputs, names),
        )
        return found

    for node in original.nodes:
        name, scope = names[node.name], node.scope
        copy = Node(
            name,
            node.op,
            tuple([names[value] for value in node.inputs]),
            twins.get(scope) or twin(scope),
            node.slot,
            node.shape,
            node.at,
            instance.index if scope is outer else node.index,
            node.count,
            node.texts,
            node.when,
            node.repeat,
            node.taint,
            counter=node.counter,
            alias=instance.alias if scope is outer else node.alias,
        )
        built.put(copy, taints[node.name])
    units = Budget.COPY * len(original.nodes)
    built.budget.spend(units, instance.statement.at)
    moved = Moved(start, source, original.name, original.source)
    outputs = _renamed(original.member.outputs, names)
    return Member(outputs, original.member.inside, moved)


def _renamed(values: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {key: names[value] for key, value in values.items()}

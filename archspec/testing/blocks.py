"""Printed blocks on their own, with arguments that the net doesn't give them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archspec.errors import ArchspecError
from archspec.graph import Graph, Scope, Value
from archspec.ops import Shape
from archspec.source.program import Source
from archspec.testing.printed import defined
from archspec.testing.specs import graph_of

CHANNELS = "in_channels"
"""The parameter that says how many channels a block reads."""


@dataclass(frozen=True, slots=True)
class Block:
    """One printed block, called in one way.

    Attributes:
        entry: the class or function.
        arguments: what it is given.
        graph: the net that is this block alone, with params of these values.
    """

    entry: str
    arguments: Mapping[str, Value]
    graph: Graph


def seconds(value: Value) -> tuple[Value, ...]:
    """Other values of a param; not all of them need to be legal."""
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (value + 1, value * 3, max(value - 1, 1))
    if isinstance(value, float):
        return (value / 2, value / 3)
    if isinstance(value, str):
        return ("relu", "tanh")
    if isinstance(value, tuple):
        return (value[::-1],)
    return ()


def blocks(text: str, source: Source) -> Iterator[Block]:
    """Every printed block of a spec, with each of its arguments changed in turn.

    A block that is printed in several ways, or takes what no param is, is left out.
    """
    facts = {}
    for line in text.splitlines()[2:]:
        name, _, value = line.partition(": ")
        facts[name] = json.loads(value)
    instances = _instances(graph_of(text))
    for name, body in facts["blocks"].items():
        entries = [entry for entry in defined(source) if entry.lower() == name.lower()]
        if name in instances and len(entries) == 1:
            taken = defined(source)[entries[0]]
            yield from _called(facts, body, entries[0], [*taken], *instances[name])


def _instances(graph: Graph) -> dict[str, tuple[Scope, Shape]]:
    """The first instance of every block, with the shape that it reads."""
    shapes = graph.shapes()
    found: dict[str, tuple[Scope, Shape]] = {}
    for node in graph.nodes:
        scope: Scope | None = node.scope
        while scope is not None:
            if scope.kind == "block" and len(scope.inputs) == 1:
                (read,) = scope.inputs.values()
                found.setdefault(scope.title, (scope, shapes[read]))
            scope = scope.parent
    return found


def _called(
    facts: Mapping[str, Any],
    body: Mapping[str, Any],
    entry: str,
    taken: list[str],
    scope: Scope,
    shape: Shape,
) -> Iterator[Block]:
    values = {**facts["params"], **scope.params}
    known = {name: name.rstrip("_") for name in taken}
    if any(param not in values and name != CHANNELS for name, param in known.items()):
        return
    ways: list[tuple[dict[str, Value], Shape]] = [(values, shape)]
    for param in known.values():
        if param in values:
            ways += [
                ({**values, param: second}, shape) for second in seconds(values[param])
            ]
        else:
            ways += [(values, (shape[0] + more, *shape[1:])) for more in (1, shape[0])]
    for params, read in ways:
        whole = {
            "params": params,
            "inputs": {"image": list(read)},
            "blocks": facts["blocks"],
            "graph": body["graph"],
        }
        lines = [f"{key}: {json.dumps(value)}\n" for key, value in whole.items()]
        try:
            graph = graph_of("".join(["archspec: 1\nname: net\n", *lines]))
        except ArchspecError:
            continue
        arguments = {
            name: params[param] if param in params else read[0]
            for name, param in known.items()
        }
        yield Block(entry, arguments, graph)

"""Printed blocks on their own, with arguments that the net doesn't give them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archspec.errors import ArchspecError
from archspec.graph import Graph, Scope, Value
from archspec.ops import BY_KIND, Shape
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
        shape: of the image or vector that it reads.
        graph: the net that is this block alone, with params of these values.
        held: the net of one node named `held` that is this block.
    """

    entry: str
    arguments: Mapping[str, Value]
    shape: Shape
    graph: Graph
    held: Graph


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


def blocks(
    text: str, source: Source, own: frozenset[str] = frozenset()
) -> Iterator[Block]:
    """Every printed block of a spec, with each of its arguments changed in turn.

    `own` are parameters that a backend adds. A block that is printed in several ways,
    or takes something else that no param is, is left out.
    """
    facts = {}
    for line in text.splitlines()[2:]:
        name, _, value = line.partition(": ")
        facts[name] = json.loads(value)
    instances = _instances(graph_of(text))
    for name in facts["blocks"]:
        entries = [entry for entry in defined(source) if _title(entry) == _title(name)]
        if name in instances and len(entries) == 1:
            taken = [key for key in defined(source)[entries[0]] if key not in own]
            for params, shape in _ways(facts, taken, *instances[name]):
                block = _block(facts, name, entries[0], taken, params, shape)
                if block is not None:
                    yield block


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


def _title(name: str) -> str:
    """A name in any casing, without the number that tells apart what is alike."""
    return name.rstrip("0123456789").replace("_", "").lower()


def _ways(
    facts: Mapping[str, Any], taken: list[str], scope: Scope, shape: Shape
) -> Iterator[tuple[dict[str, Value], Shape]]:
    """Values of the params that a block sees, and shapes that it reads."""
    values = {**facts["params"], **scope.params}
    params = [name.rstrip("_") for name in taken if name != CHANNELS]
    if not {*params} <= {*values}:
        return
    yield values, shape
    for param in params:
        for second in seconds(values[param]):
            yield {**values, param: second}, shape
    if CHANNELS in taken:
        for channels in (shape[0] + 1, 2 * shape[0]):
            yield values, (channels, *shape[1:])


def _block(
    facts: Mapping[str, Any],
    name: str,
    entry: str,
    taken: list[str],
    params: dict[str, Value],
    shape: Shape,
) -> Block | None:
    """One call of a block, or None where the language doesn't allow it."""
    body = facts["blocks"][name]
    given = {key: params[key] for key in body["params"]}
    held = {"held": {"block": name, **given}}
    try:
        graph, other = (
            _alone(facts, params, shape, nodes) for nodes in (body["graph"], held)
        )
    except ArchspecError:
        return None
    arguments = {
        key: shape[0] if key == CHANNELS else params[key.rstrip("_")] for key in taken
    }
    if any(value in BY_KIND for value in arguments.values()):
        return None  # a backend has its own word for an op
    return Block(entry, arguments, shape, graph, other)


def _alone(
    facts: Mapping[str, Any], params: Mapping[str, Value], shape: Shape, nodes: Any
) -> Graph:
    whole = {
        "params": params,
        "inputs": {"image": list(shape)},
        "blocks": facts["blocks"],
        "graph": nodes,
    }
    lines = [f"{key}: {json.dumps(value)}\n" for key, value in whole.items()]
    return graph_of("".join(["archspec: 1\nname: net\n", *lines]))

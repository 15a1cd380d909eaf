"""A graph as a spec without formulas, repeats or inheritance.

It has the same fingerprint, takes the same weights and, for the params that it keeps
(see `archspec.authoring.kept`), other values alike. Every node keeps its path: of
`layer1.0.conv` come graphs nested in one another, of which the last node is what is
read outside:

    layer1:
      graph:
        0:
          graph:
            conv: {op: conv2d, from: input, channels: 8, kernel: 1}

A part that reads several values, or of which several are read, becomes a block with
named inputs and outputs, which is used once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from archspec.authoring.kept import Kept, kept
from archspec.authoring.lint import idle_biases
from archspec.graph import Graph, Node, Scope
from archspec.language.reader import CONSTANTS
from archspec.ops.init import Init

PLAIN = re.compile(r"=?[A-Za-z][A-Za-z0-9_.]*")
Said = Mapping[str, Mapping[str, Any]]
DEPTH = 16
"""Graphs nest no deeper, since YAML's depth is bounded; what is deeper is a block."""


@dataclass(eq=False)
class Part:
    """Nodes whose paths begin alike: what stands at a path, nodes and further parts."""

    path: str
    depth: int
    alias: str = ""
    children: dict[str, Part | Node] = field(default_factory=dict)
    reads: dict[str, None] = field(default_factory=dict)
    """Values made elsewhere, in the order in which they are read."""
    gives: dict[str, None] = field(default_factory=dict)
    """Values made here that are read elsewhere, or are outputs or taps."""

    def block(self) -> bool:
        """Whether no nested graph can be it."""
        return len(self.reads) != 1 or len(self.gives) != 1 or self.depth > DEPTH


def render(graph: Graph, publisher: str = "") -> str:
    """The text of a spec that gives the same graph.

    `publisher` is the file's, of which a graph knows nothing.
    """
    held = kept(graph)
    head = {
        "archspec": 1,
        "name": graph.name,
        "title": graph.title,
        "description": graph.description,
        "source": graph.source,
        "publisher": publisher,
        "params": {name: graph.params[name] for name in held.params},
        "preprocessing": dict(graph.preprocessing),
        "weights": dict(graph.weights),
        "inputs": {
            name: [f"={held.inputs[name]}", *shape[1:]]
            if name in held.inputs
            else shape
            for name, shape in graph.inputs.items()
        },
    }
    lines = [f"{key}: {flow(value)}" for key, value in head.items() if value]
    blocks: dict[str, str] = {}
    names = {name: name for name in graph.inputs}
    if len(graph.inputs) == 1:
        names = dict.fromkeys(graph.inputs, "input")
    output = graph.outputs.get("")
    said = _said(graph, held)
    body = _body(_parts(graph), names, output, blocks, "  ", said)
    named = {"outputs": {k: names[v] for k, v in graph.outputs.items() if k}}
    named["taps"] = {k: names[v] for k, v in graph.taps.items()}
    return "\n".join(
        [
            *lines,
            *(["blocks:", *blocks.values()] if blocks else []),
            "graph:",
            *body,
            *(f"{key}: {flow(values)}" for key, values in named.items() if values),
            "",
        ]
    )


def _said(graph: Graph, held: Kept) -> dict[str, dict[str, Any]]:
    """What each node says of its op."""
    found: dict[str, dict[str, Any]] = {}
    for node in graph.nodes:
        given = {key: getattr(node.op, key) for key in node.op.model_fields_set}
        found[node.name] = {
            key: _plain(given[key])
            for key in type(node.op).model_fields
            if key in given
        }
    for node, _ in idle_biases(graph):
        found[node.name]["bias"] = True  # a default would be warned of
    for (name, key), param in held.attributes.items():
        found[name][key] = f"={param}"
    return found


def _parts(graph: Graph) -> Part:
    """The tree of all paths, each part with what crosses its border."""
    root = Part("", 0)
    around: dict[str, list[Part]] = {}
    aliases = _aliases(graph)
    for node in graph.nodes:
        *way, last = node.name.split(".")
        parts = [root]
        for step in way:
            above = parts[-1]
            path = f"{above.path}.{step}".removeprefix(".")
            new = Part(path, above.depth + 1, aliases.get(path, ""))
            part = above.children.setdefault(step, new)
            assert isinstance(part, Part)
            parts.append(part)
        parts[-1].children[last] = node
        around[node.name] = parts
        for value in node.inputs:
            _cross(value, around.get(value, [root]), parts)
    for value in (*graph.outputs.values(), *graph.taps.values()):
        _cross(value, around.get(value, [root]), [root])
    return root


def _aliases(graph: Graph) -> dict[str, str]:
    """The aliases of scopes, by their paths."""
    found: dict[str, str] = {}
    scopes: set[Scope | None] = {node.scope for node in graph.nodes}
    while scopes:
        found |= {s.name: str(s.alias) for s in scopes if s and s.alias}
        scopes = {scope.parent for scope in scopes if scope}
    return found


def _cross(value: str, made: list[Part], read: list[Part]) -> None:
    """Notes a value at the parts that it leaves, and at those that it enters."""
    shared = sum(one is other for one, other in zip(made, read, strict=False))
    for part in made[shared:]:
        part.gives[value] = None
    for part in read[shared:]:
        part.reads[value] = None


def _body(
    part: Part,
    names: dict[str, str],
    output: str | None,
    blocks: dict[str, str],
    indent: str,
    said: Said,
) -> list[str]:
    """The lines of a graph; `names` says how values are read there, and is filled.

    `output` is the value that the last node has to give.
    """
    lines: list[str] = []
    last: str | None = None
    for name, child in part.children.items():
        key = name if name.isdigit() else flow(name)
        if isinstance(child, Node):
            lines.append(f"{indent}{key}: {flow(_keys(child, names, said))}")
            names[child.name] = name
            last = child.name
            continue
        read = [names[value] for value in child.reads]
        source = read[0] if len(read) == 1 else read
        if child.block():
            call = {"block": _block(child, blocks, said), "from": source}
            call |= {"alias": child.alias} if child.alias else {}
            lines.append(f"{indent}{key}: {flow(call)}")
            names.update((v, f"{name}.out{n}") for n, v in enumerate(child.gives))
            last = None
        else:
            (value,) = child.gives
            inner = dict.fromkeys(child.reads, "input")
            lines += [f"{indent}{key}:", f"{indent}  from: {flow(source)}"]
            if child.alias:
                lines.append(f"{indent}  alias: {flow(child.alias)}")
            lines.append(f"{indent}  graph:")
            lines += _body(child, inner, value, blocks, f"{indent}    ", said)
            names[value], last = name, value
    if output is not None and last != output:
        # Who reads an absent node reads what it reads.
        absent = {"op": "identity", "from": names[output], "when": False}
        lines.append(f"{indent}{_free('output', part.children)}: {flow(absent)}")
    return lines


def _block(part: Part, blocks: dict[str, str], said: Said) -> str:
    """Adds a part as a block; returns the block's name."""
    name = f"part{len(blocks)}"
    blocks[name] = ""
    inputs = [_free(f"in{n}", part.children) for n, _ in enumerate(part.reads)]
    names = dict(zip(part.reads, inputs, strict=True))
    body = _body(part, names, None, blocks, "      ", said)
    outputs = {f"out{n}": names[value] for n, value in enumerate(part.gives)}
    lines = [f"  {name}:", f"    inputs: {flow(inputs)}", "    graph:", *body]
    blocks[name] = "\n".join([*lines, f"    outputs: {flow(outputs)}"])
    return name


def _free(name: str, taken: Iterable[str]) -> str:
    """The name, or one like it that nobody has."""
    while name in taken:
        name += "_"
    return name


def _keys(node: Node, names: Mapping[str, str], said: Said) -> dict[str, Any]:
    """An op with what the spec said of it."""
    read = [names[value] for value in node.inputs]
    return {
        "op": node.op.kind,
        "from": read[0] if len(read) == 1 else read,
        **({"alias": str(node.alias)} if node.alias else {}),
        **said[node.name],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Init):
        return {
            value.name: {key: getattr(value, key) for key in value.model_fields_set}
        }
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and PLAIN.fullmatch(value) and value not in CONSTANTS:
        return value
    return json.dumps(value, ensure_ascii=False)

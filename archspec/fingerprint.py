"""One number for what a net is, the same in printed source and in weight files."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from archspec.graph import Graph
from archspec.ops import Op


def fingerprint(graph: Graph) -> str:
    """SHA-256, in hex, of what a graph computes and starts from.

    Titles, descriptions, sources, comments and `expect` don't count, nor do attributes
    that a later release adds with a default that changes nothing. How a size is spelled
    doesn't either: `kernel: 1` is `[1, 1]`. A net with folded norms keeps the
    fingerprint that it had with them.
    """
    if graph.origin:
        return graph.origin
    return hashlib.sha256(described(graph).encode()).hexdigest()


def described(graph: Graph) -> str:
    """What a fingerprint is the hash of: inputs, nodes and outputs as JSON.

    A node is its name, kind, attributes that are not their defaults, inputs and shape.
    """
    nodes = [
        [n.name, n.op.kind, _attributes(n.op), list(n.inputs), list(n.shape)]
        for n in graph.nodes
    ]
    whole = {
        "inputs": {name: list(shape) for name, shape in graph.inputs.items()},
        "nodes": nodes,
        "outputs": dict(graph.outputs),
    }
    return json.dumps(whole, sort_keys=True, separators=(",", ":"))


def _attributes(op: Op) -> dict[str, Any]:
    found = op.settings()
    for name, init in op.inits().items():
        made = init.model_dump(mode="json", exclude_defaults=True)
        found[f"init.{name}"] = [init.name, made]
    return found

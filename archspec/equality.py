"""Whether two graphs compute the same, however their parts are called and written.

`{kernel: 3, padding: 1}` and `{kernel: [3, 3], padding: [[1, 1], [1, 1]]}` are one
convolution, and `add: {from: [a, b]}` is `sum: {from: [b, a]}`. What has weights keeps
its name, since that is where a file of weights has them.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

from archspec.graph import Graph


def equal(one: Graph, other: Graph) -> bool:
    """Whether inputs, outputs and taps are equal by their names and all behind them.

    Titles, scopes, params, formulas and initial values don't count, nor do names of
    nodes without weights, the order of what is added or multiplied, and ops that only
    pass a value through.
    """
    return one.inputs == other.inputs and hashes(one) == hashes(other)


def hashes(graph: Graph) -> tuple[dict[str, str], dict[str, str]]:
    """For each output, and for each tap, a SHA-256 of all that is computed for it."""
    made = {name: _digest("input", name, shape) for name, shape in graph.inputs.items()}
    thrown: Counter[str] = Counter()
    for node, shapes in graph.located():
        op, read = node.op, [made[value] for value in node.inputs]
        if op.passes_through():
            made[node.name] = read[0]
            continue
        if op.commutative:
            read.sort()
        stored = op.weights(*shapes) or op.buffers(*shapes)
        found = _digest(op.kind, op.settings(), read, node.name if stored else "")
        if op.chance:  # Of two dice, each is thrown.
            thrown[found] += 1
            found = _digest(found, thrown[found])
        made[node.name] = found
    outputs, taps = (
        {name: made[value] for name, value in values.items()}
        for values in (graph.outputs, graph.taps)
    )
    return outputs, taps


def _digest(*facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

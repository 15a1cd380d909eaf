"""Computes a graph by the definitions of its ops, one node after the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from archspec.graph import Graph, Node
from archspec.ops import OPS, Op
from archspec.ops.normalization import BatchNorm
from archspec.reference import (
    activation,
    convolution,
    normalization,
    pooling,
    shaping,
)
from archspec.reference.images import Array
from archspec.reference.rounding import ROUNDED

Function = Callable[..., Array]
"""From an op, the values that it reads and, by name, what it stores to its output."""

MODULES = (activation, convolution, normalization, pooling, shaping)
FUNCTIONS: dict[str, Function] = {
    op.kind: function
    for op in OPS
    for module in MODULES
    for name, function in vars(module).items()
    if name.rstrip("_") == op.kind
}
"""The definition of an op is named after it; `slice_`, since Python has a `slice`."""
TRAINED: dict[str, Function] = {
    "batch_norm": normalization.batch_norm_in_training,
    **{op.kind: activation.dropped for op in OPS if op.chance},
}
"""Ops that compute something else in training."""


def compute(
    op: Op,
    *inputs: Array,
    stored: Mapping[str, Array] | None = None,
    training: bool = False,
    rounding: str = "",
) -> Array:
    """The output of one op.

    `stored` are its weights and statistics by their names in the op (`weight`,
    `running_mean`), in canonical layout; of a dropout in training `kept`, see
    `archspec.reference.activation.dropped`. `rounding` names a framework whose rounded
    constants count, see `archspec.reference.rounding`.
    """
    tables = (ROUNDED.get(rounding, {}), TRAINED if training else {}, FUNCTIONS)
    function = next(table[op.kind] for table in tables if op.kind in table)
    return function(op, *inputs, **(stored or {}))


def evaluate(
    graph: Graph,
    weights: Mapping[str, Array],
    inputs: Mapping[str, Array],
    *,
    training: bool = False,
    kept: Mapping[str, Array] | None = None,
    wanted: Collection[str] | None = None,
    rounding: str = "",
    noise: Callable[[Op, Sequence[Array], Array], Array] | None = None,
) -> dict[str, Array]:
    """Every value of a graph by its name: the inputs and the output of each node.

    Args:
        graph: the net.
        weights: canonical; computed with in the type of the inputs.
        inputs: by the graph's names, with a batch axis, channels first.
        training: whether norms use the batch's statistics, and dropouts drop.
        kept: in training, what each dropout keeps, by its node; see `dropped` in
            `archspec.reference.activation`. One of rate 0 keeps all.
        wanted: values that are enough: others go as soon as nothing reads them.
        rounding: as `compute` takes it.
        noise: what becomes of the value of each node before another reads it, from its
            op, what that has read and the value.
    """
    last = {name: node for node in graph.nodes for name in node.inputs}
    values = {name: np.asarray(inputs[name]) for name in graph.inputs}
    dtype = np.result_type(*values.values())
    for node, shapes in graph.located():
        stored = {
            name: np.asarray(weights[f"{node.name}.{name}"], dtype)
            for name in (*node.op.weights(*shapes), *node.op.buffers(*shapes))
        }
        if training and node.op.chance is not None:
            stored["kept"] = _kept(node, kept or {}, dtype)
        read = [values[name] for name in node.inputs]
        made = compute(
            node.op, *read, stored=stored, training=training, rounding=rounding
        )
        values[node.name] = made if noise is None else noise(node.op, read, made)
        if wanted is not None:
            read_last = {name for name in node.inputs if last[name] is node}
            for name in read_last.difference(wanted):
                del values[name]
    return values


def _kept(node: Node, kept: Mapping[str, Array], dtype: np.dtype[Any]) -> Array:
    if node.name in kept:
        return np.asarray(kept[node.name], dtype)
    if node.op.chance and getattr(node.op, node.op.chance) > 0:
        raise ValueError(f"what {node.name!r} keeps is chance: say it in `kept`")
    return np.ones((), dtype)


def statistics(
    graph: Graph,
    weights: Mapping[str, Array],
    values: Mapping[str, Array],
    running_var: str,
) -> dict[str, Array]:
    """The buffers after one batch in training, by their canonical names.

    `values` are what `evaluate` gave in training. `running_var` is the definition,
    `biased` or `unbiased`, of norms that name none; frameworks differ there.
    """
    found: dict[str, Array] = {}
    for node in graph.nodes:
        if not isinstance(node.op, BatchNorm):
            continue
        names = [f"{node.name}.{name}" for name in ("running_mean", "running_var")]
        x = values[node.inputs[0]]
        old = [np.asarray(weights[name], x.dtype) for name in names]
        unbiased = (node.op.running_var or running_var) == "unbiased"
        new = normalization.running_statistics(node.op, x, *old, unbiased=unbiased)
        found.update(zip(names, new, strict=True))
    return found

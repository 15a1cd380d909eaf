"""Weights that are no numbers: NaN, infinity, and variances below zero.

Such a file is damaged, or a training run has gone astray. Reading every value of what
is only mapped takes longer than mapping it, so that `weights.load` and `Spec.build`
look at biases and norms, which an astray run spoils first; commands, which read all
anyway, at everything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from archspec.graph import Graph
from archspec.weights.fit import rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 1 << 18
"""Values that are looked at together: what fits a cache."""
NAMED = 20
"""Names, or groups of names, that a message has."""


def doubts(
    graph: Graph, weights: Mapping[str, NDArray[Any]], *, whole: bool
) -> tuple[str, ...]:
    """What is to be said of weights, a line for each kind of fault; empty if nothing.

    Args:
        graph: their net.
        weights: by canonical names.
        whole: whether to look at every value; else at those with one axis.
    """
    seen = {n: a for n, a in weights.items() if whole or a.ndim == 1}
    variances = [name for name in _variances(graph) if name in seen]
    strange = [name for name, array in seen.items() if not finite(array)]
    negative = [name for name in variances if (seen[name] < 0).any()]
    return (
        *_told("NaN or infinity", strange),
        *_told("negative variances", negative),
    )


def finite(array: NDArray[Any]) -> bool:
    """Whether all values are numbers."""
    flat = array.reshape(-1)
    return all(
        _finite(flat[start : start + BLOCK]) for start in range(0, flat.size, BLOCK)
    )


def _finite(block: NDArray[Any]) -> bool:
    # A sum of squares takes half the time; if it is no number, large ones may be why.
    with np.errstate(all="ignore"):
        quick = block.dtype != np.float16 and np.isfinite(block @ block)
    return bool(quick or np.isfinite(block).all())


def _variances(graph: Graph) -> Iterator[str]:
    for node, shapes in graph.located():
        for name in node.op.buffers(*shapes):
            if node.op.role(name) == "variance":
                yield f"{node.name}.{name}"


def _told(what: str, names: Collection[str]) -> Iterator[str]:
    if names:
        yield f"{what} in {', '.join(rows(names, NAMED))}"

"""Weights that are to be new: of which layers, and what stood in their places."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from archspec.errors import WeightsError, nearest
from archspec.graph import Graph
from archspec.weights.fit import named
from archspec.weights.sources import Place


def renewed(graph: Graph, new: Collection[str]) -> frozenset[str]:
    """The weights that are to be new; WeightsError for what names none."""
    own = (*graph.parameters(), *graph.buffers())
    found: set[str] = set()
    for pattern in (new,) if isinstance(new, str) else new:
        meant = [name for name in own if named(name, (pattern, f"{pattern}.*"))]
        if not meant:
            layers = dict.fromkeys(name.rpartition(".")[0] for name in own)
            raise WeightsError(
                f"no weight of {graph.name} is called {pattern!r}",
                code="AS615",
                hint=nearest(pattern, layers) or f"the last layer is {[*layers][-1]!r}",
            )
        found.update(meant)
    return frozenset(found)


def replaced(
    every: Sequence[Place], kept: Sequence[Place], keys: Collection[str]
) -> list[str]:
    """The tensors in whose place are new weights, and what lies under their names.

    Args:
        every: the places of all weights of the net.
        kept: of those that are not new.
        keys: of the tensors that there are.
    """
    staying = {_layer(place.key) for place in kept}
    layers = {_layer(place.key) for place in every} - staying
    gone = {place.key for place in every} - {place.key for place in kept}
    return [key for key in keys if key in gone or key.startswith((*layers,))]


def _layer(key: str) -> str:
    """What the names of a layer's tensors begin with."""
    return key.removesuffix(re.split("[./]", key)[-1])

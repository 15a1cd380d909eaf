"""Weights that are to be new: of which layers, and what stood in their places."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

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

    Where all of a scope is new, so is what a file has there: of a net whose `fc` has
    layers `hidden` and `out`, the `fc.weight` of a file with one.

    Args:
        every: the places of all weights of the net.
        kept: of those that are not new.
        keys: of the tensors that there are.
    """
    staying = {scope for place in kept for scope in _scopes(place.key)}
    scopes = {scope for place in every for scope in _scopes(place.key)} - staying
    gone = {place.key for place in every} - {place.key for place in kept}
    return [key for key in keys if key in gone or key.startswith((*scopes,))]


def _scopes(key: str) -> Iterator[str]:
    """What the names of all that lies in a tensor's layer begin with, or around it."""
    return (key[: found.end()] for found in re.finditer("[./]", key))

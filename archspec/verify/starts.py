"""How the weights of a printed file start, in the framework's own words: many draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from math import ceil, prod
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspec.backend import Backend, begin
from archspec.graph import Graph
from archspec.source.program import Source, execute
from archspec.verify.laws import laws

ENOUGH = 100_000
"""Draws of a distribution; fewer miss a variance that is off by 5 %."""
KEPT = 200_000
"""Of each parameter so many are looked at."""
MOST = 2**25
"""Numbers that are drawn in all: a large net is made once or twice, no more."""
MODELS, SECONDS = 256, 2.0
"""So often the smallest, and no longer by the processor."""


def drawn(chosen: Backend, graph: Graph) -> Iterator[tuple[str, NDArray[Any]]]:
    """Values of each parameter and buffer, of several models, in one row.

    As many models are made as give each distribution ENOUGH values, if that is not too
    many of them, or of numbers, or of seconds.
    """
    begin(chosen)
    source = chosen.emit(graph)
    own = getattr(chosen, "starts", _made)
    sizes = {n: prod(s) for n, s in {**graph.parameters(), **graph.buffers()}.items()}
    counts: Counter[object] = Counter()
    for name, law in laws(graph).items():
        if law.kind != "constant":
            counts[law] += sizes[name]
    wanted = ceil(ENOUGH / min(counts.values(), default=ENOUGH))
    models = max(min(wanted, MODELS, MOST // max(sum(sizes.values()), 1)), 1)
    found: dict[str, list[NDArray[Any]]] = {name: [] for name in sizes}
    until = process_time() + SECONDS
    for model in islice(own(source), models):
        for name, array in chosen.read_weights(graph, model).items():
            step = max(sizes[name] * models // KEPT, 1)
            found[name].append(array.reshape(-1)[::step].copy())
        if process_time() > until:
            break
    for name, arrays in found.items():
        yield name, np.concatenate(arrays)


def _made(source: Source) -> Iterator[Any]:
    """Models of a file, one after another."""
    make = getattr(execute(source), source.entry)
    while True:
        yield make()

"""Finds the outline of a graph that has code: the best of several attempts."""

from __future__ import annotations

from archspec.graph import Graph
from archspec.source.arrange import arrange
from archspec.source.columns import Unfit, Unlike, Unroll
from archspec.source.generalise import Generaliser
from archspec.source.naming import rename
from archspec.source.outline import Definition
from archspec.source.tree import Forest, Signature


def outline(graph: Graph, signature: Signature) -> list[Definition]:
    """Definitions in the order of use, the net last.

    `signature` says what of an op can't be an argument. Instances that can't share a
    definition get one each.
    """
    arguments = set(graph.arguments)
    exact = False
    unrolled: set[tuple[str, str]] = set()
    unlike: set[str] = set()
    while True:
        forest = Forest(graph, signature, exact, frozenset(unrolled), frozenset(unlike))
        try:
            found = Generaliser(graph, forest, frozenset(arguments)).definitions()
            rename(found)
            arrange(found)
            return found
        except Unroll as unroll:
            if unroll.place in unrolled:
                raise ValueError(f"no code for {graph.name}: {unroll}") from unroll
            unrolled.add(unroll.place)
        except Unlike as wired:
            if exact:
                raise ValueError(f"no code for {graph.name}: {wired}") from wired
            exact = wired.definition in unlike
            unlike.add(wired.definition)
        except Unfit as unfit:
            if unfit.params & arguments:
                arguments -= unfit.params
            elif not exact:
                exact = True
            elif unfit.repeat is not None and unfit.repeat not in unrolled:
                unrolled.add(unfit.repeat)
                exact = False
            else:
                raise ValueError(f"no code for {graph.name}: {unfit}") from unfit

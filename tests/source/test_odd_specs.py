"""Odd structures: both backends print them, with the right names, and agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from nets import distance, graph_of, images, randomised

from archspec.backend import backend

SPECS = {path.stem: path for path in (Path(__file__).parents[1] / "odd").glob("*.yaml")}


@pytest.mark.parametrize("name", sorted(SPECS))
def test_an_odd_spec(name: str) -> None:
    graph = graph_of(SPECS[name].read_text(encoding="utf-8"))
    weights = randomised(graph)
    given = images(graph)
    found = {}
    for kind in ("torch", "keras"):
        chosen = backend(kind)
        copies = {key: array.copy() for key, array in weights.items()}
        model = chosen.build(graph, copies, dtype="float64")  # compares the names
        found[kind] = chosen.forward(graph, model, given)
    assert distance(found["keras"], found["torch"]) < 1e-12

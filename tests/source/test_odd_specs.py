"""Odd structures: all backends print them, with the right names, and agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from nets import distance, graph_of, images, randomised
from proofs import sampled

from archspec.backend import backend

SPECS = {path.stem: path for path in (Path(__file__).parents[1] / "odd").glob("*.yaml")}


@pytest.mark.parametrize("kind", sampled(["keras", "flax", "onnx"], ["keras"]))
@pytest.mark.parametrize("name", sorted(SPECS))
def test_an_odd_spec(name: str, kind: str) -> None:
    graph = graph_of(SPECS[name].read_text(encoding="utf-8"))
    weights = randomised(graph)
    given = images(graph)
    found = {}
    for each in ("torch", kind):
        chosen = backend(each)
        copies = {key: array.copy() for key, array in weights.items()}
        model = chosen.build(graph, copies, dtype="float64")  # compares the names
        found[each] = chosen.forward(graph, model, given)
    assert distance(found[kind], found["torch"]) < 1e-12

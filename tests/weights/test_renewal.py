"""Weights that are to be new, by layers and patterns."""

from __future__ import annotations

import numpy as np
import pytest
from nets import graph_of

from archspec.errors import WeightsError
from archspec.weights import initial_weights, load
from archspec.weights.renewal import renewed, replaced
from archspec.weights.sources import source

GRAPH = graph_of(
    "inputs: {x: [3, 8, 8]}\n"
    "graph: {a: {op: conv2d, channels: 4, kernel: 1}, aa: batch_norm,"
    " b: {graph: [{op: conv2d, channels: 4, kernel: 1}, batch_norm]},"
    " pool: global_avg_pool2d, fc: {op: linear, features: 2}}"
)
NAMES = (*GRAPH.parameters(), *GRAPH.buffers())


@pytest.mark.parametrize(
    ("new", "start"),
    [
        (["a"], ("a.",)),
        (["b"], ("b.",)),
        (["b.1"], ("b.1.",)),
        (["?.weight"], ("a.weight",)),
        (["a", "fc"], ("a.", "fc.")),
        ("fc", ("fc.",)),
        (["*"], ("",)),
        ([], ("nothing",)),
    ],
)
def test_names(new: list[str], start: tuple[str, ...]) -> None:
    assert renewed(GRAPH, new) == {name for name in NAMES if name.startswith(start)}


@pytest.mark.parametrize(
    ("new", "hint"),
    [("aaa", "did you mean 'aa'?"), ("head", "the last layer is 'fc'")],
)
def test_no_such_name(new: str, hint: str) -> None:
    with pytest.raises(WeightsError) as caught:
        renewed(GRAPH, [new])
    assert caught.value.message == f"no weight of net is called {new!r}"
    assert caught.value.hint == hint
    assert caught.value.code == "AS615"


@pytest.mark.parametrize("name", ["canonical", "keras"])
def test_what_stood_in_their_places(name: str) -> None:
    every = list(source(name).places(GRAPH))
    kept = [place for place in every if not place.name.startswith("fc.")]
    dot = "." if name == "canonical" else "/"
    own = [place.key for place in every if place not in kept]
    under, beside = f"fc{dot}0{dot}weight", f"fcs{dot}weight"
    keys = [*(place.key for place in every), under, beside]
    assert replaced(every, kept, keys) == [*own, under]
    bias = [place for place in every if place.name == "fc.bias"]
    assert replaced(every, [*kept, *bias], keys) == [
        key for key in own if key not in {place.key for place in bias}
    ]


def test_what_stood_deeper() -> None:
    every = list(source("canonical").places(GRAPH))
    kept = [place for place in every if not place.name.startswith("b.1.")]
    own = [place.key for place in every if place not in kept]
    keys = [*(place.key for place in every), "b.1.0.weight", "b.10.weight", "b.weight"]
    assert replaced(every, kept, keys) == [*own, "b.1.0.weight"]


def test_what_stood_where_a_scope_is_new() -> None:
    every = list(source("canonical").places(GRAPH))
    kept = [place for place in every if not place.name.startswith("b.")]
    own = [place.key for place in every if place not in kept]
    keys = [*(place.key for place in every), "b.weight", "b.2.weight", "bb.weight"]
    assert replaced(every, kept, keys) == [*own, "b.weight", "b.2.weight"]
    kept += [place for place in every if place.name == "b.1.bias"]
    assert replaced(every, kept, ["b.weight", "b.0.extra"]) == ["b.0.extra"]


def test_the_seed() -> None:
    weights = initial_weights(GRAPH, 1)
    found = load(weights, GRAPH, new=["a"], seed=5)
    for name, array in found.items():
        start = initial_weights(GRAPH, 5) if name.startswith("a.") else weights
        assert np.array_equal(array, start[name])

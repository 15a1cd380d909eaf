"""The printed source draws what archspec draws: each initialiser, in both frameworks."""

from __future__ import annotations

import json
from typing import Any

import archspec_keras
import archspec_torch
import keras
import numpy as np
import pytest
import scipy.stats
import torch
from nets import graph_of

from archspec.graph import Graph
from archspec.source.program import execute
from archspec.weights import initial_weights

INITS: list[dict[str, Any]] = [
    *(
        {f"kaiming_{kind}": {"mode": mode, "nonlinearity": gain}}
        for kind in ("normal", "uniform")
        for mode in ("fan_in", "fan_out")
        for gain in ("relu", "linear", "tanh")
    ),
    {"kaiming_uniform": {"nonlinearity": "leaky_relu", "a": 2.23606797749979}},
    {"xavier_normal": {"gain": 2.0}},
    {"xavier_uniform": {}},
    {"normal": {"mean": 0.5, "std": 0.02}},
    {"uniform": {"a": -0.1, "b": 0.3}},
    {"trunc_normal": {"std": 1.0, "a": -2.0, "b": 2.0}},
    {"constant": {"value": 0.25}},
    {"fan_in_uniform": {}},
]


def models(graph: Graph) -> list[Any]:
    """What the printed files of a graph make in PyTorch and in Keras."""
    torch.manual_seed(0)
    keras.utils.set_random_seed(0)
    drawn = []
    for backend in (archspec_torch.backend, archspec_keras.backend):
        source = backend.emit(graph)
        drawn.append(getattr(execute(source), source.entry)())
    return drawn


@pytest.mark.parametrize("init", INITS, ids=json.dumps)
def test_the_same_distribution(init: dict[str, Any]) -> None:
    node = {"op": "linear", "features": 300, "init": {"weight": init}}
    graph = graph_of(f"inputs: {{x: [100]}}\ngraph: {{fc: {json.dumps(node)}}}\n")
    ours = initial_weights(graph)["fc.weight"].astype("float64").ravel()
    drawn = models(graph)
    theirs = [
        drawn[0].fc.weight.detach().numpy().ravel(),
        np.asarray(drawn[1].get_layer("fc").get_weights()[0]).ravel(),
    ]
    for values in theirs:
        if "constant" in init:
            assert (values == ours).all()
            continue
        assert scipy.stats.ks_2samp(values, ours).pvalue > 1e-3
        assert values.std() == pytest.approx(ours.std(), rel=0.03)
        assert values.mean() == pytest.approx(ours.mean(), abs=float(0.03 * ours.std()))
        if "normal" not in next(iter(init)) or "trunc" in next(iter(init)):
            width = float(np.ptp(ours))
            assert values.min() == pytest.approx(ours.min(), abs=0.01 * width)
            assert values.max() == pytest.approx(ours.max(), abs=0.01 * width)


OWN: dict[str, tuple[dict[str, Any], dict[str, Any], list[int], Any]] = {
    "linear": (
        {"features": 800},
        {"features": 6},
        [6],
        lambda: torch.nn.Linear(6, 800),
    ),
    "conv2d": (
        {"channels": 800, "kernel": [3, 1]},
        {"channels": 6, "kernel": 1},
        [6, 8, 8],
        lambda: torch.nn.Conv2d(6, 800, (3, 1)),
    ),
    "conv_transpose2d": (
        {"channels": 800, "kernel": [3, 1]},
        {"channels": 6, "kernel": 1},
        [6, 8, 8],
        lambda: torch.nn.ConvTranspose2d(6, 800, (3, 1)),
    ),
}
"""A layer, others before it, the input, and torch's own layer."""


@pytest.mark.parametrize("kind", OWN)
def test_a_bias_by_the_fan_of_its_layer(kind: str) -> None:
    """Beside torch's own layer, in whose rule there are zeros for the other biases."""
    inits = dict.fromkeys(("weight", "bias"), "fan_in_uniform")
    node, other, size, own = OWN[kind]
    made = {name: {"op": kind, **other} for name in "ab"}
    made["n"] = {"op": kind, **node, "init": inits}
    graph = graph_of(f"inputs: {{x: {size}}}\ngraph: {json.dumps(made)}\n")
    ours = initial_weights(graph)["n.bias"]
    drawn = models(graph)
    wanted = own().bias.detach().numpy()
    assert not drawn[0].a.bias.any()
    for values in (
        ours,
        drawn[0].n.bias.detach().numpy(),
        np.asarray(drawn[1].get_layer("n").get_weights()[1]),
    ):
        assert scipy.stats.ks_2samp(values, wanted).pvalue > 1e-3
        assert np.abs(values).max() == pytest.approx(np.abs(wanted).max(), rel=0.02)

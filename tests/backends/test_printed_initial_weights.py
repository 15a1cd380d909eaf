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
]


@pytest.mark.parametrize("init", INITS, ids=json.dumps)
def test_the_same_distribution(init: dict[str, Any]) -> None:
    node = {"op": "linear", "features": 300, "init": {"weight": init}}
    graph = graph_of(f"inputs: {{x: [100]}}\ngraph: {{fc: {json.dumps(node)}}}\n")
    ours = initial_weights(graph)["fc.weight"].astype("float64").ravel()
    torch.manual_seed(0)
    keras.utils.set_random_seed(0)
    drawn = []
    for backend in (archspec_torch.backend, archspec_keras.backend):
        source = backend.emit(graph)
        drawn.append(getattr(execute(source), source.entry)())
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

"""The definitions that random specs are held to, against torch's own modules."""

from __future__ import annotations

import numpy as np
from graphs import specs
from hypothesis import HealthCheck, given, reject, settings
from nets import graph_of, images, randomised
from node_by_node import RULES, compute

from archspec.backend import backend
from archspec.errors import UnsupportedError
from archspec.ops import BY_KIND


def test_every_op_has_a_definition() -> None:
    assert set(RULES) == set(BY_KIND)


@settings(
    max_examples=100,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(specs())
def test_definitions_are_torchs(text: str) -> None:
    graph, torch = graph_of(text), backend("torch")
    weights, given = randomised(graph), images(graph)
    wanted = compute(graph, weights, given)
    try:
        model = torch.build(graph, weights, dtype="float64")
    except UnsupportedError:
        reject()
    for name, found in torch.forward(graph, model, given).items():
        np.testing.assert_allclose(found, wanted[name], 1e-10, 1e-12)

"""archspec.passes.unrounded: ops of the same shapes that compute in float64."""

from __future__ import annotations

import numpy as np
import pytest
from nets import graph_of

from archspec.backend import backend
from archspec.ops.activation import LeakyRelu
from archspec.passes.unrounded import INSTEAD, key, unrounded


@pytest.mark.parametrize(
    ("op", "kind"),
    [
        ("gelu", "silu"),
        ("softplus", "silu"),
        ("hard_sigmoid", "sigmoid"),
        ("{op: leaky_relu, negative_slope: 0.1}", "leaky_relu"),
        ("{op: resize, scale: 2, mode: bilinear}", "resize nearest"),
        ("{op: resize, size: [12, 3], mode: bilinear}", "resize nearest"),
        ("{op: resize, size: [7, 13], mode: bilinear}", "adaptive_avg_pool2d"),
        ("{op: resize, scale: 2.1, mode: bilinear}", "adaptive_avg_pool2d"),
        ("{op: resize, from: [conv, small], mode: bilinear}", "resize nearest"),
        ("{op: resize, from: [conv, odd], mode: bilinear}", "adaptive_avg_pool2d"),
    ],
)
def test_what_is_replaced(op: str, kind: str) -> None:
    text = (
        "inputs: {image: [4, 6, 12]}\ngraph:\n"
        "  conv: {op: conv2d, channels: 4, kernel: 1}\n"
        "  small: {op: avg_pool2d, kernel: 2}\n"
        "  odd: {op: avg_pool2d, kernel: 2, from: conv, padding: 1}\n"
        f"  a: {op if 'from' in op else op.replace('{', '{from: conv, ') if '{' in op else '{op: ' + op + ', from: conv}'}\n"
        "outputs: {a: a, small: small, odd: odd}\n"
    )
    graph = graph_of(text)
    made = unrounded(graph, [*INSTEAD])
    old, new = (next(n for n in g.nodes if n.name == "a") for g in (graph, made))
    assert key(new.op) == kind and new.op != old.op and new.shape == old.shape
    assert made.shapes() == graph.shapes() and made.parameters() == graph.parameters()
    assert made.outputs == graph.outputs
    made.check()
    assert unrounded(graph, []) is graph
    if isinstance(new.op, LeakyRelu):
        assert new.op.negative_slope == float(np.float32(0.1))
    # What stands there is expressed by both, and is the same to the last bits.
    draw = np.random.default_rng(0)
    weights = {k: draw.normal(size=s) for k, s in graph.parameters().items()}
    images = {"image": draw.normal(size=(2, 4, 6, 12))}
    torch, keras = (
        chosen.forward(
            made,
            chosen.build(
                made, {k: v.copy() for k, v in weights.items()}, dtype="float64"
            ),
            images,
        )["a"]
        for chosen in (backend("torch"), backend("keras"))
    )
    assert np.max(np.abs(torch - keras)) <= 1e-14

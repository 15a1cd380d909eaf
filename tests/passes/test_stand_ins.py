"""archspec.passes.stand_ins: other ops of the same names, weights and shapes."""

from __future__ import annotations

import pytest
from nets import graph_of

from archspec.passes.stand_ins import stand_ins


@pytest.mark.parametrize(
    ("op", "kind"),
    [
        ("{op: group_norm, groups: 2, eps: 0.01}", "batch_norm"),
        ("{op: group_norm, groups: 2, affine: false}", "batch_norm"),
        ("layer_norm", "batch_norm"),
        ("{op: local_response_norm, size: 3}", "identity"),
        ("leaky_relu", "leaky_relu"),
        ("{op: elu, alpha: 0.3}", "elu"),
        ("selu", "relu"),
        ("{op: avg_pool2d, kernel: 3, stride: 2, padding: 1}", "max_pool2d"),
        ("{op: avg_pool2d, kernel: [2, 3], ceil_mode: true}", "max_pool2d"),
    ],
)
def test_what_is_replaced(op: str, kind: str) -> None:
    text = f"inputs: {{image: [4, 9, 9]}}\ngraph: {{a: {op}, b: relu}}\ntaps: {{t: a}}"
    graph = graph_of(text)
    made, kinds = stand_ins(graph)
    assert kinds == {"a": graph.nodes[0].op.kind}
    old, new = graph.nodes[0], made.nodes[0]
    assert new.op.kind == kind and new.op != old.op
    assert made.shapes() == graph.shapes() and made.parameters() == graph.parameters()
    assert made.taps == graph.taps
    if hasattr(old.op, "eps") and hasattr(new.op, "eps"):
        assert new.op.eps == old.op.eps
    made.check()


@pytest.mark.parametrize(
    "op",
    [
        "{op: leaky_relu, negative_slope: 0.125}",
        "elu",
        "{op: avg_pool2d, kernel: [2, 4]}",
        "{op: avg_pool2d, kernel: 3, padding: same}",
        "silu",
        "batch_norm",
        "{op: max_pool2d, kernel: 3}",
    ],
)
def test_what_stays(op: str) -> None:
    graph = graph_of(f"inputs: {{image: [4, 9, 9]}}\ngraph: {{a: {op}, b: relu}}")
    assert stand_ins(graph) == (graph, {})

"""A net of one op is that op."""

from __future__ import annotations

import pytest
from nets import graph_of

from archspec.ops import OPS, Op
from archspec.testing.variants import variants
from archspec.verify.lone import lone


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.kind)
def test_an_op(op: type[Op]) -> None:
    for variant in variants(op, 6):
        ((node, shapes),) = graph_of(variant.spec()).located()
        ((made, read),) = lone(node.op, *shapes).located()
        assert (made.name, made.op, read) == ("node", node.op, shapes)

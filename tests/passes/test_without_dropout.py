"""Nets without dropout."""

from __future__ import annotations

import archspec_torch
from nets import graph_of

from archspec.ops.activation import Dropout, DropPath
from archspec.passes.without_dropout import without_dropout

NET = """
inputs: {image: [3, 8, 8]}
params: {rate: 0.5}
blocks:
  body:
    params: {channels: int, width: =channels * 2}
    graph:
      conv: {op: conv2d, channels: =width, kernel: 3, padding: 1}
      drop: {op: dropout, rate: =rate}
      back: {op: conv2d, channels: =channels, kernel: 1}
graph:
  layer: {block: body, repeat: 3, channels: 4}
  rest: {op: drop_path, rate: =rate}
  head: global_avg_pool2d
"""


def test_dropout_is_gone() -> None:
    graph = without_dropout(graph_of(NET))
    found = [node.op for node in graph.nodes]
    rates = [op.rate for op in found if isinstance(op, Dropout | DropPath)]
    assert rates == [0.0] * 4
    assert "0.5" not in archspec_torch.backend.emit(graph).text

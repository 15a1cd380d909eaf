"""archspec_keras.signs: where zeros may be around what a max pool reads."""

from __future__ import annotations

from typing import Any

import archspec_keras
import pytest
from archspec_keras.signs import ZeroPadded, with_zeros
from nets import graph_of

POOL = "pool: {op: max_pool2d, kernel: 3, stride: 2, padding: 1}"
IMAGE = "inputs: {image: [4, 8, 8]}\n"


def zeros(text: str, **params: Any) -> list[str]:
    """The max pools that may be padded with zeros."""
    graph = with_zeros(graph_of(IMAGE + text, **params))
    return [node.name for node in graph.nodes if isinstance(node.op, ZeroPadded)]


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ("a: relu", True),
        ("a: sigmoid", True),
        ("a: softmax", True),
        ("a: relu6, b: dropout, c: {op: avg_pool2d, kernel: 2}", True),
        ("a: relu, b: {op: sigmoid, from: input}, c: {op: concat, from: [a, b]}", True),
        ("a: relu, b: {op: multiply, from: [a, a]}", True),
        ("a: relu, b: {op: tanh, from: a}, c: {op: add, from: [a, b]}", True),
        ("a: relu, b: {op: concat, from: [a, input]}", False),
        ("a: relu, b: {op: subtract, from: [a, a]}", False),
        ("a: relu, b: batch_norm", False),
        ("a: tanh", False),
        ("a: {op: leaky_relu, negative_slope: 0.1}", False),
        ("a: {op: conv2d, channels: 4, kernel: 1}", False),
        ("a: {graph: [relu, identity]}", True),
        ("a: {graph: [relu, tanh, elu]}", True),
        ("a: {block: unit}", True),
        ("a: {block: cell}", False),
    ],
)
def test_what_is_never_below_0(before: str, found: bool) -> None:
    blocks = (
        "blocks: {unit: {graph: [batch_norm, relu]}, cell: {graph: [relu, batch_norm]}}"
    )
    assert zeros(f"{blocks}\ngraph: {{{before}, {POOL}}}") == ["pool"] * found


def test_what_the_net_reads_may_be_anything() -> None:
    assert zeros(f"graph: {{{POOL}}}") == []


def test_what_a_block_reads_may_be_anything() -> None:
    """Somebody else may call its function."""
    block = "blocks: {unit: {graph: {GRAPH}}}\ngraph: {a: relu, b: {block: unit}}"
    assert zeros(block.replace("GRAPH", POOL)) == []
    assert zeros(block.replace("GRAPH", f"a: relu, {POOL}")) == ["b.pool"]
    assert zeros(f"graph: {{a: relu, b: {{graph: {{{POOL}}}}}}}") == ["b.pool"]


@pytest.mark.parametrize(
    "relu",
    [
        "{op: relu, when: =flag}",
        "{op: relu, repeat: =times}",
        "{op: =act}",
        "{op: leaky_relu, negative_slope: =slope}",
        "{graph: [relu], when: =flag}",
        "{graph: {x: {graph: [relu]}}, repeat: =times}",
    ],
)
def test_what_an_argument_decides_may_be_otherwise(relu: str) -> None:
    params = "params: {flag: true, times: 2, act: relu, slope: 0.0}\n"
    assert zeros(f"{params}graph: {{a: {relu}, {POOL}}}") == []


def test_a_statement_is_one_for_all_its_instances() -> None:
    text = f"""
blocks:
  unit:
    params: {{rectified: bool}}
    graph:
      a: relu
      b: {{op: batch_norm, when: =not rectified}}
      {POOL}
graph:
  one: {{block: unit, rectified: true}}
  two: {{block: unit, rectified: FLAG}}
"""
    assert zeros(text.replace("FLAG", "true")) == ["one.pool", "two.pool"]
    assert zeros(text.replace("FLAG", "false")) == []


def test_what_is_printed() -> None:
    def lines(before: str) -> list[str]:
        graph = graph_of(f"{IMAGE}graph: {{a: {before}, {POOL}}}")
        text = archspec_keras.backend.emit(graph).text
        return [line.strip() for line in text.splitlines() if "pool" in line]

    assert lines("relu") == [
        'x = layers.ZeroPadding2D(1, name="pool_pad")(x)',
        'x = layers.MaxPooling2D(3, strides=2, name="pool")(x)',
    ]
    assert lines("tanh") == [
        'x = layers.MaxPooling2D(3, strides=1, padding="same", name="pool_same")(x)',
        'x = layers.MaxPooling2D(1, strides=2, name="pool")(x)',
    ]

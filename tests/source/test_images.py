"""archspec.source.images: which sizes follow from the image's, in small nets."""

from __future__ import annotations

import pytest
from nets import graph_of

from archspec.source.images import following, sized, without_order

NET = """
inputs: {image: [3, 8, 8], words: [5]}
graph:
  conv: {op: conv2d, from: image, channels: 4, kernel: 3}
  gate: {op: adaptive_avg_pool2d, size: 1}
  reduce: {op: conv2d, channels: 4, kernel: 1}
  scaled: {op: multiply, from: [conv, reduce]}
  small: {op: resize, from: scaled, size: 1}
  like: {op: resize, from: [small, conv]}
  pool: {op: global_avg_pool2d, from: like}
  all: {op: concat, from: [pool, words]}
"""


def test_what_follows_the_image() -> None:
    graph = graph_of(NET)
    assert following(graph) == {"image", "conv", "scaled", "like"}
    assert not sized(graph)


def net(*nodes: str) -> str:
    lines = "".join(f"  n{n}: {node}\n" for n, node in enumerate(nodes))
    return f"inputs: {{image: [3, 8, 8]}}\ngraph:\n{lines}"


WHOLE = "{op: conv2d, channels: 4, kernel: 8}"
POOL = "{op: adaptive_avg_pool2d, size: 1}"
LINEAR = "{op: linear, features: 2}"


@pytest.mark.parametrize(
    ("nodes", "found"),
    [
        (["flatten", LINEAR], True),
        (["flatten"], False),  # nobody reads how many features there are
        ([POOL, "flatten", LINEAR], False),
        ([WHOLE, "flatten", LINEAR], True),  # a pixel, at this size of the image
        (["relu", "flatten", LINEAR], True),
    ],
)
def test_a_number_of_features_that_depends_on_the_image(
    nodes: list[str], found: bool
) -> None:
    assert sized(graph_of(net(*nodes))) is found


@pytest.mark.parametrize(
    ("nodes", "order"),
    [
        ([POOL, "flatten"], "hwc"),
        ([POOL, "relu", "flatten"], "hwc"),
        ([WHOLE, "flatten"], "chw"),
        (["{op: adaptive_avg_pool2d, size: [1, 2]}", "flatten"], "chw"),
        (["{op: global_avg_pool2d}", "flatten"], "chw"),
        (["flatten"], "chw"),
    ],
)
def test_a_pixel_has_no_order(nodes: list[str], order: str) -> None:
    graph = graph_of(net(*nodes))
    made = without_order(graph)
    assert getattr(made.nodes[-1].op, "order", None) == order
    assert [node.name for node in made.nodes] == [node.name for node in graph.nodes]
    assert [n.shape for n in made.nodes] == [n.shape for n in graph.nodes]
    assert made.nodes[:-1] == graph.nodes[:-1]

"""archspec.source.images: which sizes follow from the image's, in small nets."""

from __future__ import annotations

import pytest
from nets import graph_of

from archspec.graph import Graph
from archspec.ops import Op
from archspec.ops.activation import Identity
from archspec.ops.pooling import GlobalAvgPool2d, GlobalMaxPool2d
from archspec.ops.shaping import Flatten
from archspec.source.images import following, sized, with_vectors, without_order

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


def test_a_pixel_whose_order_a_formula_says() -> None:
    text = net(POOL, "{op: flatten, order: =o}").replace(
        "inputs", "params: {o: chw}\ninputs"
    )
    made = without_order(graph_of(text)).nodes[-1]
    assert (made.op, made.texts) == (Flatten(order="hwc"), {})


# Pools to vectors

MAX = "{op: adaptive_max_pool2d, size: 1}"


@pytest.mark.parametrize(
    ("pool", "whole"), [(POOL, GlobalAvgPool2d()), (MAX, GlobalMaxPool2d())]
)
def test_a_pool_to_one_pixel_that_is_flattened_gives_a_vector(
    pool: str, whole: Op
) -> None:
    graph = graph_of(net("relu", pool, "flatten", LINEAR))
    made = with_vectors(graph)
    relu, one, two, linear = made.nodes
    assert (one.op, one.shape, two.op, two.shape) == (whole, (3,), Identity(), (3,))
    assert (relu, linear) == (graph.nodes[0], graph.nodes[3])
    assert [node.name for node in made.nodes] == [node.name for node in graph.nodes]


@pytest.mark.parametrize(
    "nodes",
    [
        ["flatten", LINEAR],
        ["relu", "flatten"],
        ["{op: adaptive_avg_pool2d, size: [1, 2]}", "flatten"],
        ["{op: adaptive_avg_pool2d, size: [2, 1]}", "flatten"],
        ["{op: max_pool2d, kernel: 8}", "flatten"],
        [POOL, "relu", "flatten"],
        ["{op: adaptive_avg_pool2d, size: =one}", "flatten"],
        ["{op: adaptive_avg_pool2d, size: 1, when: =yes}", "flatten"],
        ["{op: adaptive_avg_pool2d, size: 1, repeat: =one}", "flatten"],
        [POOL, "{op: flatten, when: =yes}"],
        [POOL, "{op: flatten, repeat: =one}"],
    ],
)
def test_other_pools_stay_as_they_are(nodes: list[str]) -> None:
    """Another size, another reader of the pool, or what a caller may choose."""
    graph = graph_of(f"params: {{one: 1, yes: true}}\n{net(*nodes)}")
    assert with_vectors(graph) is graph


@pytest.mark.parametrize(
    ("nodes", "outputs"),
    [
        ([POOL, "flatten"], "{pixel: n0, vector: n1}"),
        ([POOL, "flatten", "{op: relu, from: n0}"], "{vector: n1, pixel: n2}"),
    ],
)
def test_a_pool_that_is_read_otherwise_stays_as_it_is(
    nodes: list[str], outputs: str
) -> None:
    graph = graph_of(f"{net(*nodes)}outputs: {outputs}\n")
    assert with_vectors(graph) is graph


def kinds(graph: Graph) -> list[str]:
    return [node.op.kind for node in with_vectors(graph).nodes]


def test_all_instances_of_a_block_give_vectors_or_none_does() -> None:
    unit = "blocks: {unit: {graph: {p: %s, f: flatten}, outputs: {p: p, f: f}}}\n"
    both = "  a: {block: unit, from: input}\n  b: {block: unit, from: input}\n"
    text = unit % POOL + "inputs: {image: [3, 8, 8]}\ngraph:\n" + both
    last = "  last: {op: concat, from: [a.f, b.f]}\n"
    found = ["global_avg_pool2d", "identity"]
    assert kinds(graph_of(text + last)) == [*found, *found, "concat"]
    for read in ("a.p", "b.p"):
        graph = graph_of(f"{text}{last}outputs: {{all: last, pixel: {read}}}\n")
        assert with_vectors(graph) is graph


def test_a_pool_and_a_flatten_of_two_scopes_stay_as_they_are() -> None:
    blocks = "blocks: {unit: {graph: {f: flatten}}}\ninputs: {image: [3, 8, 8]}\n"
    graph = graph_of(f"{blocks}graph: {{p: {POOL}, u: {{block: unit}}}}\n")
    assert with_vectors(graph) is graph


def test_a_pool_whose_reader_is_a_flatten_in_one_instance_alone() -> None:
    unit = f"params: {{last: str}}, graph: {{p: {POOL}, f: {{op: =last}}}}"
    uses = ["last: flatten", "last: global_max_pool2d"]
    graph = graph_of(
        f"inputs: {{image: [3, 8, 8]}}\nblocks: {{unit: {{{unit}}}}}\ngraph:\n"
        + "".join(f"  {u[-1]}: {{block: unit, from: input, {u}}}\n" for u in uses)
        + "  all: {op: concat, from: [n, d]}\n"
    )
    assert with_vectors(graph) is graph

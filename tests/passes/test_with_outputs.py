"""Nets that end elsewhere: what is cut can be printed and run."""

from __future__ import annotations

import pytest
from nets import errors, graph_of
from proofs import sampled

from archspec import load
from archspec.backend import backend
from archspec.passes.with_outputs import with_outputs
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


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("child", ["conv", "drop", "back"])
def test_a_net_that_ends_inside_a_repeat(index: int, child: str) -> None:
    name = f"layer.{index}.{child}"
    cut = with_outputs(without_dropout(graph_of(NET)), {"": name})
    assert cut.nodes[-1].name == name
    assert len(cut.nodes) == 3 * index + 1 + ["conv", "drop", "back"].index(child)
    assert max(errors(cut)) <= 1e-12


@pytest.mark.parametrize("name", sampled(["resnet50", "resnet20"], ["resnet20"]))
def test_every_node_of_a_net_can_be_its_end(name: str) -> None:
    graph = without_dropout(load(name).graph)
    for node in graph.nodes[:: len(graph.nodes) // 12]:
        cut = with_outputs(graph, {"": node.name})
        for chosen in ("torch", "keras"):
            assert backend(chosen).emit(cut).text


@pytest.mark.parametrize("size", ["channels", "height"])
def test_a_formula_reads_an_input_that_nothing_reads(size: str) -> None:
    graph = graph_of(
        "inputs: {image: [4, 6, 6]}\n"
        "blocks: {join: {inputs: [x, skip], graph: {\n"
        f"conv: {{op: conv2d, from: x, channels: =skip.{size}, kernel: 1}},\n"
        "cat: {op: concat, from: [conv, skip]}}}}\n"
        "graph: {stem: relu, side: tanh, last: {block: join, from: [stem, side]}}"
    )
    cut = with_outputs(graph, {"": "last.conv"})
    assert "skip" not in cut.nodes[-1].scope.inputs
    assert max(errors(cut)) <= 1e-12


def test_no_output_of_such_a_name() -> None:
    with pytest.raises(ValueError, match="'nowhere'"):
        with_outputs(graph_of(NET), {"": "nowhere"})

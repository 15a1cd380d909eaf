"""Passes over graphs, and that what they cut can be printed and run."""

from __future__ import annotations

import archspec_torch
import pytest
from nets import errors, graph_of

from archspec import load
from archspec.backend import backend
from archspec.errors import SpecError, UnsupportedError
from archspec.ops.activation import Dropout, DropPath
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


@pytest.mark.parametrize("name", ["resnet50", "vgg11_bn"])
def test_every_node_of_a_net_can_be_its_end(name: str) -> None:
    graph = without_dropout(load(name).graph)
    for node in graph.nodes[:: len(graph.nodes) // 12]:
        cut = with_outputs(graph, {"": node.name})
        for chosen in ("torch", "keras"):
            assert backend(chosen).emit(cut).text


def test_no_output_of_such_a_name() -> None:
    with pytest.raises(ValueError, match="'nowhere'"):
        with_outputs(graph_of(NET), {"": "nowhere"})


def test_dropout_is_gone() -> None:
    graph = without_dropout(graph_of(NET))
    found = [node.op for node in graph.nodes]
    rates = [op.rate for op in found if isinstance(op, Dropout | DropPath)]
    assert rates == [0.0] * 4
    assert "0.5" not in archspec_torch.backend.emit(graph).text


def test_an_entry_of_a_list_of_which_nothing_is_left() -> None:
    with pytest.raises(SpecError, match=r"nothing is left of 'n\.0'") as caught:
        graph_of(
            "inputs: {image: [4]}\nparams: {on: false}\ngraph:\n  n:\n    graph:\n"
            "      - {graph: [{op: tanh, when: =on}]}\n      - scale\n"
        )
    assert str(caught.value.at) == "net.yaml:8:9"


@pytest.mark.parametrize("size", [[1, 3], [4, 1]])
def test_a_pool_without_a_derivative_on_tensorflow(size: list[int]) -> None:
    graph = graph_of(
        "inputs: {image: [2, 5, 6]}\n"
        f"graph: {{n: {{op: adaptive_max_pool2d, size: {size}}}}}\n"
    )
    with pytest.raises(UnsupportedError, match="nobody wrote"):
        backend("keras").emit(graph)


def test_weights_that_only_lend_a_size() -> None:
    graph = graph_of(
        "inputs: {image: [2, 5, 6]}\ngraph:\n"
        "  n: {op: conv2d, channels: 2, kernel: 3}\n"
        "  m: {op: resize, from: [input, n]}\n"
    )
    with pytest.raises(UnsupportedError, match="only reads its size") as caught:
        backend("keras").emit(graph)
    assert str(caught.value.at) == "net.yaml:5:3"

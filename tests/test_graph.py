"""What a graph says of itself: shapes, weights, counts; torch counts alike.

`Graph.check` is tested in test_invariants.py.
"""

from __future__ import annotations

from math import prod

import pytest
import torch
from nets import graph_of
from torch.utils.flop_counter import FlopCounterMode

NET = """
inputs: {image: [3, 9, 8], other: [6, 5, 4]}
params: {classes: 5}
blocks:
  body:
    graph:
      conv: {op: conv2d, channels: 6, kernel: 3, padding: 1}
      bn: batch_norm
graph:
  stem: {op: conv2d, channels: 6, kernel: 3, stride: 2, padding: 1, from: image}
  layer: {block: body, repeat: 3}
  add: {op: add, from: [layer, other]}
  pool: global_avg_pool2d
  fc: {op: linear, features: =classes}
"""


class Net(torch.nn.Module):
    """The same in torch."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = torch.nn.Conv2d(3, 6, 3, 2, 1)
        self.layer = torch.nn.ModuleList(
            torch.nn.ModuleDict(
                {
                    "conv": torch.nn.Conv2d(6, 6, 3, 1, 1),
                    "bn": torch.nn.BatchNorm2d(6),
                }
            )
            for _ in range(3)
        )
        self.fc = torch.nn.Linear(6, 5)

    def forward(self, image: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        value = self.stem(image)
        for body in self.layer:
            value = body["bn"](body["conv"](value))  # type: ignore[index]  # it is a ModuleDict
        found: torch.Tensor = self.fc((value + other).mean((2, 3)))
        return found


GRAPH = graph_of(NET)
ORACLE = Net()


def test_every_value_has_a_shape() -> None:
    assert GRAPH.shapes() == {
        "image": (3, 9, 8),
        "other": (6, 5, 4),
        "stem": (6, 5, 4),
        **{f"layer.{n}.{name}": (6, 5, 4) for n in range(3) for name in ("conv", "bn")},
        "add": (6, 5, 4),
        "pool": (6,),
        "fc": (5,),
    }


def test_a_node_by_its_name() -> None:
    assert len(GRAPH) == len(GRAPH.nodes) == 10
    assert [GRAPH[name] for name in GRAPH] == [*GRAPH.nodes]
    assert GRAPH["layer.1.conv"].op.kind == "conv2d" and "layer.1.conv" in GRAPH
    assert "image" not in GRAPH and 5 not in GRAPH
    with pytest.raises(KeyError, match=r"no node 'layer.1.conf'; did you mean 'layer"):
        GRAPH["layer.1.conf"]
    with pytest.raises(KeyError, match="no node 5"):
        GRAPH[5]  # type: ignore[index]  # wrong on purpose


def test_nodes_with_the_shapes_that_they_read() -> None:
    found = {node.name: shapes for node, shapes in GRAPH.located()}
    assert found["stem"] == ((3, 9, 8),)
    assert found["add"] == ((6, 5, 4), (6, 5, 4))
    assert found["fc"] == ((6,),)
    assert list(found) == [node.name for node in GRAPH.nodes]


def test_weights_are_torchs_in_its_order() -> None:
    parameters = {name: tuple(p.shape) for name, p in ORACLE.named_parameters()}
    buffers = {
        name: tuple(b.shape)
        for name, b in ORACLE.named_buffers()
        if not name.endswith("num_batches_tracked")
    }
    assert list(GRAPH.parameters().items()) == list(parameters.items())
    assert list(GRAPH.buffers().items()) == list(buffers.items())
    assert GRAPH.parameter_count() == sum(map(prod, parameters.values()))
    assert GRAPH.buffer_count() == sum(map(prod, buffers.values()))


def test_macs_are_half_of_torchs_flops() -> None:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        ORACLE.eval()(torch.zeros(1, 3, 9, 8), torch.zeros(1, 6, 5, 4))
    assert GRAPH.flops() == 2 * GRAPH.macs() == counter.get_total_flops()


def test_bytes_of_all_outputs() -> None:
    values = 8 * 6 * 5 * 4 + 6 + 5
    assert GRAPH.activation_bytes() == 4 * values
    assert GRAPH.activation_bytes(8) == 8 * values


def test_one_op_at_two_sizes_is_counted_at_each() -> None:
    """Instances of a block share their ops, not what these read."""
    graph = graph_of(
        "inputs: {image: [4, 8, 8]}\n"
        "blocks:\n  body:\n    graph:\n"
        "      conv: {op: conv2d, channels: 4, kernel: 2, stride: 2}\n"
        "graph: {layer: {block: body, repeat: 3}}\n"
    )
    assert graph.macs() == 4 * 4 * 4 * (16 + 4 + 1)
    assert graph.parameter_count() == 3 * (4 * 4 * 4 + 4)


def test_a_recipe_says_nothing_of_channels_that_are_not_there() -> None:
    told = "preprocessing: {crop: 8, channels: RGB, mean: [1, 2, 3], std: [1, 1, 1]}\n"
    for channels in (3, 1, 4):
        graph = graph_of(f"{told}inputs: {{image: [{channels}, 8, 8]}}\ngraph: [relu]")
        recipe = graph.recipe()
        if channels == 3:
            assert recipe == graph.preprocessing
        else:
            assert recipe == {"crop": 8}
            assert len(graph.preprocessing) == 4
    graph = graph_of("preprocessing: {mean: 1}\ninputs: {x: [2, 8, 8]}\ngraph: [relu]")
    assert graph.recipe() == {"mean": 1}

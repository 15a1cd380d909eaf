"""Every class that a printed torch file may define itself can be traced and scripted."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from nets import graph_of

from archspec.backend import backend
from archspec.source.module import definitions
from archspec.weights.initial import initial_weights

NODES = {
    "Conv2dSame": "{op: conv2d, channels: 3, kernel: 3, stride: 2, padding: same}",
    "PaddedConv2d": "{op: conv2d, channels: 3, kernel: 3, padding: [[0, 1], [1, 2]]}",
    "BiasedBatchNorm2d": "{op: batch_norm, running_var: biased}",
    "LayerNorm2d": "layer_norm",
    "Scale": "scale",
    "NamedScale": "{op: scale, weight: gamma}",
    "MaxPool2dSame": "{op: max_pool2d, kernel: 3, stride: 2, padding: same}",
    "AvgPool2dSame": "{op: avg_pool2d, kernel: 3, stride: 2, padding: same}",
    "GlobalAvgPool2d": "global_avg_pool2d",
    "GlobalMaxPool2d": "global_max_pool2d",
    "FlattenHWC": "{op: flatten, order: hwc}",
    "ChannelSlice": "{op: slice, start: 1, stop: 3}",
    "ChannelShuffle": "{op: channel_shuffle, groups: 2}",
    "DropPath": "{op: drop_path, rate: 0.5}",
}
OF_VECTORS = {
    "BiasedBatchNorm1d": "{op: batch_norm, running_var: biased}",
    "Scale": "scale",
    "NamedScale": "{op: scale, weight: gamma}",
    "DropPath": "{op: drop_path, rate: 0.5}",
}


def made(node: str, size: int) -> torch.nn.Module:
    """A chain with the node as a child, in training mode."""
    shape = [4, 10, 9][:size]
    graph = graph_of(f"inputs: {{x: {shape}}}\ngraph: [{node}, relu]\n")
    model: torch.nn.Module = backend("torch").build(graph, initial_weights(graph))
    return model.train()


CASES = [
    *((name, node, 3) for name, node in NODES.items()),
    *((name, node, 1) for name, node in OF_VECTORS.items()),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("name", "node", "size"), CASES)
@pytest.mark.parametrize("training", [True, False])
def test_traced_and_scripted(name: str, node: str, size: int, training: bool) -> None:
    """In each mode the same numbers, and the same statistics afterwards."""
    x = torch.linspace(-1, 2, 3 * 4 * 90).reshape(3, 4, 10, 9)
    x = x if size == 3 else x[:, :, 0, 0]
    ways: list[Any] = [lambda model: model, torch.fx.symbolic_trace]
    if name != "NamedScale":  # TorchScript knows no attribute by a name that it is told
        ways.append(torch.jit.script)
    found = []
    for way in ways:
        model = made(node, size).train(training)
        assert name in {type(child).__name__ for child in model.modules()}
        torch.manual_seed(0)
        out = way(model)(x)
        found.append((out, [*model.buffers()]))
    for out, buffers in found[1:]:
        assert torch.equal(out, found[0][0])
        for one, other in zip(buffers, found[0][1], strict=True):
            assert torch.equal(one, other)


def test_every_class_of_the_file_is_tried() -> None:
    classes = {name for name in definitions("archspec_torch") if name[0].isupper()}
    # A base of whole nets, which are tried where norms are folded.
    assert classes - {"ForInference"} <= {*NODES, *OF_VECTORS}

"""The specs named after torchvision's functions are torchvision's nets."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision
from proofs import sampled
from published import NETS, distance, images, output, published
from torch.utils.flop_counter import FlopCounterMode

import archspec

TOLERANCE = 1e-12
FEW = ("vgg11_bn", "resnet18", "resnet50", "resnext50_32x4d")
NARROW: dict[str, Any] = {"hidden": [32, 32]}
"""The head of a VGG for each run."""
"""Nets of every kind of block, cheap enough for each run."""


@pytest.mark.parametrize("name", NETS)
def test_counts(name: str) -> None:
    graph = archspec.load(name).graph
    assert (graph.parameter_count(), graph.macs()) == NETS[name]


@pytest.mark.parametrize("name", NETS)
def test_table_is_torchvisions(name: str) -> None:
    """Checks the numbers above: torch's own counter, and what torchvision publishes."""
    with torch.device("meta"):
        net = getattr(torchvision.models, name)().eval()
        image = torch.empty(1, 3, 224, 224)
    with FlopCounterMode(display=False) as counter:
        net(image)
    params, macs = NETS[name]
    assert counter.get_total_flops() == 2 * macs
    assert sum(tensor.numel() for tensor in net.parameters()) == params
    weights = torchvision.models.get_model_weights(name).DEFAULT
    assert weights.meta["num_params"] == params
    assert weights.meta["_ops"] == pytest.approx(macs / 1e9, abs=5e-4)


@pytest.mark.parametrize(
    "name",
    sampled(NETS, FEW),
)
def test_is_torchvisions(name: str) -> None:
    params = NARROW if name in FEW and name.startswith("vgg") else {}
    theirs = published(name, **params)
    ours = archspec.load(name, params=params).build("torch", dtype="float64").eval()
    given = images(name)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert distance(output(ours, given), output(theirs, given)) <= TOLERANCE


@pytest.mark.parametrize("size", [(224, 224), (32, 33), (63, 127)])
@pytest.mark.parametrize("name", ["resnet18"])
def test_any_size(name: str, size: tuple[int, int]) -> None:
    """One model takes images of any size, as torchvision's does."""
    theirs = published(name)
    ours = archspec.load(name).build("torch", dtype="float64").eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    given = torch.randn(1, 3, *size, dtype=torch.float64).numpy()
    assert distance(output(ours, given), output(theirs, given)) <= TOLERANCE

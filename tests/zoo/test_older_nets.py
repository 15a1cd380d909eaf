"""Nets whose names are ours and whose function differs, by a param of the family.

The first nets, Caffe's, have the stride of a bottleneck in its first 1x1 convolution,
and a much used repository for CIFAR has the zeros of option A on both sides.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from layouts.described import KUANGLIU, Described
from published import canonical, distance, output, scrambled
from torchvision.models.resnet import Bottleneck, ResNet

import archspec
from archspec.backend import backend
from archspec.errors import SpecError
from archspec.ops.shaping import Pad

TOLERANCE = 1e-12
NARROW: dict[str, Any] = {"depths": [1, 2, 1, 1], "num_classes": 10}


class FirstStrides(Bottleneck):  # type: ignore[misc]  # torchvision has no types
    """torchvision's bottleneck with the stride where the paper's first nets have it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conv1.stride, self.conv2.stride = self.conv2.stride, self.conv1.stride


def outputs(spec: archspec.Spec, net: Any, given: Any) -> dict[str, float]:
    """How far each backend is from a net with the same weights."""
    wanted, found = output(net, given), {}
    weights = {k.replace("linear", "fc"): v for k, v in canonical(net).items()}
    for name in ("torch", "keras"):
        model = spec.build(name, weights=weights, dtype="float64")
        made = backend(name).forward(spec.graph, model, {"image": given})
        found[name] = distance(made[""], wanted)
    return found


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param("resnet50", {}, marks=pytest.mark.proof),
        pytest.param(
            "wide_resnet50_2", {"width_per_group": 128}, marks=pytest.mark.proof
        ),
        ("resnext50_32x4d", {"groups": 32, "width_per_group": 4}),
        pytest.param(
            *("resnet50", {"replace_stride_with_dilation": [False, True, True]}),
            marks=pytest.mark.proof,
        ),
    ],
)
def test_the_stride_in_the_first_convolution(name: str, options: Any) -> None:
    with torch.device("meta"):
        theirs = ResNet(FirstStrides, NARROW["depths"], num_classes=10, **options)
    net = scrambled(theirs)
    given = np.random.default_rng(1).normal(size=(1, 3, 33, 49))
    stride = 8 if "replace_stride_with_dilation" in options else 32
    params = {**NARROW, "output_stride": stride}
    spec = archspec.load(name, size=(33, 49), params={**params, "stride_in_1x1": True})
    assert max(outputs(spec, net, given).values()) <= TOLERANCE
    other = archspec.load(name, size=(33, 49), params=params)
    assert min(outputs(other, net, given).values()) > 1e-3  # the names fit


@pytest.mark.parametrize("widths", [(8, 16, 32), (4, 8, 16)])
def test_zeros_on_both_sides(widths: tuple[int, ...]) -> None:
    depths = (1, 2, 1)
    with torch.device("meta"):
        made = Described(KUANGLIU, depths, widths, small=True, zeros=True, classes=10)
    net = scrambled(made)
    given = np.random.default_rng(1).normal(size=(2, 3, 32, 32))
    params = {"depths": list(depths), "widths": list(widths)}
    spec = archspec.load("resnet20", params={**params, "zeros": "around"})
    assert max(outputs(spec, net, given).values()) <= TOLERANCE
    other = archspec.load("resnet20", params=params)
    assert min(outputs(other, net, given).values()) > 0.01


def test_odd_zeros_go_behind() -> None:
    spec = archspec.load("resnet20", widths=[4, 7, 9], zeros="around")
    pads = [node.op for node in spec.graph.nodes if isinstance(node.op, Pad)]
    assert [op.channels for op in pads] == [(1, 2), (1, 1)]


def test_zeros_that_are_elsewhere() -> None:
    with pytest.raises(SpecError, match="zeros is after or around"):
        archspec.load("resnet20", zeros="before")


def test_presets_are_printed_without_them() -> None:
    """What only checkpoints of others need is no argument of printed code."""
    for name in ("torch", "keras"):
        text = archspec.load("resnet50").codegen(name).text
        assert "stride_in_1x1" not in text

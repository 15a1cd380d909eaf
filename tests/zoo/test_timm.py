"""The specs named after timm's functions are timm's nets, by name, on both backends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision
from proofs import sampled
from published import canonical, distance, output, scrambled
from torch.utils.flop_counter import FlopCounterMode

import archspec
from archspec.backend import backend

TOLERANCE = 1e-12
NETS = (
    *(f"resnetv2_{n}" for n in (18, 34, 50, 101, 152)),
    *(f"resnet{n}d" for n in (18, 34, 50, 101, 152, 200)),
    *("resnet50c", "resnet50s", "resnet50t", "resnet26t"),
    *(f"seresnet{n}" for n in (18, 34, 50, 101, 152)),
    *("seresnext50_32x4d", "resnext50d_32x4d", "resnet50_gn"),
    *(f"resnetrs{n}" for n in (50, 101, 152)),
)
SHARED = ("resnet18", "resnet50", "resnext50_32x4d", "wide_resnet50_2")
"""torchvision's names for nets that timm has too."""
FEW = ("resnetv2_18", "resnet26t", "seresnet18")
SIZE = (65, 97)
"""Height and width of the test images, which halve to odd sizes."""


def timms(name: str, **options: Any) -> Any:
    """timm's net on the meta device, without values."""
    with torch.device("meta"):
        return timm.create_model(name, **options)


def compare(spec: archspec.Spec, theirs: Any, size: tuple[int, int] = SIZE) -> None:
    """Loads their state by name, strictly, and compares outputs on both backends."""
    given = np.random.default_rng(1).normal(size=(1, 3, *size))
    wanted = output(theirs, given)
    ours = spec.build("torch", dtype="float64").eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert distance(output(ours, given), wanted) <= TOLERANCE
    keras = spec.build("keras", weights=canonical(theirs), dtype="float64")
    made = backend("keras").forward(spec.graph, keras, {"image": given})
    assert distance(made[""], wanted) <= TOLERANCE


@pytest.mark.parametrize(
    "name",
    sampled(NETS, FEW),
)
def test_counts(name: str) -> None:
    """torch's own counter on timm's net gives our counts."""
    net = timms(name).eval()
    with FlopCounterMode(display=False) as counter:
        net(torch.empty(1, 3, 224, 224, device="meta"))
    graph = archspec.load(name).graph
    assert counter.get_total_flops() == graph.flops()
    assert sum(t.numel() for t in net.parameters()) == graph.parameter_count()
    buffers = sum(t.numel() for t in net.buffers() if t.ndim)
    assert buffers == graph.buffer_count()


@pytest.mark.parametrize(
    "name",
    sampled((*NETS, *SHARED), FEW),
)
def test_is_timms(name: str) -> None:
    compare(archspec.load(name, size=SIZE), scrambled(timms(name)))


@pytest.mark.parametrize(
    ("name", "stride"),
    [
        ("resnet18d", 8),
        pytest.param("resnet18d", 16, marks=pytest.mark.proof),
        ("resnetv2_18", 8),
        pytest.param("resnetv2_50", 16, marks=pytest.mark.proof),
        pytest.param("seresnet34", 8, marks=pytest.mark.proof),
        pytest.param("resnet50t", 8, marks=pytest.mark.proof),
    ],
)
def test_output_stride(name: str, stride: int) -> None:
    theirs = scrambled(timms(name, output_stride=stride))
    compare(archspec.load(name, size=SIZE, output_stride=stride), theirs)


@pytest.mark.proof
@pytest.mark.parametrize("stride", [8, 16])
def test_output_stride_of_torchvision(stride: int) -> None:
    with torch.device("meta"):
        theirs = torchvision.models.resnet50(
            replace_stride_with_dilation=[False, stride == 8, True]
        )
    spec = archspec.load("resnet50", size=SIZE, output_stride=stride)
    compare(spec, scrambled(theirs))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        pytest.param("vgg11", (65, 97), marks=pytest.mark.proof),
        pytest.param("vgg11_bn", (224, 256), marks=pytest.mark.proof),
    ],
)
def test_convolutional_head(name: str, size: tuple[int, int]) -> None:
    """VGG with the head as convolutions is timm's, below and above 224 pixels."""
    spec = archspec.load(name, size=size, head="conv")
    compare(spec, scrambled(timms(name)), size)

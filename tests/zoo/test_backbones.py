"""Backbones: taps without the head, and nets that hold a zoo net as a part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from proofs import sampled
from published import canonical, distance, published, scrambled
from torchvision.models import _utils, detection, segmentation
from torchvision.models.detection import backbone_utils

import archspec
from archspec.backend import backend
from archspec.errors import SpecError, WeightsError
from archspec.weights import save

TOLERANCE = 1e-12
NATIVE_BILINEAR = 1e-6
"""TensorFlow resizes bilinearly in single precision; see backends/test_agreement.py."""
SIZES = [(97, 65), pytest.param((224, 160), marks=pytest.mark.proof)]
STAGES = {"layer1": "c2", "layer2": "c3", "layer3": "c4", "layer4": "c5"}
Arrays = dict[str, NDArray[Any]]

__all__ = ["detection"]


def images(size: tuple[int, int]) -> NDArray[np.float64]:
    """One random image."""
    return np.random.default_rng(1).normal(size=(1, 3, *size))


def theirs(net: Any, given: NDArray[np.float64]) -> Arrays:
    """What a torch net that returns a dict makes of an image."""
    with torch.no_grad():
        made = net(torch.from_numpy(given))
    return {name: tensor.numpy() for name, tensor in made.items()}


def ours(
    spec: archspec.Spec, name: str, weights: Arrays, given: NDArray[np.float64]
) -> Arrays:
    """What the spec's model of a backend makes of it."""
    model = spec.build(name, weights=weights, dtype="float64")
    return backend(name).forward(spec.graph, model, {"image": given})


def compare(found: Arrays, wanted: Arrays, bound: float = TOLERANCE) -> None:
    """The same names in the same order, and values as near as `bound`."""
    assert list(found) == list(wanted)
    for name in wanted:
        assert distance(found[name], wanted[name]) <= bound


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["torch", "keras"])
def test_pyramid(name: str, size: tuple[int, int]) -> None:
    with torch.device("meta"):
        net = backbone_utils.resnet_fpn_backbone(
            backbone_name="resnet50", weights=None, norm_layer=torch.nn.BatchNorm2d
        )
    net, given = scrambled(net), images(size)
    spec = archspec.load("fpn_resnet50", size=size)
    weights = canonical(net)
    compare(ours(spec, name, weights, given), theirs(net, given))
    if name == "torch":
        spec.build("torch").load_state_dict(net.state_dict(), strict=True)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", sampled(["torch", "keras"], ["torch"]))
def test_segmentation(name: str, size: tuple[int, int]) -> None:
    with torch.device("meta"):
        net = segmentation.fcn_resnet50(
            weights=None, weights_backbone=None, aux_loss=True
        )
    net, given = scrambled(net), images(size)
    weights = canonical(net)
    spec = archspec.load("fcn_resnet50", size=size)
    bound = NATIVE_BILINEAR if name == "keras" else TOLERANCE
    compare(ours(spec, name, weights, given), theirs(net, given), bound)
    if name == "torch":
        spec.build("torch").load_state_dict(net.state_dict(), strict=True)
        return
    # Without the resize, which TensorFlow rounds, they agree to the last bits.
    features = net.backbone(torch.from_numpy(given))
    small = {
        "out": net.classifier(features["out"]).detach().numpy(),
        "aux": net.aux_classifier(features["aux"]).detach().numpy(),
    }
    bare = archspec.load("fcn_resnet50", size=size, taps=True)
    compare(ours(bare, name, weights, given), small)


@pytest.mark.parametrize("name", ["torch", "keras"])
def test_taps(name: str, tmp_path: Path) -> None:
    """A file of the whole net's weights makes a backbone, the head left out."""
    net = published("resnet18")
    size, weights = (97, 65), canonical(net)
    spec = archspec.load("resnet18", size=size, taps=True)
    assert not [key for key in spec.graph.parameters() if key.startswith("fc")]
    assert (
        spec.graph.parameters().items()
        < archspec.load("resnet18").graph.parameters().items()
    )
    getter = _utils.IntermediateLayerGetter(net, STAGES)
    wanted = theirs(getter, images(size))
    compare(ours(spec, name, weights, images(size)), wanted)
    save(tmp_path / "whole.safetensors", weights, {})
    bare = {k: v for k, v in weights.items() if not k.startswith("fc.")}
    save(tmp_path / "bare.safetensors", bare, {})
    for file in ("whole", "bare"):
        model = spec.build(name, weights=tmp_path / f"{file}.safetensors")
        read = backend(name).read_weights(spec.graph, model)
        assert {k: v.shape for k, v in read.items()} == {
            k: v.shape for k, v in bare.items()
        }


def test_weights_of_another_net() -> None:
    spec = archspec.load("resnet18", size=(64, 64), taps=True)
    with pytest.raises(WeightsError, match=r"surplus|unknown|not in|extra"):
        spec.build(
            "torch", weights={**canonical(published("resnet18")), "x.y": np.ones(1)}
        )


def test_no_taps() -> None:
    with pytest.raises(SpecError, match="sample_resnet has no taps"):
        archspec.load("sample_resnet", taps=True)


@pytest.mark.parametrize(
    ("name", "strides"),
    [
        ("resnet50", {"c2": 4, "c3": 8, "c4": 16, "c5": 32}),
        ("resnet1202", {"c2": 1, "c3": 2, "c4": 4}),
        ("vgg16", {"c1": 2, "c2": 4, "c3": 8, "c4": 16, "c5": 32}),
        ("fpn_resnet50", {"p2": 4, "p3": 8, "p4": 16, "p5": 32}),
    ],
)
@pytest.mark.parametrize("size", [(224, 224), (97, 33)])
def test_strides(name: str, strides: dict[str, int], size: tuple[int, int]) -> None:
    """`show` says how many pixels of the image a step in a feature is."""
    facts = archspec.load(name, size=size).show(1)
    line = next(x for x in facts.splitlines() if x.startswith("taps: "))
    found = [text.partition(" ") for text in line.removeprefix("taps: ").split(", ")]
    assert {
        tap: int(rest.partition("(stride ")[2].rstrip(")")) for tap, _, rest in found
    } == strides


@pytest.mark.parametrize("stride", [8, 16])
def test_output_stride(stride: int) -> None:
    graph = archspec.load("resnet50", output_stride=stride).graph
    shapes = graph.shapes()
    assert shapes[graph.taps["c5"]] == (2048, 224 // stride, 224 // stride)
    with pytest.raises(SpecError, match=r"output_stride is 8, 16 or 32; .* is 12"):
        archspec.load("resnet50", output_stride=12)

"""A net with a publisher starts as the publisher's own: each parameter's distribution.

The oracle is the library's constructor. What it draws, ours draws from the same
distribution, and where it writes a number, ours has that number. The printed classes of
torchvision's nets for classification draw the very same numbers from the same seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import scipy.stats
import timm
import torch
import torchvision
from numpy.typing import NDArray
from proofs import sampled
from published import NETS, canonical
from torchvision.models.detection import backbone_utils
from torchvision.models.segmentation import fcn_resnet50

import archspec
from archspec.listing import nets
from archspec.source.program import execute
from archspec.weights import initial_weights, load

APPLICATIONS = {
    "keras_resnet50": "ResNet50",
    "keras_resnet101": "ResNet101",
    "keras_resnet152": "ResNet152",
    "keras_resnet50v2": "ResNet50V2",
    "keras_resnet101v2": "ResNet101V2",
    "keras_resnet152v2": "ResNet152V2",
    "keras_vgg16": "VGG16",
    "keras_vgg19": "VGG19",
}
"""Our spec, and the function of keras.applications."""
FEW = {
    *("resnet18", "fpn_resnet50", "keras_resnet50"),
    *("resnet26t", "seresnet18", "resnetv2_18"),
}
"""A net of each family."""
SIZE = (32, 32)
"""Of the images for Keras, on which the features of a VGG depend."""
ENOUGH = 100_000
"""As many values of a tensor tell its distribution."""

BOUNDS = ((1.9, 256), (2.5, 1000))
"""Standard deviations that uniform values stay below, and normal ones that Keras cuts;
of so many normal values the largest does with a chance of 1e-5."""

Arrays = dict[str, NDArray[Any]]


def torchvisions(name: str) -> Any:
    if name == "fpn_resnet50":
        return backbone_utils.resnet_fpn_backbone(
            backbone_name="resnet50", weights=None, norm_layer=torch.nn.BatchNorm2d
        )
    if name == "fcn_resnet50":
        return fcn_resnet50(weights=None, weights_backbone=None, aux_loss=True)
    return getattr(torchvision.models, name)()


def applications(name: str, folder: Path) -> Arrays:
    """By our names, of which the command that converts files knows the layers'."""
    keras.utils.set_random_seed(0)
    make = getattr(keras.applications, APPLICATIONS[name])
    path = folder / "theirs.weights.h5"
    make(weights=None, input_shape=(*SIZE, 3)).save_weights(path)
    return load(path, archspec.load(name, size=SIZE).graph)


def starts_alike(ours: NDArray[Any], theirs: NDArray[Any]) -> bool:
    """Whether two tensors hold the same number, or are drawn from one distribution.

    Moments are compared within five standard deviations of their own.
    """
    if ours.shape != theirs.shape:
        return False
    if np.ptp(theirs) == 0 or np.ptp(ours) == 0:
        return bool((ours == theirs).all())
    ours, theirs = (x.astype(np.float64).ravel() for x in (ours, theirs))
    n, std = theirs.size, float(theirs.std())
    reach = [float(np.abs(x).max() / x.std()) for x in (ours, theirs)]
    return (
        abs(ours.mean() - theirs.mean()) < 5 * std * (2 / n) ** 0.5
        and abs(np.log(ours.std() / std)) < 5 / n**0.5
        and all(
            (reach[0] < limit) == (reach[1] < limit)
            for limit, enough in BOUNDS
            if n >= enough
        )
        and scipy.stats.ks_2samp(ours[:ENOUGH], theirs[:ENOUGH]).pvalue > 1e-6
    )


def published_nets() -> Iterator[Any]:
    """Each net whose publisher is a library, and that; the first, where several are."""
    for net in nets():
        publisher = net.publisher.partition(",")[0]
        if publisher in ("torchvision", "timm", "keras.applications"):
            marks = () if net.name in FEW else pytest.mark.proof
            yield pytest.param(net.name, publisher, marks=marks, id=net.name)


@pytest.mark.parametrize(("name", "publisher"), [*published_nets()])
def test_starts_as_its_publishers(name: str, publisher: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    if publisher == "keras.applications":
        theirs = applications(name, tmp_path)
        ours = initial_weights(archspec.load(name, size=SIZE).graph)
    else:
        make = torchvisions if publisher == "torchvision" else timm.create_model
        theirs = canonical(make(name))
        ours = initial_weights(archspec.load(name).graph)
    assert ours.keys() == theirs.keys()
    unlike = [key for key in ours if not starts_alike(ours[key], theirs[key])]
    assert not unlike


def test_what_starts_alike() -> None:
    """The comparison tells apart what it is there to tell apart."""
    draw = np.random.default_rng(0)
    zeros, ones = np.zeros(64), np.ones(64)
    normal, uniform = draw.normal(size=(2, 5000)), draw.uniform(size=(2, 5000))
    same = [(zeros, zeros), tuple(normal), tuple(uniform - 0.5)]
    flat = (uniform[0] - 0.5) * 12**0.5
    other = [
        *((zeros, ones), (zeros, normal[0][:64]), (normal[0][:64], zeros)),
        *((normal[0], 1.1 * normal[1]), (normal[0], normal[1] + 0.15)),
        *((normal[0][:300], flat[:300]), (normal[0][:64], 2 * normal[1][:64])),
        (normal[0], np.clip(normal[1], -2, 2)),
        *((normal[0], flat), (flat, np.clip(normal[0], -2.2, 2.2))),
        (zeros, zeros[:8]),
    ]
    assert all(starts_alike(ours, theirs) for ours, theirs in same)
    assert not any(starts_alike(ours, theirs) for ours, theirs in other)


@pytest.mark.parametrize(
    "name",
    sampled(NETS, ["resnet18", "vgg11"]),
)
def test_a_seed_gives_torchvisions_own_numbers(name: str) -> None:
    source = archspec.load(name).codegen("torch")
    make = getattr(execute(source), source.entry)
    torch.manual_seed(1234)
    theirs = getattr(torchvision.models, name)().state_dict()
    torch.manual_seed(1234)
    ours = make().state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)

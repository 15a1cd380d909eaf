"""Weights of another net than the one they go into: fewer or more input channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from layouts.containers import CLASSES, SIZE, WIDTHS, Net, computed, net
from layouts.layout import Held, layout
from timm.models._builder import load_pretrained
from timm.models.resnet import BasicBlock, ResNet

import archspec


def _of(folder: Path, channels: int, how: str) -> Held:
    """timm's own way from a file for three channels to `in_chans`."""
    path = folder / "f.pth"
    torch.save(net().state_dict(), path)
    made: Any = ResNet(
        BasicBlock, (1, 1, 1, 1), CLASSES, channels=WIDTHS, in_chans=channels
    )
    given = {"file": str(path), "first_conv": "conv1", "classifier": "fc"}
    load_pretrained(made, {**given, "num_classes": CLASSES}, CLASSES, channels)
    assert Net().conv1.weight.shape[1] == 3 != made.conv1.weight.shape[1]
    images = np.random.default_rng(2).normal(size=(2, channels, *SIZE))
    params: dict[str, Any] = {
        "depths": [1] * 4,
        "widths": list(WIDTHS),
        "num_classes": CLASSES,
        "in_channels": channels,
    }
    spec = archspec.load("resnet18", params=params, size=SIZE)
    outputs = computed(made, images)
    return Held(path, spec, images, outputs, read=(("adapt_input", how),))


@layout(
    "weights for colour images, for a net with `in_channels` 1",
    oracle="timm",
    said="--adapt-input sum",
)
def grey(folder: Path) -> Held:
    return _of(folder, 1, "sum")


@layout(
    "the same for a net with `in_channels` 5",
    oracle="timm",
    said="--adapt-input repeat",
)
def more_channels(folder: Path) -> Held:
    return _of(folder, 5, "repeat")

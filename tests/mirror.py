"""A mirror on this machine, with torchvision's ResNet-18 and weights of our own in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from serving import serving

from archspec.weights import pretrained
from archspec.weights.pretrained import Pretrained, of

KEPT = {"resize": 999}
"""What the weights ask for that those of the spec don't."""


@dataclass
class Mirror:
    """The weights that torch wrote, the row of the table for them, and the address."""

    net: Any
    row: Pretrained
    url: str

    def used(self, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
        """Makes it what a user meets."""
        monkeypatch.setattr(pretrained, "table", lambda: (self.row,))
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setenv("ARCHSPEC_MIRROR", self.url)
        monkeypatch.setenv("ARCHSPEC_CACHE", str(cache))


@contextmanager
def mirrored(folder: Path) -> Iterator[Mirror]:
    """Serves a folder in which the file is."""
    torch.manual_seed(0)
    net = torchvision.models.resnet18().eval()
    row = of("resnet18")[0]
    path = folder / row.url.removeprefix("https://")
    path.parent.mkdir(parents=True)
    torch.save(net.state_dict(), path)
    hash = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    told = {**row.preprocessing, **KEPT}
    with serving(folder) as url:
        yield Mirror(net, replace(row, hash=hash, preprocessing=told), url)

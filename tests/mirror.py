"""A mirror on this machine, with weights of our own where torchvision publishes some."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from serving import serving

from archspec.weights import pretrained
from archspec.weights.pretrained import Pretrained, of

KEPT = {"resize": 999}
"""What the weights ask for that those of the spec don't."""


@dataclass
class Mirror:
    """The weights that torch wrote, the row of the table for them, and the address."""

    state: Mapping[str, torch.Tensor]
    row: Pretrained
    url: str

    def used(self, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
        """Makes it what a user meets."""
        monkeypatch.setattr(pretrained, "table", lambda: (self.row,))
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setenv("ARCHSPEC_MIRROR", self.url)
        monkeypatch.setenv("ARCHSPEC_CACHE", str(cache))


@contextmanager
def mirrored(
    folder: Path, name: str, state: Mapping[str, torch.Tensor]
) -> Iterator[Mirror]:
    """Serves a folder in which the file is."""
    row = next(row for row in of(name) if row.name == "IMAGENET1K_V1")
    path = folder / row.url.removeprefix("https://")
    path.parent.mkdir(parents=True)
    torch.save(state, path)
    own: dict[str, Any] = {
        "hash": hashlib.sha256(path.read_bytes()).hexdigest()[:8],
        "mib": path.stat().st_size / 2**20,
        "preprocessing": {**row.preprocessing, **KEPT},
    }
    with serving(folder) as url:
        yield Mirror(state, replace(row, **own), url)

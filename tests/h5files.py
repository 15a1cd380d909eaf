"""HDF5 files as Keras writes them, a layer at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from archspec.weights.archives import Archive
from archspec.weights.variables import archive

Write = Callable[[h5py.File], None]


def value(number: float, *shape: int) -> NDArray[Any]:
    return np.full(shape or (2,), number, np.float32)


def written(path: Path, write: Write) -> Path:
    with h5py.File(path, "w") as file:
        write(file)
    return path


def layer(file: Any, key: str, name: str | None, *values: NDArray[Any]) -> Any:
    """A layer as Keras 3 writes it."""
    group = file.create_group(f"layers/{key}/vars")
    if name is not None:
        group.attrs["name"] = name
    for number, array in enumerate(values):
        group.create_dataset(str(number), data=array)
    return group


def legacy(root: Any, name: str, *weights: str) -> None:
    """A layer as Keras 2 wrote it; weights count from 1."""
    group = root.create_group(name)
    group.attrs["weight_names"] = [text.encode() for text in weights]
    for number, text in enumerate(weights):
        group.create_dataset(text, data=value(number + 1))


def tensors(found: Archive) -> dict[str, float]:
    """The first value of each tensor."""
    return {k: float(s.read().flat[0]) for k, s in found.tensors.items()}


def read(path: Path, settings: str = "") -> dict[str, float]:
    """The first value of each tensor of a file."""
    with h5py.File(path) as file:
        return tensors(archive(file, settings))

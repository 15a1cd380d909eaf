"""Runs Keras models of specs on the engine that KERAS_BACKEND names, in float64.

A script for a process of its own, since a process has one engine. Its arguments are
folders: each holds `net.json` (a spec's name and params), `weights.safetensors` and
`images.npy`, and gets `output.npy`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def keep_float64() -> None:
    """Keras on JAX and torch computes float64 in part as float32; this ends that."""
    import keras
    from keras.src.backend.common import dtypes

    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    assert keras.backend.result_type("float64", "float32") == "float64"


def ask(
    folder: Path,
    spec: str,
    params: Mapping[str, Any],
    weights: Mapping[str, NDArray[Any]],
    images: NDArray[np.float64],
) -> None:
    """Writes what the script needs to compute one net."""
    from archspec.weights import save

    folder.mkdir()
    (folder / "net.json").write_text(json.dumps([spec, dict(params)]))
    save(folder / "weights.safetensors", weights, {})
    np.save(folder / "images.npy", images)


def run(engine: str, folders: Sequence[Path]) -> list[NDArray[np.float64]]:
    """The outputs, channels first, on an engine."""
    subprocess.run(
        [sys.executable, __file__, *map(str, folders)],
        env={**os.environ, "KERAS_BACKEND": engine},
        check=True,
    )
    return [np.load(folder / "output.npy") for folder in folders]


def compute(folder: Path) -> None:
    """Builds one net and writes its output."""
    import archspec
    from archspec.backend import backend

    spec, params = json.loads((folder / "net.json").read_text())
    images = np.load(folder / "images.npy")
    _, _, height, width = images.shape
    found = archspec.load(spec, params=params, size=(height, width))
    weights = folder / "weights.safetensors"
    model = found.build("keras", weights=weights, dtype="float64")
    outputs = backend("keras").forward(found.graph, model, {"image": images})
    (output,) = outputs.values()
    np.save(folder / "output.npy", output)


if __name__ == "__main__":
    keep_float64()
    for name in sys.argv[1:]:
        compute(Path(name))

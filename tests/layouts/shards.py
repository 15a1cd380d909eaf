"""Weights in several files with an index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import load_torch_model, save_torch_state_dict
from layouts.containers import Net, computed, images, net, spec
from layouts.layout import Held, layout

from archspec.backend import backend

SIZE = 150_000
"""Bytes of a file."""


def _of_torch(folder: Path, safe: bool) -> Any:
    save_torch_state_dict(
        net().state_dict(), folder, max_shard_size=SIZE, safe_serialization=safe
    )
    made = Net()
    load_torch_model(made, folder, safe=safe, weights_only=True)
    return computed(made, images())


@layout(
    "Hugging Face's `model.safetensors.index.json` and its files",
    oracle="huggingface_hub",
    written="--shard 2GB -o model.safetensors",
)
def hugging_face(folder: Path) -> Held:
    outputs = _of_torch(folder, True)
    return Held(folder / "model.safetensors.index.json", spec(), images(), outputs)


@layout("`pytorch_model.bin.index.json` and its files", oracle="huggingface_hub")
def hugging_face_in_pickles(folder: Path) -> Held:
    outputs = _of_torch(folder, False)
    return Held(folder / "pytorch_model.bin.index.json", spec(), images(), outputs)


@layout("a folder of Hugging Face's", oracle="huggingface_hub")
def a_folder(folder: Path) -> Held:
    outputs = _of_torch(folder, True)
    (folder / "config.json").write_text("{}")
    return Held(folder, spec(), images(), outputs)


@layout("Keras 3's `.weights.json` and its files", oracle="keras")
def keras(folder: Path) -> Held:
    path = folder / "model.weights.json"
    graph, chosen = spec().graph, backend("keras")
    spec().build("keras", seed=2).save_weights(path, max_shard_size=SIZE / 2**30)
    made: Any = spec().build("keras", seed=3, dtype="float64")
    made.load_weights(path)
    [name], [output] = graph.inputs, graph.outputs
    outputs = chosen.forward(graph, made, {name: images()})[output]
    return Held(path, spec(), images(), outputs)

"""Runs printed files where archspec can't be imported; `test_printed` starts it.

Reads a list of files, each with its entry, weights, inputs and number of parameters;
writes the outputs of each model beside its inputs.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

HIDDEN = ("archspec", "archspec_torch", "archspec_keras")


def module(path: str) -> Any:
    """The module in a file, as the file is now.

    Python takes what it compiled of a file before where second and size are the same.
    """
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    assert spec is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    exec(compile(Path(path).read_bytes(), path, "exec"), made.__dict__)
    return made


def torch_outputs(make: Any, item: dict[str, Any], images: list[Any]) -> Any:
    """Outputs of a torch model with canonical weights."""
    import torch
    from safetensors.torch import load_file

    with torch.device("meta"):
        model = make()
    state = load_file(item["weights"])
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.zeros_like(tensor, device="cpu")
    model.load_state_dict(state, assign=True)
    assert sum(p.numel() for p in model.parameters()) == item["parameters"]
    with torch.no_grad():
        made = model.eval()(*map(torch.from_numpy, images))
    found = made if isinstance(made, dict) else {"": made}
    return {name: tensor.numpy() for name, tensor in found.items()}


def keras_outputs(make: Any, item: dict[str, Any], images: list[Any]) -> Any:
    """Outputs of a Keras model with Keras' own weights file, channels first."""
    import keras

    model = make()
    model.load_weights(item["weights"])
    trained = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert trained == item["parameters"]
    last = [a.transpose(0, 2, 3, 1) if a.ndim == 4 else a for a in images]
    made = model(last[0] if len(last) == 1 else last, training=False)
    found = made if isinstance(made, dict) else {"": made}
    arrays = {n: keras.ops.convert_to_numpy(t) for n, t in found.items()}
    return {
        name: a.transpose(0, 3, 1, 2) if a.ndim == 4 else a
        for name, a in arrays.items()
    }


def main(path: str) -> None:
    """Runs every file of the list."""
    for name in HIDDEN:
        sys.modules[name] = None  # type: ignore[assignment]  # importing it then fails
    for item in json.loads(Path(path).read_text()):
        make = getattr(module(item["file"]), item["entry"])
        with np.load(item["images"]) as stored:
            images = [stored[name] for name in stored.files]
        run = torch_outputs if item["backend"] == "torch" else keras_outputs
        np.savez(item["outputs"], **run(make, item, images))
        if item["backend"] == "keras":
            import keras

            keras.backend.clear_session()


if __name__ == "__main__":
    main(sys.argv[1])

"""VGG-16's weights, 553 MB: loading them into a torch model, and making them.

Loading ends when every value has been read, so that what is only mapped is counted.
The ratio of memory is that of what the process grew by to the size of the file.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, alone, best, milliseconds, peak

FILES = ("vgg16.safetensors", "vgg16.pth")
"""What archspec loads, and what torchvision loads: the same weights."""


def _run(what: str, folder: str) -> list[float]:
    return alone(f"from benchmarks import weights; weights.{what}({folder!r})")


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        _run("prepare", folder)
        size = (Path(folder) / FILES[0]).stat().st_size / 2**20
        ours, theirs = _run("loading", folder)
        yield _seconds("load VGG-16 into torch, to torchvision's", ours, theirs, "0.5")
        (grown,) = _run("memory", folder)
        shown = f"{grown:,.0f} MiB", f"{size:,.0f} MiB"
        yield Row("its peak memory, to the file", *shown, grown / size, "1.2")
        ours, theirs = _run("making", folder)
        yield _seconds("initialise VGG-16, to torchvision's", ours, theirs, "1.0")


def _seconds(what: str, ours: float, theirs: float, target: str) -> Row:
    shown = milliseconds(ours), milliseconds(theirs)
    return Row(what, *shown, ours / theirs, target)


def _torchvision() -> Any:
    from benchmarks.torch_models import torchvision

    return torchvision.models.vgg16


def _touched(model: Any) -> None:
    for parameter in model.parameters():
        parameter.detach().sum()


def prepare(folder: str) -> None:
    """Writes the weights for both."""
    from archspec import load
    from archspec.weights import initial_weights, write

    graph = load("vgg16").graph
    weights = initial_weights(graph)
    for name in FILES:
        write(Path(folder) / name, graph, weights)


def loading(folder: str) -> None:
    """Prints our seconds and torchvision's, from a file to a model."""
    import torch

    from archspec import load

    ours, theirs = (Path(folder) / name for name in FILES)
    make = _torchvision()

    def archspec_loads() -> None:
        _touched(load("vgg16").build("torch", weights=ours))

    def torchvision_loads() -> None:
        model = make()
        model.load_state_dict(torch.load(theirs, weights_only=True))
        _touched(model)

    print(*best(4, archspec_loads, torchvision_loads))


def memory(folder: str) -> None:
    """Prints how many MiB a process grows by when it loads the weights."""
    import torch  # noqa: F401  # its own memory isn't the weights'

    from archspec import load

    path = Path(folder) / FILES[0]
    load("resnet18").build("torch")
    before = peak()
    _touched(load("vgg16").build("torch", weights=path))
    print(peak() - before)


def making(folder: str) -> None:
    """Prints our seconds and torchvision's for a model with its initial weights."""
    from archspec import load

    spec, make = load("vgg16"), _torchvision()
    print(*best(4, lambda: spec.build("torch", seed=1), make))


if __name__ == "__main__":
    for row in rows():
        print(row, file=sys.stdout)

"""VGG-16's weights, 553 MB: loading them into a torch model, and making them.

Loading ends when a value of every page has been read, so that what is only mapped is
counted. The ratio of memory is of what the process grew by to the size of the file.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, alone, best, milliseconds, peak

FILES = ("vgg16.safetensors", "vgg16.pth")
"""What archspec loads, and what torchvision loads: the same weights."""


PAGE = 1024
"""Values of a page of memory."""


def _run(what: str, *given: str) -> list[float]:
    return alone(f"from benchmarks import weights; weights.{what}{(*given,)!r}")


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        _run("prepare", folder)
        *ours, theirs = _run("loading", folder)
        for name, seconds in zip(FILES, ours, strict=True):
            what = f"load {name} into torch, to torchvision's and torch.load"
            yield _seconds(what, seconds, theirs, "0.03")
        for name in FILES:
            size = (Path(folder) / name).stat().st_size / 2**20
            (grown,) = _run("memory", folder, name)
            shown = f"{grown:,.0f} MiB", f"{size:,.0f} MiB"
            yield Row(f"its peak memory, to {name}", *shown, grown / size, "1.0")
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
        parameter.detach().flatten()[::PAGE].sum()


def prepare(folder: str) -> None:
    """Writes the weights for both."""
    from archspec import load
    from archspec.weights import initial_weights, write

    graph = load("vgg16").graph
    weights = initial_weights(graph)
    for name in FILES:
        write(Path(folder) / name, graph, weights)


def loading(folder: str) -> None:
    """Prints our seconds for each file and torchvision's, from a file to a model."""
    import torch

    from archspec import load

    paths = [Path(folder) / name for name in FILES]
    make = _torchvision()

    def archspec_loads(path: Path) -> None:
        _touched(load("vgg16").build("torch", weights=path))

    def torchvision_loads() -> None:
        model = make()
        model.load_state_dict(torch.load(paths[1], weights_only=True))
        _touched(model)

    ours = [partial(archspec_loads, path) for path in paths]
    print(*best(4, *ours, torchvision_loads))


def memory(folder: str, name: str) -> None:
    """Prints how many MiB a process grows by when it loads the weights."""
    import torch  # noqa: F401  # its own memory isn't the weights'

    from archspec import load

    load("resnet18").build("torch")
    before = peak()
    _touched(load("vgg16").build("torch", weights=Path(folder) / name))
    print(peak() - before)


def making(folder: str) -> None:
    """Prints our seconds and torchvision's for a model with its initial weights."""
    from archspec import load

    spec, make = load("vgg16"), _torchvision()
    print(*best(4, lambda: spec.build("torch", seed=1), make))


if __name__ == "__main__":
    for row in rows():
        print(row, file=sys.stdout)

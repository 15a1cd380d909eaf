"""Built torch models against torchvision's: construction, forward, training step.

Prints, for each measurement, our seconds and torchvision's. Run by `benchmarks.models`
in a process of its own.
"""

from __future__ import annotations

import sys
from typing import Any

import torch

from archspec import load
from benchmarks.measure import best

try:
    import torchvision
except RuntimeError:
    # A CPU torch can't load the library of a torchvision made for CUDA, whose Python
    # code only wants two of its ops to be known.
    LIBRARY: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]  # torch has no types here
    for op in ("nms", "qnms"):
        LIBRARY.define(
            f"{op}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        )
    import torchvision


def step(model: Any, images: Any, labels: Any) -> None:
    """One step of SGD."""
    model.zero_grad()
    torch.nn.functional.cross_entropy(model(images), labels).backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.01 * parameter.grad


def construction(name: str) -> list[float]:
    """Seconds from the file to a model, ours and theirs."""
    theirs = getattr(torchvision.models, name)
    load(name).build("torch")
    return best(4, lambda: load(name).build("torch"), theirs)


def running(name: str, count: int) -> list[float]:
    """Seconds of a forward pass and of a training step, ours and theirs in turn."""
    ours = load(name).build("torch")
    theirs = getattr(torchvision.models, name)()
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(count, 3, 224, 224)
    labels = torch.arange(count)

    def forward(model: Any) -> None:
        with torch.inference_mode():
            model(images)

    found = []
    for model in (ours, theirs):
        model.eval()
        forward(model)
    found += best(6, lambda: forward(ours), lambda: forward(theirs))
    for model in (ours, theirs):
        model.train()
    step(ours, images, labels)
    step(theirs, images, labels)
    found += best(
        4, lambda: step(ours, images, labels), lambda: step(theirs, images, labels)
    )
    return found


if __name__ == "__main__":
    if sys.argv[1] == "construction":
        print(*construction(sys.argv[2]))
    else:
        print(*running(sys.argv[2], int(sys.argv[3])))

"""Built models against the frameworks' own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from benchmarks.measure import Row, milliseconds


def _times(module: str, *arguments: str) -> list[float]:
    """The seconds that a module prints; one process each, so that memory is free."""
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.{module}", *arguments]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(run.stderr)
    return [float(number) for number in run.stdout.splitlines()[-1].split()]


def _row(what: str, ours: float, theirs: float, target: str) -> Row:
    shown = milliseconds(ours), milliseconds(theirs)
    return Row(what, *shown, ours / theirs, target)


def rows() -> Iterator[Row]:
    ours, theirs = _times("torch_models", "construction", "resnet152")
    yield _row("build ResNet-152 for torch, to torchvision's", ours, theirs, "1.2")
    for name, count in (("resnet50", "4"), ("vgg16", "2")):
        found = _times("torch_models", "running", name, count)
        yield _row(f"torch {name} forward, to torchvision's", *found[:2], "noise")
        yield _row(f"torch {name} step, to torchvision's", *found[2:], "noise")
    for name, count in (("keras_resnet50", "4"), ("keras_vgg16", "2")):
        found = _times("keras_models", name, count)
        yield _row(f"{name} forward, to keras.applications'", *found[:2], "noise")
        yield _row(f"{name} step, to keras.applications'", *found[2:], "noise")

"""The time of a whole `archspec verify`, in processes of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.measure import Row

SECONDS = 90.0
"""What the comparison of ResNet-50 may take on two cores."""


def rows() -> Iterator[Row]:
    """ResNet-50 in float32 at full size, on PyTorch and on Keras with TensorFlow."""
    command = [sys.executable, "-m", "archspec", "verify", "resnet50"]
    start = time.perf_counter()
    subprocess.run(
        [*command, "--backends", "torch,keras", "--dtype", "float32"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    taken = time.perf_counter() - start
    yield Row(
        "verify resnet50, float32", f"{taken:.1f} s", "90 s", taken / SECONDS, "1"
    )

"""The time of a whole `archspec draw`, in processes of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Row, milliseconds, processes

SECONDS = {"resnet152": 0.5, "resnet1202": 2.0}
"""What the page of a net may take on two cores."""


def rows() -> Iterator[Row]:
    """The pages of two deep nets: processor time, since it all runs on one core."""
    with TemporaryDirectory() as folder:
        commands = [
            ["-m", "archspec", "draw", name, "-o", str(Path(folder, "net.html"))]
            for name in SECONDS
        ]
        found = processes(5, *([*command, "--force"] for command in commands))
    for (name, most), taken in zip(SECONDS.items(), found, strict=True):
        yield Row(
            f"draw {name}, whole process, to {most:g} s",
            milliseconds(taken),
            milliseconds(most),
            taken / most,
            "1",
        )

"""The time of a whole `archspec draw`, in processes of its own.

    python -m benchmarks.drawing growth.svg

draws how the time grows with the number of nodes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from archspec import load
from archspec.drawing import draw
from archspec.plot import Axis, Line, plot
from benchmarks.measure import Row, best, milliseconds, processes

SECONDS = {"resnet152": 0.5, "resnet1202": 2.0}
"""What the page of a net may take on two cores."""
GROWING = ("resnet20", "resnet32", "resnet44", "resnet56", "resnet110", "resnet1202")


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


def growth() -> str:
    """Nodes and milliseconds of nets of one family, to read and to draw, as SVG."""
    lines: dict[str, list[tuple[float, float]]] = {"YAML to graph": [], "page": []}
    for name in GROWING:
        graph = load(name).graph
        taken = best(3, partial(load, name), partial(draw, graph, "html"))
        for line, seconds in zip(lines.values(), taken, strict=True):
            line.append((float(len(graph.nodes)), seconds * 1e3))
    return plot(
        [Line(name, points) for name, points in lines.items()],
        Axis("nodes", log=True),
        Axis("milliseconds", log=True),
        title="CIFAR ResNets of 20 to 1,202 layers",
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(growth())

"""Specs without a framework: the command's start, and graphs small and large."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from archspec import load
from archspec.catalog import root
from benchmarks.measure import Row, alone, best, milliseconds, processes

LIBRARIES = ("pydantic", "pydantic_core", "rich", "typer", "yaml")
CHAIN = """
import time
from archspec.language.files import Files
from archspec.limits import Limits
from archspec.language.expand import expand
from benchmarks.measure import peak

text = '''
archspec: 1
name: chain
inputs: {{image: [8, 8, 8]}}
blocks:
  unit:
    params: {{channels: 8}}
    graph:
      conv: {{op: conv2d, channels: =channels, kernel: 3, padding: 1}}
      bn: batch_norm
      relu: relu
      add: {{op: add, from: [relu, input]}}
graph:
  chain: {{block: unit, repeat: {units}}}
'''
files = Files(Limits(nodes=100_000, work=10**8))
start = time.process_time()
graph = expand(files, files.text(text, "chain.yaml"))
print(time.process_time() - start, peak(), len(graph.nodes))
"""


def rows() -> Iterator[Row]:
    path = str(root() / "resnet152.yaml")
    validate = ["-m", "archspec", "validate", path]
    bare, imports, command = processes(
        10,
        ["-c", "import pydantic, rich, typer, yaml"],
        ["-c", f"import {', '.join(imported(validate))}"],
        validate,
    )
    # Pydantic and typer import most of themselves when they are first used.
    for what, least in ("what it imports of them", imports), ("the bare names", bare):
        yield Row(
            f"validate ResNet-152, to importing pydantic, rich, typer, yaml: {what}",
            milliseconds(command),
            milliseconds(least),
            command / least,
            "2",
        )
    load(path)
    (seconds,) = best(30, lambda: load(path))
    yield Row(
        "YAML text to checked graph, ResNet-152, to 25 ms",
        milliseconds(seconds),
        "25 ms",
        seconds / 0.025,
        "1",
    )
    for name in ("resnet1202", "resnet1001"):
        load(name)
        (seconds,) = best(5, partial(load, name))
        yield Row(
            f"YAML text to checked graph, {name}, to 0.5 s",
            milliseconds(seconds),
            "500 ms",
            seconds / 0.5,
            "1",
        )
    half, _, _ = alone(CHAIN.format(units=12_500))
    whole, memory, nodes = alone(CHAIN.format(units=25_000))
    assert nodes == 100_000
    yield Row("100,000 nodes, to 5 s", f"{whole:.2f} s", "5 s", whole / 5, "1")
    yield Row("its memory, to 1 GiB", f"{memory:.0f} MiB", "1 GiB", memory / 1024, "1")
    yield Row(
        "100,000 nodes to 50,000 (2 is linear)",
        f"{whole:.2f} s",
        f"{half:.2f} s",
        whole / half,
        "2",
    )


def imported(command: list[str]) -> list[str]:
    """The modules of the libraries that a Python command imports, in their order."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        capture_output=True,
        text=True,
        check=True,
    )
    told = (line.rpartition("|")[2].strip() for line in run.stderr.splitlines())
    return [name for name in told if name.partition(".")[0] in LIBRARIES]

"""The command line in this process, and a net whose weights have every layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

import archspec
from archspec.cli.app import application
from archspec.weights import write

Arrays = dict[str, NDArray[Any]]

SMALL = """
archspec: 1
name: small
inputs: {image: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3}
  deep: {op: conv2d, channels: 8, kernel: 3, groups: 4, bias: false}
  bn: batch_norm
  act: {op: prelu, shared: false}
  pool: global_avg_pool2d
  fc: {op: linear, features: 3}
"""


def command(*arguments: object) -> Result:
    return CliRunner().invoke(application(), list(map(str, arguments)))


def done(*arguments: object) -> str:
    result = command(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def refused(*arguments: object) -> str:
    """What a command says that fails as a command should."""
    result = command(*arguments)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stderr.startswith("error: ")
    return result.stderr


def same(left: Arrays, right: Arrays) -> bool:
    return left.keys() == right.keys() and all(
        np.array_equal(left[key], right[key]) and left[key].dtype == right[key].dtype
        for key in left
    )


def saved() -> archspec.Spec:
    """The small net as small.yaml, and its random state as small.safetensors."""
    Path("small.yaml").write_text(SMALL)
    spec = archspec.load("small.yaml")
    draw = np.random.default_rng(0)
    shapes = {**spec.graph.parameters(), **spec.graph.buffers()}
    arrays = {k: draw.uniform(0.5, 1, s).astype("float32") for k, s in shapes.items()}
    write("small.safetensors", spec.graph, arrays)
    return spec

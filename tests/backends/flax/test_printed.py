"""Printed files are what ruff and mypy want of a good engineer's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from archspec_flax.initial import LAYERS
from nets import graph_of
from printed_style import RULES
from random_specs_lint import strict

from archspec import load
from archspec.backend import backend
from archspec.catalog import names
from archspec.source.module import definitions

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("**/*.yaml"))
ODD = sorted((Path(__file__).parents[2] / "odd").glob("*.yaml"))
SOME = ("resnet50", "vgg11_lrn", "keras_resnet50v2", "fpn_resnet50", "resnet50_gn")
LISTED = """
inputs: {image: [16, 12, 12]}
graph:
  - {op: slice, stop: 8}
  - {op: leaky_relu, negative_slope: 0.1}
  - {op: elu, alpha: 2}
  - {op: gelu, approximate: none}
  - {op: gelu, approximate: tanh}
  - {op: local_response_norm, size: 3}
  - {op: pixel_shuffle, factor: 2}
  - {op: channel_shuffle, groups: 2}
  - {op: max_pool2d, kernel: 2}
  - {op: avg_pool2d, kernel: 3, stride: 1}
  - {op: pad, spatial: 1}
  - {op: resize, scale: 2}
  - {op: adaptive_avg_pool2d, size: 8}
  - {op: adaptive_max_pool2d, size: 4}
  - LAST
"""
LAST = ("flatten", "global_avg_pool2d", "global_max_pool2d")
IMPORTS = '''"""All helpers."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

Layer = Callable[[jax.Array], jax.Array]


'''


def tool(folder: Path, *args: str) -> None:
    """Runs a linter in a folder, without this project's settings."""
    command = [sys.executable, "-m", *args]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def styled(folder: Path) -> None:
    tool(folder, "ruff", "check", "--isolated", *RULES, ".")
    tool(folder, "ruff", "format", "--isolated", "--check", ".")


def listed(last: str) -> str:
    """What is printed for a list of ops that are no modules."""
    return backend("flax").emit(graph_of(LISTED.replace("LAST", last))).text


def test_functions_in_lists_say_what_they_are(tmp_path: Path) -> None:
    for last in LAST:
        (tmp_path / f"{last}.py").write_text(listed(last))
    printed = "".join(map(listed, LAST))
    assert [said for said in LAYERS.values() if said not in printed] == []
    styled(tmp_path)


def test_all_helpers(tmp_path: Path) -> None:
    text = "\n\n\n".join(dict.fromkeys(definitions("archspec_flax").values()))
    (tmp_path / "helpers.py").write_text(f"{IMPORTS}{text}\n")
    unused = (RULES[0], RULES[1], RULES[2], f"{RULES[3]},F401")
    tool(tmp_path, "ruff", "check", "--isolated", *unused, ".")


@pytest.mark.parametrize(
    ("net", "base"),
    [
        ("outputs_inside_a_list", "class Features(nnx.List[Layer]):"),
        ("an_output_of_a_net_of_one_list", "class Net(nnx.List[Layer]):"),
        ("an_output_deep_inside_a_block", "class Stage2(nnx.List[Any]):"),
    ],
)
def test_what_gives_several_values_is_no_sequential(net: str, base: str) -> None:
    """Whose `__call__` gives one array, as type checkers know."""
    (path,) = (path for path in ODD if path.stem == net)
    assert base in backend("flax").emit(graph_of(path.read_text())).text


@pytest.mark.proof
def test_ruff_finds_nothing(tmp_path: Path) -> None:
    for spec in names():
        found = load(spec).codegen("flax", with_weights=True)
        (tmp_path / f"{spec}.py").write_text(found.text)
    for path in ODD:
        text = backend("flax").emit(graph_of(path.read_text())).text
        (tmp_path / f"{path.stem}.py").write_text(text)
    styled(tmp_path)


@pytest.mark.proof
def test_mypy_finds_nothing(tmp_path: Path) -> None:
    for spec in (*SOME, *map(str, EXAMPLES)):
        text = load(spec).codegen("flax").text
        (tmp_path / f"{Path(spec).stem}.py").write_text(text)
    for path in ODD:
        text = backend("flax").emit(graph_of(path.read_text())).text
        (tmp_path / f"{path.stem}.py").write_text(text)
    styled(tmp_path)
    tool(tmp_path, "mypy", *strict("flax"), ".")

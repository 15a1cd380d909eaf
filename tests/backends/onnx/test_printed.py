"""Printed files are what ruff and mypy want of a good engineer's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from nets import graph_of
from printed_style import RULES

from archspec import codegen, load
from archspec.backend import backend
from archspec.catalog import names
from archspec.source.module import definitions
from archspec.weights import initial_weights

ODD = Path(__file__).parents[2] / "odd"
SOME = ("resnet50", "vgg11_lrn", "keras_resnet50v2", "fpn_resnet50", "resnet50_gn")
FAMILY = ("resnet20", "resnet32", "resnet110")
IMPORTS = '''"""All helpers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

OPSET = 21


'''


def tool(folder: Path, *args: str) -> None:
    """Runs a linter in a folder, without this project's settings."""
    command = [sys.executable, "-m", *args]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture
def printed(tmp_path: Path) -> Path:
    """A folder with nets, odd ones, a family, a backbone, and all that files define."""
    for name in SOME:
        (tmp_path / f"{name}.py").write_text(load(name).codegen("onnx").text)
    for path in ODD.glob("*.yaml"):
        text = backend("onnx").emit(graph_of(path.read_text(encoding="utf-8"))).text
        (tmp_path / f"odd_{path.stem}.py").write_text(text)
    more = {
        "family": codegen(FAMILY, "onnx"),
        "backbone": load("resnet18", taps=True).codegen("onnx"),
        "folded": load("resnet18").codegen("onnx", optimize="inference"),
    }
    for name, source in more.items():
        (tmp_path / f"{name}.py").write_text(source.text)
    helpers = "\n\n\n".join(definitions("archspec_onnx").values())
    (tmp_path / "helpers.py").write_text(f"{IMPORTS}{helpers}\n")
    return tmp_path


def test_ruff(printed: Path) -> None:
    tool(printed, "ruff", "check", "--isolated", "--no-cache", *RULES)
    tool(printed, "ruff", "format", "--isolated", "--no-cache", "--check")


@pytest.mark.proof
def test_mypy(printed: Path) -> None:
    tool(printed, "mypy", "--strict", "--config-file=", ".")


def test_as_long_as_deep() -> None:
    """A deeper net of the same blocks has no more lines."""
    lines = {
        load(f"resnet{n}").codegen("onnx").text.count("\n") for n in (50, 101, 152)
    }
    assert len(lines) == 1 and lines.pop() < 250


def test_a_family() -> None:
    """Each net of a file is what it is alone, but for the title."""
    source = codegen(FAMILY, "onnx")
    assert source.entries == FAMILY
    assert "def resnet110(" in source.text


@pytest.mark.proof
@pytest.mark.parametrize("name", names())
def test_the_zoo_is_printed(name: str) -> None:
    assert load(name).codegen("onnx").entry == name


def test_a_net_may_be_called_net() -> None:
    """The function that makes it holds a `net` inside, which is no clash."""
    graph = graph_of(
        "inputs: {x: [2, 4, 4]}\n"
        "graph: {a: {op: conv_transpose2d, channels: 4, kernel: 2, groups: 2}}"
    )
    source = backend("onnx").emit(graph)
    assert source.entry == graph.name == "net"
    assert [
        node.name for node in backend("onnx").build(graph, initial_weights(graph)).graph
    ] == ["a"]
    assert "def conv_transpose(" in source.text and "def conv(" not in source.text


def test_constants_stand_above_what_reads_them() -> None:
    text = load("resnet20").codegen("onnx").text
    assert text.index("\n\nOPSET = 21\n\n\n") < text.index("class Net:")


def test_what_nets_share_has_no_default_of_one() -> None:
    text = codegen(FAMILY, "onnx").text
    (head,) = re.findall(r"def resnet_for_cifar\((.*?)\n\) ->", text, re.DOTALL)
    assert head.endswith("    dtype: str,\n    name: str,")
    assert [*re.findall(r"name: str = \"(\w+)\"", text)] == [*FAMILY]

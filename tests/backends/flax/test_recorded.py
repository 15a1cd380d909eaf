"""archspec_flax.recorded: the printed test passes, and notices an edit."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from nets import graph_of

import archspec
from archspec.backend import backend, emit_family, method
from archspec.source.recorded import Imported, placed

NET = """inputs: {image: [3, 9, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3, stride: 2, padding: 1, bias: false}
  bn: batch_norm
  act: {op: leaky_relu, negative_slope: 0.1}
  pool: {op: max_pool2d, kernel: 3, stride: 2, padding: 1}
  flat: flatten
  fc: {op: linear, features: 2}
  soft: softmax
"""
EDITS = {
    "flax": ("negative_slope=0.1", "negative_slope=0.2"),
    "onnx": ("alpha=0.1", "alpha=0.2"),
}


def ran(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("kind", EDITS)
def test_it_passes_and_notices_an_edit(kind: str, tmp_path: Path) -> None:
    """In one process: a framework takes longer to start than a net to run."""
    graph = graph_of(NET)
    source = backend(kind).emit(graph)
    old, new = EDITS[kind]
    assert source.text.count(old) == 1
    for name, text in {
        "net": source.text,
        "edited": source.text.replace(old, new),
    }.items():
        tested = placed(tmp_path / f"{name}.py", (source.entry,))
        test = method(backend(kind), "test", "test")([graph], [graph], tested)
        (tmp_path / f"{name}.py").write_text(text)
        (tmp_path / f"test_{name}.py").write_text(test)
    done = ran(tmp_path)
    failed = re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE)
    assert failed == ["test_edited.py::test_outputs"], done.stdout


@pytest.mark.proof
@pytest.mark.parametrize("kind", EDITS)
def test_a_family(kind: str, tmp_path: Path) -> None:
    graphs = [archspec.load(name).graph for name in ("resnet20", "resnet32")]
    source = emit_family(backend(kind), graphs)
    tested = placed(tmp_path / "nets.py", source.entries)
    test = method(backend(kind), "test", "test")(graphs, graphs, tested)
    (tmp_path / "nets.py").write_text(source.text)
    (tmp_path / "test_nets.py").write_text(test)
    done = ran(tmp_path)
    assert done.returncode == 0 and "4 passed" in done.stdout, done.stdout


@pytest.mark.parametrize("kind", EDITS)
def test_it_is_laid_out_as_ruff_does(kind: str, tmp_path: Path) -> None:
    graph = graph_of(NET)
    test = method(backend(kind), "test", "test")
    entry = backend(kind).emit(graph).entry
    path = tmp_path / "test_net.py"
    path.write_text(test([graph], [graph], Imported("net", (entry,), False)))
    for command in (
        ("check", "--select", "E,F,I,UP,B,SIM,C4,RUF"),
        ("format", "--check"),
    ):
        line = [sys.executable, "-m", "ruff", *command, "--isolated", str(path)]
        done = subprocess.run(line, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout

"""`archspec build` on each net of the zoo and both backends, as a user runs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import archspec
from archspec.catalog import names, root

PRESETS = [(name, backend) for name in names() for backend in ("torch", "keras")]
QUICK = [("resnet18", "torch"), ("resnet18", "keras")]


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        pytest.param(*pair, marks=[] if pair in QUICK else pytest.mark.proof)
        for pair in PRESETS
    ],
)
def test_build(name: str, backend: str) -> None:
    path = root() / f"{name}.yaml"
    run = subprocess.run(
        [sys.executable, "-m", "archspec", "build", str(path), "-b", backend],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (run.returncode, run.stderr) == (0, "")
    graph = archspec.load(path).graph
    assert f"parameters: {graph.parameter_count():,}" in run.stdout
    assert f"MACs: {graph.macs():,}" in run.stdout
    assert "mean nan" not in run.stdout and "built in " in run.stdout

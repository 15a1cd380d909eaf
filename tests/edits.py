"""Edits by hand of printed files, and their printed tests, which are to notice them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from commands import done

Edit = tuple[str, str] | Callable[[str], str]
HIDDEN = """import sys

sys.modules.update(dict.fromkeys(("archspec", "archspec_torch", "archspec_keras")))
"""
"""A conftest: archspec can't be imported."""

CURIOUS = """archspec: 1
name: curious
inputs: {image: [3, 32, 32]}
graph:
  stem: {op: conv2d, channels: 8, kernel: 7, stride: 2, padding: 3, bias: false}
  bn: batch_norm
  relu: relu
  pool: {op: avg_pool2d, kernel: 3, stride: 2, padding: 1}
  conv: {op: conv2d, channels: 8, kernel: 3, padding: 1}
  drop: {op: dropout, rate: 0.5}
  add: {op: add, from: [drop, pool]}
  deep: {op: conv2d, channels: 16, kernel: 3, groups: 8}
  slope: {op: prelu, shared: false}
  up: {op: conv_transpose2d, channels: 4, kernel: 2, stride: 2}
  flat: {op: adaptive_avg_pool2d, size: 2}
  flatten: flatten
  fc: {op: linear, features: 10}
  softmax: softmax
"""


def write(spec: str, kind: str, folder: Path) -> tuple[str, str]:
    """Prints a file and its test into a folder; their texts."""
    name = Path(spec).stem
    path = folder / f"{name}.py"
    done("codegen", spec, "-b", kind, "--with-test", "-o", path)
    return path.read_text(), path.with_name(f"test_{name}.py").read_text()


def spread(spec: str, kind: str, folder: Path, edits: Mapping[str, Edit]) -> None:
    """Copies of a printed file with its test, each edited once."""
    text, test = write(spec, kind, folder)
    (folder / "conftest.py").write_text(HIDDEN)
    name = Path(spec).stem
    for title, edit in edits.items():
        made = edit(text) if callable(edit) else text.replace(*edit)
        assert made != text, f"{name}: {title}: there is no such code"
        stem = f"{name}_{re.sub(r'[^a-z0-9]+', '_', title)}"
        (folder / f"{stem}.py").write_text(made)
        moved = test.replace(f"from {name} import", f"from {stem} import")
        (folder / f"test_{stem}.py").write_text(moved)


def noticed(folder: Path) -> dict[str, bool]:
    """Whether the tests in a folder fail, by the file's name."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-qrA", "--tb=no", "-pno:cacheprovider"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    lines = re.findall(
        r"^(PASSED|FAILED|ERROR) test_(\w+)\.py", run.stdout, re.MULTILINE
    )
    found: dict[str, bool] = {}
    for result, name in lines:
        found[name] = found.get(name, False) or result != "PASSED"
    assert found, run.stdout + run.stderr
    return found

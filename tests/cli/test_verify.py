"""The command verify, in processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from archspec.verify.comparison import CHECKS
from archspec.verify.exact import CHECKS as BITS

SPEC = """
archspec: 1
name: small
inputs: {image: [3, 8, 8]}
params: {widths: [4]}
graph:
  conv: {op: conv2d, channels: "=widths[0]", kernel: 3, stride: 2, padding: 1}
  bn: batch_norm
  relu: relu
  drop: {op: dropout, rate: 0.5}
  conv2: {op: conv2d, channels: "=widths[0]", kernel: 1}
  add: {op: add, from: [conv2, relu]}
  pool: global_avg_pool2d
  fc: {op: linear, features: 5}
taps: {c1: relu}
"""
BACKENDS = Path(__file__).parents[2] / "backends"
DYING = """
import os, signal
if os.environ.get("KERAS_BACKEND") == "jax":
    os.kill(os.getpid(), signal.SIGKILL)
raise ImportError("Keras looks for JAX on every engine")
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC)
    return path


def verify(*args: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """The command, in a process that finds modules at `path` first."""
    before = os.environ.get("PYTHONPATH", "")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (path, before)))}
    command = [sys.executable, "-m", "archspec", "verify", *args]
    return subprocess.run(command, env=env, capture_output=True, text=True)


def test_two_backends(spec: Path) -> None:
    found = verify(str(spec), "--json")
    assert found.returncode == 0, found.stderr
    single, double = json.loads(found.stdout)
    titles = [check.title for check in CHECKS]
    assert [row["check"] for row in single["rows"]] == titles[:2]
    assert [row["verdict"] for row in single["rows"]] == ["pass"] * 2
    checks = {row["check"]: row for row in double["rows"]}
    exact = [checks.pop(title) for title in BITS.values()]
    assert list(checks) == titles[2:]
    assert all(row["verdict"] == "pass" for row in (*exact, *checks.values()))
    assert all(row["error"] == row["limit"] == 0 for row in exact)
    assert all(0 <= row["error"] <= 1e-12 for row in checks.values())
    assert all(row["floor"] <= 1e-13 for row in checks.values())
    assert any("n / (n - 1)" in note for note in double["notes"])


@pytest.mark.parametrize("args", [["--quick"], ["--backends", "torch"]])
def test_bit_for_bit(spec: Path, args: list[str]) -> None:
    """One backend is enough; what is compared is said."""
    found = verify(str(spec), *args, "--json")
    assert found.returncode == 0, found.stderr
    [report] = json.loads(found.stdout)
    targets = ["torch", "keras:tensorflow"] if "--quick" in args else ["torch"]
    assert [(row["target"], row["check"], row["error"]) for row in report["rows"]] == [
        (target, title, 0) for target in targets for title in BITS.values()
    ]


def test_a_process_that_dies_takes_no_other_down(spec: Path, tmp_path: Path) -> None:
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / "jax.py").write_text(DYING)
    found = verify(
        *(str(spec), "--backends", "torch,keras:jax,keras:torch", "--eval"),
        *("--dtype", "float64", "--json"),
        path=str(tmp_path / "shadow"),
    )
    assert found.returncode == 1
    (report,) = json.loads(found.stdout)
    by_target: dict[str, set[str]] = {}
    for row in report["rows"]:
        by_target.setdefault(row["target"], set()).add(row["verdict"])
        if row["target"] == "keras:jax":
            assert "killed, as systems do when memory runs out" in row["reason"]
    assert by_target == {
        "torch": {"pass"},
        "keras:jax": {"not available"},
        "keras:torch": {"pass"},
    }


@pytest.mark.parametrize(
    ("module", "right", "wrong", "place", "node"),
    [
        (
            "archspec_keras",
            '"relu": plain("ReLU")',
            '"relu": plain("ReLU", 1.0)',
            "9:3",
            "'relu' (relu)",
        ),
        (
            "archspec_torch",
            "padding=(evened(padding), 0), **rest)",
            'padding=(evened(padding), 0), padding_mode=("reflect", "zeros"), **rest)',
            "7:3",
            "'conv' (conv2d)",
        ),
    ],
)
def test_a_broken_backend(
    spec: Path,
    tmp_path: Path,
    module: str,
    right: str,
    wrong: str,
    place: str,
    node: str,
) -> None:
    """A copy of a backend with one line changed: its own processes tell on it."""
    copy = tmp_path / "broken" / module
    shutil.copytree(BACKENDS / module, copy)
    text = (copy / "lowering.py").read_text()
    assert text.count(right) == 1
    (copy / "lowering.py").write_text(text.replace(right, wrong))
    args = ("--eval", "--dtype", "float64")
    found = verify(str(spec), *args, path=str(copy.parent))
    assert found.returncode == 1
    assert f"{spec}:{place}: the first node that differs is {node}" in found.stdout


def test_a_table_in_a_pipe(spec: Path) -> None:
    found = verify(str(spec), "--eval", "--dtype", "float32", "--set", "widths=[2]")
    assert found.returncode == 0, found.stderr
    title, header, *rows = found.stdout.splitlines()
    assert title == "small 3x8x8, float32, seed 0, against torch"
    assert header.split() == [
        "check",
        "backend",
        "error",
        "floor",
        "limit",
        "where",
        "verdict",
    ]
    assert rows[0].startswith("outputs, conditioned weights")
    assert rows[0].split()[-2:] == ["fc", "pass"]
    assert found.stderr == ""


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--backends", "torch,kears"], 1, "did you mean 'keras'?"),
        (["--backends", "torch,keras:jaks"], 1, "did you mean 'keras:jax'?"),
        (["--backends", "torch,keras,keras:tensorflow"], 1, "named twice"),
        (["--dtype", "float16"], 1, "expected float32, float64 or both"),
        (["--all"], 2, "--all and none"),
    ],
)
def test_refused(spec: Path, args: list[str], code: int, message: str) -> None:
    found = verify(str(spec), *args)
    assert found.returncode == code
    assert message in found.stderr
    assert "Traceback" not in found.stderr

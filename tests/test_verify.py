"""The command verify, in processes; its data, its limits, its report."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from io import StringIO
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nets import graph_of
from rich.console import Console

from archspec.errors import ArchspecError, BackendError
from archspec.verify import comparison, memory, task
from archspec.verify.comparison import CHECKS, Limits, Row, distances, verdict
from archspec.verify.data import SCALE, Data
from archspec.verify.proof import Proof
from archspec.verify.report import Report
from archspec.verify.setting import Setting
from archspec.verify.target import Target, parse, parse_all

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
BACKENDS = Path(__file__).parent.parent / "backends"
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
    assert list(checks) == titles[2:]
    assert all(row["verdict"] == "pass" for row in checks.values())
    assert all(0 <= row["error"] <= 1e-12 for row in checks.values())
    assert all(row["floor"] <= 1e-13 for row in checks.values())
    assert any("n / (n - 1)" in note for note in double["notes"])


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
    assert by_target == {"keras:jax": {"not available"}, "keras:torch": {"pass"}}


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
        (["--backends", "torch"], 1, "needs two backends"),
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


class TestData:
    graph = graph_of(SPEC.strip())

    def test_weights_are_disturbed_and_conditioned(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = Data(self.graph, "float64", 3)
        first, scaled = data.weights("initial"), data.weights("conditioned")
        monkeypatch.setattr("archspec.verify.data.SCALE", 1)
        moved = data.weights("conditioned")
        assert np.array_equal(first["conv.weight"], moved["conv.weight"])
        for name in ("conv.bias", "bn.weight", "bn.running_mean", "bn.running_var"):
            assert np.abs(first[name] - moved[name]).min() > 0
        assert (moved["bn.running_var"] > 0).all()
        for name, array in scaled.items():
            factor = SCALE if name.startswith("conv2.") else 1
            assert np.array_equal(array, factor * moved[name])

    def test_the_seed_is_all(self) -> None:
        one, same, other = (Data(self.graph, "float64", seed) for seed in (1, 1, 2))
        for draw in ("images", "cotangents"):
            first = getattr(one, draw)(0)
            for name, array in first.items():
                assert np.array_equal(array, getattr(same, draw)(0)[name])
                assert not np.array_equal(array, getattr(other, draw)(0)[name])
                assert not np.array_equal(array, getattr(one, draw)(1)[name])


def test_sgd_is_torchs() -> None:
    values = {"w": np.array([1.0, -2.0, 3.0])}
    wanted = torch.tensor(values["w"].copy(), requires_grad=True)
    theirs = torch.optim.SGD(
        [wanted], task.RATE, momentum=task.MOMENTUM, weight_decay=task.DECAY
    )
    speeds: dict[str, Any] = {}
    for step in range(4):
        gradient = np.array([0.5, 1.5, -1.0]) * (step + 1)
        task.descend(values, speeds, {"w": gradient})
        wanted.grad = torch.tensor(gradient)
        theirs.step()
    np.testing.assert_allclose(values["w"], wanted.detach().numpy(), rtol=1e-15)


class TestComparison:
    def test_relative_errors(self) -> None:
        wanted = {
            "a/x": np.array([3.0, 4.0]),
            "a/y": np.array([1.0]),
            "b/z": np.ones(1),
        }
        found = {
            "a/x": np.array([3.0, 4.5]),
            "a/y": np.array([1.2]),
            "b/z": np.zeros(1),
        }
        assert distances(found, wanted, "a") == pytest.approx({"x": 0.1, "y": 0.2})
        largest = distances(found, wanted, "a", against_largest=True)
        assert largest == pytest.approx({"x": 0.1, "y": 0.04})
        assert distances(found, wanted, "c") == {}

    @pytest.mark.parametrize(
        "found", [{}, {"a/": np.array([nan])}, {"a/": np.ones(2)}, {"a/": np.ones(1)}]
    )
    def test_what_can_not_be_compared_is_far(self, found: Any) -> None:
        wanted = {"a/": np.zeros(1)}
        assert distances(found, wanted, "a") == {"": inf}

    def test_what_overflows_is_far_from_itself(self) -> None:
        values = {"a/": np.array([1.0, inf])}
        assert distances(values, values, "a") == {"": inf}

    def test_equal_zeros_agree(self) -> None:
        zeros = {"a/": np.zeros(3)}
        assert distances(zeros, zeros, "a") == {"": 0}

    @pytest.mark.parametrize(
        ("error", "floor", "dtype", "outcome"),
        [
            (1e-13, 1e-15, "float64", "pass"),
            (2e-12, 1e-13, "float64", "FAIL"),
            (2e-12, 1e-12, "float64", "pass"),
            (1e-13, 2e-6, "float64", "ill-conditioned"),
            (1e-13, None, "float64", "pass"),
            (1e-13, inf, "float64", "ill-conditioned"),
            (9e-6, 2e-6, "float32", "pass"),
            (2e-5, 9e-6, "float32", "FAIL"),
            (9e-6, 2e-5, "float32", "ill-conditioned"),
        ],
    )
    def test_limits(
        self, error: float, floor: float | None, dtype: str, outcome: str
    ) -> None:
        graph, pair = TestData.graph, parse_all("torch,keras")
        limit = Limits(graph, CHECKS[0], pair, dtype, floor).at("a")
        assert verdict(error, limit, floor, dtype) == outcome

    @pytest.mark.parametrize(
        ("names", "forward", "backward"),
        [("torch,keras", 1e-8, 1e-7), ("torch,keras:torch", 1e-12, 1e-12)],
    )
    def test_native_kernels(self, names: str, forward: float, backward: float) -> None:
        text = "inputs: {image: [4]}\ngraph: {a: relu, b: gelu, c: relu}\n"
        graph = graph_of(text)
        by_part = {check.part: check for check in CHECKS}
        pair = parse_all(names)
        outputs = Limits(graph, by_part["outputs"], pair, "float64", 0.0)
        gradients = Limits(graph, by_part["gradients"], pair, "float64", 0.0)
        assert [outputs.at(n) for n in ("a", "b", "c")] == [1e-12, forward, forward]
        assert {gradients.at(n) for n in ("a", "b", "c")} == {backward}


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_table_has_room_for_every_name(width: int) -> None:
    where = "stages.2.blocks.110.downsample.conv1.weight"
    rows = [
        Row("float64", check.title, target, outcome, 2e-9, where, "", 1e-15, 1e-12)
        for check in CHECKS
        for target in ("keras:tensorflow", "keras:torch")
        for outcome in ("pass", "ill-conditioned")
    ]
    report = Report("net", Setting("net"), "torch", Proof(tuple(rows), (), ()))
    console = Console(width=width, file=StringIO(), color_system=None)
    console.print(report.rich())
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert "…" not in text
    assert all(text.count(number) == len(rows) for number in ("2.0e-09", "1.0e-12"))
    assert text.count(" keras:tensorflow ") == len(rows) // 2
    _, header, *lines = text.splitlines()
    start, end = header.index("where"), header.index("verdict")
    ends = (n for n, line in enumerate(lines) if ": ill-conditioned:" in line)
    table = lines[: next(ends)]
    assert "".join(line[start:end].strip(" ─") for line in table) == where * len(rows)
    verdicts = "".join(line[end:].strip(" ─") for line in table)
    assert verdicts == "passill-conditioned" * (len(rows) // 2)


def test_targets() -> None:
    assert parse("keras") == Target("keras", "tensorflow")
    assert str(parse("torch")) == "torch"
    with pytest.raises(BackendError, match="no engine ''"):
        parse("keras:")


def test_a_net_is_shrunk_until_it_fits() -> None:
    setting = Setting("vgg16")
    graph = setting.graph()
    need = memory.needed(graph, "float64", training=True)
    small = memory.shrunk(setting, graph, need // 2, training=True)
    found = small.graph()
    assert memory.needed(found, "float64", training=True) <= need // 2
    assert found.parameter_count() < graph.parameter_count()
    with pytest.raises(ArchspecError, match="not even shrunk"):
        memory.shrunk(setting, graph, memory.FRAMEWORK, training=True)


def test_tolerances_are_the_design() -> None:
    assert comparison.TOLERANCES == {"float32": 1e-5, "float64": 1e-12}

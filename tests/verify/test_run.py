"""What runs, what is too large to, and what the report says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archspec.errors import BackendError
from archspec.verify import run as module
from archspec.verify.comparison import SINGLE_ONLY, Row
from archspec.verify.memory import needed
from archspec.verify.process import NotAvailable
from archspec.verify.proof import Proof
from archspec.verify.run import run
from archspec.verify.setting import Setting
from archspec.verify.target import parse_all

TEXT = """
archspec: 1
name: net
params: {width: 8}
inputs: {image: [3, 256, 256], mask: [8, 256, 256]}
graph:
  conv: {op: conv2d, channels: =width, kernel: 1, from: image}
  mul: {op: multiply, from: [conv, mask]}
"""
PAIR = parse_all("torch,keras:torch")


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    (tmp_path / "net.yaml").write_text(TEXT)
    return Setting(str(tmp_path / "net.yaml"), "float32")


class NoWorker:
    """Starts nothing; it remembers of what, where."""

    started: list[tuple[Setting, str, Path]]

    def __init__(self, setting: Setting, target: Any, folder: Path) -> None:
        assert folder.is_dir()
        self.started.append((setting, str(target), folder))
        raise NotAvailable("none is started here")


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Setting, str, Path]]:
    NoWorker.started = []
    defaults: Any = run.__kwdefaults__
    monkeypatch.setitem(defaults, "start", NoWorker)
    return NoWorker.started


def test_each_backend_starts_in_a_folder_that_goes(
    setting: Setting, started: list[tuple[Setting, str, Path]]
) -> None:
    report = run(setting, PAIR, lambda text: None)
    assert {target for _, target, _ in started} >= {"torch"}
    assert all(given == setting for given, _, _ in started)
    assert not any(folder.exists() for _, _, folder in started)
    assert report.proof is not None
    assert {row.verdict for row in report.proof.rows} == {"not available"}
    assert (report.name, report.reference, report.notes) == ("net", "torch", ())
    assert report.shape == "3x256x256 and 8x256x256"


@pytest.mark.parametrize(
    ("dtype", "asked", "trains"),
    [("float32", True, False), ("float64", True, True), ("float64", False, False)],
)
def test_training_is_compared_in_double_precision(
    setting: Setting,
    dtype: Any,
    asked: bool,
    trains: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = run(Setting(setting.spec, dtype), PAIR, lambda text: None, training=asked)
    assert report.proof is not None
    checks = {row.check for row in report.proof.rows}
    assert ("gradients" in checks) is trains


class TestMemory:
    def room(self, setting: Setting, monkeypatch: pytest.MonkeyPatch, less: int) -> int:
        need = needed(setting.graph(), "float32", training=False)
        monkeypatch.setattr(module, "available", lambda: need - less)
        return need

    def test_just_enough(
        self, setting: Setting, monkeypatch: pytest.MonkeyPatch, started: list[Any]
    ) -> None:
        self.room(setting, monkeypatch, 0)
        assert run(setting, PAIR, lambda text: None).notes == ()
        assert started

    def test_too_little(
        self, setting: Setting, monkeypatch: pytest.MonkeyPatch, started: list[Any]
    ) -> None:
        need = self.room(setting, monkeypatch, 1)
        report = run(setting, PAIR, lambda text: None)
        assert report.proof is None and not started
        gib = need / 2**30
        assert report.notes == (
            f"not run: needs about {gib:.1f} GiB, {gib:.1f} GiB are free: "
            "--shrink makes it smaller",
        )
        assert report.shape == "3x256x256 and 8x256x256"

    def test_made_smaller(
        self, setting: Setting, monkeypatch: pytest.MonkeyPatch, started: list[Any]
    ) -> None:
        need = self.room(setting, monkeypatch, 1)
        report = run(setting, PAIR, lambda text: None, shrink=True)
        (note,) = report.notes
        gib = need / 2**30
        assert note.startswith("shrunk to {'size': (128, 128)}, for it needs about ")
        assert note.endswith(f"{gib:.1f} GiB are free")
        assert report.shape == "3x128x128 and 8x128x128"
        assert {given.size for given, _, _ in started} == {(128, 128)}
        assert report.setting.size == (128, 128)

    def test_never_small_enough(
        self, setting: Setting, monkeypatch: pytest.MonkeyPatch, started: list[Any]
    ) -> None:
        monkeypatch.setattr(module, "available", lambda: 10)
        report = run(setting, PAIR, lambda text: None, shrink=True)
        (note,) = report.notes
        assert (
            note == f"not run: {setting.spec} does not fit in memory, not even shrunk"
        )
        assert report.proof is None and not started


def test_what_is_left_out_is_said(setting: Setting, tmp_path: Path) -> None:
    """Ops alone in float32, and ops that others stand for where nets are compared."""

    def notes(setting: Setting, targets: str, *, quick: bool = False) -> list[str]:
        report = run(setting, parse_all(targets), lambda text: None, quick=quick)
        assert report.proof is not None
        return [note for note in report.proof.notes if "bit for bit" not in note]

    single = ["each op alone is compared in float64 only"]
    assert (
        notes(setting, "torch") == notes(setting, "torch,keras", quick=True) == single
    )
    assert notes(setting, "torch,keras") == []
    (tmp_path / "gelu.yaml").write_text(
        "archspec: 1\nname: net\ninputs: {x: [4]}\ngraph: [gelu]\n"
    )
    gelu = Setting(str(tmp_path / "gelu.yaml"))
    (note,) = notes(gelu, "torch,keras")
    assert note.startswith("gelu on keras:tensorflow rounds in float64")
    assert notes(gelu, "torch,keras", quick=True) == notes(gelu, "torch") == []


SMALL = """
archspec: 1
name: net
inputs: {image: [3, 6, 6]}
graph: {conv: {op: conv2d, channels: 2, kernel: 1}, bn: batch_norm}
"""


def test_an_engine_of_float32_alone(tmp_path: Path) -> None:
    """In float64 a row says so, and is no failure; in float32 it is compared."""
    path = tmp_path / "net.yaml"
    path.write_text(SMALL)
    both = parse_all("onnx:reference,onnx:ort")
    made = run(Setting(str(path)), both, lambda text: None)
    assert made.proof is not None
    found = {(row.check, row.target): row.verdict for row in made.proof.rows}
    assert found["all", "onnx:ort"] == SINGLE_ONLY
    assert [target for _, target in found].count("onnx:ort") == 1
    with pytest.raises(BackendError, match="onnx:ort doesn't compute in float64"):
        run(Setting(str(path)), both[1:], lambda text: None)
    single = run(Setting(str(path), "float32"), both[1:], lambda text: None)
    assert single.proof is not None
    assert {row.target for row in single.proof.rows} == {"onnx:ort"}
    rows = [
        Row("float64", "all", "onnx:ort", verdict) for verdict in ("pass", SINGLE_ONLY)
    ]
    assert Proof((*rows,), (), ()).passed and not Proof((rows[1],), (), ()).passed

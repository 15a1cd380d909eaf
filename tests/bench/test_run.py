"""Processes that take turns, and every way in which they end."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from archspec import load
from archspec.bench import run as bench
from archspec.bench.contender import parse_all
from archspec.bench.run import Plan, Timer, run
from archspec.bench.section import Section

NET = """archspec: 1
name: net
inputs: {image: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3, bias: false}
  bn: batch_norm
  pool: global_avg_pool2d
"""


def times(plan: Plan) -> list[Section]:
    """What is measured of a plan."""
    sections: list[Section] = []
    spec = load(plan.spec, params=plan.params, size=plan.size)
    run(plan, spec, None, sections, lambda text: None)
    return sections


@pytest.fixture
def net(tmp_path: Path) -> str:
    (tmp_path / "net.yaml").write_text(NET)
    return str(tmp_path / "net.yaml")


def test_two_backends(net: str) -> None:
    plan = Plan(
        net,
        parse_all("torch,onnx"),
        batches=(1, 3),
        rounds=2,
        size=(10, 9),
        device="cpu",
        fold=True,
    )
    one, three = times(plan)
    assert (one.batch, three.batch, one.threads) == (1, 3, 1)
    for section in (one, three):
        assert [entry.backend for entry in section.there] == ["torch", "onnx"]
        assert section.done == 2 and len(section.peaks) == 2
        assert all(entry.same for entry in section.entries)
        assert all(len(entry.cpu_seconds) == 2 for entry in section.entries)
        assert all(len(peaks) == 2 for peaks in section.peaks)
    assert 2 * 3 * one.flop == 2 * three.flop > 0
    assert [*one.entries[1].versions] == ["onnx_ir", "onnxruntime"]


def test_one_that_is_missing_stops_no_other(net: str) -> None:
    plan = Plan(net, parse_all("onnx,torch"), rounds=1, device="cuda:99", fold=True)
    (section,) = times(plan)
    onnx, torch = section.entries
    assert onnx.missing and "leave --device out" in onnx.missing
    assert torch.missing and "[AS517]" in torch.missing


def test_one_that_dies(net: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying(Timer):
        def ask(self, what: str, *given: object) -> dict[str, object]:
            if what == "turn" and "onnx" in self.log.name:
                self.process.kill()
            return super().ask(what, *given)

    monkeypatch.setattr(bench, "Timer", Dying)
    (section,) = times(Plan(net, parse_all("onnx,torch"), rounds=2))
    onnx, torch = section.entries
    assert onnx.missing and "killed" in onnx.missing
    assert torch.there and section.there == [torch] and len(torch.cpu_seconds) == 2


def test_who_keeps_the_machine_busy() -> None:
    before, start = bench._machine(), time.monotonic()
    assert before is not None
    code = (
        "import time\nend = time.process_time() + 1\nwhile time.process_time() < end: 0"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    passed = time.monotonic() - start
    found = bench._others(before, start, 0.0)
    assert found is not None and found * passed > 0.8
    assert bench._others(None, start, 0.0) is None
    assert bench._others(before, start, 1e9) == 0

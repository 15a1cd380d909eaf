"""What a process times, and how wrong it says that a backend is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archspec import load
from archspec.backend import Runner
from archspec.bench import worker
from archspec.bench.worker import Timed, images, turn, wrong
from archspec.reference.evaluation import evaluate
from archspec.verify.data import Data
from archspec.weights import save


def test_batches_begin_alike() -> None:
    """So that one truth is that of all, and every process has the same images."""
    graph = load("resnet20").graph
    one, three = (images(graph, 5, batch)["image"] for batch in (1, 3))
    assert three.shape == (3, 3, 32, 32) and three.dtype == np.float32
    assert np.array_equal(one[0], three[0])
    assert not np.array_equal(three[0], three[1])
    assert not np.array_equal(one, images(graph, 6, 1)["image"])
    assert abs(three.mean()) < 0.05 and abs(three.std() - 1) < 0.05


def test_errors_are_of_the_first_image_and_the_last() -> None:
    truth = {"0/": np.array([1.0, -4.0]), "2/": np.array([8.0, 0.0])}
    made = {"": np.array([[1.0, -4.0], [99.0, 99.0], [8.0, 0.0]], np.float32)}
    assert wrong(made, truth, 3) == 0
    made[""][0, 0] = 2
    assert wrong(made, truth, 3) == 0.25
    made[""][2, 1] = 4
    assert wrong(made, truth, 3) == 0.5
    made[""][0, 0] = np.nan
    assert wrong(made, truth, 3) is None
    made[""][0, 0] = np.inf
    assert wrong(made, truth, 3) is None


def test_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first run counts for nothing; short ones are made until there are enough."""
    ran: list[int] = []
    clock: Iterator[float] = iter(np.arange(1000) * 0.03125)
    monkeypatch.setattr("time.process_time", lambda: float(next(clock)))
    cpu, wall = turn(Runner(lambda: ran.append(1), lambda made: made), 2)
    assert cpu == [0.03125] * 7 and len(wall) == 7, "0.2 s and a bit"
    assert len(ran) == 8
    clock = iter(np.arange(1000) * 2.0)
    cpu, _ = turn(Runner(lambda: None, lambda made: made), 3)
    assert cpu == [2.0] * 3
    clock = iter(np.zeros(1000))
    assert len(turn(Runner(lambda: None, lambda made: made), 2)[0]) == worker.MOST


def test_memory_is_that_of_the_process() -> None:
    """One of its own: this one may have held more before."""
    code = (
        "import numpy as np; from archspec.bench.worker import most_held\n"
        "before = most_held(); filled = np.ones(64 << 20, np.uint8)\n"
        "print(most_held() - before)"
    )
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert 48 << 20 <= int(done.stdout) < 96 << 20


@pytest.mark.parametrize("fold", [False, True])
def test_a_net_on_torch(tmp_path: Path, fold: bool) -> None:
    graph = load("resnet20", num_classes=5).graph
    weights = Data(graph, "float32", 0).weights("conditioned")
    inputs = {n: a.astype(np.float64) for n, a in images(graph, 7, 2).items()}
    made = evaluate(graph, weights, inputs)[graph.outputs[""]]
    save(tmp_path / "weights.safetensors", weights, {})
    save(tmp_path / "truth.safetensors", {f"{n}/": made[n] for n in (0, 1)}, {})
    asked: dict[str, Any] = {
        "spec": "resnet20", "params": {"num_classes": 5}, "size": None,
        "backend": "torch", "engine": "", "mode": "", "device": "cpu", "seed": 7,
        "weights": str(tmp_path / "weights.safetensors"), "fold": fold,
    }  # fmt: skip
    timed = Timed(asked)
    assert len(timed.net.folded) == (19 if fold else 0)
    told = timed.prepare(2, str(tmp_path / "truth.safetensors"))
    assert 0 < told["error"] < 1e-5 and told["device"] == ""
    assert [*told["versions"]] == ["torch"]
    answer = timed.turn()
    assert len(answer["cpu"]) == len(answer["wall"]) >= 2
    assert answer["spent"] >= sum(answer["cpu"]) and answer["held"] > 1 << 20


def test_the_peak_of_torch(tmp_path: Path) -> None:
    """More than a tenth of a GFLOP/s, and less than any processor."""
    timed = object.__new__(Timed)
    from archspec.backend import backend

    timed.chosen, timed.device, timed.seed = backend("torch"), "cpu", 0
    found = timed.peak()
    assert [*found] == ["sgemm", "conv"]
    assert all(1e8 < rate < 1e14 for each in found.values() for rate in each.values())

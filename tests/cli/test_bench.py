"""`archspec bench` as a user meets it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bench.test_run import NET
from commands import command, done, refused
from proofs import sampled
from signals import MARK, PATIENCE, alive

from archspec import load
from archspec.cli import bench
from archspec.weights import initial_weights, write


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(NET)
    return tmp_path


def test_json_and_a_page() -> None:
    graph = load("net.yaml").graph
    write("net.safetensors", graph, initial_weights(graph, 0))
    told = json.loads(
        done(
            "bench", "net.yaml", "--backends", "torch", "--threads", "1", "--rounds",
            "2", "--weights", "net.safetensors", "--optimize", "inference", "--json",
            "--html", "page.html", "--input-size", "12",
        )
    )  # fmt: skip
    (section,) = told["sections"]
    assert told["weights"] == "net.safetensors" and told["optimize"] == "inference"
    assert told["inputs"] == {"image": [3, 12, 12]}
    assert section["backends"][0]["ratio"]["median"] == 1
    page = Path("page.html").read_text()
    assert page.startswith("<!doctype html>") and "1 batch norms folded" in page
    message = refused("bench", "net.yaml", "--html", "page.html")
    assert "page.html exists" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonet"], "nonet"),
        (["net.yaml", "--backends", "trch"], "did you mean 'torch'"),
        (["net.yaml", "--backends", "torch:jit"], "[AS501]"),
        (["net.yaml", "--batch", "0"], "[AS505]"),
        (["net.yaml", "--batch", "1,1"], "all unlike"),
        (["net.yaml", "--batch", "1,,2"], "[AS505]"),
        (["net.yaml", "--threads", "two"], "--threads two"),
        (["net.yaml", "--threads", "99999"], "[AS505]"),
        (["net.yaml", "--html", "page.txt"], "ends in .html"),
        (["net.yaml", "--set", "widht=3"], "widht"),
        (["net.yaml", "--weights", "gone.pth"], "gone.pth"),
        (["net.yaml", "--input-size", "x"], "--input-size x"),
    ],
)
def test_what_is_wrong_is_said_first(arguments: list[str], message: str) -> None:
    assert message in refused("bench", *arguments)


def test_a_device_that_is_not_there() -> None:
    ran = command(
        "bench", "net.yaml", "--backends", "torch", "--device", "cuda:9", "--rounds", 1
    )
    assert ran.exit_code == 1
    told = " ".join(ran.stdout.split())
    assert "torch: not available: torch has no device 'cuda:9' here" in told
    assert "[AS517]" in told and "ratio" not in told


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("torch:co", ["torch:compile"]),
        ("torch,on", ["torch,onnx", "torch,onnx:ort", "torch,onnx:reference"]),
        ("flax", ["flax"]),
        ("nothing", []),
    ],
)
def test_completion(text: str, found: list[str]) -> None:
    assert bench.contenders(text) == found


@pytest.mark.parametrize(
    "number", sampled([signal.SIGINT, signal.SIGTERM], [signal.SIGTERM])
)
def test_interrupted(here: Path, number: signal.Signals) -> None:
    """What was measured so far is told, and nobody is left behind."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts with &
        signal.signal(signal.SIGINT, signal.default_int_handler)
    reads, writes = os.openpty()  # where a person looks, progress is told
    mark = f"bench-{number}-{os.getpid()}"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "archspec", "bench", "net.yaml"),
            *("--backends", "torch,onnx", "--threads", "1", "--rounds", "1000"),
        ],
        stdout=subprocess.PIPE,
        stderr=writes,
        env={**os.environ, "TMPDIR": str(here), MARK: mark},
        start_new_session=True,
    )
    os.close(writes)
    said = b""
    while b"round 3 of 1000" not in said:
        said += os.read(reads, 1000)  # raises where the command has ended
    assert len(alive(mark)) == 3
    # A terminal's Ctrl-C reaches the workers, too.
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    told, _ = process.communicate(timeout=60)
    os.close(reads)
    assert process.returncode == -number
    text = " ".join(told.decode().split())
    assert "interrupted after" in text and "of 1000 rounds" in text
    assert "ratio to torch" in text
    until = time.monotonic() + PATIENCE
    while alive(mark) and time.monotonic() < until:
        time.sleep(0.1)
    assert not alive(mark)
    assert not [*here.glob(".archspec-*")]

"""A few moments of signals; `python tests/signals.py 200` tries more of them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from signals import CASES, Case, alive, left, started, tried

from archspec.files import scratch, write_whole

WRITER = """\
import signal, sys, time
from pathlib import Path
from archspec.cli import signals
from archspec.files import write_whole

def slow(draft):
    draft.write_text("half")
    Path("ready").touch()
    time.sleep(60)

signal.signal(signal.SIGHUP, signal.SIG_DFL)
signals.install()
write_whole("net", slow)
"""
"""Writes half of a file, says so, and waits; under nohup, too."""


def waiting(folder: Path) -> subprocess.Popen[bytes]:
    """A process that has written half of `net` in a folder."""
    process = subprocess.Popen([sys.executable, "-c", WRITER], cwd=folder)
    while not (folder / "ready").exists():
        assert process.poll() is None
        time.sleep(0.01)
    (folder / "ready").unlink()
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_half_a_file_goes_with_its_process(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "net").write_text("old")
    process = waiting(tmp_path)
    process.send_signal(number)
    assert process.wait() == -number
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"net": "old"}


def test_what_a_killed_process_leaves_the_next_one_removes(tmp_path: Path) -> None:
    """And not what one that lives is at."""
    killed, lives = waiting(tmp_path), waiting(tmp_path)
    try:
        killed.kill()
        killed.wait()
        assert len([*tmp_path.glob(".archspec-*/net")]) == 2
        write_whole(tmp_path / "other", "x")
        assert len([*tmp_path.glob(".archspec-*/net")]) == 1
        assert lives.poll() is None
    finally:
        lives.kill()
        lives.wait()


def test_signals_that_are_ignored_stay_so(tmp_path: Path) -> None:
    """As under nohup."""
    code = (
        "import os, signal; from archspec.cli import signals; "
        "signal.signal(signal.SIGHUP, signal.SIG_IGN); signals.install(); "
        "os.kill(os.getpid(), signal.SIGHUP); print('here')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.stdout == b"here\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_command_amid_its_imports(tmp_path: Path, number: signal.Signals) -> None:
    """It says nothing, and leaves nothing."""
    found, amid = tried(CASES["codegen"], number, 0, tmp_path)
    assert (found, amid) == ([], True)


def test_a_worker_goes_with_what_started_it(tmp_path: Path) -> None:
    """Even where that could do nothing any more."""
    run = started(
        Case(("verify", "resnet18", "--quick", "--backends", "torch")), tmp_path
    )
    while len(alive(run.mark)) < 2:
        assert run.process.poll() is None
        time.sleep(0.02)
    run.process.kill()
    run.process.communicate()
    until = time.monotonic() + 20
    while alive(run.mark) and time.monotonic() < until:
        time.sleep(0.02)
    assert alive(run.mark) == []
    assert len(left(Case(()), run)) == 1
    with scratch(run.temporary):
        pass
    assert left(Case(()), run) == []

"""How much memory there is, by what the system says, and what doesn't fit."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from nets import graph_of

from archspec import memory
from archspec.errors import BackendError

MEMINFO = "MemTotal:       2000 kB\nMemFree:  10 kB\nMemAvailable:   1000 kB\n"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that says nothing yet."""
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    monkeypatch.setattr(memory, "Path", lambda path: tmp_path / Path(path).name)
    return tmp_path


@pytest.mark.parametrize(
    ("files", "room"),
    [
        ({"meminfo": MEMINFO}, 1024_000),
        ({"memory.max": "5000\n", "memory.current": "3000\n"}, 2000),
        ({"meminfo": MEMINFO, "memory.max": "5000", "memory.current": "3000"}, 2000),
        ({"meminfo": MEMINFO, "memory.max": "max\n", "memory.current": "3"}, 1024_000),
        (
            {"meminfo": MEMINFO, "memory.max": f"{2**60}", "memory.current": "3"},
            1024_000,
        ),
        ({"meminfo": "MemTotal: 1 kB\n", "memory.max": "9", "memory.current": "2"}, 7),
        (
            {
                "meminfo": "MemAvailable: much\n",
                "memory.max": "9",
                "memory.current": "2",
            },
            7,
        ),
    ],
)
def test_what_is_free(system: Path, files: dict[str, str], room: int) -> None:
    for name, text in files.items():
        (system / name).write_text(text)
    assert memory.available() == room


OWN = {"memory.max": "5000", "memory.current": "3000"}


@pytest.mark.parametrize(
    ("group", "folder", "files", "room"),
    [
        ("0::/user.slice/job.scope\n", "user.slice/job.scope", OWN, 2000),
        ("0::/user.slice/job.scope\n", "user.slice", OWN, 2000),  # limits what is in it
        ("0::/user.slice/job.scope\n", "other.slice", OWN, 1024_000),
        ("0::/../job.scope\n", "", OWN, 2000),  # of a container, seen from outside
        ("", "", OWN, 2000),
        ("nonsense\n", "", OWN, 2000),
        (
            "12:cpu,cpuacct:/docker/7\n9:memory:/docker/7\n1:name=systemd:/docker/7\n",
            "memory/docker/7",
            {"memory.limit_in_bytes": "5000", "memory.usage_in_bytes": "5001"},
            0,
        ),
        (
            "9:memory:/docker/7\n0::/\n",
            "memory",
            {"memory.limit_in_bytes": f"{2**63 - 4096}", "memory.usage_in_bytes": "9"},
            1024_000,
        ),
    ],
)
def test_the_own_group(
    system: Path, group: str, folder: str, files: dict[str, str], room: int
) -> None:
    (system / "meminfo").write_text(MEMINFO)
    (system / folder).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (system / folder / name).write_text(text)
    (system / "cgroup").write_text(group)
    assert memory.available() == room


def test_a_system_that_only_says_what_it_has(
    system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {"SC_PHYS_PAGES": 7, "SC_PAGE_SIZE": 100}
    monkeypatch.setattr(os, "sysconf", facts.__getitem__, raising=False)
    assert memory.available() == 700


def test_a_system_that_says_nothing(
    system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sysconf", raising=False)
    assert memory.available() is None
    memory.check(graph_of("inputs: {x: [4]}\ngraph: [batch_norm]\n"), "float32")


@pytest.mark.parametrize(("dtype", "needed"), [("float32", 64), ("float64", 128)])
def test_weights_fit_or_not(
    monkeypatch: pytest.MonkeyPatch, dtype: str, needed: int
) -> None:
    """Four vectors of four values, of which two are statistics."""
    graph = graph_of("inputs: {x: [4]}\ngraph: [batch_norm]\n")
    monkeypatch.setattr(memory, "available", lambda: needed)
    memory.check(graph, dtype)
    monkeypatch.setattr(memory, "available", lambda: needed - 1)
    with pytest.raises(BackendError) as caught:
        memory.check(graph, dtype)
    assert caught.value.code == "AS504"
    assert "--force-memory" in (caught.value.hint or "")


def test_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = graph_of(
        "inputs: {x: [65536]}\ngraph:\n  fc: {op: linear, features: 65536, bias: false}\n"
    )
    monkeypatch.setattr(memory, "available", lambda: 2 * 2**30)
    with pytest.raises(BackendError) as caught:
        memory.check(graph, "float64")
    assert caught.value.message == (
        "net needs 32.0 GiB for its weights in float64 and up to 0.0 GiB for the "
        "activations of one image; 2.0 GiB are free"
    )


def test_nothing_else_asks_the_system() -> None:
    """Two probes would disagree, as one reads the limits of a container."""
    core = Path(memory.__file__).parent
    asking = {
        path
        for folder in (core, core.parent / "backends")
        for path in folder.rglob("*.py")
        if re.search("MemAvailable|memory\\.max|SC_PHYS_PAGES|psutil", path.read_text())
    }
    assert asking == {core / "memory.py"}

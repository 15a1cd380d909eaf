"""Backends in processes: what they give, and every way in which they end."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archspec.backend import backend
from archspec.verify.process import NotAvailable, Sessions, Stored, Worker
from archspec.verify.setting import Setting
from archspec.verify.target import Target
from archspec.verify.task import Bench, Task
from archspec.weights import save

TEXT = "archspec: 1\nname: net\ninputs: {x: [4]}\ngraph: [{op: linear, features: 3}]\n"
TARGET = Target("torch")


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    (tmp_path / "net.yaml").write_text(TEXT)
    return Setting(str(tmp_path / "net.yaml"), seed=3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_arrays_are_those_of_this_process(setting: Setting, folder: Path) -> None:
    worker = Worker(setting, TARGET, folder)
    try:
        here = Bench(backend("torch"), setting.data())
        for task in (Task("eval"), Task("train"), Task("probe", "0", "initial")):
            found, wanted = worker.ask(task), here.ask(task)
            assert set(found) == set(wanted) and len(found) == len(wanted)
            assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
        with pytest.raises(NotAvailable, match="'nowhere'"):
            worker.ask(Task("probe", "nowhere", "initial"))
        assert set(worker.ask(Task("eval"))) == set(here.ask(Task("eval")))
    finally:
        worker.close()
    assert worker.process.poll() is not None
    assert np.array_equal(found["probe/"], wanted["probe/"]), "it outlives the process"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Target("keras", "nowhere"), "nowhere"),
        (Target("nobody"), "there is no backend 'nobody'"),
    ],
)
def test_a_backend_that_does_not_start(
    setting: Setting, folder: Path, target: Target, message: str
) -> None:
    with closing(Worker(setting, target, folder)) as worker:
        for _ in range(2):
            with pytest.raises(NotAvailable, match=message):
                worker.ask(Task("eval"))
        assert not worker.ended()


def test_a_spec_that_is_wrong(setting: Setting, folder: Path) -> None:
    Path(setting.spec).write_text(TEXT.replace("linear", "linaer"))
    with closing(Worker(setting, TARGET, folder)) as worker:
        for _ in range(2):
            with pytest.raises(NotAvailable, match="did you mean 'linear'"):
                worker.ask(Task("eval"))


class TestDeath:
    """A program in the place of the worker's."""

    @pytest.fixture
    def dying(
        self, setting: Setting, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Any]:
        started: list[subprocess.Popen[bytes]] = []
        workers: list[Worker] = []
        real = subprocess.Popen

        def worker(code: str) -> Worker:
            def popen(_: Any, **options: Any) -> subprocess.Popen[bytes]:
                started.append(real([sys.executable, "-c", code], **options))
                return started[-1]

            monkeypatch.setattr(subprocess, "Popen", popen)
            workers.append(Worker(setting, TARGET, folder))
            return workers[-1]

        yield worker
        for one in workers:
            one.close()
        assert all(one.poll() is not None for one in started), "none is left behind"

    @pytest.mark.parametrize(
        ("code", "reason"),
        [
            (
                "import os; os.kill(os.getpid(), 9)",
                "killed, as systems do when memory runs out",
            ),
            (
                "import os; os.kill(os.getpid(), 11)",
                "the process crashed (SIGSEGV): no word",
            ),
            ("raise SystemExit(3)", "the process crashed (exit code 3): no word"),
            (
                "import sys; sys.exit('first\\nlast ' + 'x' * 300)",
                f"the process crashed (exit code 1): last {'x' * 195}",
            ),
            (
                "import sys; sys.stderr.buffer.write(b'\\xff said\\n'); sys.exit(2)",
                "the process crashed (exit code 2): \ufffd said",
            ),
        ],
    )
    def test_at_the_start(self, dying: Any, code: str, reason: str) -> None:
        with pytest.raises(NotAvailable) as caught:
            dying(code).ask(Task("eval"))
        assert caught.value.message.endswith(reason)
        assert caught.value.message.startswith("the process ")

    def test_at_a_task(self, dying: Any) -> None:
        worker = dying(
            "import sys; sys.stdin.readline(); print('{\"error\": null}', flush=True)\n"
            "sys.stdin.readline(); sys.exit('out of tune')"
        )
        with pytest.raises(NotAvailable) as caught:
            worker.ask(Task("eval"))
        assert caught.value.message == "the process crashed (exit code 1): out of tune"
        with pytest.raises(NotAvailable, match="out of tune"):
            worker.ask(Task("eval"))
        worker.close()

    def test_an_error_is_an_answer(self, dying: Any) -> None:
        with pytest.raises(NotAvailable) as caught:
            dying(
                'print(\'{"error": "no JAX here"}\\n\' * 2, flush=True); input(); input()'
            ).ask(Task("eval"))
        assert caught.value.message == "no JAX here"


def test_what_is_expected_is_done_before_it_is_asked(
    setting: Setting, folder: Path
) -> None:
    """Each answer is that of its task and setting, in whatever order one asks."""
    other = replace(setting, seed=4)
    with closing(Worker(setting, TARGET, folder)) as worker:
        worker.expect(Task("single"))
        worker.use(other)
        worker.expect(Task("single"))
        worker.expect(Task("single"))
        while len([*folder.glob("*.safetensors")]) < 2:
            time.sleep(0.01)
            assert not worker.ended()
        found = {}
        for each in (setting, other):
            worker.use(each)
            found[each.seed] = worker.ask(Task("single"))["outputs/"]
            here = Bench(backend("torch"), each.data()).ask(Task("single"))
            assert np.array_equal(found[each.seed], here["outputs/"])
        assert not np.array_equal(found[3], found[4])
        assert len([*folder.glob("*.safetensors")]) == 2, "nothing is done twice"


def test_two_workers_leave_their_files_apart(setting: Setting, folder: Path) -> None:
    one = Worker(setting, TARGET, folder)
    other = Worker(setting, TARGET, folder)
    try:
        first = one.ask(Task("probe", "0", "initial"))
        second = other.ask(Task("probe", "0", "conditioned"))
        assert not np.array_equal(first["probe/"], second["probe/"])
    finally:
        one.close()
        other.close()
    logs = [path.name for path in folder.glob("*.log")]
    assert len(logs) == 2 and all(name.startswith("torch--float64-") for name in logs)


def test_stored_arrays(tmp_path: Path) -> None:
    arrays = {"a/x": np.arange(3.0), "a/y": np.ones((2, 2), np.float32)}
    save(tmp_path / "w", arrays)
    stored = Stored(tmp_path / "w")
    assert len(stored) == 2 and set(stored) == {"a/x", "a/y"}
    assert all(np.array_equal(stored[name], arrays[name]) for name in arrays)
    assert "b" not in stored
    with pytest.raises(KeyError, match="b"):
        stored["b"]


class Counted(Bench):
    """A session that says how many are open."""

    open = 0

    def __init__(self) -> None:
        type(self).open += 1
        self.seeds: list[int] = []
        self.crashed = False

    def ask(self, task: Task) -> Any:
        if task.kind == "none":
            self.crashed = task.node == "crash"
            raise NotAvailable("it is refused, or crashed")
        return {"count": np.array([self.open]), "seeds": np.array(self.seeds)}

    def use(self, setting: Setting) -> None:
        self.seeds.append(setting.seed)

    def ended(self) -> bool:
        return self.crashed

    def expect(self, task: Task) -> None:
        self.expected = [*getattr(self, "expected", ()), task.kind]

    def close(self) -> None:
        type(self).open -= 1


@pytest.mark.parametrize("keep", [True, False])
def test_a_session_is_lent_again(setting: Setting, keep: bool) -> None:
    started: list[str] = []

    def start(setting: Setting, target: Target) -> Counted:
        started.append(str(target))
        return Counted()

    sessions = Sessions(start, keep=keep)
    for target in (TARGET, TARGET, Target("keras", "jax")):
        lent = sessions.open(setting, target)
        assert "count" in lent.ask(Task("eval"))
        lent.close()
    assert len(started) == (2 if keep else 3)
    assert Counted.open == (2 if keep else 0)
    lent = sessions.open(setting, TARGET)
    with pytest.raises(NotAvailable, match="refused"):
        lent.ask(Task("none"))
    assert len(started) == (2 if keep else 4)
    with pytest.raises(NotAvailable, match="crashed"):
        lent.ask(Task("none", "crash"))
    lent.close()
    sessions.open(setting, TARGET).close()
    assert len(started) == (3 if keep else 5)
    sessions.close()
    assert Counted.open == 0


@pytest.mark.parametrize("keep", [True, False])
def test_all_begin_at_once_if_there_is_memory(setting: Setting, keep: bool) -> None:
    started: list[Counted] = []

    def start(setting: Setting, target: Target) -> Counted:
        if target.backend != "torch":
            raise NotAvailable("said where it is asked")
        started.append(Counted())
        return started[-1]

    sessions = Sessions(start, keep=keep)
    targets = (Target("nobody"), TARGET)
    sessions.ahead(targets, [(setting, Task("eval")), (setting, Task("train"))])
    assert [one.expected for one in started] == ([["eval", "train"]] if keep else [])
    sessions.close()


def test_a_session_is_lent_for_another_setting(setting: Setting) -> None:
    """It is told, also when two hold it in turn."""
    sessions = Sessions(lambda setting, target: Counted(), keep=True)
    one = sessions.open(setting, TARGET)
    two = sessions.open(replace(setting, seed=7), TARGET)
    assert [*two.ask(Task("eval"))["seeds"]] == [7]
    assert [*one.ask(Task("eval"))["seeds"]] == [7, 3]
    assert [*one.ask(Task("eval"))["seeds"]] == [7, 3]
    assert [*two.ask(Task("eval"))["seeds"]] == [7, 3, 7]
    sessions.open(replace(setting, dtype="float32"), TARGET)
    assert Counted.open == 2
    sessions.close()
    assert Counted.open == 0

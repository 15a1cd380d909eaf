"""What goes on at once, by number and by memory."""

from __future__ import annotations

import os
import threading
import time

import pytest

from archspec.verify.jobs import THREADS, at_once, share_cores


class Watched:
    """Work of a hundredth of a second, of which it is known what went on beside it."""

    def __init__(self, needs: list[int]) -> None:
        self.needs = needs
        self.lock = threading.Lock()
        self.running: set[int] = set()
        self.begun: list[int] = []
        self.most = 0
        self.largest = 0

    def __call__(self, number: int) -> str:
        with self.lock:
            self.begun.append(number)
            self.running.add(number)
            self.most = max(self.most, len(self.running))
            self.largest = max(self.largest, sum(self.needs[n] for n in self.running))
        time.sleep(0.01)
        with self.lock:
            self.running.remove(number)
        return f"made {number}"


@pytest.mark.parametrize(
    ("jobs", "room", "largest"),
    [
        (1, None, 9),
        (2, None, 13),
        (3, 12, 12),
        (4, 9, 9),  # the one of 9 goes on alone
        (4, 1, 9),  # as all do
    ],
)
def test_limits(jobs: int, room: int | None, largest: int) -> None:
    work = Watched([3, 4, 9, 3, 2, 5])
    found = dict(at_once(work, work.needs, jobs, room))
    assert found == {number: f"made {number}" for number in range(6)}
    assert work.most <= jobs and work.largest <= largest
    if 1 in (jobs, room):
        assert work.begun == [*range(6)] and work.most == 1


def test_several_do_go_on_at_once() -> None:
    """Each waits for the other, which only ends if both have begun."""
    both = threading.Barrier(2, timeout=30)
    found = at_once(lambda number: both.wait() * 0 + number, [1, 1], 2, 2)
    assert sorted(found) == [(0, 0), (1, 1)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error(jobs: int) -> None:
    """It is raised, and what has not begun never does."""
    begun = []

    def make(number: int) -> None:
        begun.append(number)
        if number == 0:
            raise ValueError("wrong")
        time.sleep(0.01)

    with pytest.raises(ValueError, match="wrong"):
        dict(at_once(make, [1] * 9, jobs, None))
    assert len(begun) <= jobs + 1


def test_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {*range(8)}, raising=False)
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(THREADS[0], "7")
    share_cores(3)
    assert [os.environ[name] for name in THREADS] == ["7", "2", "2"]
    monkeypatch.delenv(THREADS[1])
    share_cores(99)
    assert os.environ[THREADS[1]] == "1"

"""What a signal does: the process dies of it, and leaves nothing of its own behind.

Nothing is raised, since an exception amid anything may be taken for another, or be
lost: what is to be removed is known, and removed at once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

ENDING = ("SIGHUP", "SIGINT", "SIGTERM")
_LAST: list[Callable[[], None]] = []


def install() -> None:
    """From now on signals end the process so; those that are ignored stay so."""
    for name in ENDING:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


@contextmanager
def last(tell: Callable[[], None]) -> Iterator[None]:
    """While this goes on, what a signal ends says something at last, once."""
    _LAST.append(tell)
    try:
        yield
    finally:
        _LAST.clear()


def _end(number: int, frame: FrameType | None) -> None:
    die = partial(_die, number)
    files = sys.modules.get("archspec.files")  # unless nothing is written yet
    leave = getattr(files, "leave", None)
    leave(die) if leave else die()


def _die(number: int) -> None:
    """Dies as without a handler, so that a shell sees what it was."""
    signal.signal(number, signal.SIG_DFL)  # another one ends it amid its words
    while _LAST:
        _LAST.pop()()
    os.kill(os.getpid(), number)

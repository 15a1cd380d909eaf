"""Backends in processes of their own, and what becomes of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from signal import SIGKILL, Signals
from typing import TYPE_CHECKING, Any, Protocol

from archspec.errors import ArchspecError
from archspec.verify.setting import Setting
from archspec.verify.target import Target
from archspec.verify.task import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray


class NotAvailable(ArchspecError):
    """A backend gave no numbers; the message says why."""


class Session(Protocol):
    """A backend that has started, here or in a process of its own."""

    def ask(self, task: Task) -> Mapping[str, NDArray[Any]]:
        """The arrays of a task, by `what/name`; raises NotAvailable."""
        ...

    def close(self) -> None:
        """Ends it; what it gave stays readable."""
        ...


class Telling(Session, Protocol):
    """A session that says what it runs on."""

    def about(self) -> Mapping[str, Any]:
        """What ran so far: versions, device, threads."""
        ...


class Stored(Mapping[str, "NDArray[Any]"]):
    """Arrays in a safetensors file; each is read when it is wanted."""

    def __init__(self, path: Path) -> None:
        self._file = _opened(path)
        self._names: tuple[str, ...] = tuple(self._file.offset_keys())

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._names:
            raise KeyError(name)
        array: NDArray[Any] = self._file.get_tensor(name)
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _opened(path: Path) -> Any:
    from safetensors import safe_open

    return safe_open(path, framework="np")


class Worker:
    """A process that holds one backend.

    Args:
        setting: what it builds.
        target: the backend and its engine.
        folder: where it leaves arrays, and its log.

    Raises:
        NotAvailable: the framework is missing, or can't compute in this precision.
    """

    def __init__(self, setting: Setting, target: Target, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        self._about: Mapping[str, Any] = {}
        stem = f"{target.backend}-{target.engine}-{setting.dtype}"
        self.stem = f"{stem}-{len(list(folder.iterdir()))}"
        with (folder / f"{self.stem}.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "archspec.verify.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self.target = target
        try:
            self.take(setting)
        except BaseException:
            self.close()
            raise

    @property
    def ended(self) -> bool:
        """Whether the process is there no more."""
        return self.process.poll() is not None

    def take(self, setting: Setting) -> None:
        """Turns to another setting, of the same precision."""
        target = {"backend": self.target.backend, "engine": self.target.engine}
        self._request({"setting": setting.facts(), **target})

    def ask(self, task: Task) -> Mapping[str, NDArray[Any]]:
        """The arrays of a task."""
        self.count += 1
        file = self.folder / f"{self.stem}-{self.count}.safetensors"
        self._request({"task": task.facts(), "file": str(file)})
        return Stored(file)

    def about(self) -> Mapping[str, Any]:
        """What the process said with its last answer."""
        return self._about

    def close(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.communicate()

    def _request(self, facts: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(facts).encode() + b"\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer:
            raise NotAvailable(self._death())
        found = json.loads(answer)
        self._about = found.get("about", {})
        if found["error"] is not None:
            raise NotAvailable(found["error"])

    def _death(self) -> str:
        """Why the process ended, with the last line that it wrote."""
        code = self.process.wait()
        if code == -SIGKILL:
            return "the process was killed, as systems do when memory runs out"
        log = (self.folder / f"{self.stem}.log").read_text(errors="replace")
        last = log.strip().splitlines()[-1:] or ["no word"]
        ended = Signals(-code).name if code < 0 else f"exit code {code}"
        return f"the process crashed ({ended}): {last[0][:200]}"


class Workers:
    """Processes that serve one setting after another, since a framework starts slowly.

    Args:
        folder: where they leave arrays.
        start: starts a backend; what is no Worker ends when it is closed.
    """

    def __init__(
        self, folder: Path, start: Callable[[Setting, Target, Path], Telling]
    ) -> None:
        self.folder = folder
        self.start = start
        self.kept: dict[tuple[Target, str], Worker] = {}

    def open(self, setting: Setting, target: Target) -> Telling:
        """A session; a process outlives its end. Raises NotAvailable."""
        key = target, setting.dtype
        kept = self.kept.get(key)
        if kept is not None and not kept.ended:
            kept.take(setting)
            return Lent(kept)
        made = self.start(setting, target, self.folder)
        if isinstance(made, Worker):
            self.kept[key] = made
            return Lent(made)
        return made

    def close(self) -> None:
        """Ends all processes."""
        for worker in self.kept.values():
            worker.close()
        self.kept.clear()


class Lent:
    """A worker whose process goes on when the session is closed."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    def ask(self, task: Task) -> Mapping[str, NDArray[Any]]:
        """The arrays of a task."""
        return self.worker.ask(task)

    def about(self) -> Mapping[str, Any]:
        """What the process said with its last answer."""
        return self.worker.about()

    def close(self) -> None:
        """Leaves the process to the next."""

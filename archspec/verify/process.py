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


class Sessions:
    """Sessions that layers of a proof use one after another: each starts once.

    Args:
        start: starts a session; raises NotAvailable.
        keep: whether there is memory for all of them at once.
    """

    def __init__(
        self, start: Callable[[Setting, Target], Telling], *, keep: bool
    ) -> None:
        self.start = start
        self.keep = keep
        self._kept: dict[str, Telling] = {}

    def open(self, setting: Setting, target: Target) -> Telling:
        """A session for a while: its `close` gives it back."""
        if not self.keep:
            return self.start(setting, target)
        key = f"{target} {json.dumps(setting.facts())}"
        if key not in self._kept:
            self._kept[key] = self.start(setting, target)
        return Lent(self._kept, key)

    def close(self) -> None:
        """Ends what was kept."""
        for session in self._kept.values():
            session.close()
        self._kept.clear()


class Lent:
    """A session that outlives its user; one that fails is not lent again."""

    def __init__(self, kept: dict[str, Telling], key: str) -> None:
        self.kept = kept
        self.key = key
        self.session = kept[key]

    def ask(self, task: Task) -> Mapping[str, NDArray[Any]]:
        """The arrays of a task."""
        try:
            return self.session.ask(task)
        except NotAvailable:
            if self.kept.pop(self.key, None) is not None:
                self.session.close()
            raise

    def about(self) -> Mapping[str, Any]:
        """What ran so far."""
        return self.session.about()

    def close(self) -> None:
        """It stays as it is."""


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
        facts = {"backend": target.backend, "engine": target.engine}
        try:
            self._request({"setting": setting.facts(), **facts})
        except BaseException:
            self.close()
            raise

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

"""Backends in processes of their own, and what becomes of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, Signals
from typing import TYPE_CHECKING, Any, Protocol

from archspec.errors import ArchspecError
from archspec.verify.setting import Setting
from archspec.verify.target import Target
from archspec.verify.task import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray


Asked = tuple[Setting, Task]
"""What a session is asked, and of what."""


class NotAvailable(ArchspecError):
    """A backend gave no numbers; the message says why, with the code of an error."""

    def __str__(self) -> str:
        return self.message


class Session(Protocol):
    """A backend that has started, here or in a process of its own."""

    def ask(self, task: Task) -> Mapping[str, NDArray[Any]]:
        """The arrays of a task, by `what/name`; raises NotAvailable."""
        ...

    def close(self) -> None:
        """Ends it; what it gave stays readable."""
        ...


class Telling(Session, Protocol):
    """A session that takes another setting, and says what it runs on."""

    def expect(self, task: Task) -> None:
        """It will be asked this, of its setting: a process may begin."""
        ...

    def use(self, setting: Setting) -> None:
        """From now on it is about another net, or other numbers."""
        ...

    def about(self) -> Mapping[str, Any]:
        """What ran so far: versions, device, threads."""
        ...

    def ended(self) -> bool:
        """Whether it can answer no more."""
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
        self._kept: dict[tuple[Target, str], tuple[Telling, Setting]] = {}

    def open(self, setting: Setting, target: Target) -> Telling:
        """A session for a while: its `close` gives it back."""
        if not self.keep:
            return self.start(setting, target)
        key = target, setting.dtype
        if key not in self._kept:
            self._kept[key] = self.start(setting, target), setting
        return Lent(self, key, self.get(key, setting), setting)

    def ahead(self, targets: Sequence[Target], tasks: Iterable[Asked]) -> None:
        """All targets begin with tasks that they will be asked, beside each other."""
        for setting, task in tasks if self.keep else ():
            for target in targets:
                with suppress(NotAvailable):  # said where it is asked
                    self.open(setting, target).expect(task)

    def get(self, key: tuple[Target, str], setting: Setting) -> Telling:
        """One that has started, about a setting."""
        session, other = self._kept[key]
        if setting != other:
            session.use(setting)
            self._kept[key] = session, setting
        return session

    def drop(self, key: tuple[Target, str]) -> None:
        """Lends it no more."""
        if key in self._kept:
            self._kept.pop(key)[0].close()

    def close(self) -> None:
        """Ends what was kept."""
        for session, _ in self._kept.values():
            session.close()
        self._kept.clear()


class Lent:
    """A session that outlives its user; one that has ended is not lent again."""

    def __init__(
        self,
        kept: Sessions,
        key: tuple[Target, str],
        session: Telling,
        setting: Setting,
    ) -> None:
        self.kept = kept
        self.key = key
        self.session = session
        self.setting = setting

    def ask(self, task: Task) -> Mapping[str, NDArray[Any]]:
        """The arrays of a task."""
        try:
            if not self.session.ended():
                self.session = self.kept.get(self.key, self.setting)
            return self.session.ask(task)
        finally:
            if self.session.ended():
                self.kept.drop(self.key)

    def expect(self, task: Task) -> None:
        """It will be asked this."""
        if not self.session.ended():
            self.kept.get(self.key, self.setting).expect(task)

    def use(self, setting: Setting) -> None:
        """From now on it is about another net, or other numbers."""
        self.setting = setting

    def about(self) -> Mapping[str, Any]:
        """What ran so far."""
        return self.session.about()

    def ended(self) -> bool:
        """Whether it can answer no more."""
        return self.session.ended()

    def close(self) -> None:
        """It stays as it is."""


def asked(session: Session, task: Task) -> Mapping[str, NDArray[Any]]:
    """The arrays of a session's only task; closes it. Raises NotAvailable."""
    try:
        return session.ask(task)
    finally:
        session.close()


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


class Process:
    """A process of our own that answers each line of JSON with another, in turn.

    It starts without being waited for, so that several do at once; one that can't start
    says so when it is asked.

    Args:
        module: what it runs, by `archspec.verify.worker.serve`.
        log: the file for all else that it writes.
        env: what its environment has besides ours.
    """

    def __init__(self, module: str, log: Path, env: Mapping[str, str]) -> None:
        self.log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env={**os.environ, **env},
            )
        self.told = 0
        self._answers: list[Mapping[str, Any]] = []

    def tell(self, line: str) -> int:
        """The number of the answer that a line will have."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # the answer will be missing
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        self.told += 1
        return self.told - 1

    def answer(self, number: int) -> Mapping[str, Any]:
        """What it answers; raises NotAvailable where it ended before."""
        assert self.process.stdout is not None
        while len(self._answers) <= number:
            line = self.process.stdout.readline()
            if not line:
                raise NotAvailable(self._death())
            self._answers.append(json.loads(line))
        return self._answers[number]

    def ended(self) -> bool:
        """Whether the process has."""
        return self.process.poll() is not None

    def close(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.communicate()

    def _death(self) -> str:
        """Why the process ended, with the last line that it wrote."""
        code = self.process.wait()
        if code == -SIGKILL:
            return "the process was killed, as systems do when memory runs out"
        log = self.log.read_text(errors="replace")
        last = log.strip().splitlines()[-1:] or ["no word"]
        ended = Signals(-code).name if code < 0 else f"exit code {code}"
        return f"the process crashed ({ended}): {last[0][:200]}"


class Worker(Process):
    """A process that holds one backend; it does in turn what it is told.

    Args:
        setting: what it builds.
        target: the backend and its engine.
        folder: where it leaves arrays, and its log.
    """

    def __init__(self, setting: Setting, target: Target, folder: Path) -> None:
        self.target = target
        self.folder = folder
        stem = f"{target.backend}-{target.engine}-{setting.dtype}"
        self.stem = f"{stem}-{len(list(folder.iterdir()))}"
        log, env = folder / f"{self.stem}.log", {"TMPDIR": os.fspath(folder)}
        super().__init__("archspec.verify.worker", log, env)
        self._begun: dict[tuple[str, Task], tuple[int, Path]] = {}
        self.use(setting)

    def use(self, setting: Setting) -> None:
        """From now on the process is about another net, or other numbers."""
        facts = {"backend": self.target.backend, "engine": self.target.engine}
        self._setting = json.dumps({"setting": setting.facts(), **facts})
        self.tell(self._setting)

    def expect(self, task: Task) -> None:
        """It begins with a task when it has done what came before."""
        file = self.folder / f"{self.stem}-{self.told}.safetensors"
        if (self._setting, task) not in self._begun:
            number = self.tell(json.dumps({"task": task.facts(), "file": str(file)}))
            self._begun[self._setting, task] = number, file

    def ask(self, task: Task) -> Mapping[str, NDArray[Any]]:
        """The arrays of a task.

        Raises:
            NotAvailable: the framework is missing, or can't compute in this precision,
                or the process has ended.
        """
        self.expect(task)
        number, file = self._begun.pop((self._setting, task))
        error = self.answer(number)["error"]
        if error is not None:
            raise NotAvailable(error)
        return Stored(file)

    def about(self) -> Mapping[str, Any]:
        """What the process said with its last answer; raises NotAvailable."""
        about: Mapping[str, Any] = self.answer(self.told - 1).get("about", {})
        return about

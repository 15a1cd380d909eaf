"""Signals at random moments: the target is the old file or the new one, all else goes.

    python tests/signals.py 200 --seed 1

starts commands that write, each in folders of its own, and sends each SIGTERM, SIGINT
(as a terminal does, to the process and its children) or SIGKILL. Half of the moments
lie in the last quarter of what the command takes. After SIGKILL the same command is run
once more, and to its end, before its folders are looked at. Each moment is a line.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
OLD = "# an older file\n"
PATIENCE = 20.0
"""Seconds that what outlives a command, a worker amid an import, may take to go."""
MARK = "ARCHSPEC_TEST_RUN"
"""In the environment of all that a command starts."""


@dataclass(frozen=True, slots=True)
class Case:
    """A command that writes `target`, if anything, in the folder where it runs.

    There is an `old` one before, which it is told to replace.
    """

    arguments: tuple[str, ...]
    target: str = ""
    whole: Callable[[Path], bool] = lambda path: False
    old: bool = True


class Run(NamedTuple):
    """A command that has been started, and where."""

    process: subprocess.Popen[bytes]
    place: Path
    temporary: Path
    mark: str


def _module(path: Path) -> bool:
    text = path.read_text()
    compile(text, str(path), "exec")
    return text.endswith("return self.fc(x)\n")


def _packed(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return archive.testzip() is None


def _tensors(path: Path) -> bool:
    raw = path.read_bytes()
    end = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:end])
    header.pop("__metadata__", None)
    size: int = max(of["data_offsets"][1] for of in header.values())
    return len(raw) == end + size


def _structure(path: Path) -> bool:
    import onnx

    onnx.checker.check_model(onnx.load(path), full_check=True)
    return True


def _page(path: Path) -> bool:
    return path.read_text().rstrip().endswith("</html>")


def _orbax(path: Path) -> bool:
    return (path / "commit_success.txt").is_file()  # it comes last


NET = ("resnet18", "--input-size", "32")
QUICK = ("verify", "resnet18", "--input-size", "32", "--quick", "--backends")
CASES: Mapping[str, Case] = {
    "codegen": Case(
        ("codegen", *NET, "-b", "torch", "-o", "net.py", "--force"), "net.py", _module
    ),
    "convert": Case(
        (
            *("weights", "convert", "given.keras", "--spec", "resnet18"),
            *("-o", "net.safetensors", "--force"),
        ),
        "net.safetensors",
        _tensors,
    ),
    "build": Case(
        ("build", *NET, "-b", "torch", "--force", "-o", "net.pt2"), "net.pt2", _packed
    ),
    "build_keras": Case(
        ("build", *NET, "-b", "keras", "--force", "-o", "net.keras"),
        "net.keras",
        _packed,
    ),
    "build_onnx": Case(
        ("build", *NET, "-b", "onnx", "--force", "-o", "net.onnx"),
        "net.onnx",
        _structure,
    ),
    "build_flax": Case(
        ("build", *NET, "-b", "flax", "--force", "-o", "net.orbax"),
        "net.orbax",
        _orbax,
        old=False,
    ),
    "draw": Case(("draw", *NET, "--force", "-o", "net.html"), "net.html", _page),
    "verify": Case((*QUICK, "torch")),
}


def started(case: Case, folder: Path, given: Path | None = None) -> Run:
    """The command, in folders that are made as they should be found again."""
    place, temporary = folder / "place", folder / "temporary"
    for path in (place, temporary):
        path.mkdir(exist_ok=True)
    if case.old and case.target and not (place / case.target).exists():
        (place / case.target).write_text(OLD)
    if given is not None and given.exists() and not (place / "given.keras").exists():
        os.link(given, place / "given.keras")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts with &
        signal.signal(signal.SIGINT, signal.default_int_handler)
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    paths = [str(ROOT), str(ROOT / "backends")]
    process = subprocess.Popen(
        [sys.executable, "-m", "archspec", *case.arguments],
        cwd=place,
        env={
            **os.environ,
            MARK: mark,
            "TMPDIR": str(temporary),
            "PYTHONPATH": os.pathsep.join(paths),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    return Run(process, place, temporary, mark)


def interrupted(run: Run, number: int, after: float) -> str:
    """Sends a signal when it is time; what the command said on standard error."""
    while run.process.poll() is None and not _listens(run.process.pid):
        time.sleep(0.001)  # Python starts, whose own answer to Ctrl-C is a traceback
    try:
        _, said = run.process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        # A terminal's Ctrl-C reaches the children, too.
        send = os.killpg if number == signal.SIGINT else os.kill
        send(run.process.pid, number)
        _, said = run.process.communicate()
    return said.decode(errors="replace")


def _listens(process: int) -> bool:
    """Whether a process has a handler of SIGTERM, as Python by itself has none."""
    status = Path(f"/proc/{process}/status").read_text()
    caught = status.partition("SigCgt:")[2].split()[:1]  # none of a zombie
    return bool(caught) and bool(int(caught[0], 16) >> (signal.SIGTERM - 1) & 1)


def alive(mark: str) -> list[int]:
    """The processes that still run of all that a command started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{MARK}={mark}".encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:  # another's, or gone
            continue
    return found


def faults(case: Case, run: Run, number: int, said: str) -> list[str]:
    """What isn't as it should be, now that a command has ended."""
    found: list[str] = []
    if run.process.returncode not in (0, -number):
        found.append(f"exit code {run.process.returncode}: {said[-500:]}")
    elif said and run.process.returncode:
        found.append(f"it says {said[-500:]}")
    until = time.monotonic() + PATIENCE
    while alive(run.mark) and time.monotonic() < until:
        time.sleep(0.05)
    found += [f"process {pid} lives" for pid in alive(run.mark)]
    if case.target:
        found += _target(case, run.place / case.target)
    return found


def _target(case: Case, target: Path) -> list[str]:
    """Whether a file is neither the old one nor a whole new one."""
    try:
        if not target.exists() and not case.old:
            return []
        raw = b"" if target.is_dir() else target.read_bytes()
        if raw == OLD.encode() or case.whole(target):
            return []
        return [f"{target.name} is neither: {raw[:80]!r}"]
    except Exception as error:  # whatever is said of half a file
        return [f"{target.name}: {error!r}"]


def left(case: Case, run: Run) -> list[str]:
    """What is in the folders that wasn't, and isn't the target."""
    own = {case.target, "given.keras"}
    paths = [path for path in run.place.iterdir() if path.name not in own]
    return [f"left: {path}" for path in (*paths, *run.temporary.iterdir())]


def tried(
    case: Case, number: int, after: float, folder: Path, given: Path | None = None
) -> tuple[list[str], bool]:
    """What is wrong after a signal at a moment, and whether it came before the end."""
    run = started(case, folder, given)
    said = interrupted(run, number, after)
    found = faults(case, run, number, said)
    amid = run.process.returncode != 0
    if number == signal.SIGKILL:
        again = started(case, folder, given)
        _, said_then = again.process.communicate()
        found += faults(case, again, 0, said_then.decode(errors="replace"))
    return found + left(case, run), amid


def main(arguments: Sequence[str] | None = None) -> int:
    """Counts, and the faults; 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=CASES, action="append")
    told = parser.parse_args(arguments)
    draw = random.Random(told.seed)
    names = told.only or [*CASES]
    counts: Counter[str] = Counter()
    bad = 0
    with tempfile.TemporaryDirectory() as text:
        given = Path(text) / "given.keras"
        if "convert" in names:
            made = Case(CASES["build_keras"].arguments)
            run = started(made, Path(text))
            run.process.communicate()
            (run.place / "net.keras").rename(given)
        seconds: dict[str, float] = {}
        for name in names:
            start = time.monotonic()
            folder = Path(text) / name
            folder.mkdir()
            started(CASES[name], folder, given).process.communicate()
            seconds[name] = time.monotonic() - start
            print(f"{name}: {seconds[name]:.1f} s", flush=True)
        for step in range(told.count):
            name = names[step % len(names)]
            number = draw.choice([signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
            early = draw.random() < 0.5
            after = seconds[name] * draw.uniform(0 if early else 0.75, 1)
            folder = Path(text) / str(step)
            folder.mkdir()
            found, amid = tried(CASES[name], number, after, folder, given)
            place = (
                f"[{step + 1}/{told.count}] {name} {number.name} after {after:.3f} s"
            )
            ended = "" if amid else ", it had ended"
            print(f"{place}{ended}: {'; '.join(found) or 'fine'}", flush=True)
            bad += len(found)
            counts[f"{name} {number.name}{'' if amid else ' (had ended)'}"] += 1
            shutil.rmtree(folder)
    for name, count in sorted(counts.items()):
        print(f"{count:4} {name}")
    print(f"{bad} faults")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())

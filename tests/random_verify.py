"""Verifies random specs, or random graphs: a report that doesn't pass is a false alarm.

    python tests/random_verify.py 0 1000 --backends torch,keras
    python tests/random_verify.py 0 5000 --graphs --backends keras:jax

Each backend goes through every layer of `archspec verify` by itself, in one process for
all specs. A spec is known by its number; graphs are drawn from the first number on, so
that several processes share the work by taking numbers of their own. Ends with 1 where
one failed; --keep leaves those specs in a folder.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from graphs import specs
from hypothesis import HealthCheck, Phase, given, seed, settings
from random_specs import numbered
from random_specs_text import stored, written

from archspec.errors import ArchspecError
from archspec.opening import load
from archspec.verify.process import Worker
from archspec.verify.run import run
from archspec.verify.setting import Setting
from archspec.verify.target import Target, parse_all

HEAD = "archspec: 1\nname: net\n"
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
"""For JAX: XLA compiles hundreds of programs a spec, each of which runs once."""
FRESH = 200
"""So many specs until a process starts anew: a framework keeps what it compiled."""


class Lasting(Worker):
    """A backend's process that the next spec takes over: closing it does nothing."""

    def close(self) -> None:
        """It stays."""

    def end(self) -> None:
        """Ends the process."""
        super().close()


class Verified:
    """What was verified so far, and what didn't pass."""

    def __init__(self, targets: tuple[Target, ...], folder: Path) -> None:
        self.targets = targets
        self.folder = folder
        self.sessions: dict[Target, Lasting] = {}
        self.counts: Counter[str] = Counter()
        self.failed: list[str] = []

    def start(self, setting: Setting, target: Target, folder: Path) -> Lasting:
        """The process of a target, about another setting."""
        kept = self.sessions.get(target)
        if kept is None or kept.ended():
            place = Path(tempfile.mkdtemp(dir=self.folder))
            kept = self.sessions[target] = Lasting(setting, target, place)
        else:
            kept.use(setting)
        return kept

    def one(self, name: str, text: str) -> None:
        """Verifies the text of a spec, each backend by itself."""
        path = stored(text, self.folder / f"{name}.yaml")
        try:
            load(str(path))
        except ArchspecError:
            self.counts["invalid"] += 1
            return
        self.counts["checked"] += 1
        for target in self.targets:
            report = run(
                Setting(str(path)), (target,), lambda note: None, start=self.start
            )
            rows = report.proof.rows if report.proof else ()
            shaky = all(row.verdict in ("pass", "ill-conditioned") for row in rows)
            if not report.passed and rows and shaky:
                self.counts["ill-conditioned"] += 1
            elif not report.passed:
                self.failed.append(f"{name}\n{text}\n{report.plain()}")
                print(self.failed[-1], flush=True)
        if self.counts["checked"] % FRESH == 0:
            self.close()

    def close(self) -> None:
        """Ends all processes."""
        for session in self.sessions.values():
            session.end()
        self.sessions.clear()


def texts(first: int, count: int, *, graphs: bool) -> Iterator[tuple[str, str]]:
    """The names and texts of specs."""
    if not graphs:
        for number in range(first, first + count):
            yield f"spec{number}", written(numbered(number))
        return
    found: list[str] = []

    @seed(first)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(specs())
    def collect(text: str) -> None:
        found.append(HEAD + text)

    collect()
    yield from ((f"graph{first + n}", text) for n, text in enumerate(found))


def main() -> int:
    """Verifies, and says what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("first", type=int, help="number of the first")
    parser.add_argument("count", type=int, help="how many")
    parser.add_argument("--graphs", action="store_true", help="of every op, no blocks")
    parser.add_argument("--backends", default="torch,keras")
    parser.add_argument("--seconds", type=float, default=1e9, help="the longest time")
    parser.add_argument("--keep", type=Path, help="a folder for what failed")
    args = parser.parse_args()
    os.environ.setdefault("XLA_FLAGS", QUICK)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        verified = Verified(parse_all(args.backends), Path(folder))
        with suppress(KeyboardInterrupt):
            for name, text in texts(args.first, args.count, graphs=args.graphs):
                if time.monotonic() - start > args.seconds:
                    break
                verified.one(name, text)
        verified.close()
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
        for text in verified.failed:
            name = text.partition("\n")[0]
            (args.keep / f"{name}.txt").write_text(text, encoding="utf-8")
    counts = verified.counts
    print(
        f"{counts['checked']} specs on {args.backends}, {counts['invalid']} invalid, "
        f"{counts['ill-conditioned']} ill-conditioned, "
        f"{len(verified.failed)} failed, {time.monotonic() - start:.0f} s"
    )
    return int(bool(verified.failed))


if __name__ == "__main__":
    sys.exit(main())

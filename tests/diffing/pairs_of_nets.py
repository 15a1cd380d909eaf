"""Pairs of nets, each with the report that a reviewer is to read beside it.

A file of `pairs/` has parts that begin with a line `--- a`, `--- b` and `--- report`;
what stands before them says what was done. A part `a` or `b` is a spec, or a net of the
zoo by its name, perhaps with values of params behind it.

`python tests/diffing/pairs_of_nets.py` writes what is reported now into the files, for one to
read: each was read, and the report mended until it was right.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import archspec
from archspec import Spec
from archspec.diffing.report import compare
from archspec.diffing.text import text

PAIRS = Path(__file__).parent / "pairs"
HEAD = "archspec: 1\nname: net\n"


@dataclass(frozen=True)
class Pair:
    """Two nets: what was done, their texts, and the report."""

    path: Path
    what: str
    one: str
    other: str
    report: str

    def specs(self) -> tuple[Spec, Spec]:
        return spec(self.one), spec(self.other)

    def text(self) -> str:
        """The file with what is reported now."""
        found = text(compare(*self.specs()))
        return f"{self.what}--- a\n{self.one}--- b\n{self.other}--- report\n{found}"


def read(path: Path) -> Pair:
    """The pair of a file."""
    what, one, other, report = re.split(
        r"^--- (?:a|b|report)\n", path.read_text(), flags=re.MULTILINE
    )
    return Pair(path, what, one, other, report)


def pairs() -> list[Pair]:
    """All pairs."""
    found = [read(path) for path in sorted(PAIRS.glob("*.txt"))]
    assert found
    return found


def spec(told: str) -> Spec:
    """A net of the zoo, or that of a text."""
    if "\n" not in told.strip():
        name, _, given = told.strip().partition(" ")
        params: dict[str, Any] = yaml.safe_load(given or "{}")
        return archspec.load(name, **params)
    return archspec.loads(told if "archspec: 1" in told else HEAD + told)


if __name__ == "__main__":
    for name in sys.argv[1:] or [path.stem for path in PAIRS.glob("*.txt")]:
        path = PAIRS / f"{name}.txt"
        try:
            path.write_text(read(path).text())
        except Exception as error:
            print(f"{path.name}: {error}")

"""Bad specs that tests share: each with the code and the place of every message.

`language/errors/*.txt` hold cases. A case begins with `## CODE LINE:COLUMN ...`, one for
each message; the lines that follow are the file `net.yaml`, and behind `--- NAME` further
files. What a case lacks of `archspec`, `name` and `inputs` is put before it, and does
not count as lines of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import archspec
from archspec.authoring.lint import warnings
from archspec.authoring.messages import singly
from archspec.errors import ArchspecError

FOLDER = Path(__file__).parent / "language" / "errors"
IMAGE = "inputs: {image: [3, 8, 8]}\n"


class Case(NamedTuple):
    """One bad spec."""

    name: str
    expected: tuple[tuple[str, str], ...]
    files: dict[str, str]


def cases() -> Iterator[Case]:
    for path in sorted(FOLDER.glob("*.txt")):
        parts = re.split(r"^## (.*)\n", path.read_text(), flags=re.MULTILINE)[1:]
        for number, (head, text) in enumerate(
            zip(parts[::2], parts[1::2], strict=True)
        ):
            words = head.split()
            expected = tuple(zip(words[::2], words[1::2], strict=True))
            own, *rest = re.split(r"^--- (\S+)\n", text, flags=re.MULTILINE)
            files = {"net.yaml": own, **dict(zip(rest[::2], rest[1::2], strict=True))}
            yield Case(f"{path.stem}-{number}-{words[0]}", expected, files)


def prelude(name: str, text: str) -> str:
    """What a case lacks of a file's first keys."""
    lines = [f"archspec: 1\nname: {Path(name).stem}\n"]
    if text.startswith("name:"):
        lines = ["archspec: 1\n"]
    if text.startswith("archspec:"):
        lines = []
    inputs = re.search(r"^(inputs|extends):", text, re.MULTILINE)
    return "".join([*lines, *([] if inputs else [IMAGE])])


def found(case: Case, folder: Path) -> list[ArchspecError]:
    for name, text in case.files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(prelude(name, text) + text)
    try:
        spec = archspec.load(folder / "net.yaml")
    except ArchspecError as error:
        return singly(error.errors)
    return [*spec.unexpected(), *warnings(spec)]


def places(case: Case, errors: list[ArchspecError], folder: Path) -> list[str]:
    """Code and place of every error; lines counted as the case is written."""
    made = []
    for error in errors:
        assert error.at is not None
        name = Path(error.at.file).relative_to(folder).as_posix()
        line = error.at.line - prelude(name, case.files[name]).count("\n")
        file = "" if name == "net.yaml" else f"{name}:"
        made.append(f"{error.code} {file}{line}:{error.at.column}")
    return made

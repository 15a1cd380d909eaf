"""The style of printed files, many at once."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from random_specs_checks import Fault

RULES = "E,F,I,UP,B,SIM,C4,RUF"
"""What ruff looks for: archspec's own rules."""
RUFF = (sys.executable, "-m", "ruff")
STYLE = ("--no-cache", "--isolated", "--line-length", "88")
MYPY = (sys.executable, "-m", "mypy", "--no-error-summary")
PROJECT = Path(__file__).parents[1]
LEARNED = PROJECT / ".mypy_cache" / "{}.{}".format(*sys.version_info)
"""What `make test` has just learned of torch, which takes mypy a minute."""
CACHE = PROJECT / ".mypy_cache" / os.environ.get("PYTEST_XDIST_WORKER", "alone")
"""Processes beside each other write into folders of their own."""
Found = Iterator[tuple[str, Fault]]
"""A text and what is wrong with it."""


def lint(texts: Sequence[str]) -> Found:
    """What ruff says of printed files, and which it would lay out in another way."""
    with TemporaryDirectory() as folder:
        names = _written(texts, Path(folder))
        told = _run(*RUFF, "check", "--select", RULES, "--output-format=json", folder)
        for item in json.loads(told or "[]"):
            text = names[Path(item["filename"]).name]
            line = text.splitlines()[item["location"]["row"] - 1].strip()
            kind = f"{backend_of(text)}: lint: {item['code']}"
            yield text, Fault(kind, f"{item['message']}: {line}")
        told = _run(*RUFF, "format", "--diff", folder)
        for part in re.split(r"^--- ", told, flags=re.MULTILINE)[1:]:
            text = names[Path(part.split("\n")[0]).name]
            lines = [line for line in part.splitlines()[2:] if line[:1] in "+-"]
            kind = f"{backend_of(text)}: layout"
            yield text, Fault(kind, "\n".join(lines[:8]))


TYPED: dict[str, tuple[str, ...]] = {
    "torch": (),
    "flax": ("--allow-untyped-calls", "--no-warn-return-any"),
    "onnx": (),
}
"""How strict mypy is with the printed files of those that ship types."""


def strict(kind: str) -> tuple[str, ...]:
    """Options of mypy for what is printed for a backend.

    For torch they are this project's, which are strict: with the same, mypy takes what
    it knows of torch from the project's own check.
    """
    cache = CACHE / kind
    if kind != "torch":
        return (
            "--strict",
            *TYPED.get(kind, ()),
            "--config-file=",
            f"--cache-dir={cache}",
        )
    made = cache / LEARNED.name
    if LEARNED.exists() and not made.exists():
        shutil.copytree(LEARNED, made)
    return (f"--config-file={PROJECT / 'pyproject.toml'}", f"--cache-dir={cache}")


def typed(texts: Sequence[str]) -> Found:
    """What mypy says of printed files."""
    for kind in TYPED:
        yield from _typed(kind, [t for t in texts if backend_of(t) == kind])


def _typed(kind: str, texts: Sequence[str]) -> Found:
    with TemporaryDirectory() as folder:
        names = _written(texts, Path(folder))
        if not names:
            return
        told = _run(*MYPY, *strict(kind), folder)
        for line in told.splitlines():
            path, row, word, message = line.split(":", 3)
            if word.strip() != "error":
                continue
            text = names[Path(path).name]
            code = message[message.rindex("[") :] if message.endswith("]") else ""
            source = text.splitlines()[int(row) - 1].strip()
            yield text, Fault(f"{kind}: types: {code}", f"{message}: {source}")


def backend_of(text: str) -> str:
    """Whose text it is."""
    marks = {
        "keras": "\nimport keras\n",
        "onnx": "\nimport onnx_ir as ir\n",
        "flax": "\nfrom flax import nnx\n",
    }
    return next((name for name, mark in marks.items() if mark in text), "torch")


def _written(texts: Sequence[str], folder: Path) -> dict[str, str]:
    names = {f"n{n}.py": text for n, text in enumerate(texts)}
    for name, text in names.items():
        (folder / name).write_text(text, encoding="utf-8")
    return names


def _run(*command: str) -> str:
    style = STYLE if "ruff" in command else ()
    return subprocess.run([*command, *style], capture_output=True, text=True).stdout

"""The style of printed files, many at once."""

from __future__ import annotations

import json
import os
import re
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
MYPY = (
    sys.executable,
    "-m",
    "mypy",
    "--strict",
    "--config-file=",
    "--no-error-summary",
)
CACHE = (
    Path(__file__).parents[1]
    / ".mypy_cache"
    / f"printed-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
)
"""What mypy knows of torch, which it takes most of its time to learn: all that look at
printed files share it, but for processes beside each other."""
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


def typed(texts: Sequence[str]) -> Found:
    """What mypy says of printed files."""
    for kind, options in TYPED.items():
        yield from _typed(kind, [t for t in texts if backend_of(t) == kind], options)


def _typed(kind: str, texts: Sequence[str], options: tuple[str, ...]) -> Found:
    with TemporaryDirectory() as folder:
        names = _written(texts, Path(folder))
        if not names:
            return
        told = _run(*MYPY, *options, "--cache-dir", str(CACHE), folder)
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

"""What the how-tos show is run, in order, in a folder of its own.

Blocks with a file for a `title` are written, `sh` is run, `python` is executed, and a
`text` block is what the command or the code before it prints.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
import torch
import torchvision
from imported import let_go
from mirror import mirrored
from typer.testing import CliRunner

from archspec.cli.app import application

DOCS = Path(__file__).parent.parent / "docs"
PAGES = [*sorted((DOCS / "howto").glob("*.md")), DOCS / "onnx.md"]
HEAVY = ("keras-weights", "onnx")  # at full size
BLOCK = re.compile(
    r'^```(\w+)(?: title="(\S+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder, and a torchvision that publishes a ResNet-18."""
    (tmp_path / "mirror").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.syspath_prepend(tmp_path / "work")
    torch.manual_seed(0)
    state = torchvision.models.resnet18().state_dict()
    with let_go(tmp_path), mirrored(tmp_path / "mirror", "resnet18", state) as mirror:
        mirror.used(monkeypatch, tmp_path / "cache")
        yield


def said(line: str) -> str:
    """What a command line prints; it has to succeed."""
    words = shlex.split(line, comments=True)
    if words[0] == "archspec":
        result = CliRunner().invoke(application(), words[1:])
        assert result.exit_code == 0, f"{line}\n{result.output}"
        return result.output
    if words[0] == "python":
        words[0] = sys.executable
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            page, id=page.stem, marks=[pytest.mark.proof] * (page.stem in HEAVY)
        )
        for page in PAGES
    ],
)
def test_what_a_page_shows(page: Path, folder: None) -> None:
    names: dict[str, object] = {}
    printed = ""
    blocks = BLOCK.findall(page.read_text())
    assert blocks
    for language, file, text in blocks:
        if file:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).write_text(text)
        elif language == "sh":
            lines = text.replace("\\\n", "").splitlines()
            printed = "".join(said(line) for line in lines)
        elif language == "python":
            said_by = StringIO()
            with redirect_stdout(said_by):
                exec(compile(text, page.name, "exec"), names)
            printed = said_by.getvalue() or printed
        elif language == "text":
            assert text == printed
        else:
            raise AssertionError(f"{page.name}: a block of {language}")

"""What commands do with the streams that shells and services give them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

TITLED = """\
archspec: 1
name: tiny
title: "Größe \\U0001F980"
inputs: {image: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: 2, kernel: 3}
"""


def ran(
    shell: str, folder: Path | None = None, env: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Exit code and output of a line for bash, in which `$A` is archspec."""
    done = subprocess.run(
        [
            "bash",
            "-c",
            shell.replace("$A", f"{shlex.quote(sys.executable)} -m archspec"),
        ],
        cwd=folder,
        env={**os.environ, **(env or {})},
        capture_output=True,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_a_reader_that_goes_away() -> None:
    """The command ends as it would have."""
    code, out, said = ran("$A list | head -3; echo ${PIPESTATUS[0]}")
    assert (code, len(out.splitlines()), said) == (0, 4, "")
    assert out.endswith("\n0\n")
    assert ran("$A explain AS999 2>&1 | true; exit ${PIPESTATUS[0]}")[0] == 1


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("ops >&-", "Bad file descriptor"),
        ("--help >&-", "Bad file descriptor"),
        ("ops > /dev/full", "No space left on device"),
        ("--help > /dev/full", "No space left on device"),
        ("schema > /dev/full", "No space left on device"),
    ],
)
def test_output_that_goes_nowhere(command: str, reason: str) -> None:
    told = f"error: standard output: {reason} [AS190]\n"
    assert ran(f"$A {command}") == (1, "", told)


def test_what_needs_no_output_needs_no_stream(tmp_path: Path) -> None:
    """A file that is opened while standard output is closed doesn't become that."""
    line = "$A codegen resnet18 -b torch -o net.py 0<&- 1>&- 2>&-"
    assert ran(line, tmp_path) == (0, "", "")
    assert (tmp_path / "net.py").read_text().startswith('"""ResNet-18 ')
    assert ran("$A validate nosuch 2>/dev/full") == (1, "", "")


def test_letters_that_an_encoding_lacks(tmp_path: Path) -> None:
    """They are escaped for a person; a file's text is UTF-8 in any case."""
    (tmp_path / "tiny.yaml").write_text(TITLED)
    ascii_ = {"PYTHONIOENCODING": "ascii"}
    code, out, said = ran("$A show tiny.yaml", tmp_path, ascii_)
    assert (code, said) == (0, "")
    assert out.startswith("Gr\\xf6\\xdfe \\U0001f980\n")
    code, out, said = ran("$A show tiny.yaml", tmp_path, {"PYTHONIOENCODING": "utf-8"})
    assert (code, said) == (0, "") and out.startswith("Größe 🦀\n")
    code, out, said = ran("$A show tiny.yaml --resolved", tmp_path, ascii_)
    assert (code, said) == (0, "") and 'title: "Größe 🦀"' in out

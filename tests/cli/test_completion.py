"""Bash splits words at `=` and `:`; what it is answered replaces the last part."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from archspec.cli.completion import joined

ASK = """
archspec() { "$PYTHON" -m archspec "$@"; }
env() { command env "${@:1:$#-1}" "$PYTHON" -m archspec; }  # as the function calls it
eval "$(_ARCHSPEC_COMPLETE=source_bash archspec)"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_archspec_completion archspec
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["show", "--set", "num", "=", "1"], ["show", "--set", "num=1"]),
        (["show", "--set", "num", "="], ["show", "--set", "num="]),
        (["--set", "a", "=", "1", "--set", "b"], ["--set", "a=1", "--set", "b"]),
        (["-b", "keras", ":", "ja"], ["-b", "keras:ja"]),
        (["-b", "keras:ja"], ["-b", "keras:ja"]),
        (["--set", "a", "=", "'x", "=", "y'"], ["--set", "a='x=y'"]),
        (["show", ""], ["show", ""]),
        (["="], ["="]),
    ],
)
def test_words_are_joined(words: list[str], found: list[str]) -> None:
    assert joined(words) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["show", "resnet18", "--set", "num_c"], ["num_classes=", "num_classes=1000"]),
        (["show", "resnet18", "--set", "num_classes", "="], ["1000"]),
        (["show", "resnet18", "--set", "depths", "=", "[2"], ["[2,2,2,2]"]),
        (["build", "resnet18", "-b", "keras", ":", "j"], ["jax"]),
        (["show", "resnet15"], ["resnet152", "resnet152d"]),
        (["bench", "resnet18", "--backends", "onnx,torch", ":", "comp"], ["compile"]),
    ],
)
def test_in_bash(words: list[str], found: list[str]) -> None:
    bash = shutil.which("bash")
    assert bash, "what completes in bash is tried in bash"
    ran = subprocess.run(
        [bash, "--norc", "-c", ASK, "bash", "archspec", *words],
        env={**os.environ, "PYTHON": sys.executable},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.splitlines() == found, ran.stderr

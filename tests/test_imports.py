"""Commands that need no framework import none, and no module imports upwards."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import archspec
import archspec_torch

FRAMEWORKS = ("torch", "torchvision", "keras", "tensorflow", "jax")
HEAVY = (*FRAMEWORKS, "numpy", "jinja2", "safetensors", "archspec_torch")
"""What costs a command time that doesn't need it."""

WATCHED = """
import runpy, sys
sys.argv = ["archspec", *sys.argv[1:]]
try:
    runpy.run_module("archspec", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
print("modules:", *sorted(sys.modules), file=sys.stderr)
"""


def imported(*command: str) -> set[str]:
    """The top-level modules that a command has imported in a process of its own."""
    code = [WATCHED, *command] if command else [WATCHED.replace('run_module("archspec", run_name="__main__")', 'run_module("archspec")')]
    run = subprocess.run(
        [sys.executable, "-c", *code], capture_output=True, text=True, check=True
    )
    last = run.stderr.splitlines()[-1]
    assert last.startswith("modules:")
    return {name.partition(".")[0] for name in last.split()[1:]}

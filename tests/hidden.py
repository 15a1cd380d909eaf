"""Commands where a module is not installed: its finder finds it no more."""

from __future__ import annotations

import subprocess
import sys

CODE = """\
import sys
from importlib.machinery import PathFinder

hidden, found = {hidden!r}, PathFinder.find_spec


def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] == hidden else found(name, path, target)


PathFinder.find_spec = staticmethod(find_spec)
from archspec.cli import main

sys.argv = ["archspec", *{command!r}]
main()
"""


def without(hidden: str, *command: str) -> str:
    """What a command says that fails as it should, in a process of its own."""
    code = CODE.format(hidden=hidden, command=command)
    run = [sys.executable, "-c", code]
    made = subprocess.run(run, capture_output=True, text=True, check=False)
    assert made.returncode == 1, made.stderr
    assert made.stderr.startswith("error: ") and "Traceback" not in made.stderr
    return made.stderr

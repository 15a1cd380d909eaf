"""What printed source says of itself: what it takes, what it defines."""

from __future__ import annotations

import ast
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable

from archspec.graph import Value
from archspec.source.program import Source

Parameters = dict[str, Value]
"""Parameters by name, with their defaults; None where there is none."""


def entry(source: Source) -> Parameters:
    """What the class or the function that makes the model takes."""
    return defined(source)[source.entry]


def defined(source: Source) -> dict[str, Parameters]:
    """What every class (its `__init__`) and every function of a module takes."""
    found: dict[str, Parameters] = {}
    for tree in ast.parse(source.text).body:
        if isinstance(tree, ast.FunctionDef):
            found[tree.name] = _parameters(tree)
        elif isinstance(tree, ast.ClassDef):
            found[tree.name] = {}
            for item in tree.body:
                if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                    found[tree.name] = _parameters(item)
    return found


def _parameters(tree: ast.FunctionDef) -> Parameters:
    args = [*tree.args.posonlyargs, *tree.args.args]
    defaults = [None] * (len(args) - len(tree.args.defaults)) + [*tree.args.defaults]
    pairs = [*zip(args, defaults, strict=True)]
    pairs += zip(tree.args.kwonlyargs, tree.args.kw_defaults, strict=True)
    return {arg.arg: _value(default) for arg, default in pairs if arg.arg != "self"}


def _value(tree: ast.expr | None) -> Value:
    """A default's value, None where it is none that a spec can say."""
    if tree is None:
        return None
    try:
        value: Value = ast.literal_eval(tree)
    except ValueError:
        return None
    return value


SCRIPT = """
import hashlib, sys
from archspec.backend import backend
from archspec.testing.specs import graph_of

name, *texts = sys.argv[1:]
for text in texts:
    print(hashlib.sha256(backend(name).emit(graph_of(text)).text.encode()).hexdigest())
print(*{module.partition(".")[0] for module in sys.modules})
"""


def digest(source: Source) -> str:
    """A hash of the text."""
    return hashlib.sha256(source.text.encode()).hexdigest()


def elsewhere(backend: str, texts: Iterable[str]) -> tuple[list[str], set[str]]:
    """The digests of what a fresh process prints, and the modules that it imported.

    Strings hash in another way there.
    """
    path = os.pathsep.join(filter(None, sys.path))
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, backend, *texts],
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, f"emit fails in a fresh process:\n{run.stderr}"
    *digests, modules = run.stdout.splitlines()
    return digests, {*modules.split()}

"""An op is added to a copy of the tree: each place that is forgotten is found.

With all of them done it is as good as any other op, on every backend.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ops.places import FIRST, PLACES, ROOT

KIND = "softsign"
COPIED = ("archspec", "backends", "docs", "tests/ops", "tests/reference")
CLASS = '''

class Softsign(Activation):
    """x / (1 + |x|)."""

    kind = "softsign"
'''
DEFINITION = '''

def softsign(op: Op, x: Array) -> Array:
    """x / (1 + |x|)."""
    return x / (1 + np.abs(x))
'''


def appended(path: str, text: str) -> Callable[[Path], None]:
    """A step that adds to the end of a file."""

    def step(tree: Path) -> None:
        (tree / path).write_text((tree / path).read_text() + text)

    return step


def beside(path: str, known: str, line: str) -> Callable[[Path], None]:
    """A step that adds a line before the one that starts so, in a table."""

    def step(tree: Path) -> None:
        before, found, after = (tree / path).read_text().partition(f"\n    {known}")
        assert found, f"{path} has no line {known!r}"
        (tree / path).write_text(f"{before}\n    {line}{found}{after}")

    return step


def documented(tree: Path) -> None:
    """What CONTRIBUTING says to run."""
    made = run(tree, "-m", "archspec.authoring.reference")
    (tree / "docs/reference.md").write_text(made)
    run(
        *(tree, "-m", "archspec", "schema", "--force"),
        *("-o", "docs/archspec.schema.json"),
    )


STEPS: dict[str, Callable[[Path], None]] = {
    FIRST: appended("archspec/ops/activation.py", CLASS),
    "archspec/ops/__init__.py": beside(
        "archspec/ops/__init__.py", "activation.Tanh,", "activation.Softsign,"
    ),
    "backends/archspec_torch/lowering.py": beside(
        "backends/archspec_torch/lowering.py",
        '"tanh": ',
        '"softsign": simple("nn.Softsign"),',
    ),
    "backends/archspec_keras/lowering.py": beside(
        "backends/archspec_keras/lowering.py",
        '"relu": ',
        '"softsign": plain("Activation", "softsign"),',
    ),
    "backends/archspec_flax/lowering.py": beside(
        "backends/archspec_flax/lowering.py",
        '"mish": ',
        '"softsign": applied("jax.nn.soft_sign"),',
    ),
    "backends/archspec_onnx/lowering.py": beside(
        "backends/archspec_onnx/lowering.py",
        '"tanh": node',
        '"softsign": node("Softsign"),',
    ),
    "archspec/reference/": appended("archspec/reference/activation.py", DEFINITION),
    "tests/reference/test_definitions.py": beside(
        "tests/reference/test_definitions.py",
        '"tanh": ',
        '"softsign": lambda op, x, w: F.softsign(x[0]),',
    ),
    "docs/": documented,
}
NET = """
archspec: 1
name: net
inputs: {image: [2, 5, 5]}
graph:
  conv: {op: conv2d, channels: 3, kernel: 3}
  act: softsign
"""


def run(tree: Path, *command: str) -> str:
    """What Python prints in the tree."""
    path = [tree, tree / "backends", tree / "tests"]
    made = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))},
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout


def copy(folder: Path) -> Path:
    """The parts of the tree in which an op stands."""
    leave = shutil.ignore_patterns("__pycache__")
    for part in COPIED:
        shutil.copytree(ROOT / part, folder / part, ignore=leave)
    shutil.copy(ROOT / "tests/nets.py", folder / "tests")
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with all the steps done."""
    tree = copy(tmp_path_factory.mktemp("whole"))
    for step in STEPS.values():
        step(tree)
    return tree


def test_each_place_has_a_step() -> None:
    assert list(STEPS) == [FIRST, *PLACES]


def test_a_place_that_is_forgotten_is_found(whole: Path, tmp_path: Path) -> None:
    """The checks name it, and nothing else; where all is done they name nothing."""
    forgotten = [
        ("", ""),
        *((place, path) for place in PLACES for path in files(place)),
    ]
    trees = [tmp_path / str(number) for number in range(len(forgotten))]
    for tree, (_, path) in zip(trees, forgotten, strict=True):
        shutil.copytree(whole, tree, copy_function=os.link)
        if path:
            (tree / path).unlink()
            shutil.copy(ROOT / path, tree / path)
    with ThreadPoolExecutor(2) as pool:
        reports = pool.map(lambda tree: run(tree, "tests/ops/places.py"), trees)
    for (place, path), report in zip(forgotten, reports, strict=True):
        wanted = {p: [KIND] if p == place else [] for p in PLACES}
        assert json.loads(report) == wanted, path


def files(place: str) -> list[str]:
    """The files that a step changes."""
    return {
        "archspec/reference/": ["archspec/reference/activation.py"],
        "docs/": ["docs/reference.md", "docs/archspec.schema.json"],
    }.get(place, [place])


@pytest.mark.proof
def test_with_all_of_them_it_is_an_op(whole: Path) -> None:
    (whole / "net.yaml").write_text(NET)
    assert run(whole, "-m", "archspec", "validate", "net.yaml").startswith(
        "net.yaml: ok"
    )
    page = run(whole, "-m", "archspec", "ops", KIND)
    assert "x / (1 + |x|)" in page
    assert "nn.Softsign()" in page and 'layers.Activation("softsign"' in page
    report = run(
        *(whole, "-m", "archspec", "verify", "net.yaml", "--dtype", "float64"),
        *("--backends", "torch,keras,flax,onnx:reference"),
    )
    assert all(part in report for part in ("outputs in training", "gradients", "pass"))

"""A backend of a stranger: installed, found, used by every command, and conforming."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from archspec.verify.comparison import FORWARD_ONLY

PACKAGE = Path(__file__).with_name("plugin")
ROOT = Path(__file__).parents[1]
LINES = 300
"""A backend that the shared engine prints for is shorter than this, in all."""

NARROW = ("--set", "depths=[1, 2, 1]", "--set", "widths=[4, 6, 8]")

WHOLE = """
from archspec.testing.conformance import Conformance

class TestToy(Conformance):
    backend = "toy"
    lacks = frozenset(("conv_transpose2d",))
    variants = 100
    nets = 1000
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which pip has installed the package, and nothing else is."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--no-index", "--target"),
            *(str(folder), str(PACKAGE)),
        ],
        check=True,
    )
    return folder


def run(site: Path, *command: str, folder: Path | None = None) -> str:
    """What a command says where the package is installed."""
    path = [str(site), str(ROOT), str(ROOT / "backends")]
    made = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        cwd=folder or site,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout


def test_it_is_short() -> None:
    files = [*PACKAGE.rglob("*.py"), PACKAGE / "pyproject.toml"]
    assert sum(len(path.read_text().splitlines()) for path in files) < LINES


def test_it_conforms(site: Path, tmp_path: Path) -> None:
    run(site, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(PACKAGE / "tests"))


@pytest.mark.proof
def test_it_conforms_at_length(site: Path, tmp_path: Path) -> None:
    (tmp_path / "test_whole.py").write_text(WHOLE)
    run(site, "-m", "pytest", "-q", "-p", "no:cacheprovider", ".", folder=tmp_path)


def test_commands_know_it(site: Path, tmp_path: Path) -> None:
    text = run(site, "-m", "archspec", "codegen", "resnet20", "-b", "toy")
    assert "import toynet\n" in text
    assert "class ResNet20ForCIFAR(toynet.Module):" in text
    assert "for _ in range(3):" in text
    command = ("-m", "archspec", "build", "resnet20", "-b", "toy", "-o")
    assert "269,722" in run(site, *command, str(tmp_path / "net.npz"))
    assert "\nin toy:\n" in run(site, "-m", "archspec", "ops", "relu")
    refused = run(site, "-m", "archspec", "ops", "conv_transpose2d")
    assert "toynet has no conv_transpose2d" in refused


@pytest.mark.parametrize(
    "backends", ["torch,toy", pytest.param("toy,torch", marks=pytest.mark.proof)]
)
def test_it_is_verified(site: Path, backends: str) -> None:
    """Forward only: training is a row of its own, and no failure.

    Everything else is shown of each backend by itself, and of both together.
    """
    command = (
        "-m",
        "archspec",
        "verify",
        "resnet20",
        "--dtype",
        "float64",
        "--json",
        *NARROW,
    )
    [report] = json.loads(run(site, *command, "--backends", backends))
    verdicts = {(row["check"], row["target"]): row["verdict"] for row in report["rows"]}
    assert verdicts.pop(("training", "toy")) == FORWARD_ONLY
    forward = [row for row, told in verdicts.items() if told == FORWARD_ONLY]
    assert {target for _, target in forward} == {"toy"}
    assert {*verdicts.values()} == {"pass", FORWARD_ONLY}


def test_the_names_that_it_reserves(site: Path) -> None:
    code = """
import archspec_toy, toynet
names = {name for name in dir(toynet.Sequential) if not name.startswith("_")}
print(names | {"op"} == archspec_toy.RESERVED)
"""
    assert run(site, "-c", code) == "True\n"

"""The wheel, installed where no framework is: lists, validates, prints, refuses."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
Run = Callable[..., subprocess.CompletedProcess[str]]


def needed(name: str, found: set[str]) -> set[str]:
    """The distributions that one needs, itself and all of theirs included."""
    for text in distribution(name).requires or ():
        wanted = Requirement(text)
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            key = canonicalize_name(wanted.name)
            if key not in found:
                found.add(key)
                needed(key, found)
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs the command of a fresh environment that has the core's needs only."""
    folder = tmp_path_factory.mktemp("a wheel")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "-o",
            folder,
            ROOT,
        ],
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    (packages,) = (folder / "env").glob("lib/python*/site-packages")
    for name in needed("archspec-nn", set()):
        for file in distribution(name).files or ():
            top = Path(str(file)).parts[0]
            place = packages / top
            source = Path(str(distribution(name).locate_file(top)))
            if top not in ("..", "__pycache__") and not place.exists():
                place.symlink_to(source)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index"),
            *("--disable-pip-version-check", "--target", packages, wheel),
        ],
        check=True,
        capture_output=True,
    )
    # pip's --target leaves the command out of the environment's own folder.
    python = folder / "env" / "bin" / "python"

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "-P", "-m", "archspec", *arguments],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )

    return call


def test_it_is_the_wheel_without_frameworks(run: Run) -> None:
    found = run("list")
    assert found.returncode == 0, found.stderr
    assert {path.stem for path in ROOT.glob("specs/*.yaml")} == {
        line.split()[0] for line in found.stdout.splitlines()[1:] if line
    }


def test_validates_and_prints(run: Run) -> None:
    found = run("validate", "resnet50")
    assert found.returncode == 0, found.stderr
    for backend, word in (("torch", "nn.Module"), ("keras", "keras.Model")):
        found = run("codegen", "resnet34", "-b", backend)
        assert found.returncode == 0, found.stderr
        assert word in found.stdout


@pytest.mark.parametrize("backend", ["torch", "keras"])
def test_build_says_what_to_install(run: Run, backend: str) -> None:
    found = run("build", "resnet18", "-b", backend)
    assert found.returncode == 1
    assert f'pip install "archspec-nn[{backend}]"' in found.stderr
    assert "Traceback" not in found.stderr

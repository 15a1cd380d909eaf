"""What stands about the project beside its code agrees with it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

import archspec

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())[
    "project"
]


def workflow(name: str) -> dict[str, Any]:
    path = ROOT / ".github" / "workflows" / f"{name}.yml"
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def test_one_version() -> None:
    assert "version" in PROJECT["dynamic"]  # from archspec/__init__.py
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == archspec.__version__
    changes = (ROOT / "CHANGELOG.md").read_text()
    heads = re.findall(r"^## (\S+)", changes, re.MULTILINE)
    assert heads[0] == "Unreleased"
    newest = re.search(r"\b(\d+\.\d+\.\d+)\b", changes)
    assert newest and newest[1] == archspec.__version__


def test_one_licence_and_one_author() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["license"] == PROJECT["license"]
    assert citation["authors"] == PROJECT["authors"]


def test_ci_runs_the_pythons_that_we_name() -> None:
    named = [
        found[1]
        for text in PROJECT["classifiers"]
        if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", text))
    ]
    assert workflow("test")["jobs"]["test"]["strategy"]["matrix"]["python"] == named
    assert PROJECT["requires-python"] == f">={named[0]}"


def test_ci_makes_what_there_is_to_make() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    made = [
        target
        for name in ("test", "proof")
        for job in workflow(name)["jobs"].values()
        for step in job["steps"]
        for target in re.findall(r"make (\w+)", step.get("run", ""))
    ]
    assert {"test", "proof", "docs"} <= {*made} <= targets

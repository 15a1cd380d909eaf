"""The trial's families and presets keep working as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

import archspec

EXAMPLES = sorted((Path(__file__).parent / "examples").glob("**/*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_example(path: Path) -> None:
    assert archspec.load(path).unexpected() == []

"""The page of all ops is current."""

from __future__ import annotations

from pathlib import Path

from archspec.authoring.reference import markdown

HERE = Path(__file__).parents[2]


def test_the_reference_is_current() -> None:
    assert (HERE / "docs" / "reference.md").read_text() == markdown(), (
        "run: python -m archspec.authoring.reference > docs/reference.md"
    )

"""docs/python.md is made of docstrings, and its examples give what they show."""

from __future__ import annotations

import doctest
from pathlib import Path

import archspec
from archspec.authoring.interface import NAMES, markdown

PAGE = Path(__file__).parent.parent.parent / "docs" / "python.md"


def test_the_page_is_up_to_date() -> None:
    told = "run: python -m archspec.authoring.interface > docs/python.md"
    assert PAGE.read_text(encoding="utf-8") == markdown(), told
    assert {*NAMES, "errors"} == {*archspec.__all__}


def test_the_examples() -> None:
    text = PAGE.read_text(encoding="utf-8")
    test = doctest.DocTestParser().get_doctest(
        text.replace("\n```\n", "\n\n"), {"archspec": archspec}, "python.md", None, 0
    )
    assert len(test.examples) >= 15
    said: list[str] = []
    failed, _ = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert not failed, "".join(said)

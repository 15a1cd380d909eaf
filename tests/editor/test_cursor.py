"""What is under the cursor, also in a text that is no YAML yet."""

from __future__ import annotations

import pytest
from opened import opened

from archspec.editor.cursor import Spot, spot


def found(text: str) -> Spot | None:
    document, line, column = opened(text)
    return spot(document.text, line, column)


@pytest.mark.parametrize(
    ("text", "path", "is_key", "before", "whole"),
    [
        ("graph:\n  a: {op: re|lu}\n", "graph a op", False, "re", "relu"),
        ("graph:\n  a: {op: relu, fr|om: b}\n", "graph a from", True, "fr", "from"),
        ("graph:\n  a: {op: relu, |}\n", "graph a ", True, "", ""),
        ("graph:\n  a: {op: relu, |\n", "graph a ", True, "", ""),
        ("graph:\n  a: {op: relu, |\n  b: relu\n", "graph a ", True, "", ""),
        ("graph:\n  a: {op: |\n  b: relu\n", "graph a op", False, "", ""),
        ("graph:\n  a: {from: [b, |\n  b: relu\n", "graph a from 1", False, "", ""),
        ("graph:\n  a:\n    op: x\n    k|\n", "graph a k", True, "k", "k"),
        ("graph:\n  a:\n    op: x\n    |\n  b: y\n", "graph a ", True, "", ""),
        ("graph:\n  a:\n    |\n", "graph a", False, "", ""),
        ("graph:\n  - |\n", "graph 0", False, "", ""),
        ('a: "=max(b, |\n', "a", False, "=max(b, ", "=max(b, "),
        ('a: {b: "=c|\n', "a b", False, "=c", "=c"),
        ("|", "", True, "", ""),
        ("a: 1\n|\nb: 2\n", "", True, "", ""),
        ("a: {b: c\nd: |\n", "d", False, "", ""),
        ("x:\n  a: {b: \n  d: e|\n", "x d", False, "e", "e"),
        ("x:\n  a: {b: c,\n   |\n  d: e\n", "x a ", True, "", ""),
        ("a: |\nb: {c\nd: e\n", "a", False, "", ""),
        ("a: b|\r\nc: d\r\n", "a", False, "b", "b"),
    ],
)
def test_a_spot(text: str, path: str, is_key: bool, before: str, whole: str) -> None:
    here = found(text if text != "|" else "a: 1\n|")
    assert here is not None
    steps = [str(step) for step in here.path]
    assert steps == (path.split(" ") if path else [""])
    assert (here.is_key, here.before, here.whole) == (is_key, before, whole)


@pytest.mark.parametrize("text", ["a: b # c|\n", "# |\n", "a: >-\n  text\n  te|xt\n"])
def test_no_spot(text: str) -> None:
    assert found(text) is None


def test_what_is_behind_is_read_too() -> None:
    here = found("graph:\n  a: {op: relu, |\n  b: relu\nouts: {x: y\nz: 1\n")
    assert here is not None
    assert here.raw["graph"] == {"a": {"op": "relu"}, "b": "relu"}
    assert here.raw["z"] == 1


def test_a_place_outside_of_the_text() -> None:
    assert spot("a: 1\n", 9, 1) is None and spot("a: 1\n", 0, 1) is None
    assert spot("a: 1\n", 1, 99) is not None

"""Formulas against Python's own arithmetic, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.errors import SpecError
from archspec.language.formula import evaluate

LOOKUP: dict[str, Any] = {"a": 3, "depths": (3, 4, 6, 3), "input.channels": 64}

numbers = st.integers(0, 99).map(str) | st.floats(0, 9, width=16).map(str)
texts = st.recursive(
    numbers,
    lambda inner: st.tuples(
        inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner
    ).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
    max_leaves=6,
)


@settings(deadline=None)  # a busy machine is no failure
@given(texts)
def test_arithmetic_is_pythons(text: str) -> None:
    try:
        expected = eval(text)
    except ZeroDivisionError:
        with pytest.raises(SpecError):
            evaluate(text, {})
        return
    assert evaluate(text, {}) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 if a > 2 and not a == 4 else 1", 2),
        ("depths[-1] + len(depths[1:])", 6),
        ("input.channels * 2 ** a", 512),
        ("[a, 1]", (3, 1)),
        ("false or 1 < a <= 3", True),
        ("a in [1, 3]", True),
        ("'x' if true else 'y'", "x"),
        ("sum(range(4))", 6),
    ],
)
def test_values(text: str, value: Any) -> None:
    assert evaluate(text, LOOKUP) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("b", "isn't known here .*quotes"),
        ("depth[0]", "did you mean 'depths'"),
        ("depths[7]", "no item 7 in a list of 4"),
        ("9 ** 9 ** 9", "too large"),
        ("'a' * 9", "expected a number"),
        ("1 / 0", "division by zero"),
        ("a.__class__", "isn't known here"),
        ("open('x')", "can.t stand .*allowed are"),
        ("[x for x in depths]", "can.t stand in a formula"),
        ("lambda: 1", "can.t stand in a formula"),
        ("max(1,", "not complete"),
        ("(" * 10_000, "at most"),
        ("-" * 199 + "1", "at most"),
        ("range(10 ** 9)", "at most 100000 items"),
        ("2 ** 54", r"beyond 2 \*\* 53"),
        ("a and 1", "expected a condition"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        evaluate(text, LOOKUP)

"""Formulas against Python's own arithmetic, and what they refuse."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spelled import spoken

from archspec.errors import LimitError, SpecError
from archspec.language.formula import (
    computed,
    evaluate,
    inspected,
    is_a,
    names,
    parse,
    subscripts,
)
from archspec.limits import Budget, Limits

LOOKUP: dict[str, Any] = {
    "a": 3,
    "t": True,
    "f": False,
    "s": "relu",
    "x": 2.5,
    "depths": (3, 4, 6, 3),
    "input.channels": 64,
}

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
        ("2 if a > 2 and a == 4 else 1", 1),
        ("depths[-1] + len(depths[1:])", 6),
        ("depths[-4]", 3),
        ("depths[3]", 3),
        ("depths[:-1]", (3, 4, 6)),
        ("depths[::2]", (3, 6)),
        ("input.channels * 2 ** a", 512),
        ("[a, 1]", (3, 1)),
        ("[]", ()),
        ("false or 1 < a <= 3", True),
        ("true and f", False),
        ("t or f", True),
        ("f or f", False),
        ("f and 1 / 0 == 1", False),  # what is not asked is not computed
        ("t or 1 / 0 == 1", True),
        ("not f", True),
        ("1 < 2 < 2", False),
        ("2 <= 2", True),
        ("2 >= 3", False),
        ("3 > 3", False),
        ("3 != 3", False),
        ("a in [1, 3]", True),
        ("a in [1, 2]", False),
        ("a not in [1, 3]", False),
        ("'x' if true else 'y'", "x"),
        ("true", True),
        ("false", False),
        ("none", None),
        ("null", None),
        ("s == 'relu'", True),
        ("-a", -3),
        ("-a ** 2", -9),
        ("(-a) ** 2", 9),
        ("2 ** 52 // 2 ** 51", 2),
        ("7 % 4", 3),
        ("7 / 2", 3.5),
        ("(-7) // 2", -4),
        ("sum(range(4))", 6),
        ("range(2, 8, 3)", (2, 5)),
        ("min(a, 2)", 2),
        ("max(depths)", 6),
        ("round(x)", 2),
        ("round(2.675, 1)", 2.7),
        ("round(15, -1)", 20),
        ("abs(-x)", 2.5),
        ("int(-x)", -2),
        ("len('abc')", 3),
    ],
)
def test_values(text: str, value: Any) -> None:
    found = evaluate(text, LOOKUP)
    assert found == value and type(found) is type(value)
    assert computed(parse(text), LOOKUP) == value


ALLOWED = (
    "(allowed are numbers, strings, lists, + - * / // % **, comparisons, and or not, "
    "a if c else b, indexing, and the functions min max len sum round abs int range)"
)
KNOWN = "known are a, t, f, s, x, depths, input.channels"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "b",
            "AS301 a formula names 'b', which isn't known here "
            f"({KNOWN}; a string stands in quotes)",
        ),
        (
            "depth[0]",
            "AS301 a formula names 'depth', which isn't known here (did you mean "
            "'depths'?)",
        ),
        (
            "q.r",
            f"AS301 a formula names 'q.r', which isn't known here ({KNOWN})",
        ),
        (
            "input.height",
            "AS301 a formula names 'input.height', which isn't known here (input is a "
            "vector, it has input.channels)",
        ),
        (
            "q.height",
            f"AS301 a formula names 'q.height', which isn't known here ({KNOWN})",
        ),
        (
            "input.heigth",
            "AS301 a formula names 'input.heigth', which isn't known here (did you "
            "mean 'input.channels'?)",
        ),
        (
            "index",
            "AS301 a formula names 'index', which isn't known here (a repeated node "
            "has one, if it has no other name; a block's is its own)",
        ),
        ("depths[4]", "AS303 there is no item 4 in a list of 4"),
        ("depths[-5]", "AS303 there is no item -5 in a list of 4"),
        ("depths[x]", "AS303 the formula 'depths[x]' fails: tuple indices must be "
         "integers or slices, not float"),
        ("depths['a']", "AS303 expected a number, found 'a'"),
        ("s[0]", "AS303 expected a list, found 'relu'"),
        ("9 ** 9 ** 9", "AS304 the power 9 ** 387420489 is too large"),
        ("2 ** 65", "AS304 the power 2 ** 65 is too large"),
        ("2 ** -65", "AS304 the power 2 ** -65 is too large"),
        ("'a' * 9", "AS303 expected a number, found 'a'"),
        ("9 * 'a'", "AS303 expected a number, found 'a'"),
        ("t + 1", "AS303 expected a number, found true"),
        ("[1] + [2]", "AS303 expected a number, found [1]"),
        ("-t", "AS303 expected a number, found true"),
        ("1 / 0", "AS303 the formula '1 / 0' fails: division by zero"),
        ("1 < 'a'", "AS303 the formula \"1 < 'a'\" fails: '<' not supported between "
         "instances of 'int' and 'str'"),
        ("abs('a')", "AS303 expected a number, found 'a'"),
        ("int('9')", "AS303 expected a number, found '9'"),
        ("round('9')", "AS303 expected a number, found '9'"),
        ("round(1.5, 21)", "AS304 round takes -20 to 20 digits, found 21"),
        ("round(1.5, -21)", "AS304 round takes -20 to 20 digits, found -21"),
        (
            "a.__class__",
            f"AS301 a formula names 'a.__class__', which isn't known here ({KNOWN})",
        ),
        ("a.b.c", f"AS302 'a.b.c' can't stand in a formula {ALLOWED}"),
        ("open('x')", f"AS302 \"open('x')\" can't stand in a formula {ALLOWED}"),
        ("1 + min(a, key=a)", f"AS302 'min(a, key=a)' can't stand in a formula {ALLOWED}"),
        ("a.min(1)", f"AS302 'a.min(1)' can't stand in a formula {ALLOWED}"),
        ("[y for y in depths]", f"AS302 '[y for y in depths]' can't stand in a formula "
         f"{ALLOWED}"),
        ("1 + ~a", f"AS302 '~a' can't stand in a formula {ALLOWED}"),
        ("a << 1", f"AS302 'a << 1' can't stand in a formula {ALLOWED}"),
        ("a is 1", f"AS302 'a is 1' can't stand in a formula {ALLOWED}"),
        ("b'x'", f"AS302 \"b'x'\" can't stand in a formula {ALLOWED}"),
        ("1j", f"AS302 '1j' can't stand in a formula {ALLOWED}"),
        ("max(1,", "AS302 the formula 'max(1,' is not complete: '(' was never closed"),
        ("2 ** 53 + 1", "AS303 the result is an integer beyond 2 ** 53"),
        ("-2 ** 53 - 1", "AS303 the result is an integer beyond 2 ** 53"),
        ("(-8) ** 0.5", "AS303 the result is a complex number"),
        ("1e308 * 10", "AS303 the result is not a finite number"),
        ("a and t", "AS303 expected a condition, found 3"),
        ("t and 1", "AS303 expected a condition, found 1"),
        ("not 1", "AS303 expected a condition, found 1"),
        ("1 if a else 2", "AS303 expected a condition, found 3"),
        ("range(2 ** 53)", "AS304 a list holds at most 20000 items (ARCHSPEC_LIMITS="
         "list_length=200000 would allow ten times as much)"),
        ("range(20001)", "AS304 a list holds at most 20000 items (ARCHSPEC_LIMITS="
         "list_length=200000 would allow ten times as much)"),
    ],
)  # fmt: skip
def test_refused(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        evaluate(text, LOOKUP)
    assert spoken(caught.value) == message


def test_bounds_that_are_just_kept() -> None:
    assert evaluate("2 ** 53", {}) == 2**53
    assert evaluate("-2 ** 53", {}) == -(2**53)
    assert evaluate("(-1) ** 99", {}) == -1
    assert evaluate("2.0 ** 65", {}) == evaluate("2 ** 65.0", {}) == 2.0**65
    assert evaluate("2 ** -64", {}) == 2**-64
    assert evaluate("round(1.5, 20)", {}) == 1.5
    assert evaluate("round(1.5, -20)", {}) == 0
    assert len(evaluate("range(20000)", {})) == 20_000  # type: ignore[arg-type]  # it is a list
    assert parse("1" + "+1" * 49 + " " * 901) is not None


def test_how_long_and_how_deep() -> None:
    with pytest.raises(LimitError) as caught:
        parse("1" * 1001)
    assert spoken(caught.value) == (
        "AS304 a formula has at most 1000 characters, found 1001"
    )
    assert evaluate("-" * 98 + "1", {}) == 1
    assert parse("-" * 99 + "1")
    with pytest.raises(LimitError) as caught:
        parse("-" * 100 + "1")
    assert spoken(caught.value) == "AS304 a formula nests at most 100 deep"
    with pytest.raises(SpecError, match="is not complete"):
        parse("(" * 900)


def test_warnings_of_python_are_none_of_ours() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert evaluate(r"'\d'", {}) == r"\d"


def test_what_part_of_a_formula_is_meant() -> None:
    for text, part in (
        ("a + bb", (4, 2)),
        ("1 + depths[9]", (4, 9)),
        ("a and (1 if t else 2)", (0, 1)),
        ("1 + ~a", (4, 2)),
    ):
        with pytest.raises(SpecError) as caught:
            evaluate(text, LOOKUP)
        assert caught.value.part == part
    with pytest.raises(SpecError) as caught:
        computed(ast.Name("bb"), LOOKUP)
    assert caught.value.part is None
    with pytest.raises(
        SpecError, match=r"^an expression fails: division by zero \[AS303\]$"
    ):
        computed(parse("1 / 0"), {})


def test_what_is_wrong_whatever_names_stand_for() -> None:
    def which() -> SpecError:
        return SpecError("which?", code="AS320")

    def found(
        text: str, index: Callable[[], SpecError | None] = lambda: None
    ) -> list[str]:
        return [spoken(error) for error in inspected(text, LOOKUP, index)]

    assert found("a + depths[a] + none + max(a, 1)") == []
    assert found("a +") == ["AS302 the formula 'a +' is not complete: invalid syntax"]
    faults = found("q if r else index")
    assert [fault[:24] for fault in sorted(faults)] == [
        *("AS301 a formula names 'i", "AS301 a formula names 'q"),
        "AS301 a formula names 'r",
    ]
    assert found("index + a", which) == ["AS320 which?"]
    assert found("a", which) == []
    (error,) = inspected("1 + bb", LOOKUP)
    assert error.part == (4, 2)
    (error,) = inspected("1 + index", LOOKUP, which)
    assert error.part == (4, 5)
    many = {f"name{n}": n for n in range(30)}
    (error,) = inspected("zz", many)
    assert error.hint is not None and error.hint.count("name") == 20
    (error,) = inspected("zz", {})
    assert error.hint == "known are nothing; a string stands in quotes"


def test_which_names_a_formula_reads() -> None:
    assert names("max(a, b.channels) + [c][d] if e else 'f'") == {
        *("a", "b.channels", "c", "d", "e"),
    }
    assert subscripts("a[b + c[d]] + e[1:f]") == {"b", "c", "d", "f"}
    assert subscripts("a + max(b)") == frozenset()


@pytest.mark.parametrize(
    ("value", "types", "result"),
    [
        (1, (int,), True),
        (True, (int,), False),
        (True, (int, bool), True),
        (1.5, (int,), False),
        ("a", (str,), True),
    ],
)
def test_true_is_no_number(value: Any, types: Any, result: bool) -> None:
    assert is_a(value, types) is result


def test_what_formulas_cost() -> None:
    def cost(text: str, **lookup: Any) -> int:
        budget = Budget(Limits(work=1000))
        evaluate(text, lookup, budget)
        return 1000 - budget.left - len(text)

    items = tuple(range(50))
    assert cost("1 + 2") == 0
    assert cost("a", a=items) == 0
    assert cost("len(a)", a=items) == 50
    assert cost("range(7)") == 7
    assert cost("[a, 1]", a=items) == 52
    assert cost("a[1:3]", a=items) == 50
    assert cost("a[1]", a=items) == 0
    assert cost("a == a", a=items) == 100
    assert cost("'abc' == 'd'") == 4
    with pytest.raises(LimitError) as caught:
        cost(" + ".join(["len(a)"] * 20), a=items)
    assert spoken(caught.value) == (
        "AS322 expanding the net takes more than 1000 units of work (ARCHSPEC_LIMITS="
        "work=10000 would allow ten times as much)"
    )


def test_a_formula_of_no_spec_may_cost_what_is_usual() -> None:
    with pytest.raises(LimitError, match="10000000 units"):
        evaluate("==".join(["a"] * 300), {"a": (0,) * 20_000})

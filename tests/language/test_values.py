"""Values of a spec: constants, formulas, lists of both, with the params behind them."""

from __future__ import annotations

from typing import Any

import pytest
from spelled import spoken

from archspec.errors import Location, SpecError
from archspec.language.reader import parse
from archspec.language.values import (
    CLEAN,
    Known,
    Variables,
    formula_place,
    formulas,
    frozen,
    has_formula,
    inside,
    is_formula,
    known,
)
from archspec.limits import Budget, Limits

AT = Location("net.yaml", 1, 4, inner=0)
N, M = frozenset("n"), frozenset("m")


def variables(**values: Any) -> Variables:
    made = Variables(Budget(Limits()))
    for name, value in values.items():
        made.set(name, value, frozenset(name))
    return made


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (3, Known(3)),
        (None, Known(None)),
        ("n", Known("n")),
        ([1, [2]], Known((1, (2,)))),
        ({"a": [1]}, Known({"a": (1,)})),  # type: ignore[arg-type]
        ("=n + 1", Known(3, "n + 1", N)),
        ("= n ", Known(2, "n", N)),
        ("=1", Known(1, "1", CLEAN)),
        (["=n", 4, "=m"], Known((2, 4, 5), "[n, 4, m]", N | M)),
        (["=n", "a"], Known((2, "a"), "[n, 'a']", N)),
        ([["=n"], 1], Known(((2,), 1), "[[n], 1]", N)),
        (["=n", [{"a": 1}]], Known((2, ({"a": 1},)), None, N)),  # type: ignore[arg-type]
        ({"a": "=n", "b": {"c": ["=m"]}}, Known({"a": 2, "b": {"c": (5,)}}, None, N | M)),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_what_a_raw_value_comes_to(raw: Any, found: Known) -> None:
    assert known(raw, variables(n=2, m=5), AT) == found


def test_a_value_of_another_type() -> None:
    given = variables(n=2)
    assert known("=n", given, AT, "it is a number", (int,)).value == 2
    assert known("=n", given, AT, "it is anything").value == 2
    with pytest.raises(SpecError) as caught:
        known("=n == 2", given, AT, "it is a number", (int, str))
    assert spoken(caught.value) == "AS305 1:4 it is a number, found true"


def test_where_a_formula_fails() -> None:
    tree = parse("a: [1, {b: ' =1 / 0', c: '=1 + zz'}]\nd: =1 / 0\n", "net.yaml")
    for raw, place in ((tree["a"], "1:32"), (tree["d"], "2:4")):
        at = inside(tree, "a" if raw is tree["a"] else "d", AT)
        with pytest.raises(SpecError) as caught:
            known(raw, variables(), at)
        assert str(caught.value.at) == f"net.yaml:{place}"


def test_the_part_of_a_formula_that_fails() -> None:
    error = SpecError("no")
    at = Location("net.yaml", 3, 10, inner=1)
    assert formula_place("=  a + b", at, error) == at
    error.part = (4, 2)
    found = formula_place("=  a + bb", at, error)
    assert (found.line, found.column, found.length) == (3, 10 + 1 + 3 + 4, 2)
    folded = Location("net.yaml", 3, 10)
    assert formula_place("=a + bb", folded, error) == folded


def test_what_is_a_formula_and_what_holds_one() -> None:
    assert is_formula("=a") and not is_formula("a=") and not is_formula(["=a"])
    raw: Any
    for raw in ("=a", ["=a"], [[1, "=a"]], {"x": {"y": "=a"}}, (1, "=a")):
        assert has_formula(raw)
    for raw in ("a", 1, None, [], ["a", {"=x": 1}]):
        assert not has_formula(raw)


def test_every_formula_with_its_place() -> None:
    tree = parse("a: [=x, {b: =y}, z]\n", "net.yaml")
    found = [(text, at.column) for text, at in formulas(tree["a"], AT)]
    assert found == [("=x", 5), ("=y", 13)]
    assert list(formulas(("=x", ["=y"]), AT)) == [("=x", AT), ("=y", AT)]


def test_frozen() -> None:
    assert frozen([1, [2, {"a": [3]}], (4, [5])]) == (1, (2, {"a": (3,)}), (4, (5,)))
    assert frozen("a") == "a"


def test_variables_of_a_child_are_its_own() -> None:
    outer = variables(n=2)
    inner = outer.child()
    inner.set("n", 3)
    inner.set("m", 4, M)
    assert (outer.values, outer.taints) == ({"n": 2}, {"n": N})
    assert (inner.values, inner.taints) == ({"n": 3, "m": 4}, {"n": CLEAN, "m": M})
    assert inner.budget is outer.budget
    assert inner.taint(("n", "m", "other")) == M
    assert outer.taint(("n", "m")) == N


def test_sizes_of_an_input() -> None:
    made = variables()
    made.set_input("x", (3, 4, 5), (N, M))
    assert made.values == {"x.channels": 3, "x.height": 4, "x.width": 5}
    assert made.taints == {"x.channels": N, "x.height": M, "x.width": M}
    made.set_input("y", (7,), (CLEAN, CLEAN))
    made.set_input("x", (9,), (M, CLEAN))
    assert made.values == {"x.channels": 9, "y.channels": 7}
    assert made.taints["x.channels"] == M

"""archspec.source.expr: expressions of printed code, what they say and what they give."""

from __future__ import annotations

import ast
from random import Random
from typing import Any

import pytest
from random_formulas import Drawing, check, laid_out

from archspec.errors import SpecError
from archspec.graph import Value
from archspec.source.expr import (
    Arg,
    Expr,
    choice,
    equal,
    four_parts,
    item,
    kept_from_first,
    kind_of,
    named,
    names_of,
    of_length,
    opposite,
    over_turns,
    over_zero,
    put,
    rebuilt,
    settled,
    translated,
    tree_of,
    two_parts,
    value_of,
    where,
    without_term,
)

KINDS = {"x": "int", "y": "int", "r": "float", "p": "bool", "s": "str", "l": "list"}
X, Y, R, P, L = (named(name, KINDS[name]) for name in "xyrpl")
U = named("u")


def expr(text: str) -> Arg:
    return translated(text, lambda name: named(name, KINDS.get(name, "")))


def code(arg: Arg) -> str:
    return arg.code() if isinstance(arg, Expr) else repr(arg)


def test_a_name() -> None:
    assert (X.text, X.code(), X.kind, X.names()) == ("x", "x", "int", frozenset("x"))
    assert X.is_name() and not (X + Y).is_name()  # type: ignore[union-attr]
    assert U.kind == "" and named("a").kinds == (("a", ""),)
    assert named("x", "int") == X != named("x", "float")
    assert hash(named("x", "int")) == hash(X) and repr(X) == "Expr(text='x')"


def test_sizes() -> None:
    sizes = {"x": 1, "x * 2": 3, "max(x, long_name)": 4, "[x, 2][y]": 5, "-x": 2}
    for text, size in sizes.items():
        found = expr(text)
        assert isinstance(found, Expr) and found.size() == size


def test_values() -> None:
    both = expr("x * 2 + y")
    assert value_of(both, {"x": 3, "y": 4}) == 10
    assert value_of(7, {}) == 7
    with pytest.raises(SpecError, match="'y'"):
        value_of(both, {"x": 3})
    with pytest.raises(SpecError, match=r"an expression fails: .*zero"):
        value_of(expr("x // y"), {"x": 1, "y": 0})
    assert names_of(both) == {"x", "y"} and names_of(7) == frozenset()
    assert names_of(expr("max(x, 2)")) == {"x"}
    assert names_of(expr("max(max, 2)")) == {"max"}


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (X + Y, "x + y"),
        (X + 2, "x + 2"),
        (2 + X, "2 + x"),
        (X - Y, "x - y"),
        (2 - X, "2 - x"),
        (X * 4, "x * 4"),
        (4 * X, "4 * x"),
        (X * 4 // 2, "x * 2"),  # type: ignore[operator]
        (X // Y, "x // y"),
        (R * 32 // 8 * 8, "r * 32 // 8 * 8"),  # type: ignore[operator]
        ((X + Y) * 2, "(x + y) * 2"),  # type: ignore[operator]
        (X - (Y + 2), "x - (y + 2)"),
        (X + -2, "x + -2"),
        (choice(X, P, Y), "x if p else y"),
        (choice(2, P, X), "2 if p else x"),
        (choice(2, True, X), "2"),
        (choice(choice(1, P, 2), equal(X, 1), 3), "(1 if p else 2) if x == 1 else 3"),
        (item(L, X), "l[x]"),
        (item((1, 2), X), "(1, 2)[x]"),
        (item([1, Y], X), "(1, y)[x]"),
        (item((1, 2), 1), "2"),
        (item(((1, 2), (3,)), X), "((1, 2), (3,))[x]"),
        (equal(X, 2), "x == 2"),
        (equal(2, 2), "True"),
        (equal(named("null", "int"), 1), "null == 1"),
        (over_zero(X), "x > 0"),
        (over_zero(2), "True"),
        (over_zero(0), "False"),
    ],
)
def test_made_of_others(made: Arg, text: str) -> None:
    assert code(made) == text


def test_the_kinds_of_names_are_kept() -> None:
    assert expr("x + r * 2 if p else y").kinds == (  # type: ignore[union-attr]
        ("p", "bool"),
        ("r", "float"),
        ("x", "int"),
        ("y", "int"),
    )
    assert item([X, Y], P).kinds == (("p", "bool"), ("x", "int"), ("y", "int"))  # type: ignore[union-attr]
    assert choice(X, P, Y).kind == equal(X, Y).kind.replace("bool", "int") == "int"  # type: ignore[union-attr]
    assert (X * R).kind == "float" and expr("x // y").kind == ""  # type: ignore[union-attr]


def test_whole() -> None:
    def whole(text: str, name: str = "") -> bool:
        found = expr(text)
        assert isinstance(found, Expr)
        return found.whole(name)

    assert whole("x // y") and not whole("x / y") and not whole("r")
    assert not whole("u * 2") and whole("u * 2", "u") and not whole("u * v", "u")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], "int"),
        ([1, 2.0], "float"),
        ([2.0], "float"),
        ([True], "bool"),
        ([True, 1], ""),
        (["a", "b"], "str"),
        ([(1,), ()], "list"),
        ([None], ""),
        ([None, 1], ""),
        ([], ""),
        ([1, 2.0, "a"], ""),
    ],
)
def test_the_kind_of_values(values: list[Value], kind: str) -> None:
    assert kind_of(values) == kind


@pytest.mark.parametrize(
    ("text", "turns", "found"),
    [
        ("[4, 4][i]", 2, "4"),
        ("[4, 4, 5][i]", 2, "4"),
        ("[4, 5][i]", 2, "(4, 5)[i]"),
        ("x + [4, 4][i] * i", 2, "x + 4 * i"),
        ("x if [2, 3][i] > 0 else y", 2, "x"),
        ("x if [2, 0][i] > 0 else y", 2, "x if (2, 0)[i] > 0 else y"),
        ("max([2, 3][i], 4)", 2, "4"),
        ("[4, 4][i]", 3, "(4, 4)[i]"),
        ("x + y", 2, "x + y"),
        ("i", 1, "0"),
        ("i + x", 2, "i + x"),
    ],
)
def test_what_is_equal_in_all_turns(text: str, turns: int, found: str) -> None:
    assert code(over_turns(expr(text), "i", turns)) == found
    assert over_turns(3, "i", turns) == 3


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x + y + 4", "y + 4"),
        ("y + x", "y"),
        ("4 + x", "4"),
        ("x + y * 2 + 3", "y * 2 + 3"),
        ("x + (y + 3)", "y + 3"),
        ("x", "0"),
        ("x + y + x", None),
        ("x * 2", None),
        ("x - y", None),
        ("y + 4", None),
        ("x + x * y", None),
        ("x + r", None),
        ("x + u", None),
    ],
)
def test_what_a_sum_adds_to_a_name(text: str, found: str | None) -> None:
    rest = without_term(expr(text), "x")
    assert (None if rest is None else code(rest)) == found
    assert without_term(4, "x") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("len(l) * 2", "6"),
        ("max(len(l), x)", "max(3, x)"),
        ("max(x, len(l))", "max(x, 3)"),
        ("max(l[0], len(l))", "max(l[0], 3)"),
        ("x * 2", "x * 2"),
        ("l[x]", "l[x]"),
        ("len(l) * len(other)", "3 * len(other)"),
        ("len([l, x]) * y", "len((l, x)) * y"),
    ],
)
def test_lists_of_a_known_length(text: str, found: str) -> None:
    assert code(of_length(expr(text), {"l": 3})) == found
    assert of_length(4, {"l": 3}) == 4


@pytest.mark.parametrize(
    ("text", "counts", "found"),
    [
        ("n if n > 0 else 8", (1, 2), "n"),
        ("n if n > 0 else 8", (0, -1), "8"),
        ("n if n > 0 else 8", (0, 2), "n if n > 0 else 8"),
        ("n if n > x else 8", (5, 6), "n if n > x else 8"),
        ("8 if x > 0 else y", (5, 6), "8 if x > 0 else y"),
        ("n if max(n, 1) > 0 else 8", (1, 2), "n"),
        ("(n if n > 0 else 8) if p else 3", (1, 2), "n if p else 3"),
        ("3 if p else n if n > 0 else 8", (1, 2), "3 if p else n"),
        ("(x if n > 1 else y) if n > 0 else 8", (1, 1), "y"),
    ],
)
def test_choices_that_are_one_in_all_environments(
    text: str, counts: tuple[int, int], found: str
) -> None:
    envs: list[dict[str, Value]] = [{"n": n, "x": 1, "y": 2, "p": True} for n in counts]
    assert code(settled(expr(text), {"n"}, envs)) == found
    assert settled(4, {"n"}, envs) == 4


def test_what_is_read_where_a_condition_holds() -> None:
    either = expr("x * 2 if p else x")
    assert code(where(either, P)) == "x * 2"
    assert code(where(either, expr("not p"))) == "x"
    assert where(either, named("q", "bool")) is either
    assert where(either, True) is either and where(4, P) == 4


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("60 if i == 0 else x", "60"),
        ("x if i != 0 else 60", "60"),
        ("y if i == 0 else x", "y"),
        *(
            (text, text)
            for text in (
                "60 if i == 1 else x",
                "60 if i == 0 else y",
                "60 if i == 0 else x + 1",
                "x + 1 if i == 0 else x",
                "60 if p else x",
                "x + 60",
            )
        ),
    ],
)
def test_what_turns_keep_that_the_first_one_sets(text: str, found: str) -> None:
    assert code(kept_from_first(expr(text), "x", "i")) == found
    assert kept_from_first(4, "x", "i") == 4


def test_opposite_conditions() -> None:
    assert opposite(expr("x == 1"), expr("x != 1"))
    assert opposite(P, expr("not p")) and opposite(expr("not p"), P)
    assert not opposite(P, P) and not opposite(P, expr("not q"))


def test_other_words_for_some_names() -> None:
    both = expr("x * 2 + y")
    assert code(put(both, {"x": R, "s": 3})) == "r * 2 + y"
    assert put(both, {"s": 3}) is both and put(4, {"x": 3}) == 4
    assert put(both, {"x": 1, "y": 2}) == 4


def test_parts_of_a_pair() -> None:
    assert two_parts(3, "number") == (3, 3)
    assert two_parts((1, 2), "pair") == (1, 2)
    assert two_parts(X, "number") == (X, X)
    assert tuple(map(code, two_parts(L, "pair"))) == ("l[0]", "l[1]")
    assert tuple(map(code, two_parts(expr("l[x]"), "pair"))) == ("l[x][0]", "l[x][1]")
    assert tuple(map(code, two_parts(expr("[x, 2 * 3]"), "pair"))) == ("x", "6")
    assert two_parts(expr("[x, 2]"), "pair")[0] == X
    assert two_parts(expr("x + 1"), "number") == (expr("x + 1"),) * 2


def test_four_sides_of_padding() -> None:
    assert four_parts(1, "number") == ((1, 1), (1, 1))
    assert four_parts(expr("[1, x]"), "pair") == ((1, 1), (X, X))
    assert four_parts(((1, 2), (3, 4)), "sides") == ((1, 2), (3, 4))
    assert four_parts(expr("[x, 2]"), "pair") == ((X, X), (2, 2))
    assert four_parts(expr("[[0, x], [2, 0]]"), "sides") == ((0, X), (2, 0))
    (top, _), (_, right) = four_parts(L, "sides")
    assert (code(top), code(right)) == ("l[0][0]", "l[1][1]")


def test_formulas_in_other_words() -> None:
    words: dict[str, Any] = {"input.channels": X, "width": X + 4, "depths": (2, Y)}
    assert code(translated("input.channels * 2", words.__getitem__)) == "x * 2"
    assert code(translated("width * 2 - depths[1]", words.__getitem__)) == (
        "(x + 4) * 2 - y"
    )
    assert (
        translated("depths[0] * 3 if true else none", {"depths": (2, 5)}.__getitem__)
        == 6
    )
    assert translated("none", words.__getitem__) is None
    assert translated("[null, false]", words.__getitem__) == (None, False)
    with pytest.raises(LookupError):
        translated("other", words.__getitem__)
    kept = translated("1 // 0", words.__getitem__)
    assert code(kept) == "1 // 0" and names_of(kept) == frozenset()


def test_words_for_words() -> None:
    found = expr("x * 2 + y")
    assert isinstance(found, Expr)
    before = ast.dump(found.tree)
    words: dict[str, Arg] = {"x": Y, "y": 3}
    swapped = found.replaced(words.__getitem__)
    assert code(swapped) == "y * 2 + 3"
    assert code(found.replaced({"x": 1, "y": 3}.__getitem__)) == "5"
    assert ast.dump(found.tree) == before
    assert swapped.kinds == (("y", "int"),)  # type: ignore[union-attr]


def test_a_changed_copy() -> None:
    class Swap(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return ast.Constant(3)

    found = expr("x * 2 + y * 4")
    assert isinstance(found, Expr) and isinstance(found.tree, ast.BinOp)
    assert rebuilt(found, Swap(), KINDS) == 18
    assert code(rebuilt(found, None, KINDS, found.tree.right)) == "y * 4"
    assert code(found) == "x * 2 + y * 4"
    assert code(rebuilt(found, None, {"x": "int", "y": "int"})) == "x * 2 + y * 4"


@pytest.mark.parametrize("value", [3, -3, -0.5, True, "a", (1, -2, (3.5,)), None])
def test_trees_of_values(value: Value) -> None:
    found: Any = Expr(tree_of(value), (), "")
    assert found.value({}) == value and type(found.value({})) is type(value)


LAYOUT = [
    "x**2",
    "x**-1",
    "x**y",
    "1.5**x",
    "x**y**2",
    "x ** l[0]",
    "l[0] ** 2",
    "(-x) ** 2",
    "(-1) ** x",
    "(x + y) ** 2",
    "(x**y) ** 2",
    "(l[0] ** y) ** 2",
    "x ** (y + 1)",
    "x ** (not y)",
    "l[not x :]",
    "x ** l[0] ** 2",
    "x**2 ** l[0]",
    "-(x**2)",
    "-(x ** l[0])",
    "-((-1) ** x)",
    "not x**2 == 4",
    "-x * 2",
    "-(x + y)",
    "x - -2",
    "--x",
    "2 * x**2",
    "(x if p else y) ** 2",
    '"relu"',
    'act == "it\'s"',
    "x * 1e-5",
    "x * 1e16",
    "(x, 2)",
    "(x,)",
    "l[1:]",
    "l[x:]",
    "l[:-1]",
    "l[1:x:2]",
    "l[::2]",
    "l[x + 1 :]",
    "l[: x + 1]",
    "l[x + 1 : 4]",
    "l[x + 1 : 4 : 2]",
    "l[x + 1 :: 2]",
    "l[:: x + 1]",
    "l[: x * 2 : y]",
    "l[l[0] : -x]",
    "((1, 2), (3, 4))[x][0]",
    "x == 1 and y == 2 and r == 3",
    "not p and not q or x > 0",
    "(p or q) and s",
    "not (p and q)",
    "p and (x if q else y)",
    "x in (1, 2) and y not in l",
    "(x < 1) == p",
    "0 < x <= 3",
    "max(x, y + 2)",
    "round(r * 2, 1)",
    "x if p else y if q else 3",
    "(x if p else y) if q else 3",
    "x % 2 == 0",
    "x / y",
]


def test_texts_are_laid_out_as_ruff_does() -> None:
    trees = [ast.parse(text, mode="eval").body for text in LAYOUT]
    assert [Expr(tree, (), "").code() for tree in trees] == LAYOUT
    assert laid_out(LAYOUT) == []


def test_a_printed_formula_gives_what_the_formula_gives() -> None:
    """`python tests/random_formulas.py 100000` checks more."""
    drawing = Drawing(Random(1))
    codes = []
    for _ in range(1000):
        faults, printed = check(drawing)
        assert faults == []
        codes += [printed] if printed else []
    assert len(codes) > 500
    assert laid_out(codes) == []

"""archspec.source.simplify: what is simpler, and only where it is true for the kinds."""

from __future__ import annotations

import ast
from random import Random

import pytest
from random_formulas import Drawing, check_tree

from archspec.source.simplify import constant, kind, may_be, negated, simplified

KINDS = {
    "x": "int",
    "y": "int",
    "r": "float",
    "p": "bool",
    "q": "bool",
    "s": "str",
    "l": "list",
    "N": "int",
}
"""`u` may be anything."""


def tree(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    ("text", "simpler"),
    [
        # Neutral elements
        ("x * 1", "x"),
        ("1 * x", "x"),
        ("r * 1", "r"),
        ("1 * r", "r"),
        ("x // 1", "x"),
        ("x + 0", "x"),
        ("0 + x", "x"),
        ("x - 0", "x"),
        # Integers that are multiplied, divided and added one after the other
        ("x * 2 * 3", "x * 6"),
        ("x * 4 // 4", "x"),
        ("x * 8 // 4", "x * 2"),
        ("x + (y - x)", "y"),
        ("y - x + x", "y"),
        ("x + 3 + 4", "x + 7"),
        ("x + 1 + 1", "x + 2"),
        ("x + 3 - 4", "x - 1"),
        ("x - 3 - 4", "x - 7"),
        ("x - 3 + 3", "x"),
        ("x + 3 - 3", "x"),
        ("x + 4 - 3", "x + 1"),
        ("x * 9007199254740991 * 1", "x * 9007199254740991"),
        ("x * 4503599627370496 * 2", "x * 9007199254740992"),
        # Constants
        ("--2", "2"),
        ("2 + 3 * 4", "14"),
        ("7 / 2", "3.5"),
        ("2 * 1.5", "3.0"),
        ("(-1) ** 2", "1"),
        ("x + 2 ** 3", "x + 8"),
        ("[1, 2, 3][1]", "2"),
        ("[1, x, 3][1]", "x"),
        ("[1, x // 2, 3][2]", "3"),
        ("[1, 2, 3][1:]", "[2, 3]"),
        ("l[0 + 1]", "l[1]"),
        ("l[1 + 1:x * 1]", "l[2:x]"),
        ("len([1, 2])", "2"),
        ("max(2 + 3, 4)", "5"),
        ("max(x * 1, 4)", "max(x, 4)"),
        ("sum(range(3))", "3"),
        ("'a' == 'a'", "True"),
        ("1 < 2", "True"),
        ("2 not in [1, 2]", "False"),
        ("[x * 1, 2 + 3]", "[x, 5]"),
        ("not True", "False"),
        ("int(x + 1)", "x + 1"),
        ("round(x)", "x"),
        ("int(2.5)", "2"),
        # Constants stand on the right
        ("2 == x", "x == 2"),
        ("2 != x", "x != 2"),
        ("2 < x", "x > 2"),
        ("2 <= x", "x >= 2"),
        ("2 > x", "x < 2"),
        ("2 >= x", "x <= 2"),
        ("-1 < x", "x > -1"),
        ("2 + 1 < x", "x > 3"),
        ("'a' == s", "s == 'a'"),
        ("N < x", "x > N"),
        ("[1, N] == l", "l == [1, N]"),
        # What `not` says in other words
        ("not not p", "p"),
        ("not x == 2", "x != 2"),
        ("not 2 != x", "x == 2"),
        ("not s in l", "s not in l"),
        ("not s not in l", "s in l"),
        ("-(2 + 3)", "-5"),
        # Conditions
        ("p and True", "p"),
        ("True and p", "p"),
        ("False or p", "p"),
        ("True or p", "True"),
        ("False and u", "False"),
        ("True and True", "True"),
        ("False or False", "False"),
        ("p or True or q", "True"),
        ("p and False and q", "False"),
        ("u or True or q", "u or True"),
        ("u and False and q", "u and False"),
        ("x == y and True", "x == y"),
        ("(p or q) and True", "p or q"),
        ("(u or p) and True", "u or p"),
        ("not p or False", "not p"),
        ("u == 1 and True", "u == 1"),
        ("u and True and q", "u and q"),
        ("(2 if p else 1) == 1", "not p"),
        ("(2 if not p else 1) == 1", "p"),
        ("(2 if p else 1) == 2", "p"),
        ("not x == y", "x != y"),
        ("not x != y", "x == y"),
        ("not not p", "p"),
        ("1 < x", "x > 1"),
        ("1 <= x", "x >= 1"),
        ("1 > x", "x < 1"),
        ("1 >= x", "x <= 1"),
        ("1 == x", "x == 1"),
        ("-1 != x", "x != -1"),
        ("[1, 2] == l", "l == [1, 2]"),
        ("[1, x, 3][1]", "x"),
        ("int(x)", "x"),
        ("round(x)", "x"),
        ("(2 if p else 1) == 1 < 2", "not p"),
        ("(2 if x == 0 else 1) == 1", "x != 0"),
        ("(2 if x < 0 else 1) == 1", "x >= 0"),
        # Choices
        ("p if True else q", "p"),
        ("p if False else q", "q"),
        ("x if p else x", "x"),
        ("x if x != y else y", "x"),
        ("y if x != y else x", "y"),
        ("x if x == y else y", "y"),
        ("y if x == y else x", "x"),
        ("x if p else (y if not p else 3)", "x if p else y"),
        ("x if not p else (y if p else 3)", "x if not p else y"),
        ("x if x > 2 else (y if x <= 2 else 3)", "x if x > 2 else y"),
        ("x if p else (x if not p else 3)", "x"),
        ("x + x + x", "x * 3"),
        ("y + x * 2 + x", "y + x * 3"),
        ("4 * x - 3 * x", "x"),
        ("5 * (x + y) - (x + y) * 3", "(x + y) * 2"),
    ],
)
def test_simpler(text: str, simpler: str) -> None:
    assert ast.unparse(simplified(tree(text), KINDS)) == simpler


@pytest.mark.parametrize(
    "text",
    [
        # Not true of floats, of what may be none, of what may be anything
        "r * 4 // 4",
        "r // 1",
        "r + 0",
        "0 + r",
        "r - 0",
        "r + 3 - 3",
        "r * 2 * 3",
        "r + (x - r)",
        "u * 1",
        "1 * u",
        "u + 0",
        "x * 1.0",
        "x * True",
        "s * 1",
        "u and True",
        "u or False",
        "x if u else x",
        "x if u else (y if not u else 3)",
        "r if r != x else x",
        "(2 if u else 1) == 1",
        "int(r)",
        "round(r)",
        "round(x, 2)",
        "not not x",
        "not x < 2",
        "not x == 2 == y",
        # Nothing is gained, or it would be wrong
        "2 in l",
        "2 < N",
        "x < N",
        "[1, x] == l",
        "[] == l",
        "2 < x < 3",
        "0 - x",
        "x - (y - x)",
        "y - x - x",
        "x * 4 // 8",
        "x * 4 // 3",
        "x * 4 // -4",
        "x * 4 % 4",
        "x * 8 / 4",
        "x + (y + x)",
        "x + (y * x)",
        "-x and True",
        "x * 4 // 0",
        "x // 4 // 4",
        "x * 4 * 0",
        "x * 0 // 4",
        "x * 4503599627370497 * 2",
        "x // 2 * 2",
        "x + y - y",
        "x * 3 - 4",
        "x + 3 * y",
        "x - 3 * 3.5",
        "x if x < y else y",
        "x if x != y != 1 else y",
        "x if x != y else 3",
        "x if p else y if p else 3",
        "x if p else y if q else 3",
        "(2 if p else 1) == 3",
        "(x if p else 1) == 1",
        "(2 if p else 1) == 1 == q",
        "1 / 0",
        "[1, 2][5]",
        "[1, 2 // x, 3][0]",
        "[1, x][2]",
        "[1, x // y, 3][0]",
        "[1, u, 3][0]",
        "[x, y][2]",
        "[x, y][-1]",
        "[1, 2][x]",
        "int(f)",
        "round(x, 1)",
        "not x < y",
        "not x == y == 1",
        "not not u",
        "1 < x < y",
        "x == y",
        "len([x, 2])",
        "0 < x < 3",
        "x in [1, 2]",
        "s == 'a'",
        "null == 1",
        "u and False",
        "u or True",
        "-x",
        "'a' + 1",
        *("f + f", "f * 3 - f", "x - 2 * x", "x + y + x"),
    ],
)
def test_left_as_it_is(text: str) -> None:
    unparsed = ast.unparse(simplified(tree(text), KINDS))
    assert unparsed == ast.unparse(simplified(tree(unparsed), KINDS))
    expected = text.replace("3 * 3.5", "10.5")
    assert unparsed.replace("(", "").replace(")", "") == (
        expected.replace("(", "").replace(")", "")
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x", "int"),
        ("u", ""),
        ("True", "bool"),
        ("2", "int"),
        ("2.0", "float"),
        ("'a'", "str"),
        ("None", ""),
        ("x + y", "int"),
        ("x - y", "int"),
        ("x * r", "float"),
        ("x + p", ""),
        ("x // 2", "int"),
        ("x // 2.0", "float"),
        ("r // 2", "float"),
        ("x % 2", "int"),
        ("x / 2", "float"),
        ("x / y", ""),
        ("x // y", ""),
        ("x // 0", ""),
        ("x ** 2", ""),
        ("-x", "int"),
        ("-p", ""),
        ("not p", "bool"),
        ("not x", ""),
        ("x == s", "bool"),
        ("x != p == q", "bool"),
        ("x == u", ""),
        ("x < r", "bool"),
        ("x <= y != r", "bool"),
        ("x < p", ""),
        ("x < s", ""),
        ("s < s", ""),
        ("x in l", ""),
        ("x in y", ""),
        ("x in [1, 2]", "bool"),
        ("x in [1, u]", ""),
        ("x in []", ""),
        ("s not in 'ab'", "bool"),
        ("x in 'ab'", ""),
        ("1 in [x] == p", ""),
        ("x not in y", ""),
        ("p and q", "bool"),
        ("p or x", ""),
        ("x if p else y", "int"),
        ("x if p else r", ""),
        ("x if u else y", ""),
        ("int(r)", "int"),
        ("round(r)", "int"),
        ("round(r, 1)", ""),
        ("int(s)", ""),
        ("abs(r)", "float"),
        ("min(x, y)", "int"),
        ("max(r, r)", "float"),
        ("min(x, r)", ""),
        ("min(x)", ""),
        ("min(s, s)", ""),
        ("len(l)", ""),
        ("[x, y][0]", ""),
        ("[x]", ""),
    ],
)
def test_the_kind_of_what_cannot_fail(text: str, found: str) -> None:
    assert kind(tree(text), KINDS) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x + y", "int"),
        ("x // y", "int"),
        ("x % r", "float"),
        ("x / y", "float"),
        ("x ** y", ""),
        ("x + u", ""),
        ("x + p", ""),
        ("x if u else y", "int"),
        ("x if p else r", ""),
        ("int(r)", "int"),
        ("len(l)", "int"),
        ("round(r)", "int"),
        ("round(r, 1)", ""),
        ("sum(l)", ""),
        ("max(x, y)", "int"),
        ("max(x, r)", ""),
        ("min(r, 2.0)", "float"),
        ("abs(x)", "int"),
        ("[x, 2][y]", "int"),
        ("[x, r][y]", ""),
        ("[x, 2][y:]", "list"),
        ("l[0]", ""),
        ("(x // y) * 2", "int"),
        ("-x", "int"),
        ("x == y", "bool"),
    ],
)
def test_the_kind_of_what_may_fail(text: str, found: str) -> None:
    assert may_be(tree(text), KINDS) == found


@pytest.mark.parametrize(
    ("text", "opposite"),
    [
        ("p", "not p"),
        ("not p", "p"),
        ("x == y", "x != y"),
        ("x != y", "x == y"),
        ("x < y", "x >= y"),
        ("x >= y", "x < y"),
        ("x > y", "x <= y"),
        ("x <= y", "x > y"),
        ("x in l", "x not in l"),
        ("0 < x < 3", "not 0 < x < 3"),
        ("p and q", "not (p and q)"),
        ("-x", "not -x"),
    ],
)
def test_negated(text: str, opposite: str) -> None:
    assert ast.unparse(negated(tree(text))) == ast.unparse(tree(opposite))


@pytest.mark.parametrize(
    ("value", "dump"),
    [
        (2, "Constant(value=2)"),
        (-2, "UnaryOp(op=USub(), operand=Constant(value=2))"),
        (-0.5, "UnaryOp(op=USub(), operand=Constant(value=0.5))"),
        (-0.0, "UnaryOp(op=USub(), operand=Constant(value=0.0))"),
        (0.0, "Constant(value=0.0)"),
        (True, "Constant(value=True)"),
        ("a", "Constant(value='a')"),
        ((1, (2,)), "List(elts=[Constant(value=1), List(elts=[Constant(value=2)],"),
    ],
)
def test_trees_of_values(value: object, dump: str) -> None:
    assert ast.dump(constant(value)).startswith(dump)  # type: ignore[arg-type]


def test_a_tree_gives_what_its_formula_gives() -> None:
    drawing = Drawing(Random(0))
    faults = [fault for _ in range(1000) for fault in check_tree(drawing)]
    assert faults == []

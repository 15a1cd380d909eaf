"""archspec.source.layout: the lines that ruff format gives."""

from __future__ import annotations

import ast
import doctest
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from printed_style import formatted

from archspec.source import layout as module
from archspec.source.expr import choice, equal, item, named, over_zero
from archspec.source.layout import assignment, header, layout, statement, structure
from archspec.source.text import (
    Call,
    Choice,
    Code,
    Display,
    Doc,
    Each,
    Infix,
    Loop,
    Star,
    Table,
    flat,
)

LONG = "a_name_that_takes_a_good_part_of_a_line"
LONGER = f"{LONG}_and_a_little_more"
A, B = Code("a"), Code("b")
N: Any = named(LONG, "int")
M: Any = named(LONGER, "int")

FORMULAS: list[Doc] = [
    N + M * 2 - 1 + N * 4 + 2,
    choice(N, over_zero(M), M * 4),
    choice(N, over_zero(M), choice(M, equal(N, M), 4)),
    item(
        (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072),
        named("i", "int"),
    ),
    N * (M + 2) // 4 * 4,
    item((N, M), named("i", "int")),
]
CODE = [
    f"({LONG} + 2) == {LONGER} and {LONG} != 2 or not {LONGER}",
    f"{LONG} < {LONGER}_that_goes_on",
    f"{LONG} * round({LONG} + {LONGER}_that_goes_on)",
    f"round({LONG}_and, {LONGER}_that_goes_on) * 2",
    f"max({LONG}_and, {LONGER}_that_goes_on) // 8 * 8",
    f"2**{LONG} * ({LONG} % {LONGER}_that_goes_on)",
    f"-{LONG} * {LONGER}_that_goes_on // 2",
    f"[{LONG}, {LONGER}, 3]",
    f"({LONG}, {LONGER})[i]",
    f"{LONG} is not None and {LONGER} is not None",
    f"{LONG} - ({LONGER} - {LONG}) / 2",
    f"{LONG} // 2 * {LONGER} % 3 / {LONG}",
    f"{LONG} * 2 + {LONGER} * 3 - {LONG} // 4 + 1",
    f"({LONG} + {LONGER} + a_b) * 2 - (b + c)",
    f"({LONG} + {LONGER} + a_b) * (b + c)",
    f"({LONG} + 1) * ({LONGER} - 1) * 2 + 1",
    f"{LONG} or {LONGER} or {LONG}",
    f"{LONG} if {LONG} else {LONGER} if {LONGER} else 3",
]


def wide(*args: Doc) -> Call:
    return Call("Layer", (Code(LONG), *args, Code(LONG)))


EACH = (Each("i", Call("range", (Code("depth"),))),)
DOCS: list[Doc] = [
    *FORMULAS,
    *map(structure, CODE),
    wide(1, 2),
    wide(*map(Code, "abcdefg")),
    Call("Layer", (Code(LONG),), (("stride", FORMULAS[1]), ("bias", False))),
    Call("Layer", (FORMULAS[0], FORMULAS[2])),
    Call("outer", (wide(Code(LONG)), wide())),
    Call("outer", (Display((wide(Code(LONG)),)),)),
    Call("outer", (Display((wide(), wide())),)),
    Call("outer", (Star(Loop(wide(), EACH)),)),
    Call("outer", (Star(Loop(wide(Code(LONG)), EACH)), A)),
    Call("outer", (Loop(wide(), EACH),)),
    Call("outer", (Loop(wide(Code(LONG)), (*EACH, Each("j", wide()))),)),
    Call("outer", (A, Star(Choice(Display((wide(),)), Code("test"), Display(()))))),
    Call("outer", (A, Choice(wide(1), Code("test"), Call("Identity")))),
    Choice(wide(1), Code("test"), Call("Identity")),
    Call(wide(Code(LONG)), (A,)),
    Call(wide(), (A, B)),
    Infix((wide(), wide(), A), ("+", "-")),
    Infix((A, wide(), wide()), ("+", "+")),
    Display(tuple(map(Code, (LONG, LONG, LONG))), ""),
    Display(tuple(map(Code, (LONG, LONGER, LONG))), "()"),
    Display((wide(Code(LONG)),), "()"),
    Display((wide(Code(LONG)),)),
    Table((("one", Code(LONG)), ("two", Code(LONG)))),
    tuple(range(100, 130)),
    ((1, 2.5, "x"),) * 8,
    Call("torch.cat", (Display(tuple(Code(f"{LONG}_{n}") for n in "abc"), "()"),)),
]
TARGET = f"self.{LONG[:20]}"
TESTS: list[Doc] = [*FORMULAS[:3], *map(structure, CODE[:7]), wide(1, 2)]
LOOPS = [
    Each("i", Call("range", (N + M * 2 + 3,))),
    Each("channels, stride", tuple((n, n + 1) for n in range(20))),
    Each("a", tuple(range(100, 130))),
    Each("i, (a, b)", Call("enumerate", (tuple((n, n) for n in range(20)),))),
]


TENSORS = f"tuple[{', '.join(['Tensor'] * 14)}]"
HEADERS = [
    (["self"], "None"),
    (["self", f"{LONG}: int"], "dict[str, Tensor]"),
    (["self", f"{LONG}: int", "more: int"], "None"),
    (["self", f"{LONG}: int", f"{LONGER}: int"], "None"),
    (["self", "x: Tensor"], TENSORS),
    (["self", "x: Tensor"], f"tuple[{', '.join(['Tensor'] * 10)}]"),
    (["self", f"{LONG}: int", f"{LONGER}: int"], TENSORS),
    (["self", "x: Tensor"], f"tuple[{'A' * 41}, {'B' * 41}]"),  # a line of 88 columns
    (["self", "x: Tensor"], f"tuple[{'A' * 41}, {'B' * 42}]"),
    (["self", f"{LONG}: int = 3", "*", f"{LONGER}: int = 4"], "None"),
]


def written() -> Iterator[tuple[str, list[str]]]:
    """Statements on one line each, and as they are laid out."""
    for doc in DOCS:
        text = flat(doc)
        yield f"value = {text}", assignment("value", doc, 0)
        head = "class A:\n    def f(self):"
        rows = [*assignment(TARGET, doc, 8), *statement("return ", doc, 8)]
        line = f"{head}\n        {TARGET} = {text}\n        return {text}"
        yield line, [head, *rows]
    for doc in TESTS:
        rows = [*statement("if ", doc, 0, ":"), "    pass"]
        yield f"if {flat(doc)}:\n    pass", rows
    for parameters, result in HEADERS:
        rows = [*header("def f", parameters, result, 0), "    pass"]
        yield f"def f({', '.join(parameters)}) -> {result}:\n    pass", rows
    for loop in LOOPS:
        yield f"{flat(loop)}:\n    pass", [*layout(loop, 0, "", ":"), "    pass"]


def test_several_lines_are_those_of_ruff() -> None:
    pairs = list(written())
    source = "\n\n'#'\n\n".join(line for line, _ in pairs)
    wanted = [part.strip("\n") for part in formatted(source).split('"#"')]
    for (_, rows), right in zip(pairs, wanted, strict=True):
        assert "\n".join(rows) == right


@pytest.mark.parametrize("size", range(87, 91))
def test_a_line_is_broken_where_it_has_more_than_88_columns(size: int) -> None:
    doc = Call("f", (Code("x" * (size - len("y = f()"))),))
    assert len(assignment("y", doc, 0)) == (1 if size <= 88 else 3)
    assert len(layout(doc, 0, "y = ")) == (1 if size <= 88 else 3)
    inner = Call("f", (Code("x" * 40), Code("y" * (size - 4 - 40 - len(", ")))))
    assert len(layout(inner, 0, "y = ")) == (3 if size <= 88 else 4)


NAMES = (
    *("n", "i", "width", "channels", "growth_rate", "num_classes", "input_channels"),
    *("squeeze_channels", "expansion_of_the_block", "base_width_per_group_of_it"),
)


class Formulas:
    """Random formulas, as long as hardly anybody writes them."""

    def __init__(self, number: int) -> None:
        self.draw = Random(number)

    def some(self, count: int) -> list[str]:
        """Texts of between 60 and 240 characters."""
        found: list[str] = []
        while len(found) < count:
            make = self.draw.choice((self.number, self.number, self.test))
            text = ast.unparse(
                ast.parse(make(self.draw.choice((2, 3, 4))), mode="eval")
            )
            found += [text] * (60 < len(text) < 240)
        return found

    def number(self, depth: int) -> str:
        """An expression that gives a number."""
        one, less = self.draw.choice, depth - 1
        kind = one(
            ("name", *("infix",) * 4, "call", "if", "item", "table", "chosen", "minus")
        )
        if depth <= 0 or kind == "name":
            return one((*NAMES, "2", "64"))
        if kind == "infix":
            # No powers: ruff 0.17 gives `2** n` where a comparison is broken.
            signs = ("+", "-", "*", "//", "%")
            return f"({self.number(less)} {one(signs)} {self.number(less)})"
        if kind == "call":
            given = (self.number(less) for _ in range(one((1, 2, 3))))
            return f"{one(('max', 'round', 'int', 'len'))}({', '.join(given)})"
        if kind == "if":
            first, last = self.number(less), self.number(less)
            return f"({first} if {self.test(less)} else {last})"
        if kind == "item":
            return f"{one(NAMES)}[{self.number(less)}]"
        if kind == "chosen":
            first, last = one(NAMES), one(NAMES)
            return f"({first} if {self.test(less)} else {last})[{self.number(0)}]"
        if kind == "table":
            given = (self.number(0) for _ in range(one((2, 6, 12))))
            left, right = one(("[]", "()"))
            return f"{left}{', '.join(given)}{right}[{self.number(0)}]"
        return f"(-{self.number(less)})"

    def test(self, depth: int) -> str:
        """An expression that is true or false."""
        one, less = self.draw.choice, depth - 1
        kind = one(("compare", "compare", "compare", "in", "and", "or", "not"))
        if depth <= 0 or kind == "compare":
            return f"({self.number(less)} {one(('==', '!=', '<'))} {self.number(less)})"
        if kind == "in":
            given = (self.number(0) for _ in range(one((2, 6, 12))))
            return f"({one(NAMES)} in [{', '.join(given)}])"
        if kind == "not":
            return f"(not {self.test(less)})"
        return f"({self.test(less)} {kind} {self.test(less)})"


def statements(text: str) -> Iterator[tuple[str, list[str]]]:
    """All places in which a formula stands in printed code, and its lines there."""
    doc = structure(text)
    assert flat(doc) == text
    yield f"        return {text}", statement("return ", doc, 8)
    yield f"        self.conv = {text}", assignment("self.conv", doc, 8)
    rows = [*statement("if ", doc, 8, ":"), "            pass"]
    yield f"        if {text}:\n            pass", rows
    for made in (
        Call("nn.Conv2d", (Code("in_channels"), doc, 3)),
        Call("nn.Conv2d", (Code("in_channels"),), (("groups", doc), ("bias", False))),
    ):
        yield f"        self.conv = {flat(made)}", assignment("self.conv", made, 8)


def test_lines_of_formulas_are_those_of_ruff() -> None:
    texts = formatted(
        "\n".join(f"x = {text}" for text in Formulas(0).some(400)), width=320
    )
    pairs = [p for line in texts.splitlines() for p in statements(line[len("x = ") :])]
    head = "class A:\n    def f(self):\n"
    source = "\n\n'#'\n\n".join(head + line for line, _ in pairs)
    wanted = [part.strip("\n") for part in formatted(source).split('"#"')]
    for (_, rows), right in zip(pairs, wanted, strict=True):
        assert head + "\n".join(rows) == right


@pytest.mark.parametrize("code", ["+a", "~a", "a[b, c]", "a < b < c", "lambda: a"])
def test_what_is_never_printed_stays_as_it_is(code: str) -> None:
    assert flat(structure(code)) == code


def test_the_example_runs() -> None:
    assert doctest.testmod(module) == (0, 3)


def test_what_nothing_can_break_stands_in_a_line() -> None:
    assert layout("x" * 100, 4, "y = ") == [f"""    y = "{"x" * 100}\""""]

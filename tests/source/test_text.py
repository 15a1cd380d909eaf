"""archspec.source.text: literals, names, and the layout that ruff format gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from printed_style import formatted

from archspec.source.expr import choice, equal, item, named, over_zero
from archspec.source.text import (
    Bracketed,
    Call,
    Choice,
    Code,
    Display,
    Doc,
    Each,
    Infix,
    Loop,
    Names,
    Star,
    Table,
    assignment,
    call,
    class_name,
    each,
    flat,
    function_name,
    header,
    layout,
    prose,
    snake_case,
    span,
    statement,
    structure,
    template,
)

LONG = "a_name_that_takes_a_good_part_of_a_line"
LONGER = f"{LONG}_and_a_little_more"
A, B, C = Code("a"), Code("b"), Code("c")
N: Any = named(LONG, "int")
M: Any = named(LONGER, "int")


# One line.


@pytest.mark.parametrize(
    ("doc", "text"),
    [
        (A, "a"),
        (named("width", "int") * 2, "width * 2"),
        (1e-5, "1e-5"),
        ("it's", '"it\'s"'),
        ((1,), "(1,)"),
        (Call("f"), "f()"),
        (Call("f", (A, 1), (("k", "x"),)), 'f(a, 1, k="x")'),
        (Call(Call("Layer", (3,)), (A,)), "Layer(3)(a)"),
        (Display((A, B)), "[a, b]"),
        (Display((A,)), "[a]"),
        (Display((A,), "()"), "(a,)"),
        (Display((A, B), "()"), "(a, b)"),
        (Display((A, B), ""), "a, b"),
        (Table((("x", A), ("y", 1))), '{"x": a, "y": 1}'),
        (Star(A), "*a"),
        (Star(Choice(A, B, C)), "*(a if b else c)"),
        (Star(Loop(A, (Each("i", B),))), "*(a for i in b)"),
        (
            Call("f", (Loop(A, (Each("i", B), Each("j", C))),)),
            "f(a for i in b for j in c)",
        ),
        (Call("f", (Loop(A, (Each("i", B),)), C)), "f((a for i in b), c)"),
        (
            Call("f", (Loop(A, (Each("i", B),)),), (("k", C),)),
            "f((a for i in b), k=c)",
        ),
        (Choice(A, B, C), "a if b else c"),
        (Infix((A, B, C), ("+", "-")), "a + b - c"),
        (Bracketed("", Display((A,)), "[0]"), "[a][0]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_line(doc: Doc, text: str) -> None:
    assert flat(doc) == text
    assert layout(doc, 4, "<", ">") == [f"    <{text}>"]
    assert statement("<", doc, 2, ">") == [f"  <{text}>"]


def test_defaults_are_left_out() -> None:
    """Also `1.0` beside 1: a framework may tell them apart."""
    made = call(
        "f", A, one=(1, 1), two=(2, 1), real=(1.0, 1), flag=(True, 1), code=(A, "a")
    )
    assert flat(made) == "f(a, two=2, real=1.0, flag=True, code=a)"


@pytest.mark.parametrize("value", [N, Code("a"), Call("a")])
def test_what_is_computed_is_said_even_if_it_is_the_default(value: Any) -> None:
    assert call("f", one=(value, value)).kwargs == (("one", value),)


# Several lines: the same that ruff makes of one.

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


# Names.


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("basic_block", "BasicBlock"),
        ("ResNet-50", "ResNet50"),
        ("ResNetV2-50", "ResNetV2_50"),
        ("ResNet-20 for CIFAR", "ResNet20ForCIFAR"),
        ("layer1_2", "Layer1_2"),
        ("layer1_x2", "Layer1X2"),
        ("50d", "Net50d"),
        ("DeepLabV3+", "DeepLabV3Plus"),
        ("UNet++ (nested)", "UNetPlusPlusNested"),
        ("ResNet + FPN, A+B", "ResNetFPNAB"),
        ("\u00fcml\u00e4ut 3", "MlUt3"),
        ("", "Net"),
    ],
)
def test_class_names(text: str, name: str) -> None:
    assert class_name(text) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("conv_bn", "conv_bn"),
        ("layer{index + 1}", "layer_index_1"),
        ("0", "block_0"),
        ("_a-b_", "a_b"),
        ("{}", "block"),
    ],
)
def test_function_names(text: str, name: str) -> None:
    assert function_name(text) == name


@pytest.mark.parametrize(
    ("text", "name"), [("ResNet-50", "res_net_50"), ("MBConv", "mbconv"), ("a", "a")]
)
def test_snake_case(text: str, name: str) -> None:
    assert snake_case(text) == name


def test_names_are_given_out_once() -> None:
    names = Names(("x", "y2"))
    assert [names.take(name) for name in "xxyyz"] == ["x2", "x3", "y", "y3", "z"]
    assert names.taken == {"x", "x2", "x3", "y", "y2", "y3", "z"}


@pytest.mark.parametrize(
    ("start", "stop", "text"),
    [
        (0, 3, ":3"),
        (1, 3, "1:3"),
        (Code("a"), Code("b"), "a:b"),
        (0, Code("self.c"), ": self.c"),
        (2, Code("self.c"), "2 : self.c"),
        (-4, -1, "-4:-1"),
    ],
)
def test_spans(start: Doc, stop: Doc, text: str) -> None:
    assert span(start, stop) == text


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (2, "::2"),
        (-1, "::-1"),
        (named("n", "int"), "::n"),
        (named("n", "int") * 2, ":: n * 2"),
    ],
)
def test_steps(step: Doc, text: str) -> None:
    assert each(step) == text


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ((), ""),
        (("layer",), "layer"),
        (("layer", named("i", "int") + 1, "_", 2), "layer{i + 1}_2"),
    ],
)
def test_pieces_in_the_quotes_of_an_f_string(pieces: list[Doc], text: str) -> None:
    assert template(pieces) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("two\n  lines\tand more", "two lines and more"),
        ("3\u00d73 \u2212 1 \u2013 \u201cx\u201d", "3x3 - 1 - 'x'"),
        ("na\u00efve Stra\u00dfe", "naive Strasse"),
        ('"""', "'''"),
        ("a\\b", "a/b"),
        ("\u4e2d", "?"),
        ("a\x07b\u200bc", "ab?c"),
    ],
)
def test_prose(text: str, plain: str) -> None:
    assert prose(text) == plain


def test_what_nothing_can_break_stands_in_a_line() -> None:
    assert layout("x" * 100, 4, "y = ") == [f"""    y = "{"x" * 100}\""""]

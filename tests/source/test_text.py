"""archspec.source.text: literals and names."""

from __future__ import annotations

from typing import Any

import pytest

from archspec.source.expr import named
from archspec.source.layout import layout, statement
from archspec.source.text import (
    Bracketed,
    Call,
    Choice,
    Code,
    Display,
    Doc,
    Each,
    Infix,
    Item,
    Loop,
    Names,
    Prefix,
    Star,
    Table,
    call,
    called,
    class_name,
    each,
    flat,
    function_name,
    prose,
    snake_case,
    span,
    template,
)

A, B, C = Code("a"), Code("b"), Code("c")
N: Any = named("width", "int")


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
        (Item(Display((A,)), 0), "[a][0]"),
        (Prefix("not ", Bracketed("", A)), "not (a)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_line(doc: Doc, text: str) -> None:
    assert flat(doc) == text
    assert layout(doc, 4, "<", ">") == [f"    <{text}>"]
    assert statement("<", doc, 2, ">") == [f"  <{text}>"]


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("act", "act()"),
        ("nnx.relu", "nnx.relu()"),
        ("a if b else c", "(a if b else c)()"),
    ],
)
def test_what_is_called_is_in_brackets(text: str, made: str) -> None:
    assert flat(Call(called(Code(text)))) == made


def test_defaults_are_left_out() -> None:
    """Also `1.0` beside 1: a framework may tell them apart."""
    made = call(
        "f", A, one=(1, 1), two=(2, 1), real=(1.0, 1), flag=(True, 1), code=(A, "a")
    )
    assert flat(made) == "f(a, two=2, real=1.0, flag=True, code=a)"


@pytest.mark.parametrize("value", [N, Code("a"), Call("a")])
def test_what_is_computed_is_said_even_if_it_is_the_default(value: Any) -> None:
    assert call("f", one=(value, value)).kwargs == (("one", value),)


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

"""archspec.source.functions.steps: what lowerings are made of."""

from __future__ import annotations

from typing import Any

import pytest

from archspec.source.expr import named
from archspec.source.functions.dialect import Constants, Layer
from archspec.source.functions.steps import (
    applied,
    group,
    pads,
    sides,
    twice,
)
from archspec.source.text import Call, Code, Doc, Names, flat

P = named("p", "int")
X, Y = Code("x"), Code("y")


def name(suffix: str) -> Doc:
    return f"conv_{suffix}" if suffix else "conv"


def test_a_layer_is_named_last_and_called_on_its_values() -> None:
    made = Call("layers.Conv2D", (8,), (("strides", 2),))
    one = Layer(made).value([X], name)
    assert flat(one) == 'layers.Conv2D(8, strides=2, name="conv")(x)'
    two = Layer(made, "pad").value([X, Y], name)
    assert flat(two) == 'layers.Conv2D(8, strides=2, name="conv_pad")([x, y])'


def test_a_function_reads_the_first_value() -> None:
    step = applied("ops.pad", group(P, 1), constant_values=0)
    assert flat(step.value([X, Y], name)) == "ops.pad(x, (p, 1), constant_values=0)"


def test_a_tuple_of_one() -> None:
    assert flat(group(P)) == "(p,)"


@pytest.mark.parametrize(
    ("padding", "found"),
    [
        (0, False),
        ((0, 0), False),
        (((0, 0), (0, 0)), False),
        (1, True),
        ((0, 1), True),
        (((0, 0), (1, 0)), True),
        (((0, 1), (0, 0)), True),
        ("same", True),
        (P, True),
    ],
)
def test_whether_padding_may_do_something(padding: Any, found: bool) -> None:
    assert pads(padding) is found


def test_a_number_is_for_both_axes() -> None:
    assert [flat(twice(size)) for size in (3, (1, 2), P)] == [
        "(3, 3)",
        "(1, 2)",
        "(p, p)",
    ]


@pytest.mark.parametrize(
    ("padding", "text"),
    [
        (1, "((1, 1), (1, 1))"),
        ((1, 2), "((1, 1), (2, 2))"),
        (((0, 1), (2, 3)), "((0, 1), (2, 3))"),
        (P, "((p, p), (p, p))"),
    ],
)
def test_all_four_sides(padding: Any, text: str) -> None:
    assert flat(group(*sides(padding))) == text


def test_a_constant_has_one_name_and_each_name_one_constant() -> None:
    names = Names(["INIT"])
    constants = Constants(names)
    one = constants.name("INIT", Call("a"))
    assert [flat(one), flat(constants.name("OTHER", Call("a")))] == ["INIT2", "INIT2"]
    assert flat(constants.name("INIT", Call("b"))) == "INIT3"
    assert constants.held == {"a()": ("INIT2", Call("a")), "b()": ("INIT3", Call("b"))}

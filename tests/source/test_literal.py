"""archspec.source.literal: Python literals as ruff format writes them."""

from __future__ import annotations

import ast
import math
from typing import Any

import pytest

from archspec.source.literal import Product, lit


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (0, "0"),
        (-7, "-7"),
        (0.5, "0.5"),
        (2.0, "2.0"),
        (-0.0, "-0.0"),
        (1e-05, "1e-5"),
        (1e16, "1e16"),
        (1.5e300, "1.5e300"),
        (1e-10, "1e-10"),
        ("relu", '"relu"'),
        ("", '""'),
        ("it's", '"it\'s"'),
        ('a "b"', "'a \"b\"'"),
        ("'a' \"b\"", '"\'a\' \\"b\\""'),
        ("a\nb\\", '"a\\nb\\\\"'),
        ("caf\u00e9", '"caf\\xe9"'),
        ("\u2019", '"\\u2019"'),
        ((), "()"),
        ((1,), "(1,)"),
        ((1, (2, "a")), '(1, (2, "a"))'),
    ],
)
def test_literals(value: Any, text: str) -> None:
    assert lit(value) == text
    assert repr(ast.literal_eval(text)) == repr(value)
    assert text.isascii()


@pytest.mark.parametrize("value", [math.inf, math.nan, [1], {}, b"a", 1j, (1, [2])])
def test_what_has_no_literal(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^(float|list|dict|bytes|complex) has no"):
        lit(value)


def test_a_product_is_a_number_that_tells_its_factors() -> None:
    made = Product.of((512, 7, 7))
    assert made == 25088
    assert lit(made) == "512 * 7 * 7"
    assert lit(made + 1) == "25089"

"""How ops and their attributes read in messages and in the reference."""

from __future__ import annotations

from typing import ClassVar

import pytest

from archspec.ops import BY_KIND, OPS, Op
from archspec.ops.describe import expected, summary


@pytest.mark.parametrize(
    ("kind", "attribute", "text"),
    [
        ("conv2d", "channels", "a whole number from 1"),
        ("conv2d", "kernel", "a whole number from 1 to 4096 or [int, int]"),
        (
            "conv2d",
            "padding",
            "a whole number from 0 to 4096, [int, int], [[int, int], [int, int]] or "
            "same",
        ),
        ("conv2d", "bias", "true or false"),
        ("conv2d", "init", "an initialiser by parameter"),
        ("max_pool2d", "stride", "a whole number from 1 to 4096 or [int, int]"),
        ("leaky_relu", "negative_slope", "a number from -1e+30 to 1e+30"),
        ("batch_norm", "eps", "a number above 0 to 1e+30"),
        ("batch_norm", "running_var", "unbiased or biased"),
        ("dropout", "rate", "a number from 0 below 1"),
        ("resize", "mode", "nearest or bilinear"),
        ("resize", "scale", "a number above 0 to 1e+06 or [number, number]"),
        ("scale", "weight", "text"),
    ],
)
def test_attributes(kind: str, attribute: str, text: str) -> None:
    assert expected(BY_KIND[kind], attribute) == text


def test_every_attribute_reads_well() -> None:
    for op in OPS:
        for name in op.model_fields:
            text = expected(op, name)
            assert text and "<" not in text and "typing" not in text, (op.kind, name)
            assert "None" not in text and "class" not in text


class Short(Op):
    """The first sentence. The second
    one.

    Another paragraph. And more.
    """

    kind: ClassVar[str] = "short"


class Broken(Op):
    """A sentence of v1.5 that is
    broken over two lines.
    """

    kind: ClassVar[str] = "broken"


def test_summaries() -> None:
    assert summary(Short) == "The first sentence"
    assert summary(Broken) == "A sentence of v1.5 that is broken over two lines"


def test_every_op_has_one() -> None:
    for op in OPS:
        text = summary(op)
        assert 3 < len(text) < 90 and not text.endswith("."), op.kind

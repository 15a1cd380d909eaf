"""The tables of docs/uses.md for ONNX and Flax are what the uses give."""

from __future__ import annotations

from typing import Any

import pytest
from uses import flax_uses, onnx_uses
from uses.table import apart, cells, table

BOTH = pytest.mark.parametrize("uses", [onnx_uses, flax_uses])


@BOTH
def test_the_page_has_every_net_and_use(uses: Any) -> None:
    found = cells(uses.MARK)
    assert found.pop("net") == [*uses.USES]
    assert [*found] == [*uses.NAMES]
    assert len(found) >= 5


def test_a_reason_stands_below_the_table() -> None:
    rows = {"one": {"a": "", "b": "No."}, "two": {"a": "No.", "b": "Never."}}
    said = table("<!-- x -->", "About.", ["a", "b"], rows)
    assert "| one | ok | no (1) |\n| two | no (1) | no (2) |" in said
    assert said.endswith("1. No.\n2. Never.\n<!-- x -->")


@pytest.mark.proof
@pytest.mark.parametrize(
    ("uses", "name"), [(of, name) for of in (onnx_uses, flax_uses) for name in of.NAMES]
)
def test_uses(uses: Any, name: str) -> None:
    found = apart(uses.__name__, name)
    told = dict(zip(uses.USES, cells(uses.MARK)[name], strict=True))
    wrong = {use: why for use, why in found.items() if bool(why) is (told[use] == "ok")}
    assert not wrong

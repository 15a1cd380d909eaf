"""The table of docs/uses.md says of Keras what is so."""

from __future__ import annotations

import pytest
from uses.keras_uses import LIMITS, MARK, NETS, PAGE, USES, measured, table, unexpected

SECTION = PAGE.read_text(encoding="utf-8").split(MARK)[1]


@pytest.mark.proof
def test_every_use_of_every_net() -> None:
    found = measured([*NETS])
    assert not unexpected(found)
    assert table(found) == f"{MARK}{SECTION}{MARK}"


def test_the_page_has_every_net_and_use() -> None:
    held = {name: dict.fromkeys(USES, "") for name in NETS}
    for (name, use), (raised, _) in LIMITS.items():
        held[name][use] = raised
    assert len(NETS) >= 12
    assert not unexpected(held)
    assert table(held) == f"{MARK}{SECTION}{MARK}"


def test_what_goes_otherwise_is_told() -> None:
    name, use = next(iter(LIMITS))
    held = {name: dict.fromkeys(USES, "")}
    assert unexpected(held) == [f"{name}, {use}: goes well"]
    held[name][use] = "KeyError: 1"
    assert unexpected(held) == [f"{name}, {use}: KeyError: 1"]

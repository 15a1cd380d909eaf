"""The table of docs/uses.md is what the uses give."""

from __future__ import annotations

from pathlib import Path

import pytest
from uses.torch_uses import MARK, NETS, PAGE, USES, row, table


def cells() -> dict[str, list[str]]:
    """The rows of the page: for each net what stands for the uses."""
    text = PAGE.read_text(encoding="utf-8").split(MARK)[1]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    rows = [[*map(str.strip, line.strip("|").split("|"))] for line in lines]
    return {name: found for name, *found in rows}


def test_the_page_has_every_net_and_use() -> None:
    found = cells()
    assert found.pop("net") == [*USES]
    assert [*found] == [Path(spec).stem for spec in NETS]
    assert len(found) >= 12


def test_a_reason_stands_below_the_table() -> None:
    said = table({"one": dict.fromkeys(USES, ""), "two": dict.fromkeys(USES, "No.")})
    ok, refused = (f"| {' | '.join([cell] * len(USES))} |" for cell in ("ok", "[^t1]"))
    assert f"| one {ok}" in said and f"| two {refused}" in said
    assert said.endswith("[^t1]: No.")


@pytest.mark.proof
@pytest.mark.parametrize("spec", NETS)
def test_uses(spec: str) -> None:
    found = row(spec)
    told = dict(zip(USES, cells()[Path(spec).stem], strict=True))
    wrong = {use: why for use, why in found.items() if bool(why) is (told[use] == "ok")}
    assert not wrong

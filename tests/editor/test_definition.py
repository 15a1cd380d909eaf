"""Where what is under the cursor is defined."""

from __future__ import annotations

from pathlib import Path

import pytest
from opened import HEAD, opened

from archspec import catalog
from archspec.editor.definition import define
from archspec.errors import Location

FILE = f"""{HEAD}params: {{width: 3, which: unit}}
blocks:
  unit:
    params: {{width: int}}
    graph:
      a: relu
      b: {{op: add, from: [a, input]}}
graph:
  first: relu
  second: {{block: unit, width: =width, repeat: =width, from: first}}
  third: {{op: relu, repeat: 2, index: i, when: =i > 0}}
taps: {{t: second.0.b}}
"""


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("block: unit", "block: un|it", (6, 3)),
        ("width: =width,", "wi|dth: =width,", (7, 14)),
        ("width: =width,", "width: =wid|th,", (4, 10)),
        ("[a, input]", "[|a, input]", (9, 7)),
        ("[a, input]", "[a, in|put]", (6, 3)),
        ("from: first", "from: fir|st", (12, 3)),
        ("when: =i > 0", "when: =|i > 0", (14, 39)),
        ("t: second.0.b", "t: second.0|.b", (13, 3)),
        ("block: unit", "block: \"='un|it'\"", (6, 3)),
        ("op: relu", "op: re|lu", None),
        ("op: add", "o|p: add", None),
        ("name: mynet", "name: my|net", None),
    ],
)
def test_in_the_file(old: str, new: str, place: tuple[int, int] | None) -> None:
    document, line, column = opened(FILE.replace(old, new, 1))
    found = define(document, line, column)
    expected = place and Location(document.file, *place)
    assert found == expected


@pytest.mark.parametrize(
    ("cursor", "place"),
    [
        ("early: =wid|th, width: =width, late: =width", (4, 10)),
        ("early: =width, width: =wid|th, late: =width", (4, 10)),
        ("early: =width, width: =width, late: =wid|th", (7, 29)),
    ],
)
def test_a_default_reads_params_that_stand_before_it(
    cursor: str, place: tuple[int, int]
) -> None:
    document, line, column = opened(FILE.replace("width: int", cursor))
    assert define(document, line, column) == Location(document.file, *place)


def test_a_path_leads_to_what_is_inside() -> None:
    text = FILE.replace("second.0.b", "second.0.|b")
    document, line, column = opened(text)
    document.problems()
    assert document.net is not None
    assert define(document, line, column) == Location(document.file, 10, 7)


def test_in_a_base(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text(FILE)
    start = f"{HEAD}extends: base.yaml\n"
    for text, place in (
        ("graph: {x: {block: un|it}}\n", (6, 3)),
        ("graph: {x: {op: relu, from: fir|st}}\n", (12, 3)),
        ("graph: {sec|ond: relu}\n", (13, 3)),
        ("params: {wid|th: 4}\n", (4, 10)),
        ("blocks: {un|it: null}\n", (6, 3)),
        ("graph: {x: {op: conv2d, channels: =wid|th}}\n", (4, 10)),
        ("taps: {t|: first}\n", (15, 8)),
    ):
        document, line, column = opened(start + text, tmp_path)
        assert define(document, line, column) == Location(str(base), *place), text
    document, line, column = opened(start.replace("base.", "ba|se."), tmp_path)
    assert define(document, line, column) == Location(str(base), 1, 1)


def test_the_zoo() -> None:
    document, line, column = opened(f"{HEAD}extends: resnet|18\n")
    assert define(document, line, column) == Location(
        str(catalog.find("resnet18")), 1, 1
    )
    document, line, column = opened(f"{HEAD}extends: nosuch|\n")
    assert define(document, line, column) is None

"""How errors look, for people and for machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from archspec.authoring.codes import answers
from archspec.authoring.messages import span
from archspec.cli.app import application

HEAD = "archspec: 1\nname: net\ninputs: {image: [3, 8, 8]}\n"


@pytest.mark.parametrize(
    ("line", "column", "text"),
    [
        ("  conv: {op: conv2d, kernel: 3}", 3, "conv"),
        ("  conv: {op: conv2d, kernel: 3}", 9, "{op: conv2d, kernel: 3}"),
        ("  conv: {op: conv2d, kernel: 3}", 14, "conv2d"),
        ("  conv: {op: conv2d, kernel: 3}", 30, "3"),
        ("  a: =b + 1  # why", 6, "=b + 1"),
        ("  a: '=f(x, y)'  # why", 6, "'=f(x, y)'"),
        ('  a: {b: "x: }", c: 1}', 10, '"x: }"'),
        ("  a: [b, [c, d]]", 10, "[c, d]"),
        ("- relu", 3, "relu"),
        ("a: x:y", 4, "x:y"),
        ("a: >-", 4, ">"),
        ("a: [1,", 4, "[1,"),
    ],
)
def test_what_is_underlined(line: str, column: int, text: str) -> None:
    assert line[column - 1 : column - 1 + span(line, column)] == text


def test_a_shape_error_in_a_block_of_a_base_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("base.yaml").write_text(
        f"{HEAD}blocks:\n"
        "  unit:\n"
        "    params: {channels: 3}\n"
        "    graph:\n"
        "      conv: {op: conv2d, channels: =channels, kernel: 1}\n"
        "      add: {op: add, from: [conv, input]}\n"
        "graph: {layer3: {block: unit, repeat: 2}}\n"
    )
    Path("net.yaml").write_text(
        "archspec: 1\nname: net\nextends: base.yaml\n"
        "graph: {layer3: {block: unit, repeat: 2, channels: 4}}\n"
    )
    result = CliRunner().invoke(application(), ["validate", "net.yaml"])
    assert result.exit_code == 1 and not result.stdout
    assert result.stderr == (
        "base.yaml:9:7: error: 'layer3.0.add': add needs equal shapes (or [C, 1, 1] "
        "beside an image), found [4, 8, 8] and [3, 8, 8] [AS402]\n"
        "  9 |       add: {op: add, from: [conv, input]}\n"
        "    |       ^^^\n"
        "    reads 'layer3.0.conv', [4, 8, 8], from conv2d at base.yaml:8:7\n"
        "    reads the input 'image', [3, 8, 8]\n"
        "    in layer3.0, the block 'unit', at net.yaml:4:9\n"
        "    extended by net.yaml:3:10\n"
        "Found 1 error in 1 file\n"
    )
    found = json.loads(
        CliRunner().invoke(application(), ["validate", "net.yaml", "--json"]).stdout
    )
    assert [
        (f["code"], f["severity"], f["file"], f["line"], f["column"], f["end_column"])
        for f in found
    ] == [("AS402", "error", "base.yaml", 9, 7, 10)]
    assert len(found[0]["notes"]) == 4


def test_a_long_line_is_cut_around_the_place() -> None:
    keys = ", ".join(f"k{n}: relu" for n in range(90))
    (text,) = answers(f"{HEAD}graph: {{{keys}, bad: rellu, last: tanh}}\n")
    line, marks = text.split("\n")[1:3]
    assert len(line) < 120
    assert line[marks.index("^") : marks.rindex("^") + 1] == "rellu"

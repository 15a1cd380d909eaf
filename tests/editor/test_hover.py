"""What is told about what is under the cursor."""

from __future__ import annotations

import pytest
from opened import HEAD, opened

from archspec.editor.hover import hover
from archspec.ops import BY_KIND
from archspec.ops.describe import summary

FILE = f"""{HEAD}params: {{width: 4}}
blocks:
  unit:
    description: Two layers.
    params: {{channels: int}}
    graph:
      conv: {{op: conv2d, channels: =channels, kernel: 3, padding: 1, bias: false}}
      act: relu
graph:
  first: {{op: conv2d, channels: =width, kernel: 1}}
  body: {{block: unit, channels: =width, repeat: 2, from: first}}
  pool{{index}}: {{op: max_pool2d, kernel: 2, repeat: 2}}
taps: {{t: body}}
"""
FIRST = "| first | 4 x 32 x 32 | 16 | 12,288 |"  # 3 x 4 + 4 weights, 3 x 4 x 1024 MACs
BODY = "| body.0 | 4 x 32 x 32 | 144 | 147,456 |"  # 9 x 4 x 4, and that x 1024


def told(old: str, new: str, later: str = "") -> str:
    document, line, column = opened(FILE.replace(old, new, 1))
    document.problems()
    if later:
        document.text = later
    return hover(document, line, column)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("first:", "fir|st:", FIRST),
        ("first:", "fir|st:", "**first**: op conv2d"),
        ("from: first", "from: fir|st", FIRST),
        ("body:", "bo|dy:", BODY),
        ("conv: {", "co|nv: {", "| body.1.conv | 4 x 32 x 32 | 144 | 147,456 |"),
        ("pool{", "po|ol{", "| pool1 | 4 x 8 x 8 | 0 | 0 |"),
        ("t: body", "t: bo|dy", "| body.1.act | 4 x 32 x 32 |"),
        ("t: body", "t: body.1.co|nv", "| body.1.conv | 4 x 32 x 32 | 144 |"),
        ("block: unit", "block: un|it", "**unit**: Two layers.\n\n- `channels`: int"),
        ("  unit:", "  un|it:", "**unit**: Two layers."),
        ("op: conv2d", "op: con|v2d", summary(BY_KIND["conv2d"])),
        ("op: conv2d", "op: con|v2d", "Definition: "),
        ("act: relu", "act: re|lu", summary(BY_KIND["relu"])),
        ("kernel: 3", "ker|nel: 3", "**kernel**: A whole number"),
        ("kernel: 3", "kernel: |3", "**kernel**: A whole number"),
        ("=channels", "=chan|nels", "a param of the block 'unit': int, required"),
        ("channels: =width", "chan|nels: =width", "A whole number from 1."),
        ("=width", "=wid|th", "**width**, a param: int, default 4\n\nIt is 4."),
        ("{width: 4}", "{wid|th: 4}", "**width**: int, default 4"),
        ("repeat: 2", "rep|eat: 2", "How many are chained"),
        ("taps:", "ta|ps:", "Names of features"),
    ],
)
def test_one_thing_is_told(old: str, new: str, expected: str) -> None:
    assert expected in told(old, new)


def test_the_zoo_is_told() -> None:
    document, line, column = opened(f"{HEAD}extends: resnet|18\n")
    assert hover(document, line, column).startswith("**ResNet-18**\n\nResNet-18 with")


def test_a_node_keeps_its_numbers_while_others_are_written() -> None:
    document, _, _ = opened(FILE)
    document.problems()
    changed = FILE.replace("graph:\n  first", "graph:\n  new: {op: |\n  fir^st")
    document.text = changed.replace("|", "").replace("^", "")
    document.problems()
    before = changed.replace("|", "").partition("^")[0]
    column = len(before) - before.rfind("\n")
    assert FIRST in hover(document, before.count("\n") + 1, column)


def test_nothing_is_told_where_nothing_is() -> None:
    assert told("kernel: 1}", "kernel: 1} # a comm|ent") == ""
    document, line, column = opened("|")
    assert hover(document, line, column) == ""


def test_of_many_instances_some_are_shown() -> None:
    text = f"{HEAD}graph: {{re|lu: {{op: relu, repeat: 20}}}}\n"
    document, line, column = opened(text)
    document.problems()
    assert hover(document, line, column).endswith("\n\nand 12 more")

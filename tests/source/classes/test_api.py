"""The example that archspec.source.classes opens with: it runs, and prints what it says."""

from __future__ import annotations

import textwrap

from nets import graph_of

from archspec.source import classes
from archspec.source.text import Call, Code, Infix

NET = """
inputs: {image: [3, 8, 8]}
blocks:
  unit:
    graph:
      conv: {op: conv2d, channels: 4, kernel: 3, padding: 1}
      relu: relu
      add: {op: add, from: [relu, input]}
graph:
  stem: {op: conv2d, channels: 4, kernel: 1}
  layer: {block: unit, repeat: 2}
"""


def test_the_example() -> None:
    _, code, _, *printed = (classes.__doc__ or "").split("\n\n")
    said = "\n\n".join(printed).partition("\n\nAn op is")[0]
    shown: list[str] = []
    names = {**vars(classes), "Call": Call, "Code": Code, "Infix": Infix}
    exec(
        textwrap.dedent(code), {**names, "graph": graph_of(NET), "print": shown.append}
    )
    assert shown[0].endswith(f"import toy\n\n\n{textwrap.dedent(said)}\n")

"""What ops of chance are thrown on."""

from __future__ import annotations

from nets import graph_of

from archspec.verify.dice import tosses

NET = """
inputs: {image: [3, 4, 4]}
graph:
  a: {op: dropout, rate: 0.5}
  b: {op: dropout, rate: 0.5}
  c: {op: dropout, rate: 0.25}
  d: {op: dropout, rate: 0}
  e: {op: drop_path, rate: 0.5}
  f: flatten
  g: {op: dropout, rate: 0.5}
"""


def test_each_op_and_rank_once() -> None:
    found = tosses(graph_of(NET))
    assert [(t.node, t.rate, t.whole, len(t.shape)) for t in found] == [
        ("a", 0.5, False, 3),
        ("c", 0.25, False, 3),
        ("e", 0.5, True, 3),
        ("g", 0.5, False, 1),
    ]


def test_no_value_is_0() -> None:
    for toss in tosses(graph_of(NET)):
        given, against = toss.numbers(3)
        assert given["x0"].shape == against[""].shape
        assert given["x0"].shape[1:] == toss.shape and len(given["x0"]) >= 256
        assert given["x0"].all() and against[""].all()
        assert (toss.numbers(3)[0]["x0"] == given["x0"]).all()

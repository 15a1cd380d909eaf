"""Are two nets the same function?"""

from __future__ import annotations

import pytest
from nets import graph_of

from archspec.diffing.sameness import by_structure, verdict

HEAD = "inputs: {image: [3, 8, 8]}\n"
TWINS = f"""{HEAD}graph:
  stem: {{op: conv2d, channels: 3, kernel: 1}}
  left: {{op: conv2d, channels: 3, kernel: 1}}
  right: {{op: conv2d, channels: 3, kernel: 1, from: stem}}
  both: {{op: add, from: [left, right]}}
"""
SHARED = TWINS.replace("from: [left, right]", "from: [left, left]")


def answer(one: str, other: str, matched: dict[str, str] | None = None) -> str:
    return verdict(graph_of(one), graph_of(other), matched or {}).answer


def test_names_of_twins_may_be_exchanged() -> None:
    other = TWINS.replace("left:", "LEFT:").replace("right:", "left:")
    other = other.replace("LEFT:", "right:")
    assert answer(TWINS, other) == "equal"


def test_one_layer_that_is_added_twice_is_no_twin() -> None:
    """The digests of both operands are equal in both nets; the nets are not."""
    shared = SHARED.replace(
        "  right: {op: conv2d, channels: 3, kernel: 1, from: stem}\n", ""
    )
    assert answer(TWINS, shared) == "different"


CROSSED = f"""{HEAD}graph:
  a: {{op: conv2d, channels: 3, kernel: 1}}
  b: {{op: conv2d, channels: 3, kernel: 1, from: input}}
  x: {{op: ADD, from: [a, A]}}
  y: {{op: ADD, from: [b, B]}}
  z: {{op: concat, from: [x, y]}}
"""


def test_which_of_two_twins_is_read_counts() -> None:
    """Nets that no digest of what is computed tells apart: only names do."""
    one = CROSSED.replace("ADD", "add").replace("A]", "b]").replace("B]", "a]")
    other = CROSSED.replace("ADD", "add").replace("A]", "a]").replace("B]", "b]")
    assert {*by_structure(graph_of(one), graph_of(other))} >= {"a", "b"}
    assert answer(one, other) == "equal weights"


@pytest.mark.parametrize(
    ("edit", "found", "told"),
    [
        (("channels: 3", "channels: 3"), "equal", "equal: the same function"),
        (("stem", "first"), "equal", "under other names"),
        (("add", "multiply"), "equal weights", "another function: each tensor"),
        (("[3, 8, 8]", "[3, 9, 9]"), "equal weights", "inputs of another size"),
        (("[3, 8, 8]", "[4, 8, 8]"), "different", "another function"),
        (("kernel: 1}", "kernel: 1, bias: false}"), "different", "another function"),
        (("image:", "x:"), "equal", "equal: the same function"),
    ],
)
def test_answers(edit: tuple[str, str], found: str, told: str) -> None:
    given = verdict(graph_of(TWINS), graph_of(TWINS.replace(*edit)), {})
    assert given.answer == found and told in given.text


def test_taps() -> None:
    taps = TWINS + "taps: {c1: stem}\n"
    given = verdict(graph_of(TWINS), graph_of(taps), {})
    assert given.answer == "equal" and "with other taps" in given.text


def test_training_alone() -> None:
    dropped = TWINS + "  drop: {op: dropout, rate: 0.5}\n"
    given = verdict(graph_of(TWINS), graph_of(dropped), {})
    assert given.text == "equal weights: another function in training alone"


def test_outputs_are_compared_in_their_order() -> None:
    """What a caller unpacks; names alone may be other."""
    ends = "outputs: {a: right, b: both}", "outputs: {b: both, a: right}"
    one, other = (f"{TWINS}{end}\n" for end in ends)
    assert answer(one, other) == "equal weights"
    assert answer(one, one.replace("a:", "first:")) == "equal"

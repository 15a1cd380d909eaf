"""What a name in `from` stands for, and what is said of one that stands for nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from spelled import spoken

from archspec.errors import Location, SpecError, Told
from archspec.language.files import Files
from archspec.language.reading import UNKNOWN, Sight, several

AT = Location("net.yaml", 1, 1)
UNIT = Files().text(
    "archspec: 1\nname: net\ninputs: {image: [3, 8, 8]}\n"
    "graph: {a: relu, b: relu, later: relu, last: relu}\n",
    "net.yaml",
)
NODES: dict[str, Collection[str] | None] = {
    "a": ("",),
    "0": ("",),
    "two": ("left", "right"),
    "unknown": None,
    "x.y": ("",),
}


def find(
    ref: Any, inputs: tuple[str, ...] = ("input",), **more: Collection[str] | None
) -> tuple[str, str]:
    assert UNIT.graph is not None
    return Sight(inputs, {**NODES, **more}, UNIT.graph, UNIT).find(ref, AT)


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        ("a", ("a", "")),
        (0, ("0", "")),
        ("0", ("0", "")),
        ("two.left", ("two", "left")),
        ("input", ("input", "")),
        ("x.y", ("x.y", "")),
    ],
)
def test_what_is_there(ref: Any, found: tuple[str, str]) -> None:
    assert find(ref) == found


def test_an_input_comes_before_a_node() -> None:
    assert find("skip", ("x", "skip"), skip=("only",)) == ("skip", "")


@pytest.mark.parametrize("ref", ["unknown", "unknown.left"])
def test_what_is_not_known(ref: str) -> None:
    with pytest.raises(Told):
        find(ref)


def test_where_names_are_missing_nothing_is_said() -> None:
    with pytest.raises(Told):
        find("nothing", ("input",), **{UNKNOWN: None})
    assert find("a", ("input",), **{UNKNOWN: None}) == ("a", "")


READABLE = "it can read input, a, 0, two, unknown, x.y"


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        (True, "AS305 1:1 expected the name of a node, found true"),
        (1.5, "AS305 1:1 expected the name of a node, found 1.5"),
        ((), "AS305 1:1 expected the name of a node, found []"),
        (
            "zzzz",
            f"AS306 1:1 there is no node 'zzzz' before this one ({READABLE})",
        ),
        ("7", f"AS306 1:1 there is no node '7' before this one ({READABLE})"),
        ("a.", "AS306 1:1 there is no node 'a.' before this one (did you mean 'a'?)"),
        (
            "unknwn",
            "AS306 1:1 there is no node 'unknwn' before this one "
            "(did you mean 'unknown'?)",
        ),
        (
            "image",
            "AS306 1:1 there is no node 'image' before this one "
            "(the only input of a scope is called `input`)",
        ),
        (
            "later",
            "AS306 1:1 there is no node 'later' before this one "
            "('later' is written further down; a node reads what is above it)",
        ),
        (
            "later.out",
            "AS306 1:1 there is no node 'later.out' before this one "
            "('later' is written further down; a node reads what is above it)",
        ),
        (
            "a.out",
            "AS307 1:1 'a' has no output 'out' (its only output is read as 'a')",
        ),
        (
            "two",
            "AS307 1:1 'two' has the outputs left, right (say which: NODE.left)",
        ),
        (
            "two.lft",
            "AS307 1:1 'two' has no output 'lft' (did you mean 'left'?)",
        ),
        (
            "two.zz",
            "AS307 1:1 'two' has no output 'zz' (its outputs: left, right)",
        ),
    ],
)
def test_what_is_refused(ref: Any, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        find(ref)
    assert spoken(caught.value) == message


def test_where_the_scope_has_other_inputs_no_word_about_input() -> None:
    with pytest.raises(SpecError) as caught:
        find("image", ("x", "skip"))
    assert caught.value.hint == "it can read x, skip, a, 0, two, unknown, x.y"


def test_a_hint_lists_the_last_names() -> None:
    many = {f"node{n}": ("",) for n in range(30)}
    with pytest.raises(SpecError) as caught:
        find("zzzz", **many)
    names = [f"node{n}" for n in range(10, 30)]
    assert caught.value.hint == "it can read " + ", ".join(names)


def test_several_outputs() -> None:
    error = several("it", {"p": "v", "q": "w"}, AT)
    assert spoken(error) == "AS307 1:1 it has the outputs p, q (say which: NODE.p)"

"""archspec.source.functions.labels: what the layers of small lists are called."""

from __future__ import annotations

import pytest
from outlines import op

from archspec.source.expr import Arg, named
from archspec.source.functions.labels import Label, numbers
from archspec.source.outline import Line, Nested, Ref
from archspec.source.text import flat

DEPTH, WIDE = named("depth", "int"), named("wide", "bool")


def line(
    count: Arg | None = None,
    when: Arg = True,
    *,
    index: str = "i",
    instead: bool = False,
    spread: bool = False,
) -> Line:
    target = Nested("in", True, True, [], (Ref(None),)) if spread else op("relu")
    index = index if count is not None else ""
    made = Line("", target, (Ref(None),), when=when, count=count, index=index)
    made.instead = instead
    return made


def test_children_are_numbered_from_0() -> None:
    assert numbers([line(), line(), line()]) == ["0", "1", "2"]
    assert numbers([]) == []


def test_a_loop_counts_on_from_what_is_before_it() -> None:
    assert numbers([line(3)]) == ["{i}"]
    assert numbers([line(), line(3), line()]) == ["0", "{i + 1}", "4"]
    assert numbers([line(DEPTH), line()]) == ["{i}", "{depth}"]
    found = numbers([line(), line(DEPTH), line(2, index="j"), line()])
    assert found == ["0", "{i + 1}", "{j + depth + 1}", "{depth + 3}"]


def test_a_loop_that_never_turns_takes_no_number() -> None:
    assert numbers([line(0), line()]) == ["{i}", "0"]


def test_two_of_which_one_is_there_have_one_number() -> None:
    pair = [line(when=WIDE), line(when=WIDE, instead=True)]
    assert numbers([line(), *pair, line()]) == ["0", "1", "1", "2"]


def test_what_is_not_always_there_has_a_number_if_it_is_the_last() -> None:
    assert numbers([line(), line(when=WIDE)]) == ["0", "1"]
    assert numbers([line(), line(when=WIDE), line()]) is None


def test_a_list_that_is_inlined_takes_as_many_numbers_as_it_says() -> None:
    assert numbers([line(), line(spread=True)]) is None


@pytest.mark.parametrize("held", ["start", "carried"])
def test_a_number_reads_nothing_that_a_loop_sets(held: str) -> None:
    lines = [line(DEPTH), line(2), line()]
    setattr(lines[1], held, {"depth": 1})
    assert numbers(lines) is None
    setattr(lines[1], held, {"width": 1})
    assert numbers(lines) == ["{i}", "{i + depth}", "{depth + 2}"]


@pytest.mark.parametrize(
    ("count", "found"),
    [
        (DEPTH * 2, "{depth * 2}"),
        (DEPTH - 1, "{depth - 1}"),
        (DEPTH // 2, None),
        (DEPTH + named("a", "int") + named("b", "int"), "{depth + a + b}"),
        (DEPTH * 2 + named("a", "int") + named("b", "int"), None),
    ],
)
def test_only_short_sums_stand_in_a_name(count: Arg, found: str | None) -> None:
    told = numbers([line(count), line()])
    assert told == (None if found is None else ["{i}", found])


@pytest.mark.parametrize(
    ("label", "code"),
    [
        (Label("conv1"), '"conv1"'),
        (Label("{name}_conv1"), 'f"{name}_conv1"'),
        (Label("{i}"), 'f"{i}"'),  # a number is no name
        (Label("{name}"), 'f"{name}"'),
        (Label("{label}"), "label"),
        (Label("{prefix2}"), "prefix2"),
        (Label("{label}_pad"), 'f"{label}_pad"'),
        (Label("a{label}"), 'f"a{label}"'),
        (Label("", "names"), "next(names)"),
    ],
)
def test_a_name_as_code(label: Label, code: str) -> None:
    assert flat(label.code()) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", '(f"{i}" for i in count())'),
        ("{name}_", '(f"{name}_{i}" for i in count())'),
        ("{name}_{i}_", '(f"{name}_{i}_{j}" for j in count())'),
        ("a_{i + j}_{l}_", '(f"a_{i + j}_{l}_{k}" for k in count())'),
        ("i_j_", '(f"i_j_{i}" for i in count())'),
    ],
)
def test_a_counter(text: str, code: str) -> None:
    """Its letter is none that the name reads."""
    assert flat(Label(text).counted()) == code

"""Places, errors of one and of many, and the words in them."""

from __future__ import annotations

from typing import Any

import pytest

from archspec.errors import (
    LONGEST,
    ArchspecError,
    BackendError,
    Collector,
    LimitError,
    Location,
    ShapeError,
    SpecError,
    SpecErrors,
    SpecWarning,
    Told,
    UnsupportedError,
    WeightsError,
    nearest,
    said,
    shown,
)

AT = Location("net.yaml", 3, 5)


def test_a_place() -> None:
    assert str(AT) == "net.yaml:3:5"
    assert AT.order == (3, 5)
    assert Location("net.yaml", 3, 5, inner=1, length=7) == AT


def test_a_part_of_a_text() -> None:
    quoted = Location("net.yaml", 3, 5, inner=1)
    part = quoted.part(2, 4)
    assert (str(part), part.length, part.inner) == ("net.yaml:3:8", 4, None)
    assert Location("net.yaml", 3, 5, inner=0).part(0, 1).column == 5
    assert AT.part(2, 4) is AT


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ArchspecError("no"), "no [AS100]"),
        (ArchspecError("no", at=AT), "net.yaml:3:5: no [AS100]"),
        (ArchspecError("no", hint="do", code="AS402"), "no (do) [AS402]"),
        (
            ArchspecError("no", at=AT, hint="do", notes=("in a", "in b")),
            "net.yaml:3:5: no (do) [AS100]\n  in a\n  in b",
        ),
    ],
)
def test_one_error_in_words(error: ArchspecError, text: str) -> None:
    assert str(error) == text
    assert error.errors == (error,)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ArchspecError, "AS100"),
        (SpecError, "AS200"),
        (LimitError, "AS200"),
        (ShapeError, "AS400"),
        (BackendError, "AS500"),
        (UnsupportedError, "AS503"),
        (WeightsError, "AS600"),
        (SpecWarning, "AS700"),
    ],
)
def test_the_code_of_a_class(kind: type[ArchspecError], code: str) -> None:
    assert kind("x").code == code
    assert kind("x", code="AS123").code == "AS123"


def at(file: str, line: int, column: int, message: str = "x") -> SpecError:
    place = Location(file, line, column)
    return SpecError(message, at=place, code="AS201", hint="h", notes=("n",))


def test_several_stand_in_the_order_of_the_text() -> None:
    """Files stand in the order in which they were met; what has no place, too."""
    found = SpecErrors(
        [
            at("b.yaml", 9, 1),
            at("a.yaml", 2, 9),
            at("b.yaml", 2, 3),
            ArchspecError("nowhere"),
            at("a.yaml", 2, 10),
            at("b.yaml", 10, 1),
        ]
    )
    assert [str(error.at) for error in found.errors] == [
        *("b.yaml:2:3", "b.yaml:9:1", "b.yaml:10:1"),
        *("a.yaml:2:9", "a.yaml:2:10", "None"),
    ]
    first = found.errors[0]
    assert (found.message, found.at, found.code) == ("x", first.at, "AS201")
    assert (found.hint, found.notes) == ("h", ("n",))
    assert str(found) == "\n".join(map(str, found.errors))


class TestCollector:
    def test_nothing_went_wrong(self) -> None:
        collector = Collector()
        assert collector.keep(max, 2, 3) == 3
        assert collector.keep(sorted, [1, 2], reverse=True) == [2, 1]
        collector.end()

    def test_one_error_is_itself(self) -> None:
        collector, error = Collector(), at("a", 1, 1)
        assert collector.keep(self.failing, error) is None
        with pytest.raises(SpecError) as caught:
            collector.end()
        assert caught.value is error

    def test_one_for_each_place(self) -> None:
        collector = Collector()
        for error in (
            at("a", 1, 1, "first"),
            at("a", 1, 1, "second"),
            ArchspecError("nowhere"),
            ArchspecError("nowhere"),
            ArchspecError("else"),
            SpecErrors([at("a", 3, 1, "third"), at("a", 2, 1, "fourth")]),
            Told(),
        ):
            collector.report(error)
        with pytest.raises(SpecErrors) as caught:
            collector.end()
        messages = {error.message for error in caught.value.errors}
        assert messages == {"first", "nowhere", "else", "third", "fourth"}

    def test_what_is_told_already_is_not_told_again(self) -> None:
        collector = Collector()
        collector.report(Told())
        collector.end()

    def test_errors_that_are_not_ours_pass(self) -> None:
        with pytest.raises(ZeroDivisionError):
            Collector().keep(lambda: 1 // 0)

    @staticmethod
    def failing(error: ArchspecError) -> None:
        raise error


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("rellu", ["relu", "elu", "gelu"], "did you mean 'relu'?"),
        ("RELU", ["relu"], "did you mean 'relu'?"),
        ("relu", ["ReLU"], "did you mean 'ReLU'?"),
        ("xyz", ["relu"], None),
        ("relu", [], None),
        ("abcdexxx", ["abcdeyyy"], "did you mean 'abcdeyyy'?"),
        ("abcdxxxx", ["abcdyyyy"], None),
        ("a" * 10_000, ["a" * 99], f"did you mean {'a' * 99!r}?"),
        ("relu", [*(f"x{n}" for n in range(1999)), "relu"], "did you mean 'relu'?"),
        ("relu", [*(f"x{n}" for n in range(2000)), "relu"], None),
    ],
)
def test_the_nearest_name(name: str, known: list[str], hint: str | None) -> None:
    assert nearest(name, known) == hint


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (0.5, "0.5"),
        ("a", "'a'"),
        ((1, (2, 3)), "[1, [2, 3]]"),
        ([1, 2], "[1, 2]"),
        ("x" * 58, f"'{'x' * 58}'"),
        ("x" * 59, f"'{'x' * 56}..."),
    ],
)
def test_a_value_in_a_message(value: Any, text: str) -> None:
    assert shown(value) == text


def test_long_texts_are_cut_in_the_middle_and_signs_escaped() -> None:
    name = "a" * 9999
    error = ArchspecError(
        f"the name {name} is long", hint=f"{name}!", notes=(f"in {name}.",)
    )
    for text, start, end in (
        (error.message, "the name aaa", "aaa is long"),
        (error.hint or "", "aaa", "aaa!"),
        (error.notes[0], "in aaa", "aaa."),
    ):
        assert len(text) == LONGEST + len(" [...] ")
        assert text.startswith(start) and text.endswith(end) and " [...] " in text
    hostile = "\x1b[31m\u202eé\n\ud800"
    assert ArchspecError(hostile).message == r"\x1b[31m\u202eé\n\ud800"
    assert ArchspecError("x" * LONGEST).message == "x" * LONGEST


def test_what_another_library_says_is_one_short_line() -> None:
    assert said(ValueError("a\n  b\n")) == "a b"
    assert said(KeyError()) == "KeyError"
    assert len(said(OSError("x" * 9_999))) == 200

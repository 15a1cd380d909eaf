"""What public functions take, and what they refuse before they do anything."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archspec import arguments
from archspec.errors import ArchspecError
from archspec.limits import DEFAULT


class Broken:
    """What can't even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError


class Sides(IntEnum):
    SMALL = 32


class Words(StrEnum):
    FIRST = "a"


def test_flags() -> None:
    assert arguments.flag("x", True) is True
    assert arguments.flag("x", np.bool_(False)) is False
    value: Any
    for value in (0, 1, "yes", None, [], np.int64(1)):
        with pytest.raises(TypeError, match=r"^x: expected True or False, found"):
            arguments.flag("x", value)


def test_whole_numbers() -> None:
    for value in (3, np.int8(3), np.array(3)):
        assert type(arguments.whole("x", value)) is int
    assert arguments.whole("x", -(2**80)) == -(2**80)
    for other in (True, 3.0, "3", None, [3], np.float64(3), Broken()):
        with pytest.raises(TypeError, match=r"^x: expected a whole number, found"):
            arguments.whole("x", other)
    with pytest.raises(ArchspecError, match=r"^x: expected a number from 1, found 0"):
        arguments.whole("x", 0, least=1)
    with pytest.raises(ArchspecError, match=r"found a int \[AS505\]$"):
        arguments.whole("x", -(10**5000), least=1)


def test_texts_and_paths() -> None:
    assert arguments.text("x", "a", "b") == "a"
    assert arguments.path("x", Path("a/b")) == arguments.path("x", "a/b")
    assert arguments.texts("x", "abc") == ("abc",)
    assert arguments.texts("x", {"a"}) == ("a",)
    assert arguments.texts("x", iter(["a", "b"])) == ("a", "b")
    for value in (5, None, b"a", {"a": 1}, [5]):
        with pytest.raises(TypeError, match=r"^x: expected strings, found"):
            arguments.texts("x", value)
        with pytest.raises(TypeError, match=r"^x: expected a string such as 'b'"):
            arguments.text("x", value, "b")
        with pytest.raises(TypeError, match=r"^x: expected a string or a path"):
            arguments.path("x", value)


def test_params_are_pythons_own() -> None:
    given: Any = {
        "a": Sides.SMALL,
        "b": Words.FIRST,
        "c": np.str_("s"),
        "d": [np.float64(0.5), (np.uint8(1), None)],
        "e": range(2),
    }
    found = arguments.params(given, {"a": 7}, DEFAULT)
    assert found == {"a": 7, "b": "a", "c": "s", "d": (0.5, (1, None)), "e": (0, 1)}
    assert type(found["b"]) is str
    assert type(arguments.param("a", Sides.SMALL, DEFAULT)) is int


def test_a_long_value_is_cut() -> None:
    with pytest.raises(TypeError) as caught:
        arguments.flag("x", "y" * 1000)
    assert len(str(caught.value)) < 120 and str(caught.value).endswith("...")


def test_a_name_that_is_unknown() -> None:
    arguments.known("build", {"new": 1}, ["new", "source"])
    with pytest.raises(TypeError) as caught:
        arguments.known("build", {"sources": 1}, ["new", "source"])
    told = (
        "build() got an unexpected keyword argument 'sources'; did you mean 'source'?"
    )
    assert str(caught.value) == told

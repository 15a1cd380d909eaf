"""The reader: YAML 1.2 scalars, places, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.errors import ArchspecError
from archspec.language.reader import Map, locate, parse, read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("1.", 1.0),
        (".5", 0.5),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("no", "no"),
        ("on", "on"),
        ("TRUE", True),
        ("~", None),
        ('"1"', "1"),
        ("=a + 1", "=a + 1"),
        ("[1, {a: 2}]", [1, {"a": 2}]),
    ],
)
def test_scalars_are_yaml_1_2(text: str, value: Any) -> None:
    assert parse(f"a: {text}\n", "net.yaml") == {"a": value}


def test_places() -> None:
    tree = parse("a:\r\n  0: [x, {b: 1}]\n", "net.yaml")
    assert str(locate(tree, ("a", "0", 1, "b"))) == "net.yaml:2:14"
    assert str(locate(tree, ("a", "0", 1, "b"), key=True)) == "net.yaml:2:11"
    assert str(locate(tree, ("a", "nothing"))) == "net.yaml:2:3"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "net.yaml:2:1: the key 'a' stands twice, first in line 1"),
        ("<<: {}", "net.yaml:1:1: the merge key .*extends"),
        ("a: !x 1", "net.yaml:1:4: tags such as"),
        ("a: {b: =max(a, b)}", "net.yaml:1:8: the formula '=max\\(a' is cut off"),
        ("a: {b: =c[0], d: 1}", "net.yaml:1:.*wants quotes"),
        ("a: =max(1, #2)", "net.yaml:1:4: the formula .* is cut off"),
        ("a: .inf", "not a finite number"),
        ("a: 99999999999999999", "beyond"),
        ("- a", "a spec is a mapping"),
        ("", "a spec is a mapping"),
        ("a: 1\n---\nb: 1", "one YAML document"),
        ("a: *b", "net.yaml:1:4: .*alias"),
        ("a: " + "[" * 100_000, "at most 64 deep"),
        ("a: &a [" + "1, " * 200 + "]\nb: [" + "*a, " * 99 + "]", "aliases expand"),
        ("a:\n\t- b", "net.yaml:2:1: not YAML"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(ArchspecError, match=message):
        parse(text, "net.yaml")


def test_files_that_are_none(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", Path("/dev/zero")):
        with pytest.raises(ArchspecError, match=path.name):
            read(path)


@settings(deadline=None)
@given(st.binary() | st.text(alphabet="ab:={}[]-&*!'\"# \n0,").map(str.encode))
def test_any_bytes_give_a_mapping_or_an_error(data: bytes) -> None:
    try:
        assert isinstance(parse(data, "net.yaml"), Map)
    except ArchspecError as error:
        assert error.at is not None

"""The reader: YAML 1.2 scalars, places, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spelled import spoken

from archspec.errors import ArchspecError, LimitError, Location
from archspec.files import NO_FILE
from archspec.language.reader import QUOTES, Map, Seq, locate, parse, read
from archspec.limits import Limits


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("1.", 1.0),
        (".5", 0.5),
        ("+.5e1", 5.0),
        ("-0.5", -0.5),
        ("010", 10),
        ("-7", -7),
        ("+7", 7),
        ("0x1F", 31),
        ("0o17", 15),
        ("9007199254740992", 2**53),
        ("-9007199254740992", -(2**53)),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("no", "no"),
        ("on", "on"),
        ("tRUE", "tRUE"),
        ("True", True),
        ("TRUE", True),
        ("false", False),
        ("~", None),
        ("Null", None),
        ("", None),
        ('"1"', "1"),
        ("'true'", "true"),
        ('""', ""),
        ("=a + 1", "=a + 1"),
        ("-", "-"),
        ("[1, {a: 2}]", [1, {"a": 2}]),
        ("{}", {}),
        ("0." + "1" * 390, float("0." + "1" * 390)),
    ],
)
def test_scalars_are_yaml_1_2(text: str, value: Any) -> None:
    if text == "-":
        text = "'-'"
    found = parse(f"a: {text}\n", "net.yaml")["a"]
    assert found == value and isinstance(found, type(value))


def test_keys() -> None:
    found = parse('a: 1\n0: 2\n"3.5": 3\n"<<": 4\n"true": 5\n', "net.yaml")
    assert found == {"a": 1, "0": 2, "3.5": 3, "<<": 4, "true": 5}


def test_aliases_are_the_same_value() -> None:
    found = parse("a: &x [1, 2]\nb: *x\nc: &y 3\nd: [*y, *x]\n", "net.yaml")
    assert found == {"a": [1, 2], "b": [1, 2], "c": 3, "d": [3, [1, 2]]}


def test_places() -> None:
    tree = parse("a:\r\n  0: [x, {b: 1}]\n", "net.yaml")
    assert str(tree.at) == "net.yaml:1:1"
    assert str(locate(tree, ("a",))) == "net.yaml:2:3"
    assert str(locate(tree, ("a",), key=True)) == "net.yaml:1:1"
    assert str(locate(tree, ("a", "0", 0))) == "net.yaml:2:7"
    assert str(locate(tree, ("a", "0", 0), key=True)) == "net.yaml:2:7"
    assert str(locate(tree, ("a", "0", 1, "b"))) == "net.yaml:2:14"
    assert str(locate(tree, ("a", "0", 1, "b"), key=True)) == "net.yaml:2:11"
    # As deep as it goes.
    assert str(locate(tree, ("a", "nothing", "b"))) == "net.yaml:2:3"
    assert str(locate(tree, ("a", "0", 2))) == "net.yaml:2:6"
    assert str(locate(tree, ("a", "0", "x"))) == "net.yaml:2:6"
    assert str(locate(tree, ("a", "0", 0, 0))) == "net.yaml:2:7"
    inner = tree["a"]["0"]
    assert isinstance(inner, Seq) and isinstance(inner[1], Map)
    assert str(inner.at) == "net.yaml:2:6"


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("=a + b", 0),
        ("'=a + b'", 1),
        ('"=a + b"', 1),
        ("'=a == ''x'''", None),  # the text differs from what is written
        (">\n  =a +\n  b", None),
        ("[1]", None),
    ],
)
def test_how_far_behind_its_place_a_text_begins(text: str, inner: int | None) -> None:
    assert locate(parse(f"k: {text}\n", "net.yaml"), ("k",)).inner == inner


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2",
         "AS104 2:1 the key 'a' stands twice, first in line 1, column 1"),
        ("a: {bb: 1, bb: 2}",
         "AS104 1:12 the key 'bb' stands twice, first in line 1, column 5"),
        ("<<: {}",
         "AS105 1:1 the merge key << is not part of the language (use `extends` for a "
         "base file, `defaults` for shared attributes)"),
        ("a: !x 1", "AS105 1:4 tags such as '!x' mean nothing here"),
        ("a: !x [1]", "AS105 1:4 tags such as '!x' mean nothing here"),
        ("!x a: 1", "AS105 1:1 tags such as '!x' mean nothing here"),
        ("a: 1\n---\nb: 1", "AS105 2:1 a spec is one YAML document"),
        ("a: *b", "AS105 1:4 the alias *b names no finished anchor"),
        ("a: &b [*b]", "AS105 1:8 the alias *b names no finished anchor"),
        ("a: {b: =max(a, b)}",
         f"AS106 1:8 the formula '=max(a' is cut off ({QUOTES})"),
        ("a: [1, =max(a, b)]",
         f"AS106 1:8 the formula '=max(a' is cut off ({QUOTES})"),
        ("a: =max(1, #2)",
         f"AS106 1:4 the formula '=max(1,' is cut off ({QUOTES})"),
        ("a: ={b", f"AS106 1:4 the formula '={{b' is cut off ({QUOTES})"),
        ("a: {b: =\"c if true else \"hwc\"}",
         f"AS106 1:8 the formula '=\"c if true else \"hwc\"' is cut off ({QUOTES})"),
        ("a: ='x", f"AS106 1:4 the formula \"='x\" is cut off ({QUOTES})"),
        ("a: =\"x", f"AS106 1:4 the formula '=\"x' is cut off ({QUOTES})"),
        ("a: =b]", f"AS106 1:4 the formula '=b]' is cut off ({QUOTES})"),
        ("a: =b not", f"AS106 1:4 the formula '=b not' is cut off ({QUOTES})"),
        ("a: =b and ", f"AS106 1:4 the formula '=b and' is cut off ({QUOTES})"),
        ("a: =b <", f"AS106 1:4 the formula '=b <' is cut off ({QUOTES})"),
        ("a: =", f"AS106 1:4 the formula '=' is cut off ({QUOTES})"),
        ("a: [=b == 'x, 1]",
         f"AS106 1:5 the formula \"=b == 'x\" is cut off ({QUOTES})"),
        ('a: {o: ="c if t else "hwc"}',
         f"AS106 1:8 the formula '=\"c if t else \"hwc\"' is cut off ({QUOTES})"),
        ("a: {b: =c[0], d: 1}",
         "AS106 1:10 not YAML: did not find expected ',' or '}' "
         f"({QUOTES})"),
        ("a: .inf", "AS108 1:4 .inf is not a finite number"),
        ("a: -.Inf", "AS108 1:4 -.Inf is not a finite number"),
        ("a: .NaN", "AS108 1:4 .NaN is not a finite number"),
        ("a: 1e400", "AS108 1:4 1e400 is not a finite number"),
        ("a: " + "9" * 400, "AS108 1:4 " + "9" * 40 + " is not a finite number"),
        ("a: 9007199254740993",
         "AS124 1:4 the integer 9007199254740993 is beyond 9007199254740992 "
         "(ARCHSPEC_LIMITS=integer=90071992547409920 would allow ten times as much)"),
        ("- a", "AS107 1:1 a spec is a mapping of keys to values"),
        ("", "AS107 1:1 a spec is a mapping of keys to values"),
        ("1.5: a", "AS109 1:1 the key '1.5' is no name"),
        ("true: a", "AS109 1:1 the key 'true' is no name"),
        ("~: a", "AS109 1:1 the key '~' is no name"),
        ("[a]: b", "AS109 1:1 a key is a name, found a collection"),
        ("a: &x b\n*x : c", "AS109 2:1 a key is a name, found an alias"),
        ("a: [1", "AS103 1:4 not YAML: found unexpected end of stream "
         "(what is opened here is never closed)"),
        ("a: [\n  {b: [1]},\n\n  c,\n",
         "AS103 1:4 not YAML: found unexpected end of stream "
         "(what is opened here is never closed)"),
        ("a: [[1], {b: [2, 3}]\nc: 1",
         "AS103 1:19 not YAML: did not find expected ',' or ']' "
         "(a comma is missing, or the '[' of line 1, column 14 isn't closed)"),
        ("a: {b: 1\nc: {d: 2}",
         "AS103 2:2 not YAML: did not find expected ',' or '}' "
         "(a comma is missing, or the '{' of line 1, column 4 isn't closed)"),
        ("a: 'x", "AS103 1:4 not YAML: found unexpected end of stream "
         "(what is opened here is never closed)"),
        ("a:\n\t- b", "AS103 2:1 not YAML: found character that cannot start any token "
         "(YAML indents with spaces; such a sign wants quotes)"),
        ("a: b: c", "AS103 1:5 not YAML: mapping values are not allowed in this "
         "context (see to the indent of this line and the one above)"),
        ("a:\n  b: 1\n c: 2", "AS103 3:2 not YAML: did not find expected key"),
        ("a: \x00", "AS103 1:1 not YAML: control characters are not allowed"),
    ],
)  # fmt: skip
def test_refused(text: str, message: str) -> None:
    with pytest.raises(ArchspecError) as caught:
        parse(text, "net.yaml")
    assert spoken(caught.value) == message


@pytest.mark.parametrize(
    "text", ["=a", "=(a)", "=a['b']", "='it(s'", '="["', "=android", "=a.band"]
)
def test_formulas_that_are_whole(text: str) -> None:
    assert parse(f"a: {text}", "net.yaml")["a"] == text
    assert parse("a: '=max(1,'", "net.yaml")["a"] == "=max(1,"  # quoted is meant


def test_bytes() -> None:
    assert parse("\ufeffa: é".encode(), "net.yaml") == {"a": "é"}
    with pytest.raises(ArchspecError) as caught:
        parse(b"a: \xff", "net.yaml")
    assert spoken(caught.value) == "AS102 1:1 a spec is UTF-8 text; byte 3 is not"


RAISE = "(ARCHSPEC_LIMITS={} would allow ten times as much)"


@pytest.mark.parametrize(
    ("limits", "fine", "text", "message"),
    [
        (Limits(file_bytes=4), "a: 1", "a: 12",
         "AS120 1:1 a spec has at most 4 bytes " + RAISE.format("file_bytes=40")),
        (Limits(depth=2), "a: [1]", "a: [[1]]",
         "AS121 1:5 a spec nests at most 2 deep " + RAISE.format("depth=20")),
        (Limits(depth=2), "a: {b: 1}\nc: [1]", "a: {b: {c: 1}}",
         "AS121 1:8 a spec nests at most 2 deep " + RAISE.format("depth=20")),
        (Limits(list_length=2), "a: [1, 2]\nb: 1", "a: [1, 2, 3]",
         "AS123 1:11 a collection has at most 2 entries "
         + RAISE.format("list_length=20")),
        (Limits(list_length=2), "a: 1\nb: 1", "a: 1\nb: 1\nc: 1",
         "AS123 3:1 a collection has at most 2 entries "
         + RAISE.format("list_length=20")),
        (Limits(alias_nodes=6), "a: &x [1, {b: 2}]\nc: *x", "a: &x [1, {b: 2}]\nc: [*x, *x]",
         "AS122 2:9 aliases expand to more than 6 values "
         + RAISE.format("alias_nodes=60")),
        (Limits(integer=9), "a: -9", "a: -10",
         "AS124 1:4 the integer -10 is beyond 9 " + RAISE.format("integer=90")),
    ],
)  # fmt: skip
def test_limits(limits: Limits, fine: str, text: str, message: str) -> None:
    assert parse(fine, "net.yaml", limits)
    with pytest.raises(LimitError) as caught:
        parse(text, "net.yaml", limits)
    assert spoken(caught.value) == message


def test_aliases_are_counted_together() -> None:
    fine = "a: &x [1, {b: 2}]\nb: *x\nc: *x\n"
    assert parse(fine, "net.yaml", Limits(alias_nodes=8))
    with pytest.raises(LimitError):
        parse(fine, "net.yaml", Limits(alias_nodes=7))
    laughs = "".join(f"l{n}: &l{n} [{f'*l{n - 1}, ' * 9}]\n" for n in range(1, 9))
    with pytest.raises(LimitError, match="aliases"):
        parse(f"l0: &l0 [x]\n{laughs}", "net.yaml")


@pytest.mark.parametrize(
    ("depth", "place"),
    [
        (600, "1:1 "),
        (100_000, "1:1003 "),  # the last of the 1000 brackets that libyaml takes
    ],
)
def test_deeper_than_the_parser_or_python_goes(depth: int, place: str) -> None:
    with pytest.raises(LimitError) as caught:
        parse("a: " + "[" * depth + "]" * depth, "net.yaml", Limits(depth=10**6))
    assert spoken(caught.value).startswith(f"AS121 {place}")


def test_what_is_no_formula_is_never_cut_off() -> None:
    assert parse("a: wait (\nb: x -\nc: '=it''s ('", "net.yaml") == {
        "a": "wait (",
        "b": "x -",
        "c": "=it's (",
    }


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("a: 1")
    assert read(path) == {"a": 1}
    assert read(path).at == Location(str(path), 1, 1)
    assert read(path, Limits(file_bytes=4)) == {"a": 1}
    with pytest.raises(LimitError, match="at most 3 bytes"):
        read(path, Limits(file_bytes=3))


def test_files_that_are_none(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path, f"{tmp_path} can't be read: {NO_FILE}"),
        (Path("/dev/zero"), f"/dev/zero can't be read: {NO_FILE}"),
        (tmp_path / "no", f"{tmp_path}/no can't be read: No such file or directory"),
        (Path("a\0b"), "a\\x00b can't be read: embedded null byte"),
    ):
        with pytest.raises(ArchspecError) as caught:
            read(path)
        assert spoken(caught.value) == f"AS101 {message}"


@settings(deadline=None)
@given(st.binary() | st.text(alphabet="ab:={}[]-&*!'\"# \n0,").map(str.encode))
def test_any_bytes_give_a_mapping_or_an_error(data: bytes) -> None:
    try:
        assert isinstance(parse(data, "net.yaml"), Map)
    except ArchspecError as error:
        assert error.at is not None


def test_text_that_is_no_unicode() -> None:
    """As Python has what stood on the command line in another encoding."""
    with pytest.raises(ArchspecError) as caught:
        parse("a: \udcff", "--set")
    assert spoken(caught.value) == "AS102 1:1 a spec is UTF-8 text; byte 3 is not"

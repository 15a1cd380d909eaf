"""archspec.source.project: printed files among a user's own."""

from __future__ import annotations

import ast

import pytest

from archspec.source.project import checksum, printed, same, seal, untouched

TEXT = '"""A net."""\n\nimport b\nfrom a import c\n\n\ndef f(x):\n    return x + 1\n'
SEALED = seal(
    '"""A net.\n"""\n\nimport b\nfrom a import c\n\n\ndef f(x):\n    return x + 1\n'
)


def test_a_sealed_text_has_its_checksum_as_the_last_line_of_its_docstring() -> None:
    lines = SEALED.splitlines()
    assert lines[:1] == ['"""A net.']
    assert lines[1] == f"Checksum: {checksum(ast.parse(SEALED))}"
    assert lines[2] == '"""'
    assert len(lines[1]) == len("Checksum: ") + 16


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (TEXT, TEXT.replace("x + 1", "(x\n        + 1)"), True),
        (
            TEXT,
            TEXT.replace("import b\nfrom a import c", "from a import c\nimport b"),
            True,
        ),
        (TEXT, TEXT.replace("A net.", "A  net.\n"), True),
        (TEXT, TEXT + "# a comment\n", True),
        (TEXT, TEXT.replace("x + 1", "x - 1"), False),
        (TEXT, TEXT.replace("x + 1", "x + 2"), False),
        (TEXT, TEXT.replace("1", "1.0"), False),
        (TEXT, TEXT.replace("A net", "Another net"), False),
        (TEXT, TEXT.replace("import c", "import c as d"), False),
        (TEXT, TEXT.replace("from a", "from d"), False),
        ("x = 'a'\n", 'x = u"a"\n', True),
        ("x = 'a'\n", "x = b'a'\n", False),
        ("f(", "f(", False),
        (TEXT, "f(", False),
        ("f(", TEXT, False),
        ("\0", TEXT, False),
    ],
)
def test_texts_are_compared_as_trees(one: str, other: str, equal: bool) -> None:
    assert same(one, other) is equal


@pytest.mark.parametrize(
    ("text", "ours", "clean"),
    [
        (SEALED, True, True),
        (SEALED.replace("x + 1", "(x + 1)"), True, True),
        (SEALED.replace("x + 1", "x + 2"), True, False),
        (SEALED + "# mine\n", True, False),
        (SEALED.replace("Checksum: ", "Checksum: 0"), False, False),
        (TEXT, False, False),
        ("f(", False, False),
        ("", False, False),
    ],
)
def test_what_was_printed_and_what_was_edited(
    text: str, ours: bool, clean: bool
) -> None:
    assert printed(text) is ours
    assert untouched(text) is clean


def test_a_checksum_is_that_of_the_code_alone() -> None:
    edited = SEALED.replace("Checksum", "checksum")
    assert checksum(ast.parse(edited)) != checksum(ast.parse(SEALED))
    again = SEALED.replace("\n\n\n", "\n\n")
    assert checksum(ast.parse(again)) == checksum(ast.parse(SEALED))

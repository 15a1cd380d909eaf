"""archspec.source.project: printed files among a user's own."""

from __future__ import annotations

import ast

import pytest

from archspec.source.project import checksum, printed, same, seal, untouched

TEXT = '"""A net."""\n\nimport b\nfrom a import c\n\n\ndef f(x):\n    return x + 1\n'
SEALED = TEXT.replace("\n\n", f"\n\n{seal('0123456789abcdef' * 4, TEXT)}\n\n", 1)


def test_a_seal_holds_the_fingerprint_and_a_checksum() -> None:
    comment = SEALED.splitlines()[2]
    found = checksum(ast.parse(TEXT))
    assert comment == f"# archspec: fingerprint 0123456789abcdef, checksum {found}"
    assert len(found) == 16


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
        (SEALED.replace("checksum ", "checksum 0"), False, False),
        (
            SEALED.replace("\n\nimport", "\n# mypy: no-warn-return-any\n\nimport"),
            True,
            True,
        ),
        (SEALED + SEALED.splitlines()[2], True, False),
        (f"x = {SEALED.splitlines()[2]!r}\n", False, False),
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
    edited = SEALED.replace("A net", "a net")
    assert checksum(ast.parse(edited)) != checksum(ast.parse(SEALED))
    assert checksum(ast.parse(SEALED)) == checksum(ast.parse(TEXT))
    again = SEALED.replace("\n\n\n", "\n\n")
    assert checksum(ast.parse(again)) == checksum(ast.parse(SEALED))

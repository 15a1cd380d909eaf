"""archspec.source.project: printed files among a user's own."""

from __future__ import annotations

import ast

import pytest

from archspec.source.project import checksum, names_in, printed, same, seal, untouched

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
        (TEXT, TEXT.replace("import b", "import d"), False),
        ("import a\nimport b\n", "import b\nimport a\n", True),
        (
            "from a import b\nfrom c import d\n",
            "from c import d\nfrom a import b\n",
            True,
        ),
        ("import a\n", "from a import a\n", False),
        ("x = [1, 2]\n", "x = [2, 1]\n", False),
        ("x = [1, 2]\n", "x = [1]\n", False),
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
        (SEALED + "x = = 1\n", False, False),
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


@pytest.mark.parametrize("empty", [[], None])
def test_a_checksum_is_the_same_in_every_release_of_python(empty: object) -> None:
    """A later one gives nodes another field, which is empty where nothing uses it."""
    tree = ast.parse(TEXT)
    function = tree.body[-1]
    function._fields = (*function._fields, "added")  # type: ignore[misc]  # one node's
    function.added = empty  # type: ignore[attr-defined]
    assert checksum(tree) == checksum(ast.parse(TEXT))
    function.added = [ast.Name("T")]  # type: ignore[attr-defined]
    assert checksum(tree) != checksum(ast.parse(TEXT))


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("a", {"a"}),
        ("a.b(c.d, e=f)", {"a", "c", "f"}),
        ("a[b:c] + -d", {"a", "b", "c", "d"}),
        ('f"{a}_{b + 1}" + "c"', {"a", "b"}),
        ("[a for b in c if d]", {"a", "b", "c", "d"}),
        ("(a, 1), {b: c}", {"a", "b", "c"}),
        ("1", set()),
    ],
)
def test_names_in_code(code: str, found: set[str]) -> None:
    assert names_in(code) == found


def test_a_checksum_is_that_of_the_code_alone() -> None:
    edited = SEALED.replace("A net", "a net")
    assert checksum(ast.parse(edited)) != checksum(ast.parse(SEALED))
    assert checksum(ast.parse(SEALED)) == checksum(ast.parse(TEXT))
    again = SEALED.replace("\n\n\n", "\n\n")
    assert checksum(ast.parse(again)) == checksum(ast.parse(SEALED))

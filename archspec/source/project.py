"""Printed files in a user's project: is one up to date, and was it edited by hand?

Files are compared as syntax trees, so that a project's own formatter changes nothing.
A comment holds a checksum of the code, by which a file that nobody edited is known,
whichever spec and release it came from.
"""

from __future__ import annotations

import ast
import hashlib
import io
import re
import tokenize
from collections.abc import Iterator

SEAL = re.compile(r"# archspec: fingerprint [0-9a-f]{16}, checksum ([0-9a-f]{16})")
TOOLS = "# mypy: "
"""How a comment starts that printed text may have besides."""


def seal(fingerprint: str, code: str) -> str:
    """The comment of a printed file: the fingerprint, shortened, and a checksum."""
    found = checksum(ast.parse(code))
    return f"# archspec: fingerprint {fingerprint[:16]}, checksum {found}"


def same(one: str, other: str) -> bool:
    """Whether two texts are the same code; False where one is none."""
    trees = _parsed(one), _parsed(other)
    if trees[0] is None or trees[1] is None:
        return False
    return list(_walk(trees[0])) == list(_walk(trees[1]))


def printed(text: str) -> bool:
    """Whether archspec printed a text; someone may have edited it since."""
    return _parsed(text) is not None and any(map(SEAL.fullmatch, _comments(text)))


def untouched(text: str) -> bool:
    """Whether archspec printed a text and nobody edited it, but for its layout."""
    tree = _parsed(text)
    if tree is None:
        return False
    said = [found for found in _comments(text) if not found.startswith(TOOLS)]
    found = SEAL.fullmatch(said[0]) if len(said) == 1 else None
    return found is not None and found[1] == checksum(tree)


def checksum(tree: ast.Module) -> str:
    """16 hex digits that stand for a module."""
    return hashlib.sha256("\n".join(_walk(tree)).encode()).hexdigest()[:16]


def names_in(code: str) -> set[str]:
    """The names that code reads, as far as they are no attributes."""
    found = set()
    waiting: list[ast.AST] = [ast.parse(code)]
    while waiting:  # half the time of ast.walk, and every print waits for it
        node = waiting.pop()
        if isinstance(node, ast.Name):
            found.add(node.id)
            continue
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                waiting += [item for item in value if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST):
                waiting.append(value)
    return found


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _docstring(tree: ast.Module) -> str:
    return ast.get_docstring(tree) or ""


def _comments(text: str) -> list[str]:
    """The comments; where the text can't be read, something that is none of ours."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    try:
        return [token.string for token in tokens if token.type == tokenize.COMMENT]
    except (SyntaxError, tokenize.TokenError):
        return ["", ""]


def _walk(tree: ast.Module) -> Iterator[str]:
    """A module as parts that are the same in every release of Python."""
    yield " ".join(_docstring(tree).split())
    body = tree.body[1:] if _docstring(tree) else tree.body
    code = [item for item in body if not isinstance(item, ast.Import | ast.ImportFrom)]
    yield from sorted(_imports(body))  # a project may sort them in its own way
    waiting: list[object] = [code]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            yield "["
            waiting += ["]", *reversed(item)]
        elif isinstance(item, ast.AST):
            yield type(item).__name__
            # Fields that Python adds are empty where nothing uses them.
            for name in reversed(item._fields):
                value = getattr(item, name, None)
                if value is not None and value != [] and name != "kind":
                    waiting += (value, name)
        else:
            yield f"{type(item).__name__} {item!r}"


def _imports(body: list[ast.stmt]) -> Iterator[str]:
    for item in body:
        if isinstance(item, ast.Import | ast.ImportFrom):
            module = item.module if isinstance(item, ast.ImportFrom) else ""
            for name in item.names:
                yield f"{module} {name.name} {name.asname}"

"""A printed module from its parts: docstring, imports, helpers and code.

Whatever the code reads brings along what defines it: an import, or a helper, which is a
class, function or constant of a file that is printed in part.
"""

from __future__ import annotations

import ast
import builtins
import symtable
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files

from archspec.errors import BackendError
from archspec.source.project import seal
from archspec.source.text import STEP, WIDTH

BUILTIN = {*vars(builtins), "__file__"}


def module(
    doc: Sequence[str],
    code: Iterable[str],
    imports: Mapping[str, str],
    helpers: Mapping[str, str],
    fingerprint: str,
    remarks: Sequence[str] = (),
    constants: Sequence[str] = (),
) -> str:
    """A module's text.

    Args:
        doc: the docstring's lines.
        code: top-level parts, in order; empty ones are left out.
        imports: for each name that code may read, its import statement.
        helpers: for each name that code may read, the text that defines it.
        fingerprint: of the net; stands in a comment beside a checksum of the text.
        remarks: comments for tools.
        constants: lines that stand before helpers, which may read them.

    Raises:
        BackendError: the code reads a name that nothing defines, and can't run.
    """
    body = "\n\n\n".join(part for part in code if part)
    parts = ["\n".join(constants), *(helpers[n] for n in needed(body, helpers)), body]
    text = "\n\n\n".join(filter(None, parts))
    head = "\n".join(doc)
    read, bound = names(text)
    for name in sorted(read - imports.keys() - bound - BUILTIN):
        told = f"the printed code reads {name!r}, which nothing defines"
        raise BackendError(f"{told}: a fault of archspec", code="AS506")
    imported = import_lines(read, imports)
    defined = text.startswith(("class ", "def ", "@"))  # ruff leaves two lines then
    gap = "\n\n\n" if defined else "\n\n"
    lead = f"{imported}{gap}" if imported else "\n"
    top, rest = f'"""{head}\n"""\n\n', f"{lead}{text}\n"
    comments = "\n".join((seal(fingerprint, top + rest), *remarks))
    return f"{top}{comments}\n\n{rest}"


def needed(code: str, helpers: Mapping[str, str]) -> list[str]:
    """The helpers that code reads, and that these read, in the order of `helpers`."""
    found: set[str] = set()
    waiting = [code]
    while waiting:
        read = read_in(waiting.pop()) & helpers.keys() - found
        found |= read
        waiting += [helpers[name] for name in read]
    return [name for name in helpers if name in found]


def read_in(code: str) -> set[str]:
    """The names that code reads and binds in no function or class."""
    return names(code)[0]


def names(code: str) -> tuple[set[str], set[str]]:
    """The names of `read_in`, and those that code binds outside of all of these."""
    found = set()
    whole = symtable.symtable(code, "", "exec")
    waiting = [whole]
    while waiting:
        table = waiting.pop()
        waiting += table.get_children()
        symbols = [s for s in table.get_symbols() if s.is_referenced()]
        if isinstance(table, symtable.Function):
            # Python takes a function called `top` for the module: its names all are
            # global, but for those of `get_globals`.
            found |= {s.get_name() for s in symbols} & {*table.get_globals()}
        else:
            found |= {s.get_name() for s in symbols if s.is_global()}
    return found, {s.get_name() for s in whole.get_symbols() if s.is_assigned()}


def import_lines(read: set[str], imports: Mapping[str, str]) -> str:
    """The statements that import what is read, as ruff sorts them."""
    members: dict[str, list[str]] = {}
    for name in imports.keys() & read:
        lead, _, member = imports[name].partition(" import ")
        members.setdefault(lead, []).append(member)
    sections: dict[bool, list[str]] = {True: [], False: []}
    for lead in sorted(members, key=lambda lead: (lead.startswith("from"), lead)):
        names = sorted(members[lead], key=lambda name: (name.islower(), name))
        line = f"{lead} import {', '.join(names)}" if names[0] else lead
        if len(line) > WIDTH:
            rows = "".join(f"{' ' * STEP}{name},\n" for name in names)
            line = f"{lead} import (\n{rows})"
        standard = lead.split()[1].partition(".")[0] in sys.stdlib_module_names
        sections[standard].append(line)
    return "\n\n".join("\n".join(lines) for lines in sections.values() if lines)


@cache
def definitions(package: str, file: str = "helpers.txt") -> dict[str, str]:
    """The top-level definitions of a file of Python among a package's templates."""
    text = (files(package) / "templates" / file).read_text(encoding="utf-8")
    found = {}
    for node in ast.parse(text).body:
        name = ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else ""
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            name = node.name
        marks = getattr(node, "decorator_list", [])
        first = min(part.lineno for part in (node, *marks))
        found[name] = "\n".join(text.splitlines()[first - 1 : node.end_lineno])
    return found

"""Errors and warnings of several files, as a person or a CI service takes them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from archspec.authoring.messages import facts, render
from archspec.errors import ArchspecError, SpecWarning

SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


def as_json(found: Sequence[ArchspecError]) -> str:
    """A list of what `facts` says of each."""
    return json.dumps([facts(error) for error in found], indent=2)


def github(found: Sequence[ArchspecError]) -> str:
    """Workflow commands, by which GitHub marks the lines in a pull request."""
    return "\n".join(map(_command, found))


def _command(error: ArchspecError) -> str:
    of = facts(error)
    given = {
        "file": of["file"],
        "line": of["line"],
        "col": of["column"],
        "endColumn": of["end_column"],
        "title": error.code,
    }
    told = ",".join(f"{key}={_property(v)}" for key, v in given.items() if v)
    return f"::{of['severity']} {told}::{_escaped(_told(error))}"


def _escaped(text: str) -> str:
    """As GitHub's own toolkit escapes what stands behind the last colons."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: object) -> str:
    return _escaped(str(value)).replace(":", "%3A").replace(",", "%2C")


def sarif(found: Sequence[ArchspecError]) -> str:
    """A log of SARIF 2.1.0, which code scanning services take."""
    from archspec import __version__
    from archspec.authoring import codes

    known = codes.codes()
    rules = [
        {"id": code, "shortDescription": {"text": known[code].title}}
        for code in sorted({error.code for error in found} & known.keys())
    ]
    driver = {"name": "archspec", "version": __version__, "rules": rules}
    runs = [{"tool": {"driver": driver}, "results": [_result(e) for e in found]}]
    return json.dumps({"$schema": SARIF, "version": "2.1.0", "runs": runs}, indent=2)


def _result(error: ArchspecError) -> Mapping[str, Any]:
    of = facts(error)
    made: dict[str, Any] = {
        "ruleId": error.code,
        "level": of["severity"],
        "message": {"text": _told(error)},
    }
    if error.at is not None:
        region = {
            "startLine": of["line"],
            "startColumn": of["column"],
            "endColumn": of["end_column"],
        }
        place = {"artifactLocation": {"uri": quote(error.at.file)}, "region": region}
        made["locations"] = [{"physicalLocation": place}]
    return made


def _told(error: ArchspecError) -> str:
    """All but the place."""
    hint = [f"hint: {error.hint}"] if error.hint else []
    return "\n".join([error.message, *hint, *error.notes])


def text(found: Sequence[ArchspecError]) -> str:
    """Each with its line, and how many there are."""
    return "\n".join([*map(render, found), *counted(found)])


def counted(found: Sequence[ArchspecError]) -> list[str]:
    """`Found 3 errors and 1 warning in 2 files`; nothing where there are none."""
    if not found:
        return []
    kinds = Counter(
        "warning" if isinstance(error, SpecWarning) else "error" for error in found
    )
    parts = [_count(kinds[kind], kind) for kind in ("error", "warning") if kinds[kind]]
    files = len({error.at.file if error.at else error.message for error in found})
    return [f"Found {' and '.join(parts)} in {_count(files, 'file')}"]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


FORMATS = {"json": as_json, "github": github, "sarif": sarif}
"""For machines; they go to standard output."""

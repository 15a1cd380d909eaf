"""The two nets that a user names: specs, nets of the zoo, files of a revision."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from archspec.arguments import Given, Size
from archspec.errors import ArchspecError
from archspec.language.files import Files
from archspec.language.revision import Revision, split
from archspec.language.syntax import Unit
from archspec.opening import read
from archspec.spec import Spec

Side = tuple[Files, Callable[[], Unit]]


def sides(
    one: str,
    other: str,
    params: Mapping[str, Given] | None = None,
    size: Size | None = None,
) -> tuple[Spec, Spec]:
    """Reads both nets.

    Args:
        one, other: a .yaml file, a net of the zoo, or `REV:path` of the git repository
            around.
        params: values for params; a net gets those that it has.
        size: another height and width of the input images of both.

    Raises SpecError, also for a param that neither has.
    """
    found = [_side(text) for text in (one, other)]
    given = params or {}
    known: list[set[str]] = []
    for _, opened in found if given else ():
        try:
            known.append({*opened().params})
        except ArchspecError:
            known.append({*given})  # What is wrong there is said below.
    nobodys = {name for name in given if not any(name in names for names in known)}

    def own(number: int) -> dict[str, Given]:
        return {
            name: value
            for name, value in given.items()
            if name in known[number] or name in nobodys
        }

    specs = [
        read(files, opened, size, own(number) if given else {}, False, {})
        for number, (files, opened) in enumerate(found)
    ]
    return specs[0], specs[1]


def _side(text: str) -> Side:
    """How a net is read; a file that is there is no revision."""
    parts = split(text)
    if parts is None or _exists(text):
        files = Files()
        return files, lambda: files.open(text)
    revision, path = parts
    past = Revision(revision)
    return past, lambda: past.open(path)


def _exists(text: str) -> bool:
    try:
        return os.path.exists(Path(text))
    except ValueError:  # no name that the system knows
        return False

"""Finds the files that a spec names and merges what it `extends`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from archspec import catalog
from archspec.errors import (
    ArchspecError,
    Collector,
    Location,
    SpecError,
    nearest,
    shown,
)
from archspec.language.begun import readable
from archspec.language.params import accept
from archspec.language.reader import Map, parse, read
from archspec.language.schema import unit
from archspec.language.syntax import BRACES, Param, Statements, Unit
from archspec.language.values import frozen, is_formula
from archspec.limits import Limits, limits


class Files:
    """The files of one compilation, each read once; bound to the folder of the first.

    `extends` and `spec` reach the zoo by name and, by a path that ends in `.yaml`, what
    lies in the folder of the file that the user named.
    """

    def __init__(self, bounds: Limits | None = None) -> None:
        self.limits = bounds or limits()
        self.folder: Path | None = None
        self.units: dict[str, Unit] = {}
        self.reading: list[str] = []
        self.extended: dict[str, Location] = {}
        self.texts: dict[str, str | bytes] = {}
        self.bytes = 0

    def open(self, spec: str | PathLike[str]) -> Unit:
        """The file that a user names: a path, or a net of the zoo."""
        path = Path(spec)
        if path.suffix not in (".yaml", ".yml"):
            path = _of_the_zoo(str(spec), "`archspec list` names the nets")
        try:
            self.folder = path.resolve().parent
        except (OSError, ValueError) as error:  # no name that the system knows
            message = f"{shown(str(path))} can't be read: {error}"
            raise SpecError(message, code="AS101") from None
        try:
            return self._merged(path)
        except SpecError as error:
            if path.stem in catalog.names() and not path.exists():
                error.hint = f"{path.stem!r} is in the zoo, by its name alone"
            raise

    def text(self, text: str | bytes, file: str, folder: Path | None = None) -> Unit:
        """A spec that is in no file; without a folder it may extend the zoo only."""
        self.folder = folder
        self.texts[file] = text
        return self._extend(unit(parse(text, file, self.limits), file))

    def begun(self, raw: Map, file: str, folder: Path | None = None) -> Unit:
        """A spec that is being written, with what it extends if that can be read.

        What is wrong in it is missing, as `archspec.language.begun` has it.
        """
        self.folder = folder
        own = readable(raw, file)
        base = None
        with suppress(ArchspecError):
            base = own.extends and self.named(own.extends.value, own.extends.at)
        for over in (base, None):
            held: dict[str, Any] = {
                part: _without_nulls(part, over, own) for part in MERGED
            }
            with suppress(ArchspecError):
                return merge(over, replace(own, **held))
        return own

    def named(self, name: str, at: Location) -> Unit:
        """The file that `extends` or `spec` names, seen from the file it stands in."""
        return self._merged(self._resolve(name, at), at)

    def _resolve(self, name: str, at: Location) -> Path:
        if not name.endswith((".yaml", ".yml")):
            return _of_the_zoo(name, "a file of your own ends in .yaml", at)
        here = Path(at.file).parent
        inside = catalog.root() if _within(here, catalog.root()) else self.folder
        path = here / name
        if inside is None or "\0" in name or "://" in name or not _within(path, inside):
            message = f"{name!r} lies outside the folder of the spec"
            raise SpecError(message, code="AS110", at=at)
        return path

    def _merged(self, path: Path, at: Location | None = None) -> Unit:
        key = str(path.resolve())
        if key in self.units:
            return self.units[key]
        if key in self.reading:
            chain = " -> ".join(Path(p).stem for p in (*self.reading, key))
            message = f"files extend or contain one another: {chain}"
            raise SpecError(message, code="AS111", at=at)
        if len(self.reading) >= self.limits.depth:
            message = f"files extend {self.limits.depth} deep"
            raise self.limits.error("depth", "AS121", message, at)
        self.reading.append(key)
        try:
            merged = self._extend(unit(self._raw(path), str(path)))
        except ArchspecError as error:
            error.at = error.at or at
            raise
        finally:
            self.reading.pop()
        self.units[key] = merged
        return merged

    def _raw(self, path: Path) -> Map:
        """What a file holds."""
        raw = read(path, self.limits)
        self._count(path, path.stat().st_size)
        return raw

    def _count(self, path: Path, size: int) -> None:
        """LimitError where all files of a spec together are too long."""
        self.bytes += size
        most = self.limits.file_bytes
        if self.bytes > most:
            message = f"the files of a spec have at most {most} bytes together"
            at = Location(str(path), 1, 1)
            raise self.limits.error("file_bytes", "AS120", message, at)

    def _extend(self, own: Unit) -> Unit:
        if own.extends is None:
            return merge(None, own)
        try:
            base = self.named(own.extends.value, own.extends.at)
        except ArchspecError as error:
            for item in error.errors:
                if item.at and item.at.file != own.file:
                    item.notes += (f"extended by {own.extends.at}",)
            raise
        self.extended[base.file] = own.extends.at
        return merge(base, own)

    def chain(self, at: Location | None) -> tuple[str, ...]:
        """The way from a place to the file that the user named, through `extends`."""
        notes: list[str] = []
        while at is not None and at.file in self.extended and len(notes) < 64:
            at = self.extended[at.file]
            notes.append(f"extended by {at}")
        return tuple(notes)


def _of_the_zoo(name: str, hint: str, at: Location | None = None) -> Path:
    path = catalog.find(name)
    if path is None:
        known = (*catalog.names(), *catalog.families())
        hint = (at is None and _there(name)) or nearest(name, known) or hint
        message = f"{name!r} is no net of the zoo and no .yaml file"
        raise SpecError(message, code="AS101", at=at, hint=hint)
    return path


def _there(name: str) -> str | None:
    """What to do with something that is there under a name no spec has."""
    if os.path.isdir(name):
        return "it is a folder: name a file in it; `archspec validate` takes folders"
    if not os.path.isfile(name):
        return None
    if name.endswith(WEIGHTS):
        return f"a weight file is shown by `archspec weights inspect {name}`"
    return "there is such a file, but the name of a spec ends in .yaml"


WEIGHTS = (".pth", ".pt", ".pt2", ".safetensors", ".h5", ".keras", ".npz", ".ckpt")
"""Endings of files that are not specs."""


def _within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


MERGED = ("params", "require", "inputs", "defaults", "blocks", "outputs", "taps")
"""The parts of a file that are merged by name."""


def _without_nulls(part: str, base: Unit | None, own: Unit) -> dict[str, Any]:
    """Entries of a file, but for those that remove what the base hasn't."""
    there = getattr(base, part, {})
    entries: dict[str, Any] = getattr(own, part)
    return {k: e for k, e in entries.items() if k in there or e.value is not None}


def merge(base: Unit | None, own: Unit) -> Unit:
    """`own` on top of what it extends; null removes, a replaced entry keeps its place.

    Its name, title, description, source, publisher, weights and what it expects are its
    own.
    """
    errors = Collector()
    parts: dict[str, Any] = {
        part: _over(part, getattr(base, part, {}), getattr(own, part), errors)
        for part in MERGED
    }
    if base is not None:
        parts["preprocessing"] = own.preprocessing or base.preprocessing
    graph = errors.keep(_graphs, base and base.graph, own.graph, errors)
    errors.end()
    family = base.family if base and own.graph is None else own.family
    return replace(own, graph=graph, family=family, **parts)


def _over(part: str, base: Any, own: Any, errors: Collector) -> dict[str, Any]:
    """Entries of a file, each over that of the base that has its name."""
    merged = dict(base)
    for name, entry in own.items():
        old = base.get(name)
        if entry.value is None:
            errors.keep(_remove, merged, name, entry.at)
        elif old is not None and part == "params":
            merged[name] = errors.keep(_retyped, name, old, entry)
        elif old is not None and part == "defaults":
            values = _over("", old.value, entry.value, errors)
            merged[name] = entry._replace(value=values)
        else:
            merged[name] = entry
    return merged


def _remove(merged: dict[str, Any], name: str, at: Location) -> None:
    if merged.pop(name, None) is None:
        hint = made_by(name, merged) or nearest(name, merged)
        message = f"null removes {name!r}, which no base file has"
        raise SpecError(message, code="AS212", at=at, hint=hint)


def made_by(name: str, keys: Iterable[str]) -> str | None:
    """What to do about a node that one of the keys makes by a formula in its name."""
    for key in keys:
        pattern = "-?[0-9]+".join(map(re.escape, BRACES.split(key)[::2]))
        if BRACES.search(key) and re.fullmatch(pattern, name):
            return (
                f"{key!r} makes it; write that entry anew, with another `repeat` or a "
                "`when` that leaves it out"
            )
    return None


def _retyped(name: str, old: Param, new: Param) -> Param:
    """A param's new default, of the type that the base fixed."""
    fixed = old.fixed if new.fixed is None else new.fixed
    if new.typed:
        return new._replace(fixed=fixed)
    made = new._replace(type=old.type, typed=old.typed, fixed=fixed)
    if not is_formula(new.default):
        accept(made, frozen(new.default), f"the param {name}", new.at)
    return made


def _graphs(
    base: Statements | None, own: Statements | None, errors: Collector
) -> Statements | None:
    if own is None:
        return base
    base = base or own._replace(items={})
    if base.listed != own.listed:
        message = "a list can't extend a mapping, nor a mapping a list"
        raise SpecError(message, code="AS213", at=own.at)
    items = own.items if own.listed else {**base.items, **own.items}
    for name, at in own.removed.items():
        errors.keep(_remove, items, name, at)
    return Statements(own.listed, items, own.at, {})

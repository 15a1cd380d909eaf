"""Finds the files that a spec names and merges what it `extends`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from archspec import catalog
from archspec.errors import ArchspecError, Location, SpecError, SpecErrors, nearest
from archspec.language.limits import DEFAULT, Limits
from archspec.language.params import TYPES, accept, is_formula, type_of
from archspec.language.reader import parse, read
from archspec.language.schema import unit
from archspec.language.written import Body, Defaults, Entry, Unit


class Files:
    """The files of one compilation, each read once; bound to the folder of the first.

    `extends` and `spec` reach the zoo by name and, by a path that ends in `.yaml`, what
    lies in the folder of the file that the user named.
    """

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self.limits = limits
        self.folder: Path | None = None
        self.units: dict[str, Unit] = {}
        self.reading: list[str] = []
        self.extended: dict[str, Location] = {}

    def open(self, spec: str | Path) -> Unit:
        """The file that a user names: a path, or a net of the zoo."""
        path = Path(spec)
        if path.suffix not in (".yaml", ".yml"):
            found = catalog.find(str(spec))
            if found is None:
                known = (*catalog.names(), *catalog.families())
                raise SpecError(
                    f"{str(spec)!r} is no net of the zoo and no .yaml file",
                    code="AS101",
                    hint=nearest(str(spec), known) or "`archspec list` names the nets",
                )
            path = found
        self.folder = path.resolve().parent
        return self._merged(path, str(path))

    def text(self, text: str | bytes, file: str) -> Unit:
        """A spec that is not in a file; it may extend the zoo only."""
        return self._extend(unit(parse(text, file, self.limits), file))

    def named(self, name: str, at: Location) -> Unit:
        """The file that `extends` or `spec` names, seen from the file it stands in."""
        return self._merged(*self._resolve(name, at), at)

    def _resolve(self, name: str, at: Location) -> tuple[Path, str]:
        if not name.endswith((".yaml", ".yml")):
            path = catalog.find(name)
            if path is None:
                known = (*catalog.names(), *catalog.families())
                raise SpecError(
                    f"there is no {name!r} in the zoo",
                    code="AS101",
                    at=at,
                    hint=nearest(name, known) or "a file of your own ends in .yaml",
                )
            return path, name
        here = Path(at.file).parent
        inside = catalog.root() if _within(here, catalog.root()) else self.folder
        path = here / name
        if inside is None or "\0" in name or "://" in name or not _within(path, inside):
            raise SpecError(
                f"{name!r} lies outside the folder of the spec", code="AS110", at=at
            )
        return path, str(path)

    def _merged(self, path: Path, label: str, at: Location | None = None) -> Unit:
        key = str(path.resolve())
        if key in self.units:
            return self.units[key]
        if key in self.reading:
            chain = " -> ".join(Path(p).stem for p in (*self.reading, key))
            raise SpecError(
                f"files extend or contain one another: {chain}", code="AS111", at=at
            )
        if len(self.reading) >= self.limits.depth:
            raise SpecError(
                f"files extend {self.limits.depth} deep", code="AS121", at=at
            )
        self.reading.append(key)
        try:
            raw = read(path, self.limits)
            merged = self._extend(unit(raw, str(path)))
        except ArchspecError as error:
            raise _placed(error, at) from None
        finally:
            self.reading.pop()
        self.units[key] = merged
        return merged

    def _extend(self, own: Unit) -> Unit:
        base = Unit(own.file, own.name, own.at)
        if own.extends is not None:
            try:
                base = self.named(own.extends.value, own.extends.at)
            except ArchspecError as error:
                for item in error.errors if isinstance(error, SpecErrors) else [error]:
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


def _placed(error: ArchspecError, at: Location | None) -> ArchspecError:
    error.at = error.at or at
    return error


def _within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def merge(base: Unit, own: Unit) -> Unit:
    """`own` on top of what it extends; null removes, a replaced entry keeps its place.

    name, title, description, source, publisher and expect are the file's own.
    """
    return replace(
        own,
        params=_over(base.params, own.params, _typed),
        require=_over(base.require, own.require),
        preprocessing=own.preprocessing or base.preprocessing,
        inputs=_over(base.inputs, own.inputs),
        defaults=_over(base.defaults, own.defaults, _defaults),
        blocks=_over(base.blocks, own.blocks),
        graph=_bodies(base.graph, own.graph),
        outputs=_over(base.outputs, own.outputs),
        taps=_over(base.taps, own.taps),
    )


class Removable(Protocol):
    """An entry of a file; the value None removes the base's."""

    @property
    def value(self) -> Any: ...

    @property
    def at(self) -> Location: ...


E = TypeVar("E", bound=Removable)


def _over(
    base: Mapping[str, E],
    own: Mapping[str, E],
    join: Callable[[str, E, E], E] = lambda name, old, new: new,
) -> dict[str, E]:
    merged = dict(base)
    for name, entry in own.items():
        if entry.value is None:
            _remove(merged, name, entry.at)
        else:
            merged[name] = join(name, base[name], entry) if name in base else entry
    return merged


def _remove(merged: dict[str, Any], name: str, at: Location) -> None:
    if merged.pop(name, None) is None:
        raise SpecError(
            f"null removes {name!r}, which no base file has",
            code="AS212",
            at=at,
            hint=nearest(name, merged),
        )


def _typed(name: str, old: Entry, new: Entry) -> Entry:
    """A param's new default, of the type that the base fixed."""
    kind = type_of(old)
    if is_formula(new.value) or new.value in tuple(TYPES):
        return new._replace(kind=None if kind == "any" else kind)
    value = tuple(new.value) if isinstance(new.value, list) else new.value
    accept(value, kind, f"the param {name}", new.at)
    return new._replace(kind=kind)


def _defaults(op: str, old: Defaults, new: Defaults) -> Defaults:
    return Defaults(_over(old.value or {}, new.value or {}), new.at)


def _bodies(base: Body | None, own: Body | None) -> Body | None:
    if own is None:
        return base
    if base is None:
        base = Body(own.listed, {}, own.at, {})
    if base.listed != own.listed:
        raise SpecError(
            "a graph that is a mapping can't extend one that is a list, nor a list a "
            "mapping",
            code="AS213",
            at=own.at,
        )
    if own.listed:
        return own
    statements = {**base.statements, **own.statements}
    for name, at in own.removed.items():
        _remove(statements, name, at)
    return Body(False, statements, own.at, {})

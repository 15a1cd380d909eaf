"""Finds the files that a spec names and merges what it `extends`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from archspec import catalog
from archspec.errors import Location, SpecError, nearest
from archspec.language.limits import DEFAULT, Limits
from archspec.language.reader import parse, read
from archspec.language.schema import Body, Entry, Unit, unit

V = TypeVar("V")


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

    def open(self, spec: str | Path) -> Unit:
        """The file that a user names: a path, or a net of the zoo."""
        path = Path(spec)
        if path.suffix not in (".yaml", ".yml"):
            found = catalog.find(str(spec))
            if found is None:
                known = (*catalog.names(), *catalog.families())
                raise SpecError(
                    f"{str(spec)!r} is no net of the zoo and no .yaml file",
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
                    at=at,
                    hint=nearest(name, known) or "a file of your own ends in .yaml",
                )
            return path, name
        here = Path(at.file).parent
        inside = catalog.root() if _within(here, catalog.root()) else self.folder
        path = here / name
        if inside is None or "\0" in name or not _within(path, inside):
            raise SpecError(f"{name!r} lies outside the folder of the spec", at=at)
        return path, str(path)

    def _merged(self, path: Path, label: str, at: Location | None = None) -> Unit:
        key = str(path.resolve())
        if key in self.units:
            return self.units[key]
        if key in self.reading:
            chain = " -> ".join(Path(p).stem for p in (*self.reading, key))
            raise SpecError(f"files extend or contain one another: {chain}", at=at)
        if len(self.reading) >= self.limits.depth:
            raise SpecError(f"files extend {self.limits.depth} deep", at=at)
        self.reading.append(key)
        try:
            raw = read(path, self.limits)
        except SpecError as error:
            raise _placed(error, at) from None
        merged = self._extend(unit(raw, str(path)))
        self.reading.pop()
        self.units[key] = merged
        return merged

    def _extend(self, own: Unit) -> Unit:
        if own.extends is None:
            return own
        base = self.named(own.extends.value, own.extends.at)
        return merge(base, own)


def _placed(error: SpecError, at: Location | None) -> SpecError:
    if error.at is not None or at is None:
        return error
    return SpecError(error.message, at=at, hint=error.hint, notes=error.notes)


def _within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def merge(base: Unit, own: Unit) -> Unit:
    """`own` on top of what it extends; null removes, a replaced entry keeps its place.

    name, description, source and expect are the file's own and never inherited.
    """
    for name in own.removed:
        if base.graph is None or name not in base.graph.statements:
            raise SpecError(f"null removes {name!r}, which the base lacks", at=own.at)
    return replace(
        own,
        title=own.title,
        params=_over(base.params, own.params),
        require=_over(base.require, own.require),
        preprocessing=own.preprocessing or base.preprocessing,
        inputs=_over(base.inputs, own.inputs),
        defaults=_defaults(base.defaults, own.defaults),
        blocks=_over(base.blocks, own.blocks),
        graph=_bodies(base.graph, own.graph, own.removed),
        outputs=_over(base.outputs, own.outputs),
        taps=_over(base.taps, own.taps),
    )


def _over(
    base: Mapping[str, V | None], own: Mapping[str, V | None]
) -> dict[str, V | None]:
    merged = {**base, **own}
    return {key: value for key, value in merged.items() if value is not None}


def _defaults(
    base: Mapping[str, dict[str, Entry | None] | None],
    own: Mapping[str, dict[str, Entry | None] | None],
) -> dict[str, dict[str, Entry | None] | None]:
    merged = dict(base)
    for op, values in own.items():
        merged[op] = values and _over(merged.get(op) or {}, values)
    return {op: values for op, values in merged.items() if values is not None}


def _bodies(
    base: Body | None, own: Body | None, removed: tuple[str, ...]
) -> Body | None:
    if base is None or own is None:
        return own or base
    if base.listed != own.listed:
        raise SpecError(
            "a graph that is a mapping can't extend one that is a list", at=own.at
        )
    if own.listed:
        return own
    statements = {**base.statements, **own.statements}
    for name in removed:
        del statements[name]
    return Body(False, statements, own.at)

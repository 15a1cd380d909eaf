"""How much of a net another one's weights fill, and the options that put them in."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from archspec.diffing.report import Report
from archspec.errors import WeightsError, plain
from archspec.renaming import renamed
from archspec.weights import Wish
from archspec.weights.archives import told

SHOWN = 20
"""Rows of a list of tensors."""
FEW = 6
"""Tensors that are named one by one."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What becomes of a file of the first net's weights.

    Attributes:
        file: its name.
        source: whose names it has.
        report: the comparison of the nets.
        options: what `archspec build` takes to read it into the second net: tried, or
            None where these options don't do it.
        notes: what was chosen of the file.
    """

    file: str
    source: str
    report: Report
    options: tuple[str, ...] | None
    notes: tuple[str, ...]


def coverage(report: Report, file: str) -> Coverage:
    """Reads a file of the first net's weights; WeightsError where it is none."""
    loaded = report.one.fit_weights(file)
    rename = report.rename or {}
    known = report.tensors
    fresh = {*known.new, *known.resized.values()}
    whole = [name for name in _layers(fresh) if not _kept(name, known.theirs, fresh)]
    new = patterns(whole, _layers({*known.theirs} - fresh))
    single = [name for name in fresh if name.rpartition(".")[0] not in whole]
    missing = patterns(single, {*known.theirs} - {*single})
    lost = [renamed(name, rename) for name in known.lost]
    lost += [name for name in known.resized.values() if name in single]
    extra = patterns(lost, {*known.theirs} - {*lost})
    said = (("--new", new), ("--allow-missing", missing), ("--allow-extra", extra))
    options: tuple[str, ...] | None = (
        *(word for old, now in rename.items() for word in ("--rename", f"{old}={now}")),
        *(word for option, names in said for name in names for word in (option, name)),
    )
    try:
        found = report.other.fit_weights(
            file,
            wish=Wish(rename=rename),
            new=new,
            allow_missing=missing,
            allow_extra=extra,
        )
        if {*found.weights} - {*found.initial} != {*known.theirs} - fresh:
            options = None
    except WeightsError:
        options = None
    return Coverage(told(file), loaded.source, report, options, loaded.notes)


def _kept(layer: str, names: Collection[str], fresh: Collection[str]) -> bool:
    """Whether a layer has a tensor that is not new."""
    return any(name.rpartition(".")[0] == layer and name not in fresh for name in names)


def _layers(names: Collection[str]) -> list[str]:
    return [*dict.fromkeys(name.rpartition(".")[0] for name in names)]


def patterns(wanted: Collection[str], others: Collection[str]) -> tuple[str, ...]:
    """A few patterns that are true of all wanted names, and of none of the others."""
    rest = dict.fromkeys(sorted(wanted))
    found: list[str] = []
    while rest:
        name = next(iter(rest))
        best, most = name, 0
        for pattern in _general(name):
            covers = [other for other in rest if fnmatchcase(other, pattern)]
            if len(covers) > most and not any(fnmatchcase(o, pattern) for o in others):
                best, most = pattern, len(covers)
        found.append(best)
        for other in [other for other in rest if fnmatchcase(other, best)]:
            del rest[other]
    return tuple(found)


def _general(name: str) -> Iterator[str]:
    """Patterns of which a name is one, the plainest first."""
    parts = name.split(".")
    yield name
    for size in range(len(parts) - 1, 0, -1):
        yield ".".join([*parts[:size], "*"])
        yield ".".join(["*", *parts[-size:]])
    for place in range(1, len(parts) - 1):
        yield f"*.{parts[place]}.*"


def command(found: Coverage, spec: Sequence[str]) -> str | None:
    """The command that builds the second net of the file, with torch.

    `spec` are the words that name the net, none if `build` can't read it.
    """
    if found.options is None or not spec:
        return None
    words = ["archspec", "build", *spec, "--backend", "torch", "--weights", found.file]
    return shlex.join([*words, *found.options])


def text(found: Coverage, spec: Sequence[str]) -> str:
    """What becomes of each tensor, and how much of the second net is filled."""
    report, known = found.report, found.report.tensors
    part = {name: known.rows(name) for name in known.resized}
    inside = [f"{n}: {r[0]} of {r[1]} rows" for n, r in part.items() if r is not None]
    nowhere = [name for name, r in part.items() if r is None]
    rules = [
        f"--rename {shlex.quote(f'{old}={new}')}"
        for old, new in (report.rename or {}).items()
    ]
    lists = (
        ("fit as they are", len(known.kept), ()),
        ("fit when renamed", len(known.renamed), rules),
        ("fit in part", len(inside), inside),
        ("of another shape", len(nowhere), _grouped(nowhere, known.ours)),
        ("lost", len(known.lost), _grouped(known.lost, known.ours)),
        ("new", len(known.new), _grouped(known.new, known.theirs)),
    )
    lines = [f"weights of {found.file}, read as {found.source}, in {report.other.name}"]
    for what, count, names in lists:
        if count:
            lines.append(f"  {what}: {count} tensor{'s' * (count > 1)}")
            lines += [f"    {name}" for name in names[:SHOWN]]
            lines += [f"    and {len(names) - SHOWN} more"] * (len(names) > SHOWN)
    taken, total = known.filled()
    share = 100 * taken / total if total else 100.0
    lines.append(
        f"they fill {taken:,} of {total:,} values of {report.other.name}, {share:.1f} %"
    )
    said = command(found, spec)
    lines = [*map(plain, lines)]
    lines += ["to build it:", f"  {said}"] if said and said.isprintable() else []
    return "\n".join(lines) + "\n"


def _grouped(names: Collection[str], every: Collection[str]) -> list[str]:
    """Names of tensors; many as patterns, with how many they are."""
    if len(names) <= FEW:
        return [*names]
    found = []
    for pattern in patterns(names, {*every} - {*names}):
        count = sum(fnmatchcase(name, pattern) for name in names)
        found.append(pattern if count == 1 else f"{pattern}: {count} tensors")
    return found


def data(found: Coverage, spec: Sequence[str]) -> dict[str, Any]:
    """The same for machines."""
    known = found.report.tensors
    taken, total = known.filled()
    rows_of = {name: known.rows(name) for name in known.resized}
    return {
        "file": found.file,
        "source": found.source,
        "as_they_are": known.kept,
        "renamed": known.renamed,
        "in_part": {name: list(r) for name, r in rows_of.items() if r is not None},
        "other_shape": [name for name, r in rows_of.items() if r is None],
        "lost": known.lost,
        "new": known.new,
        "filled": taken,
        "values": total,
        "options": None if found.options is None else [*found.options],
        "command": command(found, spec),
    }

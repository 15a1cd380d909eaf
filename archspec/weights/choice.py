"""Which tensors of a file are the net's: of several sets one, without what names share.

A checkpoint of timm's holds `state_dict` and `state_dict_ema`, one of several GPUs has
`module.` before all names, one of Lightning `model.`. The set and the prefix are taken
under which most names and shapes fit the net.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from archspec.errors import WeightsError, nearest
from archspec.ops.base import Shape
from archspec.weights.archives import Archive, Stored

AVERAGED = "ema"
"""What a set of moving averages is called beside the raw one, which timm's loader, and
torchvision's scripts where they evaluate, pass over."""
DEEP = 6
"""So many parts of names may be a prefix."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user says of the tensors of a file.

    Attributes:
        part: which set of weights, by where it stands in the file.
        prefix: what the names of the net's tensors begin with there.
        rename: by a part of a name, or a pattern with `*`, what it is in the net.
    """

    part: str | None = None
    prefix: str | None = None
    rename: Mapping[str, str] = field(default_factory=dict)


ANY = Wish()
"""Nothing is said: what fits best is taken."""


class _Fit(NamedTuple):
    score: int
    part: str
    prefix: str
    tensors: dict[str, Stored]


def chosen(
    archive: Archive, wanted: Collection[Mapping[str, Shape]], wish: Wish, path: str
) -> tuple[Archive, tuple[str, ...]]:
    """The archive with the tensors that fit best, under the net's names, and notes.

    Args:
        archive: an open file.
        wanted: for each source that may be meant, the names and shapes of its tensors.
        wish: what the user said.
        path: of the file, for messages.

    Raises:
        WeightsError: there is no such part, no name has the prefix, or several sets fit
            equally well.
    """
    parts = archive.parts or {"": archive.tensors}
    if wish.part is not None and wish.part not in parts:
        known = ", ".join(map(repr, parts))
        raise WeightsError(
            f"{path!r} has no part {wish.part!r}",
            code="AS610",
            hint=nearest(wish.part, parts) or f"it has {known}",
        )
    fits = [
        _fit(part, prefix, parts[part], wanted, wish.rename)
        for part in ([*parts] if wish.part is None else [wish.part])
        for prefix in (
            prefixes(parts[part], "/" if archive.layered else ".")
            if wish.prefix is None
            else [wish.prefix]
        )
    ]
    most = max(fit.score for fit in fits)
    best = [fit for fit in fits if fit.score == most]
    named = [*dict.fromkeys(fit.part for fit in best)]
    part = _one(named, path) if most else named[0]
    fit = _shortest([fit for fit in best if fit.part == part], path)
    if wish.prefix and not fit.tensors:
        first = next(iter(parts[part]), "")
        raise WeightsError(
            f"no name in {path!r} begins with {wish.prefix!r}",
            code="AS610",
            hint=f"its first name is {first!r}",
        )
    if not most and wish.prefix is None and not wish.rename:
        return archive, ()
    tensors = dict(fit.tensors)
    if wish.prefix is None:  # what lacks it is surplus, and the user hears of it
        for key, stored in parts[part].items():
            if not key.startswith(fit.prefix):
                own = renamed(key, wish.rename)
                beside = f"{key} (without {fit.prefix!r})" if own in tensors else own
                tensors[beside] = stored
    rivals = {other.part for other in fits if other.score} - {part}
    notes = (*_of_parts(part, rivals), *_of_prefix(fit, len(parts[part])))
    kind = archive.kind.partition(", its ")[0] + (f", its {part!r}" if part else "")
    return replace(archive, kind=kind, tensors=tensors), notes


def prefixes(names: Iterable[str], separator: str = ".") -> list[str]:
    """What most names may begin with: nothing, their first part, their first two.

    Of Keras' layers it may be any model that they are in.
    """
    found, left = [""], list(names)
    if separator == "/":
        folders = Counter(f"{name.rpartition('/')[0]}/" for name in left)
        above = [parents for folder in folders for parents in _above(folder)]
        return ["", *dict.fromkeys(folder for folder in above if folder not in folders)]
    while len(found) <= DEEP:
        counts = Counter(name.partition(".")[0] for name in left if "." in name)
        if not counts:
            break
        first, count = counts.most_common(1)[0]
        if 2 * count <= len(left):
            break
        found.append(f"{found[-1]}{first}.")
        start = f"{first}."
        left = [n.removeprefix(start) for n in left if n.startswith(start)]
    return found


def _above(folder: str) -> list[str]:
    """The folders that a folder is in."""
    parts = folder.split("/")[:-2]
    return ["/".join(parts[: n + 1]) + "/" for n in range(min(len(parts), DEEP))]


def renamed(name: str, rename: Mapping[str, str]) -> str:
    """A name in which parts are others; a `*` stands for any text."""
    for old, new in rename.items():
        if "*" in old:
            pattern = "(.*)".join(map(re.escape, old.split("*")))
            found = re.fullmatch(pattern, name)
            if found is not None:
                texts = iter(found.groups())
                pieces = new.split("*")
                name = pieces[0] + "".join(next(texts, "") + p for p in pieces[1:])
        else:
            literal = new.replace("\\", r"\\")
            name = re.sub(rf"(?<![^./]){re.escape(old)}(?![^./])", literal, name)
    return name


def _fit(
    part: str,
    prefix: str,
    tensors: Mapping[str, Stored],
    wanted: Collection[Mapping[str, Shape]],
    rename: Mapping[str, str],
) -> _Fit:
    own = {
        renamed(name.removeprefix(prefix), rename): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
    shapes = {name: tensor.shape for name, tensor in own.items()}
    score = max(len(shapes.items() & of.items()) for of in wanted)
    return _Fit(score, part, prefix, own)


def _shortest(fits: list[_Fit], path: str) -> _Fit:
    """Of prefixes that fit equally well the shortest, which the others begin with."""
    least = min(fits, key=lambda fit: len(fit.prefix))
    beside = [f.prefix for f in fits if not f.prefix.startswith(least.prefix)]
    if beside and least.score:
        raise WeightsError(
            f"{path!r} holds several sets of weights that fit: "
            + ", ".join(map(repr, (least.prefix, *beside))),
            code="AS610",
            hint=f"--prefix {least.prefix} takes the first",
        )
    return least


def _one(parts: list[str], path: str) -> str:
    """Of sets that fit equally well the one that is meant by default."""
    if len(parts) == 1:
        return parts[0]
    averaged = [part for part in parts if AVERAGED in part.rpartition(".")[2].lower()]
    if len(averaged) == 1 and len(parts) == 2:  # the raw one beside it
        return averaged[0]
    raise WeightsError(
        f"{path!r} holds several sets of weights that fit: "
        + ", ".join(map(repr, parts)),
        code="AS610",
        hint=f"--part {parts[0]} takes the first",
    )


def _of_parts(part: str, rivals: Collection[str]) -> Iterable[str]:
    if rivals:
        others = ", ".join(repr(rival) for rival in sorted(rivals))
        yield f"read {part!r}; the file has {others} as well (--part chooses)"


def _of_prefix(fit: _Fit, count: int) -> Iterable[str]:
    if fit.prefix:
        all_ = len(fit.tensors) == count
        told = f"all {count}" if all_ else f"{len(fit.tensors)} of {count}"
        yield f"{told} names begin with {fit.prefix!r}: left out"

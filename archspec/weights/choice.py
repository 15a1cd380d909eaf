"""Which tensors of a file are the net's: of several sets one, without what names share.

A checkpoint of timm's holds `state_dict` and `state_dict_ema`, one of several GPUs has
`module.` before all names, one of MoCo `module.encoder_q.` and `module.encoder_k.`. The
set and the prefix are taken under which most names and shapes fit the net, and of those
the ones under which least else stands.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import zip_longest
from typing import NamedTuple

from archspec.errors import WeightsError, nearest
from archspec.ops.base import Shape
from archspec.renaming import renamed
from archspec.weights.archives import Archive, Stored, counted
from archspec.weights.masks import unmasked

AVERAGED = "ema"
"""What a set of moving averages is called beside the raw one, which timm's loader, and
torchvision's scripts where they evaluate, pass over."""
EVALUATED = (
    ("encoder_q", "encoder_k"),  # MoCo
    ("base_encoder", "momentum_encoder"),  # MoCo v3
    ("online_encoder", "target_encoder"),  # BYOL
    ("online_network", "target_network"),
    ("teacher", "student"),  # DINO: the teacher is the average
    ("model", "attacker"),  # MadryLab's robustness: the attacker holds the model
    ("backbone", "backbone_momentum"),  # lightly
    ("backbone", "momentum_backbone"),  # solo-learn
)
"""Of two nets that are trained together, the one that their publisher evaluates."""
WRAPPED = re.compile(
    r"(?<=\.)(?:_orig_mod|_fsdp_wrapped_module|_fpw_module|_checkpoint_wrapped_module"
    r"|module)\."
)
"""What torch's wrappers of layers add in the middle of names."""
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
Wanted = Collection[Mapping[str, Shape]]


class Choice(NamedTuple):
    """What is taken of a file.

    Attributes:
        archive: the file with the tensors that are meant, under the net's names.
        notes: what was chosen without being asked for.
        prefix: what names of the file begin with, and those of the net don't.
        beside: names, of the archive, that didn't begin with it.
    """

    archive: Archive
    notes: tuple[str, ...] = ()
    prefix: str = ""
    beside: Collection[str] = ()


class _Fit(NamedTuple):
    """How well the tensors under a prefix fit: so many do, and so many don't."""

    score: int
    surplus: int
    part: str
    prefix: str


def chosen(archive: Archive, wanted: Wanted, wish: Wish, path: str) -> Choice:
    """The tensors of an archive that fit best, under the net's names.

    Args:
        archive: an open file.
        wanted: for each source that may be meant, the names and shapes of its tensors.
        wish: what the user said.
        path: of the file, for messages.

    Raises:
        WeightsError: there is no such part, no name has the prefix, several sets fit
            equally well, or two tensors would have one name.
    """
    wraps = any(WRAPPED.search(key) for of in wanted for key in of)  # by itself
    plain: Callable[[str], str] = str if wraps else partial(WRAPPED.sub, "")
    parts = {
        part: _renamed_all(unmasked(tensors), plain)
        for part, tensors in (archive.parts or {"": archive.tensors}).items()
    }
    if wish.part is not None and wish.part not in parts:
        known = ", ".join(map(repr, parts))
        raise WeightsError(
            f"{path!r} has no part {wish.part!r}",
            code="AS610",
            hint=nearest(wish.part, parts) or f"it has {known}",
        )
    prefix = wish.prefix and plain(wish.prefix)
    fits = [
        fit
        for part in ([*parts] if wish.part is None else [wish.part])
        for fit in _fits(part, parts[part], wanted, prefix, wish.rename)
    ]
    best, rivals = _best(fits, path)
    if prefix and not any(name.startswith(prefix) for name in parts[best.part]):
        first = next(iter(parts[best.part]), "")
        raise WeightsError(
            f"no name in {path!r} begins with {wish.prefix!r}",
            code="AS610",
            hint=f"its first name is {first!r}",
        )
    if not best.score and wish == ANY:
        return Choice(archive)
    tensors = parts[best.part]
    other = [f.prefix for f in rivals if (f.part, f.score) == (best.part, best.score)]
    told = (
        *_of_wrappers(archive, plain),
        *_of_sets(best.part, [fit.part for fit in rivals], "--part"),
        *_of_sets(best.prefix, other, "--prefix"),
        *_of_prefix(best.prefix, tensors),
    )
    if prefix is None:
        tensors = {n: t for n, t in tensors.items() if not n.startswith((*other,))}
    else:
        tensors = {n: t for n, t in tensors.items() if n.startswith(prefix)}
    names = _names(tensors, best.prefix, wish.rename, wanted)
    _check_unique(names, path)
    kind = archive.kind.partition(", its ")[0]
    kind += f", its {best.part!r}" if best.part else ""
    found = {names[name]: tensor for name, tensor in tensors.items()}
    beside = {new for name, new in names.items() if not name.startswith(best.prefix)}
    return Choice(replace(archive, kind=kind, tensors=found), told, best.prefix, beside)


def _names(
    tensors: Collection[str], prefix: str, rename: Mapping[str, str], wanted: Wanted
) -> dict[str, str]:
    """What tensors are called in the net, by their names in the file."""
    heads = {key for of in wanted for key in of}
    names = {name: _name(name, prefix, rename, heads) for name in tensors}
    own = {new for name, new in names.items() if name.startswith(prefix)}
    for name, new in names.items():
        if new in own and not name.startswith(prefix):
            names[name] = f"{name} (without {prefix!r})"
    return names


def _check_unique(names: Mapping[str, str], path: str) -> None:
    """Raises WeightsError where two tensors would have one name in the net."""
    if len({*names.values()}) == len(names):
        return
    new = next(new for new, count in Counter(names.values()).items() if count > 1)
    both = " and ".join(repr(name) for name in names if names[name] == new)
    raise WeightsError(
        f"in {path!r} {both} would both be {new!r}",
        code="AS610",
        hint="--rename gives one of them another name",
    )


def _name(
    name: str, prefix: str, rename: Mapping[str, str], known: Collection[str]
) -> str:
    """What a tensor is called in the net; names without the prefix may be a head's."""
    if name.startswith(prefix):
        return renamed(name.removeprefix(prefix), rename)
    for start in reversed(_starts(prefix)):
        rest = renamed(name.removeprefix(start), rename)
        if name.startswith(start) and rest in known:
            return rest
    return name


def _starts(name: str) -> list[str]:
    """What a name begins with: nothing, its first part, its first two, ...

    Of a variable of a Keras layer: the models that the layer is in.
    """
    separator, own = ("/", 2) if "/" in name else (".", 1)
    parts = name.split(separator, DEEP + own - 1)[:-own]
    return [separator.join([*parts[:n], ""]) for n in range(len(parts) + 1)]


def _renamed_all(
    tensors: Mapping[str, Stored], plain: Callable[[str], str]
) -> Mapping[str, Stored]:
    """The tensors under plainer names, if those are as many."""
    found = {plain(name): tensor for name, tensor in tensors.items()}
    return found if len(found) == len(tensors) else tensors


def _fits(
    part: str,
    tensors: Mapping[str, Stored],
    wanted: Wanted,
    prefix: str | None,
    rename: Mapping[str, str],
) -> list[_Fit]:
    """For everything that names begin with, how many of the tensors fit under it."""
    known: dict[str, list[tuple[int, Shape]]] = defaultdict(list)
    for number, of in enumerate(wanted):
        for name, shape in of.items():
            known[name].append((number, shape))
    votes: Counter[tuple[str, int]] = Counter()
    under: Counter[str] = Counter()
    for name, tensor in tensors.items():
        if counted(name) or not name.startswith(prefix or ""):
            continue
        for start in _starts(name) if prefix is None else [prefix]:
            under[start] += 1
            rest = renamed(name[len(start) :], rename)
            for number, shape in known.get(rest, ()):
                if shape == tensor.shape:
                    votes[start, number] += 1
    sizes = [len(of) for of in wanted]
    total = sum(not counted(name) for name in tensors)
    scores: dict[str, int] = {}
    for (start, number), count in votes.items():
        # What few names begin with, of which few fit, is a layer's name by chance.
        if 2 * count >= sizes[number] or 2 * under[start] > total:
            scores[start] = max(scores.get(start, 0), count)
    return [
        _Fit(score, under[start] - score, part, start)
        for start, score in scores.items()
    ] or [_Fit(0, 0, part, prefix or "")]


def _best(fits: Collection[_Fit], path: str) -> tuple[_Fit, list[_Fit]]:
    """The set that is meant, and other sets of about as many tensors of the net."""
    most = max((fit.score, -fit.surplus) for fit in fits)
    if not most[0]:
        return next(iter(fits)), []
    best = [fit for fit in fits if (fit.score, -fit.surplus) == most]
    part = _one([fit.part for fit in best], path, "--part")
    best = [fit for fit in best if fit.part == part]
    starts = [fit.prefix for fit in best]
    # Where the names of a publisher fit whole, ours may fit without their beginning.
    inner = [p for p in starts if not any(q != p and q.startswith(p) for q in starts)]
    prefix = _one(inner, path, "--prefix")
    chosen = next(fit for fit in best if fit.prefix == prefix)
    rivals = [fit for fit in fits if fit.score * 2 >= most[0]]
    return chosen, [fit for fit in rivals if not _overlap(fit, chosen)]


def _overlap(one: _Fit, other: _Fit) -> bool:
    """Whether two sets may have tensors in common."""
    a, b = one.prefix, other.prefix
    return one.part == other.part and (a.startswith(b) or b.startswith(a))


def _one(labels: Collection[str], path: str, option: str) -> str:
    """Of sets that fit equally well the one that is meant by default."""
    named = [*dict.fromkeys(labels)]
    if len(named) == 1:
        return named[0]
    if len(named) == 2:
        for one, other in (named, named[::-1]):
            ends = [label.strip(".").split(".") for label in (one, other)]
            pairs = {(a, b) for a, b in zip_longest(*ends, fillvalue="") if a != b}
            averaged = [any(AVERAGED in p[n].lower() for p in pairs) for n in (0, 1)]
            if averaged == [True, False] or pairs & set(EVALUATED):
                return one
    raise WeightsError(
        f"{path!r} holds several sets of weights that fit: "
        + ", ".join(map(repr, named)),
        code="AS610",
        hint=f"{option} {named[0]} takes the first",
    )


def _of_sets(chosen: str, others: Collection[str], option: str) -> Iterable[str]:
    rivals = sorted({*others} - {chosen})
    if rivals:
        told = ", ".join(map(repr, rivals))
        yield f"read {chosen!r}; the file has {told} as well ({option} chooses)"


def _of_wrappers(archive: Archive, plain: Callable[[str], str]) -> Iterable[str]:
    names = [name for name in archive.tensors if plain(name) != name]
    found = {wrapper for name in names for wrapper in WRAPPED.findall(name)}
    if found:
        told = ", ".join(map(repr, sorted(found)))
        yield f"{len(names)} names have {told} inside: left out"


def _of_prefix(prefix: str, names: Collection[str]) -> Iterable[str]:
    if prefix:
        count = sum(name.startswith(prefix) for name in names)
        told = f"all {count}" if count == len(names) else f"{count} of {len(names)}"
        yield f"{told} names begin with {prefix!r}: left out"

"""Weights in several files, and the index that says which tensor is in which.

Hugging Face's `model.safetensors.index.json` and `pytorch_model.bin.index.json`, and
Keras' `model.weights.json`, have a `weight_map` from names to files beside them:

    {"metadata": {"total_size": 8}, "weight_map":
     {"fc.weight": "model-00001-of-00002.safetensors",
      "fc.bias": "model-00002-of-00002.safetensors"}}
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from archspec.errors import WeightsError
from archspec.files import scratch
from archspec.weights.archives import Archive, Stored
from archspec.weights.datasets import child, is_group, listing, tensor
from archspec.weights.fit import listed

LOG = logging.getLogger("archspec.weights")
INDEXES = (".index.json", ".weights.json")
"""How the names of indexes end."""
PART = re.compile(r"(.+)-(\d{5})-of-(\d{5})(\.[a-z]+)")
"""The name of one of several files."""
KERAS = re.compile(r"(.+)_\d{5}\.weights\.h5")
"""The same of Keras."""
PREFERRED = tuple(
    f"{name}{index}"
    for name in ("model.safetensors", "pytorch_model.bin")
    for index in ("", ".index.json")
)
"""What transformers looks for in a folder, in its order."""
LARGEST = 16 << 20
"""Bytes of an index."""
DEEP = 32
"""Groups inside of one another."""
MOST = 1000
"""Files of an index: each is open while it is read."""
SLOW = 100
"""The same of Keras' files, which take a process each to look at."""

Opener = Callable[[Path], AbstractContextManager[Archive]]


@contextmanager
def opened(path: Path, opener: Opener) -> Iterator[Archive]:
    """The tensors of all files that an index names.

    Args:
        path: of the index.
        opener: opens one of the files.

    Raises:
        WeightsError: the index is damaged or none, names a file that isn't beside it
            or is missing, or says of a tensor what isn't so; or a tensor is in two
            files.
    """
    index = _read(path)
    files = list(dict.fromkeys(file for names in index.values() for file in names))
    name = os.fspath(path)
    missing = [file for file in files if not (path.parent / file).exists()]
    if missing:
        raise WeightsError(
            f"{name!r} names {len(files)} files, of which {len(missing)} are missing",
            code="AS616",
            hint="they should be in the same folder",
            notes=tuple(listed("missing: ", missing)),
        )
    told = f"in {len(files)} parts"
    if all(file.endswith(".h5") for file in files):
        with _joined(path, files) as archive:
            yield replace(archive, kind=f"{archive.kind}, {told}")
        return
    tensors: dict[str, Stored] = {}
    places: dict[str, str] = {}
    with ExitStack() as stack:
        found = [stack.enter_context(opener(path.parent / file)) for file in files]
        for file, archive in zip(files, found, strict=True):
            for key in archive.tensors:
                if key in places:
                    raise WeightsError(
                        f"{key!r} is in two files of {name!r}: {places[key]!r} and "
                        f"{file!r}",
                        code="AS616",
                    )
                places[key] = file
            tensors.update(archive.tensors)
        if any(archive.layered for archive in found):
            raise WeightsError(f"{name!r} names files of two kinds", code="AS616")
        _check(name, index, places)
        kind = found[0].kind.partition(", ")[0]
        yield Archive(f"{kind}, {told}", False, tensors, found[0].metadata)


@contextmanager
def _joined(path: Path, files: Sequence[str]) -> Iterator[Archive]:
    """The same for Keras' files, of which only one has the name of a layer.

    Where the variables of a layer are in the next file, its name stays in the last one.
    """
    from archspec.weights import hdf5

    for file in files:
        with hdf5.opened(path.parent / file, ""):
            pass
    with scratch() as folder:
        import h5py

        draft = folder / "joined.weights.h5"
        with h5py.File(draft, "w") as whole:
            for file in files:
                with h5py.File(path.parent / file, "r") as shard:
                    _copy(shard, whole, f"{os.fspath(path)!r}: {file}")
        with hdf5.opened(draft) as archive:
            yield archive


def _copy(group: Any, into: Any, told: str, depth: int = 0) -> None:
    """Adds what a group holds to another one; nothing of it may be there.

    HDF5's own way to copy reads values, of which it dies where a file is damaged.
    """
    into.attrs.update(group.attrs)
    for key in listing(group):
        where = f"{group.name.rstrip('/')}/{key}"
        if depth > DEEP:
            raise WeightsError(f"{told}: {where} lies too deep", code="AS607")
        if is_group(group, key):
            inner = child(group, key)
            _copy(inner, into.require_group(key), told, depth + 1)
        elif key in into:
            raise WeightsError(f"{told}: {where} is in two files", code="AS616")
        else:
            into.create_dataset(key, data=tensor(group, key).read())


def _read(path: Path) -> dict[str, tuple[str, ...]]:
    """By a tensor's name, or by the path of a layer's variables, the files."""
    name = os.fspath(path)
    refused = f"{name!r} is no index of weights in several files"
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"it has more than {LARGEST:,} bytes")
        held = json.loads(path.read_bytes())
        found = held.get("weight_map") if isinstance(held, dict) else None
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{refused}: {error}", code="AS616") from error
    if not isinstance(found, dict) or not found:
        raise WeightsError(f"{refused}: it has no weight_map", code="AS616")
    index = {key: _files(files) for key, files in found.items()}
    for key, files in index.items():
        for file in files:
            if not _beside(file):
                raise WeightsError(
                    f"{name!r} says that {key[:80]!a} is in {file[:80]!a}, which is no "
                    "name of a weight file beside it",
                    code="AS616",
                )
    named = {file for files in index.values() for file in files}
    count = len(named)
    if count > (SLOW if any(file.endswith(".h5") for file in named) else MOST):
        raise WeightsError(f"{refused}: it names {count:,} files", code="AS616")
    return index


def _files(held: Any) -> tuple[str, ...]:
    """Keras has a list where a layer's variables are in several files."""
    files = held if isinstance(held, list) and held else [held]
    return tuple(file if isinstance(file, str) else "" for file in files)


def _beside(file: str) -> bool:
    """Whether this is the name of a weight file, and of none in another folder."""
    plain = file.isprintable() and not {"/", "\\"} & set(file) and len(file) < 256
    return plain and file not in ("", ".", "..") and not file.endswith(".json")


def _check(
    name: str, index: Mapping[str, tuple[str, ...]], places: Mapping[str, str]
) -> None:
    wrong = [key for key, files in index.items() if places.get(key) not in files]
    if wrong:
        raise WeightsError(
            f"{name!r} says of {len(wrong)} tensors that they are in files which don't "
            "have them",
            code="AS616",
            hint="the files and the index are not of one checkpoint, or were cut off",
            notes=tuple(listed("not there: ", wrong)),
        )


def part(path: Path) -> str:
    """`part 1 of 2`, where a file is called so."""
    found = PART.fullmatch(path.name)
    return f"part {int(found[2])} of {int(found[3])}" if found else ""


def hint(path: Path) -> str | None:
    """What to give in place of a file that is only a part."""
    found = KERAS.fullmatch(path.name)
    if found is not None:
        index = path.with_name(f"{found[1]}.weights.json")
        return f"it is a part: give {os.fspath(index)}" if index.exists() else None
    found = PART.fullmatch(path.name)
    if found is None or int(found[3]) < 2:
        return None
    index = path.with_name(f"{found[1]}{found[4]}.index.json")
    told = "give" if index.exists() else "get all parts and their index,"
    return f"it is {part(path)}: {told} {os.fspath(index)}"


def inside(folder: Path, suffixes: tuple[str, ...]) -> Path:
    """The index or the weight file of a folder.

    Of several the one that transformers takes, and a warning says so. WeightsError for
    none, or for several others.
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    indexes = [name for name in names if name.endswith(INDEXES)]
    parts = {
        file for name in indexes for of in _read(folder / name).values() for file in of
    }
    known = (*suffixes, ".ckpt", ".th", ".pth.tar")
    files = [name for name in names if name.lower().endswith(known)]
    files = [name for name in files if name not in parts and name not in indexes]
    both = [*indexes, *files]
    if len(both) == 1:
        return folder / both[0]
    for name in PREFERRED:
        if name in both:
            LOG.warning("note: of the files in %r %s is read", os.fspath(folder), name)
            return folder / name
    told = f"has {len(both)} weight files" if both else "has no weight file"
    raise WeightsError(
        f"the folder {os.fspath(folder)!r} {told}",
        code="AS616",
        hint="give one of them" if both else None,
        notes=tuple(listed("", both)),
    )

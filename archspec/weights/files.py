"""Weight files: safetensors in and out, and whether weights fit a net.

A pickle is never read: a file is opened as safetensors or refused.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from archspec.errors import WeightsError
from archspec.files import write_whole
from archspec.ops.base import Shape

FOREIGN = {
    b"\x80": "a pickle",
    b"PK\x03\x04": "a zip archive, as torch's .pth and Keras's .keras are",
    b"\x89HDF": "an HDF5 file, as Keras's .h5 is",
}
"""First bytes of what is often taken for a safetensors file."""

READABLE = frozenset(
    {"F64", "F32", "F16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL"}
)
"""Element types of safetensors that numpy has too."""

HINTED = 100
"""Lines of each kind that name a candidate: looking for one compares it with all."""


def save(
    path: str | os.PathLike[str],
    weights: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, str],
) -> None:
    """Writes a safetensors file, whole or not at all.

    Raises:
        WeightsError: an array has an element type that safetensors lacks.
        ArchspecError: the file can't be written.
    """
    # save_file writes the memory of an array as it lies: a transposed one would be
    # stored wrong without a word. `asarray` keeps arrays of rank 0, which
    # `ascontiguousarray` does not.
    arrays = {name: np.asarray(array, order="C") for name, array in weights.items()}
    try:
        write_whole(path, partial(save_file, arrays, metadata=dict(metadata)))
    except SafetensorError as error:
        raise WeightsError(f"can't write {os.fspath(path)!r}: {error}") from error


def load(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """The arrays of a safetensors file by name, in the order of the file.

    torch's `num_batches_tracked` is left out. The arrays are writable copies, with no
    promise about their alignment.

    Raises:
        WeightsError: the file is missing, damaged, of another format, or holds an
            element type that numpy lacks.
    """
    with _opened(path) as file:
        names = [name for name in file.offset_keys() if not _untracked(name)]
        for name in names:
            dtype = file.get_slice(name).get_dtype()
            if dtype not in READABLE:
                raise WeightsError(
                    f"{name!r} in {os.fspath(path)!r} holds {dtype} values, "
                    "which numpy can't read",
                    hint="store it as F32",
                )
        return {name: file.get_tensor(name) for name in names}


def metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The texts stored with a safetensors file; raises WeightsError as `load` does."""
    with _opened(path) as file:
        return dict(file.metadata() or {})


def check(
    weights: Mapping[str, NDArray[Any]],
    expected: Mapping[str, Shape],
    *,
    allow_missing: Collection[str] = (),
    allow_extra: Collection[str] = (),
) -> None:
    """Do these weights fit the net?

    Args:
        weights: canonical name -> array; `num_batches_tracked` is passed over.
        expected: canonical name -> shape, of parameters and buffers.
        allow_missing: names, or patterns such as `fc.*`, that may be absent.
        allow_extra: names, or patterns, that may be there for nothing.

    Raises:
        WeightsError: lists every tensor that is missing, surplus or of another shape,
            each with the nearest candidate on the other side.
    """
    found = {
        name: tuple(array.shape)
        for name, array in weights.items()
        if not _untracked(name)
    }
    absent = {name: shape for name, shape in expected.items() if name not in found}
    surplus = {name: shape for name, shape in found.items() if name not in expected}
    missing = {name: absent[name] for name in absent if not _any(name, allow_missing)}
    extra = {name: surplus[name] for name in surplus if not _any(name, allow_extra)}
    wrong = {name: s for name, s in expected.items() if found.get(name, s) != s}
    if not (missing or extra or wrong):
        return
    there = "the weights have"
    raise WeightsError(
        f"the weights don't fit the net: {len(missing)} missing, {len(extra)} surplus, "
        f"{len(wrong)} of another shape",
        notes=(
            *(
                f"missing: {name} {list(missing[name])}{hint}"
                for name, hint in _hinted(missing, surplus, there)
            ),
            *(
                f"surplus: {name} {list(extra[name])}{hint}"
                for name, hint in _hinted(extra, absent, "the net has")
            ),
            *(
                f"shape: {name} is {list(found[name])}, "
                f"expected {list(wrong[name])}{hint}"
                for name, hint in _hinted(wrong, surplus, there, cutoff=1.0)
            ),
        ),
    )


def _hinted(
    tensors: Mapping[str, Shape],
    others: Mapping[str, Shape],
    who: str,
    *,
    cutoff: float = 0.6,
) -> Iterator[tuple[str, str]]:
    """Every name with a hint that shows the nearest of the others, or nothing.

    A name that is alike and of equal shape is nearest; then one that is alike by at
    least the cutoff, whatever its shape; then any of equal shape.
    """
    for count, (name, shape) in enumerate(tensors.items()):
        if count >= HINTED:
            yield name, ""
            continue
        equal = [other for other in others if others[other] == shape]
        near = (
            difflib.get_close_matches(name, equal, n=1)
            or difflib.get_close_matches(name, others, n=1, cutoff=cutoff)
            or difflib.get_close_matches(name, equal, n=1, cutoff=0.0)
        )
        yield name, f" ({who} {near[0]} {list(others[near[0]])})" if near else ""


def _any(name: str, patterns: Collection[str]) -> bool:
    # A lone pattern is a collection too, of letters: its `*` would match every name.
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _untracked(name: str) -> bool:
    return name.rpartition(".")[2] == "num_batches_tracked"


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    place = Path(path)
    name = os.fspath(path)
    try:
        if not place.exists():
            raise WeightsError(f"there is no file {name!r}")
        if not place.is_file():
            raise WeightsError(f"{name!r} is a folder or a device, not a file")
        with place.open("rb") as file:
            start = file.read(9)
        with safe_open(place, framework="np") as tensors:
            yield tensors
    except OSError as error:
        raise WeightsError(f"can't read {name!r}: {error.strerror or error}") from error
    except SafetensorError as error:
        what = _foreign(start)
        if what:
            raise WeightsError(
                f"{name!r} is {what}; expected a safetensors file",
                hint="read it with its own library and store it as safetensors",
            ) from error
        raise WeightsError(
            f"{name!r} is a damaged safetensors file, or none at all: {error}"
        ) from error


def _foreign(start: bytes) -> str | None:
    # The length of a safetensors header may look like any of these, so its brace rules.
    if start[8:] == b"{":
        return None
    return next(
        (what for magic, what in FOREIGN.items() if start.startswith(magic)), None
    )

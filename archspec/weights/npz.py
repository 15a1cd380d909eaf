"""numpy's archives of arrays (`numpy.savez`), without pickles.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.lib import format as npy

from archspec.errors import WeightsError
from archspec.weights.archives import Archive, Stored

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = "fiub"
"""What arrays may hold: numbers and truths."""
EXPANSION = 100
"""More than this many times its size no archive of trained weights grows."""
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),
    *(KeyError, OverflowError, TypeError, ValueError, EOFError),
    *(SyntaxError, TokenError, RecursionError, MemoryError),
)
"""What zipfile, its decompressors and the readers of headers raise."""


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The arrays of an archive, by their names; each is read when it is wanted.

    Raises:
        WeightsError: the file is missing or damaged, or a member is no array.
    """
    name, size = os.fspath(path), path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sum(info.file_size for info in members) > EXPANSION * size:
                raise ValueError("its members grow beyond all reason")
            tensors = {
                info.filename.removesuffix(".npy"): _stored(archive, info)
                for info in members
            }
            yield Archive("a numpy archive", False, tensors)
    except BROKEN as error:
        raise WeightsError(
            f"{name!r} is a damaged numpy archive, or none at all: {error}",
            code="AS604",
        ) from error


def _stored(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Stored:
    """An array whose header alone is read; ValueError where it is none."""
    with archive.open(info) as member:
        version = npy.read_magic(member)
        headers = {
            (1, 0): npy.read_array_header_1_0,
            (2, 0): npy.read_array_header_2_0,
        }
        if version not in headers:
            raise ValueError(f"{info.filename!a} is of version {version}")
        shape, columns, dtype = headers[version](member)
        start = member.tell()
    size = prod(shape) * dtype.itemsize
    if dtype.kind not in KINDS or size != info.file_size - start:
        raise ValueError(f"{info.filename!a} is no whole array of numbers")
    return Stored(
        shape, dtype.name, partial(_read, archive, info, start, dtype, shape, columns)
    )


def _read(
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    start: int,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    columns: bool,
) -> NDArray[Any]:
    with archive.open(info) as member:
        data = bytearray(member.read())
    flat = np.frombuffer(data, dtype, offset=start)
    order: Literal["F", "C"] = "F" if columns else "C"
    found = flat.reshape(shape, order=order)
    return np.require(found, dtype.newbyteorder("="), ["C", "A"])

"""safetensors files: written whole, and mapped into memory rather than read."""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from archspec.errors import WeightsError
from archspec.files import write_whole
from archspec.weights.archives import (
    BRAIN,
    Archive,
    Stored,
    beginning,
    foreign,
    widened,
)
from archspec.weights.tensors import arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray

ELEMENTS = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": BRAIN,
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
"""Element types of safetensors that numpy has too, or that are parts of such."""


def save(
    path: str | os.PathLike[str],
    weights: Mapping[str, Any] | Any,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Writes a safetensors file, whole or not at all.

    Args:
        path: where.
        weights: arrays or tensors by name, in any memory order; or a torch module.
        metadata: texts to store beside them.

    Raises:
        WeightsError: an array has an element type that safetensors lacks.
        ArchspecError: the file can't be written.
    """
    given = arrays(weights)
    # save_file writes the memory of an array as it lies: a transposed one would be
    # stored wrong without a word. `asarray` keeps arrays of rank 0, which
    # `ascontiguousarray` does not.
    stored = {name: np.asarray(array, order="C") for name, array in given.items()}
    texts = dict(metadata or {})
    try:
        write_whole(path, partial(save_file, stored, metadata=texts))
    except SafetensorError as error:
        raise WeightsError(
            f"can't write {os.fspath(path)!r}: {error}", code="AS607"
        ) from error


def metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The texts stored in a safetensors file; WeightsError if it can't be read."""
    with opened(Path(path)) as archive:
        return dict(archive.metadata)


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The tensors of a safetensors file.

    What is read is a private map of the file: pages are loaded when they are touched
    and copied when they are written to, and the file stays as it is. The arrays outlive
    the archive.

    Raises:
        WeightsError: the file is missing, damaged or of another format.
    """
    name = os.fspath(path)
    first = beginning(path)
    try:
        # It checks that the parts named in the header fill the file exactly.
        with safe_open(path, framework="np") as file:
            texts = dict(file.metadata() or {})
            order = list(file.offset_keys())
    except OSError as error:
        raise WeightsError(
            f"can't read {name!r}: {error.strerror or error}", code="AS602"
        ) from error
    except SafetensorError as error:
        what = foreign(first)
        if what:
            raise WeightsError(
                f"{name!r} is {what}; expected a safetensors file",
                code="AS606",
                hint="its suffix says what archspec reads it as",
            ) from error
        raise WeightsError(
            f"{name!r} is a damaged safetensors file, or none at all: {error}",
            code="AS604",
        ) from error
    try:
        with path.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            header = json.loads(opened.read(length))
            data = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
        start = 8 + length
        tensors = {key: _stored(name, key, header[key], data, start) for key in order}
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{name!r} changed while it was read", code="AS604"
        ) from error
    yield Archive("a safetensors file", False, tensors, texts)


def _stored(
    name: str, key: str, entry: Mapping[str, Any], data: mmap.mmap, start: int
) -> Stored:
    shape = tuple(entry["shape"])
    kind = ELEMENTS.get(entry["dtype"])

    def read() -> NDArray[Any]:
        if kind is None:
            raise WeightsError(
                f"{key!r} in {name!r} holds {entry['dtype']} values, "
                "which numpy can't read",
                code="AS607",
                hint="store it as F32",
            )
        offset = start + entry["data_offsets"][0]
        plain = "uint16" if kind == BRAIN else kind
        flat = np.frombuffer(data, plain, prod(shape), offset)
        if kind == BRAIN:
            return widened(flat).reshape(shape)
        # Other writers may start a tensor at any byte, which frameworks can't take.
        return np.require(flat, requirements="A").reshape(shape)

    return Stored(shape, kind or entry["dtype"], read)

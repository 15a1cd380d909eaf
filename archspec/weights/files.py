"""safetensors files: written whole, and mapped into memory rather than read."""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from glob import escape
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open

from archspec.errors import WeightsError
from archspec.files import write_together, write_whole
from archspec.weights.archives import (
    BRAIN,
    Archive,
    Stored,
    beginning,
    foreign,
    widened,
)
from archspec.weights.elements import encoded, known, stored_as, width
from archspec.weights.tensors import arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray

ELEMENTS = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "I16": "int16",
    "U16": "uint16",
    "F16": "float16",
    "BF16": BRAIN,
    "I32": "int32",
    "U32": "uint32",
    "F32": "float32",
    "F64": "float64",
    "I64": "int64",
    "U64": "uint64",
}
"""Element types of safetensors that numpy has too, or that are parts of such.

They stand in safetensors' own order: it writes the tensors of the last type first, so
that each starts where its type may.
"""
PART = "[0-9]" * 5 + "-of-" + "[0-9]" * 5
LETTERS = {kind: letters for letters, kind in ELEMENTS.items()}


def save(
    path: str | os.PathLike[str],
    weights: Mapping[str, Any] | Any,
    metadata: Mapping[str, str] | None = None,
    *,
    dtype: str | None = None,
    shard: int | None = None,
) -> Path:
    """Writes a safetensors file, or several with their index, whole or not at all.

    Args:
        path: where.
        weights: arrays or tensors by name, in any memory order; or a torch module.
        metadata: texts to store beside them.
        dtype: of what floating-point values are stored as: float32, float64, float16
            or bfloat16; what they are unless given.
        shard: how many bytes of tensors a file may have. Where that are several files
            they are called `name-00001-of-00002.safetensors`, as Hugging Face calls
            them, and `name.safetensors.index.json` says what is where. Parts of that
            name from before are removed.

    Returns:
        The path of the file, or of the index.

    Raises:
        WeightsError: an array has an element type that safetensors lacks, or a value
            is too large for the type.
        ArchspecError: a file can't be written.
    """
    place, given, texts = Path(path), arrays(weights), dict(metadata or {})
    known(dtype)
    for name, array in given.items():
        if stored_as(array, dtype) not in LETTERS:
            raise WeightsError(
                f"{name!r}: safetensors has no {array.dtype} values", code="AS607"
            )
    sizes = {
        name: array.size * width(stored_as(array, dtype))
        for name, array in given.items()
    }
    parts = [[*given]] if shard is None else split(sizes, shard)
    beside = place.with_name(f"{place.name}.index.json")
    before = [beside, *place.parent.glob(f"{escape(place.stem)}-{PART}{place.suffix}")]
    if len(parts) == 1:
        write_whole(place, partial(_write, given, texts, dtype))
        _remove(before if shard is not None else ())
        return place
    texts["format"] = "pt"  # which transformers asks for
    drafts: dict[str | os.PathLike[str], Any] = {}
    index: dict[str, str] = {}
    for number, names in enumerate(parts, 1):
        name = f"{place.stem}-{number:05}-of-{len(parts):05}{place.suffix}"
        own = {key: given[key] for key in names}
        drafts[place.with_name(name)] = partial(_write, own, texts, dtype)
        index |= dict.fromkeys(names, name)
    held = {"metadata": {"total_size": sum(sizes.values())}, "weight_map": index}
    write_together({**drafts, beside: json.dumps(held, indent=2)})
    _remove(path for path in before if path != beside and path not in drafts)
    return beside


def _remove(paths: Iterable[Path]) -> None:
    """Takes away what is left of files that others stand for now."""
    for path in paths:
        with suppress(OSError):  # None, a folder, or not ours: it harms nobody.
            path.unlink()


def split(sizes: Mapping[str, int], most: int) -> list[list[str]]:
    """Which tensors go into which file, as Hugging Face does it.

    In their order, each into the last file unless that grows too large; one that is too
    large on its own is a file by itself.

    Args:
        sizes: bytes by name.
        most: bytes of a file.
    """
    found: list[list[str]] = []
    current: list[str] = []
    filled = 0
    for name, size in sizes.items():
        if size > most:
            found.append([name])
            continue
        if filled + size > most:
            found.append(current)
            current, filled = [], 0
        current.append(name)
        filled += size
    return [*found, current] if current or not found else found


def _write(
    weights: Mapping[str, NDArray[Any]],
    texts: Mapping[str, str],
    dtype: str | None,
    draft: Path,
) -> None:
    """Writes the container: the length of a header, the header, and the values."""
    kinds = {name: stored_as(array, dtype) for name, array in weights.items()}
    widths = {name: width(kind) for name, kind in kinds.items()}
    ranks = {kind: -rank for rank, kind in enumerate(LETTERS)}
    order = sorted(weights, key=lambda name: (ranks[kinds[name]], name))
    header: dict[str, Any] = {"__metadata__": dict(texts)} if texts else {}
    end = 0
    for name in order:
        start, end = end, end + weights[name].size * widths[name]
        header[name] = {
            "dtype": LETTERS[kinds[name]],
            "shape": weights[name].shape,
            "data_offsets": (start, end),
        }
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with draft.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            file.write(encoded(name, weights[name], dtype).data)


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

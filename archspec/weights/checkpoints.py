"""torch checkpoints: the tensors of a .pth file, read and written without torch.

There are two containers. In torch's zip archive `data.pkl` is a pickle that says of
each tensor which part of which storage it is, and each storage is a member of its own.
In the older one several pickles stand in a row, and the storages behind them. Storages
are mapped: pages are loaded when they are touched, copied when they are written to, and
the file stays as it is.
"""

from __future__ import annotations

import json
import mmap
import os
import pickle
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from math import prod
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np

from archspec.errors import WeightsError
from archspec.files import write_whole
from archspec.weights.archives import (
    BRAIN,
    TORCH,
    Archive,
    Stored,
    beginning,
    foreign,
    widened,
)
from archspec.weights.elements import encoded, known, stored_as
from archspec.weights.pickles import (
    DTYPES,
    Opaque,
    Pickles,
    Storage,
    Tensor,
    Unreadable,
    tensor,
    view,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC = 0x1950A86A20F9469CFC6C
"""What the older container's first pickle holds."""
HEADER = 30
"""Bytes of a zip member's local header, before its name."""
ALIGNED = 64
"""Where storages start in an archive: at a multiple of this."""
SCRIPTED = "__torch__."
"""How TorchScript names classes; what they hold are attributes."""
SCALARS = {
    **{1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64"},
    **{6: "float16", 7: "float32", 8: "float64", 12: "bool", 13: BRAIN},
}
"""Types of values by their numbers there (torch/_export/serde/schema.py)."""
DEPTH = 8
"""How deep the weights may stand in other things."""
WIDTHS = {
    kind: 2 if kind == BRAIN else np.dtype(kind).itemsize for kind in DTYPES.values()
}
"""Bytes of a value."""

Starts = Mapping[str, tuple[int, int]]
"""By the key of a storage, where its bytes start in the file, and how many."""


class Damaged(Exception):
    """A container that is broken."""


REFUSED = (
    Damaged,
    Unreadable,
    zipfile.BadZipFile,
    NotImplementedError,  # an archive of a later version
    ValueError,
)


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The tensors of a checkpoint: nothing in it is run, and torch isn't needed.

    Raises:
        WeightsError: the file is missing, damaged or of another format, or holds no
            mapping from names to tensors.
    """
    name = os.fspath(path)
    what = foreign(beginning(path))
    if what is not None and "HDF5" in what:
        raise WeightsError(
            f"{name!r} is no torch checkpoint: it is {what}", code="AS606"
        )
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        held, starts = (_zipped if zipfile.is_zipfile(path) else _rowed)(data)
        sets = states(held)
    except REFUSED as error:
        raise WeightsError(
            f"{name!r} is damaged, or no torch checkpoint: {error}",
            code="AS605",
            hint="nothing in it was run",
        ) from error
    parts = {
        part: {key: _stored(key, found, data, starts) for key, found in of.items()}
        for part, of in sets.items()
    }
    if not parts:
        raise WeightsError(
            f"{name!r} holds no mapping from names to tensors: {_kind(held)}",
            code="AS605",
            hint="nothing in it was run; store the model's state_dict() on its own",
        )
    yield Archive.of("a torch checkpoint", parts)


# Containers


def _zipped(data: mmap.mmap) -> tuple[Any, Starts]:
    """What torch's zip archive holds, and where its storages are."""
    with zipfile.ZipFile(cast(IO[bytes], data)) as archive:
        members = {info.filename: info for info in archive.infolist()}
    pickled, exported = TORCH
    listed = next((name for name in members if name.endswith(exported)), None)
    if listed is not None:
        return _exported(data, members, listed)
    pickles = [name for name in members if name.rpartition("/")[2] == pickled]
    if len(pickles) != 1:
        raise Damaged(f"an archive with {len(pickles)} members data.pkl")
    folder = pickles[0].removesuffix("data.pkl")
    order = members.get(f"{folder}byteorder")
    if order is not None and data[slice(*_span(data, order))] != b"little":
        raise Damaged("its values are not little-endian")
    start, stop = _span(data, members[pickles[0]])
    lead = f"{folder}data/"
    spans = {
        name.removeprefix(lead): _span(data, info)
        for name, info in members.items()
        if name.startswith(lead)
    }
    held = Pickles(data[start:stop]).next()
    return held, {key: (start, stop - start) for key, (start, stop) in spans.items()}


def _exported(
    data: mmap.mmap, members: Mapping[str, zipfile.ZipInfo], listed: str
) -> tuple[Any, Starts]:
    """The tensors of an exported program (.pt2), and where their values are."""
    found: dict[str, Any] = {}
    starts: dict[str, tuple[int, int]] = {}
    try:
        told = json.loads(data[slice(*_span(data, members[listed]))])["config"]
        for name, entry in told.items():
            meta, path = entry["tensor_meta"], entry["path_name"]
            member = members[listed.replace("model_weights_config.json", path)]
            start, stop = _span(data, member)
            kind = SCALARS.get(meta["dtype"], "unknown")
            size = (stop - start) // WIDTHS.get(kind, 1)
            shape, strides = (
                tuple(int(length["as_int"]) for length in meta[key])
                for key in ("sizes", "strides")
            )
            offset = int(meta["storage_offset"]["as_int"])
            starts[path] = start, stop - start
            found[name] = view(Storage(kind, path, size), offset, shape, strides)
    except (AttributeError, KeyError, RecursionError, TypeError) as error:
        raise Damaged(f"{listed} is none of torch's: {error}") from error
    return found, starts


def _span(data: mmap.mmap, info: zipfile.ZipInfo) -> tuple[int, int]:
    """Where the bytes of a member start and end; Damaged where they are no bytes."""
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise Damaged(
            f"its member {info.filename!a} is compressed, as torch's never are"
        )
    header = data[info.header_offset : info.header_offset + HEADER]
    if len(header) < HEADER or not header.startswith(b"PK\x03\x04"):
        raise Damaged(f"its member {info.filename!a} is missing")
    name, extra = (int.from_bytes(header[n : n + 2], "little") for n in (26, 28))
    start = info.header_offset + HEADER + name + extra
    if start + info.file_size > len(data):
        raise Damaged(f"its member {info.filename!a} is cut off")
    return start, start + info.file_size


def _rowed(data: mmap.mmap) -> tuple[Any, Starts]:
    """What the older container holds, and where its storages are."""
    pickles = Pickles(cast(IO[bytes], data))
    first = pickles.next()
    if first != MAGIC:
        return first, {}  # of pickle.dump
    _, _, held, keys = (pickles.next() for _ in range(4))
    starts: dict[str, tuple[int, int]] = {}
    at = data.tell()
    for key in keys if isinstance(keys, list) else ():
        storage = pickles.storages.get(key) if isinstance(key, str) else None
        width = WIDTHS.get(storage.dtype, 1) if storage else 0
        size = int.from_bytes(data[at : at + 8], "little") * width
        if storage is None or at + 8 + size > len(data):
            raise Damaged("it is cut off")
        starts[key] = at + 8, size
        at += 8 + size
    return held, starts


# What they hold


def states(held: Any) -> dict[str, dict[str, Tensor]]:
    """All mappings from names to tensors, by their paths; also those of whole modules.

    Things beside tensors are passed over, and so is what has no name, such as the
    tensors of an optimiser.
    """
    found: dict[str, dict[str, Tensor]] = {}
    inner: dict[int, Storage] = {}
    seen: set[int] = set()
    waiting: list[tuple[str, Any, int]] = [("", held, 0)]
    for path, value, depth in waiting:
        of = _module(value) if isinstance(value, Opaque) else value
        if isinstance(of, dict):
            made = {k: tensor(v, inner) for k, v in of.items() if isinstance(k, str)}
            tensors = {k: v for k, v in made.items() if v is not None}
            if tensors or (value == {} and not path):
                found[path] = tensors
        if id(value) in seen or depth > DEPTH:
            continue
        seen.add(id(value))
        lead = f"{path}." if path else ""
        waiting += [
            (f"{lead}{key}", inner, depth + 1)
            for key, inner in _items(of)
            if isinstance(inner, dict | list | tuple | Opaque)
        ]
    return found


def _items(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(key, inner) for key, inner in value.items() if isinstance(key, str)]
    if isinstance(value, list | tuple) and not isinstance(value, Tensor | Storage):
        return [(str(number), inner) for number, inner in enumerate(value)]
    return []


def _module(whole: Opaque) -> dict[str, Tensor]:
    """The tensors of a module that was stored as a whole, by their names in it."""
    found: dict[str, Tensor] = {}
    waiting, seen = [("", whole)], {id(whole)}
    while waiting:
        lead, module = waiting.pop(0)
        state = module.state if isinstance(module.state, dict) else {}
        own: list[Any] = [state.get("_parameters"), state.get("_buffers")]
        children = state.get("_modules")
        if module.name.startswith(SCRIPTED):
            own, children = [state], state
        for held in own:
            for key, value in _items(held):
                if isinstance(value, Tensor):
                    found[f"{lead}{key}"] = value
        for key, child in _items(children):
            if isinstance(child, Opaque) and id(child) not in seen:
                seen.add(id(child))
                waiting.append((f"{lead}{key}.", child))
    return found


def _kind(held: Any) -> str:
    """What it is, in a few words: a repr of it may be endless."""
    if isinstance(held, dict) and held:
        key, value = next(iter(held.items()))
        if not isinstance(key, str):
            return "its first key is no text"
        return f"its {_told(key)} is {_told(value)}"
    return f"it is {_told(held)}"


def _told(value: Any) -> str:
    if isinstance(value, Tensor):
        return "one tensor"
    if isinstance(value, dict | list | tuple) and not isinstance(value, Storage):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, int):
        return f"an {type(value).__name__}"
    text = f"{value}"[:60]
    return text if text.isprintable() and not isinstance(value, str) else f"{text!r}"


def _stored(name: str, of: Tensor, data: mmap.mmap, starts: Starts) -> Stored:
    storage, offset, shape, strides = of
    kind = storage.dtype

    def values() -> NDArray[Any]:
        if kind not in WIDTHS:
            raise WeightsError(
                f"{name!r} holds {kind} values, which numpy can't read", code="AS607"
            )
        start, size = starts.get(storage.key, (0, -1))
        if storage.data is not None:
            start, size = 0, len(storage.data)
        count = size // WIDTHS[kind]
        pairs = zip(shape, strides, strict=True)
        last = offset + sum((length - 1) * stride for length, stride in pairs)
        if size < 0 or (0 not in shape and last >= count):
            raise WeightsError(
                f"{name!r} reaches beyond its values: the file is damaged", code="AS605"
            )
        if prod(shape) > count:
            raise WeightsError(
                f"{name!r} repeats its values: it is {list(shape)} of {count}",
                code="AS607",
                hint="store what .contiguous() gives",
            )
        plain = "uint16" if kind == BRAIN else kind
        held = data if storage.data is None else bytearray(storage.data)
        flat = np.frombuffer(held, plain, count, start)
        steps = [stride * WIDTHS[kind] for stride in strides]
        try:
            part = np.lib.stride_tricks.as_strided(flat[offset:], shape, steps)
        except (OverflowError, ValueError) as error:  # no elements, but huge axes
            raise WeightsError(
                f"{name!r} is of no shape: the file is damaged", code="AS605"
            ) from error
        if kind == BRAIN:
            return widened(part)
        return np.require(part, requirements=["C", "A"])

    return Stored(shape, kind, values)


# Writing


def save(
    path: str | os.PathLike[str],
    weights: Mapping[str, NDArray[Any]],
    dtype: str | None = None,
) -> None:
    """Writes a state_dict, whole or not at all; ArchspecError if it can't.

    `torch.load(path, weights_only=True)` gives it back. `dtype` is what floating-point
    values are stored as: float32, float64, float16 or bfloat16.
    """
    known(dtype)
    for name, array in weights.items():
        if stored_as(array, dtype) not in DTYPES.values():
            raise WeightsError(
                f"{name!r}: torch stores no {array.dtype} values", code="AS607"
            )
    write_whole(path, partial(_write, weights, dtype))


def _write(weights: Mapping[str, NDArray[Any]], dtype: str | None, draft: Path) -> None:
    with zipfile.ZipFile(draft, "w") as archive:
        _add(archive, "data.pkl", _pickled(weights, dtype))
        _add(archive, "byteorder", b"little")
        for number, (name, array) in enumerate(weights.items()):
            _add(archive, f"data/{number}", encoded(name, array, dtype).data)
        _add(archive, "version", b"3\n")


def _add(archive: zipfile.ZipFile, name: str, data: bytes | memoryview) -> None:
    """A member that starts where torch can map it."""
    info = zipfile.ZipInfo(f"archive/{name}")
    at = archive.fp.tell() + HEADER + len(info.filename) + 4  # type: ignore[union-attr]  # open
    filler = -at % ALIGNED
    info.extra = struct.pack("<2sH", b"FB", filler) + b"Z" * filler
    archive.writestr(info, data.cast("B") if isinstance(data, memoryview) else data)


def _pickled(weights: Mapping[str, NDArray[Any]], dtype: str | None) -> bytes:
    """What torch pickles for a state_dict, in opcodes of protocol 2."""
    kinds = {kind: name for name, kind in DTYPES.items()}
    made = bytearray(b"\x80\x02ccollections\nOrderedDict\n)R(")
    for number, (name, array) in enumerate(weights.items()):
        kind = kinds[stored_as(array, dtype)]
        steps = [prod(array.shape[place + 1 :]) for place in range(array.ndim)]
        made += _text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(("
        made += _text("storage") + f"ctorch\n{kind}Storage\n".encode()
        made += _text(str(number)) + _text("cpu") + _number(array.size) + b"tQK\x00"
        made += _numbers(array.shape) + _numbers(steps)
        made += b"\x89ccollections\nOrderedDict\n)RtR"
    return bytes(made + b"u.")


def _text(text: str) -> bytes:
    data = text.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _numbers(values: Sequence[int]) -> bytes:
    return b"(" + b"".join(map(_number, values)) + b"t"


def _number(value: int) -> bytes:
    data = pickle.encode_long(value)
    return pickle.LONG1 + bytes([len(data)]) + data

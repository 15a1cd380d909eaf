"""What lies in an HDF5 file itself, and nothing elsewhere: groups, tensors, texts.

Links and external storage lead to other people's files, and HDF5 makes up values that
were never written: both are refused. h5py comes with Keras.
"""

from __future__ import annotations

import os
from math import prod
from typing import TYPE_CHECKING, Any

from archspec.errors import WeightsError
from archspec.weights.archives import BRAIN, Stored, widened

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXPANSION = 100
"""How many times its size in the file a large tensor may have: no weight shrinks so."""

SMALL = 1 << 24
"""Bytes that a tensor, and a piece of one, may fill from nothing."""

FILTERS = frozenset({"gzip", "lzf", None})
"""Ways to pack a tensor that h5py itself unpacks."""


def h5py(path: str = "") -> Any:
    """The library; WeightsError where it is missing."""
    try:
        import h5py as found
    except ImportError as error:
        raise WeightsError(
            f"{path!r}: Keras' files need h5py, which isn't installed",
            code="AS609",
            hint='pip install "archspec-nn[keras]"',
        ) from error
    return found


def child(group: Any, name: str) -> Any:
    """A group inside this very file."""
    found = _own(group, name)
    if not isinstance(found, h5py().Group):
        raise WeightsError(
            f"{group.name}/{name} is no group of this file", code="AS607"
        )
    return found


def is_group(group: Any, name: str) -> bool:
    """Whether a name is that of a group inside this very file."""
    return isinstance(_own(group, name), h5py().Group)


def address(group: Any) -> int:
    """Where a group stands in its file: one in itself has the same address again."""
    where: int = h5py().h5o.get_info(group.id).addr
    return where


def tensor(group: Any, name: str) -> Stored:
    """A tensor whose values are in this very file."""
    data = _own(group, name)
    if not isinstance(data, h5py().Dataset) or data.external or data.is_virtual:
        raise WeightsError(
            f"{group.name}/{name} is no tensor stored in this file", code="AS607"
        )
    brain = data.dtype == "V2" and text(data.attrs.get("dtype")) == BRAIN
    kind = BRAIN if brain else data.dtype.name

    def read() -> NDArray[Any]:
        if data.dtype.kind not in "fiub" and not brain:
            raise WeightsError(
                f"{data.name} holds {kind} values, no weights of a net", code="AS607"
            )
        _whole(data)
        array: NDArray[Any] = data[()]
        if brain:
            return widened(array.view("uint16"))
        return array.astype(array.dtype.newbyteorder("="), copy=False)

    return Stored(tuple(data.shape or ()), kind, read)


def texts(group: Any, name: str) -> list[str]:
    """A list of texts, which may be cut into several attributes."""
    names = [name] if name in group.attrs else []
    while f"{name}{len(names)}" in group.attrs:
        names.append(f"{name}{len(names)}")
    return [text(part) for key in names for part in group.attrs[key]]


def text(value: Any) -> str:
    """An attribute's text, however it is stored; empty without one."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def _own(group: Any, name: str) -> Any:
    """What is called so, if no link leads to it; a name may be a path."""
    found = group
    for part in name.split("/"):
        if not isinstance(found, h5py().Group):
            return None
        if found.get(part, getlink=True, getclass=True) is not h5py().HardLink:
            return None
        found = found[part]
    return found


def _whole(data: Any) -> None:
    """Raises WeightsError unless all values of a tensor were written, in its size."""
    if not data.size:
        return
    stored = data.id.get_storage_size()
    if not stored:
        raise WeightsError(f"{data.name} has no values in this file", code="AS607")
    size = data.size * data.dtype.itemsize
    if data.chunks:
        pieces = prod(
            -(-length // piece)
            for length, piece in zip(data.shape, data.chunks, strict=True)
        )
        if data.id.get_num_chunks() < pieces:
            raise WeightsError(
                f"{data.name} has only a part of its values in this file", code="AS607"
            )
        piece = prod(data.chunks) * data.dtype.itemsize
        if size > max(EXPANSION * stored, SMALL) or piece > max(4 * size, SMALL):
            raise WeightsError(f"{data.name} grows beyond all reason", code="AS604")
        if data.compression not in FILTERS or data.scaleoffset is not None:
            raise WeightsError(
                f"{data.name} is packed in a way that isn't read",
                code="AS607",
                hint="h5repack -f NONE unpacks it",
            )
    else:
        start = data.id.get_offset()
        end = (start or 0) + stored
        if stored < size or end > os.path.getsize(data.file.filename):
            raise WeightsError(f"{data.name} reaches beyond the file", code="AS604")

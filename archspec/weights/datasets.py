"""What lies in an HDF5 file itself, and nothing elsewhere: groups, tensors, texts.

Links and external storage lead to other people's files, and HDF5 makes up values that
were never written: both are refused. h5py comes with Keras, and with `[torch]`.
"""

from __future__ import annotations

import os
import zlib
from io import BufferedReader
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from archspec.errors import WeightsError
from archspec.ops.base import Shape
from archspec.weights.archives import BRAIN, Stored, widened

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXPANSION = 100, 10
"""How many times its size in the file a tensor may have, and a large one."""

SMALL, LARGE = 1 << 24, 1 << 28
"""Bytes that may grow so from next to nothing, and that are a large tensor."""

LONGEST = 200
"""Letters of a name that messages show."""

DEFLATE, SHUFFLE = 1, 2
"""HDF5's numbers of what is done to packed values: gzip, and bytes in another order."""


def h5py(path: str = "") -> Any:
    """The library; WeightsError where it is missing."""
    try:
        import h5py as found
    except ImportError as error:
        raise WeightsError(
            f"{path!r}: Keras' files need h5py, which isn't installed",
            code="AS609",
            hint="pip install h5py",
        ) from error
    return found


def child(group: Any, name: str) -> Any:
    """A group inside this very file."""
    found = _own(group, name)
    if not isinstance(found, h5py().h5g.GroupID):
        raise WeightsError(
            f"{shown(f'{group.name}/{name}')} is no group of this file", code="AS607"
        )
    return h5py().Group(found)


def listing(group: Any) -> list[str]:
    """What is in a group; h5py gives bytes for names that are no text."""
    found = [os.fsencode(key) for key in group]
    return [key.decode(errors="surrogateescape") for key in found]


def is_group(group: Any, name: str) -> bool:
    """Whether a name is that of a group inside this very file."""
    return isinstance(_own(group, name), h5py().h5g.GroupID)


def address(group: Any) -> int:
    """Where a group stands in its file: one in itself has the same address again."""
    where: int = h5py().h5o.get_info(group.id).addr
    return where


def tensor(group: Any, name: str) -> Stored:
    """A tensor whose values are in this very file.

    HDF5's library, which dies of some damaged files, says where they lie, and that is
    all it is asked.
    """
    data = _own(group, name)
    plan = data.get_create_plist() if isinstance(data, h5py().h5d.DatasetID) else None
    virtual = plan is not None and plan.get_layout() == h5py().h5d.VIRTUAL
    if plan is None or virtual or plan.get_external_count():
        where = shown(f"{group.name}/{name}")
        raise WeightsError(f"{where} is no tensor stored in this file", code="AS607")
    path, file = (text(get(data)) for get in (h5py().h5i.get_name, h5py().h5f.get_name))
    path = shown(path)
    known, shape = data.dtype, tuple(data.shape or ())
    brain = known == "V2" and text(h5py().Dataset(data).attrs.get("dtype")) == BRAIN
    kind = BRAIN if brain else known.name
    pieces = _pieces(data, plan, path, shape, known.itemsize)

    def read() -> NDArray[Any]:
        if known.kind not in "fiub" and not brain:
            raise WeightsError(
                f"{path} holds {kind} values, no weights of a net", code="AS607"
            )
        if isinstance(pieces, WeightsError):
            raise pieces
        array = np.empty(shape, "uint16" if brain else known)
        with open(file, "rb") as opened:
            for piece in pieces:
                piece.into(array, opened, path)
        if brain:
            return widened(array)
        return array.astype(known.newbyteorder("="), copy=False)

    return Stored(shape, kind, read)


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


def grows(size: int, stored: int, least: int) -> bool:
    """Whether so many stored bytes would become more than any weights do.

    Args:
        size: what they would become.
        stored: how many there are.
        least: what may come out of few.
    """
    usual, large = EXPANSION
    return size > max(usual * stored, least) or size > max(large * stored, LARGE)


def shown(name: str) -> str:
    """A name for a message: one of somebody else's choice may be anything."""
    return name[:LONGEST] if name[:LONGEST].isprintable() else ascii(name[:LONGEST])


def _own(group: Any, name: str) -> Any:
    """What is called so, if no link leads to it; a name may be a path."""
    library, found = h5py(), group.id
    for part in name.encode(errors="surrogateescape").split(b"/"):
        if not isinstance(found, library.h5g.GroupID) or part not in found:
            return None
        if found.links.get_info(part).type != library.h5l.TYPE_HARD:
            return None
        found = library.h5o.open(found, part)
    return found


class Piece(NamedTuple):
    """A part of a tensor's values, as they lie in the file.

    Attributes:
        start: its first index on each axis.
        shape: how much it holds on each axis, perhaps beyond the tensor's end.
        offset, size: bytes of the file.
        filters: what was done to the bytes, in this order.
    """

    start: Shape
    shape: Shape
    offset: int
    size: int
    filters: tuple[int, ...] = ()

    def into(self, array: NDArray[Any], file: BufferedReader, path: str) -> None:
        """Puts the values in their place."""
        count = prod(self.shape) * array.itemsize
        file.seek(self.offset)
        if self.shape == array.shape and not self.filters:
            if file.readinto(array.reshape(-1).view("uint8").data) != count:
                raise _cut_off(path)
            return
        data = file.read(self.size)
        for kind in reversed(self.filters):
            if kind == DEFLATE:
                data = _inflated(data, count, path)
            else:
                rows = np.frombuffer(data, "uint8")
                if len(rows) == count:
                    data = rows.reshape(array.itemsize, -1).T.tobytes()
        if len(data) != count:
            raise _cut_off(path)
        values = np.frombuffer(data, array.dtype).reshape(self.shape)
        there, own = [], []
        for start, length, end in zip(self.start, self.shape, array.shape, strict=True):
            there.append(slice(start, start + length))
            own.append(slice(end - start))
        array[tuple(there)] = values[tuple(own)]


def _cut_off(path: str) -> WeightsError:
    return WeightsError(f"{path} is cut off in this file", code="AS604")


def _inflated(data: bytes, count: int, path: str) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, count)
    except zlib.error as error:
        raise WeightsError(f"{path} is damaged: {error}", code="AS604") from error


def _pieces(
    data: Any, plan: Any, path: str, shape: Shape, width: int
) -> list[Piece] | WeightsError:
    """Where a tensor's values lie, or why they can't be read.

    Args:
        data, plan: of h5py.
        path: of the tensor, for messages.
        shape: its own.
        width: bytes of an element.
    """
    size = prod(shape) * width
    if not size or data.shape is None:
        return []
    stored = data.get_storage_size()
    if not stored:
        return WeightsError(f"{path} has no values in this file", code="AS607")
    if plan.get_layout() != h5py().h5d.CHUNKED:
        start = data.get_offset()
        if start is None or stored != size:
            return _packed(path)
        return [Piece((0,) * len(shape), shape, start, size)]
    lengths = plan.get_chunk()
    count = prod(-(-n // piece) for n, piece in zip(shape, lengths, strict=True))
    if data.get_num_chunks() < count:
        return WeightsError(
            f"{path} has only a part of its values in this file", code="AS607"
        )
    most = prod(lengths) * width
    if grows(size, stored, SMALL) or most > max(4 * size, SMALL):
        return WeightsError(f"{path} grows beyond all reason", code="AS604")
    filters = tuple(plan.get_filter(n)[0] for n in range(plan.get_nfilters()))
    found = [data.get_chunk_info(number) for number in range(count)]
    if {*filters} - {DEFLATE, SHUFFLE} or any(piece.filter_mask for piece in found):
        return _packed(path)
    return [
        Piece(at.chunk_offset, lengths, at.byte_offset, at.size, filters)
        for at in found
    ]


def _packed(path: str) -> WeightsError:
    return WeightsError(
        f"{path} is packed in a way that isn't read",
        code="AS607",
        hint="h5repack -f NONE -l CONTI unpacks it",
    )

"""Weight files of every kind, opened: what each tensor is, and how to read it.

What is in a file says what it is, whatever its suffix; the suffix says only what a file
should be that is nothing known. Of a pickle only the tensors are looked at.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.errors import WeightsError
from archspec.ops.base import Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC = {
    b"\x80": "a pickle",
    b"PK\x03\x04": "a zip archive, as torch's .pth and Keras's .keras are",
    b"\x89HDF": "an HDF5 file, as Keras's .h5 is",
}
"""First bytes of files that are no safetensors."""

COUNTERS = ("num_batches_tracked", "n_averaged")
"""torch's states that are not canonical: of batch norms and of averaged models."""

GIVEN = "the weights given"
"""What is given in Python, in messages."""
TORCH = ("data.pkl", "data/weights/model_weights_config.json")
"""How the name of a member ends in torch's archives, and in no other."""
BROKEN = (zipfile.BadZipFile, NotImplementedError, ValueError)
"""What is raised for the list of a damaged archive."""
BRAIN = "bfloat16"
"""What numpy lacks: each is the upper half of a float32."""


def widened(halves: NDArray[Any]) -> NDArray[Any]:
    """The float32 of bfloat16 values, which come as uint16."""
    found: NDArray[Any] = (halves.astype("uint32") << 16).view("float32")
    return found


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file.

    Attributes:
        shape: as the file has it.
        dtype: of its elements, such as `float32`.
        read: gives the values while the file is open; raises WeightsError.
    """

    shape: Shape
    dtype: str
    read: Callable[[], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Archive:
    """An open weight file.

    Attributes:
        kind: what it is, for people.
        layered: whether the tensors are the variables of Keras layers, named
            `layer/kernel`, `layer/bias`, …; else they have names of their own.
        tensors: by name, in the order of the file.
        metadata: texts stored beside them.
        parts: all sets of tensors that the file holds, where there are several, by
            where they stand in it; `tensors` is one of them.
        notes: what was left out of what the file holds.
    """

    kind: str
    layered: bool
    tensors: Mapping[str, Stored]
    metadata: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, Stored]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, kind: str, parts: Mapping[str, Mapping[str, Stored]]) -> Archive:
        """A file that holds sets of tensors, of which the largest is shown."""
        most = max(parts, key=lambda part: len(parts[part]))
        told = f"{kind}, its {most!r}" if most else kind
        return cls(told, False, parts[most], {}, parts)


Opener = Callable[[Path], AbstractContextManager[Archive]]


def _safetensors(path: Path) -> AbstractContextManager[Archive]:
    from archspec.weights.files import opened

    return opened(path)


def _checkpoint(path: Path) -> AbstractContextManager[Archive]:
    from archspec.weights.checkpoints import opened

    return opened(path)


def _npz(path: Path) -> AbstractContextManager[Archive]:
    from archspec.weights.npz import opened

    return opened(path)


def _hdf5(path: Path) -> AbstractContextManager[Archive]:
    from archspec.weights.hdf5 import opened

    return opened(path)


def _keras(path: Path) -> AbstractContextManager[Archive]:
    from archspec.weights.hdf5 import folder, unpacked

    return folder(path) if path.is_dir() else unpacked(path)


def _index(path: Path) -> AbstractContextManager[Archive]:
    from archspec.weights.shards import opened as together

    return together(path, opened)


ORBAX = ("_CHECKPOINT_METADATA", "_METADATA")
"""Files that a folder of orbax' has: one without them is somebody else's."""
OPENERS: dict[str, tuple[Opener, bytes | None]] = {
    ".safetensors": (_safetensors, None),
    ".pth": (_checkpoint, b""),
    ".pt": (_checkpoint, b""),
    ".pt2": (_checkpoint, b""),
    ".bin": (_checkpoint, b""),
    ".pkl": (_checkpoint, b""),
    ".npz": (_npz, b"PK\x03\x04"),
    ".h5": (_hdf5, b"\x89HDF"),
    ".hdf5": (_hdf5, b"\x89HDF"),
    ".keras": (_keras, b"PK\x03\x04"),
    ".json": (_index, None),
}
"""By suffix: how to open a file, and how it must begin (the checkpoints see to it)."""


def told(given: str | os.PathLike[str] | Any) -> str:
    """What a file is called in messages, or what is given in Python in its place."""
    return os.fspath(given) if isinstance(given, str | os.PathLike) else GIVEN


@contextmanager
def opened(path: str | os.PathLike[str] | Any) -> Iterator[Archive]:
    """Opens a weight file of any kind that archspec reads, or takes what is in Python.

    Raises:
        WeightsError: the file is missing, damaged, or no weight file.
    """
    if not isinstance(path, str | os.PathLike):
        from archspec.weights.tensors import archive as given

        yield given(path)
        return
    place = Path(path)
    from archspec.weights.shards import inside, part

    _not_tensorflow(place)
    _not_orbax(place)
    unpacked = (place / "model.weights.h5").is_file() and (
        place / "config.json"
    ).is_file()
    if place.is_dir() and not unpacked:
        place = inside(place, tuple(OPENERS.keys() - {".json"}))
    name = os.fspath(place)
    if unpacked:  # what is in a .keras file, in a folder
        start, suffix = b"PK\x03\x04", ".keras"
    else:
        start, suffix = beginning(place), place.suffix.lower()
        if suffix != ".json":
            suffix = _suffix(place, start) or suffix
    if suffix not in OPENERS:
        known = ", ".join(OPENERS)
        raise WeightsError(
            f"{name!r}: expected a file that ends in {known}", code="AS606"
        )
    opener, magic = OPENERS[suffix]
    if magic and not start.startswith(magic):
        what = foreign(start) or "something else, or damaged"
        raise WeightsError(
            f"{name!r} is no {MAGIC[magic].partition(' ')[2]}: it is {what}",
            code="AS606",
        )
    try:
        with opener(place) as archive:
            odd = next((key for key in archive.tensors if not key.isprintable()), None)
            if odd is not None:
                raise WeightsError(
                    f"{name!r}: {odd!a} is no name of a tensor", code="AS607"
                )
            told = part(place)
            yield replace(archive, kind=f"{archive.kind}, {told}") if told else archive
    except OSError as error:
        raise WeightsError(
            f"can't read {name!r}: {error.strerror or error}", code="AS602"
        ) from error


def _not_tensorflow(path: Path) -> None:
    """Raises WeightsError for what TensorFlow itself writes, with the way out of it."""
    name = os.fspath(path)
    index = re.sub(r"(\.index|\.data-\d{5}-of-\d{5})?$", "", name)
    if (path / "saved_model.pb").is_file() or path.name == "saved_model.pb":
        what, call = "a SavedModel of TensorFlow", "model = tf_keras.models.load_model"
        index = name.removesuffix("saved_model.pb")
    elif Path(f"{index}.index").is_file() and path.suffix != ".json":
        what, call = "a checkpoint of TensorFlow", "model.load_weights"
    else:
        return
    hint = f"with tf_keras, which is Keras 2: {call}({index!r}); model.save('f.h5')"
    raise WeightsError(f"{name!r} is {what}", code="AS606", hint=hint)


def _not_orbax(path: Path) -> None:
    """Raises WeightsError for a folder of orbax', which orbax alone reads."""
    if any((path / name).is_file() for name in ORBAX):
        raise WeightsError(
            f"{os.fspath(path)!r} is a checkpoint of orbax, which only orbax reads",
            code="AS606",
            hint="archspec build -b flax -o net.safetensors writes what is read here",
        )


def _suffix(path: Path, start: bytes) -> str:
    """What a file that begins so would end in by rights; nothing if it is no such."""
    if start[8:9] == b"{":
        return ".safetensors"
    if start.startswith(b"\x89HDF"):
        return ".h5"
    if start.startswith(b"\x80"):
        return ".pth"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except BROKEN:  # no archive, or a damaged one: its suffix says what it should be
        return ""
    if names and all(name.endswith(".npy") for name in names):
        return ".npz"
    if any(name.endswith(TORCH) for name in names):
        return ".pth"
    return ".keras" if "config.json" in names else ""


def beginning(path: Path) -> bytes:
    """The first bytes of a file; WeightsError where there is no file to read."""
    name = os.fspath(path)
    if not path.exists():
        raise WeightsError(f"there is no file {name!r}", code="AS602")
    if not path.is_file():
        raise WeightsError(
            f"{name!r} is a folder or a device, not a file", code="AS602"
        )
    try:
        with path.open("rb") as file:
            return file.read(9)
    except OSError as error:
        raise WeightsError(
            f"can't read {name!r}: {error.strerror}", code="AS602"
        ) from error


def foreign(start: bytes) -> str | None:
    """What a file is that starts with these bytes, if it is no safetensors."""
    # The length of a safetensors header may look like any of these: its brace rules.
    if start[8:9] == b"{":
        return None
    return next(
        (what for magic, what in MAGIC.items() if start.startswith(magic)), None
    )


def counted(name: str) -> bool:
    """Whether a tensor is one of torch's counters, which are no weights."""
    return name.rpartition(".")[2] in COUNTERS

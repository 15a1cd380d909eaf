"""Keras' weight files: .weights.h5, the one inside .keras, and the legacy .h5.

What their tensors are called is in `variables`. h5py comes with Keras and is imported
where a file is opened.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.errors import WeightsError
from archspec.files import scratch, write_whole
from archspec.weights.archives import Archive
from archspec.weights.configs import LONGEST
from archspec.weights.datasets import grows, h5py
from archspec.weights.variables import archive

if TYPE_CHECKING:
    from numpy.typing import NDArray

INSIDE = "model.weights.h5"
"""The member of a .keras file that holds the weights."""

SETTINGS = "config.json"
"""The member that says what the model is."""

PACKED = "a Keras model"

SECONDS, MORE = 1.0, 1 << 24
"""Of work for a list of what is in a file, and bytes of it that allow for one more."""

PATIENCE = 60
"""Seconds that a machine with other things to do may take for it."""

MEMORY = 1 << 30
"""Bytes that it may take."""

ABOUT = 1 << 13
"""Bytes that HDF5 takes for a dataset beside its values, and for its groups."""

ATTRIBUTE_LIMIT = 64512
"""Bytes: HDF5 keeps no larger attribute, so the legacy layout cuts them up."""


@contextmanager
def opened(path: Path, settings: str = "") -> Iterator[Archive]:
    """The variables of the layers in an HDF5 file that Keras wrote.

    Args:
        path: of the file.
        settings: the model's, as JSON, where they are beside the file.
    """
    library = h5py(os.fspath(path))
    name = os.fspath(path)
    before = _state(path)
    if not _survives(path):
        raise WeightsError(
            f"{name!r} is a damaged HDF5 file: no reader gets through it", code="AS604"
        )
    try:
        with library.File(path, "r") as file:
            yield archive(file, settings)
    # h5py turns whatever the C library says into one of these.
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise WeightsError(
            f"{name!r} is a damaged HDF5 file, or none at all: {error}", code="AS604"
        ) from error
    if _state(path) != before:
        raise WeightsError(f"{name!r} changed while it was read", code="AS604")


def _state(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def probe(path: str) -> None:
    """Opens a file and forgets it; an orderly refusal is the caller's to repeat."""
    library = h5py(path)
    with suppress(Exception), library.File(path, "r") as file:
        archive(file)


def bound(path: str) -> None:
    """Ends this process where it takes longer, or more memory, than names may take."""
    try:
        import resource
        import signal

        seconds = SECONDS + os.path.getsize(path) / MORE
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.alarm(PATIENCE)  # who started it may be gone
    except (ImportError, AttributeError):  # not on this system
        return
    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _survives(path: Path) -> bool:
    """Whether a process of its own gets to the end of `probe`.

    libhdf5 is known to crash and to hang on files that are damaged with intent. Raises
    WeightsError where that is not known yet when PATIENCE ends.
    """
    code = (
        "import sys; from archspec.weights.hdf5 import bound, probe; "
        "bound(sys.argv[1]); probe(sys.argv[1])"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, os.fspath(path)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise WeightsError(
            f"no reader got through {os.fspath(path)!r} in {PATIENCE} seconds",
            code="AS604",
            hint="it is damaged, or this machine has too much else to do",
        ) from None
    return done.returncode == 0


@contextmanager
def unpacked(path: Path) -> Iterator[Archive]:
    """The same for the weights inside a .keras file, whose settings name the layers."""
    name = os.fspath(path)
    with scratch() as folder:
        draft = folder / INSIDE
        try:
            with zipfile.ZipFile(path) as packed:
                settings = _settings(packed)
                held = packed.open(_member(name, packed))
                with held as source, draft.open("wb") as file:
                    shutil.copyfileobj(source, file)
        except WeightsError:
            raise
        except OSError as error:
            message = f"can't unpack {name!r} into {str(folder.parent)!r}: {error}"
            raise WeightsError(message, code="AS604") from error
        # Each decompressor has errors of its own, and encryption another.
        except Exception as error:
            raise WeightsError(
                f"{name!r} is a damaged archive: {error}", code="AS604"
            ) from error
        try:
            with opened(draft, settings) as found:
                yield replace(found, kind=PACKED)
        except WeightsError as error:
            message = error.message.replace(os.fspath(draft), f"{name}: {INSIDE}")
            raise WeightsError(
                message, code=error.code, hint=error.hint, notes=error.notes
            ) from error.__cause__


@contextmanager
def folder(path: Path) -> Iterator[Archive]:
    """The same for what would be in a .keras file, in a folder."""
    settings = ""
    with suppress(OSError, ValueError), (path / SETTINGS).open("rb") as file:
        settings = file.read(LONGEST).decode()
    with opened(path / INSIDE, settings) as found:
        yield replace(found, kind=PACKED)


def _member(name: str, packed: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The weights in a .keras file."""
    found = [info for info in packed.infolist() if info.filename == INSIDE]
    if not found:
        pickled = f"{INSIDE[:-2]}npz" in packed.namelist()
        raise WeightsError(
            f"{name!r} is no Keras model: no {INSIDE}",
            code="AS606",
            hint="its weights are pickled; load it with the Keras that wrote it and "
            "save it again"
            if pickled
            else None,
        )
    if len(found) > 1:
        raise WeightsError(f"{name!r} has two members {INSIDE}", code="AS604")
    if grows(found[0].file_size, max(found[0].compress_size, 1), 0):
        raise WeightsError(f"{name!r}: {INSIDE} grows beyond all reason", code="AS604")
    return found[0]


def _settings(packed: zipfile.ZipFile) -> str:
    """The settings of the model in a .keras file, if it has them in order."""
    found = [info for info in packed.infolist() if info.filename == SETTINGS]
    if len(found) != 1 or found[0].file_size > LONGEST:
        return ""
    with suppress(Exception):
        return packed.read(found[0]).decode()
    return ""


def save(
    path: str | os.PathLike[str],
    layers: Mapping[str, tuple[str, Sequence[tuple[str, NDArray[Any]]]]],
) -> None:
    """Writes weights as Keras does: .weights.h5 in its own layout, .h5 in the legacy.

    Args:
        path: where; written whole or not at all.
        layers: a layer's name -> its class, as Keras' file calls it (`conv2d`), and its
            variables with their attributes' names, in Keras' order. Keras loads by
            position, so the order of the layers must be the model's.
    """
    library = h5py(os.fspath(path))
    legacy = not os.fspath(path).endswith(".weights.h5")

    def write(draft: Path) -> None:
        with library.File(draft, "w") as file:
            (_write_legacy if legacy else _write_numbered)(file, layers)

    arrays = [array for _, variables in layers.values() for _, array in variables]
    size = sum(array.nbytes for array in arrays) + ABOUT * len(arrays)
    write_whole(path, write, size=size)


def _write_numbered(file: Any, layers: Mapping[str, Any]) -> None:
    seen: Counter[str] = Counter()
    for name, (kind, variables) in layers.items():
        number = f"_{seen[kind]}" if seen[kind] else ""
        seen[kind] += 1
        group = file.create_group(f"layers/{kind}{number}/vars")
        group.attrs["name"] = name
        for position, (_, array) in enumerate(variables):
            group.create_dataset(str(position), data=array)


def _write_legacy(file: Any, layers: Mapping[str, Any]) -> None:
    _put_texts(file, "layer_names", list(layers))
    file.attrs["backend"] = b"tensorflow"
    file.attrs["keras_version"] = b"3"
    for name, (_, variables) in layers.items():
        group = file.create_group(name)
        names = [f"{name}/{attribute}" for attribute, _ in variables]
        _put_texts(group, "weight_names", names)
        for text, (_, array) in zip(names, variables, strict=True):
            group.create_dataset(text, data=array)


def _put_texts(group: Any, name: str, texts: list[str]) -> None:
    width = max((len(text.encode()) for text in texts), default=1)
    most = max(1, ATTRIBUTE_LIMIT // width)
    parts = [texts[n : n + most] for n in range(0, len(texts), most)] or [[]]
    for number, part in enumerate(parts):
        key = name if len(parts) == 1 else f"{name}{number}"
        # Of one length, as numpy has them: others would lie outside of the attribute.
        group.attrs.create(key, [text.encode() for text in part], dtype=f"S{width}")

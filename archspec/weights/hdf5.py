"""Keras' weight files: .weights.h5, the one inside .keras, and the legacy .h5.

Keras 3 numbers the groups (`layers/conv2d_1/vars/0`) and keeps the layer's own name as
an attribute; the legacy layout of its published weights has a group for each layer.
Either way a tensor is named here by its layer and its position: `conv2d_1/0`. h5py
comes with Keras and is imported where a file is opened.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.errors import WeightsError
from archspec.files import write_whole
from archspec.weights.archives import Archive, Stored

if TYPE_CHECKING:
    from numpy.typing import NDArray

INSIDE = "model.weights.h5"
"""The member of a .keras file that holds the weights."""

EXPANSION = 1000
"""How many times its size in the archive that member may have."""

PATIENCE = 20
"""Seconds that listing what is in a file may take."""

ATTRIBUTE_LIMIT = 64512
"""Bytes: HDF5 keeps no larger attribute, so the legacy layout cuts them up."""

NO_WEIGHTS = frozenset({"optimizer", "optimizer_weights", "metrics", "seed_generator"})
"""Groups of training state and random generators."""


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The variables of the layers in an HDF5 file that Keras wrote."""
    h5py = _h5py(path)
    name = os.fspath(path)
    if not _survives(path):
        raise WeightsError(
            f"{name!r} is a damaged HDF5 file: no reader gets through it", code="AS604"
        )
    try:
        with h5py.File(path, "r") as file:
            yield Archive(*_layout(h5py, file))
    # h5py turns whatever the C library says into one of these.
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise WeightsError(
            f"{name!r} is a damaged HDF5 file, or none at all: {error}", code="AS604"
        ) from error


def probe(path: str) -> None:
    """Opens a file and forgets it; an orderly refusal is the caller's to repeat."""
    h5py = _h5py(Path(path))
    with suppress(Exception), h5py.File(path, "r") as file:
        _layout(h5py, file)


def _survives(path: Path) -> bool:
    """Whether a process of its own gets to the end of `probe`.

    libhdf5 is known to crash and to hang on files that are damaged with intent.
    """
    code = "import sys; from archspec.weights.hdf5 import probe; probe(sys.argv[1])"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, os.fspath(path)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


@contextmanager
def unpacked(path: Path) -> Iterator[Archive]:
    """The same for the weights inside a .keras file; its config is never looked at."""
    name = os.fspath(path)
    with tempfile.NamedTemporaryFile(suffix=".h5") as draft:
        try:
            with zipfile.ZipFile(path) as archive:
                member = archive.getinfo(INSIDE)
                if member.file_size > EXPANSION * max(member.compress_size, 1):
                    raise WeightsError(
                        f"{name!r}: {INSIDE} grows beyond all reason", code="AS604"
                    )
                with archive.open(member) as source:
                    shutil.copyfileobj(source, draft)
        except KeyError as error:
            raise WeightsError(
                f"{name!r} is no Keras model: no {INSIDE}", code="AS606"
            ) from error
        except (WeightsError, OSError):
            raise
        # Each decompressor has errors of its own, and encryption another.
        except Exception as error:
            raise WeightsError(
                f"{name!r} is a damaged archive: {error}", code="AS604"
            ) from error
        draft.flush()
        try:
            with opened(Path(draft.name)) as found:
                yield Archive("a Keras model", True, found.tensors, found.metadata)
        except WeightsError as error:
            message = error.message.replace(draft.name, f"{name}: {INSIDE}")
            raise WeightsError(
                message, code=error.code, hint=error.hint, notes=error.notes
            ) from error.__cause__


def _layout(h5py: Any, file: Any) -> tuple[str, bool, dict[str, Stored]]:
    """What the file is, and its tensors."""
    if "model_weights" in file:
        group = _child(h5py, file, "model_weights")
        return "a legacy Keras model", True, _legacy(h5py, group)
    if "layer_names" in file.attrs or "layer_names0" in file.attrs:
        return "legacy Keras weights", True, _legacy(h5py, file)
    if "layers" in file:
        layers = _child(h5py, file, "layers")
        return "Keras weights", True, dict(_numbered(h5py, layers))
    raise WeightsError(
        f"{file.filename!r} holds no weights of a Keras model",
        code="AS606",
        hint="expected what save_weights() of a functional or Sequential model writes",
    )


def _numbered(h5py: Any, layers: Any) -> Iterator[tuple[str, Stored]]:
    """Keras 3: the name of a layer is an attribute of its variables' group."""
    seen: Counter[str] = Counter()
    for key in layers:
        group = _child(h5py, layers, key)
        for part in group:
            if part != "vars" and part not in NO_WEIGHTS:
                yield from _unknown(h5py, group, part, f"layers/{key}")
        if "vars" not in group:
            continue
        variables = _child(h5py, group, "vars")
        if not len(variables):
            continue
        name = variables.attrs.get("name")
        if name is None:
            raise WeightsError(
                f"layers/{key} has no name: an early Keras 3 wrote this file",
                code="AS606",
                hint="load it with Keras and save it again",
            )
        seen[str(name)] += 1
        if seen[str(name)] > 1:
            raise WeightsError(
                f"two layers of the file are called {name!r}", code="AS606"
            )
        for number in sorted(variables, key=lambda text: (len(text), text)):
            yield f"{name}/{number}", _stored(h5py, variables, number)


def _unknown(
    h5py: Any, group: Any, key: str, path: str
) -> Iterator[tuple[str, Stored]]:
    """Tensors of what is no plain layer, under their paths: no net has such names."""
    own = group.get(key, getlink=True, getclass=True) is h5py.HardLink
    if not own or not isinstance(group[key], h5py.Group):
        yield f"{path}/{key}", _stored(h5py, group, key)
        return
    for part in group[key]:
        yield from _unknown(h5py, group[key], part, f"{path}/{key}")


def _legacy(h5py: Any, root: Any) -> dict[str, Stored]:
    """The legacy layout: the order of a layer's variables is an attribute."""
    found: dict[str, Stored] = {}
    for layer in _texts(root, "layer_names"):
        group = _child(h5py, root, layer)
        for number, name in enumerate(_texts(group, "weight_names")):
            *folders, last = name.split("/")
            inner = group
            for folder in folders:
                inner = _child(h5py, inner, folder)
            found[f"{layer}/{number}"] = _stored(h5py, inner, last)
    return found


def _texts(group: Any, name: str) -> list[str]:
    """A list of texts, which may be cut into several attributes."""
    names = [name] if name in group.attrs else []
    while f"{name}{len(names)}" in group.attrs:
        names.append(f"{name}{len(names)}")
    found = [text for part in names for text in group.attrs[part]]
    return [t.decode() if isinstance(t, bytes) else str(t) for t in found]


def _child(h5py: Any, group: Any, name: str) -> Any:
    """A group inside this very file: links lead to other people's files."""
    kind = group.get(name, getlink=True, getclass=True)
    if kind is not h5py.HardLink or not isinstance(group[name], h5py.Group):
        raise WeightsError(
            f"{group.name}/{name} is no group of this file", code="AS607"
        )
    return group[name]


def _stored(h5py: Any, group: Any, name: str) -> Stored:
    kind = group.get(name, getlink=True, getclass=True)
    data = group[name] if kind is h5py.HardLink else None
    if not isinstance(data, h5py.Dataset) or data.external or data.is_virtual:
        raise WeightsError(
            f"{group.name}/{name} is no tensor stored in this file", code="AS607"
        )

    def read() -> NDArray[Any]:
        # HDF5 makes up the values that were never written.
        if data.size and not data.id.get_storage_size():
            raise WeightsError(f"{data.name} has no values in this file", code="AS607")
        array: NDArray[Any] = data[()]
        return array

    return Stored(tuple(data.shape or ()), str(data.dtype), read)


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
    h5py = _h5py(Path(path))
    legacy = not os.fspath(path).endswith(".weights.h5")

    def write(draft: Path) -> None:
        with h5py.File(draft, "w") as file:
            (_write_legacy if legacy else _write_numbered)(file, layers)

    write_whole(path, write)


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


def _h5py(path: Path) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise WeightsError(
            f"{os.fspath(path)!r}: Keras' files need h5py, which isn't installed",
            code="AS609",
            hint='pip install "archspec-nn[keras]"',
        ) from error
    return h5py

"""archspec.weights.archives: what a file is by its suffix and its first bytes."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
import safetensors.numpy
import torch

from archspec.errors import WeightsError
from archspec.weights import archives
from archspec.weights.archives import (
    OPENERS,
    Archive,
    Stored,
    beginning,
    counted,
    foreign,
    opened,
)

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


def refused(path: Path | str) -> tuple[str, str]:
    with pytest.raises(WeightsError) as caught, opened(path):
        pass
    return caught.value.code, caught.value.message


def written(path: Path) -> str:
    """Writes the values as files of such a suffix have them; their name there."""
    suffix = path.suffix
    if suffix == ".safetensors":
        safetensors.numpy.save_file({"a.weight": VALUES}, path)
        return "a.weight"
    if suffix in (".pth", ".pt", ".bin"):
        torch.save({"a.weight": torch.from_numpy(VALUES)}, path)
        return "a.weight"
    inner = path if suffix != ".keras" else path.with_suffix(".h5")
    with h5py.File(inner, "w") as file:
        group = file.create_group("layers/dense/vars")
        group.attrs["name"] = "a"
        group["0"] = VALUES
    if suffix == ".keras":
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(inner, "model.weights.h5")
        inner.unlink()
    return "a/0"


@pytest.mark.parametrize("suffix", OPENERS)
def test_every_suffix_has_its_reader(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    name = written(path)
    with opened(os.fspath(path)) as archive:
        assert list(archive.tensors) == [name]
        stored = archive.tensors[name]
        assert (stored.shape, stored.dtype) == ((2, 3), "float32")
        assert np.array_equal(stored.read(), VALUES)
        assert archive.layered == (name == "a/0") and archive.metadata == {}


def test_what_is_no_weight_file(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.pth") == (
        "AS602",
        f"there is no file {str(tmp_path / 'none.pth')!r}",
    )
    assert refused(tmp_path) == (
        "AS602",
        f"{str(tmp_path)!r} is a folder or a device, not a file",
    )
    odd = tmp_path / "w.npz"
    odd.touch()
    assert refused(odd) == (
        "AS606",
        f"{str(odd)!r}: expected a file that ends in "
        ".safetensors, .pth, .pt, .bin, .h5, .hdf5, .keras",
    )


@pytest.mark.parametrize(
    ("name", "start", "what"),
    [
        ("w.h5", b"PK\x03\x04 and more", "a zip archive, as torch's .pth and Keras's"),
        ("w.h5", b"", "something else, or damaged"),
        ("w.hdf5", b"\x80\x02}q\x00", "a pickle"),
        ("w.keras", b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras's .h5 is"),
        ("w.keras", b"12345678{", "something else, or damaged"),
    ],
)
def test_a_file_that_is_something_else(
    tmp_path: Path, name: str, start: bytes, what: str
) -> None:
    path = tmp_path / name
    path.write_bytes(start)
    code, message = refused(path)
    kind = {"h": "HDF5 file", "k": "zip archive"}[name[2]]
    assert code == "AS606"
    assert message.startswith(f"{str(path)!r} is no {kind}, as ")
    assert what in message.partition(": it is ")[2]


@pytest.mark.parametrize("name", ["a\x1b[2J", "a\nb", "a\udcbb"])
def test_a_name_that_is_no_text(tmp_path: Path, name: str) -> None:
    path = tmp_path / "w.pth"
    torch.save({"fine": torch.zeros(1), name: torch.zeros(1)}, path)
    assert refused(path) == ("AS607", f"{str(path)!r}: {name!a} is no name of a tensor")


def test_a_file_that_can_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def broken(path: Path) -> Iterator[Archive]:
        raise OSError(5, "Input/output error")
        yield

    path = tmp_path / "w.pth"
    path.touch()
    monkeypatch.setitem(archives.OPENERS, ".pth", (broken, b""))
    assert refused(path) == ("AS602", f"can't read {str(path)!r}: Input/output error")

    @contextmanager
    def worse(path: Path) -> Iterator[Archive]:
        raise OSError("no page")
        yield

    monkeypatch.setitem(archives.OPENERS, ".pth", (worse, b""))
    assert refused(path) == ("AS602", f"can't read {str(path)!r}: no page")


def test_a_file_that_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "w.pth"
    path.write_bytes(bytes(range(20)))
    assert beginning(path) == bytes(range(9))
    monkeypatch.setattr(Path, "open", forbidden)
    assert refused(path) == ("AS602", f"can't read {str(path)!r}: Permission denied")


def test_what_the_first_bytes_say() -> None:
    assert foreign(b"\x80\x02}q") == "a pickle"
    assert (
        foreign(b"PK\x03\x04")
        == "a zip archive, as torch's .pth and Keras's .keras are"
    )
    assert foreign(b"\x89HDF\r\n") == "an HDF5 file, as Keras's .h5 is"
    assert foreign(b"") is None and foreign(b"\x40" + bytes(8)) is None
    # A header of 0x280 bytes: the file starts as a pickle does, and its brace follows.
    assert foreign(b"\x80\x02" + bytes(6) + b"{") is None
    assert foreign(b"\x80\x02" + bytes(6) + b'{"a"') is None
    assert foreign(b"\x80\x02" + bytes(7)) == foreign(b"\x80{") == "a pickle"
    assert foreign(b"\x80\x02" + bytes(5) + b"{") == "a pickle"
    assert foreign(b"\x80\x02" + bytes(6) + b"}{") == "a pickle"


def test_the_counter_of_batches() -> None:
    assert counted("num_batches_tracked") and counted("bn1.num_batches_tracked")
    assert not counted("num_batches_tracked.weight") and not counted("bn.weight")
    assert not counted("my_num_batches_tracked")


def test_values_are_frozen() -> None:
    stored = Stored((), "float32", lambda: VALUES)
    archive = Archive("a file", False, {"a": stored})
    assert archive.metadata == {} and archive.kind == "a file"
    assert archive == Archive("a file", False, {"a": stored}, {})
    with pytest.raises(AttributeError):
        stored.dtype = "float64"  # type: ignore[misc]  # that it is frozen
    with pytest.raises(AttributeError):
        archive.layered = True  # type: ignore[misc]  # that it is frozen

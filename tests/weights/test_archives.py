"""Weight files of every kind are opened by suffix; what is something else is refused."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator
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
    GIVEN,
    Archive,
    Stored,
    beginning,
    counted,
    foreign,
    opened,
    told,
)

WANTED = np.arange(6, dtype=np.float32).reshape(2, 3)


def keras_file(path: Path) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("layers/dense/vars")
        group.attrs["name"] = "fc"
        group.create_dataset("0", data=WANTED)


def legacy(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"fc"]
        file.create_group("fc").attrs["weight_names"] = [b"fc/kernel:0"]
        file["fc/fc/kernel:0"] = WANTED


def zipped(path: Path) -> None:
    inner = path.with_name("inner")
    keras_file(inner)
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(inner, "model.weights.h5")


def tensors(path: Path) -> None:
    path.write_bytes(safetensors.numpy.save({"fc": WANTED}, {"by": "hand"}))


def checkpoint(path: Path) -> None:
    torch.save({"fc": torch.from_numpy(WANTED)}, path)


KINDS: list[tuple[str, Callable[[Path], None], str, bool, str]] = [
    ("w.safetensors", tensors, "a safetensors file", False, "fc"),
    ("w.pth", checkpoint, "a torch checkpoint", False, "fc"),
    ("w.pt", checkpoint, "a torch checkpoint", False, "fc"),
    ("w.bin", checkpoint, "a torch checkpoint", False, "fc"),
    ("w.weights.h5", keras_file, "Keras weights", True, "fc/kernel"),
    ("w.h5", legacy, "legacy Keras weights", True, "fc/kernel"),
    ("w.hdf5", legacy, "legacy Keras weights", True, "fc/kernel"),
    ("w.keras", zipped, "a Keras model", True, "fc/kernel"),
]


@pytest.mark.parametrize(("name", "write", "kind", "layered", "key"), KINDS)
def test_a_file_of_each_kind(
    tmp_path: Path,
    name: str,
    write: Callable[[Path], None],
    kind: str,
    layered: bool,
    key: str,
) -> None:
    write(tmp_path / name)
    for path in (tmp_path / name, str(tmp_path / name)):
        with archives.opened(path) as found:
            assert (found.kind, found.layered) == (kind, layered)
            assert list(found.tensors) == [key]
            assert found.tensors[key].shape == (2, 3)
            assert found.tensors[key].dtype == "float32"
            assert np.array_equal(found.tensors[key].read(), WANTED)
            texts = {"by": "hand"} if name == "w.safetensors" else {}
            assert found.metadata == texts


def refusal(path: Path) -> WeightsError:
    with pytest.raises(WeightsError) as caught, archives.opened(path):
        pass
    return caught.value


A_PICKLE = b"\x80\x02}q\x00."
A_ZIP = b"PK\x03\x04" + bytes(30)
AN_HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(30)


@pytest.mark.parametrize(
    ("name", "start", "message"),
    [
        ("w.hdf5", A_ZIP, "it is a zip archive, as torch's .pth and Keras's .keras"),
        ("w.h5", b"{}", "it is something else, or damaged"),
        ("w.h5", b"", "it is something else, or damaged"),
        ("w.h5", b"\x89HD", "it is something else, or damaged"),
        (
            "w.zip",
            A_ZIP,
            "expected a file that ends in .safetensors, .pth, .pt, .pt2, .bin",
        ),
        ("w", A_ZIP, ", .h5, .hdf5, .keras"),
    ],
)
def test_a_file_that_is_something_else(
    tmp_path: Path, name: str, start: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(start)
    error = refusal(tmp_path / name)
    assert message in error.message
    assert repr(str(tmp_path / name)) in error.message
    assert error.code == "AS606"


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (A_PICKLE, "a pickle"),
        (b"\x80", "a pickle"),
        (A_ZIP, "a zip archive, as torch's .pth and Keras's .keras are"),
        (AN_HDF5, "an HDF5 file, as Keras's .h5 is"),
        # Lengths of headers of safetensors; the next byte is the header's first.
        (b"\x80\x02\0\0\0\0\0\0{", None),
        (b"PK\x03\x04\0\0\0\0{", None),
        (b"PK\x03\x04\0\0\0\0{}", None),
        (
            b"PK\x03\x04\0\0\0{\0",
            "a zip archive, as torch's .pth and Keras's .keras are",
        ),
        (b"PK\x03", None),
        (b"{", None),
        (b"", None),
    ],
)
def test_foreign(start: bytes, what: str | None) -> None:
    assert foreign(start) == what


def test_the_beginning_reaches_a_headers_brace(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"\x80\x02\0\0\0\0\0\0{}")
    assert foreign(beginning(tmp_path / "w")) is None


@pytest.mark.parametrize(
    ("name", "counter"),
    [
        ("num_batches_tracked", True),
        ("layer1.0.bn1.num_batches_tracked", True),
        ("num_batches_tracked.weight", False),
        ("my_num_batches_tracked", False),
        ("bn.running_mean", False),
    ],
)
def test_counted(name: str, counter: bool) -> None:
    assert counted(name) is counter


def test_no_file(tmp_path: Path) -> None:
    for name in ("none.pth", "none"):
        error = refusal(tmp_path / name)
        assert error.message == f"there is no file {str(tmp_path / name)!r}"
        assert error.code == "AS602"
    os.mkfifo(tmp_path / "pipe.pth")
    error = refusal(tmp_path / "pipe.pth")
    assert "is a folder or a device, not a file" in error.message
    assert error.code == "AS602"


def test_a_file_that_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "w.pth").touch()
    monkeypatch.setattr(Path, "open", denied)
    error = refusal(tmp_path / "w.pth")
    assert error.message == f"can't read {str(tmp_path / 'w.pth')!r}: Permission denied"
    assert error.code == "AS602"


@pytest.mark.parametrize(
    ("error", "reason"),
    [(OSError(5, "Input/output error"), "Input/output error"), (OSError("so"), "so")],
)
def test_a_disk_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str
) -> None:
    @contextmanager
    def broken(path: Path) -> Iterator[Archive]:
        raise error
        yield

    (tmp_path / "w.x").touch()
    monkeypatch.setitem(archives.OPENERS, ".x", (broken, None))
    found = refusal(tmp_path / "w.x")
    assert found.message == f"can't read {str(tmp_path / 'w.x')!r}: {reason}"
    assert found.code == "AS602"


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\nb", "a\udcbbb"])
def test_a_name_that_is_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It would reach a terminal, or could not be printed at all."""

    @contextmanager
    def hostile(path: Path) -> Iterator[Archive]:
        stored = Stored((2, 3), "float32", lambda: WANTED)
        yield Archive("x", False, {"good": stored, name: stored})

    (tmp_path / "w.x").touch()
    monkeypatch.setitem(archives.OPENERS, ".x", (hostile, None))
    found = refusal(tmp_path / "w.x")
    assert f"{name!a} is no name of a tensor" in found.message
    assert found.code == "AS607"


def test_a_folder_of_orbax(tmp_path: Path) -> None:
    (tmp_path / "net.orbax").mkdir()
    (tmp_path / "net.orbax" / "_METADATA").write_text("{}")
    error = refusal(tmp_path / "net.orbax")
    assert error.code == "AS606" and "only orbax reads" in error.message
    assert error.hint and "-o net.safetensors" in error.hint


def scalars(names: str) -> dict[str, Stored]:
    return {name: Stored((), "float32", lambda: np.zeros(())) for name in names}


@pytest.mark.parametrize(
    ("parts", "kind", "shown"),
    [
        ({"": "ab"}, "a file", "ab"),
        ({"": "a", "x": "bc"}, "a file, its 'x'", "bc"),
        ({"x": "ab", "": "c"}, "a file, its 'x'", "ab"),
        ({"x": "ab", "y": "cd"}, "a file, its 'x'", "ab"),  # the first of such
        ({"": ""}, "a file", ""),
    ],
)
def test_of_several_sets_the_largest_is_shown(
    parts: dict[str, str], kind: str, shown: str
) -> None:
    held = {part: scalars(names) for part, names in parts.items()}
    found = Archive.of("a file", held)
    assert (found.kind, [*found.tensors]) == (kind, [*shown])
    assert (found.layered, found.metadata, found.notes) == (False, {}, ())
    assert found.parts == held


def test_what_a_file_is_called() -> None:
    assert told("a/w.pth") == told(Path("a/w.pth")) == "a/w.pth"
    assert told({"x": 1}) == told(None) == GIVEN


SAVED = ("a SavedModel of TensorFlow", "model = tf_keras.models.load_model")
CHECKPOINT = ("a checkpoint of TensorFlow", "model.load_weights")


@pytest.mark.parametrize(
    ("files", "given", "kind", "loaded"),
    [
        ("m/saved_model.pb", "m", SAVED, "m"),
        ("m/saved_model.pb", "m/saved_model.pb", SAVED, "m/"),
        ("saved_model.pb", "saved_model.pb", SAVED, ""),
        ("c.index", "c", CHECKPOINT, "c"),
        ("c.index", "c.index", CHECKPOINT, "c"),
        ("c.index c.data-00000-of-00001", "c.data-00000-of-00001", CHECKPOINT, "c"),
        ("c.h5.index", "c.h5", CHECKPOINT, "c.h5"),
    ],
)
def test_what_tensorflow_writes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: str,
    given: str,
    kind: tuple[str, str],
    loaded: str,
) -> None:
    """The error has the call that loads it, and what to save it as."""
    monkeypatch.chdir(tmp_path)
    for name in files.split():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(b"")
    what, call = kind
    with pytest.raises(WeightsError) as caught, opened(given):
        pass
    assert caught.value.message == f"{given!r} is {what}"
    assert caught.value.hint == (
        f"with tf_keras, which is Keras 2: {call}({loaded!r}); model.save('f.h5')"
    )
    assert caught.value.code == "AS606"


@pytest.mark.parametrize(
    ("files", "given", "code"),
    [
        ("x.json x.json.index", "x.json", "AS616"),  # an index, if anything
        ("c.data-00000-of-00001", "c.data-00000-of-00001", "AS606"),
        ("c.index/x", "c", "AS602"),
    ],
)
def test_what_is_only_called_as_tensorflows_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: str, given: str, code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in files.split():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(b"")
    with pytest.raises(WeightsError) as caught, opened(given):
        pass
    assert caught.value.code == code and "TensorFlow" not in caught.value.message


@pytest.mark.parametrize("name", ["_CHECKPOINT_METADATA", "_METADATA"])
def test_either_file_of_a_folder_of_orbax(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(WeightsError) as caught, opened(tmp_path):
        pass
    assert caught.value.message == (
        f"{str(tmp_path)!r} is a checkpoint of orbax, which only orbax reads"
    )
    assert caught.value.code == "AS606" and "-b flax" in (caught.value.hint or "")

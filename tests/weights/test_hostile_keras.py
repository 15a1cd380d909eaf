"""Keras' archives made with intent: refused soon, nothing run, nothing written."""

from __future__ import annotations

import json
import os
import pickle
import warnings
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import h5py
import pytest
from fuzz_weights import Harm, guarded
from h5files import layer, value
from hostile import nothing_else, refused

from archspec.weights import hdf5, load


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder in which nothing may be written; this very process reads the files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hdf5, "_survives", lambda path: True)
    with nothing_else():
        yield


# .keras: archives


def inner() -> bytes:
    held = BytesIO()
    with h5py.File(held, "w") as file:
        layer(file, "dense", "fc", value(1))
    return held.getvalue()


def archive(*members: tuple[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    held = BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(held, "w", kind) as packed:
        warnings.simplefilter("ignore")  # of two members with one name
        packed.writestr("config.json", "{}")
        for name, data in members:
            packed.writestr(name, data)
    return held.getvalue()


def patched(data: bytes, old: bytes, new: bytes, at: int = -1) -> bytes:
    """With a field of the last, or first, header of a member changed."""
    place = data.rindex(old) if at < 0 else data.index(old)
    return data[:place] + new + data[place + len(new) :]


W = "model.weights.h5"
WHOLE = archive((W, inner()))
CENTRAL = b"PK\x01\x02"
LAST = WHOLE.rindex(CENTRAL)


def field(offset: int, new: bytes, data: bytes = WHOLE) -> bytes:
    """A field of the weights' entry in the list of members."""
    place = data.rindex(CENTRAL) + offset
    return data[:place] + new + data[place + len(new) :]


DEFLATED = zipfile.ZIP_DEFLATED
ARCHIVES: dict[str, bytes] = {
    "a path up": archive((f"../../{W}", inner())),
    "an absolute path": archive((f"/{W}", inner())),
    "a drive": archive((f"C:\\{W}", inner())),
    "another case": archive((W.upper(), inner())),
    "a folder": archive((f"{W}/", b"")),
    "no weights": archive(),
    "two of them": archive((W, inner()), (W, inner())),
    "a pickle": archive((W, pickle.dumps(Harm()))),
    "pickled arrays": archive(("model.weights.npz", pickle.dumps(Harm()))),
    "an archive": archive((W, WHOLE)),
    "nothing": archive((W, b"")),
    "a bomb": archive((W, bytes(1 << 26)), kind=DEFLATED),
    "a bomb of bzip2": archive((W, bytes(1 << 26)), kind=zipfile.ZIP_BZIP2),
    "a bomb of lzma": archive((W, bytes(1 << 26)), kind=zipfile.ZIP_LZMA),
    "a bomb in HDF5": archive((W, inner() + bytes(1 << 25)), kind=DEFLATED),
    "encrypted": field(8, b"\x01\x00"),
    "strongly encrypted": field(8, b"\x41\x00"),
    "patched data": field(8, b"\x20\x00"),
    "an unknown compression": field(10, b"\x63\x00"),
    "another checksum": field(16, b"\x00\x00\x00\x00"),
    "a smaller size": field(20, b"\x10\x00\x00\x00\x10\x00\x00\x00"),
    "a size beyond the end": field(20, b"\xff\xff\xff\x7f\xff\xff\xff\x7f"),
    "another place": field(42, b"\x00\x00\x00\x00"),
    "a place beyond the end": field(42, b"\xff\xff\xff\x7f"),
    "a needed version": field(6, b"\xff\x00"),
    "another name inside": patched(WHOLE, W.encode(), b"model.weights.xx", 0),
    "no list": WHOLE[:LAST],
    "half": WHOLE[: len(WHOLE) // 2],
    "no end": WHOLE[:-10],
    "a list elsewhere": WHOLE[:-6] + b"\x01\x00\x00\x00" + WHOLE[-2:],
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive(name: str) -> None:
    Path("f.keras").write_bytes(ARCHIVES[name])
    refused("f.keras")
    assert not Path("harmed").exists()


CONFIGS: dict[str, bytes] = {
    "deep": b"[" * 200_000,
    "deep objects": b'{"config":' * 100_000 + b"1" + b"}" * 100_000,
    "no text": b"\xff\xfe\x00",
    "numbers": b'{"config": {"layers": [1e999, -1, NaN, ' + b"9" * 4000 + b"]}}",
    "large": b'{"config": {"layers": [' + b'{"class_name":0},' * 200_000 + b"{}]}}",
    "beyond reason": b" " * (1 << 27),
    "code": json.dumps(
        {"class_name": "Lambda", "config": {"function": "cnVu", "name": "x"}}
    ).encode(),
    "a class of the system": json.dumps(
        {"module": "os", "class_name": "mkdir", "config": {"name": "harmed"}}
    ).encode(),
    "names": json.dumps(
        {"config": {"layers": [{"class_name": "Dense", "config": {"name": "../x"}}]}}
    ).encode(),
    "twice in itself": json.dumps(
        {"config": {"layers": [{"config": []}] * 9}}
    ).encode(),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_settings(name: str) -> None:
    """They name layers at most: the weights are what they are."""
    held = BytesIO()
    with zipfile.ZipFile(held, "w", DEFLATED) as packed:
        packed.writestr("config.json", CONFIGS[name])
        packed.writestr(W, inner())
    Path("f.keras").write_bytes(held.getvalue())
    with guarded():
        found = load("f.keras")
    assert list(found) == ["fc/kernel"]
    assert not Path("harmed").exists()


def test_many_members() -> None:
    held = BytesIO()
    with zipfile.ZipFile(held, "w") as packed:
        for number in range(20_000):
            packed.writestr(str(number), b"")
        packed.writestr("config.json", "{}")
    Path("f.keras").write_bytes(held.getvalue())
    refused("f.keras")


@pytest.mark.parametrize("name", [W, "config.json"])
@pytest.mark.parametrize("what", ["fifo", "device", "folder", "link"])
def test_a_folder_with_what_is_no_file(name: str, what: str) -> None:
    folder = Path("saved")
    folder.mkdir()
    (folder / W).write_bytes(inner())
    (folder / "config.json").write_text("{}")
    (folder / name).unlink()
    match what:
        case "fifo":
            os.mkfifo(folder / name)
        case "device":
            (folder / name).symlink_to("/dev/zero")
        case "folder":
            (folder / name).mkdir()
        case _:
            (folder / name).symlink_to("/nowhere")
    if name == W:
        assert refused("saved").code == "AS616"
        return
    with guarded():
        assert list(load("saved")) == ["fc/kernel"]

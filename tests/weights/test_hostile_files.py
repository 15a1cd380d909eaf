"""Files that are made to do harm: refused soon, nothing run, nothing written.

HDF5 and Keras' archives have theirs in test_hdf5.py. Random files:
`python tests/fuzz_weights.py`, of which some run here.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import struct
import threading
import zipfile
from collections.abc import Iterator
from io import BytesIO
from itertools import cycle, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from fuzz_weights import HARMED, Harm, check, guarded
from proofs import sampled

from archspec.errors import WeightsError
from archspec.weights import load
from archspec.weights.checkpoints import MAGIC


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where a pickle that is run would leave its mark."""
    monkeypatch.chdir(tmp_path)
    before: set[str] = set()
    yield
    assert set(os.listdir()) - before <= {"w", "w.pth", "w.keras", "w.safetensors"}


def refused(data: bytes, name: str = "w.pth") -> WeightsError:
    Path(name).write_bytes(data)
    with guarded(), pytest.raises(WeightsError) as caught:
        load(name)
    assert "\n" not in caught.value.message and len(caught.value.message) < 400
    assert not Path(HARMED).exists()
    return caught.value


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


MKDIR = b"cos\nmkdir\n"
TO = b"(X\x06\x00\x00\x00harmedt"
BUILDS = (
    MKDIR + TO + b"R.",
    b"(" + MKDIR + b"X\x06\x00\x00\x00harmedo.",
    b"(X\x06\x00\x00\x00harmedios\nmkdir\n.",
    MKDIR + TO + b"\x81.",
    MKDIR + TO + b"}\x92.",
    text("os") + text("mkdir") + b"\x93" + TO + b"R.",
    b"cbuiltins\neval\n(X\x18\x00\x00\x00__import__('os').mkdir(1)tR.",
    b"cbuiltins\ngetattr\n(cos\npath\nX\x05\x00\x00\x00mkdirtR" + TO + b"R.",
    b"cos\nsystem\n(X\x0c\x00\x00\x00mkdir harmedtR.",
    b"csubprocess\nPopen\n(X\x0c\x00\x00\x00mkdir harmedtR.",
    b"cfunctools\npartial\n(" + MKDIR + b"X\x06\x00\x00\x00harmedtR)R.",
    b"coperator\nmethodcaller\n" + TO + b"R.",
    b"ctorch\nload\n" + TO + b"R.",
    b"ctorch.hub\nload\n" + TO + b"R.",
    b"ctorch.jit\nload\n" + TO + b"R.",
    b"cnumpy\nload\n" + TO + b"R.",
    b"cnumpy.testing._private.utils\nrunstring\n" + TO + b"R.",
    b"c__builtin__\nexecfile\n" + TO + b"R.",
    b"c__main__\nHarm\n)\x81}b.",
    b"cx\ny\n)R}X\x0c\x00\x00\x00__setstate__cos\nmkdir\nsb.",
    b"cx\ny\n)R}X\x09\x00\x00\x00__class__cos\nmkdir\nsb.",
    b"(" + MKDIR + b"tQ.",
    MKDIR + b"Q.",
    b"Pharmed\n.",
    b"\x82\x01.",
    b"\x83\x01\x00.",
    b"\x84\x01\x00\x00\x00.",
    b"ctorch._utils\n_rebuild_tensor_v2\n" + TO + b"R.",
    b"ctorch._utils\n_rebuild_parameter\n(" + MKDIR + TO + b"R\x88NtR.",
    b"ctorch._tensor\n_rebuild_from_type_v2\n(" + MKDIR + b"cos\npath\n" + TO + b"NtR.",
    b"ccollections\nOrderedDict\n(" + MKDIR + TO + b"RtR.",
    b"ctorch.storage\n_load_from_bytes\n(" + b"C\x12" + MKDIR + b"(X\x01" + b"..tR.",
)
"""Pickles that call, build or look up, each in its own way."""
AROUND = ("bare", "in a zip archive", "in the older container")


def around(held: bytes, how: str) -> bytes:
    if how == "bare":
        return b"\x80\x02" + held
    if how == "in the older container":
        first: tuple[Any, ...] = (MAGIC, 1001, {})
        parts = [pickle.dumps(item, 2) for item in first]
        return b"".join(parts) + b"\x80\x02" + held + pickle.dumps([], 2)
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + held)
    return buffer.getvalue()


@pytest.mark.parametrize("how", AROUND)
@pytest.mark.parametrize("number", range(len(BUILDS)))
def test_a_pickle_that_would_run_something(number: int, how: str) -> None:
    assert refused(around(BUILDS[number], how)).code == "AS605"


LAUGHS = b"q\x00h\x00\x86"
"""Two of what there was; two hundred times it is more than there are atoms."""
KEY = b"X\x01\x00\x00\x00a"
MODULE = b"X\x08\x00\x00\x00_modules"
GROWS: dict[str, bytes] = {
    "deep lists": b"]" * 100_000 + b"a" * 99_999 + b".",
    "deep tuples": b")" + b"\x85" * 100_000 + b".",
    "deep dicts": b"}" + (KEY + b"}") * 100_000 + b"s" * 100_000 + b".",
    "deep modules": (b"cx\ny\n)R}" + MODULE + b"}" + KEY) * 5000
    + b"N"
    + b"ssb" * 5000
    + b".",
    "tuples that double": b"N" + LAUGHS * 200 + b".",
    "tuples that double in a dict": b"}" + KEY + b"N" + LAUGHS * 200 + b"s.",
    "dicts that double": b"}"
    + KEY
    + b"}"
    + (b"q\x00}" + KEY + b"h\x00sX\x01\x00\x00\x00bh\x00s") * 300
    + b"s.",
    "a dict that holds itself": b"}q\x00" + KEY + b"h\x00s.",
    "a list that holds itself": b"]q\x00h\x00a.",
    "a module that holds itself": b"cx\ny\n)Rq\x00}"
    + MODULE
    + b"}"
    + KEY
    + b"h\x00ssb.",
    "a number of many bytes": b"\x8b\xd0\x07\x00\x00" + b"\x7f" * 2000 + b".",
    "a number of many digits": b"I" + b"9" * 1_000_000 + b"\n.",
    "a key of many digits": b"}\x8b\xd0\x07\x00\x00" + b"\x7f" * 2000 + b"Ns.",
    "bytes that are not there": b"\x8e" + b"\xff" * 7 + b"\x7f.",
    "a place of the memo": b"Nr\xff\xff\xff\xff.",
    "many marks": b"(" * 600_000 + b".",
    "many steps": b"N0" * 2_500_000 + b".",
    "a name of many letters": b"c" + b"a" * 3_000_000 + b"\nb\n.",
    "keys whose hashes collide": b"}"
    + b"".join(b"I%d\nN" % (n * (2**61 - 1)) + b"s" for n in range(200_000))
    + b".",
}


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "\u202e"])
def test_a_name_that_would_write_on_the_terminal(name: str) -> None:
    held = text("x") + b"X" + struct.pack("<I", len(name.encode())) + name.encode()
    for data in (
        b"}" + held + b"s.",
        held + b"\x93)R.",
        b"}" + text("a") + held + b"\x93)Rs.",
    ):
        assert refused(around(data, "bare")).message.isprintable()


@pytest.mark.parametrize(
    ("what", "how"), sampled(product(GROWS, AROUND), [*zip(GROWS, cycle(AROUND))])
)
def test_a_pickle_that_grows(what: str, how: str) -> None:
    assert refused(around(GROWS[what], how)).code == "AS605"


def tensor(shape: str, strides: str, size: int, offset: int = 0) -> bytes:
    """A dict with a tensor `w` of a storage `0`."""

    def numbers(told: str) -> bytes:
        return b"(" + b"".join(b"I%s\n" % n.encode() for n in told.split()) + b"t"

    return (
        b"}" + text("w") + b"ctorch._utils\n_rebuild_tensor_v2\n(("
        + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu")
        + b"I%d\ntQI%d\n" % (size, offset) + numbers(shape) + numbers(strides)
        + b"\x89}tRs."
    )  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "strides", "size", "offset"),
    [
        ("1000000 1000000", "0 0", 4, 0),  # one value, a million million times
        ("5", "1", 4, 0),
        ("4", "1", 4, 1),
        ("4", "2", 4, 0),
        ("2 2", "1 9", 4, 0),
        ("4", "1", 10**15, 0),
        ("0 4611686018427387904", "1 1", 4, 0),
        ("0 2", "4611686018427387904 1", 4, 0),
        ("4", f"{10**30}", 4, 0),
        ("1 " * 65, "0 " * 65, 4, 0),
    ],
)
def test_a_tensor_beyond_its_values(
    shape: str, strides: str, size: int, offset: int
) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        held = b"\x80\x02" + tensor(shape, strides, size, offset)
        archive.writestr("archive/data.pkl", held)
        archive.writestr("archive/data/0", bytes(16))
    Path("w.pth").write_bytes(buffer.getvalue())
    with guarded():
        try:
            found = load("w.pth")
        except WeightsError as error:
            assert error.code in ("AS605", "AS607")
        else:
            assert all(array.size <= 4 for array in found.values())


def zipped(**members: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return buffer.getvalue()


PLAIN = b"\x80\x02" + tensor("4", "1", 4)


@pytest.mark.parametrize(
    "data",
    [
        zipped(archive__data_pkl=PLAIN),
        zipped(**{"archive/data.pkl": PLAIN}),  # compressed
        zipped(**{"archive/data.pkl": bytes(50_000_000)}),  # a bomb
        zipped(**{"../../harmed": b"x"}),
        zipped(**{"/tmp/harmed": b"x"}),
        zipped(**{"archive/data.pkl": PLAIN, "b/data.pkl": PLAIN}),
        zipped(),
        b"PK\x05\x06" + bytes(18),
        b"PK\x03\x04" + bytes(3000),
        b"PK\x03\x04" + b"PK\x05\x06" + b"\xff" * 18,
    ],
)
def test_an_archive(data: bytes) -> None:
    refused(data)


def test_members_that_overlap() -> None:
    """A thousand members of the same bytes: storages are mapped, nothing grows."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", PLAIN)
        archive.writestr("archive/data/0", bytes(16))
        [info] = [i for i in archive.infolist() if i.filename.endswith("/0")]
        for number in range(1, 1000):
            other = zipfile.ZipInfo(f"archive/data/{number}")
            other.header_offset, other.file_size = info.header_offset, 16
            other.compress_size, other.CRC = 16, info.CRC
            archive.filelist.append(other)
    Path("w.pth").write_bytes(buffer.getvalue())
    with guarded():
        assert list(load("w.pth")) == ["w"]


def header(value: Any, data: bytes = b"") -> bytes:
    told = value if isinstance(value, bytes) else json.dumps(value).encode()
    return struct.pack("<Q", len(told)) + told + data


def f32(shape: list[int], start: int, stop: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [start, stop]}


@pytest.mark.parametrize(
    "data",
    [
        header({"a": f32([1], 0, 4), "b": f32([1], 0, 4)}, bytes(4)),  # overlap
        header({"a": f32([1], 0, 4), "b": f32([1], 2, 6)}, bytes(6)),
        header({"a": f32([1], 4, 8)}, bytes(8)),  # a hole
        header({"a": f32([1], 0, 4)}, bytes(8)),
        header({"a": f32([2], 0, 4)}, bytes(4)),
        header({"a": f32([2**62, 8], 0, 4)}, bytes(4)),
        header({"a": f32([-1], 0, 4)}, bytes(4)),
        header({"a": f32([1], 4, 0)}, bytes(4)),
        header({"a": f32([1], 0, 2**60)}, bytes(4)),
        header({"a": {"dtype": "F99", "shape": [], "data_offsets": [0, 4]}}, bytes(4)),
        header({"a": 3}),
        header([1]),
        header(b"{" * 100_000),
        header(b'{"a":' * 20_000 + b"1" + b"}" * 20_000),
        struct.pack("<Q", 2**63) + b"{",
        struct.pack("<Q", 10**9) + b"{}",
        header(b'{"__metadata__":{"a":1}}'),
    ],
)
def test_safetensors(data: bytes) -> None:
    assert refused(data, "w.safetensors").code == "AS604"


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors", "w.h5", "w.keras", "w"])
@pytest.mark.parametrize("what", ["fifo", "device", "folder", "socket link", "loop"])
def test_what_is_no_file(name: str, what: str) -> None:
    """A FIFO that nobody writes to is not waited for."""
    with guarded():
        match what:
            case "fifo":
                os.mkfifo(name)
            case "device":
                os.symlink("/dev/zero", name)
            case "folder":
                Path(name).mkdir()
            case "socket link":
                os.symlink("nowhere", name)
            case _:
                os.symlink(name, name)
        with pytest.raises(WeightsError) as caught:
            load(name)
    os.rename(name, "w") if what != "folder" else Path(name).rmdir()
    assert caught.value.code == ("AS616" if what == "folder" else "AS602")


@pytest.mark.parametrize("kind", ["pth", "safetensors"])
def test_a_file_that_changes_while_it_is_read(kind: str) -> None:
    """It is written anew, in place, again and again: read, or refused."""
    arrays = {"w": np.arange(50_000, dtype="float32")}
    buffer = BytesIO()
    torch.save({k: torch.from_numpy(v) for k, v in arrays.items()}, buffer)
    whole = buffer.getvalue() if kind == "pth" else safetensors.numpy.save(arrays)
    path = Path(f"w.{kind}")
    path.write_bytes(whole)
    draw, ended = random.Random(0), threading.Event()

    def change() -> None:
        with path.open("r+b") as file:
            while not ended.is_set():
                file.seek(draw.randrange(len(whole)))
                file.write(draw.randbytes(8))
                file.flush()

    other = threading.Thread(target=change)
    other.start()
    try:
        with guarded():
            for _ in range(100):
                try:
                    load(path)
                except WeightsError as error:
                    assert "\n" not in error.message
    finally:
        ended.set()
        other.join()


@pytest.mark.parametrize("first", range(0, 1000, 100))
def test_random_files(tmp_path: Path, first: int) -> None:
    folder = tmp_path / "w"
    folder.mkdir()
    for number in range(first, first + 100):
        check(number, folder)


def test_random_keras_files(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    folder.mkdir()
    for number in range(30):
        check(number, folder, layered=True)


def test_what_the_guard_and_the_mark_would_see() -> None:
    """Were a pickle run, or endless, these tests would fail."""
    pickle.loads(pickle.dumps(Harm()))
    assert Path(HARMED).exists()
    Path(HARMED).rmdir()
    with pytest.raises(TimeoutError), guarded(0.01):
        while True:
            pass

"""archspec.weights.npz: numpy's archives, without pickles and without bombs."""

from __future__ import annotations

import random
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archspec.errors import WeightsError
from archspec.weights import load, npz

ARRAYS: dict[str, Any] = {
    "a.weight": np.arange(12, dtype="float32").reshape(3, 4),
    "columns": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "big": np.arange(5, dtype=">f8"),
    "half": np.arange(5, dtype="float16"),
    "none": np.zeros((0, 3), "float32"),
    "scalar": np.array(2.5),
    "flag": np.array([True, False]),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "w.npz"


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_arrays(path: Path, write: Any) -> None:
    write(path, **ARRAYS)
    found = load(path)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert np.array_equal(found[name], array)
        assert found[name].shape == array.shape
        assert found[name].dtype.isnative and found[name].flags.writeable


def refusal(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        load(path)
    assert repr(str(path)) in caught.value.message
    assert caught.value.code in ("AS604", "AS606", "AS607")
    return caught.value.message


@pytest.mark.parametrize(
    "array", [np.array([{}], object), np.array(["x"]), np.zeros(2, [("a", "f4")])]
)
def test_what_is_no_number(path: Path, array: Any) -> None:
    np.savez(path, x=array)
    assert "'x.npy' is no whole array of numbers" in refusal(path)


def member(header: str, data: bytes = b"") -> bytes:
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x09\x00" + bytes(40),
        member("{}"),
        member("{'descr': '<f4', 'fortran_order': False, 'shape': (9,)}", bytes(4)),
        member("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", bytes(4)),
        member("{'descr': '<f4', 'fortran_order': False, 'shape': (1 << 70,)}"),
        member(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {10**99},}}"),
        member("(" * 5000),
        member("{'descr': '|O', 'fortran_order': False, 'shape': ()}", b"cos\nx\n."),
        member("__import__('os').mkdir('harmed')"),
    ],
)
def test_a_member_that_is_no_array(path: Path, data: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", data)
    refusal(path)
    assert not Path("harmed").exists()


def test_a_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        buffer = BytesIO()
        np.save(buffer, np.zeros(4_000_000, "float32"))
        archive.writestr("x.npy", buffer.getvalue())
    assert path.stat().st_size < 20_000
    assert "its members grow beyond all reason" in refusal(path)


def test_damaged_bytes(path: Path) -> None:
    """Whatever byte is another: a refusal, or arrays."""
    np.savez_compressed(path, **ARRAYS)
    whole, draw = path.read_bytes(), random.Random(0)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 3)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(data[: draw.choice([len(data), draw.randrange(len(data))])])
        try:
            load(path)
        except WeightsError as error:
            assert "\n" not in error.message


def test_no_such_file(path: Path) -> None:
    with pytest.raises(OSError, match="No such file"), npz.opened(path):
        pass
    with pytest.raises(WeightsError, match="there is no file"):
        load(path)

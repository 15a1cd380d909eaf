"""Only what is in an HDF5 file itself is read, whole and of its own size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from archspec.errors import WeightsError
from archspec.weights.datasets import Piece, child, grows, is_group, tensor, text, texts

Put = Callable[[Any, Path], None]
WANTED = np.arange(35, dtype=np.float32).reshape(5, 7)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.h5"


def stored(path: Path, put: Put) -> NDArray[Any]:
    """What is read of what is put into a file as `g/x`."""
    with h5py.File(path, "w") as file:
        put(file.create_group("g"), path.parent)
    with h5py.File(path) as file:
        return tensor(file, "g/x").read()


def refusal(path: Path, put: Put) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        stored(path, put)
    return caught.value


class TestLinks:
    def elsewhere(self, group: Any, folder: Path) -> None:
        group["x"] = h5py.ExternalLink(str(folder / "secret.h5"), "x")

    def by_another_name(self, group: Any, folder: Path) -> None:
        group.file["secret"] = WANTED
        group["x"] = h5py.SoftLink("/secret")

    def outside(self, group: Any, folder: Path) -> None:
        group.create_dataset("x", (2,), "f4", external=[(str(folder / "secret"), 0, 8)])

    def virtual(self, group: Any, folder: Path) -> None:
        layout = h5py.VirtualLayout((2,), "f4")
        layout[:] = h5py.VirtualSource(str(folder / "secret.h5"), "x", (2,))
        group.create_virtual_dataset("x", layout)

    def a_group(self, group: Any, folder: Path) -> None:
        group.create_group("x")

    def a_type(self, group: Any, folder: Path) -> None:
        group["x"] = np.dtype("f4")

    def nothing(self, group: Any, folder: Path) -> None:
        pass

    @pytest.mark.parametrize(
        "put",
        [
            *("elsewhere", "by_another_name", "outside", "virtual"),
            *("a_group", "a_type", "nothing"),
        ],
    )
    def test_tensors_stand_in_the_file(self, path: Path, put: str) -> None:
        """What a link leads to is somebody else's file, as /etc/passwd is."""
        with h5py.File(path.with_name("secret.h5"), "w") as file:
            file["x"] = WANTED
        path.with_name("secret").write_bytes(bytes(8))
        error = refusal(path, getattr(self, put))
        assert error.message == "//g/x is no tensor stored in this file"
        assert error.code == "AS607"

    def test_a_link_on_the_way(self, path: Path) -> None:
        with h5py.File(path, "w") as file:
            file["own/x"] = WANTED
            file["soft"] = h5py.SoftLink("/own")
            file["hard"] = file["own"]
        with h5py.File(path) as file:
            assert np.array_equal(tensor(file, "hard/x").read(), WANTED)
            assert is_group(file, "hard") and not is_group(file, "own/x")
            for name in ("soft", "own/x", "none"):
                assert not is_group(file, name)
                with pytest.raises(WeightsError, match="is no group of this file"):
                    child(file, name)
            with pytest.raises(WeightsError, match="no tensor stored in this file"):
                tensor(file, "soft/x")


class TestValues:
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"chunks": (2, 3)},
            {"chunks": (2, 3), "compression": "gzip"},
            {"chunks": (5, 7), "compression": "gzip", "shuffle": True},
            {"chunks": (2, 4), "shuffle": True},
            {"chunks": (2, 8), "maxshape": (None, None)},
        ],
    )
    @pytest.mark.parametrize("dtype", ["f4", ">f4", "f2", "f8", "i4", "u1"])
    def test_as_h5py_reads_them(
        self, path: Path, options: dict[str, Any], dtype: str
    ) -> None:
        array = WANTED.astype(dtype)

        def put(group: Any, folder: Path) -> None:
            group.create_dataset("x", data=array, **options)

        found = stored(path, put)
        assert np.array_equal(found, array)
        assert found.dtype == np.dtype(dtype).newbyteorder("=")

    def test_behind_something_else(self, path: Path) -> None:
        """HDF5 lets a file begin with other people's bytes."""
        with h5py.File(path, "w", userblock_size=512) as file:
            file["x"] = WANTED
        with h5py.File(path) as file:
            assert np.array_equal(tensor(file, "x").read(), WANTED)

    @pytest.mark.parametrize("shape", [(), (0, 3), (1,)])
    def test_scalars_and_tensors_without_values(
        self, path: Path, shape: tuple[int, ...]
    ) -> None:
        array = np.full(shape, 2, np.float32)

        def put(group: Any, folder: Path) -> None:
            group["x"] = array

        assert np.array_equal(stored(path, put), array)

    def test_bfloat16(self, path: Path) -> None:
        """As Keras writes it: an opaque type of two bytes, and an attribute."""
        import ml_dtypes

        array = WANTED.astype(ml_dtypes.bfloat16)

        def put(group: Any, folder: Path) -> None:
            group.create_dataset("x", data=array).attrs["dtype"] = "bfloat16"

        found = stored(path, put)
        assert found.dtype == np.float32
        assert np.array_equal(found, array.astype(np.float32))


class TestRefused:
    def never(self, group: Any, folder: Path) -> None:
        group.create_dataset("x", (2**40,), "f4", chunks=(1024,))

    def never_in_one(self, group: Any, folder: Path) -> None:
        group.create_dataset("x", (100,), "f4")

    def in_part(self, group: Any, folder: Path) -> None:
        data = group.create_dataset("x", (100,), "f4", chunks=(10,), fillvalue=0.5)
        data[:95] = 1
        data.id.get_num_chunks()

    def only_a_corner(self, group: Any, folder: Path) -> None:
        group.create_dataset("x", (64, 64), "f4", chunks=(8, 8))[:8, :60] = 1

    def a_bomb(self, group: Any, folder: Path) -> None:
        options = {"chunks": (1 << 22,), "compression": 9}
        group.create_dataset("x", data=np.zeros(1 << 23, "f4"), **options)

    def a_bomb_of_a_piece(self, group: Any, folder: Path) -> None:
        options = {"chunks": (1 << 24,), "maxshape": (None,), "compression": 9}
        group.create_dataset("x", data=np.zeros(10, "f4"), **options)

    def checked(self, group: Any, folder: Path) -> None:
        group.create_dataset("x", data=WANTED, fletcher32=True)

    def quickly(self, group: Any, folder: Path) -> None:
        group.create_dataset("x", data=WANTED, compression="lzf")

    def rounded(self, group: Any, folder: Path) -> None:
        group.create_dataset("x", data=WANTED.astype(int), scaleoffset=0)

    def words(self, group: Any, folder: Path) -> None:
        group["x"] = ["a", "b"]

    def records(self, group: Any, folder: Path) -> None:
        group["x"] = np.zeros(3, [("a", "f4"), ("b", "i4")])

    def references(self, group: Any, folder: Path) -> None:
        group.create_dataset("x", (3,), h5py.ref_dtype)[:] = group.ref

    def of_any_length(self, group: Any, folder: Path) -> None:
        group.create_dataset("x", (3,), h5py.vlen_dtype("f4"))[0] = [1, 2]

    def opaque(self, group: Any, folder: Path) -> None:
        group["x"] = np.zeros(3, "V2")

    @pytest.mark.parametrize(
        ("put", "message", "code"),
        [
            ("never", "has no values in this file", "AS607"),
            ("never_in_one", "has no values in this file", "AS607"),
            ("in_part", None, ""),
            ("only_a_corner", "has only a part of its values in this file", "AS607"),
            ("a_bomb", "grows beyond all reason", "AS604"),
            ("a_bomb_of_a_piece", "grows beyond all reason", "AS604"),
            ("checked", "is packed in a way that isn't read", "AS607"),
            ("quickly", "is packed in a way that isn't read", "AS607"),
            ("rounded", "is packed in a way that isn't read", "AS607"),
            ("words", "holds object values, no weights of a net", "AS607"),
            ("records", "holds void64 values, no weights of a net", "AS607"),
            ("references", "holds object values, no weights of a net", "AS607"),
            ("of_any_length", "holds object values, no weights of a net", "AS607"),
            ("opaque", "holds void16 values, no weights of a net", "AS607"),
        ],
    )
    def test_what_is_no_tensor_of_weights(
        self, path: Path, put: str, message: str | None, code: str
    ) -> None:
        if message is None:  # the last piece of it was written, if not to its end
            assert stored(path, getattr(self, put)).shape == (100,)
            return
        error = refusal(path, getattr(self, put))
        assert error.message == f"/g/x {message}"
        assert error.code == code

    def test_a_compact_tensor(self, path: Path) -> None:
        """It lies in its header, where nobody who writes weights puts it."""

        def put(group: Any, folder: Path) -> None:
            plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plan.set_layout(h5py.h5d.COMPACT)
            space = h5py.h5s.create_simple((3,))
            kind = h5py.h5t.IEEE_F32LE
            h5py.h5d.create(group.id, b"x", kind, space, plan).write(
                space, space, np.ones(3, "f4")
            )

        assert "isn't read" in refusal(path, put).message

    def test_values_beyond_the_end(self, path: Path) -> None:
        """HDF5's own reader makes up zeros where a file ends too early."""
        stated = Piece((0,), (3,), 10, 12)
        path.write_bytes(bytes(21))
        with path.open("rb") as file, pytest.raises(WeightsError) as caught:
            stated.into(np.empty(3, "f4"), file, "/x")
        assert caught.value.message == "/x is cut off in this file"
        assert caught.value.code == "AS604"

    def test_packed_values_that_are_none(self, path: Path) -> None:
        with h5py.File(path, "w") as file:
            data = file.create_dataset("x", data=WANTED, compression=9)
            start, size = data.id.get_chunk_info(0)[2:]
        raw = bytearray(path.read_bytes())
        for filler in (b"\xff" * size, bytes(size)):
            raw[start : start + size] = filler
            path.write_bytes(raw)
            with h5py.File(path) as file, pytest.raises(WeightsError) as caught:
                tensor(file, "x").read()
            assert caught.value.code == "AS604"


@pytest.mark.parametrize(
    ("size", "stored", "least", "wanted"),
    [
        (100, 1, 0, False),
        (101, 1, 0, True),
        (101, 1, 200, False),
        (1 << 28, 1 << 22, 0, False),
        ((1 << 28) + 1, 1 << 22, 0, True),
        (1 << 32, 1 << 31, 0, False),
    ],
)
def test_what_grows_beyond_all_reason(
    size: int, stored: int, least: int, wanted: bool
) -> None:
    assert grows(size, stored, least) == wanted


def test_texts_however_they_are_stored(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["a"] = [b"x", b"y"]
        file.attrs["b"] = ["x", "\u00e4"]
        file.attrs["c0"], file.attrs["c1"] = [b"x"], ["y"]
        file.attrs["r"] = np.array([file.ref], h5py.ref_dtype)
        file.attrs["n"] = [1, 2]
        file.attrs["s"] = "one"
    with h5py.File(path) as file:
        assert texts(file, "a") == ["x", "y"]
        assert texts(file, "b") == ["x", "\u00e4"]
        assert texts(file, "c") == ["x", "y"]
        assert texts(file, "none") == []
        assert texts(file, "r") == [""]
        assert texts(file, "n") == ["", ""]
        assert text(file.attrs["s"]) == "one"

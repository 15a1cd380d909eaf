"""Weight files: what comes back, what is refused and what the refusal says."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from numpy.typing import NDArray

from archspec.errors import ArchspecError, WeightsError
from archspec.weights import files, load, metadata, save


@pytest.fixture
def weights() -> dict[str, NDArray[Any]]:
    generator = np.random.default_rng(0)
    return {
        "conv1.weight": generator.standard_normal((4, 3, 2, 2)).astype(np.float32),
        "bn1.running_var": np.ones(4, np.float64),
        "scale": np.array(3.5, np.float32),
        "half": np.arange(5, dtype=np.float16),
    }


def equal(left: dict[str, NDArray[Any]], right: dict[str, NDArray[Any]]) -> bool:
    return left.keys() == right.keys() and all(
        np.array_equal(left[name], right[name])
        and left[name].dtype == right[name].dtype
        and left[name].shape == right[name].shape
        for name in left
    )


class TestRoundTrip:
    def test_our_own(self, tmp_path: Path, weights: dict[str, NDArray[Any]]) -> None:
        save(tmp_path / "w.safetensors", weights, {"spec": "résnet", "seed": "0"})
        assert equal(load(tmp_path / "w.safetensors"), weights)
        assert metadata(tmp_path / "w.safetensors") == {"spec": "résnet", "seed": "0"}

    def test_what_a_file_holds(self, tmp_path: Path) -> None:
        state = {
            "b": torch.ones(2, 3).bfloat16(),
            "a": torch.ones(4),
            "n": torch.ones(()),
        }
        safetensors.torch.save_file(state, tmp_path / "w.safetensors", {"by": "torch"})
        with files.opened(tmp_path / "w.safetensors") as found:
            assert (found.kind, found.layered) == ("a safetensors file", False)
            assert found.metadata == {"by": "torch"}
            assert {k: (s.shape, s.dtype) for k, s in found.tensors.items()} == {
                "a": ((4,), "float32"),
                "b": ((2, 3), "bfloat16"),
                "n": ((), "float32"),
            }

    def test_no_texts(self, tmp_path: Path) -> None:
        save(tmp_path / "w.safetensors", {"x": np.ones(3)})
        assert metadata(tmp_path / "w.safetensors") == {}

    @pytest.mark.parametrize(
        "dtype",
        [
            *("float64", "float32", "float16", "int64", "int32", "int16", "int8"),
            *("uint64", "uint32", "uint16", "uint8", "bool"),
        ],
    )
    def test_every_element_type_of_both(self, tmp_path: Path, dtype: str) -> None:
        array = np.arange(-3, 3).astype(dtype)
        save(tmp_path / "w.safetensors", {"x": array})
        found = load(tmp_path / "w.safetensors")["x"]
        assert found.dtype == array.dtype and np.array_equal(found, array)

    def test_others_read_what_we_write(
        self, tmp_path: Path, weights: dict[str, NDArray[Any]]
    ) -> None:
        save(tmp_path / "w.safetensors", weights, {})
        found = safetensors.torch.load_file(tmp_path / "w.safetensors")
        assert equal({name: found[name].numpy() for name in found}, weights)

    def test_we_read_what_others_write(self, tmp_path: Path) -> None:
        net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
        state = net.state_dict()
        safetensors.torch.save_file(state, tmp_path / "w.safetensors")
        found = load(tmp_path / "w.safetensors")
        assert set(found) == set(state) - {"1.num_batches_tracked"}
        assert all(np.array_equal(found[name], state[name].numpy()) for name in found)
        assert metadata(tmp_path / "w.safetensors") == {}

    @pytest.mark.parametrize(
        "view",
        [
            np.arange(12.0).reshape(3, 4).T,
            np.arange(24.0).reshape(4, 6)[::2, 1::2],
            np.asfortranarray(np.arange(6.0).reshape(2, 3)),
            np.arange(4.0)[::-1],
            np.zeros((0, 3)),
            np.arange(3.0).astype(">f8"),
        ],
    )
    def test_any_memory_order(self, tmp_path: Path, view: NDArray[Any]) -> None:
        save(tmp_path / "w.safetensors", {"x": view}, {})
        assert np.array_equal(load(tmp_path / "w.safetensors")["x"], view)

    def test_arrays_may_be_changed_and_leave_the_file_alone(
        self, tmp_path: Path
    ) -> None:
        save(tmp_path / "w.safetensors", {"x": np.zeros(3)}, {})
        load(tmp_path / "w.safetensors")["x"][:] = 1
        assert not load(tmp_path / "w.safetensors")["x"].any()

    def test_an_element_type_that_the_format_lacks(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match="object"):
            save(tmp_path / "w.safetensors", {"x": np.array([None])}, {})
        assert list(tmp_path.iterdir()) == []


class TestTypesAndParts:
    """What is written is what safetensors and Hugging Face's libraries write."""

    @pytest.mark.parametrize("kind", ["float64", "float32", "float16", "bfloat16"])
    def test_bytes_are_those_of_safetensors(
        self, tmp_path: Path, weights: dict[str, NDArray[Any]], kind: str
    ) -> None:
        held = {name: torch.from_numpy(array) for name, array in weights.items()}
        theirs = {n: t.to(getattr(torch, kind)) for n, t in held.items()}
        theirs |= {"é": torch.arange(3), "none": theirs["half"][:0]}
        ours = {**weights, "é": np.arange(3), "none": weights["half"][:0]}
        for texts in ({"by": "nobody"}, None):
            safetensors.torch.save_file(theirs, tmp_path / "their", texts)
            save(tmp_path / "w.safetensors", ours, texts, dtype=kind)
            read = (tmp_path / "w.safetensors").read_bytes()
            assert read == (tmp_path / "their").read_bytes()

    @pytest.mark.parametrize("size", [1, 40, 100, 250, 10_000])
    @pytest.mark.parametrize("dtype", [None, "bfloat16"])
    def test_parts_are_those_of_hugging_face(
        self, tmp_path: Path, size: int, dtype: str | None
    ) -> None:
        draw = np.random.default_rng(size)
        shapes = draw.integers(1, 30, 12)
        held = {
            f"a{n}.w": draw.random(s).astype(np.float32) for n, s in enumerate(shapes)
        }
        state = {
            n: torch.from_numpy(a).to(getattr(torch, dtype or "float32"))
            for n, a in held.items()
        }
        ours, theirs = tmp_path / "ours", tmp_path / "theirs"
        ours.mkdir()
        theirs.mkdir()
        huggingface_hub.save_torch_state_dict(state, theirs, max_shard_size=size)
        where = ours / "model.safetensors"
        place = save(where, held, {}, dtype=dtype, shard=size)
        names = sorted(path.name for path in theirs.iterdir())
        assert sorted(path.name for path in ours.iterdir()) == names
        if len(names) > 1:
            assert place == ours / "model.safetensors.index.json"
            indexes = [
                json.loads((folder / place.name).read_text())
                for folder in (ours, theirs)
            ]
            assert indexes[0] == indexes[1]
            for name in names:
                if name != place.name:
                    assert (ours / name).read_bytes() == (theirs / name).read_bytes()
        else:
            assert place == where
        wanted = {name: tensor.float().numpy() for name, tensor in state.items()}
        assert equal(load(place), {name: wanted[name] for name in load(place)})
        assert load(place).keys() == wanted.keys()

    def test_parts_from_before_are_removed(self, tmp_path: Path) -> None:
        held = {name: np.ones(3) for name in "abc"}
        others = ["v-00001-of-00003.safetensors", "w-1.safetensors"]
        for name in others:
            (tmp_path / name).touch()
        place = tmp_path / "w.safetensors"
        for size, count in ((24, 3), (48, 2), (100, 0), (24, 3)):
            save(place, held, {}, shard=size)
            names = {path.name for path in tmp_path.iterdir()}.difference(others)
            if count == 0:
                assert names == {"w.safetensors"}
                place.unlink()
                continue
            parts = {f"w-{n:05}-of-{count:05}.safetensors" for n in range(1, count + 1)}
            assert names == {"w.safetensors.index.json", *parts}
        assert all((tmp_path / name).exists() for name in others)

    def test_all_parts_or_none(self, tmp_path: Path) -> None:
        held = {"a": np.ones(3), "b": np.array([1e300])}
        with pytest.raises(WeightsError, match="too large for float16"):
            save(tmp_path / "w.safetensors", held, {}, dtype="float16", shard=6)
        (tmp_path / "w-00002-of-00002.safetensors").mkdir()
        with pytest.raises(ArchspecError, match="a folder or a device"):
            save(tmp_path / "w.safetensors", held, {}, shard=24)
        assert [path.is_dir() for path in tmp_path.iterdir()] == [True]


class TestRefused:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "w.safetensors"

    def refused(self, path: Path, match: str) -> None:
        for read in (load, metadata):
            with pytest.raises(WeightsError, match=match):
                read(path)

    def test_missing(self, path: Path) -> None:
        self.refused(path, "there is no file")

    def test_folder(self, path: Path) -> None:
        path.mkdir()
        self.refused(path, "folder")

    def test_device(self) -> None:
        self.refused(Path("/dev/zero"), "device")

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (OSError(5, "Input/output error"), "Input/output error"),
            (OSError("so"), "so"),
        ],
    )
    def test_a_disk_that_fails(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str
    ) -> None:
        def failing(*_: object, **__: object) -> None:
            raise error

        path.write_bytes(safetensors.numpy.save({"x": np.zeros(3)}))
        monkeypatch.setattr(files, "safe_open", failing)
        with pytest.raises(WeightsError) as caught:
            metadata(path)
        assert caught.value.message == f"can't read {str(path)!r}: {reason}"
        assert caught.value.code == "AS602"

    def test_empty(self, path: Path) -> None:
        path.touch()
        self.refused(path, "damaged safetensors file, or none at all")

    def test_every_truncation(
        self, path: Path, weights: dict[str, NDArray[Any]]
    ) -> None:
        whole = safetensors.numpy.save(weights, {"spec": "x"})
        for length in range(1, len(whole)):
            path.write_bytes(whole[:length])
            self.refused(path, "damaged safetensors file")

    def test_something_appended(
        self, path: Path, weights: dict[str, NDArray[Any]]
    ) -> None:
        path.write_bytes(safetensors.numpy.save(weights) + b"\0")
        self.refused(path, "damaged safetensors file")

    @pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
    def test_pickle(self, path: Path, protocol: int) -> None:
        class Harm:
            def __reduce__(self) -> tuple[object, tuple[str]]:
                return os.mkdir, (str(path.parent / "harmed"),)

        path.write_bytes(pickle.dumps({"x": Harm()}, protocol))
        with pytest.raises(WeightsError, match="is a pickle; expected a safetensors"):
            metadata(path)
        with pytest.raises(WeightsError, match="no mapping from names to tensors"):
            load(path)
        assert not (path.parent / "harmed").exists()

    @pytest.mark.parametrize(
        ("legacy", "what"), [(False, "a zip archive"), (True, "a pickle")]
    )
    def test_torch_checkpoint(self, path: Path, legacy: bool, what: str) -> None:
        state = {"x": torch.zeros(3)}
        torch.save(state, path, _use_new_zipfile_serialization=not legacy)
        with pytest.raises(WeightsError, match=f"is {what}"):
            metadata(path)
        assert load(path)["x"].shape == (3,)  # what is in a file decides

    def test_keras_files(self, path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", "{}")
        with pytest.raises(WeightsError, match="is a zip archive, as torch's"):
            metadata(path)
        with pytest.raises(WeightsError, match=r"is no Keras model: no model\.weights"):
            load(path)
        path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
        self.refused(path, "HDF5")

    def test_a_header_as_long_as_a_pickle_begins(self, path: Path) -> None:
        # A header of 0x280 bytes: the file starts with 80 02, as a pickle does.
        whole = safetensors.numpy.save({"x": np.zeros(3)}, {"pad": "x" * 556})
        assert whole[:2] == b"\x80\x02"
        path.write_bytes(whole[:-1])
        self.refused(path, "damaged safetensors file")

    def test_bfloat16(self, path: Path) -> None:
        held = torch.tensor([[1.5, -3e38, 0.1]]).bfloat16()
        safetensors.torch.save_file({"x": held}, path)
        found = load(path)["x"]
        assert found.dtype == np.float32
        assert np.array_equal(found, held.float().numpy())

    def test_what_numpy_lacks(self, path: Path) -> None:
        held = torch.ones(2).to(torch.float8_e4m3fn)
        safetensors.torch.save_file({"x": held}, path)
        with pytest.raises(WeightsError, match=r"'x' in .* holds F8_E4M3 values"):
            load(path)

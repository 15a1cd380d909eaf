"""Weight files: what comes back, what is refused and what the refusal says."""

from __future__ import annotations

import os
import pickle
import stat
import sys
import zipfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from numpy.typing import NDArray

from archspec.errors import ArchspecError, WeightsError
from archspec.files import write_whole
from archspec.weights import check, load, metadata, save


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
        self.refused(path, "is a pickle; expected a safetensors file")
        assert not (path.parent / "harmed").exists()

    @pytest.mark.parametrize(
        ("legacy", "what"), [(False, "a zip archive"), (True, "a pickle")]
    )
    def test_torch_checkpoint(self, path: Path, legacy: bool, what: str) -> None:
        state = {"x": torch.zeros(3)}
        torch.save(state, path, _use_new_zipfile_serialization=not legacy)
        self.refused(path, f"is {what}")

    def test_keras_files(self, path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", "{}")
        self.refused(path, "zip archive, as torch's .pth and Keras's .keras are")
        path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
        self.refused(path, "HDF5")

    def test_a_header_as_long_as_a_pickle_begins(self, path: Path) -> None:
        # A header of 0x280 bytes: the file starts with 80 02, as a pickle does.
        whole = safetensors.numpy.save({"x": np.zeros(3)}, {"pad": "x" * 556})
        assert whole[:2] == b"\x80\x02"
        path.write_bytes(whole[:-1])
        self.refused(path, "damaged safetensors file")

    def test_bfloat16(self, path: Path) -> None:
        safetensors.torch.save_file({"x": torch.ones(2, dtype=torch.bfloat16)}, path)
        with pytest.raises(WeightsError, match=r"'x' in .* holds BF16 values"):
            load(path)


class TestLibraries:
    @pytest.mark.parametrize(
        ("name", "library"), [("w.pth", "torch"), ("w.h5", "h5py")]
    )
    def test_not_installed(
        self,
        name: str,
        library: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        (tmp_path / name).write_bytes(b"\x89HDF\r\n\x1a\n")
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(WeightsError, match=f"need {library}.*isn't installed") as e:
            load(tmp_path / name)
        assert e.value.code == "AS609"

    @pytest.mark.parametrize("version", ["2.4.0", "2.5.1+cpu"])
    def test_a_torch_that_a_file_makes_run_code(
        self, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        torch.save({}, tmp_path / "w.pth")
        monkeypatch.setattr(torch, "__version__", version)
        with pytest.raises(WeightsError, match="CVE-2025-32434") as caught:
            load(tmp_path / "w.pth")
        assert caught.value.code == "AS609"


class TestCheck:
    expected: ClassVar[dict[str, tuple[int, ...]]] = {
        "conv1.weight": (8, 3, 3, 3),
        "bn1.weight": (8,),
        "bn1.bias": (8,),
        "fc.weight": (10, 8),
        "fc.bias": (10,),
    }

    def arrays(self, **changes: tuple[int, ...] | None) -> dict[str, NDArray[Any]]:
        shapes = self.expected | {
            name.replace("__", "."): shape for name, shape in changes.items()
        }
        return {n: np.zeros(s) for n, s in shapes.items() if s is not None}

    def notes(self, weights: dict[str, NDArray[Any]]) -> tuple[str, ...]:
        with pytest.raises(WeightsError) as caught:
            check(weights, self.expected)
        return caught.value.notes

    def test_fits(self) -> None:
        check(self.arrays(), self.expected)
        check(self.arrays(bn1__num_batches_tracked=()), self.expected)

    def test_a_renamed_tensor_names_its_counterpart(self) -> None:
        assert self.notes(self.arrays(fc__bias=None, fc__bais=(10,))) == (
            "missing: fc.bias [10] (the weights have fc.bais [10])",
            "surplus: fc.bais [10] (the net has fc.bias [10])",
        )

    def test_equal_shape_goes_before_a_better_name(self) -> None:
        weights = self.arrays(fc__weight=None, fc__weights=(8, 10), f__weight=(10, 8))
        assert self.notes(weights)[0] == (
            "missing: fc.weight [10, 8] (the weights have f.weight [10, 8])"
        )

    def test_equal_shape_without_a_likeness(self) -> None:
        weights = self.arrays(conv1__weight=None, zzz=(8, 3, 3, 3))
        assert self.notes(weights)[0] == (
            "missing: conv1.weight [8, 3, 3, 3] (the weights have zzz [8, 3, 3, 3])"
        )

    def test_no_candidate(self) -> None:
        assert self.notes(self.arrays(fc__weight=None)) == (
            "missing: fc.weight [10, 8]",
        )

    def test_another_shape(self) -> None:
        assert self.notes(self.arrays(fc__weight=(8, 10))) == (
            "shape: fc.weight is [8, 10], expected [10, 8]",
        )
        assert self.notes(self.arrays(fc__weight=(5, 8), head=(10, 8)))[1] == (
            "shape: fc.weight is [5, 8], expected [10, 8] "
            "(the weights have head [10, 8])"
        )

    def test_all_in_one_error(self) -> None:
        weights = self.arrays(fc__weight=(3, 8), fc__bias=None, extra=(7, 7))
        with pytest.raises(WeightsError) as caught:
            check(weights, self.expected)
        assert str(caught.value) == (
            "the weights don't fit the net: 1 missing, 1 surplus, 1 of another shape\n"
            "  missing: fc.bias [10]\n"
            "  surplus: extra [7, 7]\n"
            "  shape: fc.weight is [3, 8], expected [10, 8]"
        )

    def test_allowances(self) -> None:
        weights = self.arrays(fc__weight=None, fc__bias=None, head__weight=(2, 8))
        check(
            weights, self.expected, allow_missing=["fc.*"], allow_extra={"head.weight"}
        )
        check(weights, self.expected, allow_missing="fc.*", allow_extra="head.*")
        with pytest.raises(WeightsError, match="1 missing, 0 surplus"):
            check(weights, self.expected, allow_missing="fc.bias", allow_extra="*")

    def test_a_wrong_shape_is_allowed_where_it_is_named_by_both(self) -> None:
        weights = self.arrays(fc__weight=(3, 8))
        check(weights, self.expected, allow_missing=["fc.*"], allow_extra=["fc.*"])
        for missing, extra in ((["*"], []), ([], ["*"]), (["*"], ["bn1.*"])):
            with pytest.raises(WeightsError, match="1 of another shape"):
                check(weights, self.expected, allow_missing=missing, allow_extra=extra)

    def test_every_one_of_many_is_listed(self) -> None:
        shapes = {f"a{i}.weight": (4, 4) for i in range(3000)}
        with pytest.raises(WeightsError) as caught:
            check({f"b{i}.bias": np.zeros(4) for i in range(3000)}, shapes)
        assert len(caught.value.notes) == 6000


class TestWriteWhole:
    def test_text_and_bytes(self, tmp_path: Path) -> None:
        write_whole(tmp_path / "a", "é\r\n")
        write_whole(tmp_path / "a", "é\n")
        write_whole(str(tmp_path / "b"), b"\0\1")
        assert (tmp_path / "a").read_bytes() == b"\xc3\xa9\n"
        assert (tmp_path / "b").read_bytes() == b"\0\1"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]

    def test_a_writer_gets_a_path_with_the_same_suffixes(self, tmp_path: Path) -> None:
        seen: list[Path] = []

        def write(path: Path) -> None:
            seen.append(path)
            path.write_text("x")

        write_whole(tmp_path / "m.weights.h5", write)
        assert seen[0].parent == tmp_path
        assert seen[0].name.endswith("m.weights.h5")
        assert [path.name for path in tmp_path.iterdir()] == ["m.weights.h5"]

    @pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt()])
    def test_a_failing_writer_leaves_the_old_file(
        self, tmp_path: Path, error: BaseException
    ) -> None:
        def broken(path: Path) -> None:
            path.write_text("half")
            raise error

        (tmp_path / "a").write_text("old")
        with pytest.raises(type(error)):
            write_whole(tmp_path / "a", broken)
        assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]

    def test_a_full_disk(self, tmp_path: Path) -> None:
        def full(path: Path) -> None:
            path.write_text("half")
            raise OSError(28, "No space left on device")

        with pytest.raises(ArchspecError, match=r"can't write .*No space left"):
            write_whole(tmp_path / "a", full)
        assert list(tmp_path.iterdir()) == []

    def test_a_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(
            ArchspecError, match=r"there is no folder .*models.*make it"
        ):
            write_whole(tmp_path / "models" / "a.py", "x")

    def test_a_file_for_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "a").touch()
        with pytest.raises(ArchspecError, match="there is no folder"):
            write_whole(tmp_path / "a" / "b", "x")

    @pytest.mark.parametrize("place", [".", "/dev/null"])
    def test_folders_and_devices(self, place: str) -> None:
        with pytest.raises(ArchspecError, match="a folder or a device"):
            write_whole(place, "x")

    def test_a_name_too_long(self, tmp_path: Path) -> None:
        with pytest.raises(ArchspecError, match="can't write"):
            write_whole(tmp_path / ("a" * 300), "x")

    def test_modes(self, tmp_path: Path) -> None:
        plain = tmp_path / "plain"
        plain.touch()
        save(tmp_path / "new", {"x": np.zeros(1)}, {})
        assert (tmp_path / "new").stat().st_mode == plain.stat().st_mode
        plain.chmod(0o640)
        save(plain, {"x": np.zeros(1)}, {})
        assert stat.S_IMODE(plain.stat().st_mode) == 0o640

    def test_a_link_stays_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(tmp_path / "file")
        write_whole(tmp_path / "link", "x")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "file").read_text() == "x"

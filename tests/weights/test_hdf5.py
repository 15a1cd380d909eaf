"""Keras' weight files, written here as Keras writes them, by Keras, and with intent."""

from __future__ import annotations

import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import h5files
import h5py
import numpy as np
import pytest
from commands import same, saved
from h5files import layer, value, written
from published import canonical

import archspec
from archspec.errors import WeightsError
from archspec.weights import archives, datasets, hdf5, load
from archspec.weights.conversion import fitted
from archspec.weights.hdf5 import save


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "w.weights.h5"


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of this test do no harm: no process of its own looks at them first."""
    monkeypatch.setattr(hdf5, "_survives", lambda path: True)


def tensors(path: Path) -> dict[str, float]:
    """The first value of each tensor."""
    with hdf5.opened(path) as found:
        return h5files.tensors(found)


def refusal(path: Path, *, read: bool = False) -> WeightsError:
    with pytest.raises(WeightsError) as caught, hdf5.opened(path) as found:
        for stored in found.tensors.values() if read else ():
            stored.read()
    return caught.value


class TestDamaged:
    def test_no_hdf5(self, path: Path) -> None:
        path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
        error = refusal(path)
        assert "is a damaged HDF5 file, or none at all: " in error.message
        assert error.code == "AS604"

    def test_a_reader_that_dies(
        self,
        path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        """It runs in a process that imports what this one does."""
        written(path, lambda file: layer(file, "dense", "fc", value(1)))
        assert tensors(path) == {"fc/kernel": 1}
        (path.parent / "h5py.py").write_text(
            "import os, sys\n"
            "print('killed', sys.stdin.read(), flush=True)\n"
            "os.write(2, b'killed')\n"
            "os._exit(9)\n"
        )
        monkeypatch.syspath_prepend(path.parent)
        error = refusal(path)
        assert error.message == (
            f"{str(path)!r} is a damaged HDF5 file: no reader gets through it"
        )
        assert error.code == "AS604"
        assert capfd.readouterr() == ("", "")

    def test_a_reader_that_hangs(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written(path, lambda file: layer(file, "dense", "fc", value(1)))
        (path.parent / "h5py.py").write_text("import time; time.sleep(50)")
        monkeypatch.syspath_prepend(path.parent)
        monkeypatch.setattr(hdf5, "PATIENCE", 1)
        error = refusal(path)
        assert error.message == f"no reader got through {str(path)!r} in 1 seconds"
        assert error.hint == "it is damaged, or this machine has too much else to do"

    def test_a_reader_that_refuses_lets_the_caller_say_why(self, path: Path) -> None:
        written(path, lambda file: file.create_group("other"))
        assert "holds no weights of a Keras model" in refusal(path).message
        hdf5.probe(str(path))

    def test_any_byte_may_be_another(self, path: Path) -> None:
        """HDF5's library dies of the fourth of these files, in a process of its own."""
        written(path, lambda file: layer(file, "dense", "fc", value(1)))
        whole = np.frombuffer(path.read_bytes(), np.uint8)
        draw = np.random.default_rng(0)
        for _ in range(6):
            data = whole.copy()
            data[draw.integers(0, len(data), 8)] = draw.integers(0, 256, 8)
            path.write_bytes(data.tobytes())
            try:
                tensors(path)
            except WeightsError as error:
                assert error.code in ("AS604", "AS606", "AS607")

    def test_h5py_is_not_installed(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written(path, lambda file: layer(file, "dense", "fc", value(1)))
        monkeypatch.setitem(sys.modules, "h5py", None)
        error = refusal(path)
        assert error.message == (
            f"{str(path)!r}: Keras' files need h5py, which isn't installed"
        )
        assert (error.code, error.hint) == ("AS609", "pip install h5py")


class TestKerasFiles:
    @pytest.fixture
    def model(self, tmp_path: Path) -> Path:
        return tmp_path / "model.keras"

    def packed(self, model: Path, kind: int = zipfile.ZIP_STORED) -> Path:
        inner = written(
            model.with_name("inner"),
            lambda file: layer(file, "dense", "fc", value(1, 500)),
        )
        with zipfile.ZipFile(model, "w", kind) as archive:
            archive.writestr("config.json", "{}")
            archive.write(inner, "model.weights.h5")
        return model

    def refusal(self, model: Path) -> WeightsError:
        with pytest.raises(WeightsError) as caught, hdf5.unpacked(model):
            pass
        assert repr(str(model))[:-1] in caught.value.message
        return caught.value

    @pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    def test_the_weights_inside(self, model: Path, kind: int) -> None:
        with hdf5.unpacked(self.packed(model, kind)) as found:
            assert (found.kind, found.layered) == ("a Keras model", True)
            assert found.metadata == {}
            assert np.array_equal(found.tensors["fc/kernel"].read(), value(1, 500))

    def test_no_weights_inside(self, model: Path) -> None:
        with zipfile.ZipFile(model, "w") as archive:
            archive.writestr("config.json", "{}")
        error = self.refusal(model)
        assert error.message == f"{str(model)!r} is no Keras model: no model.weights.h5"
        assert error.code == "AS606"

    @pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    def test_other_weights_inside(self, model: Path, kind: int) -> None:
        inner = written(model.with_name("inner"), lambda file: file.create_group("x"))
        with zipfile.ZipFile(model, "w", kind) as archive:
            archive.write(inner, "model.weights.h5")
        error = self.refusal(model)
        assert error.message == (
            f"'{model}: model.weights.h5' holds no weights of a Keras model"
        )
        assert (error.code, bool(error.hint)) == ("AS606", True)

    def test_a_bomb(self, model: Path) -> None:
        with zipfile.ZipFile(model, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("model.weights.h5", bytes(10**7))
        error = self.refusal(model)
        assert error.message == (
            f"{str(model)!r}: model.weights.h5 grows beyond all reason"
        )
        assert error.code == "AS604"

    def test_what_may_grow_so_much(
        self, model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(datasets, "EXPANSION", (1, 1))
        with hdf5.unpacked(self.packed(model)) as found:
            assert list(found.tensors) == ["fc/kernel"]

    @pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    def test_truncated(self, model: Path, kind: int) -> None:
        whole = self.packed(model, kind).read_bytes()
        for part in (0, 4, len(whole) // 2, len(whole) - 1):
            model.write_bytes(whole[:part])
            error = self.refusal(model)
            assert f"{str(model)!r} is a damaged archive: " in error.message
            assert error.code == "AS604"

    @pytest.mark.parametrize(
        "kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    )
    def test_damaged_inside(self, model: Path, kind: int) -> None:
        """Decompressors have errors of their own."""
        whole = np.frombuffer(self.packed(model, kind).read_bytes(), np.uint8)
        draw = np.random.default_rng(0)
        start = whole.tobytes().index(b"model.weights.h5")
        for _ in range(40):
            data = whole.copy()
            data[draw.integers(start, len(data), 4)] = draw.integers(0, 256, 4)
            model.write_bytes(data.tobytes())
            try:
                with archives.opened(model):
                    pass
            except WeightsError as error:
                assert error.code in ("AS602", "AS604", "AS606", "AS607")

    def test_a_stream_that_is_none(self, model: Path) -> None:
        with zipfile.ZipFile(model, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("model.weights.h5", b"x" * 100)
        packed = zlib.compress(b"x" * 100)[2:-4]
        data = model.read_bytes()
        assert data.count(packed) == 1
        model.write_bytes(data.replace(packed, b"\xff" * len(packed)))
        error = self.refusal(model)
        assert f"{str(model)!r} is a damaged archive: " in error.message
        assert error.code == "AS604"

    def test_encrypted(self, model: Path) -> None:
        data = bytearray(self.packed(model).read_bytes())
        member = data.rindex(b"PK\x01\x02")
        data[member + 8] |= 1
        model.write_bytes(bytes(data))
        assert self.refusal(model).code == "AS604"


LAYERS = {
    "stem": ("conv2d", [("kernel", value(1, 3, 3, 2, 4)), ("bias", value(2, 4))]),
    "head": ("dense", [("kernel", value(3, 4, 2))]),
    "deep": ("conv2d", [("kernel", value(4, 1, 1, 4, 4))]),
    "last": ("conv2d", [("kernel", value(5, 1, 1, 4, 4))]),
}


class TestSave:
    def test_as_keras_3(self, path: Path) -> None:
        save(path, LAYERS)
        with h5py.File(path) as file:
            found = {
                key: (group["vars"].attrs["name"], list(group["vars"]))
                for key, group in file["layers"].items()
            }
            assert found == {
                "conv2d": ("stem", ["0", "1"]),
                "dense": ("head", ["0"]),
                "conv2d_1": ("deep", ["0"]),
                "conv2d_2": ("last", ["0"]),
            }
            stem = file["layers/conv2d/vars"]
            assert np.array_equal(stem["0"], value(1, 3, 3, 2, 4))
            assert np.array_equal(stem["1"], value(2, 4))

    def test_as_keras_2(self, tmp_path: Path) -> None:
        save(tmp_path / "w.h5", LAYERS)
        with h5py.File(tmp_path / "w.h5") as file:
            assert list(file.attrs["layer_names"]) == [
                b"stem",
                b"head",
                b"deep",
                b"last",
            ]
            assert file.attrs["backend"] == "tensorflow"
            assert file.attrs["keras_version"] == "3"
            names = list(file["stem"].attrs["weight_names"])
            assert names == [b"stem/kernel", b"stem/bias"]
            assert np.array_equal(file["stem"]["stem/bias"], value(2, 4))
            assert np.array_equal(file["head"]["head/kernel"], value(3, 4, 2))

    @pytest.mark.parametrize("count", [2015, 2016, 2017, 5000])
    def test_lists_too_long_for_an_attribute(self, tmp_path: Path, count: int) -> None:
        """32 bytes each: HDF5 takes 2016 of them, as Keras knows."""
        layers: Any = {f"{n:0>32}": ("dense", []) for n in range(count)}
        save(tmp_path / "w.h5", layers)
        with h5py.File(tmp_path / "w.h5") as file:
            if count <= 2016:
                parts = ["layer_names"]
            else:
                parts = [f"layer_names{n}" for n in range(-(-count // 2016))]
            found = [name.decode() for part in parts for name in file.attrs[part]]
            assert found == list(layers)
            assert len(file.attrs[parts[0]]) == min(count, 2016)

    def test_no_layers(self, tmp_path: Path) -> None:
        save(tmp_path / "w.h5", {})
        with h5py.File(tmp_path / "w.h5") as file:
            assert list(file.attrs["layer_names"]) == []
        with hdf5.opened(tmp_path / "w.h5") as found:
            assert found.tensors == {}

    def test_many_short_names(self, tmp_path: Path) -> None:
        """Texts of any length take 16 bytes each in an attribute, however short."""
        layers: Any = {str(n): ("dense", []) for n in range(4097)}
        save(tmp_path / "w.h5", layers)
        with h5py.File(tmp_path / "w.h5") as file:
            assert list(file.attrs["layer_names"]) == [name.encode() for name in layers]

    def test_names_are_measured_in_bytes(self, tmp_path: Path) -> None:
        layers: Any = {f"{n:0>16}" + "é" * 8: ("dense", []) for n in range(2017)}
        save(tmp_path / "w.h5", layers)
        with h5py.File(tmp_path / "w.h5") as file:
            assert len(file.attrs["layer_names0"]) == 2016
            assert len(file.attrs["layer_names1"]) == 1


class TestKerasItself:
    """Keras takes seconds to import, so what is seen without it comes first."""

    @pytest.fixture
    def small(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> archspec.Spec:
        monkeypatch.chdir(tmp_path)
        return saved()

    @pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
    def test_our_own_models(self, small: archspec.Spec, suffix: str) -> None:
        from commands import done

        done(
            *("weights", "convert", "small.safetensors", "--spec", "small.yaml"),
            *("-o", f"small{suffix}"),
        )
        found = load(f"small{suffix}", small.graph)
        assert same(found, load("small.safetensors"))
        model = small.build("torch", weights=f"small{suffix}")
        assert same(canonical(model), found)

    @pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
    def test_keras_reads_what_is_written(self, tmp_path: Path, suffix: str) -> None:
        import keras

        draw = np.random.default_rng(0)
        model = keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                keras.layers.Conv2D(4, 3, name="stem"),
                keras.layers.BatchNormalization(name="norm"),
                keras.layers.Conv2D(2, 1, name="deep"),
            ]
        )
        kinds = {"stem": "conv2d", "norm": "batch_normalization", "deep": "conv2d"}
        layers = {
            found.name: (
                kinds[found.name],
                [(v.name, draw.random(v.shape, np.float32)) for v in found.weights],
            )
            for found in model.layers
        }
        save(tmp_path / f"w{suffix}", layers)
        model.load_weights(tmp_path / f"w{suffix}")
        for found in model.layers:
            for variable, (_, array) in zip(
                found.weights, layers[found.name][1], strict=True
            ):
                assert np.array_equal(variable.numpy(), array)

    def test_a_trained_model(self, small: archspec.Spec) -> None:
        """The optimizer's state, and generators, are no weights."""
        import keras

        model = small.build("keras", weights="small.safetensors")
        drop = keras.layers.Dropout(0.5, name="drop")(model.output)
        model = keras.Model(model.input, drop)
        model.compile("adam", "mse")
        model.fit(np.zeros((2, 8, 8, 3)), np.zeros((2, 3)), verbose=0)
        model.save("trained.keras")
        layers = {layer.name: layer for layer in model.layers}
        found = load("trained.keras", small.graph)
        kernel = keras.ops.convert_to_numpy(layers["conv"].kernel)
        assert np.array_equal(found["conv.weight"], kernel.transpose(3, 2, 0, 1))

    def test_layers_are_found_by_name(self, small: archspec.Spec) -> None:
        """A layer in front, of the same class, moves every number in the file."""
        import keras

        inner = small.build("keras", weights="small.safetensors")
        front = keras.layers.Conv2D(3, 1, name="front")
        image = keras.Input((8, 8, 3))
        output = front(image)
        for own in inner.layers[1:]:
            output = own(output)
        keras.Model(image, output).save_weights("moved.weights.h5")
        with pytest.raises(WeightsError, match="0 missing, 2 surplus, 0 of another"):
            load("moved.weights.h5", small.graph)
        found = load("moved.weights.h5", small.graph, allow_extra=["front/*"])
        assert same(found, load("small.safetensors"))

    def test_a_model_in_a_model(self, small: archspec.Spec) -> None:
        import keras

        inner = small.build("keras", weights="small.safetensors")
        image = keras.Input((8, 8, 3))
        outer = keras.Model(image, keras.layers.Dense(2, name="top")(inner(image)))
        outer.save_weights("outer.weights.h5")
        with pytest.raises(WeightsError, match="0 missing, 2 surplus, 0 of another"):
            load("outer.weights.h5", small.graph)
        found = fitted("outer.weights.h5", small.graph, allow_extra=["top/*"])
        assert same(found.weights, load("small.safetensors"))
        [note] = found.notes
        assert note == f"10 of 12 names begin with '{inner.name}/': left out"

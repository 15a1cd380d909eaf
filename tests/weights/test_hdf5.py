"""Keras' own files of our models."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import h5py
import keras
import numpy as np
import pytest
from commands import done, same, saved
from published import canonical

import archspec
from archspec.errors import WeightsError
from archspec.weights import hdf5, load
from archspec.weights.archives import Archive


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> archspec.Spec:
    monkeypatch.chdir(tmp_path)
    return saved()


class TestKeras:
    @pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
    def test_our_own_models(self, small: archspec.Spec, suffix: str) -> None:
        done(
            *("weights", "convert", "small.safetensors", "--spec", "small.yaml"),
            *("-o", f"small{suffix}"),
        )
        found = load(f"small{suffix}", small.graph)
        assert same(found, load("small.safetensors"))
        model = small.build("torch", weights=f"small{suffix}")
        assert same(canonical(model), found)

    def test_a_trained_model(self, small: archspec.Spec) -> None:
        """The optimizer's state, and generators, are no weights."""
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
        inner = small.build("keras", weights="small.safetensors")
        front = keras.layers.Conv2D(3, 1, name="front")
        image = keras.Input((8, 8, 3))
        value = front(image)
        for layer in inner.layers[1:]:
            value = layer(value)
        keras.Model(image, value).save_weights("moved.weights.h5")
        with pytest.raises(WeightsError, match="0 missing, 2 surplus, 0 of another"):
            load("moved.weights.h5", small.graph)
        found = load("moved.weights.h5", small.graph, allow_extra=["front/*"])
        assert same(found, load("small.safetensors"))

    def test_a_model_in_a_model_is_surplus(self, small: archspec.Spec) -> None:
        inner = small.build("keras", weights="small.safetensors")
        image = keras.Input((8, 8, 3))
        keras.Model(image, inner(image)).save_weights("outer.weights.h5")
        with pytest.raises(WeightsError) as caught:
            load("outer.weights.h5", small.graph)
        assert "10 missing, 10 surplus" in str(caught.value)
        assert "layers/functional/layers/conv2d/vars/0" in str(caught.value)


# Files, by hand


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process of its own looks at a file first."""
    monkeypatch.setattr(hdf5, "_survives", lambda path: True)


Made = Callable[[h5py.File], object]


def archive_of(path: Path, make: Made) -> Archive:
    with h5py.File(path, "w") as file:
        make(file)
    with hdf5.opened(path) as archive:
        return archive


def refused(path: Path, make: Made | None = None) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        if make is not None:
            archive_of(path, make)
        with hdf5.opened(path):
            pass
    return caught.value


def variables(file: h5py.File, path: str, name: str | None, *arrays: Any) -> None:
    group = file.create_group(f"{path}/vars")
    if name is not None:
        group.attrs["name"] = name
    for number, array in enumerate(arrays):
        group[str(number)] = array


def shapes(archive: Archive) -> dict[str, tuple[int, ...]]:
    return {name: stored.shape for name, stored in archive.tensors.items()}


@pytest.mark.usefixtures("quick")
class TestNumbered:
    def test_layers_by_their_names(self, tmp_path: Path) -> None:
        def make(file: h5py.File) -> None:
            twelve = [np.full(n + 1, n, "float32") for n in range(12)]
            variables(file, "layers/dense", "fc", *twelve)
            variables(file, "layers/conv2d", "conv", np.ones((2, 3), "float16"))
            variables(file, "layers/flatten", None)
            file.create_group("layers/relu")
            file.create_group("optimizer/vars")

        found = archive_of(tmp_path / "w.weights.h5", make)
        assert (found.kind, found.layered) == ("Keras weights", True)
        assert shapes(found) == {"conv/0": (2, 3)} | {
            f"fc/{n}": (n + 1,) for n in range(12)
        }
        assert list(found.tensors)[1:4] == ["fc/0", "fc/1", "fc/2"]
        assert list(found.tensors)[-1] == "fc/11"
        assert found.tensors["conv/0"].dtype == "float16"

    def test_values(self, tmp_path: Path) -> None:
        path = tmp_path / "w.h5"
        with h5py.File(path, "w") as file:
            variables(file, "layers/a", "a", np.arange(6.0).reshape(2, 3), 3.5)
            variables(file, "layers/b", "b", np.zeros((0, 3)))
        with hdf5.opened(path) as archive:
            stored = archive.tensors
            assert np.array_equal(stored["a/0"].read(), np.arange(6.0).reshape(2, 3))
            assert stored["a/1"].shape == () and stored["a/1"].read() == 3.5
            assert stored["b/0"].read().shape == (0, 3)

    def test_training_state_is_no_weight(self, tmp_path: Path) -> None:
        def make(file: h5py.File) -> None:
            variables(file, "layers/a", "a", np.zeros(1))
            for name in sorted(hdf5.NO_WEIGHTS):
                variables(file, f"layers/a/{name}", None, np.zeros(2))
            variables(file, "layers/b/seed_generator", None, np.zeros(2))

        assert shapes(archive_of(tmp_path / "w.h5", make)) == {"a/0": (1,)}

    def test_what_is_no_plain_layer(self, tmp_path: Path) -> None:
        def make(file: h5py.File) -> None:
            variables(file, "layers/a", "a", np.zeros(1))
            variables(file, "layers/a/cell/deep", "a", np.zeros(2), np.zeros(3))
            file["layers/b/loose"] = np.zeros(4)

        assert shapes(archive_of(tmp_path / "w.h5", make)) == {
            "layers/a/cell/deep/vars/0": (2,),
            "layers/a/cell/deep/vars/1": (3,),
            "a/0": (1,),
            "layers/b/loose": (4,),
        }

    def test_two_layers_of_one_name(self, tmp_path: Path) -> None:
        def make(file: h5py.File) -> None:
            variables(file, "layers/a", "x", np.zeros(1))
            variables(file, "layers/b", "x", np.zeros(1))

        error = refused(tmp_path / "w.h5", make)
        assert error.code == "AS606"
        assert error.message == "two layers of the file are called 'x'"

    def test_an_early_keras_3(self, tmp_path: Path) -> None:
        error = refused(
            tmp_path / "w.h5", lambda file: variables(file, "layers/a", None, 1.0)
        )
        assert error.code == "AS606"
        assert "layers/a has no name: an early Keras 3 wrote this" in error.message
        assert error.hint == "load it with Keras and save it again"

    def test_something_else(self, tmp_path: Path) -> None:
        error = refused(tmp_path / "w.h5", lambda file: file.create_group("other"))
        assert error.code == "AS606" and error.hint is not None
        assert error.message == (
            f"{str(tmp_path / 'w.h5')!r} holds no weights of a Keras model"
        )


@pytest.mark.usefixtures("quick")
class TestLegacy:
    def make(self, group: Any) -> None:
        group.attrs["layer_names"] = [b"a", b"b", b"act"]
        group["a/a/kernel"] = np.zeros((2, 3))
        group["a/a/bias"] = np.zeros(3)
        group["a"].attrs["weight_names"] = [b"a/kernel", b"a/bias"]
        group["b/gamma"] = np.zeros(4)
        group["b"].attrs["weight_names"] = ["gamma"]
        group.create_group("act").attrs["weight_names"] = np.zeros(0, "S1")

    def test_weights(self, tmp_path: Path) -> None:
        found = archive_of(tmp_path / "w.h5", self.make)
        assert (found.kind, found.layered) == ("legacy Keras weights", True)
        assert shapes(found) == {"a/0": (2, 3), "a/1": (3,), "b/0": (4,)}

    def test_a_model(self, tmp_path: Path) -> None:
        def make(file: h5py.File) -> None:
            self.make(file.create_group("model_weights"))

        found = archive_of(tmp_path / "w.h5", make)
        assert (found.kind, found.layered) == ("a legacy Keras model", True)
        assert shapes(found) == {"a/0": (2, 3), "a/1": (3,), "b/0": (4,)}

    def test_lists_in_parts(self, tmp_path: Path) -> None:
        def make(file: h5py.File) -> None:
            self.make(file)
            names = file.attrs["layer_names"]
            del file.attrs["layer_names"]
            file.attrs["layer_names0"], file.attrs["layer_names1"] = (
                names[:2],
                names[2:],
            )

        found = archive_of(tmp_path / "w.h5", make)
        assert found.kind == "legacy Keras weights"
        assert shapes(found) == {"a/0": (2, 3), "a/1": (3,), "b/0": (4,)}

    def test_what_keras_reads(self, tmp_path: Path) -> None:
        """keras/src/legacy/saving/legacy_h5_format.py reads what is written."""
        arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.zeros(3)}
        path = tmp_path / "w.h5"
        hdf5.save(
            path, {"fc": ("dense", [("kernel", arrays["a"]), ("bias", arrays["b"])])}
        )
        image = keras.Input((2,))
        model = keras.Model(image, keras.layers.Dense(3, name="fc")(image))
        model.load_weights(path)
        assert np.array_equal(model.layers[1].get_weights()[0], arrays["a"])
        with h5py.File(path) as file:
            assert file.attrs["backend"] == "tensorflow"
            assert file.attrs["keras_version"] == "3"
            assert list(file.attrs["layer_names"]) == ["fc"]
            assert list(file["fc"].attrs["weight_names"]) == ["fc/kernel", "fc/bias"]


@pytest.mark.usefixtures("quick")
class TestPointsElsewhere:
    @pytest.mark.parametrize("kind", ["soft", "outer", "virtual", "outside", "group"])
    def test_a_tensor(self, tmp_path: Path, kind: str) -> None:
        def make(file: h5py.File) -> None:
            variables(file, "layers/a", "a")
            group = file["layers/a/vars"]
            group["1"] = np.zeros(3)
            if kind == "soft":
                group["0"] = h5py.SoftLink("/layers/a/vars/1")
            elif kind == "outer":
                group["0"] = h5py.ExternalLink("other.h5", "/x")
            elif kind == "virtual":
                group.create_virtual_dataset("0", h5py.VirtualLayout((3,), "f4"))
            elif kind == "outside":
                (tmp_path / "secret.bin").write_bytes(bytes(100))
                outside = [(str(tmp_path / "secret.bin"), 0, 12)]
                group.create_dataset("0", (3,), "f4", external=outside)
            else:
                group.create_group("0")

        error = refused(tmp_path / "w.h5", make)
        assert error.code == "AS607"
        assert error.message == "/layers/a/vars/0 is no tensor stored in this file"

    @pytest.mark.parametrize(
        "link", [h5py.SoftLink("/b"), h5py.ExternalLink("x.h5", "/b"), np.zeros(1)]
    )
    def test_a_group(self, tmp_path: Path, link: Any) -> None:
        def make(file: h5py.File) -> None:
            variables(file, "b", "b", np.zeros(1))
            file.create_group("layers")["a"] = link

        error = refused(tmp_path / "w.h5", make)
        assert error.code == "AS607"
        assert error.message == "/layers/a is no group of this file"

    def test_what_is_no_plain_layer(self, tmp_path: Path) -> None:
        def make(file: h5py.File) -> None:
            file.create_group("layers/a")["cell"] = h5py.SoftLink("/layers")

        assert refused(tmp_path / "w.h5", make).message == (
            "/layers/a/cell is no tensor stored in this file"
        )

    def test_values_that_were_never_written(self, tmp_path: Path) -> None:
        path = tmp_path / "w.h5"
        with h5py.File(path, "w") as file:
            variables(file, "layers/a", "a")
            file["layers/a/vars"].create_dataset("0", (3,), "f4")
            file["layers/a/vars"].create_dataset("1", (0,), "f4")
        with hdf5.opened(path) as archive:
            assert archive.tensors["a/1"].read().size == 0
            with pytest.raises(
                WeightsError, match="/layers/a/vars/0 has no values"
            ) as e:
                archive.tensors["a/0"].read()
        assert e.value.code == "AS607"


class TestDamaged:
    def test_cut_off(self, tmp_path: Path) -> None:
        path = tmp_path / "w.h5"
        with h5py.File(path, "w") as file:
            variables(file, "layers/a", "a", np.zeros(100))
        with hdf5.opened(path) as archive:
            assert list(archive.tensors) == ["a/0"]
        path.write_bytes(path.read_bytes()[:-500])
        error = refused(path)
        assert error.code == "AS604"
        assert error.message.startswith(
            f"{str(path)!r} is a damaged HDF5 file, or none"
        )

    @pytest.mark.parametrize(
        ("text", "survives"),
        [("", True), ("raise SystemExit(3)", False), ("import os; os.abort()", False)],
    )
    def test_another_process_reads_it_first(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, survives: bool
    ) -> None:
        path = tmp_path / "w.h5"
        with h5py.File(path, "w") as file:
            variables(file, "layers/a", "a", np.zeros(1))
        seen: list[dict[str, Any]] = []
        run = subprocess.run

        def running(command: list[str], **options: Any) -> Any:
            seen.append(options | {"command": command})
            return run([sys.executable, "-c", text], **options)

        monkeypatch.setattr(subprocess, "run", running)
        if survives:
            with hdf5.opened(path):
                pass
        else:
            error = refused(path)
            assert error.code == "AS604"
            assert error.message.endswith(
                "damaged HDF5 file: no reader gets through it"
            )
        (options,) = seen
        assert options["timeout"] == hdf5.PATIENCE == 20
        assert options["stdin"] == subprocess.DEVNULL and options["capture_output"]
        python, flag, code, given = options["command"]
        assert (python, flag, given) == (sys.executable, "-c", str(path))
        assert "probe(sys.argv[1])" in code
        assert options["env"]["PYTHONPATH"] == os.pathsep.join(sys.path)

    def test_a_reader_that_hangs(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def hanging(command: list[str], **options: Any) -> None:
            raise subprocess.TimeoutExpired(command, options["timeout"])

        monkeypatch.setattr(subprocess, "run", hanging)
        assert refused(tmp_path / "w.h5", lambda file: None).code == "AS604"

    def test_a_probe_says_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "w.h5").write_bytes(b"\x89HDF and more")
        hdf5.probe(str(tmp_path / "w.h5"))
        hdf5.probe(str(tmp_path / "none.h5"))

    def test_a_probe_reads_all_names(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = []
        monkeypatch.setattr(hdf5, "_layout", lambda h5py, file: seen.append(file.name))
        with h5py.File(tmp_path / "w.h5", "w"):
            pass
        hdf5.probe(str(tmp_path / "w.h5"))
        assert seen == ["/"]

    def test_no_h5py(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "h5py", None)
        (tmp_path / "w.h5").touch()
        error = refused(tmp_path / "w.h5")
        assert error.code == "AS609"
        assert "Keras' files need h5py, which isn't installed" in error.message
        assert error.hint == 'pip install "archspec-nn[keras]"'


@pytest.mark.usefixtures("quick")
class TestInsideAModel:
    def packed(self, path: Path, make: Made, name: str = hdf5.INSIDE) -> Path:
        with h5py.File(path.with_suffix(".h5"), "w") as file:
            make(file)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(path.with_suffix(".h5"), name)
        return path

    def refused(self, path: Path) -> WeightsError:
        with pytest.raises(WeightsError) as caught, hdf5.unpacked(path):
            pass
        return caught.value

    def test_its_weights(self, tmp_path: Path) -> None:
        path = self.packed(
            tmp_path / "w.keras",
            lambda file: variables(file, "layers/a", "a", np.arange(3.0)),
        )
        with hdf5.unpacked(path) as found:
            assert (found.kind, found.layered) == ("a Keras model", True)
            assert np.array_equal(found.tensors["a/0"].read(), np.arange(3.0))

    def test_faults_name_the_archive(self, tmp_path: Path) -> None:
        path = self.packed(tmp_path / "w.keras", lambda file: None)
        error = self.refused(path)
        assert error.code == "AS606" and error.hint is not None
        assert error.message == (
            f"'{path}: model.weights.h5' holds no weights of a Keras model"
        )

    def test_another_archive(self, tmp_path: Path) -> None:
        path = self.packed(tmp_path / "w.keras", lambda file: None, "other.h5")
        error = self.refused(path)
        assert error.code == "AS606"
        assert error.message == f"{str(path)!r} is no Keras model: no model.weights.h5"

    def test_no_archive(self, tmp_path: Path) -> None:
        path = tmp_path / "w.keras"
        path.write_bytes(b"PK\x03\x04 and more")
        error = self.refused(path)
        assert error.code == "AS604"
        assert error.message.startswith(f"{str(path)!r} is a damaged archive: ")

    def test_a_bomb(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "w.keras"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(hdf5.INSIDE, bytes(10**6))
        member = zipfile.ZipFile(path).getinfo(hdf5.INSIDE)
        times = member.file_size / member.compress_size
        assert hdf5.EXPANSION == 1000
        monkeypatch.setattr(hdf5, "EXPANSION", int(times))
        error = self.refused(path)
        assert error.code == "AS604" and "grows beyond all reason" in error.message
        monkeypatch.setattr(hdf5, "EXPANSION", int(times) + 1)
        assert "damaged HDF5 file" in self.refused(path).message
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(hdf5.INSIDE, b"")
        assert "damaged HDF5 file" in self.refused(path).message


class TestWritten:
    LAYERS: ClassVar[Any] = {
        "conv": ("conv2d", [("kernel", np.ones((1, 1, 2, 3))), ("bias", np.zeros(3))]),
        "conv2": ("conv2d", [("kernel", np.zeros((1, 1, 3, 3)))]),
        "fc": ("dense", [("kernel", np.ones((3, 2)))]),
        "conv3": ("conv2d", [("kernel", np.ones((1, 1, 3, 4)))]),
    }

    def test_numbered(self, tmp_path: Path) -> None:
        hdf5.save(tmp_path / "w.weights.h5", self.LAYERS)
        with h5py.File(tmp_path / "w.weights.h5") as file:
            names = {k: g["vars"].attrs["name"] for k, g in file["layers"].items()}
            assert names == {
                "conv2d": "conv",
                "conv2d_1": "conv2",
                "conv2d_2": "conv3",
                "dense": "fc",
            }
            assert list(file["layers/conv2d/vars"]) == ["0", "1"]
            assert file["layers/conv2d/vars/0"].shape == (1, 1, 2, 3)

    @pytest.mark.usefixtures("quick")
    @pytest.mark.parametrize("name", ["w.weights.h5", "w.h5"])
    def test_read_again(self, tmp_path: Path, name: str) -> None:
        hdf5.save(tmp_path / name, self.LAYERS)
        with hdf5.opened(tmp_path / name) as found:
            assert set(found.tensors) == {
                "conv/0",
                "conv/1",
                "conv2/0",
                "fc/0",
                "conv3/0",
            }
            for layer, (_, arrays) in self.LAYERS.items():
                for number, (_, array) in enumerate(arrays):
                    assert np.array_equal(
                        found.tensors[f"{layer}/{number}"].read(), array
                    )

    @pytest.mark.usefixtures("quick")
    def test_more_names_than_an_attribute_holds(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert hdf5.ATTRIBUTE_LIMIT == 64512  # keras.src.legacy.saving: the same
        layers = {f"é{n}": ("dense", [("kernel", np.ones(1))]) for n in range(10)}
        monkeypatch.setattr(hdf5, "ATTRIBUTE_LIMIT", 11)  # bytes; a name has 3
        hdf5.save(tmp_path / "w.h5", layers)
        with h5py.File(tmp_path / "w.h5") as file:
            assert "layer_names" not in file.attrs
            sizes = [len(file.attrs[f"layer_names{n}"]) for n in range(4)]
            assert sizes == [3, 3, 3, 1]
        with hdf5.opened(tmp_path / "w.h5") as found:
            assert list(found.tensors) == [f"{name}/0" for name in layers]
        monkeypatch.setattr(hdf5, "ATTRIBUTE_LIMIT", 2)
        hdf5.save(tmp_path / "w.h5", layers)
        with hdf5.opened(tmp_path / "w.h5") as found:
            assert len(found.tensors) == 10
        hdf5.save(tmp_path / "w.h5", {"act": ("relu", [])})
        with hdf5.opened(tmp_path / "w.h5") as found:
            assert not found.tensors

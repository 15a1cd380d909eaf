"""Bad weight files by command: a clear error, nothing run, nothing written."""

from __future__ import annotations

import json
import os
import pickle
import re
import zipfile
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import torchvision
from commands import SMALL, command, done, refused, saved
from proofs import sampled
from published import published

import archspec
from archspec.backend import backend
from archspec.weights import load, write


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> archspec.Spec:
    monkeypatch.chdir(tmp_path)
    return saved()


class Harm:
    """What a hostile pickle does when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("harmed",)


FILES = (
    "small.safetensors",
    "small.pth",
    "small.weights.h5",
    "small.keras",
    "small.h5",
)
NAMES = (*FILES, "small", "small.txt", "SMALL.PTH")
"""What a file may be called, whatever is in it."""


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("originals")
    (folder / "small.yaml").write_text(SMALL)
    spec = archspec.load(folder / "small.yaml")
    model = spec.build("keras")
    for name in ("small.weights.h5", "small.keras"):
        backend("keras").save(spec.graph, model, str(folder / name))
    with h5py.File(folder / "small.h5", "w") as file:
        from keras.src.legacy.saving import legacy_h5_format

        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    weights = archspec.weights.initial_weights(spec.graph)
    for name in ("small.safetensors", "small.pth"):
        write(folder / name, spec.graph, weights)
    return {name: (folder / name).read_bytes() for name in FILES}


class TestRefused:
    def convert(self, name: str) -> str:
        """The refusal of a file, which leaves nothing behind."""
        Path("small.yaml").write_text(SMALL)
        before = sorted(os.listdir())
        text = refused(
            "weights", "convert", name, "--spec", "small.yaml", "-o", "out.pth"
        )
        assert sorted(os.listdir()) == before
        return text

    @pytest.mark.parametrize(
        ("name", "other"),
        sampled(
            product(FILES, NAMES),
            [*zip(FILES, FILES, strict=True), *zip(FILES, NAMES[3:], strict=True)],
        ),
    )
    def test_whole_files_are_read(
        self, here: Path, originals: dict[str, bytes], name: str, other: str
    ) -> None:
        """Under any suffix: what is in them decides."""
        Path("small.yaml").write_text(SMALL)
        Path(other).write_bytes(originals[name])
        to = ("-o", "out.pth", "--force")
        done("weights", "convert", other, "--spec", "small.yaml", *to)

    @pytest.mark.parametrize("name", FILES)
    def test_truncated(
        self, here: Path, originals: dict[str, bytes], name: str
    ) -> None:
        whole = originals[name]
        for part in (0, 1, 8, 100, len(whole) // 2, len(whole) - 1):
            Path(name).write_bytes(whole[:part])
            assert name in self.convert(name)

    @pytest.mark.parametrize("count", sampled([3, 12], [3]))
    @pytest.mark.parametrize("name", FILES)
    def test_corrupt(
        self, here: Path, originals: dict[str, bytes], name: str, count: int
    ) -> None:
        """Any byte may be another: what comes is a refusal or a set of weights."""
        Path("small.yaml").write_text(SMALL)
        draw = np.random.default_rng(0)
        whole = np.frombuffer(originals[name], np.uint8)
        for _ in range(count):
            data = whole.copy()
            places = draw.integers(0, min(len(data), 4000), 8)
            data[places] = draw.integers(0, 256, 8)
            Path(name).write_bytes(data.tobytes())
            result = command("weights", "inspect", name)
            assert result.exit_code in (0, 1)
            assert result.exception is None or isinstance(result.exception, SystemExit)

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_a_hostile_pickle(self, here: Path, protocol: int) -> None:
        Path("bad.pth").write_bytes(pickle.dumps({"x": Harm()}, protocol))
        assert "nothing in it was run" in self.convert("bad.pth")

    def test_a_hostile_checkpoint(self, here: Path) -> None:
        torch.save({"conv.weight": torch.zeros(4, 3, 3, 3), "x": Harm()}, "bad.pth")
        build = ("build", "small.yaml", "-b", "torch", "--weights", "bad.pth")
        assert "missing: fc.weight" in self.convert("bad.pth")
        assert "missing: fc.weight" in refused(*build)
        assert "1 tensors" in command("weights", "inspect", "bad.pth").stdout
        assert not Path("harmed").exists()

    def test_a_hostile_keras_model(
        self, here: Path, originals: dict[str, bytes]
    ) -> None:
        """Code in a config is never looked at: only the weights are."""
        Path("small.keras").write_bytes(originals["small.keras"])
        Path("small.yaml").write_text(SMALL)
        lambda_ = {"class_name": "Lambda", "config": {"function": "cnVu"}}
        with (
            zipfile.ZipFile("small.keras") as old,
            zipfile.ZipFile("bad.keras", "w") as new,
        ):
            new.writestr("config.json", json.dumps(lambda_))
            new.writestr("model.weights.h5", old.read("model.weights.h5"))
        done(
            *("weights", "convert", "bad.keras", "--spec", "small.yaml"),
            *("-o", "out.pth"),
        )

    @pytest.mark.parametrize("kind", ["soft", "external", "virtual", "outside", "none"])
    def test_h5_that_points_elsewhere(
        self, here: Path, originals: dict[str, bytes], kind: str
    ) -> None:
        Path("small.weights.h5").write_bytes(originals["small.weights.h5"])
        Path("secret.bin").write_bytes(bytes(range(16)) * 100)
        with h5py.File("small.weights.h5", "a") as file:
            group = file["layers/conv2d/vars"]
            shape = group["0"].shape
            del group["0"]
            if kind == "soft":
                group["0"] = h5py.SoftLink("/layers/dense/vars/0")
            elif kind == "external":
                group["0"] = h5py.ExternalLink("small.h5", "/conv/conv/kernel")
            elif kind == "virtual":
                group.create_virtual_dataset("0", h5py.VirtualLayout(shape, "f4"))
            elif kind == "outside":
                group.create_dataset(
                    "0", shape, "f4", external=[("secret.bin", 0, 432)]
                )
            else:
                group.create_dataset("0", shape, "f4")
        assert "layers/conv2d/vars/0" in self.convert("small.weights.h5")

    def test_a_shape_bomb(self, here: Path, originals: dict[str, bytes]) -> None:
        Path("small.weights.h5").write_bytes(originals["small.weights.h5"])
        with h5py.File("small.weights.h5", "a") as file:
            group = file["layers/conv2d/vars"]
            del group["0"]
            group.create_dataset("0", (2**40,), "f4", chunks=(1024,), compression=1)
        assert "shape: conv/kernel = conv.weight is [1099511627776]" in self.convert(
            "small.weights.h5"
        )

    def test_a_group_inside_itself(
        self, here: Path, originals: dict[str, bytes]
    ) -> None:
        Path("small.weights.h5").write_bytes(originals["small.weights.h5"])
        with h5py.File("small.weights.h5", "a") as file:
            file["layers/conv2d/cell"] = file["layers"]
        self.convert("small.weights.h5")

    @pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\nb", "a\udcbbb"])
    def test_a_name_that_is_no_text(self, here: Path, name: str) -> None:
        torch.save({name: torch.zeros(3)}, "x.pth")
        assert f"{name!a} is no name of a tensor" in self.convert("x.pth")

    def test_an_unknown_suffix(self, here: Path) -> None:
        Path("weights.txt").touch()
        assert "expected a file that ends in .safetensors, .pth" in self.convert(
            "weights.txt"
        )

    def test_no_file(self, here: Path) -> None:
        assert "there is no file 'none.pth'" in self.convert("none.pth")

    @pytest.mark.parametrize("held", [torch.zeros(3), [1, 2], {"x": 1}, {1: 2}])
    def test_no_state_dict(self, here: Path, held: object) -> None:
        torch.save(held, "x.pth")
        assert "holds no mapping from names to tensors" in self.convert("x.pth")

    def test_integers(self, small: archspec.Spec) -> None:
        arrays = load("small.safetensors")
        state = {k: torch.from_numpy(v).int() for k, v in arrays.items()}
        torch.save(state, "x.pth")
        assert "'conv.weight' holds int32 values" in self.convert("x.pth")

    def test_another_architecture(self, here: Path) -> None:
        torch.save(published("resnet18").state_dict(), "resnet18.pth")
        text = refused(
            *("weights", "convert", "resnet18.pth", "--spec", "resnet34"),
            *("-o", "out.safetensors"),
        )
        theirs = torchvision.models.resnet34().state_dict()
        ours = torchvision.models.resnet18().state_dict()
        missing = [
            k for k in theirs if k not in ours and "num_batches_tracked" not in k
        ]
        assert f"{len(missing)} missing, 0 surplus, 0 of another shape" in text
        counts = re.findall(r"  missing: layer\d\.\d\.\*: (\d+) tensors", text)
        assert sum(map(int, counts)) == len(missing) == 10 * text.count("  missing: ")
        assert not Path("out.safetensors").exists()

    def test_a_keras_file_for_the_wrong_source(
        self, here: Path, originals: dict[str, bytes]
    ) -> None:
        Path("small.yaml").write_text(SMALL)
        Path("small.h5").write_bytes(originals["small.h5"])
        for source, message in (
            ("timm", "is legacy Keras weights, which is not timm's format"),
            ("kers", "did you mean 'keras'?"),
        ):
            assert message in refused(
                *("weights", "convert", "small.h5", "--spec", "small.yaml"),
                *("--from", source, "-o", "out.pth"),
            )

    @pytest.mark.parametrize(
        ("to", "name"),
        [
            ("keras", "x.pth"),
            ("keras", "x.h5"),
            ("timm", "x.weights.h5"),
            ("keras.applications", "x.safetensors"),
            ("keras.applications", "x.keras"),
            ("canonical", "x.npz"),
        ],
    )
    def test_a_target_and_its_suffix(
        self, small: archspec.Spec, to: str, name: str
    ) -> None:
        text = refused(
            *("weights", "convert", "small.safetensors", "--spec", "small.yaml"),
            *("--to", to, "-o", name),
        )
        assert "expected a file that ends in" in text
        assert not Path(name).exists()

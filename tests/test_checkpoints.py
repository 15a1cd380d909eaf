"""torchvision's and timm's files go into every backend by command; bad files don't."""

from __future__ import annotations

import json
import os
import pickle
import re
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import safetensors.torch
import timm
import torch
import torchvision
from numpy.typing import NDArray
from published import canonical, distance, output, published
from typer.testing import CliRunner, Result

import archspec
from archspec.backend import backend
from archspec.cli.app import application
from archspec.errors import WeightsError
from archspec.weights import load, metadata, write

DOCS = Path(__file__).parent.parent / "docs" / "checkpoints.md"
NARROW = {"hidden": [32, 32]}
"""The head of a VGG for each run."""

Arrays = dict[str, NDArray[Any]]

SMALL = """
archspec: 1
name: small
inputs: {image: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3}
  deep: {op: conv2d, channels: 8, kernel: 3, groups: 4, bias: false}
  bn: batch_norm
  act: {op: prelu, shared: false}
  pool: global_avg_pool2d
  fc: {op: linear, features: 3}
"""


def command(*arguments: object) -> Result:
    return CliRunner().invoke(application(), list(map(str, arguments)))


def done(*arguments: object) -> str:
    result = command(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def refused(*arguments: object) -> str:
    """What a command says that fails as a command should."""
    result = command(*arguments)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stderr.startswith("error: ")
    return result.stderr


def same(left: Arrays, right: Arrays) -> bool:
    return left.keys() == right.keys() and all(
        np.array_equal(left[key], right[key]) and left[key].dtype == right[key].dtype
        for key in left
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small(here: Path) -> archspec.Spec:
    """A net with every layout that Keras has, as small.yaml, and its random state."""
    Path("small.yaml").write_text(SMALL)
    spec = archspec.load("small.yaml")
    draw = np.random.default_rng(0)
    shapes = {**spec.graph.parameters(), **spec.graph.buffers()}
    arrays = {k: draw.uniform(0.5, 1, s).astype("float32") for k, s in shapes.items()}
    write("small.safetensors", spec.graph, arrays)
    return spec


class TestDocumented:
    """docs/checkpoints.md, run line by line."""

    def commands(self, text: str) -> list[list[str]]:
        blocks = re.findall(r"```sh\n(.*?)```", DOCS.read_text(), re.DOTALL)
        lines = [line for block in blocks for line in block.splitlines()]
        found = [line.replace('"', "").split()[1:] for line in lines if text in line]
        assert found
        return found

    @pytest.mark.parametrize(
        ("name", "params", "extra", "tolerance"),
        [
            ("resnet18", {}, [], 1e-5),
            ("resnet18", {}, ["--dtype", "float64"], 1e-12),
            (
                "vgg16",
                NARROW,
                ["--set", "hidden=[32, 32]", "--dtype", "float64"],
                1e-12,
            ),
            pytest.param("vgg16", {}, [], 1e-5, marks=pytest.mark.proof),
        ],
    )
    def test_torchvision_into_keras(
        self,
        here: Path,
        name: str,
        params: dict[str, Any],
        extra: list[str],
        tolerance: float,
    ) -> None:
        net = published(name, **params)
        dtype = "float64" if "float64" in extra else "float32"
        kind = getattr(torch, dtype)
        torch.save({k: t.to(kind) for k, t in net.state_dict().items()}, f"{name}.pth")
        (line,) = self.commands(f"build {name} --backend keras")
        done(*line, *extra)
        model = keras.saving.load_model(f"{name}.keras")
        given = np.random.default_rng(1).normal(size=(1, 3, 224, 224))
        made = model(given.transpose(0, 2, 3, 1).astype(dtype))
        found = keras.ops.convert_to_numpy(made).astype("float64")
        assert distance(found, output(net, given)) <= tolerance

    def test_every_kind_of_file(self, here: Path) -> None:
        net = published("resnet18").float()
        torch.save(net.state_dict(), "resnet18.pth")
        for line in self.commands("archspec weights convert resnet18."):
            done(*line)
        again = torch.load("again.pth", weights_only=True)
        net.load_state_dict(again)  # strict
        assert same(
            {k: t.numpy() for k, t in again.items()},
            canonical(published("resnet18").float()),
        )
        (line,) = self.commands("--set num_classes=10 --backend torch")
        assert "output: 10" in done(*line)
        head = archspec.load("resnet18", num_classes=10).graph
        ten, start = load("ten.safetensors"), archspec.weights.initial_weights(head)
        assert all(np.array_equal(ten[k], start[k]) for k in ("fc.weight", "fc.bias"))
        assert np.array_equal(ten["conv1.weight"], again["conv1.weight"].numpy())

    def test_in_python(self, here: Path) -> None:
        net = published("resnet18").float()
        torch.save(net.state_dict(), "resnet18.pth")
        code = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)[1]
        names: dict[str, Any] = {}
        exec(compile(code, "checkpoints.md", "exec"), names)
        assert same(canonical(names["model"]), canonical(net))


class TestTimm:
    @pytest.mark.parametrize("name", ["resnet18", "resnet50d"])
    def test_resnet(self, here: Path, name: str) -> None:
        net = timm.create_model(name, pretrained=False).double().eval()
        draw = torch.Generator().manual_seed(0)
        for tensor in net.state_dict().values():
            if tensor.ndim == 1:
                tensor.uniform_(0.5, 1.5, generator=draw)
        safetensors.torch.save_file(net.state_dict(), "timm.safetensors")
        spec = archspec.load(name, size=(64, 64))
        model = spec.build("torch", weights="timm.safetensors", dtype="float64")
        model.eval()
        given = np.random.default_rng(1).normal(size=(1, 3, 64, 64))
        assert distance(output(model, given), output(net, given)) <= 1e-12

    @pytest.mark.parametrize("name", ["vgg11", "vgg16_bn"])
    def test_vgg(self, here: Path, name: str) -> None:
        net = timm.create_model(name, pretrained=False, num_classes=7)
        self.narrow(net)
        net = net.double().eval()
        torch.save(net.state_dict(), "timm.pth")
        params: dict[str, Any] = {"hidden": [32, 32], "num_classes": 7}
        size = (224, 224)
        spec = archspec.load(name, params=params)
        options = [f"--set={key}={value}" for key, value in params.items()]
        text = done(
            *("weights", "convert", "timm.pth", "--spec", name, *options),
            *("-o", "ours.safetensors"),
        )
        assert "read as timm" in text
        given = np.random.default_rng(1).normal(size=(1, 3, *size))
        for chosen in ("torch", "keras"):
            model = spec.build(chosen, weights="ours.safetensors", dtype="float64")
            made = backend(chosen).forward(spec.graph, model, {"image": given})
            assert distance(made[""], output(net, given)) <= 1e-12
        done(
            *("weights", "convert", "ours.safetensors", "--spec", name, *options),
            *("--to", "timm", "-o", "back.pth"),
        )
        back = torch.load("back.pth", weights_only=True)
        net.load_state_dict(back)  # strict
        state = torch.load("timm.pth", weights_only=True)
        assert all(torch.equal(back[key], state[key]) for key in back)

    def narrow(self, net: Any) -> None:
        fc1 = torch.nn.Conv2d(512, 32, 7)
        net.pre_logits.fc1, net.pre_logits.fc2 = fc1, torch.nn.Conv2d(32, 32, 1)
        net.head.fc = torch.nn.Linear(32, 7)


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


class TestCommands:
    def test_init(self, small: archspec.Spec) -> None:
        done("weights", "init", "small.yaml", "--seed", 3, "-o", "new.safetensors")
        wanted = archspec.weights.initial_weights(small.graph, 3)
        assert same(load("new.safetensors"), wanted)
        texts = metadata("new.safetensors")
        assert (texts["name"], texts["seed"]) == ("small", "3")
        assert texts["fingerprint"] in small.codegen("torch").text
        assert "exists" in refused(
            "weights", "init", "small.yaml", "-o", "new.safetensors"
        )
        done("weights", "init", "small.yaml", "--force", "-o", "new.safetensors")

    def test_inspect(self, small: archspec.Spec) -> None:
        facts = json.loads(done("weights", "inspect", "small.safetensors", "--json"))
        rows = {row["name"]: row for row in facts["tensors"]}
        assert rows["conv.weight"]["shape"] == [4, 3, 3, 3]
        assert {row["dtype"] for row in rows.values()} == {"float32"}
        stored = small.graph.parameter_count() + small.graph.buffer_count()
        assert facts["values"] == stored
        assert facts["metadata"]["name"] == "small"
        text = done("weights", "inspect", "small.safetensors")
        assert re.search(r"^conv\.weight +4 x 3 x 3 x 3 +float32$", text, re.MULTILINE)
        assert f"10 tensors, {stored:,} values" in text

    @pytest.mark.parametrize(
        ("suffix", "name"), [(".pth", "conv.weight"), (".weights.h5", "conv/0")]
    )
    def test_inspect_others(self, small: archspec.Spec, suffix: str, name: str) -> None:
        done(
            *("weights", "convert", "small.safetensors", "--spec", "small.yaml"),
            *("-o", f"small{suffix}"),
        )
        facts = json.loads(done("weights", "inspect", f"small{suffix}", "--json"))
        assert name in {row["name"] for row in facts["tensors"]}

    @pytest.mark.parametrize("name", ["state_dict", "model"])
    def test_a_training_checkpoint(self, small: archspec.Spec, name: str) -> None:
        arrays = load("small.safetensors")
        state = {k: torch.from_numpy(v) for k, v in arrays.items()}
        torch.save({"epoch": 3, name: OrderedDict(state), "lr": 0.1}, "run.pt")
        assert same(load("run.pt", small.graph), arrays)

    def test_bfloat16(self, small: archspec.Spec) -> None:
        arrays = load("small.safetensors")
        state = {k: torch.from_numpy(v).bfloat16() for k, v in arrays.items()}
        torch.save(state, "half.pth")
        found = load("half.pth", small.graph)
        assert same(found, {k: t.float().numpy() for k, t in state.items()})

    def test_what_another_net_made(self, small: archspec.Spec) -> None:
        Path("other.yaml").write_text(SMALL.replace("name: small", "name: other"))
        text = (
            Path("other.yaml")
            .read_text()
            .replace("kernel: 3}", "kernel: 3, stride: 2}")
        )
        Path("other.yaml").write_text(text)
        result = command(
            *("weights", "convert", "small.safetensors", "--spec", "other.yaml"),
            *("-o", "x.pth"),
        )
        assert "note: the file was made for 'small'" in result.stderr


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

    @pytest.mark.parametrize("name", FILES)
    def test_whole_files_are_read(
        self, here: Path, originals: dict[str, bytes], name: str
    ) -> None:
        Path("small.yaml").write_text(SMALL)
        Path(name).write_bytes(originals[name])
        done("weights", "convert", name, "--spec", "small.yaml", "-o", "out.pth")

    @pytest.mark.parametrize("name", FILES)
    def test_truncated(
        self, here: Path, originals: dict[str, bytes], name: str
    ) -> None:
        whole = originals[name]
        for part in (0, 1, 8, 100, len(whole) // 2, len(whole) - 1):
            Path(name).write_bytes(whole[:part])
            assert name in self.convert(name)

    @pytest.mark.parametrize("name", FILES)
    def test_corrupt(self, here: Path, originals: dict[str, bytes], name: str) -> None:
        """Any byte may be another: what comes is a refusal or a set of weights."""
        Path("small.yaml").write_text(SMALL)
        draw = np.random.default_rng(0)
        whole = np.frombuffer(originals[name], np.uint8)
        for _ in range(12):
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
        assert "nothing in it was run" in self.convert("bad.pth")
        assert "nothing in it was run" in refused("weights", "inspect", "bad.pth")
        assert "nothing in it was run" in refused(
            "build", "small.yaml", "-b", "torch", "--weights", "bad.pth"
        )
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
        assert "shape: conv/0 = conv.weight is [1099511627776]" in self.convert(
            "small.weights.h5"
        )

    def test_a_group_inside_itself(
        self, here: Path, originals: dict[str, bytes]
    ) -> None:
        Path("small.weights.h5").write_bytes(originals["small.weights.h5"])
        with h5py.File("small.weights.h5", "a") as file:
            file["layers/conv2d/cell"] = file["layers"]
        self.convert("small.weights.h5")

    @pytest.mark.parametrize("name", FILES)
    def test_a_file_under_another_suffix(
        self, here: Path, originals: dict[str, bytes], name: str
    ) -> None:
        for other in FILES:
            same_kind = {name, other} <= {"small.h5", "small.weights.h5"}
            if other != name and not same_kind:
                Path(other).write_bytes(originals[name])
                assert other in self.convert(other)

    @pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\nb", "a\udcbbb"])
    def test_a_name_that_is_no_text(self, here: Path, name: str) -> None:
        torch.save({name: torch.zeros(3)}, "x.pth")
        assert f"{name!a} is no name of a tensor" in self.convert("x.pth")

    def test_an_unknown_suffix(self, here: Path) -> None:
        Path("weights.npz").touch()
        assert "expected a file that ends in .safetensors, .pth" in self.convert(
            "weights.npz"
        )

    def test_no_file(self, here: Path) -> None:
        assert "there is no file 'none.pth'" in self.convert("none.pth")

    @pytest.mark.parametrize("held", [torch.zeros(3), [1, 2], {"x": 1}, {1: 2}])
    def test_no_state_dict(self, here: Path, held: object) -> None:
        torch.save(held, "x.pth")
        assert "holds no state_dict" in self.convert("x.pth")

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
        assert text.count("  missing: ") == len(missing)
        assert "missing: layer1.2.conv1.weight [64, 64, 3, 3]" in text
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


def test_mapped_pages_are_the_models_parameters(small: archspec.Spec) -> None:
    """Neither loading nor building copies; training leaves the file alone."""
    before = Path("small.safetensors").read_bytes()
    arrays = load("small.safetensors", small.graph)
    model = backend("torch").build(small.graph, arrays)
    own = model.state_dict()
    assert all(own[k].data_ptr() == a.ctypes.data for k, a in arrays.items())
    with torch.no_grad():
        model.conv.weight.add_(1)
    assert Path("small.safetensors").read_bytes() == before

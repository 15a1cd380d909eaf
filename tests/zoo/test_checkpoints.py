"""torchvision's and timm's files go into every backend by command."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import safetensors.torch
import timm
import torch
import torchvision
from commands import done, same
from mirror import mirrored
from published import NETS, canonical, distance, output, published

import archspec
from archspec.backend import backend
from archspec.catalog import names
from archspec.weights import load

DOCS = Path(__file__).parents[2] / "docs" / "checkpoints.md"
NARROW = {"hidden": [32, 32]}
"""The head of a VGG for each run."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
            pytest.param(
                *("resnet18", {}, ["--dtype", "float64"], 1e-12),
                marks=pytest.mark.proof,
            ),
            pytest.param(
                *("vgg16", NARROW),
                *(["--set", "hidden=[32, 32]", "--dtype", "float64"], 1e-12),
                marks=pytest.mark.proof,
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
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        net = published(name, **params)
        dtype = "float64" if "float64" in extra else "float32"
        kind = getattr(torch, dtype)
        state = {key: tensor.to(kind) for key, tensor in net.state_dict().items()}
        (line,) = self.commands(f"build {name} --backend keras")
        with mirrored(here / "mirror", name, state) as mirror:
            mirror.used(monkeypatch, here / "cache")
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
        assert "output: 10" in done(*line, "-o", "ten.safetensors")
        head = archspec.load("resnet18", num_classes=10).graph
        ten, start = load("ten.safetensors"), archspec.weights.initial_weights(head)
        assert all(np.array_equal(ten[k], start[k]) for k in ("fc.weight", "fc.bias"))
        assert np.array_equal(ten["conv1.weight"], again["conv1.weight"].numpy())

    def test_in_python(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        net = published("resnet18").float()
        torch.save(net.state_dict(), "resnet18.pth")
        code = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
        names: dict[str, Any] = {}
        with mirrored(here / "mirror", "resnet18", net.state_dict()) as mirror:
            mirror.used(monkeypatch, here / "cache")
            exec(compile(code[1], "checkpoints.md", "exec"), names)
        assert names["recipe"] == mirror.row.preprocessing
        wanted = canonical(net)
        assert same(load("resnet18.safetensors"), wanted)
        ten = canonical(names["model"])
        assert ten.pop("fc.weight").shape == (10, 512) and ten.pop("fc.bias").size == 10
        assert same(ten, {k: v for k, v in wanted.items() if k in ten})
        exec(compile(code[2], "checkpoints.md", "exec"), names)
        given = np.random.default_rng(1).normal(size=(1, 3, 64, 64))
        folded = names["model"].eval().double()
        outputs = output(net.eval().double(), given)
        assert distance(output(folded, given), outputs) <= 1e-6  # float32 weights
        assert "BatchNorm" not in repr(folded) + names["text"]


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
    @pytest.mark.proof
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


def test_published_weights_are_the_publishers() -> None:
    """Where and with which hash, as the libraries have it."""
    from keras.src.applications import resnet, vgg16, vgg19

    ends = "_weights_tf_dim_ordering_tf_kernels.h5"
    wanted = {
        f"keras_{name}": (f"{resnet.BASE_WEIGHTS_PATH}{name}{ends}", hashes[0])
        for name, hashes in resnet.WEIGHTS_HASHES.items()
        if f"keras_{name}" in names()
    }
    for name, module in (("vgg16", vgg16), ("vgg19", vgg19)):
        (found,) = re.findall(r'WEIGHTS_PATH,.*?file_hash="(\w+)"', source(module))
        wanted[f"keras_{name}"] = (module.WEIGHTS_PATH, found)
    for name in NETS:
        url = torchvision.models.get_model_weights(name).IMAGENET1K_V1.url
        wanted[name] = (url, url.rpartition("-")[2].removesuffix(".pth"))
    url = torchvision.models.segmentation.FCN_ResNet50_Weights.DEFAULT.url
    wanted["fcn_resnet50"] = (url, url.rpartition("-")[2].removesuffix(".pth"))
    graphs = {name: archspec.load(name).graph for name in names()}
    told = {name: graph.weights for name, graph in graphs.items() if graph.weights}
    assert {n: (found["url"], found["hash"]) for n, found in told.items()} == wanted


def source(module: Any) -> str:
    """The text of a module on one line."""
    return " ".join(inspect.getsource(module).split())

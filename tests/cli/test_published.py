"""Published weights by name, as a user asks for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from commands import command, done, refused
from mirror import Mirror, mirrored
from torchvision.models import ResNet50_Weights

import archspec
from archspec.weights import load
from archspec.weights.pretrained import table as real


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    torch.manual_seed(0)
    state = torchvision.models.resnet18().state_dict()
    with mirrored(tmp_path_factory.mktemp("mirror"), "resnet18", state) as found:
        yield found


@pytest.fixture
def published(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Mirror:
    monkeypatch.chdir(tmp_path)
    mirror.used(monkeypatch, tmp_path / "cache")
    return mirror


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache with nothing in it."""
    monkeypatch.setenv("ARCHSPEC_CACHE", str(tmp_path / "cache"))


def test_what_there_is_for_a_net(empty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    title, *lines = done("weights", "published", "resnet50").splitlines()
    assert title == "resnet50"
    facts, recipe, about = lines[:3]
    meta = ResNet50_Weights.DEFAULT.meta["_metrics"]["ImageNet-1K"]
    accuracy = f"acc@1 {meta['acc@1']}, acc@5 {meta['acc@5']} on ImageNet-1K"
    assert facts.split("  ")[1] == "torchvision:IMAGENET1K_V2"
    assert accuracy in facts and "98 MiB" in facts and "BSD-3-Clause" in facts
    for part in (
        "resize 232",
        "crop 224",
        "bilinear",
        "RGB",
        "mean [0.485",
        "std [0.2",
    ):
        assert part in recipe
    assert "pytorch.org/blog" in about
    assert any("timm:a1_in1k" in line and "apache-2.0" in line for line in lines)
    assert not any("cached" in line for line in lines)


def test_what_there_is() -> None:
    found = json.loads(done("weights", "published", "--json"))
    assert {row["publisher"] for row in found} == {"torchvision", "timm", "keras"}
    assert {row["net"] for row in found} >= {"resnet50", "keras_vgg16", "resnetrs50"}
    lines = done("weights", "published").splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        *dict.fromkeys(row["net"] for row in found)
    ]


def test_nobody_publishes_it() -> None:
    assert "for 'plain34' [AS612]" in refused("weights", "published", "plain34")


def test_build_says_whose_preprocessing(published: Mirror) -> None:
    ask = ("build", "resnet18", "-b", "torch", "--weights", "torchvision")
    text = done(*ask, "-o", "net.safetensors", "--input-size", "64")
    assert "\n  preprocessing: resize 999, crop 224, interpolation bilinear" in text
    found = load("net.safetensors")
    state = published.state
    assert all(np.array_equal(state[name].numpy(), found[name]) for name in found)
    (row,) = json.loads(done("weights", "published", "resnet18", "--json"))
    assert row["cached"] and Path(row["file"]).is_file()
    assert "cached" in done("weights", "published", "resnet18")
    plain = done("build", "resnet18", "-b", "torch", "--input-size", "64")
    assert "\n  preprocessing: resize 256, crop 224" in plain


def test_from_the_cache_without_a_network(
    published: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    done("weights", "inspect", published.row.full)
    monkeypatch.setenv("ARCHSPEC_MIRROR", "http://127.0.0.1:9")
    assert "122 tensors" in done("weights", "inspect", published.row.full)
    assert "122 tensors" in done("weights", "inspect", published.row.url)
    other = published.row.url.replace("18", "34")
    assert "127.0.0.1 can't be reached" in refused("weights", "inspect", other)


def test_convert(published: Mirror) -> None:
    ask = ("--spec", "resnet18", "-o", "net.pth")
    assert "102 weights" in done("weights", "convert", "torchvision", *ask)
    found = torch.load("net.pth", weights_only=True)
    net = torchvision.models.resnet18()
    net.load_state_dict(found)
    assert torch.equal(net.fc.weight, published.state["fc.weight"])


def test_another_head(published: Mirror) -> None:
    text = refused(
        *("weights", "convert", "torchvision", "--spec", "resnet18", "--set"),
        *("num_classes=10", "-o", "net.pth"),
    )
    assert "shape: fc.weight is [1000, 512], expected [10, 512]" in text
    assert not Path("net.pth").exists()
    text = done(
        *("build", "resnet18", "-b", "torch", "--set", "num_classes=10"),
        *("--weights", "torchvision", "--new", "head", "--input-size", "64"),
    )
    assert "taken: 100 of 102 weights" in text and "fc.weight, fc.bias" in text
    assert "preprocessing: resize 999" in text


def test_a_changed_file(published: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archspec.weights.pretrained.table", real)
    text = refused("build", "resnet18", "-b", "torch", "--weights", "torchvision")
    assert "expected f37072fd" in text and "[AS611]" in text
    assert not [path for path in Path("cache").rglob("*") if path.is_file()]


def test_codegen(published: Mirror) -> None:
    ask = ("codegen", "resnet18", "--weights", "torchvision", "-b")
    result = command(*ask, "torch")
    assert result.exit_code == 0 and not result.stderr
    assert "Preprocessing: resize 999" in result.stdout
    assert "def load_weights" in result.stdout and published.row.hash in result.stdout
    assert not Path("cache").exists(), "nothing is fetched to print"
    result = command(*ask, "keras")
    assert "Preprocessing: resize 999" in result.stdout
    told = (
        "`archspec weights convert torchvision --spec resnet18 -o resnet18.safetensors`"
    )
    assert told in result.stderr
    result = command(*ask, "torch", "--set", "num_classes=3")
    assert told in result.stderr and "URL" not in result.stdout


@pytest.mark.parametrize(
    ("weights", "code"), [("resnet18.pth", "AS612"), ("torchvision:V9", "AS612")]
)
def test_codegen_of_what_nobody_publishes(weights: str, code: str) -> None:
    text = refused("codegen", "resnet18", "-b", "torch", "--weights", weights)
    assert f"[{code}]" in text and weights in text


def test_weights_of_several_nets() -> None:
    ask = ("codegen", "resnet18", "resnet34", "-b", "torch", "--weights", "torchvision")
    text = done(*ask)
    assert "resnet18-f37072fd.pth" in text and "resnet34-b627a593.pth" in text
    other = ("codegen", "resnet18", "fpn_resnet50", "-b", "torch")
    assert "'fpn_resnet50'" in refused(*other, "--weights", "torchvision")


def test_a_published_file_that_keras_loads(empty: None) -> None:
    plain = archspec.load("keras_resnet50")
    text = plain.with_pretrained("keras").codegen("keras", with_weights=True).text
    assert text == plain.codegen("keras", with_weights=True).text
    assert "2cb95161c43110f7111970584f804107" in text

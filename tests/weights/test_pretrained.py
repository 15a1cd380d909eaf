"""archspec.weights.pretrained: the facts are the publishers', and a word means a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import publishers
import pytest
import torch
import torchvision
import yaml
from mirror import Mirror, mirrored
from unreliable import Server, running

import archspec
from archspec.catalog import names, paths
from archspec.errors import WeightsError
from archspec.weights import pretrained
from archspec.weights.fit import compare
from archspec.weights.pretrained import Pretrained, chosen, located, of, table
from archspec.weights.sources import source


def test_the_table_is_what_the_packages_say() -> None:
    found = publishers.rows()
    written = [row for row in publishers.TABLE.read_text().splitlines() if row > "["]
    assert len(found) == len(written) - 1 == len(table()) > 150
    for row, ours in zip(found, table(), strict=True):
        size = {} if row["mib"] else {"mib": ours.mib}
        assert Pretrained(**{**row, **size}) == ours
        assert 20 < ours.mib < 600


@pytest.mark.proof
@pytest.mark.parametrize("net", dict.fromkeys(row.net for row in table()))
def test_each_is_of_its_net(net: str) -> None:
    """The publisher's own model has the names and the shapes that our net reads."""
    graph = archspec.load(net).graph
    for row in of(net):
        if row.publisher == "keras":
            continue
        stored = publishers.shapes(publishers_row(row))
        names = "timm" if row.publisher == "timm" else "torchvision"
        wanted = {place.key: place.stored for place in source(names).places(graph)}
        head = () if row.classes else ("fc.*", "head.fc.*")
        compare(stored, wanted, allow_missing=head)
        size = publishers.sized({**publishers_row(row), "mib": 0})["mib"]
        halves = "wide" in net and row.name == "IMAGENET1K_V1"
        assert size / (1 + halves) == pytest.approx(row.mib, rel=0.01)


def publishers_row(row: Pretrained) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Pretrained.__slots__}


def test_specs_say_the_same() -> None:
    told = 0
    for name, path in paths():
        key = yaml.safe_load(path.read_text()).get("weights")
        if not key:
            continue
        told += 1
        (row,) = (row for row in of(name) if row.url == key["url"])
        assert row.hash == key["hash"]
        assert row.preprocessing == archspec.load(name).graph.preprocessing
    assert told == len({row.net for row in table() if row.hash})


def test_no_word_means_two() -> None:
    for row in table():
        assert chosen(row.full) == chosen(row.short, row.net) == chosen(row.url) == row
        assert row.net in names() and row.publisher in pretrained.PUBLISHERS
        assert row.url.startswith("https://")
    assert len({row.url for row in table()}) == len({row.full for row in table()})
    assert len(table()) == len({row.full for row in table()})


def test_a_publisher_alone_is_its_default() -> None:
    default = torchvision.models.ResNet50_Weights.DEFAULT
    row = chosen("torchvision", "resnet50")
    assert row is not None and row.url == default.url and row.name == default.name
    row = chosen("timm", "resnet50d")
    assert row is not None and row.full == "timm:resnet50d.ra2_in1k"
    row = chosen("keras", "keras_vgg16")
    assert row is not None and row.full == "keras:VGG16.imagenet"
    assert chosen("timm:resnet50.a1_in1k", "mine") == chosen("timm:a1_in1k", "resnet50")


@pytest.mark.parametrize(
    "word", ["resnet18.pth", "./torchvision", "torch", Path("timm"), "a/timm:b", None]
)
def test_files(word: object) -> None:
    assert chosen(word, "resnet18") is None


@pytest.mark.parametrize(
    ("word", "net", "told", "hint"),
    [
        ("torchvision:IMAGENET1K_V3", "resnet50", "IMAGENET1K_V3", "'IMAGENET1K_V2'?"),
        (
            "timm:a1_in1k",
            "mine",
            "for 'mine'",
            "of which net, such as 'timm:resnet101.",
        ),
        ("keras", "resnet50", "'keras' for 'resnet50'", "'keras_resnet50' is its net"),
        ("timm", "", "'timm'", "such as 'timm:resnet101."),
        ("timm:", "resnet50", "'timm:'", "published resnet50` lists"),
        ("torchvision", "resnet50d", "for 'resnet50d'", "lists"),
    ],
)
def test_names_of_nothing(word: str, net: str, told: str, hint: str) -> None:
    with pytest.raises(WeightsError) as caught:
        chosen(word, net)
    assert caught.value.code == "AS612"
    assert told in caught.value.message and hint in str(caught.value.hint)
    assert caught.value.notes == (f"a file of this name is './{word}'",)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        located("torchvison", "resnet18")
    assert caught.value.code == "AS602"
    assert caught.value.message == "there is no file 'torchvison'"
    assert "did you mean 'torchvision'?" in str(caught.value.hint)
    assert located(tmp_path / "none.pth") == tmp_path / "none.pth"  # its reader says so


def test_nets_without_published_weights() -> None:
    with pytest.raises(WeightsError, match=r"nobody is known .* 'plain34'"):
        of("plain34")
    with pytest.raises(WeightsError, match="did you mean 'resnet50'"):
        of("resnet5")


# Whole: torchvision's own file through a server on this machine


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
    mirror.used(monkeypatch, tmp_path / "cache")
    return mirror


@pytest.mark.parametrize(
    "word",
    [
        *("torchvision", "torchvision:IMAGENET1K_V1"),
        "https://download.pytorch.org/models/resnet18-f37072fd.pth",
    ],
)
def test_weights_of_a_spec(published: Mirror, word: str) -> None:
    found = archspec.load("resnet18").read_weights(word)
    state = published.state
    assert all(np.array_equal(state[k].numpy(), v) for k, v in found.items())
    assert len(found) == 102


def test_weights_of_a_backbone(published: Mirror) -> None:
    found = archspec.load("resnet18", taps=True).read_weights("torchvision")
    assert "fc.weight" not in found and len(found) == 100


def test_a_backbone_asks_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("ARCHSPEC_CACHE", str(tmp_path))
    with running(Server(b"", statuses=[404] * 2)) as server:
        with pytest.raises(WeightsError, match="404"):
            archspec.load("resnet18", taps=True).read_weights(server.url)
        assert len(server.asked) == 1


def test_a_spec_with_published_weights(published: Mirror) -> None:
    spec = archspec.load("resnet18")
    assert spec.with_pretrained("resnet18.pth") is spec
    made = spec.with_pretrained("torchvision")
    assert made.graph.preprocessing["resize"] == 999
    assert made.graph.weights == {"url": published.row.url, "hash": published.row.hash}
    other = archspec.load("resnet18", num_classes=3).with_pretrained("torchvision")
    assert other.graph.preprocessing["resize"] == 999 and not other.graph.weights

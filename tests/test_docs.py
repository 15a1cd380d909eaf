"""What the guide shows: its listings are valid, and its nets are torchvision's."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

import archspec
from archspec.authoring.lint import warnings

HERE = Path(__file__).parent.parent
GUIDE = (HERE / "docs" / "language.md").read_text()
LISTINGS = re.findall(r'```yaml(?: title="(\S+)")?\n(.*?)```', GUIDE, re.DOTALL)


def test_the_guides_listings_validate(tmp_path: Path) -> None:
    assert len(LISTINGS) == 10
    for name, text in LISTINGS:
        path = tmp_path / (name or "mynet.yaml")
        path.write_text(text)
        spec = archspec.load(path)
        assert not spec.unexpected()
        assert not warnings(spec)
        spec.codegen("torch")
        spec.codegen("keras")


def test_the_guides_fourth_net_is_a_resnet(tmp_path: Path) -> None:
    path = tmp_path / "mynet.yaml"
    path.write_text(LISTINGS[4][1])
    found = archspec.load(path).graph.parameters()
    block = torchvision.models.resnet.BasicBlock
    down = torch.nn.Sequential(torch.nn.Conv2d(16, 32, 1, 2), torch.nn.BatchNorm2d(32))
    for name, module in (
        ("layer1.0", block(16, 16)),
        ("layer2.0", block(16, 32, 2, down)),
        ("layer2.1", block(32, 32)),
    ):
        wanted = {
            f"{name}.{key}": tuple(p.shape) for key, p in module.named_parameters()
        }
        wanted.pop(f"{name}.downsample.0.bias", None)
        assert {k: s for k, s in found.items() if k.startswith(f"{name}.")} == wanted


def test_squeezenet_written_from_the_guide_is_torchvisions() -> None:
    spec = archspec.load(HERE / "examples" / "squeezenet1_1.yaml")
    assert not spec.unexpected() and not warnings(spec)
    torch.manual_seed(0)
    oracle = torchvision.models.squeezenet1_1(weights=None).double().eval()
    model = spec.build("torch", dtype="float64").eval()
    model.load_state_dict(oracle.state_dict(), strict=True)
    image = torch.randn(2, 3, 97, 65, dtype=torch.float64)
    with torch.no_grad():
        wanted, found = oracle(image), model(image)
    assert float((found - wanted).norm() / wanted.norm()) <= 1e-12
    assert np.isfinite(wanted.numpy()).all() and float(wanted.norm()) > 0


PAGES = [
    *HERE.glob("*.md"),
    *(HERE / "docs").rglob("*.md"),
    *(HERE / "examples").rglob("*.md"),
]


def prose(page: Path) -> str:
    """A page without its listings."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.M)


def anchors(page: Path) -> set[str]:
    """What a link may name behind `#`: a page's headings, as its host makes them."""
    heads = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name}: no {path}"
        assert not anchor or anchor in anchors(target), f"{page.name}: no #{anchor}"

"""A class that gives its features and its head, in torch: two methods of one net."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from nets import randomised
from proofs import sampled

import archspec
from archspec.backend import backend
from archspec.errors import SpecError, UnsupportedError
from archspec.source.program import execute

TWICE = """archspec: 1
name: twice
inputs: {image: [3, 8, 8]}
graph:
  a: {op: conv2d, channels: 4, kernel: 3, padding: 1}
  b: relu
  c: {op: conv2d, channels: 4, kernel: 1}
  head: {op: add, from: [b, c]}
taps: {low: b, high: c}
"""


def models(spec: archspec.Spec) -> tuple[Any, Any, Any]:
    """The tapped net, the plain one, and the backbone, with the same weights."""
    weights = {k: a.astype("float32") for k, a in randomised(spec.graph).items()}
    source = spec.codegen("torch", with_taps=True)
    chosen = backend("torch")
    tapped = chosen.build(spec.graph, weights, source=source)
    whole = chosen.build(spec.graph, weights)
    cut = archspec.load(spec.unit.file, size=(65, 64), taps=True).graph
    own = {**cut.parameters(), **cut.buffers()}
    part = chosen.build(cut, {name: weights[name] for name in own})
    return tapped.eval(), whole.eval(), part.eval()


def same(found: Any, wanted: Any) -> bool:
    if not isinstance(wanted, dict):
        return bool(torch.equal(found, wanted))
    return list(found) == list(wanted) and all(
        map(same, found.values(), wanted.values())
    )


FEW = ("resnet20", "vgg11_bn", "fpn_resnet50")


@pytest.mark.parametrize(
    "name",
    sampled(
        [*FEW, "resnetv2_18", "fcn_resnet50", "seresnet18"],
        FEW,
    ),
)
def test_a_net_and_its_backbone(name: str) -> None:
    params: Any = {"hidden": [16, 16]} if name.startswith("vgg") else {}
    spec = archspec.load(name, size=(65, 64), params=params)
    image = torch.linspace(-1, 1, 2 * 3 * 65 * 64).reshape(2, 3, 65, 64).sin()
    with torch.no_grad():
        tapped, whole, part = models(spec)
        assert same(tapped(image), whole(image))
        assert same(tapped.forward_features(image), part(image))
        traced = torch.fx.symbolic_trace(tapped)
        assert same(traced(image), whole(image))
    assert list(tapped.state_dict()) == list(whole.state_dict())


def test_no_head_is_computed_for_features() -> None:
    tapped, _, _ = models(archspec.load("resnet20", size=(65, 64)))
    seen: list[str] = []
    for name, child in tapped.named_children():
        child.register_forward_hook(lambda *_, name=name: seen.append(name))
    tapped.forward_features(torch.zeros(1, 3, 65, 64))
    assert seen and not {"avgpool", "fc"}.intersection(seen)
    seen.clear()
    tapped(torch.zeros(1, 3, 65, 64))
    assert seen.count("layer1") == 1 and "fc" in seen


def test_the_text() -> None:
    spec = archspec.load("resnet18")
    text = spec.codegen("torch", with_taps=True).text
    plain = spec.codegen("torch").text
    assert (
        """
    def forward(self, x: Tensor) -> Tensor:
        x = self.forward_features(x)["c5"]
        x = torch.flatten(self.avgpool(x), 1)
        return self.fc(x)
"""
        in text
    )
    assert '        return {"c2": c2, "c3": c3, "c4": c4, "c5": c5}\n' in text
    told = "ResNet-18: maps [N, in_channels, H, W] to [N, num_classes]."
    assert told in text and told in plain
    seals = [re.findall(r"fingerprint \w+", each) for each in (text, plain)]
    assert seals[0] == seals[1]


def test_a_head_that_reads_two_features(tmp_path: Any) -> None:
    (tmp_path / "twice.yaml").write_text(TWICE)
    spec = archspec.load(tmp_path / "twice.yaml")
    source = spec.codegen("torch", with_taps=True)
    assert "self.forward_features(" not in source.text
    model = execute(source).Twice()
    image = torch.linspace(-1, 1, 192).reshape(1, 3, 8, 8)
    features = model.forward_features(image)
    assert torch.equal(model(image), features["low"] + features["high"])


def test_what_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "twice.yaml"
    path.write_text(TWICE.replace("taps: {low: b, high: c}\n", ""))
    with pytest.raises(SpecError, match="twice has no taps"):
        archspec.load(path).codegen("torch", with_taps=True)
    path.write_text(TWICE.replace("  c: {", "  forward_features: {"))
    path.write_text(path.read_text().replace("[b, c]", "[b, forward_features]"))
    path.write_text(path.read_text().replace("high: c", "high: forward_features"))
    archspec.load(path).codegen("torch")
    with pytest.raises(UnsupportedError, match="'forward_features' is"):
        archspec.load(path).codegen("torch", with_taps=True)
    head = TWICE.partition("graph:")[0]
    path.write_text(f"{head}graph: [relu, {{op: tanh, name: t}}]\ntaps: {{low: '0'}}\n")
    with pytest.raises(UnsupportedError, match="a net of one list"):
        archspec.load(path).codegen("torch", with_taps=True)

"""Options of training recipes, against the libraries that have them."""

from __future__ import annotations

import pytest
import torch
import torchvision

from archspec import load
from archspec.source.program import execute


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_zero_init_residual(name: str) -> None:
    source = load(name, zero_init_residual=True).codegen("torch")
    torch.manual_seed(0)
    ours = getattr(execute(source), source.entry)().state_dict()
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, name)(zero_init_residual=True).state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.parametrize("name", ["resnet18", "resnext50_32x4d", "seresnet18"])
def test_dropout_before_the_classifier(name: str) -> None:
    graph = load(name, dropout=0.25).graph
    *_, drop, last = graph.nodes
    assert (drop.op.kind, last.inputs) == ("dropout", (drop.name,))
    plain = [node for node in graph.nodes if node.op.kind != "dropout"]
    wanted = load(name).graph.nodes
    assert [node.op for node in plain] == [node.op for node in wanted]
    text = load(name, dropout=0.25).codegen("torch").text
    assert "nn.Dropout(p=0.25)" in text

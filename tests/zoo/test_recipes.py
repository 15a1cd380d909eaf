"""Options of training recipes, against the libraries that have them."""

from __future__ import annotations

import pytest
import timm
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
    source = load(name, dropout=0.25).codegen("torch")
    make = getattr(execute(source), source.entry)
    assert make().dropout.p == 0.25 and make(dropout=0.5).dropout.p == 0.5
    assert make(dropout=0.0).dropout is None


def test_drop_path() -> None:
    """Rates grow evenly from unit to unit, as timm's do, which leaves out that of 0."""
    source = load("resnet18", drop_path=0.1).codegen("torch")
    make = getattr(execute(source), source.entry)
    for rate in (0.1, 0.3):
        theirs = timm.create_model("resnet18", drop_path_rate=rate)
        wanted = [
            getattr(unit.drop_path, "drop_prob", 0.0)
            for n in range(1, 5)
            for unit in getattr(theirs, f"layer{n}")
        ]
        ours = make(drop_path=rate)
        found = [
            unit.drop_path.rate
            for n in range(1, 5)
            for unit in getattr(ours, f"layer{n}")
        ]
        assert found == pytest.approx(wanted, abs=1e-7) and max(found) == rate
    assert make(drop_path=0.0).layer4[1].drop_path is None
    assert (
        make().state_dict().keys() == timm.create_model("resnet18").state_dict().keys()
    )


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnetv2_50", "resnetrs50"])
def test_drop_path_stands_before_the_sum(name: str) -> None:
    graph = load(name, drop_path=0.1).graph
    sums = [node for node in graph.nodes if node.op.kind == "add"]
    kinds = {node.name: node.op.kind for node in graph.nodes}
    assert all(kinds[node.inputs[0]] == "drop_path" for node in sums)
    assert load(name).graph.parameters() == graph.parameters()


def test_dropout_within_wide_resnets() -> None:
    """Between the two convolutions, behind the second relu (section 2.4 there)."""
    graph = load("wrn_16_8", dropout=0.3).graph
    nodes = {node.name: node for node in graph.nodes}
    drops = [node for node in graph.nodes if node.op.kind == "dropout"]
    assert len(drops) == 6 == sum(name.endswith("conv2") for name in nodes)
    for drop in drops:
        unit = drop.name.rpartition(".")[0]
        assert drop.inputs == (f"{unit}.act2",)
        assert nodes[f"{unit}.conv2"].inputs == (drop.name,)
    source = load("wrn_16_8", dropout=0.3).codegen("torch")
    made = getattr(execute(source), source.entry)(dropout=0.4)
    assert {m.p for m in made.modules() if isinstance(m, torch.nn.Dropout)} == {0.4}

"""The guide's listings run, the reference and the schema are current."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch
import torchvision
from bad_specs import cases, prelude
from typer.testing import CliRunner

import archspec
from archspec.authoring.lint import warnings
from archspec.authoring.reference import markdown
from archspec.authoring.schema import BLOCK, EXPECT, FILE, NODE, schema
from archspec.authoring.starter import EDITOR
from archspec.catalog import root
from archspec.cli.app import application
from archspec.language.reader import parse
from archspec.language.syntax import BlockKeys, ExpectKeys, FileKeys, NodeKeys

HERE = Path(__file__).parent.parent
GUIDE = (HERE / "docs" / "language.md").read_text()
LISTINGS = re.findall(r"```yaml(?: file=(\S+))?\n(.*?)```", GUIDE, re.DOTALL)


def test_the_guides_listings_validate(tmp_path: Path) -> None:
    assert len(LISTINGS) == 9
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


def test_the_reference_is_current() -> None:
    assert (HERE / "docs" / "reference.md").read_text() == markdown(), (
        "run: python -m archspec.authoring.reference > docs/reference.md"
    )


def test_the_committed_schema_is_current() -> None:
    text = (HERE / "docs" / "archspec.schema.json").read_text()
    assert json.loads(text) == json.loads(json.dumps(schema())), (
        "run: archspec schema -o docs/archspec.schema.json --force"
    )
    assert CliRunner().invoke(application(), ["schema"]).stdout == text


def test_every_key_is_documented() -> None:
    for model, texts in (
        (FileKeys, FILE),
        (BlockKeys, BLOCK),
        (NodeKeys, NODE),
        (ExpectKeys, EXPECT),
    ):
        names = {f.alias or name for name, f in model.model_fields.items()}
        assert names == set(texts)


VALIDATOR = jsonschema.Draft202012Validator(schema())


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(
    "path",
    [*root().rglob("*.yaml"), *(HERE / "examples").rglob("*.yaml")],
    ids=lambda path: path.stem,
)
def test_the_schema_accepts(path: Path) -> None:
    VALIDATOR.validate(parse(path.read_bytes(), path.name))


def test_the_schema_accepts_the_guide() -> None:
    for _, text in LISTINGS:
        VALIDATOR.validate(parse(text, "guide"))


SCHEMA_LEVEL = ("AS201", "AS203", "AS204", "AS205", "AS206", "AS208", "AS210")
REFUSED = [
    case
    for case in cases()
    # What a formula chose, or what stands in a second file, no schema can see.
    if case.expected[0][0] in SCHEMA_LEVEL
    and len(case.files) == 1
    and not re.search(r"a: =act|channels: =8 / 2", case.files["net.yaml"])
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_the_schema_refuses(case: Any) -> None:
    text = case.files["net.yaml"]
    value = parse(prelude("net.yaml", text) + text, "net.yaml")
    assert not VALIDATOR.is_valid(value)


@pytest.mark.parametrize("base", [None, "resnet18", "vgg11_bn", "families/resnet"])
def test_new(base: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    options = ["--from", base] if base else []
    result = run(application(), ["new", "mynet", *options])
    assert result.exit_code == 0 and EDITOR in result.stdout
    assert (tmp_path / "mynet.yaml").read_text().startswith(EDITOR)
    assert run(application(), ["validate", "--strict", "mynet.yaml"]).exit_code == 0
    VALIDATOR.validate(parse((tmp_path / "mynet.yaml").read_text(), "mynet.yaml"))
    again = run(application(), ["new", "mynet", *options])
    assert again.exit_code == 1 and "exists" in again.stderr
    for bad in ("../evil", "a/b", ""):
        assert run(application(), ["new", bad]).exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mynet.yaml"]


@pytest.mark.parametrize("name", ["resnet18", "vgg11_bn", "sample_resnet", "resnet50d"])
def test_a_resolved_spec_is_the_same_net(name: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(application(), ["show", name, "--resolved"])
    path = tmp_path / "resolved.yaml"
    path.write_text(result.stdout)
    found, wanted = archspec.load(path).graph, archspec.load(name).graph
    assert found.macs() == wanted.macs()
    assert [n.shape for n in found.nodes] == [n.shape for n in wanted.nodes]
    assert [n.op for n in found.nodes] == [n.op for n in wanted.nodes]
    assert list(found.parameters().values()) == list(wanted.parameters().values())
    assert "=" not in path.read_text().partition("graph:")[2]


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

"""How much of a net another one's weights fill, and whether the options do it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import command, done

import archspec
from archspec.diffing import coverage
from archspec.diffing.report import compare
from archspec.errors import WeightsError
from archspec.weights import initial_weights, load, write

PAIRS = [
    ("resnet20", "resnet20_b"),
    ("resnet20", "wrn_16_8"),
    ("vgg11_bn", "vgg11"),
    pytest.param("vgg11", "vgg11_bn", marks=pytest.mark.proof),
    ("resnet18", "resnet18d"),
    ("resnet18", "resnetv2_18"),
    ("resnet50", "keras_resnet50"),
    ("resnet50", "fpn_resnet50"),
    ("fpn_resnet50", "resnet50"),
    ("resnet18", "seresnet18"),
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def saved(spec: archspec.Spec, name: str) -> dict[str, Any]:
    """Weights of a net, in a file."""
    weights = initial_weights(spec.graph, 7, "float32")
    write(name, spec.graph, weights)
    return weights


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_the_options_put_the_weights_in(one: str, other: str) -> None:
    """What is kept or renamed comes from the file, all else is new."""
    a, b = archspec.load(one), archspec.load(other)
    weights = saved(a, "a.safetensors")
    report = compare(a, b)
    found = coverage.coverage(report, "a.safetensors")
    assert found.options is not None
    said = ["weights", "convert", "a.safetensors", "--spec", other, *found.options]
    done(*said, "-o", "b.safetensors")
    moved = load("b.safetensors", b.graph)
    known = report.tensors
    for name in known.kept:
        assert np.array_equal(moved[name], weights[name])
    for name, new in known.renamed.items():
        assert np.array_equal(moved[new], weights[name])
    assert len(moved) == len(known.theirs)


SMALL = """archspec: 1
name: small
params: {classes: 10, norm: false}
inputs: {image: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3}
  bn: {op: batch_norm, when: =norm}
  relu: relu
  pool: global_avg_pool2d
  fc: {op: linear, features: =classes}
"""
OTHER = SMALL.replace("conv:", "first:").replace("classes: 10", "classes: 12")


def test_in_words() -> None:
    Path("a.yaml").write_text(SMALL)
    Path("b.yaml").write_text(OTHER.replace("norm: false", "norm: true"))
    done("weights", "init", "a.yaml", "-o", "a.safetensors")
    told = done("diff", "a.yaml", "b.yaml", "--weights", "a.safetensors")
    assert told.partition("\n\nweights of ")[2] == (
        "a.safetensors, read as canonical, in small\n"
        "  fit when renamed: 2 tensors\n"
        "    --rename conv=first\n"
        "  fit in part: 2 tensors\n"
        "    fc.weight: 10 of 12 rows\n"
        "    fc.bias: 10 of 12 rows\n"
        "  new: 4 tensors\n"
        "    bn.weight\n"
        "    bn.bias\n"
        "    bn.running_mean\n"
        "    bn.running_var\n"
        "they fill 112 of 188 values of small, 59.6 %\n"
        "to build it:\n"
        "  archspec build b.yaml --backend torch --weights a.safetensors "
        "--rename conv=first --new bn --new fc\n"
    )
    words = shlex.split(told.splitlines()[-1])
    assert "a.safetensors" in done(*words[1:], "-o", "b.pth") or Path("b.pth").exists()


def test_for_machines() -> None:
    Path("a.yaml").write_text(SMALL)
    Path("b.yaml").write_text(OTHER)
    done("weights", "init", "a.yaml", "-o", "a.safetensors")
    given = ("--set", "classes=10", "--json", "--weights", "a.safetensors")
    found = json.loads(done("diff", "a.yaml", "b.yaml", *given))["weights"]
    assert found["renamed"] == {
        "conv.weight": "first.weight",
        "conv.bias": "first.bias",
    }
    assert found["as_they_are"] == ["fc.weight", "fc.bias"]
    assert (found["filled"], found["values"], found["lost"]) == (162, 162, [])
    assert "--set classes=10" in found["command"]


def test_a_file_of_another_net() -> None:
    a, b = archspec.load("resnet20"), archspec.load("resnet32")
    saved(b, "b.safetensors")
    with pytest.raises(WeightsError, match="don't fit"):
        coverage.coverage(compare(a, b), "b.safetensors")
    assert command("diff", "resnet20", "resnet32", "--weights", "no.pth").exit_code == 1


@pytest.mark.parametrize(
    ("wanted", "others", "found"),
    [
        (["fc"], ["conv"], ("fc",)),
        (["a.se.x", "b.se.y"], ["a.conv", "b.conv"], ("*.se.*",)),
        (["a.bias", "b.bias"], ["a.weight", "b.weight"], ("*.bias",)),
        (["head.a", "head.b"], ["conv"], ("head.*",)),
        (["a", "b"], ["c"], ("a", "b")),
        ([], ["c"], ()),
    ],
)
def test_patterns(wanted: list[str], others: list[str], found: tuple[str, ...]) -> None:
    assert coverage.patterns(wanted, others) == found

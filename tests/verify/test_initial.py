"""How a printed file starts its weights: what is right passes, a fault is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archspec.graph import Graph
from archspec.source.program import Source
from archspec.verify.initial import _misfits, misfit, prove
from archspec.verify.laws import Law
from archspec.verify.process import NotAvailable
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting
from archspec.verify.starts import ENOUGH, MODELS, drawn
from archspec.verify.target import Target, parse_all
from archspec.verify.task import Bench

NET = """archspec: 1
name: net
inputs: {image: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: 32, kernel: 3, bias: true, init: {weight: {kaiming_normal: {mode: fan_out}}}}
  norm: {op: batch_norm, init: {weight: 0.25}}
  act: {op: prelu, init: {weight: 0.125}}
  same: {op: conv2d, channels: 32, kernel: 3, padding: 1, groups: 2, init: {weight: {xavier_uniform: {}}}}
  cut: {op: conv2d, channels: 32, kernel: 3, padding: 1, init: {weight: {trunc_normal: {std: 0.5, a: -1, b: 1}}}}
  twin: {op: conv2d, channels: 32, kernel: 3, padding: 1, init: {weight: {trunc_normal: {std: 0.5, a: -1, b: 1}}}}
  flat: flatten
  fc: {op: linear, features: 30, init: {weight: {normal: {std: 0.01}}, bias: fan_in_uniform}}
"""
FAULTS: dict[str, dict[str, tuple[str, str, str]]] = {
    "torch": {
        "fan": ('mode="fan_out"', 'mode="fan_in"', "conv.weight"),
        "constant": ("0.25", "0.2500001", "norm.weight"),
        "slope": ("0.125", "0.12500001", "act.weight"),
        "uniform": ("xavier_uniform_", "xavier_normal_", "same.weight"),
        "bounds": ("b=1.0", "b=1.1", "cut.weight"),
        "deviation": ("std=0.01", "std=0.0104", "fc.weight"),
        "zeros": ("nn.init.zeros_(module.bias)", "pass", "conv.bias"),
        "a mean": (
            "nn.init.normal_(module.weight, ",
            "nn.init.normal_(module.weight, 0.0005, ",
            "fc.weight",
        ),
    }
}


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    (tmp_path / "net.yaml").write_text(NET)
    return Setting(str(tmp_path / "net.yaml"))


class Altered:
    """A backend whose printed text has a fault."""

    def __init__(self, chosen: Any, right: str, wrong: str) -> None:
        self.chosen, self.right, self.wrong = chosen, right, wrong

    def __getattr__(self, name: str) -> Any:
        return getattr(self.chosen, name)

    def emit(self, graph: Graph) -> Source:
        source: Source = self.chosen.emit(graph)
        assert self.right in source.text, source.text
        return replace(source, text=source.text.replace(self.right, self.wrong))


def proved(setting: Setting, targets: str, fault: tuple[str, str] | None) -> Proof:
    def opened(setting: Setting, target: Target) -> Bench:
        chosen: Any = target.found().on(target.engine, setting.dtype)
        if fault is not None:
            chosen = Altered(chosen, *fault)
        return Bench(chosen, setting.data(), target.engine)

    return prove(setting, parse_all(targets), opened, lambda text: None)


def test_what_is_right(setting: Setting) -> None:
    proof = proved(setting, "torch,keras", None)
    assert proof.passed, proof
    assert [(row.target, row.limit) for row in proof.rows] == [
        ("torch", 1.0),
        ("keras:tensorflow", 1.0),
    ]
    assert [note.partition(":")[0] for note in proof.notes] == ["initial weights"] * 2
    assert "2 of 5 distributions" in proof.notes[0]  # conv and the biases of fc


@pytest.mark.parametrize("name", FAULTS["torch"])
def test_a_fault(name: str, setting: Setting) -> None:
    right, wrong, parameter = FAULTS["torch"][name]
    proof = proved(setting, "torch", (right, wrong))
    assert not proof.passed
    [row], [(_, finding)] = proof.rows, proof.findings
    assert row.where == parameter, proof
    assert getattr(finding, "node", "") == parameter.partition(".")[0]
    assert f"{parameter!r} starts wrong in the printed file" in str(finding)


def test_few_draws_are_said(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archspec.verify.starts.MOST", 1)
    [note] = proved(setting, "torch", None).notes
    assert "had fewer than 100,000 draws on torch, the least 30: " in note


def test_as_many_models_as_are_needed(setting: Setting) -> None:
    target = parse_all("torch")[0]
    found = dict(drawn(target.found(), setting.graph()))
    assert found["fc.bias"].size == 30 * MODELS
    assert ENOUGH < found["same.weight"].size < 2 * ENOUGH


def test_the_same_numbers_twice(setting: Setting) -> None:
    target = parse_all("torch")[0]
    graph = setting.graph()
    found = dict(drawn(target.found(), graph))
    assert all(one.error <= 1 for _, one in _misfits(graph, found))
    found["twin.weight"] = found["cut.weight"]
    misfits = dict(_misfits(graph, found))
    assert "the very numbers of 'cut.weight'" in misfits["twin.weight"].text


def test_values_that_are_none() -> None:
    law = Law("normal", 0.0, 1.0)
    x = np.random.default_rng(0).normal(size=1000)
    assert misfit(law, x).error < 1
    x[3] = np.nan
    assert misfit(law, x).error == np.inf


def test_no_parameters_and_no_backend(setting: Setting, tmp_path: Path) -> None:
    def none(setting: Setting, target: Target) -> Bench:
        raise NotAvailable("none is here")

    proof = prove(setting, parse_all("torch"), none, lambda text: None)
    assert [row.reason for row in proof.rows] == ["none is here"]
    (tmp_path / "bare.yaml").write_text(
        "archspec: 1\nname: net\ninputs: {x: [3]}\ngraph: [relu]\n"
    )
    bare = Setting(str(tmp_path / "bare.yaml"))
    assert prove(bare, parse_all("torch"), none, print).rows == ()

"""Every value beside the definitions, along the depth of a net."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from faulty import Other

from archspec.verify.bisection import Finding
from archspec.verify.depth import CHECK, VALUES, prove
from archspec.verify.process import NotAvailable
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting
from archspec.verify.target import Target, parse_all
from archspec.verify.task import Bench

NET = """archspec: 1
name: net
inputs: {image: [4, 9, 9]}
graph:
  stem: {op: conv2d, channels: 6, kernel: 3, padding: 1}
  norm: {op: batch_norm, momentum: 0.3}
  act: {op: elu, alpha: 0.7}
  group: {op: group_norm, groups: 2}
  add: {op: add, from: [act, group]}
  pool: global_avg_pool2d
  fc: {op: linear, features: 3}
"""
NAMES = ["stem", "norm", "act", "group", "add", "pool", "fc"]


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    (tmp_path / "net.yaml").write_text(NET)
    return Setting(str(tmp_path / "net.yaml"))


def proved(setting: Setting, targets: str, change: Any = None) -> Proof:
    def opened(setting: Setting, target: Target) -> Bench:
        made = Other(target.found().on(target.engine, setting.dtype), setting.data())
        made.change = change
        return made

    return prove(setting, parse_all(targets), opened, lambda text: None)


@pytest.mark.parametrize(("dtype", "most"), [("float64", 1e-14), ("float32", 1e-5)])
def test_what_is_right(setting: Setting, dtype: Any, most: float) -> None:
    proof = proved(replace(setting, dtype=dtype), "torch,keras")
    assert proof.passed and not proof.findings
    assert [row.check for row in proof.rows] == [CHECK, CHECK]
    for curve in proof.curves:
        assert [*curve.errors] == [*curve.floors] == [*curve.limits] == NAMES
        assert all(error < most for error in curve.errors.values())
        assert all(0 < floor < most for floor in curve.floors.values())
    errors = proof.curves[0].errors.values()
    assert dtype == "float64" or max(errors) > 1e-9, "float32 rounds"


def test_a_fault_shows_from_its_node_on(setting: Setting) -> None:
    proof = proved(setting, "torch", ("act", {"alpha": 0.7001}))
    assert not proof.passed
    [(_, found)] = proof.findings
    assert isinstance(found, Finding) and found.node == "act"
    [curve], [row] = proof.curves, proof.rows
    assert (row.where, row.verdict) == ("act", "FAIL")
    wrong = [name for name in NAMES if curve.errors[name] > curve.limits[name]]
    assert wrong == NAMES[2:] and curve.errors["act"] == row.error


def test_a_backend_that_is_not_there(setting: Setting) -> None:
    def opened(setting: Setting, target: Target) -> Bench:
        raise NotAvailable("no such")

    proof = prove(setting, parse_all("torch"), opened, lambda text: None)
    assert not proof.passed and not proof.curves
    assert [row.reason for row in proof.rows] == ["no such"]


def test_values_are_those_of_every_node(setting: Setting) -> None:
    target = Target("torch")
    bench = Bench(target.found().on("", "float64"), setting.data())
    assert [*bench.ask(VALUES)] == [f"values/{name}" for name in NAMES]

"""Each backend alone, bit for bit: what is right passes, a fault names its node."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archspec.graph import Graph
from archspec.passes.rewrite import rewrite
from archspec.verify.bisection import Finding
from archspec.verify.comparison import NOT_EXACT
from archspec.verify.exact import exact, prove
from archspec.verify.process import NotAvailable
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting
from archspec.verify.target import Target, parse_all
from archspec.verify.task import Bench

NET = """archspec: 1
name: net
inputs: {image: [4, 16, 16]}
blocks:
  body:
    params: {channels: int}
    graph:
      conv: {op: conv2d, channels: =channels, kernel: 3, padding: 2, dilation: 2}
      norm: {op: batch_norm, eps: 0.001}
      act: elu
      mean: {op: adaptive_avg_pool2d, size: 1}
      mix: {op: conv2d, channels: =channels, kernel: 1}
      gate: sigmoid
      mul: {op: multiply, from: [act, gate]}
      add: {op: add, from: [mul, input]}
graph:
  stem: {op: conv2d, channels: 6, kernel: 3, stride: [1, 2], padding: 1}
  norm: batch_norm
  leaky: {op: leaky_relu, negative_slope: 0.25}
  pool: {op: max_pool2d, kernel: 3, stride: [2, 1], padding: 1}
  layer: {block: body, repeat: 2, channels: 6}
  average: {op: avg_pool2d, kernel: 2, stride: 1, padding: 1}
  shuffle: {op: channel_shuffle, groups: 2}
  grouped: {op: conv2d, channels: 6, kernel: 1, groups: 2}
  slope: {op: prelu, shared: false}
  depth: {op: conv2d, channels: 12, kernel: 3, groups: 6, padding: same}
  low: {op: slice, stop: 6}
  high: {op: slice, from: depth, start: 6, stop: 12}
  less: {op: subtract, from: [low, high]}
  both: {op: concat, from: [less, slope]}
  mixed: {op: pixel_shuffle, factor: 2}
  up: {op: conv_transpose2d, channels: 4, kernel: 3, stride: 2, output_padding: 1}
  resize: {op: resize, scale: 2}
  cap: relu6
  flatten: flatten
  wide: {op: linear, features: 16}
  head: softmax
"""


class Broken(Bench):
    """A backend that takes some ops for others; its answers come from this process."""

    changes: dict[str, dict[str, Any]] = {}  # noqa: RUF012  # a test sets it

    def build(self, graph: Graph, weights: Any) -> Any:
        wrong = {
            node.name: [replace(node, op=node.op.model_copy(update=changes), texts={})]
            for node in graph.nodes
            if (changes := self.changes.get(node.name))
        }
        return super().build(rewrite(graph, wrong) if wrong else graph, weights)


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    (tmp_path / "net.yaml").write_text(NET)
    return exact(Setting(str(tmp_path / "net.yaml")))


def proved(setting: Setting, targets: str = "torch") -> Proof:
    def opened(setting: Setting, target: Target) -> Bench:
        chosen = target.found().on(target.engine, setting.dtype)
        return Broken(chosen, setting.data())

    return prove(setting, parse_all(targets), opened, lambda text: None)


@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_right(setting: Setting, seed: int) -> None:
    """Every bit of it, on each backend alone."""
    proof = proved(replace(setting, seed=seed), "torch,keras")
    assert proof.passed and not proof.findings
    assert [(row.target, row.error, row.limit) for row in proof.rows] == [
        *[("torch", 0, 0)] * 2,
        *[("keras:tensorflow", 0, 0)] * 2,
    ]
    assert [row.where for row in proof.rows] == ["head", "wide"] * 2
    assert proof.notes == ()


FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "padding": ("stem", {"padding": ((0, 2), (1, 1))}),
    "dilation": ("layer.0.conv", {"dilation": 1, "padding": 1}),
    "eps": ("norm", {"eps": 1.001e-5}),
    "eps of another": ("layer.1.norm", {"eps": 0.00100001}),
    "slope": ("leaky", {"negative_slope": 0.2500001}),
    "alpha": ("layer.0.act", {"alpha": 0.999999}),
    "counted padding": ("average", {"count_include_pad": False}),
    "groups of a shuffle": ("shuffle", {"groups": 3}),
    "start of a slice": ("high", {"start": 0, "stop": 6}),
    "mode of a resize": ("resize", {"mode": "bilinear"}),
    "order of a flatten": ("flatten", {"order": "hwc"}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault(name: str, setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    node, changes = FAULTS[name]
    monkeypatch.setattr(Broken, "changes", {node: changes})
    proof = proved(setting)
    row, _ = proof.rows
    assert row.verdict == "FAIL" and row.limit == 0 and row.error
    [(target, finding)] = proof.findings
    assert target == "torch, float64" and isinstance(finding, Finding)
    assert finding.node == node
    place = next(str(n.at) for n in setting.graph().nodes if n.name == node)
    assert finding.text.startswith(f"{place}: the first node that differs is {node!r}")


def test_a_large_image_becomes_small(tmp_path: Path) -> None:
    made = exact(Setting("resnet18", params={"widths": [8, 8, 8, 8]}))
    assert made.size == (64, 64) and made.exact
    assert exact(Setting("resnet18", size=(97, 65))).size == (97, 65)
    (tmp_path / "net.yaml").write_text(NET.replace("16, 16", "32, 32"))
    assert exact(Setting(str(tmp_path / "net.yaml"))).size is None
    fixed = NET.replace("16, 16", "128, 128").replace(
        "  head:", "  view: {op: scale}\n  head:"
    )
    (tmp_path / "fixed.yaml").write_text(fixed + "expect: {output: [16]}\n")
    assert exact(Setting(str(tmp_path / "fixed.yaml"))).size == (64, 64)


def test_what_is_not_shown_is_said(tmp_path: Path) -> None:
    text = NET.replace("norm: batch_norm", "norm: {op: group_norm, groups: 2}").replace(
        "cap: relu6", "cap: relu6\n  near: {op: avg_pool2d, kernel: 3, padding: same}"
    )
    (tmp_path / "net.yaml").write_text(text)
    proof = proved(exact(Setting(str(tmp_path / "net.yaml"))))
    assert proof.passed
    one, other = proof.notes
    assert "other ops stand in for 1 group_norm, which are never exact" in one
    assert "4 of" in other and "from 'near' on" in other


def test_nothing_that_is_exact(tmp_path: Path) -> None:
    text = (
        "archspec: 1\nname: net\ninputs: {image: [4, 8, 8]}\n"
        "graph: {a: {op: avg_pool2d, kernel: 3, padding: same}}\n"
    )
    (tmp_path / "net.yaml").write_text(text)
    proof = proved(exact(Setting(str(tmp_path / "net.yaml"))))
    assert not proof.passed, "nothing is shown by this alone"
    assert [row.verdict for row in proof.rows] == [NOT_EXACT]
    shown = replace(proof.rows[0], verdict="pass")
    assert replace(proof, rows=(*proof.rows, shown)).passed


def test_a_backend_that_is_missing(setting: Setting) -> None:
    def opened(setting: Setting, target: Target) -> Bench:
        raise NotAvailable("none is here")

    proof = prove(setting, parse_all("torch"), opened, lambda text: None)
    assert [row.reason for row in proof.rows] == ["none is here"]

"""Gradients of the whole net, bit for bit: what is right passes, a fault has its node."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faulty import Altered

from archspec.backend import Backend
from archspec.verify import backward, gradients
from archspec.verify.bisection import Finding
from archspec.verify.comparison import FORWARD_ONLY
from archspec.verify.dyadic import Dyadic
from archspec.verify.exact import exact
from archspec.verify.gradients import Slopes, prove
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
      act: relu
      mean: {op: adaptive_avg_pool2d, size: 1}
      mix: {op: conv2d, channels: =channels, kernel: 1}
      gate: sigmoid
      mul: {op: multiply, from: [act, gate]}
      add: {op: add, from: [mul, input]}
graph:
  stem: {op: conv2d, channels: 6, kernel: 3, stride: [1, 2], padding: 1}
  norm: batch_norm
  cap: relu6
  pool: {op: max_pool2d, kernel: 3, stride: [2, 1], padding: 1}
  resize: {op: resize, scale: [1, 2], mode: bilinear}
  layer: {block: body, repeat: 2, channels: 6}
  average: {op: avg_pool2d, kernel: 2, stride: 1, padding: 1}
  shuffle: {op: channel_shuffle, groups: 2}
  grouped: {op: conv2d, channels: 6, kernel: 1, groups: 2}
  depth: {op: conv2d, channels: 12, kernel: 3, groups: 6, padding: same, bias: false}
  low: {op: slice, stop: 6}
  high: {op: slice, from: depth, start: 6, stop: 12}
  less: {op: subtract, from: [low, high]}
  both: {op: concat, from: [less, grouped]}
  mixed: {op: pixel_shuffle, factor: 2}
  up: {op: conv_transpose2d, channels: 4, kernel: 3, stride: 2, output_padding: 1}
  cut: relu
  flatten: flatten
  wide: {op: linear, features: 16}
  head: softmax
"""
POOLS = """archspec: 1
name: net
inputs: {image: [4, 12, 12]}
graph: [{op: max_pool2d, kernel: 2}, relu, {op: avg_pool2d, kernel: 2}]
"""
SCALED = """
from torch import Tensor
from torch.nn import functional

def scaled(y: Tensor) -> Tensor:
    return y * FACTOR + (y - y * FACTOR).detach()
"""


def scaled(factor: str) -> str:
    """Functions and modules that give what torch's do, and other gradients."""
    lines = [SCALED.replace("FACTOR", factor)]
    for name in ("functional.relu", "functional.relu6", "torch.sigmoid"):
        own = name.rpartition(".")[2]
        lines.append(f"def {own}(x): return scaled({name}(x))\n")
    for name in ("ReLU", "ReLU6", "Sigmoid", "MaxPool2d", "AvgPool2d"):
        lines.append(f"class {name}(nn.{name}):\n")
        lines.append("    def forward(self, x): return scaled(super().forward(x))\n")
    return "".join(lines)


def conv(x: str, weight: str, bias: str) -> str:
    """A convolution whose gradients don't go all the ways."""
    return (
        "class Conv2d(nn.Conv2d):\n    def forward(self, x):\n"
        f"        given = ({x}, {weight}, {bias}, self.stride, self.padding)\n"
        "        return nn.functional.conv2d(*given)\n"
    )


def written(path: Path, text: str) -> Setting:
    (path / "net.yaml").write_text(text)
    return exact(Setting(str(path / "net.yaml")))


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return written(tmp_path, NET)


def proved(
    setting: Setting, targets: str = "torch", chosen: Backend | None = None
) -> Proof:
    def opened(setting: Setting, target: Target) -> Bench:
        found = chosen or target.found().on(target.engine, setting.dtype)
        return Bench(found, setting.data())

    return prove(setting, parse_all(targets), opened, lambda text: None)


@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_right(setting: Setting, seed: int) -> None:
    """Every bit of it, on each backend alone."""
    proof = proved(replace(setting, seed=seed), "torch,keras")
    assert proof.passed and not proof.findings
    assert [(row.target, row.error, row.limit) for row in proof.rows] == [
        ("torch", 0, 0),
        ("keras:tensorflow", 0, 0),
    ]
    assert proof.notes == ()


STEM = {"stem = nn.Conv2d(": "stem = Conv2d("}
FAULTS: dict[str, tuple[str, dict[str, str], str]] = {
    "half of a relu's": (
        "layer.0.act",
        {"F.relu(": "relu(", "nn.ReLU(": "ReLU("},
        scaled("0.5"),
    ),
    "turned in a cap": (
        "cap",
        {"F.relu6(": "relu6(", "nn.ReLU6(": "ReLU6("},
        scaled("-1"),
    ),
    "stopped in a pool": ("pool", {"nn.MaxPool2d(": "MaxPool2d("}, scaled("0")),
    "a gate without a slope": (
        "layer.0.gate",
        {"torch.sigmoid(": "sigmoid(", "nn.Sigmoid(": "Sigmoid("},
        scaled("0"),
    ),
    "a stopped weight": ("stem", STEM, conv("x", "self.weight.detach()", "self.bias")),
    "a scaled bias": (
        "stem",
        STEM,
        conv("x", "self.weight", "self.bias * 2 - self.bias.detach()"),
    ),
    "a stopped input": ("stem", STEM, conv("x.detach()", "self.weight", "self.bias")),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault(name: str, setting: Setting) -> None:
    """It shows in gradients alone; the node is named, and never a weight."""
    node, changes, before = FAULTS[name]
    chosen = Altered(changes, before)
    proof = proved(setting, chosen=chosen)
    assert chosen.hits
    (row,) = proof.rows
    assert (row.verdict, row.where) == ("FAIL", node)
    [(target, finding)] = proof.findings
    assert target == "torch, float64" and isinstance(finding, Finding)
    assert finding.node == node
    assert f"the first node whose gradients differ is {node!r}" in finding.text


def test_a_net_without_parameters(tmp_path: Path) -> None:
    setting = written(tmp_path, POOLS)
    assert proved(setting).passed
    chosen = Altered({"nn.AvgPool2d(": "AvgPool2d("}, scaled("0.5"))
    proof = proved(setting, chosen=chosen)
    [(_, finding)] = proof.findings
    assert isinstance(finding, Finding) and finding.node == "2"
    assert finding.text.startswith(str(setting.graph().nodes[2].at))


def test_gradients_that_are_hidden_show_in_a_net_that_ends_before(
    setting: Setting,
) -> None:
    """What leads to a gate has none in the whole: its rows are 0 or far from 0."""
    slopes = Slopes(Dyadic(setting.graph(), 0, "float64"))
    assert not slopes.hidden and len(slopes.parts) == 2
    whole, _ = slopes.parts.values()
    zero = {name for name, gradient in whole.items() if not gradient.any()}
    assert zero == set() or zero <= slopes.shown


DEEP = """archspec: 1
name: net
inputs: {image: [4, 6, 6]}
blocks:
  body:
    graph:
      conv: {op: conv2d, channels: 4, kernel: 3, padding: 1, bias: false}
      norm: batch_norm
      act: relu
      add: {op: add, from: [act, input]}
graph: {layer: {block: body, repeat: 40}, last: elu, head: softmax}
"""


def test_what_takes_too_many_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deep net is shown in parts; each is right on PyTorch."""
    monkeypatch.setattr(backward, "MANTISSA", 22)
    setting = written(tmp_path, DEEP)
    slopes = Slopes(Dyadic(setting.graph(), 0, "float64"))
    assert len(slopes.parts) > 1
    assert slopes.shown == {*setting.graph().parameters(), "image"}
    assert proved(setting).passed


def test_what_is_not_shown_is_said(tmp_path: Path) -> None:
    text = POOLS.replace("relu,", "softmax, {op: conv2d, channels: 2, kernel: 1},")
    proof = proved(written(tmp_path, text))
    assert proof.passed
    (note,) = proof.notes
    assert "2 of 3 are not compared, as that of '2.weight': it reads '1'" in note


def test_only_an_inner_value_is_exact(tmp_path: Path) -> None:
    text = POOLS[: POOLS.index("graph:")] + (
        "graph: {c: {op: conv2d, channels: 4, kernel: 1}, s: {op: softmax, from: input},"
        " sum: {op: add, from: [s, c]}}\n"
    )
    setting = written(tmp_path, text)
    assert not Dyadic(setting.graph(), 0, "float64").ends()
    proof = proved(setting)
    (row,) = proof.rows
    assert (row.verdict, row.where) == ("pass", "c") and not proof.notes


def test_no_gradient_that_is_exact(tmp_path: Path) -> None:
    first, other = "max_pool2d, kernel: 2", "avg_pool2d, kernel: 3, padding: same"
    proof = proved(written(tmp_path, POOLS.replace(first, other)))
    assert not proof.rows
    told = "1 of 1 are not compared, as that of 'image': avg_pool2d by parts of many"
    assert told in proof.notes[0]


def test_a_backend_that_is_missing(setting: Setting) -> None:
    def opened(setting: Setting, target: Target) -> Bench:
        raise NotAvailable("none is here")

    proof = prove(setting, parse_all("torch"), opened, lambda text: None)
    assert [row.reason for row in proof.rows] == ["none is here"]


def test_a_backend_without_gradients(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradients, "trains", lambda chosen: False)
    assert [row.verdict for row in proved(setting).rows] == [FORWARD_ONLY]


def test_gradients_are_other_in_other_seeds(setting: Setting) -> None:
    one, same, other = (
        Slopes(Dyadic(setting.graph(), seed, "float64")).parts[()] for seed in (1, 1, 2)
    )
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not np.array_equal(one["wide.weight"], other["wide.weight"])

"""What is random: what is right passes, whatever the seed; a fault has its node."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
from faulty import Altered

from archspec.backend import Backend
from archspec.verify import chance
from archspec.verify.bisection import Finding
from archspec.verify.chance import TASKS, prove
from archspec.verify.comparison import FORWARD_ONLY
from archspec.verify.process import NotAvailable
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting
from archspec.verify.target import Target, parse_all
from archspec.verify.task import Bench

NET = """archspec: 1
name: net
params: {drop: 0.3}
inputs: {image: [3, 10, 10]}
blocks:
  body:
    params: {rate: float}
    graph:
      conv: {op: conv2d, channels: 6, kernel: 3, padding: 1}
      norm: batch_norm
      act: relu
      drop: {op: drop_path, rate: =rate}
      add: {op: add, from: [drop, input]}
graph:
  stem: {op: conv2d, channels: 6, kernel: 3}
  apart: {op: dropout, rate: 0.2}
  layer: {block: body, repeat: 3, rate: =drop * index / 3}
  pool: global_avg_pool2d
  drop: {op: dropout, rate: =drop}
  fc: {op: linear, features: 10}
"""
PATH = "x * kept.view(self.shape) / (1 - self.rate)"
ALONE, WHOLE = TASKS.values()


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    (tmp_path / "net.yaml").write_text(NET)
    return Setting(str(tmp_path / "net.yaml"), chance=True)


def proved(
    setting: Setting, targets: str = "torch", chosen: Backend | None = None
) -> Proof:
    def opened(setting: Setting, target: Target) -> Bench:
        found = chosen or target.found().on(target.engine, setting.dtype)
        return Bench(found, setting.data())

    return prove(setting, parse_all(targets), opened, lambda text: None)


def test_what_is_right(setting: Setting) -> None:
    proof = proved(setting, "torch,keras")
    assert proof.passed and not proof.findings and not proof.notes
    assert [(row.check, row.target) for row in proof.rows] == [
        (ALONE, "torch"),
        (WHOLE, "torch"),
        (ALONE, "keras:tensorflow"),
        (WHOLE, "keras:tensorflow"),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_chance_itself_is_no_fault(setting: Setting, seed: int) -> None:
    torch.manual_seed(seed)
    made = replace(setting, seed=seed, dtype="float32")
    assert proved(made).passed


def dropout(body: str) -> str:
    """Another nn.Dropout."""
    return (
        "from torch.nn import functional\n"
        "class Dropout(nn.Dropout):\n"
        "    def forward(self, x):\n"
        "        p, on = self.p, self.training\n"
        "        drop = functional.dropout\n"
        f"        {body}\n"
    )


DROPOUT = {"nn.Dropout(": "Dropout("}
FAULTS: dict[str, tuple[str, str, dict[str, str], str]] = {
    "another rate": (
        "apart",
        "scaled by 1.24",
        DROPOUT,
        dropout("return drop(x, p * 0.999, on)"),
    ),
    "another rate, the scale is right": (
        "apart",
        "at a rate of 0.2",
        DROPOUT,
        dropout("return drop(x, p * 1.2, on) * (1 - p * 1.2) / (1 - p) if on else x"),
    ),
    "not scaled": (
        "apart",
        "scaled by 1, not by 1.25",
        DROPOUT,
        dropout("return drop(x, p, on) * (1 - p) if on else x"),
    ),
    "scaled in evaluation": (
        "apart",
        "in evaluation",
        DROPOUT,
        dropout("return drop(x, p, on) * (1 - p) if on else x * (1 - p)"),
    ),
    "never": ("apart", "scaled by 1, not by 1.25", DROPOUT, dropout("return x")),
    "in evaluation": (
        "apart",
        "in evaluation",
        DROPOUT,
        dropout("return drop(x, p, True)"),
    ),
    "whole channels": (
        "apart",
        "goes together along axis 2",
        DROPOUT,
        dropout("return functional.dropout2d(x, p, on) if x.ndim == 4 else drop(x, p, on)"),
    ),
    "whole images": (
        "apart",
        "drops images whole",
        DROPOUT,
        dropout("return x * drop(x.new_ones(len(x), *[1] * (x.ndim - 1)), p, on)")
        + "import torch\n",
    ),
    "all images alike": (
        "apart",
        "goes together along axis 0",
        DROPOUT,
        dropout("return x * drop(torch.ones_like(x[:1]), p, on)") + "import torch\n",
    ),
    "the same again": (
        "apart",
        "two calls drop the same",
        DROPOUT,
        dropout("torch.manual_seed(3); return drop(x, p, on)") + "import torch\n",
    ),
    "gradients of all": (
        "apart",
        "its gradient drops other values",
        DROPOUT,
        dropout("return x + (drop(x, p, on) - x).detach()"),
    ),
    "a path for each channel": (
        "layer.1.drop",
        "drops images in part",
        {"x.new_empty(x.shape[0])": "x.new_empty(x.shape[:2])", "self.shape)": "*x.shape[:2], 1, 1)"},
        "",
    ),
    "a path not scaled": (
        "layer.1.drop",
        "scaled by 1, not by 1.11",
        {PATH: "x * kept.view(self.shape)"},
        "",
    ),
    "a path of another rate": (
        "layer.1.drop",
        "scaled by 1.1",
        {"self.rate, self.shape = rate, shape": "self.rate, self.shape = rate * 1.01, shape"},
        "",
    ),
    "a path that is kept": (
        "layer.1.drop",
        "scaled by 1, not by 1.11",
        {"self.rate == 0.0": "self.rate < 0.5"},
        "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault(name: str, setting: Setting) -> None:
    node, words, changes, before = FAULTS[name]
    chosen = Altered(changes, before)
    proof = proved(setting, chosen=chosen)
    assert chosen.hits
    assert proof.rows[0].verdict == "FAIL" and proof.rows[0].where == node
    [(target, finding)] = proof.findings
    assert target == "torch, float64" and isinstance(finding, Finding)
    assert finding.node == node and words in finding.text
    place = next(str(n.at) for n in setting.graph().nodes if n.name == node)
    assert finding.text.startswith(f"{place}: '{node}' (")


INSIDE: dict[str, tuple[str, dict[str, str]]] = {
    "on the trunk too": (
        "layer.0.add",
        {"y + x": "y + F.dropout(x, 0.1, self.training)", "drop + x": "drop + F.dropout(x, 0.1, self.training)"},
    ),
    "never in the net": ("apart", {"self.spatial(": "(", "self.apart(": "("}),
    "rates of other blocks": (
        "layer.1.drop",
        {"rate=drop / 3": "rate=drop / 2", "drop * i / 3": "drop * (i + 1) / 3"},
    ),
    "the printed whole alone": ("fc", {"super().__init__()\n        self.stem": "super().__init__()\n        self.training = False\n        self.train = lambda on: self\n        self.stem"}),
}  # fmt: skip


@pytest.mark.parametrize("name", INSIDE)
def test_a_fault_in_the_whole(name: str, setting: Setting) -> None:
    """Each op alone is right; where it stands is not."""
    node, changes = INSIDE[name]
    chosen = Altered(changes)
    proof = proved(setting, chosen=chosen)
    assert chosen.hits
    assert [row.verdict for row in proof.rows] == ["pass", "FAIL"]
    assert proof.rows[1].where == node


@pytest.mark.parametrize("rate", [1e-6, 1e-3, 0.3, 0.5, 0.999])
@pytest.mark.parametrize("count", [1, 40, 12000, 300000])
def test_what_is_likely(rate: float, count: int) -> None:
    """As many as are thrown, and not many more or less."""
    for seed in range(20):
        drops = int(np.random.default_rng(seed).binomial(count, rate))
        assert chance._likely(drops, count, rate)
    away = 7 * sqrt(count * rate * (1 - rate)) + 12
    for drops in (round(count * rate + away), round(count * rate - away)):
        if 0 <= drops <= count:
            assert not chance._likely(drops, count, rate)


def test_what_is_nearly_0_is_no_fault(setting: Setting) -> None:
    """GELU of numbers far below 0: PyTorch takes nearly 1 from 1."""
    text = Path(setting.spec).read_text()
    text = text[: text.index("graph:\n  stem")] + (
        "graph: {a: {op: dropout, rate: 0.1}, b: {op: linear, features: 1}, c: gelu}\n"
    )
    Path(setting.spec).write_text(text.replace("[3, 10, 10]", "[4]"))
    judge = chance.Judge(setting.data())
    x = np.array([[-7.5], [-7.6], [-7.7], [-7.8]])
    made = {"first/a": np.zeros((4, 4)), "first/b": x, "first/c": x * 0}
    told = [node.name for node, _ in judge._together("first", made)]
    assert "c" not in told and "b" in told


OVERFLOWING = """archspec: 1
name: net
inputs: {image: [3, 10, 10]}
graph:
  drop: {op: dropout, rate: 0.2}
  add: {op: add, from: [drop, drop]}
"""


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_no_number_is_no_fault(tmp_path: Path) -> None:
    """The values overflow, and infinite ones are subtracted."""
    squares = "".join(
        f"  a{n}: {{op: multiply, from: [{before}, {before}]}}\n"
        for n, before in enumerate(["add", *(f"a{n}" for n in range(13))])
    )
    text = f"{OVERFLOWING}{squares}  end: {{op: subtract, from: [a13, a13]}}\n"
    (tmp_path / "net.yaml").write_text(text)
    proof = proved(Setting(str(tmp_path / "net.yaml"), chance=True))
    assert proof.passed, proof.findings


def test_a_net_without_chance(setting: Setting) -> None:
    text = Path(setting.spec).read_text()
    Path(setting.spec).write_text(
        text.replace("drop: 0.3", "drop: 0").replace("0.2", "0")
    )
    assert proved(setting) == Proof((), (), ())


def test_what_is_not_shown_is_said(setting: Setting) -> None:
    text = Path(setting.spec).read_text().replace("drop: 0.3", "drop: 0.001")
    Path(setting.spec).write_text(text.replace("rate: 0.2", "rate: 0"))
    proof = proved(setting)
    assert proof.passed
    assert "anything is not shown" in proof.notes[0]


def test_a_backend_that_is_missing(setting: Setting) -> None:
    def opened(setting: Setting, target: Target) -> Bench:
        raise NotAvailable("none is here")

    proof = prove(setting, parse_all("torch"), opened, lambda text: None)
    assert [row.reason for row in proof.rows] == ["none is here"] * 2


def test_a_backend_without_gradients(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chance, "trains", lambda chosen: False)
    assert [row.verdict for row in proved(setting).rows] == [FORWARD_ONLY] * 2

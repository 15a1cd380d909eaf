"""Batch norms in training: what is right has every bit, a fault has its node."""

from __future__ import annotations

from pathlib import Path

import pytest
from faulty import Altered

from archspec.backend import Backend
from archspec.verify import training
from archspec.verify.bisection import Finding
from archspec.verify.comparison import FORWARD_ONLY
from archspec.verify.moments import batches
from archspec.verify.process import NotAvailable
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting
from archspec.verify.target import Target, parse_all
from archspec.verify.task import Bench
from archspec.verify.training import CHECK, ONE_PASS, RUNNING, prove

NET = """archspec: 1
name: net
inputs: {image: [3, 6, 6]}
graph:
  a: batch_norm
  b: {op: batch_norm, eps: 0.001, affine: false}
  f: global_avg_pool2d
  g: {op: batch_norm, running_var: unbiased}
"""


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    (tmp_path / "net.yaml").write_text(NET)
    return Setting(str(tmp_path / "net.yaml"))


def proved(
    setting: Setting, targets: str = "torch", chosen: Backend | None = None
) -> Proof:
    def opened(setting: Setting, target: Target) -> Bench:
        found = chosen or target.found().on(target.engine, setting.dtype)
        return Bench(found, setting.data())

    return prove(setting, parse_all(targets), opened, lambda text: None)


def test_what_is_right(setting: Setting) -> None:
    proof = proved(setting, "torch,torch:channels_last,keras")
    assert proof.passed and not proof.findings and not proof.notes
    assert {row.check for row in proof.rows} == {CHECK}
    assert [(row.error, row.limit) for row in proof.rows] == [(0, 0)] * 3


def norm(body: str) -> str:
    """Another nn.BatchNorm2d."""
    return (
        "from torch.nn import functional\n"
        "class BatchNorm2d(nn.BatchNorm2d):\n"
        "    def forward(self, x):\n"
        "        own = (self.weight, self.bias, self.training, self.momentum, self.eps)\n"
        "        mean, var = self.running_mean, self.running_var\n"
        "        given = functional.batch_norm\n"
        f"        {body}\n"
    )


FAULTS: dict[str, tuple[str, str]] = {
    "unbiased where the output is": (
        "output",
        "n = x.numel() // x.shape[1]; "
        "return given(x, mean, var, *own) * (1 - 1 / n) ** 0.5",
    ),
    "a momentum of the old": (
        "running_",
        "return given(x, mean, var, *own[:3], 1 - self.momentum, self.eps)",
    ),
    "a biased variance": (
        "running_var",
        "y = given(x, None, None, *own); n = x.numel() // x.shape[1]; "
        "old = var * (1 - self.momentum); given(x.detach(), mean, var, *own); "
        "var.copy_(old + (var - old) * (n - 1) / n); return y",
    ),
    "statistics that stand still": ("running_", "return given(x, None, None, *own)"),
    "the stored statistics": (
        "output",
        "return given(x, mean, var, *own[:2], False, 0.0, self.eps)",
    ),
    "a mean without a gradient": (
        "gradient of the input",
        "y = given(x, mean, var, *own); m = x.mean((0, 2, 3), keepdim=True); "
        "z = x - m.detach() + m; return y + (z - z.detach())",
    ),
    "half a bias": (
        "gradient of the bias",
        "b = self.bias; own = (own[0], b if b is None else b / 2 + b.detach() / 2, "
        "*own[2:]); return given(x, mean, var, *own)",
    ),
    "half a weight": (
        "gradient of the weight",
        "w = self.weight; own = (w if w is None else w / 2 + w.detach() / 2, "
        "*own[1:]); return given(x, mean, var, *own)",
    ),
    "one image of its own": (
        "output",
        "y = given(x, mean, var, *own); "
        "return functional.instance_norm(x, eps=self.eps) if self.training else y",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault(name: str, setting: Setting) -> None:
    part, body = FAULTS[name]
    chosen = Altered({"nn.BatchNorm2d(": "BatchNorm2d("}, norm(body))
    proof = proved(setting, chosen=chosen)
    assert chosen.hits
    (row,) = proof.rows
    assert row.verdict == "FAIL" and row.where in ("a", "b") and row.limit is not None
    [(target, finding)] = proof.findings
    assert target == "torch, float64" and isinstance(finding, Finding)
    assert finding.node == row.where
    assert f"(batch_norm): in training the {part}" in finding.text
    assert finding.text.startswith(row.at)


def test_what_rounds_is_said(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    text = Path(setting.spec).read_text()
    Path(setting.spec).write_text(text.replace("unbiased", "biased"))
    proof = proved(setting)
    assert proof.passed and f"allowed are {RUNNING:.0e}" in proof.notes[0]
    batch = batches(setting.graph())[0]
    assert training._allowed(Target("keras", "torch"), batch, "output") == ONE_PASS


def test_a_net_without_norms(setting: Setting) -> None:
    text = Path(setting.spec).read_text()
    Path(setting.spec).write_text(text[: text.index("  a:")] + "  f: relu\n")
    assert proved(setting) == Proof((), (), ())


def test_a_backend_that_is_missing(setting: Setting) -> None:
    def opened(setting: Setting, target: Target) -> Bench:
        raise NotAvailable("none is here")

    proof = prove(setting, parse_all("torch"), opened, lambda text: None)
    assert [row.reason for row in proof.rows] == ["none is here"]


def test_a_backend_without_gradients(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "trains", lambda chosen: False)
    assert [row.verdict for row in proved(setting).rows] == [FORWARD_ONLY]

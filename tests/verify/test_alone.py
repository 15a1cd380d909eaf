"""Each op alone: what is right passes, and every planted fault is named and shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from archspec_torch import TorchBackend
from nets import graph_of

from archspec.errors import UnsupportedError
from archspec.graph import Graph
from archspec.reference import FUNCTIONS
from archspec.source.program import Source
from archspec.verify.alone import BACKWARD, FORWARD, prove
from archspec.verify.bisection import Finding
from archspec.verify.comparison import FORWARD_ONLY
from archspec.verify.process import NotAvailable
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting
from archspec.verify.target import Target, parse_all
from archspec.verify.task import Bench

NET = """archspec: 1
name: net
inputs: {{image: [6, 9, 7]}}
graph:
  first: identity
  op: {node}
  last: identity
"""


class Altered(TorchBackend):
    """PyTorch, whose printed text has one thing in the place of another."""

    def __init__(self, old: str = "", new: str = "") -> None:
        super().__init__()
        self.old, self.new, self.hits = old, new, 0

    def emit(self, graph: Graph) -> Source:
        made = super().emit(graph)
        self.hits += bool(self.old) and self.old in made.text
        text = made.text.replace(self.old, self.new) if self.old else made.text
        return replace(made, text=text)


def proved(
    folder: Path, node: str, chosen: Any = None, targets: str = "torch"
) -> Proof:
    (folder / "net.yaml").write_text(NET.format(node=node))

    def opened(setting: Setting, target: Target) -> Bench:
        found = chosen or target.found().on(target.engine, setting.dtype)
        return Bench(found, setting.data())

    setting = Setting(str(folder / "net.yaml"))
    return prove(setting, parse_all(targets), opened, lambda text: None)


RIGHT = (
    "{op: conv2d, channels: 12, kernel: [3, 2], stride: 2, padding: same, groups: 6}",
    "{op: conv_transpose2d, channels: 4, kernel: 3, stride: 2, output_padding: 1}",
    "{op: batch_norm, momentum: 0.3, eps: 0.001}",
    "{op: group_norm, groups: 3}",
    "{op: local_response_norm, size: 3}",
    "{op: max_pool2d, kernel: 3, stride: 2, padding: 1, ceil_mode: true}",
    "{op: avg_pool2d, kernel: 3, padding: 1, count_include_pad: false}",
    "{op: adaptive_avg_pool2d, size: [4, 3]}",
    "{op: resize, scale: 3}",
    "{op: multiply, from: [first, input]}",
    "{op: prelu, shared: false}",
    *("selu", "gelu", "mish", "hard_sigmoid", "log_softmax", "layer_norm"),
)


@pytest.mark.parametrize("node", RIGHT)
def test_what_is_right(node: str, tmp_path: Path) -> None:
    proof = proved(tmp_path, node)
    assert proof.passed and not proof.findings
    assert [row.check for row in proof.rows] == [FORWARD, BACKWARD]
    assert all(row.error is not None and row.limit is not None for row in proof.rows)


@pytest.mark.parametrize(
    "node", ["gelu", "{op: gelu, approximate: tanh}", "{op: leaky_relu}", "prelu"]
)
def test_constants_in_single_precision(node: str, tmp_path: Path) -> None:
    """TensorFlow's are modelled, to the last bits; a kink of Keras' is said."""
    proof = proved(tmp_path, node, targets="keras")
    assert proof.passed
    assert all(row.limit is not None and row.limit <= 1e-11 for row in proof.rows)
    assert bool(proof.notes) is (node == "prelu")
    # On another target the same rounding is a fault.
    if node != "prelu":
        from archspec.verify import alone

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(alone, "modelled", lambda target: "tensorflow")
            assert not proved(tmp_path, node).passed


F, B = FORWARD, BACKWARD
SAME = "{op: conv2d, channels: 4, kernel: 3, dilation: [1, 2], padding: [1, 2]}"
POOL = "{op: max_pool2d, kernel: 2, padding: same}"
CALL, DILATION, PADDING = "self.node(x)", "dilation=(1, 2)", "padding=(1, 2)"
HALF = "self.node(x * 0.5 + x.detach() * 0.5)"
FAULTS: tuple[tuple[str, str, str, str, str], ...] = (
    ("relu6", "ReLU6()", "ReLU()", F, "of 6.0000152587890625 it gives"),
    ("sigmoid", "sigmoid(x)", "sigmoid(x.clamp(-17, 17))", F, "of -19.0 it gives"),
    ("softplus", "threshold=40.0", "threshold=20.0", F, "of 21.0 it gives"),
    ("log_softmax", CALL, "self.node(x).exp().log()", F, "gives -inf"),
    ("gelu", "nn.GELU()", 'nn.GELU("tanh")', F, "of 0.001 it gives"),
    ("hard_swish", "nn.Hardswish()", "nn.SiLU()", F, "it gives"),
    ("{op: elu, alpha: 0.7}", "0.7", "0.70007", F, "of -1.52587890625e-05 it"),
    ("leaky_relu", "LeakyReLU()", "LeakyReLU(0.010001)", F, "it gives"),
    ("batch_norm", "Norm2d(4)", "Norm2d(4, 1.0001e-5)", F, "it gives"),
    ("layer_norm", "self.eps,", "self.eps * 1.0001,", F, "it gives"),
    (
        "{op: batch_norm, momentum: 0.3}",
        "momentum=0.3",
        "momentum=0.30003",
        F,
        "running_mean after a step of training is",
    ),
    (SAME, DILATION, "dilation=(2, 1)", F, "Calculated padded input size"),
    (SAME, PADDING, f'{PADDING}, padding_mode="replicate"', F, "at ("),
    (POOL, "-inf", "0", F, "it gives 0.0, by"),
    (POOL, "-inf", "-1e38", F, "it gives -1e+38, by"),
    (
        "{op: avg_pool2d, kernel: 2, padding: 1}",
        "padding=1",
        "padding=1, count_include_pad=False",
        F,
        "at (",
    ),
    ("{op: local_response_norm, size: 3}", "Norm(3", "Norm(2", F, "at ("),
    ("tanh", CALL, "self.node(x.detach() + 0 * x)", B, "its derivative at 0.0 is 0.0"),
    ("relu", "F.relu(x)", "F.relu(x + (x - x.detach()))", B, "derivative at 1.5"),
    ("relu", "F.relu(x)", "x.maximum(x * 0)", B, "at 0.0 is 0.5"),
    (SAME, CALL, HALF, B, "the gradient of x0"),
)


@pytest.mark.parametrize(("node", "old", "new", "check", "said"), FAULTS)
def test_a_fault(
    node: str, old: str, new: str, check: str, said: str, tmp_path: Path
) -> None:
    chosen = Altered(old, new)
    proof = proved(tmp_path, node, chosen)
    assert chosen.hits, "the fault is not planted"
    forward, backward = proof.rows
    assert (forward.verdict == "pass") is (check == BACKWARD)
    if check == BACKWARD:
        assert backward.verdict == "FAIL"
    [(key, finding)] = proof.findings
    assert key == "torch, op" and isinstance(finding, Finding)
    assert finding.node == "op" and said in finding.text, finding.text
    assert finding.text.startswith(f"{tmp_path}/net.yaml:6:3: 'op' (")


def test_the_spec_in_a_finding_shows_it_again(tmp_path: Path) -> None:
    """Small, whole, and with the same numbers."""
    chosen = Altered(PADDING, f'{PADDING}, padding_mode="replicate"')
    [(_, finding)] = proved(tmp_path, SAME, chosen).findings
    assert isinstance(finding, Finding)
    head, spec = finding.text.split(" shows it of\n")
    assert "`archspec verify alone.yaml --quick --backends torch`" in head
    text = "\n".join(line.removeprefix("    ") for line in spec.splitlines())
    assert graph_of(text.partition("\n")[2].partition("\n")[2]).inputs["x0"] < (3, 9, 9)
    (tmp_path / "alone.yaml").write_text(text)
    setting = Setting(str(tmp_path / "alone.yaml"))
    again = prove(
        setting,
        parse_all("torch"),
        lambda setting, target: Bench(chosen, setting.data()),
        lambda text: None,
    )
    [(_, second)] = again.findings
    assert isinstance(second, Finding)
    texts = (finding.text, second.text)
    said = [text.partition(": at (")[2].partition("\n")[0] for text in texts]
    assert said[0] and said[0] == said[1]


def test_an_error_is_the_op_s_failure(tmp_path: Path) -> None:
    proof = proved(tmp_path, "tanh", Altered(CALL, "self.node(y)"))
    forward, _ = proof.rows
    assert forward.verdict == "FAIL" and forward.where == "op"
    [(_, finding)] = proof.findings
    assert isinstance(finding, Finding)
    assert "NameError: name 'y' is not defined" in finding.text


class Few(TorchBackend):
    """A backend that refuses an op."""

    def emit(self, graph: Graph) -> Source:
        for node in graph.nodes:
            if node.op.kind == "tanh":
                raise UnsupportedError("no tanh here", at=node.at)
        return super().emit(graph)


def test_what_is_not_shown_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = proved(tmp_path, "tanh", Few())
    assert proof.passed
    assert proof.notes == (
        "each op alone: tanh is not compared on torch: no tanh here",
    )
    monkeypatch.delitem(FUNCTIONS, "tanh")
    proof = proved(tmp_path, "tanh")
    assert proof.passed and "has no definition of it" in proof.notes[0]
    proof = proved(tmp_path, "hard_sigmoid")
    (note,) = proof.notes
    assert "hard_sigmoid on torch: a single-precision 1/6" in note
    assert note.endswith("of this op alone")


def test_a_backend_that_does_not_train(tmp_path: Path) -> None:
    class Forward:
        """PyTorch, without what trains."""

        def __init__(self) -> None:
            self.inner = TorchBackend()

        def __getattr__(self, name: str) -> Any:
            if name == "gradients":
                raise AttributeError(name)
            return getattr(self.inner, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Target, "found", lambda self: Forward())
        proof = proved(tmp_path, "tanh", Forward())
    assert proof.passed
    assert [row.verdict for row in proof.rows] == ["pass", FORWARD_ONLY]


def test_a_backend_that_is_missing(tmp_path: Path) -> None:
    def opened(setting: Setting, target: Target) -> Bench:
        raise NotAvailable("none is here")

    (tmp_path / "net.yaml").write_text(NET.format(node="tanh"))
    setting = Setting(str(tmp_path / "net.yaml"))
    proof = prove(setting, parse_all("torch"), opened, lambda text: None)
    assert [row.reason for row in proof.rows] == ["none is here"]

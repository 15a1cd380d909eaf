"""A net beside its definitions: what bits don't show is compared to the last digits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faulty import Other
from nets import graph_of

from archspec.verify.bisection import Finding
from archspec.verify.data import Data
from archspec.verify.definitions import Definitions, prove, rounds
from archspec.verify.process import NotAvailable
from archspec.verify.proof import Proof, Prover
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
  mean: {op: avg_pool2d, kernel: 3, stride: 2}
  group: {op: group_norm, groups: 2}
  swish: silu
  add: {op: add, from: [mean, swish]}
  pool: global_avg_pool2d
  fc: {op: linear, features: 3}
  head: softmax
taps: {c1: swish}
"""
CHECKS = (
    *("outputs, initial weights", "outputs, conditioned weights"),
    *("taps, conditioned weights", "outputs in training", "running statistics"),
    "slope of the loss",
)


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    (tmp_path / "net.yaml").write_text(NET)
    return Setting(str(tmp_path / "net.yaml"))


def proved(
    setting: Setting, targets: str = "torch", change: Any = None, scaled: str = ""
) -> Proof:
    def opened(setting: Setting, target: Target) -> Bench:
        chosen: Any = target.found().on(target.engine, setting.dtype)
        gradients = chosen.gradients

        def other(*args: Any, **more: Any) -> Any:
            outputs, found = gradients(*args, **more)
            return outputs, {
                k: v * (1.001 if k == scaled else 1) for k, v in found.items()
            }

        if scaled:
            chosen.gradients = other
        made = Other(chosen, setting.data())
        made.change = change
        return made

    return prove(setting, parse_all(targets), opened, lambda text: None)


FADING = """archspec: 1
name: net
inputs: {image: [2, 4, 4]}
graph:
  layer:
    graph: [{op: conv2d, channels: 2, kernel: 1, bias: false}, {op: elu, alpha: 0.1}]
    repeat: 20
"""


@pytest.fixture
def fading(tmp_path: Path) -> Setting:
    """A net whose values end near 0."""
    (tmp_path / "net.yaml").write_text(FADING)
    return Setting(str(tmp_path / "net.yaml"))


def test_an_elu_near_0_is_off_by_the_last_bit_of_1(fading: Setting) -> None:
    """TensorFlow's is exp(x) - 1."""
    proof = proved(fading, "keras")
    assert proof.passed
    rows = [row for row in proof.rows if row.check.startswith("outputs, ")]
    assert len(rows) >= 2
    for row in rows:
        assert row.error is not None and row.floor is not None
        assert 1e-12 < row.error < row.floor * 10 < 1e-6


def test_and_a_fault_there_is_found(fading: Setting) -> None:
    proof = proved(fading, "keras", ("layer.3.1", {"alpha": 0.1001}))
    assert {row.verdict for row in proof.rows if "outputs, " in row.check} == {"FAIL"}


def test_two_backends_are_as_far_from_each_other(fading: Setting) -> None:
    data = fading.data()

    def opened(target: Target) -> Bench:
        return Bench(target.found().on(target.engine, "float64"), data)

    def passed(found: Callable[[], float] | None) -> bool:
        prover = Prover(
            data.graph,
            parse_all("torch,keras"),
            "float64",
            opened,
            lambda text: None,
            training=False,
            rounds=found,
        )
        return prover.prove().passed

    assert not passed(None)
    assert passed(partial(rounds, fading))


def test_what_is_right(setting: Setting) -> None:
    proof = proved(setting, "torch,keras")
    assert proof.passed and not proof.findings
    for target in ("torch", "keras:tensorflow"):
        rows = [row for row in proof.rows if row.target == target]
        assert [row.check for row in rows] == [f"{c}, by definition" for c in CHECKS]
        for row in rows[:-1]:
            assert row.error is not None and row.error < 1e-14, row
        assert rows[-1].error is not None and rows[-1].error < 1e-6


@pytest.mark.parametrize(
    ("node", "changes", "count"),
    [
        ("act", {"alpha": 0.7001}, 5),
        ("group", {"eps": 1.001e-5}, 4),
        ("norm", {"momentum": 0.30001}, 1),
        ("norm", {"eps": 1.001e-5}, 4),
    ],
)
def test_a_fault(
    setting: Setting, node: str, changes: dict[str, Any], count: int
) -> None:
    proof = proved(setting, change=(node, changes))
    wrong = [row for row in proof.rows if row.verdict == "FAIL"]
    assert len(wrong) >= count
    if count > 1:
        ((_, found),) = proof.findings
        assert isinstance(found, Finding) and found.node == node
    else:
        assert wrong[0].where.startswith("norm.running")


def test_a_gradient(setting: Setting) -> None:
    for name in ("stem.weight", "image"):
        proof = proved(setting, scaled=name)
        wrong = [row for row in proof.rows if row.verdict == "FAIL"]
        assert [row.check for row in wrong] == ["slope of the loss, by definition"]
        assert wrong[0].where == "stem"
        ((_, found),) = proof.findings
        assert isinstance(found, Finding)
        assert "the first node whose gradients differ is 'stem'" in found.text


def test_a_net_without_parameters(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(
        "archspec: 1\nname: net\ninputs: {image: [4, 5, 5]}\ngraph: [tanh, softmax]\n"
    )
    proof = proved(Setting(str(tmp_path / "net.yaml")))
    checks = [row.check.partition(", by")[0] for row in proof.rows]
    assert proof.passed and checks == [*CHECKS[:2], "slope of the loss"]


def test_a_slope_that_cancels() -> None:
    """What is rounded of the loss counts a million times more beside it."""
    graph = graph_of("inputs: {image: [1, 64, 64]}\ngraph: {act: tanh}")
    x, y, z = np.random.default_rng(0).normal(size=(3, 1, 1, 64, 64))
    gradient = z * (1 - np.tanh(x) ** 2)
    share = (gradient * y).sum() / (gradient**2).sum()
    along = y - share * (1 - 1e-3) * gradient
    found = Definitions().slope(graph, {}, {"image": x}, {"": z}, {"image": along})
    wanted = float((gradient * along).sum())
    assert abs(wanted) < 1e-4 * np.abs(z * np.tanh(x)).sum()
    assert abs(found - wanted) <= 1e-5 * abs(wanted)


def test_what_is_rounded_hides_a_fault(tmp_path: Path) -> None:
    """Norms of channels that are flat make of each last bit three hundred."""
    (tmp_path / "net.yaml").write_text(
        "archspec: 1\nname: net\ninputs: {image: [2, 4, 4]}\ngraph:\n"
        "  flat: {op: subtract, from: [input, input]}\n"
        "  part:\n"
        "    graph: [{op: conv2d, channels: 2, kernel: 1}, batch_norm]\n"
        "    repeat: 9\n"
    )
    proof = proved(Setting(str(tmp_path / "net.yaml")))
    found = {row.check: row.verdict for row in proof.rows}
    assert found["slope of the loss, by definition"] == "ill-conditioned"
    assert found["outputs, conditioned weights, by definition"] == "pass"


def test_what_can_not_start(setting: Setting) -> None:
    def opened(setting: Setting, target: Target) -> Bench:
        raise NotAvailable("no such framework")

    proof = prove(setting, parse_all("torch"), opened, lambda text: None)
    assert not proof.passed
    assert {row.reason for row in proof.rows} == {"no such framework"}


def test_the_definitions_train(setting: Setting) -> None:
    """As torch does: outputs and statistics of two steps, and the slope."""
    graph = setting.graph()
    data = Data(graph, "float64", 3)
    chosen: Any = Definitions()
    torch = parse_all("torch")[0].found().on("", "float64")
    weights = data.weights("conditioned")
    models = [b.build(graph, dict(weights), dtype="float64") for b in (chosen, torch)]
    for step in range(2):
        images = data.images(step)
        ours = chosen.forward(graph, models[0], images, training=True)
        theirs = torch.forward(graph, models[1], images, training=True)
        for name, array in theirs.items():
            np.testing.assert_allclose(ours[name], array, rtol=1e-12, atol=1e-14)
    means = [
        b.read_weights(graph, m) for b, m in zip((chosen, torch), models, strict=True)
    ]
    for name in graph.buffers():
        if name.endswith("mean"):
            np.testing.assert_allclose(means[0][name], means[1][name], rtol=1e-12)

"""What a backend is asked to do; the definitions of the ops, in numpy, do it as well."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from nets import graph_of

from archspec.backend import backend
from archspec.passes.with_outputs import with_outputs
from archspec.reference import evaluate
from archspec.verify import task
from archspec.verify.data import Data
from archspec.verify.task import Bench, Task

NET = """
inputs: {image: [3, 8, 8]}
blocks: {body: {graph: {conv: {op: conv2d, channels: 3, kernel: 1}, act: tanh}}}
graph:
  layer: {block: body, repeat: 3}
  bn: batch_norm
  pool: global_avg_pool2d
  fc: {op: linear, features: 2}
"""
TAPS = "taps: {inside: layer.1.conv, late: bn}\n"


@pytest.fixture(params=["", TAPS], ids=["no taps", "taps"])
def bench(request: pytest.FixtureRequest) -> Bench:
    graph = graph_of(NET + request.param)
    return Bench(backend("torch"), Data(graph, "float64", 3))


def near(found: Any, wanted: Any) -> bool:
    return bool(np.allclose(found, wanted, rtol=1e-12, atol=1e-13))


def test_outputs_and_taps(bench: Bench) -> None:
    data, graph = bench.data, bench.graph
    values = {
        kind: evaluate(graph, data.weights(kind), data.images())
        for kind in ("initial", "conditioned")
    }
    wanted = {"outputs/": values["conditioned"]["fc"]}
    for name, value in graph.taps.items():
        wanted[f"taps/{name}"] = values["conditioned"][value]
    single = bench.ask(Task("single"))
    assert set(single) == set(wanted)
    assert all(near(single[name], wanted[name]) for name in wanted)
    wanted["initial/"] = values["initial"]["fc"]
    both = bench.ask(Task("eval"))
    assert set(both) == set(wanted)
    assert all(near(both[name], wanted[name]) for name in wanted)
    assert not near(both["initial/"], both["outputs/"])


@pytest.mark.parametrize("node", ["layer.0.conv", "layer.2.act", "bn", "fc"])
@pytest.mark.parametrize("kind", ["initial", "conditioned"])
def test_a_probe_of_any_node(bench: Bench, node: str, kind: str) -> None:
    data = bench.data
    wanted = evaluate(bench.graph, data.weights(kind), data.images())[node]
    found = bench.ask(Task("probe", node, kind))
    assert list(found) == ["probe/"] and near(found["probe/"], wanted)


def test_a_probe_in_training_uses_the_statistics_of_the_batch(bench: Bench) -> None:
    found = bench.ask(Task("probe", "bn", "initial", True))["probe/"]
    assert np.abs(found.mean((0, 2, 3))).max() < 1e-12
    assert np.allclose(found.var((0, 2, 3)), 1, rtol=1e-3)


def test_training_is_torchs(bench: Bench) -> None:
    """The same net, written in torch and trained by its own SGD."""
    data, graph = bench.data, bench.graph
    model = backend("torch").build(graph, data.weights("conditioned"), dtype="float64")
    sgd = torch.optim.SGD(
        model.parameters(), task.RATE, momentum=task.MOMENTUM, weight_decay=task.DECAY
    )
    model.train()
    wanted: dict[str, Any] = {}
    for step in range(task.STEPS):
        image = torch.from_numpy(data.images(step)["image"]).requires_grad_()
        output = model(image)
        sgd.zero_grad()
        output.backward(torch.from_numpy(data.cotangents(step)[""]))
        if step == 0:
            assert image.grad is not None
            wanted["training/"] = output.detach().numpy()
            wanted["gradients/image"] = image.grad.numpy()
            for name, parameter in model.named_parameters():
                assert parameter.grad is not None
                wanted[f"gradients/{name}"] = parameter.grad.numpy().copy()
            wanted["statistics/bn.running_mean"] = model.bn.running_mean.numpy().copy()
            statistics = model.bn.running_var.numpy().copy()
        sgd.step()
    for name, parameter in model.named_parameters():
        wanted[f"weights/{name}"] = parameter.detach().numpy()
    # torch's running variance is the unbiased one; that of n values is compared.
    n = 4 * 8 * 8
    old = 0.9 * data.weights("conditioned")["bn.running_var"]
    wanted["statistics/bn.running_var"] = old + (statistics - old) * (n - 1) / n
    found = bench.ask(Task("train"))
    assert set(found) == set(wanted)
    assert all(near(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("nodes", [("bn",), ("fc",), ("layer.0.conv", "fc")])
@pytest.mark.parametrize("training", [False, True])
def test_slopes_of_nets_that_end_at_nodes(
    bench: Bench, nodes: tuple[str, ...], training: bool
) -> None:
    """As torch has them, of a net that gives all of these values."""
    data = bench.data
    every = with_outputs(bench.graph, {node.replace(".", "_"): node for node in nodes})
    weights = data.weights("conditioned")
    given = {name: weights[name] for name in (*every.parameters(), *every.buffers())}
    model = backend("torch").build(every, given, dtype="float64")
    model.train(training)
    image = torch.from_numpy(data.images()["image"]).requires_grad_()
    made = model(image)
    found = made if isinstance(made, dict) else {nodes[0]: made}
    total = sum(
        (value * torch.from_numpy(data.against(node))).sum()
        for node, value in zip(nodes, found.values(), strict=True)
    )
    wanted = {f"slopes/{name}": value for name, value in model.named_parameters()}
    wanted["slopes/image"] = image
    gradients = torch.autograd.grad(total, [*wanted.values()])
    told = bench.ask(Task("slopes", "", "conditioned", training, nodes))
    assert set(told) == set(wanted)
    for name, gradient in zip(wanted, gradients, strict=True):
        assert near(told[name], gradient.numpy())


def test_a_task_goes_to_other_processes_as_json() -> None:
    given = Task("slopes", "layer.0", "initial", True, ("bn", "fc"))
    assert task.read(json.loads(json.dumps(given.facts()))) == given


def test_sgd_is_torchs() -> None:
    values = {"w": np.array([1.0, -2.0, 3.0])}
    wanted = torch.tensor(values["w"].copy(), requires_grad=True)
    theirs = torch.optim.SGD(
        [wanted], task.RATE, momentum=task.MOMENTUM, weight_decay=task.DECAY
    )
    speeds: dict[str, Any] = {}
    for step in range(4):
        gradient = np.array([0.5, 1.5, -1.0]) * (step + 1)
        task.descend(values, speeds, {"w": gradient})
        wanted.grad = torch.tensor(gradient)
        theirs.step()
    np.testing.assert_allclose(values["w"], wanted.detach().numpy(), rtol=1e-15)

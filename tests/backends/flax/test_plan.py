"""The plan of a net, on four devices of the host: it changes nothing but places."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from proofs import sampled

import archspec
from archspec.backend import backend, method

SCRIPT = """
import os, sys
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
os.environ["JAX_ENABLE_X64"] = "1"
import jax, numpy as np, optax
from flax import nnx
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec as P

import archspec
from archspec.backend import backend
from archspec.source.program import execute

spec = archspec.load("net.yaml")
plan = execute(backend("flax").plan(spec.graph))
draw = np.random.default_rng(0)
images, labels = draw.normal(size=(8, 8, 8, 3)), draw.integers(0, 10, 8)


def trained(shape):
    model = spec.build("flax", dtype="float64")
    model.train()
    optimizer = nnx.Optimizer(model, optax.sgd(0.1, momentum=0.9), wrt=nnx.Param)
    mesh = jax.make_mesh(shape, ("data", "model"), axis_types=(AxisType.Auto,) * 2)
    place = NamedSharding(mesh, P("data"))

    @nnx.jit
    def step(model, optimizer, images, labels):
        def loss(model):
            given = optax.softmax_cross_entropy_with_integer_labels(model(images), labels)
            return given.mean()

        value, gradients = nnx.value_and_grad(loss)(model)
        optimizer.update(model, gradients)
        plan.shard(model, mesh)
        return value

    plan.shard(model, mesh)
    given = jax.device_put(images, place), jax.device_put(labels, place)
    for _ in range(3):
        step(model, optimizer, *given)
    state = nnx.to_flat_state(nnx.state(model))
    for path, v in state:
        wanted = plan.partition_spec(path, v.shape, shape[1])
        assert v.get_value().sharding.is_equivalent_to(NamedSharding(mesh, wanted), v.ndim)
    return {path: np.asarray(v.get_value()) for path, v in state}


one = trained((1, 1))
assert any(v.size >= 4096 for v in one.values())
shape = int(sys.argv[1]), int(sys.argv[2])
for path, value in trained(shape).items():
    worst = np.abs(value - one[path]).max() / np.abs(one[path]).max()
    assert worst < 1e-12, (path, worst)
print("alike")
"""
SPEC = """archspec: 1
name: net
inputs: {image: [3, 8, 8]}
graph:
  conv1: {op: conv2d, channels: 16, kernel: 3, padding: 1, bias: false}
  bn1: batch_norm
  relu1: relu
  conv2: {op: conv2d, channels: 32, kernel: 3, padding: 1, bias: false}
  bn2: batch_norm
  relu2: relu
  pool: global_avg_pool2d
  fc: {op: linear, features: 10}
"""


@pytest.mark.parametrize("shape", sampled(["2 2", "4 1"], ["2 2"]))
def test_four_devices_train_as_one(shape: str, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(SPEC)
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, *shape.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert run.stdout == "alike\n", run.stderr[-2000:]


def test_the_plan_says_what_it_splits() -> None:
    graph = archspec.load("resnet18", num_classes=10).graph
    text = method(backend("flax"), "plan", "plan")(graph).text
    # fc.kernel, 512 x 10, is split in two, and not in four.
    assert '2 devices along "model" split 21 of 21 kernels, 100 % of all' in text
    assert '4 devices along "model" split 20 of 21 kernels, 100 % of all' in text

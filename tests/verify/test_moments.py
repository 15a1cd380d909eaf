"""Batches for batch norms: what is wanted is what the definition gives, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nets import graph_of

from archspec.reference import compute
from archspec.verify.moments import Batch, batches

NET = """
inputs: {image: [3, 6, 6]}
graph:
  a: batch_norm
  b: {op: batch_norm, eps: 0.001, momentum: 0.01}
  same: {op: batch_norm, momentum: 0.5}
  c: {op: batch_norm, eps: 0.1, affine: false}
  d: {op: batch_norm, running_var: biased}
  relu: relu
  f: global_avg_pool2d
  g: batch_norm
"""
FOUND = batches(graph_of(NET))


def test_each_norm_and_rank_once() -> None:
    assert [(b.node, len(b.shape)) for b in FOUND] == [
        ("a", 3),
        ("b", 3),
        ("c", 3),
        ("d", 3),
        ("g", 1),
    ]
    assert {b.op.momentum for b in FOUND} == {0.25}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", FOUND, ids=lambda b: b.node)
def test_nothing_is_rounded(batch: Batch, dtype: str) -> None:
    """In twice the precision, and by other ways, all comes out the same."""
    images, _, stored = batch.numbers(1, dtype)
    x = images["x0"].astype(np.longdouble)
    made = batch.wanted(1, dtype, "biased")
    axes = (0, *range(2, x.ndim))
    mean, var = x.mean(axes), x.var(axes)
    assert ((var + batch.op.eps).astype(dtype) == var).all()
    assert (np.abs(made["output"]).max(axes) > 0).all()
    for name, new in (("running_mean", mean), ("running_var", var)):
        wanted = (3 * stored[name].astype(np.longdouble) + new) / 4
        assert np.array_equal(made[name], wanted)
    rank = (1, -1) + (1,) * (x.ndim - 2)
    normal = (x - mean.reshape(rank)) / np.sqrt(var).reshape(rank)
    assert set(np.unique(normal)) == {-1, 1}
    weight, bias = (stored.get(n, np.array(v)) for n, v in (("weight", 1), ("bias", 0)))
    wanted = normal * weight.reshape(-1, *rank[2:]) + bias.reshape(-1, *rank[2:])
    assert np.array_equal(made["output"], wanted)
    unbiased = batch.wanted(1, dtype, "unbiased")["running_var"]
    n = x.size // x.shape[1]
    if batch.op.running_var is None:
        old = stored["running_var"] * 3 / 4
        factor = (unbiased - old) / (made["running_var"] - old)
        assert np.allclose(factor, n / (n - 1), rtol=1e-6)
    else:
        assert np.array_equal(unbiased, made["running_var"])


@pytest.mark.parametrize("batch", FOUND, ids=lambda b: b.node)
def test_gradients_are_the_definitions(batch: Batch) -> None:
    """By differences at five points, in extended precision."""
    images, against, stored = batch.numbers(2, "float64")
    made = batch.wanted(2, "float64", "biased")
    draw = np.random.default_rng(0)
    given: dict[str, Any] = {"input": images["x0"], **stored}
    for name in ("input", *batch.op.weights(batch.shape)):
        gradient = made[f"gradient of the {name}"]
        along = draw.choice((-1.0, 1.0), given[name].shape)

        def total(step: float, name: str = name, along: Any = along) -> Any:
            wide = {k: v.astype(np.longdouble) for k, v in given.items()}
            wide[name] = wide[name] + step * along
            x = wide.pop("input")
            y = compute(batch.op, x, stored=wide, training=True)
            return (y * against[""]).sum()

        h = 2.0**4
        slope = (8 * (total(h) - total(-h)) - (total(2 * h) - total(-2 * h))) / (12 * h)
        found = float((gradient * along).sum())
        assert abs(slope - found) <= 1e-9 * np.abs(gradient).sum()

"""Derivatives by differences against those that are known, and against torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from archspec.ops.activation import LeakyRelu, Tanh
from archspec.ops.convolution import Conv2d
from archspec.ops.normalization import BatchNorm
from archspec.reference import derivative
from archspec.reference.gradients import five_points

LONG = np.longdouble


def test_each_value_s_own() -> None:
    x = np.linspace(-3, 3, 12).astype(LONG).reshape(3, 4)
    found = derivative(Tanh(), x, of=0, along=np.ones_like(x))
    assert np.max(np.abs(found - (1 - np.tanh(x) ** 2))) <= 1e-12
    # A step for each value, and a direction that is none.
    step = 2.0**-18 * np.maximum(np.abs(x), 1)
    again = derivative(Tanh(), x, of=0, along=np.zeros_like(x), step=step)
    assert not again.any()


def test_a_polynomial_of_four_is_exact() -> None:
    found = five_points(lambda t: (1 + LONG(t)) ** 4, 0.5)
    assert found == 4


@pytest.mark.parametrize("training", [False, True])
def test_along_a_direction_as_torch(training: bool) -> None:
    op, draw = BatchNorm(eps=0.01), np.random.default_rng(0)
    x, against = draw.normal(size=(2, 3, 2, 5, 4))
    stored = {
        "weight": draw.normal(size=2),
        "bias": draw.normal(size=2),
        "running_mean": draw.normal(size=2),
        "running_var": draw.uniform(0.5, 2, 2),
    }
    tensors: dict[str, Any] = {k: torch.tensor(v) for k, v in stored.items()}
    for name in ("weight", "bias"):
        tensors[name].requires_grad_()
    image = torch.tensor(x, requires_grad=True)
    y = F.batch_norm(
        image,
        tensors["running_mean"].clone(),
        tensors["running_var"].clone(),
        tensors["weight"],
        tensors["bias"],
        training,
        0.1,
        0.01,
    )
    total: Any = (y * torch.tensor(against)).sum()
    total.backward()
    wide = {k: v.astype(LONG) for k, v in stored.items()}
    read: tuple[tuple[int | str, Any], ...] = (0, image), ("weight", tensors["weight"])
    for of, tensor in read:
        along = draw.choice((-1.0, 1.0), tuple(tensor.shape))
        moved = derivative(
            op, x.astype(LONG), of=of, along=along, stored=wide, training=training
        )
        wanted = float((tensor.grad.numpy() * along).sum())
        assert abs(float((against * moved).sum()) - wanted) <= 1e-11 * abs(wanted)


def test_of_what_is_rounded() -> None:
    x = np.full((1, 1), -1, LONG)
    op, along = LeakyRelu(negative_slope=0.1), np.ones((1, 1))
    plain = derivative(op, x, of=0, along=along)
    rounded = derivative(op, x, of=0, along=along, rounding="tensorflow")
    assert abs(plain - 0.1) <= 1e-12
    assert abs(rounded - np.float32(0.1)) <= 1e-12 < abs(rounded - plain)


def test_of_a_weight() -> None:
    x = np.arange(8.0).reshape(1, 1, 2, 4).astype(LONG)
    op = Conv2d(channels=1, kernel=1, bias=False)
    weight = np.full((1, 1, 1, 1), 3, LONG)
    found = derivative(op, x, of="weight", along=weight / 3, stored={"weight": weight})
    assert np.max(np.abs(found - x)) <= 1e-12

"""The distributions beside scipy's and torch's own initialisers."""

from __future__ import annotations

import doctest
from math import inf, sqrt
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from nets import graph_of
from torch import nn

from archspec.ops.init import (
    Constant,
    FanInUniform,
    KaimingNormal,
    KaimingUniform,
    Normal,
    TruncNormal,
    Uniform,
    XavierNormal,
    XavierUniform,
)
from archspec.verify import laws as module
from archspec.verify.initial import misfit
from archspec.verify.laws import Law, law, laws

SHAPE = (200, 50, 3, 3)
TORCH: dict[str, tuple[Any, Any]] = {
    "kaiming fan_in": (KaimingNormal(), nn.init.kaiming_normal_),
    "kaiming fan_out": (
        KaimingNormal(mode="fan_out", nonlinearity="linear"),
        lambda t: nn.init.kaiming_normal_(t, mode="fan_out", nonlinearity="linear"),
    ),
    "kaiming uniform": (
        KaimingUniform(nonlinearity="leaky_relu", a=0.3),
        lambda t: nn.init.kaiming_uniform_(t, a=0.3),
    ),
    "fan_in uniform": (
        FanInUniform(),
        lambda t: nn.init.kaiming_uniform_(t, a=sqrt(5)),
    ),
    "xavier normal": (XavierNormal(gain=2), lambda t: nn.init.xavier_normal_(t, 2)),
    "xavier uniform": (XavierUniform(), nn.init.xavier_uniform_),
    "normal": (Normal(mean=0.5, std=0.02), lambda t: nn.init.normal_(t, 0.5, 0.02)),
    "uniform": (Uniform(a=-0.1, b=0.3), lambda t: nn.init.uniform_(t, -0.1, 0.3)),
    "truncated": (
        TruncNormal(mean=0.1, std=0.5, a=-0.4, b=1.0),
        lambda t: nn.init.trunc_normal_(t, 0.1, 0.5, -0.4, 1.0),
    ),
}


@pytest.mark.parametrize("name", TORCH)
def test_as_torch_draws(name: str) -> None:
    torch.manual_seed(0)
    init, fill = TORCH[name]
    tensor = torch.empty(SHAPE)
    fill(tensor)
    values = tensor.numpy().ravel()
    found = law(init, SHAPE)
    assert misfit(found, values).error < 1
    assert misfit(found, values * 1.03).error > 1  # 90,000 values show that much
    others = [law(i, SHAPE) for n, (i, _) in TORCH.items() if n != name]
    assert all(misfit(other, values).error > 1 for other in others)


@pytest.mark.parametrize(
    ("found", "theirs"),
    [
        (Law("normal", 0.5, 2.0), scipy.stats.norm(0.5, 2)),
        (
            Law("normal", 0.5, 2.0, -1.0, 3.5),
            scipy.stats.truncnorm(-0.75, 1.5, 0.5, 2),
        ),
        (Law("normal", 0.0, 1.0, 1.5, inf), scipy.stats.truncnorm(1.5, inf, 0, 1)),
        (Law("uniform", 1.0, low=-1.0, high=3.0), scipy.stats.uniform(-1, 4)),
    ],
)
def test_as_scipy_has_them(found: Law, theirs: Any) -> None:
    x = np.linspace(-9, 9, 1001)
    assert np.abs(found.below(x) - theirs.cdf(x)).max() < 1e-6
    mean, variance, fourth = theirs.stats("mvk")[0], theirs.var(), theirs.stats("k") + 3
    assert found.moments == pytest.approx((mean, variance, fourth), rel=1e-6)


def test_of_a_graph() -> None:
    graph = graph_of(
        "inputs: {x: [8, 4, 4]}\ngraph:\n"
        "  conv: {op: conv2d, channels: 4, kernel: 3, bias: true,"
        " init: {bias: fan_in_uniform, weight: {normal: {std: 0}}}}\n"
        "  norm: {op: batch_norm, init: {weight: 0.5}}\n"
    )
    bound = 1 / sqrt(72)
    assert laws(graph) == {
        "conv.weight": Law("constant", 0.0),
        "conv.bias": Law("uniform", 0.0, low=-bound, high=bound),
        "norm.weight": Law("constant", 0.5),
        "norm.bias": Law("constant", 0.0),
        "norm.running_mean": Law("constant", 0.0),
        "norm.running_var": Law("constant", 1.0),
    }
    assert law(Constant(value=3), ()) == Law("constant", 3.0)


def test_the_example() -> None:
    assert not doctest.testmod(module).failed

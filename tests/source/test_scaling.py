"""archspec.source.scaling, against the standard deviations that PyTorch draws with."""

from __future__ import annotations

import doctest
import math
from typing import Any

import pytest
import torch

from archspec.ops.init import (
    AnyInit,
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
from archspec.source import scaling as module
from archspec.source.scaling import Scaling, fraction, scaling, whole
from archspec.source.text import flat

FAN_IN, FAN_OUT = 12 * 9, 30 * 9


def test_the_example() -> None:
    found = doctest.testmod(module, extraglobs={"flat": flat})
    assert found.attempted and not found.failed


def deviation(found: Scaling, depth: int = 0) -> float:
    """The standard deviation that a variance scaling draws with, as Keras defines it."""
    fan = {"fan_in": FAN_IN, "fan_out": FAN_OUT, "fan_avg": (FAN_IN + FAN_OUT) / 2}
    if depth:  # of a kernel [3, 3, channels, depth] it takes the last two axes
        fan = {"fan_in": 8 * 9, "fan_out": depth * 9}
    return math.sqrt(found.scale / fan[found.mode])


@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize(
    "gain", ["relu", "leaky_relu", "linear", "tanh", "sigmoid", "selu"]
)
@pytest.mark.parametrize("a", [0.0, 0.3])
def test_kaiming(mode: Any, gain: Any, a: float) -> None:
    factor = torch.nn.init.calculate_gain(gain, a if gain == "leaky_relu" else None)
    wanted = factor / math.sqrt(FAN_IN if mode == "fan_in" else FAN_OUT)
    for kind, normal in ((KaimingNormal, True), (KaimingUniform, False)):
        found = scaling(kind(mode=mode, nonlinearity=gain, a=a))
        assert found is not None and found.normal is normal
        assert deviation(found) == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_xavier(gain: float) -> None:
    wanted = gain * math.sqrt(2 / (FAN_IN + FAN_OUT))
    for kind, normal in ((XavierNormal, True), (XavierUniform, False)):
        found = scaling(kind(gain=gain))
        assert found is not None and found.normal is normal
        assert deviation(found) == pytest.approx(wanted, rel=1e-14)


def test_what_torchs_layers_start_from() -> None:
    found = scaling(FanInUniform())
    assert found is not None and not found.normal
    bound = math.sqrt(3) * deviation(found)
    weight = torch.nn.Conv2d(12, 30, 3).weight
    assert bound == pytest.approx(float(weight.detach().abs().max()), rel=0.01)
    assert bound == pytest.approx(1 / math.sqrt(FAN_IN), rel=1e-14)
    assert scaling(FanInUniform(), 3) == Scaling(1.0, "fan_out", False)


@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize("depth", [1, 3])
def test_a_depthwise_convolution(mode: Any, depth: int) -> None:
    """PyTorch's weight is [8 depth, 1, 3, 3]: it counts 9 in and 8 x 9 x depth out."""
    weight = torch.empty(8 * depth, 1, 3, 3)
    fan = torch.nn.init._calculate_correct_fan(weight, mode)
    found = scaling(KaimingNormal(mode=mode), depth)
    assert found is not None
    assert deviation(found, depth) == pytest.approx(math.sqrt(2 / fan), rel=1e-14)


@pytest.mark.parametrize(
    "init", [Normal(), TruncNormal(), Uniform(), Constant(value=1.0)]
)
def test_others_have_no_fans(init: AnyInit) -> None:
    assert scaling(init) is None


@pytest.mark.parametrize(
    ("init", "found"),
    [
        (TruncNormal(std=0.02), True),
        (TruncNormal(std=0.25), True),
        (TruncNormal(std=0.26), False),
        (TruncNormal(std=0.02, a=-0.1), False),
        (TruncNormal(std=0.02, b=0.1), False),
        (TruncNormal(mean=1.9, std=0.02), False),
        (TruncNormal(mean=-1.9, std=0.02), False),
    ],
)
def test_cut_where_nothing_is(init: TruncNormal, found: bool) -> None:
    assert whole(init) is found


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (2.0, "2.0"),
        (1 / 3, "1 / 3"),
        (25 / 9, "25 / 9"),
        (0.5, "0.5"),
        (9 / 16, "0.5625"),
        (1 / 3 + 1e-12, repr(1 / 3 + 1e-12)),
        (1 / 101, repr(1 / 101)),
    ],
)
def test_a_number_as_people_write_it(number: float, text: str) -> None:
    assert flat(fraction(number)) == text
    assert eval(text) == pytest.approx(number, rel=1e-14)

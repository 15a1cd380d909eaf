"""Shapes, weights and MACs of the ops against torch on the meta device."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from archspec.errors import ShapeError
from archspec.ops import BY_KIND, Op
from archspec.ops.convolution import Conv2d, Linear


@pytest.mark.parametrize("size", [(9, 10), (16, 7)])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("padding", [0, 1, (2, 0)])
@pytest.mark.parametrize("stride", [1, 2, (1, 3)])
@pytest.mark.parametrize(("kernel", "groups"), [(1, 1), (3, 2), ((2, 3), 4)])
def test_conv2d(
    kernel: Any, groups: int, stride: Any, padding: Any, dilation: int, size: Any
) -> None:
    attributes = {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
    }
    op = BY_KIND["conv2d"].model_validate(
        {"channels": 8, "kernel": kernel, **attributes}
    )
    oracle = torch.nn.Conv2d(4, 8, kernel, **attributes, device="meta")
    counter = FlopCounterMode(display=False)
    with counter:
        y = oracle(torch.empty(1, 4, *size, device="meta"))
    assert op.shape((4, *size)) == tuple(y.shape[1:])
    assert 2 * op.macs((4, *size)) == counter.get_total_flops()
    expected = {name: tuple(w.shape) for name, w in oracle.named_parameters()}
    assert op.weights((4, *size)) == expected


@pytest.mark.parametrize(
    ("kind", "attributes", "module", "shape"),
    [
        ("linear", {"features": 5}, torch.nn.Linear(7, 5), (7,)),
        ("batch_norm", {}, torch.nn.BatchNorm2d(4), (4, 3, 3)),
        ("batch_norm", {"affine": False}, torch.nn.BatchNorm2d(4, affine=False), (4,)),
        ("relu", {}, torch.nn.ReLU(), (4, 3, 3)),
    ],
)
def test_weights_and_buffers(
    kind: str, attributes: Any, module: torch.nn.Module, shape: tuple[int, ...]
) -> None:
    op = BY_KIND[kind].model_validate(attributes)
    parameters = {name: tuple(w.shape) for name, w in module.named_parameters()}
    buffers = {name: tuple(b.shape) for name, b in module.named_buffers()}
    buffers.pop("num_batches_tracked", None)
    assert op.weights(shape) == parameters
    assert op.buffers(shape) == buffers


@pytest.mark.parametrize(
    ("op", "shape", "message"),
    [
        (Linear(features=3), (4, 2, 2), "put a flatten before it"),
        (Conv2d(channels=4, kernel=5), (3, 4, 9), "more than the 4"),
        (
            Conv2d(channels=4, kernel=1, groups=2),
            (3, 4, 4),
            "groups 2 must divide",
        ),
        (BY_KIND["global_avg_pool2d"](), (3,), "needs an image"),
    ],
)
def test_a_shape_that_does_not_fit(op: Op, shape: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        op.shape(shape)

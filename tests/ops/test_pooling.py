"""Pools against torch.nn, on images, at bounds, with windows that hang over."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from ops.oracles import (
    IMAGE,
    PIXEL,
    check_centres,
    check_chance,
    check_channels,
    check_counts,
    check_example,
    check_sign,
    check_sizes,
    check_sizing,
    check_windows,
    op,
)
from torch import nn

from archspec.errors import ShapeError
from archspec.ops import BY_KIND
from archspec.ops.pooling import AvgPool2d, MaxPool2d

WINDOWS = ("max_pool2d", "avg_pool2d")
ADAPTIVE = ("adaptive_avg_pool2d", "adaptive_max_pool2d")
GLOBAL = ("global_avg_pool2d", "global_max_pool2d")


@pytest.mark.parametrize("size", [(9, 10), (12, 7)])
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("padding", [0, 1, (0, 1), ((1, 0), (0, 1))])
@pytest.mark.parametrize("stride", [None, 1, (2, 3), 4])
@pytest.mark.parametrize("kernel", [2, (3, 2), 5])
@pytest.mark.parametrize("kind", WINDOWS)
def test_windows_of_pools(
    kind: str, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, size: Any
) -> None:
    made = op(kind, kernel=kernel, stride=stride, padding=padding, ceil_mode=ceil_mode)
    if not (ceil_mode and isinstance(padding, tuple) and padding[0] == (1, 0)):
        check_counts(made, (4, *size))  # torch has no such padding with ceil_mode


@pytest.mark.parametrize("size", [(9, 10), (12, 7)])
@pytest.mark.parametrize("stride", [None, 1, 2])
@pytest.mark.parametrize("kernel", [1, 2, (3, 5)])
@pytest.mark.parametrize("kind", WINDOWS)
def test_same(kind: str, kernel: Any, stride: Any, size: Any) -> None:
    check_counts(op(kind, kernel=kernel, stride=stride, padding="same"), (4, *size))


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("dilation", [2, (1, 3)])
@pytest.mark.parametrize("kernel", [2, (3, 2)])
def test_a_dilated_max_pool(kernel: Any, dilation: Any, padding: int) -> None:
    made = MaxPool2d(kernel=kernel, stride=2, dilation=dilation, padding=padding)
    check_counts(made, (4, 9, 10))


@pytest.mark.parametrize("size", [1, 2, (3, 5), 14])
@pytest.mark.parametrize("kind", ADAPTIVE)
def test_adaptive(kind: str, size: Any) -> None:
    made = op(kind, size=size)
    check_counts(made, IMAGE)
    check_sizing(made, IMAGE)
    check_sign(made, IMAGE)
    height, width = (size, size) if isinstance(size, int) else size
    assert made.windows(IMAGE, (4, height, width)) is None
    assert made.windows((4, height, width), (4, height, width)) == PIXEL
    assert made.windows((3, height, width), (4, height, width)) == PIXEL


@pytest.mark.parametrize("kind", GLOBAL)
def test_global(kind: str) -> None:
    made = op(kind)
    check_counts(made, IMAGE)
    check_sizing(made, IMAGE)
    check_sign(made, IMAGE)


@pytest.mark.parametrize("kind", (*WINDOWS, *ADAPTIVE, *GLOBAL))
def test_traits(kind: str) -> None:
    check_example(kind)
    attributes = {"kernel": 3} if kind in WINDOWS else {"size": 2}
    made = op(kind, **({} if kind in GLOBAL else attributes))
    check_sizing(made, IMAGE)
    check_sign(made, IMAGE)
    check_centres(made, IMAGE)
    check_channels(made, IMAGE)
    check_chance(made)
    assert not made.follows


@pytest.mark.parametrize("kind", (*WINDOWS, *ADAPTIVE))
def test_sizes(kind: str) -> None:
    if kind in ADAPTIVE:
        check_sizes(BY_KIND[kind], {"size": 2})
        return
    base = {"kernel": 3}
    check_sizes(BY_KIND[kind], base, {**base, "stride": 2}, {"kernel": 2, "stride": 5})


@pytest.mark.parametrize(
    "made",
    [
        op("max_pool2d", kernel=3),
        op("max_pool2d", kernel=(2, 3), stride=(3, 1), dilation=(2, 1)),
        op("max_pool2d", kernel=3, stride=2, padding=1),
        op("avg_pool2d", kernel=(3, 4), stride=(1, 2)),
        op("avg_pool2d", kernel=2),
    ],
    ids=str,
)
def test_windows(made: Any) -> None:
    check_windows(made)


def test_steps_and_sides() -> None:
    assert MaxPool2d(kernel=(2, 3)).steps() == (2, 3)
    assert MaxPool2d(kernel=2, stride=(1, 3)).steps() == (1, 3)
    assert AvgPool2d(kernel=(2, 3)).extent() == (2, 3)
    assert AvgPool2d(kernel=4, padding=(1, 2)).sides(9, 9) == ((1, 1), (2, 2))
    assert AvgPool2d(kernel=(2, 3), padding="same").sides(5, 9) == ((0, 1), (0, 0))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"kernel": 3, "padding": 2}, "padding 2 is more than half of the kernel 3"),
        ({"kernel": (4, 3), "padding": 2}, "half of the kernel 3"),
        ({"kernel": (3, 4), "padding": 2}, "half of the kernel 3"),
        ({"kernel": 3, "padding": ((0, 2), (0, 0))}, "padding 2 is more"),
        ({"kernel": 3, "padding": "same", "ceil_mode": True}, "rounds up already"),
        ({"kernel": 2, "stride": 3, "padding": "same"}, "at least 3 pixels"),
        ({"kernel": (3, 2), "stride": 3, "padding": "same"}, "it covers 2"),
    ],
)
@pytest.mark.parametrize("kind", WINDOWS)
def test_what_does_not_go_together(kind: str, attributes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        op(kind, **attributes)


@pytest.mark.parametrize("padding", [2, (2, 2), ((2, 0), (0, 2))])
def test_padding_up_to_half(padding: Any) -> None:
    check_counts(op("max_pool2d", kernel=4, padding=padding), IMAGE)


def test_same_of_a_dilated_kernel_that_covers_its_stride() -> None:
    check_counts(
        op("max_pool2d", kernel=2, dilation=3, stride=4, padding="same"), IMAGE
    )
    with pytest.raises(ValueError, match="it covers 3"):
        op("max_pool2d", kernel=2, dilation=2, stride=4, padding="same")


@pytest.mark.parametrize("kind", (*WINDOWS, *ADAPTIVE, *GLOBAL))
def test_a_shape_that_does_not_fit(kind: str) -> None:
    attributes = {"kernel": 5} if kind in WINDOWS else {"size": 2}
    made = op(kind, **({} if kind in GLOBAL else attributes))
    with pytest.raises(ShapeError, match=f"{kind} needs an image") as caught:
        made.shape((4,))
    assert caught.value.code == "AS401"
    if kind in WINDOWS:
        with pytest.raises(ShapeError, match=f"{kind}'s window covers 5") as caught:
            made.shape((4, 9, 4))
        assert caught.value.code == "AS403"


def test_defaults_are_torchs() -> None:
    for kind, layer, names in (
        ("max_pool2d", nn.MaxPool2d, ("stride", "padding", "dilation", "ceil_mode")),
        (
            "avg_pool2d",
            nn.AvgPool2d,
            ("stride", "padding", "ceil_mode", "count_include_pad"),
        ),
    ):
        usual = inspect.signature(layer.__init__).parameters
        for name in names:
            assert BY_KIND[kind].model_fields[name].default == usual[name].default

"""Convolutions and the linear layer against torch.nn, on images and at bounds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from ops.oracles import (
    IMAGE,
    check_centres,
    check_chance,
    check_channels,
    check_counts,
    check_example,
    check_sign,
    check_sizes,
    check_sizing,
    check_starts,
    check_windows,
    op,
)

from archspec.errors import ShapeError
from archspec.ops import BY_KIND
from archspec.ops.base import pair
from archspec.ops.convolution import Conv2d, ConvTranspose2d, Linear, multiplier


@pytest.mark.parametrize("size", [(9, 10), (16, 7)])
@pytest.mark.parametrize("dilation", [1, (2, 1)])
@pytest.mark.parametrize("padding", [0, 1, (2, 0), ((1, 0), (0, 2)), "same"])
@pytest.mark.parametrize("stride", [1, 2, (1, 3)])
@pytest.mark.parametrize(
    ("kernel", "groups", "bias"), [(1, 1, True), (3, 2, False), ((2, 4), 4, True)]
)
def test_conv2d(
    kernel: Any,
    groups: int,
    bias: bool,
    stride: Any,
    padding: Any,
    dilation: Any,
    size: Any,
) -> None:
    attributes = {"stride": stride, "padding": padding, "dilation": dilation}
    try:
        made = op(
            "conv2d", channels=8, kernel=kernel, groups=groups, bias=bias, **attributes
        )
    except ValueError as error:
        assert padding == "same" and "needs a kernel of 1 or at least" in str(error)
        return
    check_counts(made, (4, *size))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("output_padding", [0, 1, (0, 2)])
@pytest.mark.parametrize("padding", [0, 1, (0, 2)])
@pytest.mark.parametrize("dilation", [1, (2, 3)])
@pytest.mark.parametrize("stride", [1, 3, (2, 3)])
@pytest.mark.parametrize(("kernel", "bias"), [(1, True), (3, False), ((2, 4), True)])
def test_conv_transpose2d(
    kernel: Any,
    bias: bool,
    stride: Any,
    dilation: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
) -> None:
    try:
        made = op(
            "conv_transpose2d",
            channels=6,
            kernel=kernel,
            stride=stride,
            padding=padding,
            output_padding=output_padding,
            dilation=dilation,
            groups=groups,
            bias=bias,
        )
    except ValueError as error:
        assert "must be smaller than the stride" in str(error)
        with pytest.raises((AssertionError, RuntimeError, ValueError)):
            check_counts(
                ConvTranspose2d.model_construct(
                    channels=6,
                    kernel=kernel,
                    stride=stride,
                    padding=padding,
                    output_padding=output_padding,
                    dilation=dilation,
                    groups=groups,
                    bias=bias,
                ),
                (4, 5, 6),
            )
        return
    check_counts(made, (4, 5, 6))


@pytest.mark.parametrize("bias", [True, False])
def test_linear(bias: bool) -> None:
    made = Linear(features=5, bias=bias)
    check_counts(made, (7,))
    check_starts(made, (7,))
    check_channels(made, (7,))
    check_centres(made, (7,))
    check_sign(made, (7,))


KERNELS = [
    op("conv2d", channels=8, kernel=3),
    op("conv2d", channels=8, kernel=1, groups=2, bias=False),
    op("conv_transpose2d", channels=8, kernel=3),
    op("conv_transpose2d", channels=8, kernel=3, stride=2, bias=False),
]


@pytest.mark.parametrize("made", KERNELS, ids=str)
def test_traits(made: Any) -> None:
    check_starts(made, IMAGE)
    check_channels(made, IMAGE)
    check_centres(made, IMAGE)
    check_sign(made, IMAGE)
    check_sizing(made, IMAGE)
    check_chance(made)
    assert not made.follows


@pytest.mark.parametrize("kind", ["conv2d", "conv_transpose2d"])
def test_sizes(kind: str) -> None:
    base = {"channels": 8, "kernel": 3}
    more = {"stride": 3, "dilation": 2, "padding": 1}
    check_sizes(BY_KIND[kind], base, {**base, **more}, {**base, "padding": "same"})


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("conv2d", {"kernel": 3}),
        ("conv2d", {"kernel": (2, 5), "stride": (3, 1), "dilation": (2, 1)}),
        ("conv2d", {"kernel": 4, "padding": "same", "stride": 2}),
        ("conv_transpose2d", {"kernel": 3}),
        ("conv_transpose2d", {"kernel": (4, 5), "stride": (2, 3)}),
        ("conv_transpose2d", {"kernel": (2, 3), "stride": 2, "padding": 1}),
    ],
)
def test_windows(kind: str, attributes: Any) -> None:
    check_windows(op(kind, channels=4, bias=False, **attributes))


@pytest.mark.parametrize("kind", ["conv2d", "conv_transpose2d", "linear"])
def test_example(kind: str) -> None:
    check_example(kind, (8,) if kind == "linear" else IMAGE)


def test_kernel_and_bias_may_be_given_an_init() -> None:
    for kind in (Conv2d, ConvTranspose2d, Linear):
        assert kind.trained() == ("weight", "bias")
        assert kind.stored == {"weight": "kernel", "bias": "bias"}


@pytest.mark.parametrize(
    ("made", "shape", "code", "message"),
    [
        (Linear(features=3), (4, 2, 2), "AS401", "needs a vector"),
        (
            op("conv2d", channels=4, kernel=5),
            (3, 4, 9),
            "AS403",
            r"the 4 .*\(4 \+ 0 \+ 0",
        ),
        (op("conv2d", channels=4, kernel=5), (3, 9, 4), "AS403", "covers 5 pixels"),
        (op("conv2d", channels=4, kernel=1, groups=2), (3, 4, 4), "AS404", "the 3"),
        (op("conv2d", channels=3, kernel=1, groups=2), (4, 4, 4), "AS404", "the 3"),
        (op("conv2d", channels=3, kernel=1), (4,), "AS401", "needs an image"),
        (op("conv_transpose2d", channels=3, kernel=1), (4,), "AS401", "needs an image"),
        (
            op("conv_transpose2d", channels=3, kernel=1, groups=2),
            (4, 4, 4),
            "AS404",
            "groups 2 must divide",
        ),
        (
            op("conv_transpose2d", channels=3, kernel=3, padding=(0, 3)),
            (4, 4, 4),
            "AS403",
            r"nothing is left: height and width would be \[6, 0\]",
        ),
    ],
)
def test_a_shape_that_does_not_fit(
    made: Any, shape: Any, code: str, message: str
) -> None:
    with pytest.raises(ShapeError, match=message) as caught:
        made.shape(shape)
    assert caught.value.code == code


def test_a_transposed_convolution_of_which_one_pixel_is_left() -> None:
    check_counts(op("conv_transpose2d", channels=3, kernel=3, padding=4), (4, 7, 7))


@pytest.mark.parametrize(
    ("channels", "groups", "read", "multiple"),
    [(8, 4, 4, 2), (4, 4, 4, 1), (8, 2, 4, 0), (8, 1, 1, 0), (8, 1, 4, 0)],
)
def test_multiplier(channels: int, groups: int, read: int, multiple: int) -> None:
    made = Conv2d(channels=channels, kernel=3, groups=groups)
    assert multiplier(made, ((read, 5, 5),)) == multiple
    if multiple:
        assert made.weights((read, 5, 5))["weight"][0] == multiple * read


@pytest.mark.parametrize(
    ("made", "like"),
    [
        (op("conv2d", channels=8, kernel=3), torch.nn.Conv2d(4, 8, 3)),
        (
            op("conv_transpose2d", channels=8, kernel=3),
            torch.nn.ConvTranspose2d(4, 8, 3),
        ),
    ],
    ids=["conv2d", "conv_transpose2d"],
)
def test_attributes_left_out_are_those_of_torch(made: Any, like: Any) -> None:
    for name in ("stride", "padding", "output_padding", "dilation"):
        if hasattr(made, name):
            assert pair(getattr(made, name)) == getattr(like, name)
    assert made.groups == like.groups
    assert made.bias == (like.bias is not None)
    assert made.width == "channels" and made.counts_channels


def test_a_linear_layer_has_a_bias_unless_it_says_so() -> None:
    assert Linear(features=3).weights((2,)) == {"weight": (3, 2), "bias": (3,)}
    assert Linear(features=3, bias=False).weights((2,)) == {"weight": (3, 2)}
    assert Linear(features=3).width == "features"


def test_extent_and_sides() -> None:
    made = Conv2d(channels=1, kernel=(2, 3), dilation=(3, 2), padding=(1, 2))
    assert made.extent() == (4, 5)
    assert made.sides(9, 10) == ((1, 1), (2, 2))
    odd = Conv2d(channels=1, kernel=(2, 3), stride=2, padding="same")
    assert odd.sides(9, 10) == ((0, 1), (0, 1))


def test_same_padding_covers_the_image() -> None:
    """TensorFlow's takes any stride; with a smaller kernel it would leave pixels out."""
    for kernel, stride, dilation in ((2, 3, 1), ((3, 2), (1, 3), 1), (2, 4, 2)):
        with pytest.raises(ValueError, match="needs a kernel of 1 or at least"):
            Conv2d(
                channels=1,
                kernel=kernel,
                stride=stride,
                dilation=dilation,
                padding="same",
            )
    for kernel, stride, dilation in ((1, 3, 1), (3, 3, 1), (2, 3, 2), ((1, 3), 3, 1)):
        Conv2d(
            channels=1, kernel=kernel, stride=stride, dilation=dilation, padding="same"
        )

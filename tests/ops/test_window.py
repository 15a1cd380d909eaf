"""Sliding windows against JAX's padding and torch's pools."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import pytest
import torch
from jax.lax import padtype_to_pads

from archspec.errors import ShapeError
from archspec.ops import window

LENGTHS = (1, 2, 3, 7, 8, 9, 12)


@pytest.mark.parametrize("extent", [1, 2, 3, 5])
@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_same_is_tensorflows(extent: int, step: int) -> None:
    for n, other in product(LENGTHS, LENGTHS):
        found = window.sides("same", (n, other), (extent, 3), (step, 2))
        wanted = padtype_to_pads((n, other), (extent, 3), (step, 2), "SAME")
        assert found == tuple((int(lo), int(hi)) for lo, hi in wanted)


@pytest.mark.parametrize(
    ("padding", "sides"),
    [
        (2, ((2, 2), (2, 2))),
        ((1, 2), ((1, 1), (2, 2))),
        (((1, 2), (3, 4)), ((1, 2), (3, 4))),
    ],
)
def test_explicit_sides(padding: Any, sides: Any) -> None:
    assert window.sides(padding, (5, 5), (3, 3), (1, 1)) == sides


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("step", [1, 2, 3, 5])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
def test_how_many_windows_there_are(
    kernel: int, step: int, padding: int, up: bool
) -> None:
    if 2 * padding > kernel:
        return
    pool = torch.nn.MaxPool2d(kernel, step, padding, ceil_mode=up)
    sides = ((padding, padding), (padding, padding))
    for n, other in product(LENGTHS, LENGTHS):
        given = ((n, other), sides, (kernel, kernel), (step, step))
        if min(n, other) + 2 * padding < kernel:
            with pytest.raises(ShapeError, match="a window covers") as caught:
                window.slid("a window", *given, up=up)
            assert caught.value.code == "AS403"
            continue
        y = pool(torch.zeros(1, 1, n, other))
        assert window.slid("a window", *given, up=up) == tuple(y.shape[2:])


def test_sides_that_differ() -> None:
    sides = ((1, 0), (0, 2))
    y = torch.nn.functional.pad(torch.zeros(1, 1, 8, 9), (0, 2, 1, 0))
    y = torch.nn.functional.max_pool2d(y, (3, 2), (2, 3))
    found = window.slid("it", (8, 9), sides, (3, 2), (2, 3))
    assert found == tuple(y.shape[2:])


@pytest.mark.parametrize(
    ("size", "extent", "text"),
    [
        ((4, 9), (8, 3), r"it covers 8 pixels, more than the 7 .*\(4 \+ 1 \+ 2\)"),
        ((9, 4), (3, 8), r"it covers 8 pixels, more than the 4 .*\(4 \+ 0 \+ 0\)"),
    ],
)
def test_a_window_larger_than_the_image(size: Any, extent: Any, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        window.slid("it", size, ((1, 2), (0, 0)), extent, (1, 1))


@pytest.mark.parametrize(
    ("extent", "steps", "fits"),
    [
        ((1, 1), (3, 3), True),
        ((3, 3), (3, 3), True),
        ((2, 3), (3, 3), False),
        ((3, 2), (3, 3), False),
        ((2, 2), (1, 1), True),
        ((2, 2), (2, 2), True),
    ],
)
def test_whether_same_leaves_nothing_out(extent: Any, steps: Any, fits: bool) -> None:
    if fits:
        window.check_same(extent, steps)
        return
    with pytest.raises(
        ValueError, match="a kernel of 1 or at least 3 pixels, it covers 2"
    ):
        window.check_same(extent, steps)


@pytest.mark.parametrize(
    ("kernel", "dilation", "covered"),
    [(3, 1, (3, 3)), ((2, 3), (3, 2), (4, 5)), (1, 9, (1, 1)), ((4, 1), 2, (7, 1))],
)
def test_extent(kernel: Any, dilation: Any, covered: Any) -> None:
    """As far as the shape of torch's convolution shrinks."""
    assert window.extent(kernel, dilation) == covered
    layer = torch.nn.Conv2d(1, 1, kernel, dilation=dilation)
    y = layer(torch.zeros(1, 1, 20, 30))
    assert (21 - y.shape[2], 31 - y.shape[3]) == covered


def test_what_is_read() -> None:
    found = window.read((3, 5), (1, 2))
    assert found == ((3, Fraction(1)), (5, Fraction(2)))


def test_the_example_of_the_module() -> None:
    import doctest

    assert doctest.testmod(window).attempted and not doctest.testmod(window).failed

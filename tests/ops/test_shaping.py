"""Arithmetic, and ops that move values about, against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from ops.modules import module
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
    values,
)

from archspec.errors import ShapeError
from archspec.ops import BY_KIND
from archspec.ops.shaping import Add, Concat, Pad, Resize

JOINS = ("add", "subtract", "multiply", "concat")
OF_ONE = [
    op("slice", stop=3),
    op("slice", start=1, stop=4),
    op("flatten"),
    op("flatten", order="hwc"),
    op("pad", spatial=2),
    op("pad", spatial=(1, 0), channels=3),
    op("pad", spatial=((0, 2), (1, 3)), channels=(0, 2)),
    op("resize", size=3),
    op("resize", mode="bilinear", size=(4, 20)),
    op("resize", scale=2),
    op("resize", scale=(1.5, 0.7)),
    op("resize", mode="bilinear", scale=(3.0, 0.5)),
    op("pixel_shuffle", factor=2),
    op("pixel_shuffle", factor=1),
    op("channel_shuffle", groups=2),
]


@pytest.mark.parametrize("made", OF_ONE, ids=lambda m: f"{m.kind} {m}")
def test_of_one(made: Any) -> None:
    check_counts(made, IMAGE)
    if made.kind in ("slice", "flatten"):
        check_counts(made, (4,))
    check_sizing(made, IMAGE)
    check_sign(made, IMAGE)
    check_centres(made, IMAGE)
    check_channels(made, IMAGE)
    check_chance(made)
    assert made.follows == (made.kind == "flatten")


@pytest.mark.parametrize("shapes", [(IMAGE, IMAGE), (IMAGE, (4, 1, 1)), ((4,), (4,))])
@pytest.mark.parametrize("kind", ["add", "subtract", "multiply"])
def test_elementwise(kind: str, shapes: Any) -> None:
    for order in (shapes, shapes[::-1]):
        check_counts(op(kind), *order)
        check_sign(op(kind), *order)
        check_centres(op(kind), *order)


@pytest.mark.parametrize("shapes", [(IMAGE, (3, 9, 10)), ((4,), (2,))])
def test_concat(shapes: Any) -> None:
    check_counts(Concat(), *shapes)
    check_sign(Concat(), *shapes)
    assert Concat().shape(*shapes, shapes[0]) == (
        2 * shapes[0][0] + shapes[1][0],
        *shapes[0][1:],
    )


@pytest.mark.parametrize(
    "shapes",
    [
        (IMAGE, (3, 8, 10)),
        (IMAGE, (3, 9, 11)),
        (IMAGE, (4,)),
        (IMAGE, IMAGE, (4, 1, 1)),
    ],
)
def test_what_is_not_concatenated(shapes: Any) -> None:
    with pytest.raises(ShapeError, match="concat needs equal heights and widths") as e:
        Concat().shape(*shapes)
    assert e.value.code == "AS402"
    assert all(str(list(shape)) in str(e.value) for shape in shapes)


@pytest.mark.parametrize("kind", JOINS)
def test_traits_of_joins(kind: str) -> None:
    made = op(kind)
    assert made.arity == ((2, 2) if kind == "subtract" else (2, None))
    assert made.sized_by(("a", "b")) == made.computed_from(("a", "b")) == ("a", "b")
    assert made.windows(IMAGE, IMAGE) == PIXEL
    assert not (made.sizes or made.width or made.follows or made.flattens)


def test_three_values_of_which_one_is_a_pixel() -> None:
    assert Add().shape(IMAGE, (4, 1, 1), IMAGE) == IMAGE
    assert Add().shape((4, 1, 1), IMAGE) == IMAGE
    assert Add().shape((4, 1, 1), (4, 1, 1)) == (4, 1, 1)
    # A side of one pixel makes no pixel of an image.
    for image in ((4, 1, 9), (4, 9, 1)):
        assert Add().shape((4, 1, 1), image) == Add().shape(image, (4, 1, 1)) == image


@pytest.mark.parametrize(
    "shapes",
    [
        (IMAGE, (3, 9, 10)),
        (IMAGE, (4, 9, 11)),
        (IMAGE, (4,)),
        (IMAGE, (3, 1, 1)),
        (IMAGE, (4, 1, 10)),
        ((4,), (5,)),
        (IMAGE, IMAGE, (4, 9, 9)),
    ],
)
def test_operands_that_do_not_fit(shapes: Any) -> None:
    with pytest.raises(ShapeError, match="add needs equal shapes") as caught:
        Add().shape(*shapes)
    assert caught.value.code == "AS402"


def test_images_that_can_not_be_joined() -> None:
    with pytest.raises(ShapeError, match="equal heights and widths") as caught:
        Concat().shape(IMAGE, (4, 9, 11))
    assert caught.value.code == "AS402"


@pytest.mark.parametrize("like", [(3, 13, 7), (5, 4, 20)])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_resize_to_another(mode: Any, like: Any) -> None:
    made = Resize(mode=mode)
    check_counts(made, IMAGE, like)
    oracle = module(made, IMAGE, like)
    x, other = values(IMAGE, like)
    changed = values(like, seed=1)[0]
    assert torch.equal(oracle(x, other), oracle(x, changed))
    assert not torch.equal(oracle(x, other), oracle(x + 1, other))
    assert made.computed_from(("x", "like")) == ("x",)
    assert made.sized_by(("x", "like")) == ("like",)
    assert Resize.arity == (1, 2)


def test_a_resize_with_a_size_follows_nothing() -> None:
    assert Resize(size=3).sized_by(("x",)) == ()
    assert Resize(scale=3).sized_by(("x",)) == ("x",)


@pytest.mark.parametrize("kind", ["resize", "pad", "pixel_shuffle", "slice", "flatten"])
def test_sizes(kind: str) -> None:
    bases: dict[str, list[dict[str, Any]]] = {
        "resize": [{}, {"scale": 2.5}, {"size": 4}],
        "pixel_shuffle": [{}],
        "slice": [{"stop": 3}, {}],
    }
    check_sizes(BY_KIND[kind], *bases.get(kind, [{}]))


@pytest.mark.parametrize(
    "made",
    [
        op("slice", stop=3),
        op("pad", spatial=((3, 1), (0, 2))),
        op("resize", scale=2.0),
        op("resize", scale=(3.0, 1.0)),
        op("resize", size=(72, 16)),
        op("resize", mode="bilinear", scale=2.0),
        op("resize", mode="bilinear", size=(16, 48)),
        op("pixel_shuffle", factor=2),
        op("channel_shuffle", groups=2),
    ],
    ids=lambda m: f"{m.kind} {m}",
)
def test_windows(made: Any) -> None:
    check_windows(made)


@pytest.mark.parametrize("made", OF_ONE, ids=lambda m: f"{m.kind} {m}")
def test_examples(made: Any) -> None:
    check_example(made.kind)


@pytest.mark.parametrize("kind", JOINS)
def test_examples_of_joins(kind: str) -> None:
    check_example(kind)


def test_pad() -> None:
    made = Pad(spatial=(1, 2), channels=(0, 3))
    assert made.sides() == ((1, 1), (2, 2)) and made.beside()
    assert not Pad(spatial=1).beside() and Pad(channels=1).beside()
    assert not Pad().beside() and Pad().sides() == ((0, 0), (0, 0))
    assert made.out_channels((4,), {"channels": (1, 3)}, (IMAGE,)) == 8


@pytest.mark.parametrize(
    ("made", "shapes", "code", "message"),
    [
        (op("slice", stop=5), [IMAGE], "AS405", "stop 5 is behind the last of 4"),
        (op("pad"), [(4,)], "AS401", "pad needs an image"),
        (op("resize", size=2), [(4,)], "AS401", "resize needs an image"),
        (op("resize"), [IMAGE, (4,)], "AS401", "resize needs an image"),
        (op("resize"), [IMAGE], "AS406", "found 0 of them"),
        (op("resize", size=2), [IMAGE, IMAGE], "AS406", "found 2 of them"),
        (op("resize", scale=2), [IMAGE, IMAGE], "AS406", "found 2 of them"),
        (op("resize", scale=0.1), [IMAGE], "AS403", "leaves nothing of 9x10"),
        (op("resize", scale=(1.0, 0.09)), [IMAGE], "AS403", "leaves nothing"),
        (op("pixel_shuffle", factor=2), [(6, 4, 4)], "AS404", "a multiple of 4"),
        (op("pixel_shuffle", factor=2), [(4,)], "AS401", "needs an image"),
        (op("channel_shuffle", groups=3), [IMAGE], "AS404", "groups 3"),
        (op("channel_shuffle", groups=2), [(4,)], "AS401", "needs an image"),
    ],
)
def test_a_shape_that_does_not_fit(
    made: Any, shapes: Any, code: str, message: str
) -> None:
    with pytest.raises(ShapeError, match=message) as caught:
        made.shape(*shapes)
    assert caught.value.code == code


def test_a_slice_of_all_channels_and_one_to_a_single_pixel() -> None:
    check_counts(op("slice", stop=4), IMAGE)
    check_counts(op("resize", scale=(0.12, 0.1)), IMAGE)
    check_counts(op("slice", start=3, stop=4), IMAGE)


@pytest.mark.parametrize("bad", [{"start": 2, "stop": 2}, {"start": 3, "stop": 2}])
def test_an_empty_slice(bad: Any) -> None:
    with pytest.raises(ValueError, match="must be smaller than stop 2"):
        op("slice", **bad)


def test_two_ways_to_resize() -> None:
    with pytest.raises(ValueError, match="size or scale, not both"):
        op("resize", size=2, scale=2)


@pytest.mark.parametrize("scale", [0, -1, 1_000_001])
def test_a_scale_out_of_range(scale: float) -> None:
    with pytest.raises(ValueError):
        op("resize", scale=scale)
    assert op("resize", scale=1_000_000).kind == "resize"


NEAREST = [
    (n, factor)
    for n in (1, 2, 3, 5, 8, 9)
    for factor in (1.0, 2.0, 1.01, 1.12, 1.5, 1.99, 2.01, 2.1, 2.4, 3.0, 0.5)
    if n * factor >= 1
]


@pytest.mark.parametrize(("n", "factor"), NEAREST)
def test_a_broken_scale_on_which_kernels_disagree(n: int, factor: float) -> None:
    """It is refused where PyTorch's float32 kernels give two answers, by memory format.

    They choose by size: channels last, contiguous, and double are three of them.
    """
    length = int(n * factor)
    made = Resize(scale=factor)
    oracle = module(made, (2, n, n))
    odd = factor not in (1, 2) and n > 1 and length in (n, 2 * n)
    if odd:
        with pytest.raises(ShapeError, match=f"makes {length} of {n} pixels") as caught:
            made.shape((2, n, n))
        assert caught.value.code == "AS407"
        assert caught.value.hint == f"say the size, {length}, or another scale"
        Resize(mode="bilinear", scale=factor).shape((2, n, n))
    else:
        x = torch.arange(2.0 * n * n).reshape(1, 2, n, n)
        one = oracle(x.float())
        last = oracle(x.float().to(memory_format=torch.channels_last))
        assert np.array_equal(one.numpy(), last.numpy())
        assert made.shape((2, n, n)) == tuple(one.shape[1:])


@pytest.mark.parametrize("factor", range(1, 65))
def test_when_nearest_repeats_pixels(factor: int) -> None:
    """Where torch's position is rounded down it may show a pixel once too often."""
    repeats = Resize(scale=(1.0, float(factor))).repeats()
    assert repeats == (float(np.float32(1 / factor)) >= 1 / factor)
    assert repeats == Resize(scale=(float(factor), 1.0)).repeats()
    row = torch.arange(4096.0)[None, None, None]
    found = torch.nn.functional.interpolate(row, scale_factor=(1.0, float(factor)))
    if repeats:
        assert torch.equal(found[0, 0, 0], row[0, 0, 0].repeat_interleave(factor))
    assert not Resize(scale=factor + 0.5).repeats()

"""Norms and the learned scale against torch.nn."""

from __future__ import annotations

import inspect
from typing import Any

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
    check_sizing,
    check_starts,
    check_windows,
    op,
)
from torch import nn

from archspec.errors import ShapeError
from archspec.ops import BY_KIND
from archspec.ops.normalization import BatchNorm, LocalResponseNorm, Norm, Scale

NORMS = [
    op("batch_norm"),
    op("batch_norm", affine=False),
    op("layer_norm"),
    op("layer_norm", affine=False),
    op("group_norm", groups=2),
    op("group_norm", groups=2, affine=False),
]
OTHERS = [
    op("scale"),
    op("scale", weight="gamma"),
    op("local_response_norm", size=3),
    op("local_response_norm", size=2, k=0.5, alpha=0.0),
]


@pytest.mark.parametrize("made", [*NORMS, *OTHERS], ids=lambda m: f"{m.kind} {m}")
def test_all(made: Any) -> None:
    vectors = made.kind not in ("group_norm", "local_response_norm")
    for shape in [IMAGE, *([(4,)] if vectors else [])]:
        check_counts(made, shape)
        check_starts(made, shape)
        check_sign(made, shape)
        check_centres(made, shape)
        check_channels(made, shape)
    check_sizing(made, IMAGE)
    check_chance(made)
    assert made.follows == isinstance(made, Norm)
    assert not made.sizes
    if made.kind != "group_norm":  # what it gathers over the image isn't counted
        check_windows(made)
    windows = made.windows(IMAGE, IMAGE)
    assert windows == PIXEL


@pytest.mark.parametrize(
    ("attributes", "never"),
    [
        ({"k": 1.0, "alpha": 0.0, "beta": 1.0}, True),
        ({"k": 1.0, "alpha": 2.0, "beta": -1.0}, True),
        ({"k": -2.0, "alpha": 0.0, "beta": 1.0}, False),
        ({"k": 0.0, "alpha": 1.0, "beta": 1.0}, False),
        ({"k": 0.5, "alpha": -5.0, "beta": 1.0}, False),
        ({"k": 0.5, "alpha": -0.5, "beta": 1.0}, False),
    ],
)
def test_the_sign_of_a_local_response_norm(attributes: Any, never: bool) -> None:
    made = op("local_response_norm", size=3, **attributes)
    check_sign(made, IMAGE)
    assert made.nonnegative(True) == never


@pytest.mark.parametrize(
    "kind", ["batch_norm", "layer_norm", "group_norm", "local_response_norm", "scale"]
)
def test_example(kind: str) -> None:
    check_example(kind)


def test_batch_norm_keeps_statistics() -> None:
    assert BatchNorm.trained() == ("weight", "bias")
    made = BatchNorm()
    oracle = module(made, IMAGE).train()
    oracle(5 + 3 * torch.randn(8, *IMAGE, dtype=torch.float64))
    trained = {name for name, _ in oracle.named_parameters()}
    kept = {name: b for name, b in oracle.named_buffers() if b.ndim}
    assert trained == set(BatchNorm.trained())
    roles = {name: made.role(name) for name in kept}
    assert roles == {"running_mean": "mean", "running_var": "variance"}
    # At a tenth of the way to a mean of 5 and a variance of 9.
    assert kept["running_mean"].mean() == pytest.approx(0.5, rel=0.1)
    assert kept["running_var"].mean() == pytest.approx(1.8, rel=0.1)


def test_roles() -> None:
    assert {n: NORMS[0].role(n) for n in ("weight", "bias")} == {
        "weight": "factor",
        "bias": "offset",
    }
    assert op("scale", weight="gamma").role("gamma") == "scale"
    assert Scale.naming == "weight" and Scale.stored == {"weight": "scale"}


def test_defaults_are_torchs() -> None:
    for kind, layer, names in (
        ("batch_norm", nn.BatchNorm2d, ("eps", "momentum", "affine")),
        ("layer_norm", nn.LayerNorm, ("eps",)),
        ("group_norm", nn.GroupNorm, ("eps", "affine")),
        ("local_response_norm", nn.LocalResponseNorm, ("alpha", "beta", "k")),
    ):
        usual = inspect.signature(layer.__init__).parameters
        for name in names:
            assert BY_KIND[kind].model_fields[name].default == usual[name].default
    assert BY_KIND["layer_norm"].model_fields["affine"].default is True
    assert BatchNorm().running_var is None and Scale().weight == "weight"


@pytest.mark.parametrize(
    ("made", "shape", "code"),
    [
        (op("group_norm", groups=2), (4,), "AS401"),
        (op("group_norm", groups=3), IMAGE, "AS404"),
        (op("local_response_norm", size=3), (4,), "AS401"),
        (Scale(), (4, 4), "AS401"),
    ],
)
def test_a_shape_that_does_not_fit(made: Any, shape: Any, code: str) -> None:
    with pytest.raises(ShapeError) as caught:
        made.shape(shape)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("batch_norm", {"eps": 0}),
        ("layer_norm", {"eps": -1e-5}),
        ("group_norm", {"groups": 1, "eps": 2e30}),
        ("batch_norm", {"momentum": 1.5}),
        ("batch_norm", {"momentum": -0.1}),
        ("batch_norm", {"running_var": "none"}),
        ("local_response_norm", {"size": 0}),
        ("local_response_norm", {"size": 1, "beta": 1e31}),
        ("scale", {"weight": "a" * 41}),
        ("scale", {"weight": "A"}),
        ("scale", {"weight": "1a"}),
        ("scale", {"weight": "a-b"}),
        ("scale", {"weight": ""}),
    ],
)
def test_out_of_range(kind: str, attributes: Any) -> None:
    with pytest.raises(ValueError):
        op(kind, **attributes)


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("batch_norm", {"momentum": 0}),
        ("batch_norm", {"momentum": 1}),
        ("layer_norm", {"eps": 1e30}),
        ("layer_norm", {"eps": 1e-300}),
        ("local_response_norm", {"size": 4096}),
        ("scale", {"weight": "a" * 40}),
        ("scale", {"weight": "a_1"}),
    ],
)
def test_at_bounds(kind: str, attributes: Any) -> None:
    made = op(kind, **attributes)
    assert {name: getattr(made, name) for name in attributes} == attributes


def test_an_even_window_leans_to_lower_channels() -> None:
    """So the class says, and torch does."""
    made = LocalResponseNorm(size=2, alpha=2.0, beta=1.0)
    x = torch.zeros(1, 3, 1, 1, dtype=torch.float64)
    x[0, 1] = 1.0
    y = module(made, (3, 1, 1))(torch.where(x > 0, x, 1e-9)).flatten()
    assert y[1] == pytest.approx(0.5) and y[2] < 0.6e-9 < y[0]


def test_the_norms_have_no_width_and_centre_only_by_channel() -> None:
    assert [made.kind for made in NORMS if made.centres] == ["batch_norm"] * 2

"""Activations and regularisers against torch.nn: signs, chance, shapes."""

from __future__ import annotations

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
    check_sizing,
    check_starts,
    op,
)

from archspec.ops.activation import Prelu

SMOOTH = ("selu", "gelu", "silu", "mish", "hard_swish", "tanh", "elu", "leaky_relu")
NONNEGATIVE = ("relu", "relu6", "sigmoid", "hard_sigmoid", "softplus")
OTHERS = ("softmax", "log_softmax", "identity", "dropout", "drop_path")
ALL = [
    *(op(kind) for kind in (*SMOOTH, *NONNEGATIVE, *OTHERS)),
    op("prelu"),
    op("prelu", shared=False),
    op("gelu", approximate="tanh"),
    op("dropout", rate=0.25),
    op("drop_path", rate=0.25),
    *(op("leaky_relu", negative_slope=slope) for slope in (0.0, -0.5, 2.0)),
    *(op("elu", alpha=alpha) for alpha in (0.0, -0.5, 2.0)),
]


@pytest.mark.parametrize("made", ALL, ids=lambda made: f"{made.kind} {made}")
def test_all(made: Any) -> None:
    for shape in (IMAGE, (4,)):
        check_counts(made, shape)
        check_starts(made, shape)
        check_sign(made, shape)
        check_centres(made, shape)
        check_channels(made, shape)
    check_sizing(made, IMAGE)
    if getattr(made, "rate", 1):
        check_chance(made)
    assert not made.sizes
    assert made.windows(IMAGE, IMAGE) == PIXEL


def test_those_of_a_value_are_written_around_the_op_before() -> None:
    for made in ALL:
        assert made.follows == (made.kind not in OTHERS)


@pytest.mark.parametrize("kind", [*SMOOTH, *NONNEGATIVE, *OTHERS, "prelu"])
def test_example(kind: str) -> None:
    check_example(kind)


def test_what_prelu_stores() -> None:
    assert Prelu.stored == {"weight": "slope"} and Prelu.trained() == ("weight",)


@pytest.mark.parametrize("kind", ["dropout", "drop_path"])
@pytest.mark.parametrize(("rate", "legal"), [(0, True), (1, False), (-0.1, False)])
def test_rates(kind: str, rate: float, legal: bool) -> None:
    if legal:
        assert op(kind, rate=rate) == op(kind, rate=float(rate))
    else:
        with pytest.raises(ValueError, match="rate"):
            op(kind, rate=rate)


def test_defaults_are_torchs() -> None:
    """As the signatures in torch.nn have them, but for `drop_path`, which is timm's."""
    import inspect

    from timm.layers import DropPath
    from torch import nn

    for kind, attribute, module, name in (
        ("leaky_relu", "negative_slope", nn.LeakyReLU, "negative_slope"),
        ("elu", "alpha", nn.ELU, "alpha"),
        ("gelu", "approximate", nn.GELU, "approximate"),
        ("dropout", "rate", nn.Dropout, "p"),
        ("drop_path", "rate", DropPath, "drop_prob"),
    ):
        usual = inspect.signature(module.__init__).parameters[name].default
        assert getattr(op(kind), attribute) == usual
    assert op("prelu").weights((4, 3, 3)) == {"weight": tuple(nn.PReLU().weight.shape)}

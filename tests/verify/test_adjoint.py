"""Adjoints against differences of the definitions, over random attributes.

<c, f(x + hv) - f(x - hv)> / 2h is <adjoint of c, v>, bit for bit where f is a polynomial
of at most the first degree in what moves, for numbers of few bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nets import graph_of

from archspec.ops import BY_KIND, OPS, Op
from archspec.ops.activation import Elu, HardSigmoid, Relu, Relu6, Sigmoid, Silu
from archspec.ops.base import STATISTICS
from archspec.ops.pooling import AvgPool2d, GlobalMaxPool2d, MaxPool2d
from archspec.ops.shaping import Resize
from archspec.reference import compute
from archspec.testing.variants import variants
from archspec.verify.adjoint import ADJOINTS, Gradients, Inexact, adjoint

STEP = 2.0**-10
CURVED = {"sigmoid", "silu", "gelu", "mish", "tanh", "softplus", "elu"}
CURVED |= {"hard_sigmoid", "hard_swish"}
WITHOUT = {"softmax", "log_softmax", "layer_norm", "group_norm", "local_response_norm"}
"""Ops of which no gradient is exact."""
FAR = 1024.0


def test_every_op_has_its_place() -> None:
    kinds = {kind.partition(" ")[0] for kind in ADJOINTS}
    assert kinds | WITHOUT == {op.kind for op in OPS} and not kinds & WITHOUT


def drawn(op: Op, shape: tuple[int, ...], draw: np.random.Generator) -> Any:
    """Numbers of which no two are alike, and none is where a slope changes."""
    count = int(np.prod(shape))
    if op.kind in CURVED:
        return draw.choice([-3 * FAR, -FAR, 2 * FAR], shape)
    x = draw.permutation(count) - count // 2 + 0.125
    return x.reshape(shape)


def stored(op: Op, shapes: Any, draw: np.random.Generator) -> dict[str, Any]:
    made = {
        name: draw.choice([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0], shape)
        for name, shape in {**op.weights(*shapes), **op.buffers(*shapes)}.items()
    }
    if "running_var" in made:
        eps = op.eps  # type: ignore[attr-defined]  # a norm's
        made["running_var"] = np.full_like(made["running_var"], 4096.0 - eps)
    return made


def moved(op: Op, xs: list[Any], held: dict[str, Any], what: Any, by: Any) -> Any:
    wide = [x.astype(np.longdouble) for x in xs]
    kept = {name: array.astype(np.longdouble) for name, array in held.items()}
    if isinstance(what, int):
        wide[what] = wide[what] + by
    else:
        kept[what] = kept[what] + by
    return compute(op, *wide, stored=kept)


def slope(op: Op, xs: list[Any], held: Any, what: Any, along: Any, c: Any) -> Any:
    step = STEP * along
    up, down = (moved(op, xs, held, what, by) for by in (step, -step))
    return (c * (up - down)).sum() / (2 * STEP)


CASES = [
    pytest.param(kind, variant, id=str(variant))
    for kind in sorted({kind.partition(" ")[0] for kind in ADJOINTS})
    for variant in variants(BY_KIND[kind], 10 if BY_KIND[kind].stored else 4)
]


@pytest.mark.parametrize(("kind", "variant"), CASES)
def test_an_adjoint(kind: str, variant: Any) -> None:
    graph = graph_of(variant.spec())
    ((node, shapes),) = graph.located()
    op, draw = node.op, np.random.default_rng(3)
    xs = [drawn(op, (2, *shape), draw) for shape in shapes]
    held = stored(op, shapes, draw)
    c = draw.choice([-2.0, -1.0, 0.0, 1.0, 2.0], (2, *node.shape))
    if getattr(op, "negative_slope", 0) * 1024 % 1 or kind == "selu":
        with pytest.raises(Inexact, match="slopes of many bits"):
            adjoint(op, c, *xs, stored=held)
        return
    try:
        found: Gradients = adjoint(op, c, *xs, stored=held)
    except Inexact as error:
        assert "shares of many bits" in str(error)
        sizes = np.array([*xs[0].shape[2:], *c.shape[2:]])
        assert any(size & (size - 1) for size in sizes)
        return
    trained = [name for name in held if op.role(name) not in STATISTICS]
    assert list(found) == [*range(len(xs)), *trained]
    for what, gradient in found.items():
        value = xs[what] if isinstance(what, int) else held[what]
        assert gradient.shape == value.shape and gradient.dtype == value.dtype
        for _ in range(2):
            along = draw.choice([-1.0, 0.0, 1.0], value.shape)
            wanted = slope(op, xs, held, what, along, c)
            near = np.abs(wanted - (gradient * along).sum())
            assert near <= 1e-9 * np.abs(gradient).sum() + 1e-99


def alone(op: Op, x: list[float], cotangent: float = 1.0) -> list[float]:
    values = np.array([x])
    return [
        float(v) for v in adjoint(op, np.full_like(values, cotangent), values)[0][0]
    ]


def test_kinks_and_what_is_far() -> None:
    assert alone(Relu(), [-1.0, 0.0, 1.0]) == [0, 0, 1]
    assert alone(Relu6(), [0.0, 6.0, 5.0]) == [0, 0, 1]
    assert alone(Sigmoid(), [0.0, FAR, -FAR], 8.0) == [2, 0, 0]
    assert alone(Silu(), [0.0, FAR, -FAR]) == [0.5, 1, 0]


@pytest.mark.parametrize(
    ("op", "values", "reason"),
    [
        (Elu(alpha=0.5), [0.0], "elu at a kink"),
        (Silu(), [0.25], "slopes of many bits"),
        (HardSigmoid(), [0.5], "slopes of many bits"),
        (Relu(), [1.0, 2.0**60], "many bits"),
    ],
)
def test_what_is_not_exact(op: Op, values: list[float], reason: str) -> None:
    with pytest.raises(Inexact, match=reason):
        alone(op, values)
    assert alone(op, values[:1], 0.0) == [0] or len(values) > 1


def test_means_of_which_a_share_is_not_exact() -> None:
    for op in (
        AvgPool2d(kernel=3),
        Resize(size=(3, 12), mode="bilinear"),
        Resize(size=(5, 5), mode="bilinear"),
    ):
        x = np.zeros((1, 1, 12, 12))[..., : 12 if op.kind == "avg_pool2d" else 1]
        y = compute(op, x)
        with pytest.raises(Inexact, match="shares of many bits"):
            adjoint(op, np.ones_like(y), x)


def test_of_values_that_are_alike_the_first_wins() -> None:
    x = np.array([[[[1.0, 3.0, 3.0], [3.0, 0.0, 3.0]]]])
    found = adjoint(MaxPool2d(kernel=2, stride=1), np.array([[[[1.0, 2.0]]]]), x)[0]
    assert found.tolist() == [[[[0, 3, 0], [0, 0, 0]]]]
    with pytest.raises(Inexact, match="alike"):
        adjoint(GlobalMaxPool2d(), np.ones((1, 1)), x)
    assert not adjoint(GlobalMaxPool2d(), np.zeros((1, 1)), x)[0].any()

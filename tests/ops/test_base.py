"""What all ops share: the usual traits, initial values, small functions."""

from __future__ import annotations

import doctest
from typing import Any, ClassVar

import pytest
import torch
from ops.oracles import IMAGE, PIXEL

from archspec.errors import ShapeError
from archspec.ops import base
from archspec.ops.base import STARTS, STATISTICS, Op, Stored, Weighted, shortest
from archspec.ops.init import (
    Constant,
    FanInUniform,
    KaimingNormal,
    Normal,
    Unsuited,
    XavierUniform,
)


class Bare(Op):
    """An op that says nothing of itself."""

    kind: ClassVar[str] = "bare"
    count: int = 1


class Wide(Bare):
    kind: ClassVar[str] = "wide"
    width: ClassVar[str | None] = "count"


class Counted(Weighted):
    """An op with one tensor of each role."""

    kind: ClassVar[str] = "counted"
    stored: ClassVar[Stored] = {str(role): role for role in STARTS}


class Shifted(Weighted):
    stored: ClassVar[Stored] = {"bias": "bias"}


class Named(Weighted):
    kind: ClassVar[str] = "named"
    stored: ClassVar[Stored] = {"weight": "scale"}
    naming: ClassVar[str | None] = "called"
    called: str = "weight"

    def role(self, name: str) -> Any:
        return "scale"


def test_what_most_ops_are() -> None:
    made = Bare()
    assert made.arity == (1, 1)
    assert (made.example, made.width, made.chance) == ("", None, None)
    assert not made.stored and not made.sizes
    assert not (made.commutative or made.follows or made.flattens or made.centres)
    assert made.weights(IMAGE) == made.buffers(IMAGE) == {} == made.inits()
    assert made.macs(IMAGE) == 0
    assert not made.counts_channels
    assert not made.nonnegative(True) and not made.nonnegative(False)
    assert made.computed_from(("a", "b")) == made.sized_by(("a", "b")) == ("a", "b")
    assert made.windows(IMAGE, IMAGE) == PIXEL
    with pytest.raises(NotImplementedError):
        made.shape(IMAGE)


def test_channels() -> None:
    given = {"count": 7}
    assert Bare().out_channels((3, 5), given, (IMAGE, IMAGE)) == 3
    assert Wide(count=7).out_channels((3, 5), given, (IMAGE, IMAGE)) == 7


def test_an_op_is_frozen_and_closed() -> None:
    made = Bare()
    with pytest.raises(ValueError, match="frozen"):
        made.count = 2  # type: ignore[misc]  # on purpose
    with pytest.raises(ValueError, match="Extra inputs"):
        Bare.model_validate({"cuont": 1})
    assert hash(made) == hash(Bare())
    with pytest.raises(ValueError, match="finite"):
        _Real.model_validate({"number": float("nan")})


class _Real(Op):
    kind: ClassVar[str] = "real"
    number: float


def test_what_is_trained_and_what_it_starts_from() -> None:
    made = Counted()
    assert Counted.trained() == ("kernel", "bias", "factor", "offset", "slope", "scale")
    assert STATISTICS == ("mean", "variance")
    # Norms, statistics and slopes as torch.nn's layers have them.
    norm, prelu = torch.nn.BatchNorm2d(1), torch.nn.PReLU()
    assert norm.running_mean is not None and norm.running_var is not None
    for role, tensor in (
        ("factor", norm.weight),
        ("offset", norm.bias),
        ("mean", norm.running_mean),
        ("variance", norm.running_var),
        ("slope", prelu.weight),
    ):
        assert made.initial(role) == Constant(value=tensor.item())
    assert made.initial("kernel") == KaimingNormal()
    assert made.initial("bias") == Constant(value=0.0)
    assert made.initial("scale") == Constant(value=1.0)


def test_initialisers_that_a_spec_names() -> None:
    made = Counted.model_validate({"init": {"bias": 0.0, "kernel": "xavier_uniform"}})
    assert made.inits() == {"bias": Constant(value=0.0), "kernel": XavierUniform()}
    assert made.initial("kernel") == XavierUniform()
    assert made.initial("slope") == Constant(value=0.25)
    assert Counted().inits() == {}


@pytest.mark.parametrize("name", ["mean", "other"])
def test_no_such_parameter(name: str) -> None:
    with pytest.raises(ValueError, match=f"no parameter '{name}', but kernel and bias"):
        Counted.model_validate({"init": {name: 0}})


@pytest.mark.parametrize("role", [r for r in STARTS if r not in STATISTICS])
def test_only_a_kernel_has_fans(role: str) -> None:
    assert Counted.model_validate(
        {"init": {role: {"normal": {"std": 0.1}}}}
    ).inits() == {role: Normal(std=0.1)}
    given = {"init": {role: "kaiming_normal"}}
    if role == "kernel":
        assert Counted.model_validate(given).initial(role) == KaimingNormal()
        return
    with pytest.raises(ValueError, match=f"which {role} doesn't have") as caught:
        Counted.model_validate(given)
    (fault,) = caught.value.errors()  # type: ignore[attr-defined]  # a ValidationError
    assert isinstance(fault["ctx"]["error"], Unsuited)


def test_a_bias_has_the_fan_of_the_kernel_before_it() -> None:
    given = {"init": {"bias": "fan_in_uniform", "kernel": "fan_in_uniform"}}
    made = Counted.model_validate(given)
    assert made.initial("bias") == made.initial("kernel") == FanInUniform()
    for role in ("offset", "factor", "slope", "scale"):
        with pytest.raises(ValueError, match=f"which {role} doesn't have"):
            Counted.model_validate({"init": {role: "fan_in_uniform"}})
    with pytest.raises(ValueError, match="which bias doesn't have"):
        Shifted.model_validate(given | {"init": {"bias": "fan_in_uniform"}})


def test_a_parameter_whose_name_the_spec_chose() -> None:
    made = Named.model_validate({"called": "gamma", "init": {"gamma": 0.5}})
    assert made.initial("gamma") == Constant(value=0.5)
    with pytest.raises(ValueError, match="no parameter 'weight', but gamma"):
        Named.model_validate({"called": "gamma", "init": {"weight": 0.5}})


def test_pairs_and_sides() -> None:
    assert base.pair(3) == (3, 3) and base.pair((1, 2)) == (1, 2)
    assert base.four_sides(2) == ((2, 2), (2, 2))
    assert base.four_sides((1, 2)) == ((1, 1), (2, 2))
    assert base.four_sides(((1, 2), (3, 4))) == ((1, 2), (3, 4))


def test_images() -> None:
    assert base.image("it", IMAGE) == IMAGE
    for shape in ((4,), (4, 9), (1, 4, 9, 10)):
        with pytest.raises(ShapeError, match=r"it needs an image.*found \[") as caught:
            base.image("it", shape)
        assert caught.value.code == "AS401"


def test_groups() -> None:
    base.divided(2, 4, 6)
    base.divided(1)
    for channels in ((3,), (4, 3), (3, 4)):
        with pytest.raises(ShapeError, match="divide the 3 channels") as caught:
            base.divided(2, *channels)
        assert caught.value.code == "AS404"


class Bounded(Op):
    kind: ClassVar[str] = "bounded"
    positive: base.Positive = 1
    natural: base.Natural = 0
    pixels: base.Pixels = 1
    margin: base.Margin = 0
    flag: base.Flag = False


@pytest.mark.parametrize(
    ("name", "legal", "illegal"),
    [
        ("positive", (1, 2**53), (0, -1, 2**53 + 1, 1.0, True, "1")),
        ("natural", (0, 2**53), (-1, 2**53 + 1, 1.0, False, "0")),
        ("pixels", (1, 4096), (0, 4097, 2.0, True)),
        ("margin", (0, 4096), (-1, 4097, 0.0, False)),
        ("flag", (True, False), (0, 1, "true", None)),
    ],
)
def test_bounds(name: str, legal: Any, illegal: Any) -> None:
    for value in legal:
        assert getattr(Bounded.model_validate({name: value}), name) is value
    for value in illegal:
        with pytest.raises(ValueError):
            Bounded.model_validate({name: value})


def test_the_example_of_the_module() -> None:
    found = doctest.testmod(base)
    assert found.attempted and not found.failed


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (3, 3),
        (0.5, 0.5),
        (-0.0, 0.0),
        (False, False),
        ("same", "same"),
        (None, None),
        ((1, 1), 1),
        ((1, 2), (1, 2)),
        ((1, 1, 2, 2), (1, 1, 2, 2)),
        (((1, 1), (1, 1)), 1),
        (((1, 1), (2, 2)), (1, 2)),
        (((1, 2), (1, 2)), ((1, 2), (1, 2))),
        ((-0.0, 0.0), 0.0),
    ],
)
def test_one_spelling_of_a_value(value: Any, wanted: Any) -> None:
    assert repr(shortest(value)) == repr(wanted)

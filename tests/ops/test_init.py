"""Initialisers against torch.nn.init: what it takes, and what it makes of a shape."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from archspec.ops import init
from archspec.ops.init import BY_NAME, CONSTANTS, Constant, Initializer, fans

READ: TypeAdapter[Any] = TypeAdapter(Initializer)


def read(value: Any) -> Any:
    return READ.validate_python(value)


TORCHS = tuple(name for name in BY_NAME if name != "fan_in_uniform")
"""The other one is what torch.nn's layers do by themselves."""


def drawn(name: str, shape: tuple[int, ...], **arguments: Any) -> torch.Tensor:
    """What torch.nn.init makes of a tensor."""
    words = {"value": "val"}
    given = {words.get(key, key): value for key, value in arguments.items()}
    function = getattr(torch.nn.init, f"{name}_")
    made: torch.Tensor = function(torch.empty(shape), **given)
    return made


@pytest.mark.parametrize(
    ("value", "name", "arguments"),
    [
        (1, "constant", {"value": 1.0}),
        (-0.5, "constant", {"value": -0.5}),
        ("zeros", "constant", {"value": 0.0}),
        ("ones", "constant", {"value": 1.0}),
        ({"zeros": {}}, "constant", {"value": 0.0}),
        ("xavier_normal", "xavier_normal", {"gain": 1.0}),
        ({"uniform": {"a": -1}}, "uniform", {"a": -1.0, "b": 1.0}),
        ({"constant": {"value": 3}}, "constant", {"value": 3.0}),
        (Constant(value=2.0), "constant", {"value": 2.0}),
    ],
)
def test_the_ways_to_say_one(value: Any, name: str, arguments: Any) -> None:
    made = read(value)
    assert made == BY_NAME[name].model_validate(arguments) and made.name == name


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (True, "expected a number, a name"),
        ([1], "expected a number, a name"),
        ({}, "one name with its arguments"),
        ({"constant": 0.02}, "constant takes its arguments by name: value"),
        ({"fan_in_uniform": 3}, "fan_in_uniform takes no arguments"),
        ({"normal": {}, "uniform": {}}, "one name with its arguments"),
        ("kaiming_norml", "did you mean 'kaiming_normal'"),
        ("zzz", "known are kaiming_normal, .*, constant, zeros, ones"),
        ({"ones": {"value": 1}}, "no initialiser 'ones'"),
        (1e31, "less than or equal"),
        ({"normal": {"sdt": 1}}, "Extra inputs"),
        ("constant", "Field required"),
        ({"kaiming_normal": {"mode": "fan"}}, "'fan_in' or 'fan_out'"),
        (float("inf"), "finite"),
    ],
)
def test_what_is_none(value: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        read(value)


def test_every_one_is_torchs() -> None:
    for name in TORCHS:
        made = read({name: {"value": 2.0}} if name == "constant" else name)
        drawn(name, (3, 4), **made.model_dump())
    for name, value in CONSTANTS.items():
        assert bool((drawn(name, (2,)) == value).all())


@pytest.mark.parametrize("name", TORCHS)
def test_defaults_are_torchs(name: str) -> None:
    """But for the nonlinearity of kaiming, which nearly everybody says is relu."""
    import inspect

    usual = inspect.signature(getattr(torch.nn.init, f"{name}_")).parameters
    for key, field in BY_NAME[name].model_fields.items():
        if key not in ("nonlinearity", "value"):
            assert field.default == usual[key].default, key
        if key == "nonlinearity":
            assert field.default == "relu"


@pytest.mark.parametrize("name", TORCHS)
def test_what_reads_a_fan(name: str) -> None:
    """torch has no fan of a vector."""
    given = {"value": 1.0} if name == "constant" else {}
    if BY_NAME[name].by_fan:
        with pytest.raises(ValueError, match=r"[Ff]an"):
            drawn(name, (4,), **given)
    else:
        drawn(name, (4,), **given)


@pytest.mark.parametrize("shape", [(3, 4), (8, 2, 3, 5), (2, 3, 4)])
def test_fans(shape: tuple[int, ...]) -> None:
    found = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
    assert fans(shape) == found


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("normal", {"std": -0.1}),
        ("xavier_normal", {"gain": -1.0}),
        ("xavier_uniform", {"gain": -1.0}),
        ("uniform", {"a": 2.0, "b": 1.0}),
        ("trunc_normal", {"a": 1.0, "b": 0.5}),
        ("trunc_normal", {"a": 1.0, "b": 1.0}),
        ("trunc_normal", {"std": 0.0}),
        ("trunc_normal", {"mean": 2.001, "a": -1.0, "b": 0.0}),
        ("trunc_normal", {"mean": -2.001, "a": 0.0, "b": 1.0}),
        ("trunc_normal", {"std": 0.02, "a": 1.0, "b": 2.0}),
        ("trunc_normal", {"mean": -3.01, "std": 2.0, "a": 1.0, "b": 2.0}),
        ("trunc_normal", {"mean": 5.01, "std": 2.0, "a": 0.0, "b": 1.0}),
    ],
)
def test_what_nothing_can_be_drawn_from(name: str, arguments: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        read({name: arguments})
    (fault,) = caught.value.errors()
    if name in ("uniform", "trunc_normal"):
        assert isinstance(fault["ctx"]["error"], init.Unsuited)
    assert refused(name, **arguments)


def refused(name: str, **arguments: Any) -> bool:
    """Whether torch raises, warns that it is wrong, or makes something of no width."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = drawn(name, (30, 4), **arguments)
        except (UserWarning, RuntimeError, ZeroDivisionError):
            return True
    return float(found.std()) == 0


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("normal", {"std": 0.0}),
        ("normal", {"mean": -1e30, "std": 1e30}),
        ("xavier_normal", {"gain": 0.0}),
        ("xavier_uniform", {"gain": 1e30}),
        ("kaiming_normal", {"a": -1e30, "nonlinearity": "leaky_relu"}),
        ("uniform", {"a": 1.0, "b": 1.0}),
        ("uniform", {"a": -1e30, "b": 1e30}),
        ("trunc_normal", {"mean": 2.0, "a": -1.0, "b": 0.0}),
        ("trunc_normal", {"mean": -2.0, "a": 0.0, "b": 1.0}),
        ("trunc_normal", {"mean": -3.0, "std": 2.0, "a": 1.0, "b": 2.0}),
        ("trunc_normal", {"mean": 5.0, "std": 2.0, "a": 0.0, "b": 1.0}),
        ("constant", {"value": -1e30}),
    ],
)
def test_at_bounds(name: str, arguments: Any) -> None:
    made = read({name: arguments})
    assert {key: getattr(made, key) for key in arguments} == arguments
    assert drawn(name, (3, 4), **made.model_dump()).isfinite().all()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("normal", "mean"),
        ("normal", "std"),
        ("uniform", "b"),
        ("trunc_normal", "b"),
        ("constant", "value"),
        ("xavier_normal", "gain"),
        ("kaiming_uniform", "a"),
    ],
)
def test_what_single_precision_can_not_hold(name: str, key: str) -> None:
    with pytest.raises(ValidationError, match="less than or equal"):
        read({name: {key: 1.1e30}})
    with pytest.raises(ValidationError, match="greater than or equal"):
        read({name: {key: -1.1e30}})


def test_initialisers_are_frozen() -> None:
    made = read("normal")
    with pytest.raises(ValidationError, match="frozen"):
        made.mean = 1.0
    assert hash(made) == hash(read({"normal": {}}))


def test_an_initialiser_is_a_value() -> None:
    made = Constant(value=1.0)
    assert hash(made) == hash(Constant(value=1.0)) and made == Constant(value=1.0)
    with pytest.raises(ValidationError, match="frozen"):
        made.value = 2.0  # type: ignore[misc]  # on purpose
    with pytest.raises(ValidationError, match="Extra inputs"):
        Constant.model_validate({"value": 1.0, "mean": 0.0})

"""An op's attributes against its class: each fault in words, and at its place."""

from __future__ import annotations

from typing import Any

import pytest
from spelled import net, spoken, told

from archspec.errors import Location, SpecErrors
from archspec.ops import BY_KIND
from archspec.ops.validate import validated

AT = Location("net.yaml", 1, 1)
CONV = BY_KIND["conv2d"]
COLUMNS = ["channels", "kernel", "stride", "padding", "init", "zzz", "kernle", "bias"]


def place(key: str, *path: Any) -> Location:
    """The column of an attribute; a line for each step of a path below it."""
    if key not in COLUMNS:
        return AT
    return Location("net.yaml", 2 + len(path), 1 + COLUMNS.index(key))


def faults(kind: str, unknown: tuple[str, ...] = (), **values: Any) -> list[str]:
    with pytest.raises(SpecErrors) as caught:
        validated(BY_KIND[kind], values, place, AT, unknown)
    return [spoken(error) for error in caught.value.errors]


def test_an_op_that_is_valid() -> None:
    made = validated(CONV, {"channels": 4, "kernel": (1, 3)}, place, AT)
    assert made is not None and made.model_dump()["kernel"] == (1, 3)


def test_where_attributes_are_not_known_yet_there_is_no_op() -> None:
    assert validated(CONV, {"channels": 4}, place, AT, ["kernel"]) is None
    assert validated(CONV, {"channels": 4, "kernel": 3}, place, AT, ["stride"]) is None
    # What doesn't go together may, with what is given later.
    pool = {"kernel": 2, "padding": 2}
    assert validated(BY_KIND["max_pool2d"], pool, place, AT, ["stride"]) is None
    assert faults("conv2d", ("kernel",), channels=0) == [
        "AS208 2:1 conv2d's channels must be a whole number from 1, found 0"
    ]


@pytest.mark.parametrize(
    ("kind", "values", "messages"),
    [
        ("conv2d", {"channels": 4, "kernel": 3, "zzz": 1},
         ["AS206 2:6 conv2d has no attribute 'zzz' (it has init, channels, kernel, "
          "stride, padding, dilation, groups, bias)"]),
        ("relu", {"zzz": 1}, ["AS206 2:6 relu has no attribute 'zzz' (it has none)"]),
        ("relu", {"form": 1},
         ["AS206 1:1 relu has no attribute 'form' (did you mean 'from'?)"]),
        ("relu", {"repaet": 1},
         ["AS206 1:1 relu has no attribute 'repaet' (did you mean 'repeat'?)"]),
        ("relu", {"wehn": 1},
         ["AS206 1:1 relu has no attribute 'wehn' (did you mean 'when'?)"]),
        ("conv2d", {"channels": 4},
         ["AS207 1:1 conv2d needs the attribute 'kernel': a whole number from 1 to "
          "4096 or [int, int]"]),
        # One that is only misspelled isn't missing too.
        ("conv2d", {"channels": 4, "kernle": 3},
         ["AS206 2:7 conv2d has no attribute 'kernle' (did you mean 'kernel'?)"]),
        ("conv2d", {"channels": 4.0, "kernel": 3, "bias": 1},
         ["AS208 2:1 conv2d's channels must be a whole number from 1, found 4.0",
          "AS208 2:8 conv2d's bias must be true or false, found 1"]),
        ("max_pool2d", {"kernel": 2, "padding": 2},
         ["AS209 2:4 max_pool2d: padding 2 is more than half of the kernel 2"]),
        ("conv2d", {"channels": 4, "kernel": 3, "init": {"wieght": 0}},
         ["AS210 2:5 conv2d: init: there is no parameter 'wieght', but weight and "
          "bias"]),
        ("conv2d", {"channels": 4, "kernel": 3, "init": 0},
         ["AS210 2:5 conv2d: init: expected an initialiser for each of weight, bias, "
          "found 0"]),
        ("conv2d", {"channels": 4, "kernel": 3, "init": {"weight": "kaiming_norm"}},
         ["AS210 3:5 conv2d: init: weight: there is no initialiser 'kaiming_norm'; "
          "did you mean 'kaiming_normal'?"]),
        ("conv2d", {"channels": 4, "kernel": 3,
                    "init": {"weight": {"normal": {"sdt": 1.0}}}},
         ["AS210 4:5 conv2d: init: weight: there is no argument 'sdt'"]),
        ("conv2d", {"channels": 4, "kernel": 3,
                    "init": {"weight": {"kaiming_normal": {"mode": "fan"}}}},
         ["AS210 5:5 conv2d: init: weight: mode: expected 'fan_in' or 'fan_out', "
          "found 'fan'"]),
        ("conv2d", {"channels": 4, "kernel": 3,
                    "init": {"weight": {"trunc_normal": {"std": 0}}}},
         ["AS603 4:5 conv2d: init: weight: needs a < b and std > 0, found a -2, b 2 "
          "and std 0"]),
        ("conv2d", {"channels": 4, "kernel": 3, "init": {"bias": {"constant": {}}}},
         ["AS210 4:5 conv2d: init: bias: there is no argument 'value', which it "
          "needs"]),
        ("conv2d", {"channels": 4, "kernel": 3, "init": {"weight": (1, 2)}},
         ["AS210 3:5 conv2d: init: weight: expected a number, a name, or one name with "
          "its arguments, found [1, 2]"]),
    ],
)  # fmt: skip
def test_attributes_that_are_wrong(
    kind: str, values: dict[str, Any], messages: list[str]
) -> None:
    assert faults(kind, **values) == messages


@pytest.mark.parametrize(
    "init",
    [
        "{kaiming_normal: {mode: fan_out}}",
        "kaiming_uniform",
        "{xavier_uniform: {gain: 2.0}}",
        "{trunc_normal: {std: 0.02}}",
        "{normal: {std: =s}}",
        "{uniform: {a: -1.0, b: 1}}",
        "{constant: {value: 1.0}}",
        "0.5",
    ],
)
def test_init(init: str) -> None:
    conv = f"{{op: conv2d, channels: 1, kernel: 1, init: {{weight: {init}}}}}"
    text = f"params: {{s: 0.1}}\ngraph: {{a: {conv}}}"
    assert net(text).nodes[0].op.inits()


@pytest.mark.parametrize(
    ("init", "message"),
    [
        (
            "{trunc_normal: {std: 0}}",
            "AS603 1:79 conv2d: init: weight: needs a < b and std",
        ),
        (
            "{trunc_normal: {a: 1, b: 1}}",
            "AS603 1:79 conv2d: init: weight: needs a < b and",
        ),
        ("{uniform: {a: 1, b: 0}}", "AS603 1:74 conv2d: init: weight: needs a <= b"),
        (
            "{normal: {std: -1}}",
            "AS210 1:79 conv2d: init: weight: std: expected greater",
        ),
    ],
)
def test_an_initialiser_that_draws_nothing(init: str, message: str) -> None:
    (error,) = told(
        "graph: {a: {op: conv2d, channels: 1, kernel: 1, init: "
        f"{{weight: {init}}}}}}}"
    )
    assert error.startswith(message)

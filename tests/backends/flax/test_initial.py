"""archspec_flax.initial: what parameters start from, in NNX' words."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import archspec_flax
import pytest
from nets import graph_of

CONV = "op: conv2d, channels: 4, kernel: [3, 1], groups: 2"
GROUPS = "op: conv_transpose2d, channels: 6, kernel: [3, 2], groups: 2"
TRANSPOSED = "op: conv_transpose2d, channels: 6, kernel: [3, 2]"
LINEAR = "op: linear, features: 3"


def told(op: str) -> dict[str, str]:
    """What a layer says of how it starts: the code by the name of the argument."""
    shape = [8] if op.startswith(LINEAR) else [8, 5, 5]
    text = archspec_flax.backend.emit(
        graph_of(f"inputs: {{x: {shape}}}\ngraph:\n  n: {{{op}}}\n")
    ).text
    (made,) = re.findall(r"self\.n = (.*?)\n\n", text, re.DOTALL)
    call = ast.parse(made, mode="eval").body
    assert isinstance(call, ast.Call)
    return {
        word.arg: ast.unparse(word.value).replace("'", '"')
        for word in call.keywords
        if word.arg and word.arg.endswith("init")
    }


SCALED: list[tuple[dict[str, Any], str, str]] = [
    ({"kaiming_normal": {}}, '2.0, "fan_in", "normal"', '2.0, 18, "normal"'),
    (
        {"kaiming_normal": {"mode": "fan_out"}},
        '2.0, "fan_out", "normal"',
        '2.0, 48, "normal"',
    ),
    (
        {"kaiming_uniform": {"nonlinearity": "tanh"}},
        '25 / 9, "fan_in", "uniform"',
        '25 / 9, 18, "uniform"',
    ),
    ({"xavier_normal": {}}, '1.0, "fan_avg", "normal"', '2.0, 66, "normal"'),
    (
        {"xavier_uniform": {"gain": 2}},
        '4.0, "fan_avg", "uniform"',
        '8.0, 66, "uniform"',
    ),
    ({"fan_in_uniform": {}}, '1 / 3, "fan_in", "uniform"', '1 / 3, 18, "uniform"'),
]
"""By a fan: in NNX' words, and where it counts another one than torch."""


@pytest.mark.parametrize(("init", "words", "by_fan"), SCALED, ids=str)
def test_by_a_fan(init: dict[str, Any], words: str, by_fan: str) -> None:
    said = f"init: {{weight: {json.dumps(init)}}}"
    usual = {"kernel_init": f"nnx.initializers.variance_scaling({words})"}
    assert told(f"{CONV}, {said}") == usual
    assert told(f"{TRANSPOSED}, {said}") == usual
    assert told(f"{GROUPS}, {said}") == {"kernel_init": f"by_fan({by_fan})"}


WORDS: list[tuple[dict[str, Any], str]] = [
    ({"normal": {"std": 0.02}}, "nnx.initializers.normal(0.02)"),
    (
        {"normal": {"mean": 0.5, "std": 0.02}},
        "shifted(0.5, nnx.initializers.normal(0.02))",
    ),
    ({"normal": {"mean": 0.5, "std": 0}}, "nnx.initializers.constant(0.5)"),
    # Ends that are 100 deviations away cut nothing off.
    ({"trunc_normal": {"std": 0.02}}, "nnx.initializers.normal(0.02)"),
    ({"trunc_normal": {"std": 1}}, "nnx.initializers.truncated_normal(1.0)"),
    (
        {"trunc_normal": {"mean": 1, "std": 0.5, "a": 0.5, "b": 3}},
        "shifted(1.0, nnx.initializers.truncated_normal(0.5, lower=-1.0, upper=4.0))",
    ),
    ({"uniform": {"a": -0.1, "b": 0.3}}, "uniform(-0.1, 0.3)"),
    ({"constant": {"value": 0.25}}, "nnx.initializers.constant(0.25)"),
    ({"constant": {"value": 0}}, "nnx.initializers.constant(0.0)"),
]


@pytest.mark.parametrize(("init", "words"), WORDS, ids=str)
def test_by_numbers(init: dict[str, Any], words: str) -> None:
    said = f"init: {{weight: {json.dumps(init)}}}"
    for op in (CONV, TRANSPOSED, GROUPS, LINEAR):
        assert told(f"{op}, {said}") == {"kernel_init": words}


@pytest.mark.parametrize(
    ("op", "fan"), [(CONV, 12), (TRANSPOSED, 36), (GROUPS, 18), (LINEAR, 8)]
)
def test_a_bias_by_the_fan_of_its_layer(op: str, fan: int) -> None:
    said = "init: {weight: {normal: {std: 1}}, bias: fan_in_uniform}"
    weight = "nnx.initializers.normal(1.0)"
    wanted = {"kernel_init": weight, "bias_init": f"fan_in_uniform({fan})"}
    assert told(f"{op}, {said}") == wanted


@pytest.mark.parametrize(
    ("op", "init"),
    [
        ("op: batch_norm, init: {weight: ones, bias: zeros}", {}),
        (
            "op: batch_norm, init: {weight: zeros, bias: ones}",
            {"scale_init": "0.0", "bias_init": "1.0"},
        ),
        ("op: layer_norm, init: {bias: ones}", {"bias_init": "1.0"}),
        ("op: prelu", {}),
        ("op: prelu, init: {weight: zeros}", {"init": "0.0"}),
        ("op: scale", {}),
        ("op: scale, init: {weight: zeros}", {"init": "0.0"}),
    ],
)
def test_a_constant_is_said_where_it_is_unusual(op: str, init: dict[str, str]) -> None:
    wanted = {k: f"nnx.initializers.constant({v})" for k, v in init.items()}
    assert told(op) == wanted


def of_layers(count: int) -> str:
    """A net of convolutions, each with another kernel and stride."""
    layers = "".join(
        f"  - {{op: conv2d, kernel: {n % 2 + 1}, channels: {n + 2}, bias: false, "
        "init: {weight: {normal: {std: 0.01}}}}\n"
        for n in range(count)
    )
    text = f"inputs: {{image: [3, 9, 9]}}\ngraph:\n{layers}"
    return archspec_flax.backend.emit(graph_of(text)).text


def test_what_many_layers_say_is_said_once() -> None:
    """Their windows stay where a layer is made: that is read there."""
    text = of_layers(4)
    said = "nnx.Conv, use_bias=False, kernel_init=nnx.initializers.normal(0.01)"
    assert f"\nConv = partial({said})\n" in text
    assert " Conv(3, 2, (1, 1), rngs=rngs),\n" in text
    assert ' Conv(2, 3, (2, 2), padding="VALID", rngs=rngs),\n' in text
    assert "partial" not in of_layers(1)


LISTED = """inputs: {image: [4, 12, 12]}
graph:
  - {op: conv2d, channels: 4, kernel: 1}
  - {op: max_pool2d, kernel: 2}
  - {op: conv2d, channels: 4, kernel: 1}
  - {op: max_pool2d, kernel: 2}
  - relu
  - identity
  - {op: max_pool2d, kernel: 3, stride: 1}
"""


def test_functions_of_a_list() -> None:
    """Equal ones are one; a function of a value alone stands there as it is."""
    text = archspec_flax.backend.emit(graph_of(LISTED)).text
    said = '    """Max pooling as a layer of a list."""\n    return nnx.max_pool'
    for name, args in (
        ("max_pool", "(x, (2, 2), strides=(2, 2))"),
        ("max_pool2", "(x, (3, 3), strides=(1, 1))"),
    ):
        head = f"\ndef {name}(x: jax.Array) -> jax.Array:\n"
        assert text.count(f"{head}{said}{args}\n") == 1
    listed = " ".join(text.partition("def __init__")[2].split())
    conv = "Conv(4, 4, (1, 1), rngs=rngs), "
    assert conv + "max_pool, " + conv + "max_pool, nnx.relu, nnx.identity, " in listed
    assert "nnx.identity, max_pool2, ]" in listed


def test_an_argument_of_a_function_in_a_list() -> None:
    """What an argument decides is given to the function beside the value."""
    text = archspec_flax.backend.emit(
        graph_of(
            "params: {kernel: 2}\ninputs: {image: [4, 12, 12]}\n"
            "graph: [relu, {op: max_pool2d, kernel: =kernel, stride: 2}]\n"
        )
    ).text
    assert "\ndef max_pool(x: jax.Array, kernel: int) -> jax.Array:\n" in text
    assert "return nnx.max_pool(x, (kernel, kernel), strides=(2, 2))" in text
    assert "Applied(max_pool, kernel)" in text

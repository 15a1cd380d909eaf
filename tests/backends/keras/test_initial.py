"""archspec_keras.initial: what a printed file says of initial weights."""

from __future__ import annotations

import json
from typing import Any

import archspec_keras
import keras
import numpy as np
import pytest
import torch
from archspec_keras.initial import USUAL, undrawn
from nets import graph_of

from archspec.errors import UnsupportedError
from archspec.ops import BY_KIND
from archspec.source.program import execute


def printed(node: str, shape: str = "[4, 8, 8]") -> tuple[str, str]:
    """The constants of a file, and the options of its layer n."""
    graph = graph_of(f"inputs: {{image: {shape}}}\ngraph:\n  n: {node}\n")
    text = archspec_keras.backend.emit(graph).text
    constants = text.partition("\n\ndef ")[0].rpartition("import")[2]
    layer = " ".join(text.partition("x = layers.")[2].partition('name="n"')[0].split())
    return constants.partition("\n\n")[2].strip(), layer.replace("( ", "(")


@pytest.mark.parametrize(
    ("init", "constant"),
    [
        (
            {"kaiming_normal": {}},
            'VarianceScaling(2.0, "fan_in", "untruncated_normal")',
        ),
        (
            {"kaiming_normal": {"mode": "fan_out", "nonlinearity": "tanh"}},
            'VarianceScaling(25 / 9, "fan_out", "untruncated_normal")',
        ),
        (
            {"kaiming_uniform": {"nonlinearity": "leaky_relu", "a": 5**0.5}},
            'VarianceScaling(1 / 3, "fan_in", "uniform")',
        ),
        (
            {"xavier_normal": {"gain": 2.0}},
            'VarianceScaling(4.0, "fan_avg", "untruncated_normal")',
        ),
        (
            {"xavier_uniform": {"gain": 0.5}},
            'VarianceScaling(0.25, "fan_avg", "uniform")',
        ),
        ({"normal": {"std": 0.01}}, "RandomNormal(stddev=0.01)"),
        ({"normal": {"mean": 1.0, "std": 0.05}}, "RandomNormal(mean=1.0)"),
        ({"uniform": {"a": -0.05, "b": 1.0}}, "RandomUniform(maxval=1.0)"),
        ({"uniform": {"a": -1.0, "b": 0.05}}, "RandomUniform(minval=-1.0)"),
        ({"trunc_normal": {"std": 0.02}}, "RandomNormal(stddev=0.02)"),
        ({"trunc_normal": {"std": 1.0}}, "TruncatedNormal(stddev=1.0)"),
    ],
)
def test_what_draws(init: dict[str, Any], constant: str) -> None:
    node = {"op": "conv2d", "channels": 4, "kernel": 3, "init": {"weight": init}}
    name = next(iter(init)).replace("kaiming", "he").replace("xavier", "glorot").upper()
    found, layer = printed(json.dumps(node))
    assert found == f"{name} = serialize({constant})"
    assert layer == f"Conv2D(4, 3, kernel_initializer={name},"


@pytest.mark.parametrize(
    ("node", "layer"),
    [
        (
            "{op: conv2d, channels: 4, kernel: 3, init: {weight: xavier_uniform}}",
            "Conv2D(4, 3,",
        ),
        (
            "{op: conv2d, channels: 4, kernel: 3, init: {weight: 0, bias: 1}}",
            'Conv2D(4, 3, kernel_initializer="zeros", bias_initializer="ones",',
        ),
        (
            "{op: conv2d, channels: 4, kernel: 3, init: {weight: 0.5, bias: 0}}",
            "Conv2D(4, 3, kernel_initializer=initializers.Constant(0.5),",
        ),
        (
            "{op: conv2d, channels: 4, kernel: 3, bias: false, "
            "init: {weight: {xavier_normal: {gain: 0}}}}",
            'Conv2D(4, 3, use_bias=False, kernel_initializer="zeros",',
        ),
        (
            "{op: batch_norm, init: {weight: 0, bias: 0}}",
            'BatchNormalization(momentum=0.9, epsilon=1e-5, gamma_initializer="zeros",',
        ),
        (
            "{op: group_norm, groups: 2, init: {weight: 1, bias: 0.5}}",
            "GroupNormalization(2, epsilon=1e-5, "
            "beta_initializer=initializers.Constant(0.5),",
        ),
        (
            "{op: prelu, init: {weight: 0}}",
            "PReLU(shared_axes=(1, 2, 3),",
        ),
        (
            "{op: scale, weight: gamma, init: {gamma: 0.1}}",
            "DepthwiseConv2D(1, use_bias=False, "
            "depthwise_initializer=initializers.Constant(0.1),",
        ),
        (
            "{op: conv2d, channels: 4, groups: 4, kernel: 3, init: {weight: 1, bias: 1}}",
            'DepthwiseConv2D(3, depthwise_initializer="ones", bias_initializer="ones",',
        ),
    ],
)
def test_what_draws_nothing(node: str, layer: str) -> None:
    assert printed(node) == ("", layer)


@pytest.mark.parametrize(
    ("node", "shape", "fan"),
    [
        ("{op: linear, features: 3, init: %s}", "[4]", "inputs.shape[-1] ** -0.5"),
        (
            "{op: conv2d, channels: 6, kernel: 1, init: %s}",
            "",
            "inputs.shape[-1] ** -0.5",
        ),
        (
            "{op: conv2d, channels: 6, kernel: [3, 2], init: %s}",
            "",
            "(inputs.shape[-1] * 6) ** -0.5",
        ),
        (
            "{op: conv2d, channels: 6, kernel: 3, groups: 2, init: %s}",
            "",
            "(inputs.shape[-1] // 2 * 9) ** -0.5",
        ),
        (
            "{op: conv2d, channels: 6, kernel: =k, groups: =g, init: %s}",
            "",
            "(inputs.shape[-1] // g * k * k) ** -0.5",
        ),
        (
            "{op: conv2d, channels: 6, kernel: =k + 1, groups: =g - 1, init: %s}",
            "",
            "(inputs.shape[-1] // (g - 1) * (k + 1) * (k + 1)) ** -0.5",
        ),
        ("{op: conv2d, channels: 8, kernel: 3, groups: 4, init: %s}", "", "9**-0.5"),
        ("{op: conv2d, channels: 8, kernel: 1, groups: 4, init: %s}", "", "1**-0.5"),
        (
            "{op: conv2d, channels: 4, kernel: =k, groups: 4, init: %s}",
            "",
            "(k * k) ** -0.5",
        ),
        (
            "{op: conv_transpose2d, channels: 6, kernel: 2, init: %s}",
            "",
            "(6 * 4) ** -0.5",
        ),
        ("{op: conv_transpose2d, channels: =k, kernel: 1, init: %s}", "", "k**-0.5"),
    ],
)
def test_a_bias_that_is_drawn_by_a_fan(node: str, shape: str, fan: str) -> None:
    """By that of torch's own layer, to which its own draw comes near."""
    text = node % "{bias: fan_in_uniform}"
    graph = graph_of(
        f"params: {{k: 3, g: 2}}\ninputs: {{image: {shape or '[4, 8, 8]'}}}\n"
        f"graph:\n  n: {text}\n"
    )
    source = archspec_keras.backend.emit(graph)
    joined = " ".join(source.text.split()).replace("( ", "(").replace(" )", ")")
    joined = joined.replace(",)", ")")
    assert f"bias_initializer=RandomUniform(-({fan}), {fan})," in joined
    op, shapes = graph.nodes[0].op, [*graph.inputs.values()]
    weight: Any = torch.empty(op.weights(*shapes)["weight"])
    bound = weight[0].numel() ** -0.5
    keras.utils.set_random_seed(0)
    net = getattr(execute(source), source.entry)()
    bias = np.asarray(net.get_layer("n").get_weights()[1])
    assert bound / 4 < np.abs(bias).max() <= bound


def test_a_depthwise_convolution_draws_where_keras_would_count_otherwise() -> None:
    node = "{op: conv2d, channels: 8, groups: 4, kernel: 3, init: {weight: %s}}"
    constant, layer = printed(node % "{kaiming_normal: {mode: fan_out}}")
    assert constant == (
        'HE_NORMAL = serialize(VarianceScaling(1.0, "fan_in", "untruncated_normal"))'
    )
    assert layer.endswith("depthwise_initializer=HE_NORMAL,")
    constant, _ = printed(node.replace("8", "4") % "xavier_uniform")
    assert constant == (
        'GLOROT_UNIFORM = serialize(VarianceScaling(1.0, "fan_avg", "uniform"))'
    )


def test_weights_that_only_some_instances_have() -> None:
    """The first instance of the block has no bias to start."""
    graph = graph_of(
        """
inputs: {image: [4, 8, 8]}
defaults: {conv2d: {init: {bias: 0.5}}}
blocks:
  unit:
    params: {bias: bool}
    graph: {n: {op: conv2d, channels: 4, kernel: 1, bias: =bias}}
graph: {a: {block: unit, bias: false}, b: {block: unit, bias: true}}
"""
    )
    text = archspec_keras.backend.emit(graph).text
    assert "bias_initializer=initializers.Constant(0.5)" in text


def test_two_distributions_of_a_kind_have_two_names() -> None:
    graph = graph_of(
        """
inputs: {image: [4, 8, 8]}
graph:
  a: {op: conv2d, channels: 4, kernel: 1}
  b: {op: conv2d, channels: 4, kernel: 1, init: {weight: {kaiming_normal: {mode: fan_out}}}}
  c: {op: conv2d, channels: 4, kernel: 1}
"""
    )
    text = archspec_keras.backend.emit(graph).text
    assert 'HE_NORMAL = serialize(VarianceScaling(2.0, "fan_in"' in text
    assert 'HE_NORMAL2 = serialize(VarianceScaling(2.0, "fan_out"' in text
    assert text.count("HE_NORMAL2") == 2


def test_what_keras_starts_from_by_itself() -> None:
    """As the signatures of its layers say."""
    import inspect

    from keras import layers

    kinds = {
        "kernel": layers.Conv2D,
        "bias": layers.Dense,
        "gamma": layers.BatchNormalization,
        "beta": layers.GroupNormalization,
        "alpha": layers.PReLU,
    }
    words = {"glorot_uniform": "xavier_uniform", "Zeros": "zeros"}
    for attribute, kind in kinds.items():
        found = inspect.signature(kind).parameters[f"{attribute}_initializer"].default
        usual: Any = USUAL[attribute]
        told = {0.0: "zeros", 1.0: "ones", None: usual.name}[
            getattr(usual, "value", None)
        ]
        assert words.get(found, found) == told
    assert USUAL.keys() == kinds.keys()


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (
            "{op: conv2d, channels: 8, groups: 4, kernel: 3, "
            "init: {weight: xavier_normal}}",
            "no xavier_normal for several outputs",
        ),
        (
            "{op: conv2d, channels: 8, kernel: 3, "
            "init: {weight: {trunc_normal: {std: 1.0, a: -1.0, b: 1.0}}}}",
            "not at -1.0 and 1.0",
        ),
        (
            "{op: conv2d, channels: 8, kernel: 3, "
            "init: {weight: {trunc_normal: {std: 1.0, a: -2.0, b: 3.0}}}}",
            "not at -2.0 and 3.0",
        ),
    ],
)
def test_what_keras_can_not_draw(node: str, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason) as found:
        printed(node)
    assert str(found.value.at) == "net.yaml:5:3"


def test_what_it_can() -> None:
    conv: Any = BY_KIND["conv2d"]
    init: Any = {"weight": "xavier_normal"}
    assert (
        undrawn(conv(channels=4, groups=4, kernel=1, init=init), ((4, 2, 2),)) is None
    )
    init = {"weight": {"trunc_normal": {"std": 0.5, "a": 0.0, "b": 2.0, "mean": 1.0}}}
    assert undrawn(conv(channels=4, kernel=1, init=init), ((4, 2, 2),)) is None

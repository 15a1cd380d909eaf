"""archspec.weights.layouts: a canonical weight's layer and layout in Keras."""

from __future__ import annotations

import numpy as np
import pytest
from nets import graph_of

from archspec.weights.layouts import Place, places

IMAGE = "inputs: {image: [4, 8, 8]}\n"
VECTOR = "inputs: {image: [6]}\n"


def moved(spec: str) -> list[tuple[str, str, str, tuple[int, ...]]]:
    """Names, layers, attributes and shapes in Keras; what is moved comes back."""
    found = []
    for place in places(graph_of(spec)):
        array = np.arange(np.prod(place.shape)).reshape(place.shape)
        into = place.into(array)
        assert np.array_equal(place.back(into), array)
        assert place.back(into).shape == place.shape
        assert place.layer == place.path.replace(".", "_")
        assert place.name.rpartition(".")[0] == place.path
        found.append((place.name, place.layer, place.attribute, into.shape))
    return found


def test_every_role() -> None:
    spec = f"""{IMAGE}
graph:
  stem:
    graph:
      conv: {{op: conv2d, channels: 6, kernel: [3, 5]}}
      norm: batch_norm
  act: {{op: prelu, shared: false}}
  one: prelu
  scale: {{op: scale, weight: gamma}}
  up: {{op: conv_transpose2d, channels: 5, kernel: [3, 2], bias: false}}
  pool: global_avg_pool2d
  fc: {{op: linear, features: 3}}
"""
    assert moved(spec) == [
        ("stem.conv.weight", "stem_conv", "kernel", (3, 5, 4, 6)),
        ("stem.conv.bias", "stem_conv", "bias", (6,)),
        ("stem.norm.weight", "stem_norm", "gamma", (6,)),
        ("stem.norm.bias", "stem_norm", "beta", (6,)),
        ("stem.norm.running_mean", "stem_norm", "moving_mean", (6,)),
        ("stem.norm.running_var", "stem_norm", "moving_variance", (6,)),
        ("act.weight", "act", "alpha", (1, 1, 6)),
        ("one.weight", "one", "alpha", (1, 1, 1)),
        ("scale.gamma", "scale", "kernel", (1, 1, 6, 1)),
        ("up.weight", "up", "kernel", (3, 2, 5, 6)),
        ("fc.weight", "fc", "kernel", (5, 3)),
        ("fc.bias", "fc", "bias", (3,)),
    ]


def test_vectors() -> None:
    spec = f"""{VECTOR}
graph:
  norm: {{op: batch_norm, affine: false}}
  act: {{op: prelu, shared: false}}
  scale: {{op: scale, weight: weight}}
"""
    assert moved(spec) == [
        ("norm.running_mean", "norm", "moving_mean", (6,)),
        ("norm.running_var", "norm", "moving_variance", (6,)),
        ("act.weight", "act", "alpha", (6,)),
        ("scale.weight", "scale", "kernel", (6,)),
    ]


def only(attributes: str, op: str = "conv2d") -> Place:
    spec = f"{IMAGE}graph: {{conv: {{op: {op}, bias: false, {attributes}}}}}"
    (place,) = places(graph_of(spec))
    return place


@pytest.mark.parametrize(
    ("attributes", "shape"),
    [
        ("channels: 5, kernel: [3, 2]", (3, 2, 4, 5)),
        ("channels: 6, kernel: [3, 2], groups: 2", (3, 2, 2, 6)),
        ("channels: 4, kernel: [3, 2], groups: 4", (3, 2, 4, 1)),
        ("channels: 12, kernel: [3, 2], groups: 4", (3, 2, 4, 3)),
    ],
)
def test_kernels_of_convolutions(attributes: str, shape: tuple[int, ...]) -> None:
    assert moved(f"{IMAGE}graph: {{c: {{op: conv2d, bias: false, {attributes}}}}}") == [
        ("c.weight", "c", "kernel", shape)
    ]


def test_a_transposed_convolution_has_no_multiplier() -> None:
    place = only("channels: 4, kernel: [3, 2], groups: 4", "conv_transpose2d")
    array = np.arange(4 * 3 * 2).reshape(4, 1, 3, 2)
    assert place.into(array).shape == (3, 2, 1, 4)
    assert np.array_equal(place.back(place.into(array)), array)


def test_where_each_number_goes() -> None:
    """Keras: kernel[row, column, input, output]; depthwise [.., input, multiple]."""
    plain = only("channels: 5, kernel: [3, 2]")
    array = np.arange(5 * 4 * 3 * 2).reshape(5, 4, 3, 2)
    for o, i, h, w in ((0, 0, 0, 0), (4, 3, 2, 1), (2, 1, 1, 0)):
        assert plain.into(array)[h, w, i, o] == array[o, i, h, w]
    deep = only("channels: 12, kernel: [3, 2], groups: 4")
    array = np.arange(12 * 3 * 2).reshape(12, 1, 3, 2)
    for channel, multiple, h, w in ((0, 0, 0, 0), (3, 2, 2, 1), (1, 2, 0, 1)):
        out = channel * 3 + multiple
        assert deep.into(array)[h, w, channel, multiple] == array[out, 0, h, w]
    back = only("channels: 5, kernel: [3, 2]", "conv_transpose2d")
    array = np.arange(4 * 5 * 3 * 2).reshape(4, 5, 3, 2)
    for i, o, h, w in ((0, 0, 0, 0), (3, 4, 2, 1), (1, 2, 1, 0)):
        assert back.into(array)[h, w, o, i] == array[i, o, h, w]


def test_a_layer_is_called_as_its_path() -> None:
    place = only("channels: 5, kernel: 1")._replace(path="a.b.1")
    assert place.layer == "a_b_1"

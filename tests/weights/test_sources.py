"""archspec.weights.sources: whose names a file has, and what each source calls ours."""

from __future__ import annotations

import numpy as np
import pytest
from nets import graph_of

from archspec.errors import WeightsError
from archspec.graph import Graph
from archspec.weights.sources import guessed, keras_order, layers, source

SMALL = """
inputs: {image: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: [3, 2]}
  bn: batch_norm
  act: relu
  pool: global_avg_pool2d
  fc: {op: linear, features: 2}
"""
VGG = """
inputs: {image: [2, 7, 7]}
graph:
  flat: flatten
  classifier:
    graph:
      - {op: linear, features: 5}
      - relu
      - {op: dropout, rate: 0.5}
      - {op: linear, features: 4}
      - relu
      - {op: dropout, rate: 0.5}
      - {op: linear, features: 3}
"""


def keys(name: str, graph: Graph) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Key and shape of every weight; what is moved has that shape, and comes back."""
    found = {}
    for place in source(name).places(graph):
        array = np.arange(np.prod(place.shape)).reshape(place.shape)
        into = place.into(array)
        assert into.shape == place.stored
        assert np.array_equal(place.back(into), array)
        found[place.name] = (place.key, place.stored)
    return found


@pytest.mark.parametrize("name", ["canonical", "torchvision", "timm"])
def test_canonical_names(name: str) -> None:
    assert not source(name).layered
    assert keys(name, graph_of(SMALL)) == {
        "conv.weight": ("conv.weight", (4, 3, 3, 2)),
        "conv.bias": ("conv.bias", (4,)),
        "bn.weight": ("bn.weight", (4,)),
        "bn.bias": ("bn.bias", (4,)),
        "bn.running_mean": ("bn.running_mean", (4,)),
        "bn.running_var": ("bn.running_var", (4,)),
        "fc.weight": ("fc.weight", (2, 4)),
        "fc.bias": ("fc.bias", (2,)),
    }


def test_timms_head_of_a_vgg_is_convolutions() -> None:
    graph = graph_of(VGG)
    assert keys("timm", graph) == {
        "classifier.0.weight": ("pre_logits.fc1.weight", (5, 2, 7, 7)),
        "classifier.0.bias": ("pre_logits.fc1.bias", (5,)),
        "classifier.3.weight": ("pre_logits.fc2.weight", (4, 5, 1, 1)),
        "classifier.3.bias": ("pre_logits.fc2.bias", (4,)),
        "classifier.6.weight": ("head.fc.weight", (3, 4)),
        "classifier.6.bias": ("head.fc.bias", (3,)),
    }
    other = graph_of(VGG.replace("[2, 7, 7]", "[2, 7, 6]"))
    assert keys("timm", other)["classifier.0.weight"] == (
        "pre_logits.fc1.weight",
        (5, 84),
    )
    first = next(iter(source("timm").places(graph)))
    array = np.arange(5 * 98).reshape(5, 98)
    assert first.into(array)[3, 1, 2, 4] == array[3, 1 * 49 + 2 * 7 + 4]
    assert (first.layer, first.attribute) == ("", "")


def test_names_of_keras_layers() -> None:
    assert source("keras").layered and source("keras.applications").layered
    wanted = {
        "conv.weight": ("conv/0", (3, 2, 3, 4)),
        "conv.bias": ("conv/1", (4,)),
        "bn.weight": ("bn/0", (4,)),
        "bn.bias": ("bn/1", (4,)),
        "bn.running_mean": ("bn/2", (4,)),
        "bn.running_var": ("bn/3", (4,)),
        "fc.weight": ("fc/0", (4, 2)),
        "fc.bias": ("fc/1", (2,)),
    }
    assert keys("keras", graph_of(SMALL)) == wanted
    assert keys("keras.applications", graph_of(SMALL)) == wanted
    first, *_, last = source("keras").places(graph_of(SMALL))
    assert (first.layer, first.attribute) == ("conv", "kernel")
    assert (last.layer, last.attribute) == ("fc", "bias")


@pytest.mark.parametrize(
    ("path", "theirs"),
    [
        ("conv2_0_conv1", "conv2_block1_1_conv"),
        ("conv5_11_bn2", "conv5_block12_2_bn"),
        ("conv3_0_shortcut_0", "conv3_block1_0_conv"),
        ("conv3_0_shortcut_1", "conv3_block1_0_bn"),
        ("conv3_9_shortcut", "conv3_block10_0_conv"),
        ("conv4_2_preact_bn", "conv4_block3_preact_bn"),
        ("conv1_conv", "conv1_conv"),
        ("conv2_0_conv", "conv2_0_conv"),
        ("aconv2_0_conv1", "aconv2_0_conv1"),
        ("conv2_0_conv1_", "conv2_0_conv1_"),
    ],
)
def test_names_of_keras_applications(path: str, theirs: str) -> None:
    """keras/src/applications/resnet.py: conv2_block1_1_conv, ..._0_bn, ..."""
    graph = graph_of(f"""
inputs: {{image: [3, 8, 8]}}
graph: {{{path}: {{op: conv2d, channels: 4, kernel: 1, bias: false}}}}
""")
    assert keys("keras.applications", graph)[f"{path}.weight"][0] == f"{theirs}/0"
    assert keys("keras", graph)[f"{path}.weight"][0] == f"{path}/0"


def test_an_unknown_source() -> None:
    assert source("timm").name == "timm"
    with pytest.raises(WeightsError, match="there is no weight format 'kers'") as near:
        source("kers")
    assert near.value.code == "AS608" and "did you mean 'keras'?" in str(near.value)
    with pytest.raises(WeightsError) as far:
        source("zzzzzzzzzzz")
    assert far.value.hint == (
        "known are canonical, torchvision, timm, keras, keras.applications"
    )


def test_the_source_of_a_file() -> None:
    vgg, small = graph_of(VGG), graph_of(SMALL)
    theirs = [key for key, _ in keys("timm", vgg).values()]
    assert guessed(vgg, theirs, False).name == "timm"
    assert guessed(vgg, theirs[:1], False).name == "timm"
    assert guessed(vgg, [*theirs[:1], *vgg.parameters()], False).name == "canonical"
    assert guessed(vgg, list(vgg.parameters()), False).name == "canonical"
    # Of two that agree equally well the first is taken, and the file's kind decides.
    assert guessed(small, list(small.parameters()), False).name == "canonical"
    assert guessed(small, [], False).name == "canonical"
    assert guessed(small, [], True).name == "keras"
    named = graph_of("""
inputs: {image: [3, 8, 8]}
graph: {conv2_0_conv1: {op: conv2d, channels: 4, kernel: 1}}
""")
    assert guessed(named, ["conv2_0_conv1/0"], True).name == "keras"
    assert guessed(named, ["conv2_block1_1_conv/0"], True).name == "keras.applications"


def test_weights_by_layer() -> None:
    graph = graph_of(SMALL)
    draw = np.random.default_rng(0)
    shapes = {**graph.parameters(), **graph.buffers()}
    weights = {name: draw.normal(size=shape) for name, shape in shapes.items()}
    found = layers(graph, list(source("keras").places(graph)), weights)
    assert {name: (kind, [a for a, _ in of]) for name, (kind, of) in found.items()} == {
        "conv": ("conv2d", ["kernel", "bias"]),
        "bn": (
            "batch_normalization",
            ["gamma", "beta", "moving_mean", "moving_variance"],
        ),
        "fc": ("dense", ["kernel", "bias"]),
    }
    kernel = found["conv"][1][0][1]
    assert np.array_equal(kernel, weights["conv.weight"].transpose(2, 3, 1, 0))
    assert np.array_equal(found["fc"][1][0][1], weights["fc.weight"].T)
    assert np.array_equal(found["bn"][1][3][1], weights["bn.running_var"])


def test_an_op_that_keras_applications_lack() -> None:
    graph = graph_of("inputs: {image: [3, 8, 8]}\ngraph: {act: prelu}")
    places = list(source("keras").places(graph))
    with pytest.raises(
        WeightsError, match=r"'act': keras\.applications has no prelu"
    ) as e:
        layers(graph, places, {"act.weight": np.ones(1)})
    assert e.value.code == "AS608"
    assert e.value.hint == "--to keras writes weights for the net's own Keras model"
    up = graph_of("""
inputs: {image: [3, 8, 8]}
graph: {up: {op: conv_transpose2d, channels: 4, kernel: 2, bias: false}}
""")
    found = layers(
        up, list(source("keras").places(up)), {"up.weight": np.ones((3, 4, 2, 2))}
    )
    assert found["up"][0] == "conv2d_transpose"


@pytest.mark.parametrize(
    ("graph", "wanted"),
    [
        ("{a: relu, b: relu, c: relu}", "a b c"),
        # The longer way from the outputs comes first.
        (
            "{a: relu, b: {op: relu, from: input}, c: {op: relu, from: b}, d: {op: add, from: [a, c]}}",
            "b a c d",
        ),
        # Equally far: in the order of the sum's operands.
        ("{a: relu, b: {op: relu, from: input}, d: {op: add, from: [b, a]}}", "b a d"),
        ("{a: relu, b: {op: relu, from: input}, d: {op: add, from: [a, b]}}", "a b d"),
        # One value, read twice: where it is met first counts.
        (
            "{a: relu, b: {op: relu, from: input}, s: {op: add, from: [b, a]}, "
            "d: {op: add, from: [a, s]}}",
            "a b s d",
        ),
        ("{a: relu, b: relu, d: {op: add, from: [b, a]}}", "a b d"),
    ],
)
def test_the_order_of_a_keras_models_layers(graph: str, wanted: str) -> None:
    made = graph_of(f"inputs: {{image: [3, 4, 4]}}\ngraph: {graph}")
    assert keras_order(made) == wanted.split()


def test_the_order_with_two_outputs() -> None:
    made = graph_of("""
inputs: {image: [3, 4, 4]}
graph: {a: relu, b: relu, c: {op: relu, from: a}, d: {op: relu, from: c}}
outputs: {one: d, two: b}
""")
    assert keras_order(made) == ["a", "c", "d", "b"]
    swapped = graph_of("""
inputs: {image: [3, 4, 4]}
graph: {a: relu, b: relu, c: {op: relu, from: a}, d: {op: relu, from: a}}
outputs: {one: d, two: b, three: c}
""")
    assert keras_order(swapped) == ["a", "d", "b", "c"]

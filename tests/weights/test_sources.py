"""Whose files call the weights what, and in which order Keras has its layers."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from nets import graph_of
from torch.nn import functional

from archspec.errors import WeightsError
from archspec.graph import Graph
from archspec.weights.sources import (
    BLIND,
    COUNTED,
    SOURCES,
    TURNED,
    Place,
    Source,
    guessed,
    keras_order,
    layers,
    named,
    source,
)

HEAD = """
inputs: {x: [98]}
graph:
  classifier:
    graph:
      - {op: linear, features: 6}
      - relu
      - dropout
      - {op: linear, features: 5}
      - relu
      - dropout
      - {op: linear, features: 4}
"""
"""The classifier of a VGG, for images of 2 x 7 x 7."""

NET = """
inputs: {x: [3, 8, 8]}
graph:
  conv1: {op: conv2d, channels: 4, kernel: [3, 5], bias: false}
  bn1: batch_norm
  grouped: {op: conv2d, channels: 8, kernel: 1, groups: 4}
  pool: global_avg_pool2d
  fc: {op: linear, features: 2}
"""


def names(name: str, graph: Graph) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Canonical names with the file's, and the shapes in the file."""
    return {p.name: (p.key, p.stored) for p in source(name).places(graph)}


def test_canonical_names_are_torchvisions() -> None:
    wanted = {
        "conv1.weight": ("conv1.weight", (4, 3, 3, 5)),
        "bn1.weight": ("bn1.weight", (4,)),
        "bn1.bias": ("bn1.bias", (4,)),
        "bn1.running_mean": ("bn1.running_mean", (4,)),
        "bn1.running_var": ("bn1.running_var", (4,)),
        "grouped.weight": ("grouped.weight", (8, 1, 1, 1)),
        "grouped.bias": ("grouped.bias", (8,)),
        "fc.weight": ("fc.weight", (2, 8)),
        "fc.bias": ("fc.bias", (2,)),
    }
    graph = graph_of(NET)
    for name in ("canonical", "torchvision", "timm"):
        assert names(name, graph) == wanted
        array = np.arange(6.0).reshape(2, 3)
        place = next(source(name).places(graph))
        assert place.into(array) is array and place.back(array) is array
        assert (place.shape, place.layer, place.attribute) == ((4, 3, 3, 5), "", "")


class TestTimm:
    def test_the_head_of_a_vgg(self) -> None:
        assert names("timm", graph_of(HEAD)) == {
            "classifier.0.weight": ("pre_logits.fc1.weight", (6, 2, 7, 7)),
            "classifier.0.bias": ("pre_logits.fc1.bias", (6,)),
            "classifier.3.weight": ("pre_logits.fc2.weight", (5, 6, 1, 1)),
            "classifier.3.bias": ("pre_logits.fc2.bias", (5,)),
            "classifier.6.weight": ("head.fc.weight", (4, 5)),
            "classifier.6.bias": ("head.fc.bias", (4,)),
        }

    def test_the_convolution_is_the_linear_layer(self) -> None:
        place = next(source("timm").places(graph_of(HEAD)))
        draw = np.random.default_rng(0)
        image = torch.from_numpy(draw.normal(size=(1, 2, 7, 7)))
        weight = draw.normal(size=place.shape)
        convolved = functional.conv2d(image, torch.from_numpy(place.into(weight)))
        linear = functional.linear(image.flatten(1), torch.from_numpy(weight))
        assert torch.allclose(convolved.flatten(1), linear, rtol=1e-12, atol=1e-12)
        assert np.array_equal(place.back(place.into(weight)), weight)

    @pytest.mark.parametrize("size", [84, 97, 99])
    def test_a_linear_layer_that_is_no_such_convolution(self, size: int) -> None:
        found = names("timm", graph_of(HEAD.replace("98", str(size))))
        assert found["classifier.0.weight"] == ("pre_logits.fc1.weight", (6, size))

    def test_a_convolution_stays_one(self) -> None:
        graph = graph_of(
            "inputs: {x: [49, 8, 8]}\ngraph:\n"
            "  classifier: {graph: [{op: conv2d, channels: 2, kernel: 7}]}\n"
        )
        found = names("timm", graph)
        assert found["classifier.0.weight"] == ("pre_logits.fc1.weight", (2, 49, 7, 7))

    def test_other_names_stay(self) -> None:
        ops = ", ".join(["{op: linear, features: 4}"] * 11)
        graph = graph_of(
            f"inputs: {{image: [4]}}\ngraph:\n  classifier: {{graph: [{ops}]}}\n"
            f"  body: {{graph: {{classifier: {{graph: [{ops}]}}}}}}\n"
        )
        changed = {k for k, (key, _) in names("timm", graph).items() if k != key}
        assert changed == {
            f"classifier.{n}.{part}" for n in (0, 3, 6) for part in ("weight", "bias")
        }


class TestKeras:
    def test_layers_and_positions(self) -> None:
        graph = graph_of(NET)
        assert names("keras", graph) == {
            "conv1.weight": ("conv1/kernel", (3, 5, 3, 4)),
            "bn1.weight": ("bn1/gamma", (4,)),
            "bn1.bias": ("bn1/beta", (4,)),
            "bn1.running_mean": ("bn1/moving_mean", (4,)),
            "bn1.running_var": ("bn1/moving_variance", (4,)),
            "grouped.weight": ("grouped/kernel", (1, 1, 4, 2)),
            "grouped.bias": ("grouped/bias", (8,)),
            "fc.weight": ("fc/kernel", (8, 2)),
            "fc.bias": ("fc/bias", (2,)),
        }
        place = next(source("keras").places(graph))
        assert place.shape == (4, 3, 3, 5)
        assert (place.layer, place.attribute) == ("conv1", "kernel")
        array = np.arange(180.0).reshape(place.shape)
        assert np.array_equal(place.into(array), array.transpose(2, 3, 1, 0))
        assert np.array_equal(place.back(place.into(array)), array)


@pytest.mark.parametrize("name", [known.name for known in SOURCES])
def test_a_source_by_name(name: str) -> None:
    assert source(name).name == name
    assert source(name).layered == name.startswith(("keras", "theano"))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("kers", "did you mean 'keras'?"),
        ("tim", "did you mean 'timm'?"),
        ("xyz", "known are " + ", ".join(dict.fromkeys(s.name for s in SOURCES))),
    ],
)
def test_no_such_source(name: str, hint: str) -> None:
    with pytest.raises(WeightsError) as caught:
        source(name)
    assert caught.value.message == f"there is no weight format {name!r}"
    assert (caught.value.code, caught.value.hint) == ("AS608", hint)


@pytest.mark.parametrize(
    ("keys", "layered", "name"),
    [
        ({"classifier.0.weight", "classifier.0.bias"}, False, "canonical"),
        ({"pre_logits.fc1.weight", "classifier.0.bias", "head.fc.bias"}, False, "timm"),
        ({"classifier_0/kernel"}, True, "keras"),
        ({"pre_logits.fc1.weight"}, True, "keras"),
        (set(), False, "canonical"),
        ({"classifier_0/kernel"}, False, "canonical"),
    ],
)
def test_the_source_that_agrees_most(keys: set[str], layered: bool, name: str) -> None:
    shapes = dict.fromkeys(keys, (1,))
    assert whose(graph_of(HEAD), shapes, layered) == name


def whose(graph: Graph, tensors: dict[str, Any], layered: bool) -> str:
    known = [found for s in named(None, layered, {}) for found in s.candidates(graph)]
    return guessed(known, tensors)[0].name


def test_layers_of_keras_are_called_by_their_aliases() -> None:
    graph = graph_of(
        "inputs: {x: [3, 4, 4]}\ngraph:\n"
        "  stage:\n    graph:\n"
        "      - {alias: block1, graph: {conv: {op: conv2d, alias: 1_conv, "
        "channels: 3, kernel: 1}}}\n"
    )
    for name in ("keras", "keras.applications"):
        found = [p.key for p in source(name).places(graph)]
        assert found == ["stage_block1_1_conv/kernel", "stage_block1_1_conv/bias"]
    assert whose(graph, dict.fromkeys(found, ()), True) == "keras"


class TestLayers:
    graph = graph_of(
        "inputs: {x: [3, 4, 4]}\ngraph:\n"
        "  a: {op: conv2d, channels: 2, kernel: 1}\n  act: relu\n  n: batch_norm\n"
        "  up: {op: conv_transpose2d, channels: 2, kernel: 1, bias: false}\n"
        "  pool: global_avg_pool2d\n  fc: {op: linear, features: 2}\n"
    )

    def test_each_with_its_class_and_variables(self) -> None:
        draw = np.random.default_rng(0)
        shapes = self.graph.parameters() | self.graph.buffers()
        weights = {name: draw.random(shape) for name, shape in shapes.items()}
        places = list(source("keras").places(self.graph))
        found = layers(self.graph, places, weights)
        assert {
            name: (kind, [attribute for attribute, _ in variables])
            for name, (kind, variables) in found.items()
        } == {
            "a": ("conv2d", ["kernel", "bias"]),
            "n": (
                "batch_normalization",
                ["gamma", "beta", "moving_mean", "moving_variance"],
            ),
            "up": ("conv2d_transpose", ["kernel"]),
            "fc": ("dense", ["kernel", "bias"]),
        }
        assert list(found) == ["a", "n", "up", "fc"]
        assert np.array_equal(found["fc"][1][0][1], weights["fc.weight"].T)
        assert np.array_equal(found["n"][1][3][1], weights["n.running_var"])

    def test_an_op_that_is_in_none_of_their_nets(self) -> None:
        graph = graph_of("inputs: {x: [3, 4, 4]}\ngraph: {n: layer_norm}\n")
        places: list[Place] = list(source("keras").places(graph))
        with pytest.raises(WeightsError) as caught:
            layers(graph, places, {p.name: np.zeros(p.shape) for p in places})
        assert caught.value.message == (
            "'n': keras.applications has no layer_norm with weights"
        )
        assert caught.value.code == "AS608"
        assert "--to keras" in (caught.value.hint or "")


def test_a_layer_as_far_as_another_follows_the_walk_from_the_outputs() -> None:
    """The case of a shortcut: its projection stands beside the last convolution."""
    graph = graph_of(
        "inputs: {x: [3, 4, 4]}\ngraph:\n  a: relu\n  b: tanh\n  c: silu\n"
        "  short: {op: elu, from: a}\n  side: {op: gelu, from: short}\n"
        "  add: {op: add, from: [c, short]}\n"
        "outputs: {y: add, z: side}\n"
    )
    assert keras_order(graph) == ["a", "b", "c", "short", "add", "side"]


def random_net(seed: int) -> tuple[str, list[str]]:
    """A net of relus and sums that read whatever came before; its outputs."""
    draw = Random(seed)
    lines, there = [], ["x", "z"]
    unread = {*there}
    for number in range(draw.randint(3, 14)):
        reads = [draw.choice(there[-6:]) for _ in range(draw.randint(1, 3))]
        unread -= {*reads}
        op = "relu" if len(reads) == 1 else "add"
        name = f"n{number}"
        lines.append(f"  {name}: {{op: {op}, from: [{', '.join(reads)}]}}")
        there.append(name)
        unread.add(name)
    outputs = sorted(unread - {"x", "z"}, key=lambda _: draw.random())
    given = "\n".join(lines)
    return (
        f"inputs: {{x: [3], z: [3]}}\ngraph:\n{given}\noutputs: "
        f"{{{', '.join(f'{name}_out: {name}' for name in outputs)}}}\n",
        outputs,
    )


def test_the_order_is_that_of_a_functional_model() -> None:
    import keras

    for seed in range(60):
        text, outputs = random_net(seed)
        graph = graph_of(text)
        values: dict[str, Any] = {
            name: keras.Input((3,), name=name) for name in graph.inputs
        }
        used = {name for node in graph.nodes for name in node.inputs}
        for node in graph.nodes:
            reads = [values[name] for name in node.inputs]
            made = keras.layers.Add if len(reads) > 1 else keras.layers.ReLU
            given = reads if len(reads) > 1 else reads[0]
            values[node.name] = made(name=node.name)(given)
        model = keras.Model(
            [values[name] for name in graph.inputs if name in used],
            [values[name] for name in outputs],
        )
        wanted = [
            layer.name for layer in model.layers if layer.name not in graph.inputs
        ]
        assert keras_order(graph) == wanted, text


KERAS = [("keras", "", ""), ("keras.applications", "", "")]
ONE = {"keras_version": "1.2.2"}


@pytest.mark.parametrize(
    ("name", "facts", "wanted"),
    [
        (None, {}, KERAS),
        (None, {"keras_version": "2.4.0"}, KERAS),
        (None, {"keras_version": "10.0"}, KERAS),
        ("keras", {}, KERAS[:1]),
        (
            None,
            {"layers": "a b"},
            [*KERAS, *((name, "", COUNTED) for name, _, _ in KERAS)],
        ),
        ("keras", ONE, [("keras", "tf", BLIND), ("keras", "th", BLIND)]),
        ("keras", {**ONE, "layers": "a"}, [("keras", "tf", BLIND), ("keras", "th", BLIND)]),
        ("keras", {**ONE, "dim_ordering": "th"}, [("keras", "th", BLIND)]),
        ("keras", {**ONE, "dim_ordering": "tf"}, [("keras", "tf", BLIND)]),
        ("keras", {"features": "chw"}, [("keras", "chw", "")]),
        ("keras", {"backend": "theano"}, KERAS[:1]),
        (None, {"backend": "theano"}, [("theano", "", TURNED)]),
        ("theano", {}, [("theano", "", TURNED)]),
        ("theano", ONE, [("theano", "tf", TURNED), ("theano", "th", TURNED)]),
    ],
)  # fmt: skip
def test_whose_a_file_of_keras_may_be(
    name: str | None, facts: dict[str, str], wanted: list[tuple[str, str, str]]
) -> None:
    found = named(name, True, facts)
    assert [(known.name, known.first, known.note) for known in found] == wanted
    assert named(name, False, facts) == [
        known
        for known in SOURCES
        if not known.layered and name is None and "backend" not in facts
    ]


def lettered(*keys: str) -> Source:
    """A source of vectors that have these names, behind `net.` or not."""

    def places(graph: Graph) -> Any:
        for key in keys:
            yield Place(key, (1,), key, (1,), np.asarray, np.asarray)

    return Source("lettered", False, places, "net.")


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        (("net.a", "b"), [["net.a", "b"], ["a", "b"]]),
        (("a", "b"), [["a", "b"]]),
        ((), []),
    ],
)
def test_names_without_what_they_begin_with(
    keys: tuple[str, ...], wanted: list[list[str]]
) -> None:
    of = lettered(*keys)
    found = of.candidates(graph_of(NET))
    assert [[place.key for place in places] for _, places in found] == wanted
    assert all(known is of for known, _ in found)


def test_a_net_without_weights_has_names_of_any_source() -> None:
    bare = graph_of("inputs: {x: [3]}\ngraph: {r: relu}")
    of = lettered()
    assert of.candidates(bare) == [(of, [])]


def test_a_tensor_of_the_right_shape_counts_more_than_another_name() -> None:
    one, two = lettered("a", "b", "c"), lettered("d", "e")
    ways = [(one, [*one.places(graph_of(NET))]), (two, [*two.places(graph_of(NET))])]
    shapes = {"a": (2,), "b": (2,), "c": (1,), "d": (1,), "e": (1,)}
    assert guessed(ways, shapes)[0] is two
    assert guessed(ways, {**shapes, "e": (2,)})[0] is one
    assert guessed(ways, {})[0] is one


CONV = "inputs: {{x: [3, 4, 4]}}\ngraph: {{c: {{op: conv2d, channels: {}, kernel: 3}}}}"


@pytest.mark.parametrize(
    ("kernel", "order"), [((3, 3, 3, 4), "tf"), ((4, 3, 3, 3), "th")]
)
def test_axes_that_a_shape_tells(kernel: tuple[int, ...], order: str) -> None:
    ways = [
        way
        for known in named("keras", True, ONE)
        for way in known.candidates(graph_of(CONV.format(4)))
    ]
    found, places = guessed(ways, {"c/kernel": kernel, "c/bias": (4,)})
    assert found.first == order and places[0].stored == kernel


def test_axes_that_nothing_tells() -> None:
    ways = [
        way
        for known in named("keras", True, ONE)
        for way in known.candidates(graph_of(CONV.format(3)))
    ]
    with pytest.raises(WeightsError) as caught:
        guessed(ways, {"c/kernel": (3, 3, 3, 3), "c/bias": (3,)})
    assert caught.value.message.startswith("nothing says whether images are [C, H, W]")
    assert caught.value.code == "AS608"
    assert caught.value.hint == "load it with Keras 2 (tf_keras) and save it again"


def test_axes_that_do_not_matter() -> None:
    """Without a convolution both orders are one, and the first is taken."""
    graph = graph_of("inputs: {x: [3]}\ngraph: {fc: {op: linear, features: 2}}")
    ways = [
        way for known in named("keras", True, ONE) for way in known.candidates(graph)
    ]
    assert guessed(ways, {"fc/kernel": (3, 2), "fc/bias": (2,)})[0].first == "tf"

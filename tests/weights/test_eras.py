"""Files of older Kerases: other axes, turned kernels, no names of layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from nets import graph_of
from scipy.signal import convolve

from archspec.errors import WeightsError
from archspec.graph import Graph
from archspec.weights import eras
from archspec.weights.archives import Archive, Stored
from archspec.weights.eras import by_attribute
from archspec.weights.sources import Place, Source, guessed, keras_order, named, source

IMAGE = """
inputs: {x: [3, 4, 6]}
graph:
  conv: {op: conv2d, channels: 6, kernel: [2, 3]}
  up: {op: conv_transpose2d, channels: 5, kernel: [2, 3]}
  flat: {op: flatten, order: hwc}
  norm: batch_norm
  act: relu
  fc: {op: linear, features: 4}
  last: {op: linear, features: 2}
"""
FIRST = {"keras_version": "1"}


def places(graph: Graph, name: str = "keras", **facts: str) -> dict[str, Place]:
    [found, *_] = named(name, True, facts)
    return {place.name: place for place in found.places(graph)}


def drawn(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape)


class TestTheano:
    def test_the_kernel_of_a_convolution(self) -> None:
        """Theano computes what mathematicians call a convolution."""
        graph = graph_of(
            "inputs: {x: [1, 6, 7]}\ngraph:\n"
            "  conv: {op: conv2d, channels: 1, kernel: [2, 3], bias: false}\n"
        )
        kernel, image = drawn(2, 3, 1, 1), drawn(6, 7)
        place = places(graph, "theano")["conv.weight"]
        weight = torch.from_numpy(np.ascontiguousarray(place.back(kernel)))
        found = torch.conv2d(torch.from_numpy(image)[None, None], weight)[0, 0].numpy()
        wanted = convolve(image, kernel[:, :, 0, 0], "valid", "direct")
        assert np.allclose(found, wanted, rtol=0, atol=1e-12)
        assert np.array_equal(place.into(place.back(kernel)), kernel)

    def test_only_kernels_of_convolutions_are_turned(self) -> None:
        usual, found = (places(graph_of(IMAGE), name) for name in ("keras", "theano"))
        for name, place in usual.items():
            array = drawn(*place.stored)
            same = np.array_equal(place.back(array), found[name].back(array))
            assert same == (name not in ("conv.weight", "up.weight"))
            assert found[name].stored == place.stored

    def test_a_depthwise_kernel_is_refused(self) -> None:
        """Keras 2 doesn't turn it, though Theano did."""
        graph = graph_of(
            "inputs: {x: [4, 6, 7]}\ngraph:\n"
            "  conv: {op: conv2d, channels: 4, kernel: 3, groups: 4}\n"
        )
        place = places(graph, "theano")["conv.weight"]
        with pytest.raises(WeightsError, match="depthwise kernels") as caught:
            place.back(drawn(*place.stored))
        assert caught.value.code == "AS607"


class TestFirst:
    def test_axes(self) -> None:
        graph = graph_of(IMAGE)
        wanted = {
            "tf": ((2, 3, 3, 6), (2, 3, 6, 5)),
            "th": ((6, 3, 2, 3), (5, 6, 2, 3)),
        }
        for order, shapes in wanted.items():
            found = places(graph, dim_ordering=order, **FIRST)
            assert tuple(found[f"{n}.weight"].stored for n in ("conv", "up")) == shapes
            for place in found.values():
                array = drawn(*place.shape)
                assert place.into(array).shape == place.stored
                assert np.array_equal(place.back(place.into(array)), array)

    def test_axes_as_keras_2_moves_them(self) -> None:
        """`preprocess_weights_for_loading` of Keras 2.2.4, by order and by class."""
        graph = graph_of(IMAGE)
        moves = {
            ("th", "conv"): (2, 3, 1, 0),
            ("th", "up"): (2, 3, 0, 1),
            ("tf", "conv"): (0, 1, 2, 3),
            ("tf", "up"): (0, 1, 3, 2),
        }
        second = places(graph)
        for (order, layer), axes in moves.items():
            name = f"{layer}.weight"
            old = places(graph, dim_ordering=order, **FIRST)[name]
            array = drawn(*old.stored)
            wanted = second[name].back(array.transpose(axes))
            assert np.array_equal(old.back(array), wanted)

    def test_features_of_an_image_in_another_order(self) -> None:
        """`convert_dense_weights_data_format` of Keras 2.2.4."""
        graph = graph_of(IMAGE)
        shape = graph.shapes()["up"]
        assert len(set(shape)) == 3
        second, old = places(graph), places(graph, dim_ordering="th", **FIRST)
        array = drawn(*old["fc.weight"].stored)
        moved = np.empty_like(array)
        for unit in range(array.shape[1]):
            moved[:, unit] = array[:, unit].reshape(shape).transpose(1, 2, 0).ravel()
        wanted = second["fc.weight"].back(moved)
        assert np.array_equal(old["fc.weight"].back(array), wanted)
        row = array[:, 0]
        for name in ("weight", "bias", "running_mean", "running_var"):
            assert np.array_equal(old[f"norm.{name}"].back(row), moved[:, 0])
        assert np.array_equal(old["fc.bias"].back(row[:4]), row[:4])
        last = drawn(*old["last.weight"].stored)
        assert np.array_equal(old["last.weight"].back(last), last.T)

    def test_torchs_order_of_features_stays(self) -> None:
        graph = graph_of(IMAGE.replace("order: hwc", "order: chw"))
        second, old = places(graph), places(graph, dim_ordering="th", **FIRST)
        array = drawn(*old["fc.weight"].stored)
        found = old["fc.weight"].back(array)
        assert np.array_equal(found, second["fc.weight"].back(array))


class TestGuessed:
    def shapes(self, graph: Graph, order: str) -> dict[str, tuple[int, ...]]:
        found = places(graph, dim_ordering=order, **FIRST).values()
        return {place.key: place.stored for place in found}

    def source(self, graph: Graph, order: str, **facts: str) -> Source:
        sources = named(None, True, {**FIRST, **facts})
        candidates = [found for of in sources for found in of.candidates(graph)]
        return guessed(candidates, self.shapes(graph, order))[0]

    @pytest.mark.parametrize("order", ["tf", "th"])
    def test_the_order_that_fits(self, order: str) -> None:
        assert self.source(graph_of(IMAGE), order).first == order

    def test_an_order_that_nothing_tells(self) -> None:
        text = (
            "inputs: {x: [3, 3, 3]}\ngraph:\n"
            "  conv: {op: conv2d, channels: 3, kernel: 3, padding: 1}\n"
        )
        graph = graph_of(text)
        with pytest.raises(WeightsError, match="nothing says whether images") as caught:
            self.source(graph, "tf")
        assert "tf_keras" in (caught.value.hint or "")
        assert self.source(graph, "th", dim_ordering="th").first == "th"

    def test_a_net_to_which_no_order_matters(self) -> None:
        graph = graph_of("inputs: {x: [3]}\ngraph: {fc: {op: linear, features: 2}}\n")
        assert self.source(graph, "tf").name == "keras"


class TestCounted:
    def keys(self, text: str, name: str = "net") -> list[str]:
        graph = graph_of(text)
        found = named("keras", True, {"layers": "without names"})
        assert len(found) == 2
        return [place.key for place in found[1].places(graph)]

    def test_a_chain(self) -> None:
        assert self.keys(
            "inputs: {x: [4, 8, 8]}\ngraph:\n"
            "  a: {op: conv2d, channels: 4, kernel: 3, bias: false}\n"
            "  b: {op: conv2d, channels: 4, kernel: 3, groups: 4}\n"
            "  c: {op: conv2d, channels: 4, kernel: 3, bias: false}\n  n: batch_norm\n"
        ) == [
            "layers/conv2d/kernel",
            "layers/depthwise_conv2d/kernel",
            "layers/depthwise_conv2d/bias",
            "layers/conv2d_1/kernel",
            "layers/batch_normalization/gamma",
            "layers/batch_normalization/beta",
            "layers/batch_normalization/moving_mean",
            "layers/batch_normalization/moving_variance",
        ]

    BRANCHES = (
        "inputs: {{x: [4, 8, 8]}}\ngraph:\n"
        "  a: {{op: conv2d, channels: {0}, kernel: 1, from: input}}\n"
        "  b: {{op: conv2d, channels: {1}, kernel: 1, from: input}}\n"
        "  c: {{op: concat, from: [a, b]}}\n"
    )

    def test_branches_of_like_layers_have_no_order(self) -> None:
        assert self.keys(self.BRANCHES.format(3, 3)) == []
        assert len(self.keys(self.BRANCHES.format(3, 2))) == 4

    def test_an_op_that_has_no_class_here(self) -> None:
        assert self.keys("inputs: {x: [4, 8, 8]}\ngraph: {n: layer_norm}\n") == []

    def test_the_order_is_that_of_keras_model(self) -> None:
        graph = graph_of(self.BRANCHES.format(3, 2))
        assert keras_order(graph)[:2] == ["a", "b"]


def archive(**shapes: tuple[int, ...]) -> Archive:
    tensors = {
        key.replace("__", "/"): Stored(shape, "float32", lambda: np.zeros(1))
        for key, shape in shapes.items()
    }
    return Archive("Keras weights", True, tensors)


class TestNumbers:
    graph = graph_of(
        "inputs: {x: [3, 4, 4]}\ngraph:\n"
        "  conv: {op: conv2d, channels: 2, kernel: 1}\n  bn: batch_norm\n"
    )

    def names(self, found: Archive) -> list[str]:
        places = source("keras").places(self.graph)
        return list(by_attribute(found, places, "f")[0].tensors)

    def test_as_many_as_the_net_has(self) -> None:
        found = archive(conv__1=(2,), conv__0=(1, 1, 3, 2), bn__gamma=(2,), top__0=(1,))
        assert self.names(found) == ["bn/gamma", "top/0", "conv/kernel", "conv/bias"]

    def test_shapes_say_which_is_which(self) -> None:
        """A layer of one's own may have them in another order."""
        found = archive(conv__0=(2,), conv__1=(1, 1, 3, 2), bn__gamma=(2,))
        by_name, _ = by_attribute(found, source("keras").places(self.graph), "f")
        assert by_name.tensors["conv/kernel"].shape == (1, 1, 3, 2)

    def test_another_count_is_refused(self) -> None:
        with pytest.raises(WeightsError) as caught:
            self.names(archive(bn__0=(2,), bn__1=(2,), bn__2=(2,)))
        assert caught.value.message == (
            "'bn' has 3 variables in 'f', which don't say what they are; "
            "the net's has 4: gamma, beta, moving_mean, moving_variance"
        )
        assert "scale=False" in (caught.value.hint or "")

    def test_no_names_of_layers(self) -> None:
        with pytest.raises(WeightsError) as caught:
            self.names(archive(layers__conv2d__kernel=(1, 1, 3, 2)))
        assert "has no names of layers" in caught.value.message
        assert "tf_keras is Keras 2" in (caught.value.hint or "")

    def test_numbers_that_leave_one_out(self) -> None:
        with pytest.raises(WeightsError, match="don't say what they are"):
            self.names(archive(conv__0=(1, 1, 3, 2), conv__7=(2,)))


class TestPlainNorms:
    """A norm without a factor has 1 there, whatever a net starts with."""

    graph = graph_of(
        "inputs: {x: [3, 4, 4]}\ngraph:\n"
        "  a: {op: batch_norm, init: {weight: 0}}\n  b: batch_norm\n"
    )

    def read(self, *without: str) -> tuple[dict[str, Any], tuple[str, ...]]:
        places = [*source("keras").places(self.graph)]
        found = Archive(
            "a Keras model",
            True,
            {
                place.key: Stored((3,), "float32", lambda: np.full(3, 7, np.float32))
                for place in places
                if place.key not in without
            },
        )
        archive, notes = by_attribute(found, places, "f")
        return {key: t.read() for key, t in archive.tensors.items()}, notes

    def test_what_is_left_out(self) -> None:
        arrays, notes = self.read("a/gamma", "b/gamma", "b/beta")
        assert notes == (
            "scale=False left gamma out, so it is 1: a, b",
            "center=False left beta out, so it is 0: b",
        )
        for key, value in {
            "a/gamma": 1,
            "b/gamma": 1,
            "b/beta": 0,
            "a/beta": 7,
        }.items():
            assert np.array_equal(arrays[key], np.full(3, value, np.float32))

    def test_a_norm_that_is_not_there(self) -> None:
        own = [f"a/{name}" for name in ("gamma", "beta", "moving_variance")]
        arrays, notes = self.read(*own)
        assert notes == () and "a/gamma" not in arrays


def test_equal_ways_to_read() -> None:
    graph = graph_of(IMAGE)
    one, other = (places(graph, name).values() for name in ("keras", "theano"))
    assert eras.equal(one, one)
    assert not eras.equal(one, other)

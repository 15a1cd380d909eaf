"""Weights of a net out of any file, and into the files that others read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import safetensors.torch
import torch
from commands import Arrays, same
from nets import graph_of

from archspec.errors import WeightsError
from archspec.fingerprint import fingerprint
from archspec.graph import Graph
from archspec.weights import initial_weights, load, metadata, save, write
from archspec.weights.conversion import fitted

TEXT = """
inputs: {x: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: [3, 5]}
  bn: batch_norm
  pool: global_avg_pool2d
  fc: {op: linear, features: 2}
"""
LINEAR = """
inputs: {x: [98]}
graph:
  classifier:
    graph: [{op: linear, features: 6}, relu, dropout, {op: linear, features: 5}]
"""
"""timm has the first as a convolution of 7 x 7, and the second as one of a pixel."""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return graph_of(TEXT)


@pytest.fixture(scope="module")
def weights(graph: Graph) -> Arrays:
    draw = np.random.default_rng(0)
    shapes = graph.parameters() | graph.buffers()
    return {name: draw.random(shape, np.float32) for name, shape in shapes.items()}


def tensors(weights: Arrays) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in weights.items()}


@pytest.mark.parametrize(
    "name", ["w.pth", "w.pt", "w.safetensors", "w.h5", "w.weights.h5"]
)
def test_there_and_back(graph: Graph, weights: Arrays, name: str) -> None:
    write(name, graph, weights)
    found = fitted(Path(name), graph)
    assert same(found.weights, weights)
    assert list(found.weights) == list(graph.parameters() | graph.buffers())
    assert all(array.flags.c_contiguous for array in found.weights.values())
    assert (found.initial, found.passed_over, found.made_for) == ((), (), "")
    assert same(load(name, graph), weights)


def test_torch_reads_what_is_written(graph: Graph, weights: Arrays) -> None:
    write("w.pth", graph, weights)
    write("w.safetensors", graph, weights)
    for found in (torch.load("w.pth"), safetensors.torch.load_file("w.safetensors")):
        assert same({k: v.numpy() for k, v in found.items()}, weights)


def test_what_a_safetensors_file_says_of_itself(graph: Graph, weights: Arrays) -> None:
    texts = {"name": "net", "fingerprint": fingerprint(graph)}
    write("w.safetensors", graph, weights)
    assert metadata("w.safetensors") == texts
    write("w.safetensors", graph, weights, metadata={"seed": "3", "name": "mine"})
    assert metadata("w.safetensors") == {"seed": "3", **texts}


def test_keras_reads_layouts_of_its_own(graph: Graph, weights: Arrays) -> None:
    write("w.weights.h5", graph, weights)
    with h5py.File("w.weights.h5") as file:
        kernel = file["layers/conv2d/vars/0"][()]
        assert np.array_equal(kernel, weights["conv.weight"].transpose(2, 3, 1, 0))
        dense = file["layers/dense/vars/0"][()]
        assert np.array_equal(dense, weights["fc.weight"].T)


def test_timms_files() -> None:
    graph = graph_of(LINEAR)
    weights = initial_weights(graph, 3)
    write("timm.pth", graph, weights, "timm")
    found = torch.load("timm.pth")
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == {
        "pre_logits.fc1.weight": (6, 2, 7, 7),
        "pre_logits.fc1.bias": (6,),
        "pre_logits.fc2.weight": (5, 6, 1, 1),
        "pre_logits.fc2.bias": (5,),
    }
    for source in (None, "timm"):
        back = fitted("timm.pth", graph, source=source)
        assert same(back.weights, weights)
        assert back.source == "timm"
    with pytest.raises(WeightsError, match="read as canonical, don't fit the net"):
        load("timm.pth", graph, source="canonical")


def test_a_file_as_it_is(graph: Graph, weights: Arrays) -> None:
    state = {**tensors(weights), "bn.num_batches_tracked": torch.tensor(3)}
    torch.save(dict(reversed(state.items())), "w.pth")
    found = load("w.pth")
    assert list(found) == list(weights)[::-1]
    assert same(found, weights)
    write("w.h5", graph, weights)
    assert set(load("w.h5")) == {
        *("conv/kernel", "conv/bias", "fc/kernel", "fc/bias"),
        *("bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance"),
    }


def test_canonical_order_whatever_the_files(graph: Graph, weights: Arrays) -> None:
    state = {**tensors(weights), "bn.num_batches_tracked": torch.tensor(3)}
    torch.save(dict(reversed(state.items())), "w.pth")
    found = fitted("w.pth", graph)
    assert list(found.weights) == list(graph.parameters() | graph.buffers())
    assert (found.source, found.passed_over) == ("canonical", ())


class TestAllowances:
    def test_what_lacks_is_as_a_net_starts(self, graph: Graph, weights: Arrays) -> None:
        state = tensors(weights)
        del state["fc.weight"], state["fc.bias"]
        torch.save({**state, "head.weight": torch.ones(2)}, "w.pth")
        found = fitted("w.pth", graph, allow_missing=["fc.*"], allow_extra=["head.*"])
        assert set(found.initial) == {"fc.weight", "fc.bias"}
        assert found.passed_over == ("head.weight",)
        start = initial_weights(graph, 0)
        wanted = {n: (start if n in found.initial else weights)[n] for n in weights}
        assert same(found.weights, wanted)
        assert same(
            load("w.pth", graph, allow_missing="fc.*", allow_extra="head.weight"),
            wanted,
        )
        for missing, extra in ((["fc.*"], []), ([], ["head.*"])):
            for read in (load, fitted):
                with pytest.raises(WeightsError) as caught:
                    read("w.pth", graph, allow_missing=missing, allow_extra=extra)
                assert caught.value.code == "AS601"

    def test_another_shape(self, graph: Graph, weights: Arrays) -> None:
        state = {**tensors(weights), "fc.weight": torch.zeros(7, 4)}
        torch.save(state, "w.pth")
        with pytest.raises(WeightsError, match="0 missing, 0 surplus, 1 of another"):
            load("w.pth", graph)
        found = fitted("w.pth", graph, allow_missing=["fc.*"], allow_extra=["fc.*"])
        assert found.initial == ("fc.weight",)
        assert found.passed_over == ("fc.weight",)
        start = initial_weights(graph, 0)["fc.weight"]
        assert np.array_equal(found.weights["fc.weight"], start)

    def test_names_of_either_side(self, graph: Graph, weights: Arrays) -> None:
        write("w.weights.h5", graph, weights)
        with h5py.File("w.weights.h5", "a") as file:
            del file["layers/dense"]
        message = r"missing: fc/kernel = fc.weight \[4, 2\]"
        with pytest.raises(WeightsError, match=message) as caught:
            load("w.weights.h5", graph)
        assert caught.value.message == (
            "the weights in 'w.weights.h5', read as keras, don't fit the net: "
            "2 missing, 0 surplus, 0 of another shape"
        )
        for names in (["fc.*"], ["fc/*"]):
            found = fitted("w.weights.h5", graph, allow_missing=names)
            assert set(found.initial) == {"fc.weight", "fc.bias"}


class TestMadeFor:
    @pytest.mark.parametrize(
        ("texts", "made_for"),
        [
            ({}, ""),
            ({"name": "other"}, ""),
            ({"name": "other", "fingerprint": ""}, ""),
            ({"name": "other", "fingerprint": "0"}, "other"),
            ({"name": "net", "fingerprint": "0"}, ""),
            ({"fingerprint": "0"}, ""),
        ],
    )
    def test_another_net(
        self, graph: Graph, weights: Arrays, texts: dict[str, str], made_for: str
    ) -> None:
        save("w.safetensors", weights, texts)
        assert fitted("w.safetensors", graph).made_for == made_for

    def test_the_same_net_under_another_name(
        self, graph: Graph, weights: Arrays
    ) -> None:
        texts = {"name": "other", "fingerprint": fingerprint(graph)}
        save("w.safetensors", weights, texts)
        assert fitted("w.safetensors", graph).made_for == ""


class TestElements:
    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    def test_floats_stay_what_they_are(
        self, graph: Graph, weights: Arrays, dtype: str
    ) -> None:
        given = {name: array.astype(dtype) for name, array in weights.items()}
        write("w.pth", graph, given)
        assert same(load("w.pth", graph), given)

    def test_bfloat16(self, graph: Graph, weights: Arrays) -> None:
        state = {name: t.bfloat16() for name, t in tensors(weights).items()}
        torch.save(state, "w.pth")
        wanted = {name: tensor.float().numpy() for name, tensor in state.items()}
        assert same(load("w.pth", graph), wanted)

    @pytest.mark.parametrize("dtype", ["int32", "bool", "int64", "complex64"])
    def test_no_weights_of_a_net(
        self, graph: Graph, weights: Arrays, dtype: str
    ) -> None:
        wrong = np.zeros((4,), dtype)
        torch.save(tensors({**weights, "bn.bias": wrong}), "w.pth")
        with pytest.raises(WeightsError) as caught:
            load("w.pth", graph)
        assert (
            caught.value.message
            == f"'bn.bias' holds {dtype} values, no weights of a net"
        )
        assert caught.value.code == "AS607"
        assert "bn.bias" in load("w.pth")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("keras", "'w.pth' is a torch checkpoint, which is not keras's format"),
        ("keras.applications", "which is not keras.applications's format"),
        ("kers", "there is no weight format 'kers'"),
    ],
)
def test_another_source(
    graph: Graph, weights: Arrays, source: str, message: str
) -> None:
    write("w.pth", graph, weights)
    with pytest.raises(WeightsError) as caught:
        load("w.pth", graph, source=source)
    assert message in caught.value.message
    assert caught.value.code == "AS608"


@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        ("w.npz", None, "a file that ends in .safetensors, .pth, .pt for canonical"),
        ("w.keras", None, "a file that ends in .safetensors, .pth, .pt for canonical"),
        ("w.h5", "timm", "a file that ends in .safetensors, .pth, .pt for timm"),
        ("w.pth", "keras", "a file that ends in .weights.h5, .h5 for keras"),
        ("w.keras", "keras", "a file that ends in .weights.h5, .h5 for keras"),
        ("w.h5", "keras", "Keras itself writes the files of a net's own Keras model"),
        ("w.weights.h5", "keras", "Keras itself writes the files of a net's own"),
        ("w.pth", "kers", "there is no weight format 'kers'"),
    ],
)
def test_a_target_and_its_suffix(
    graph: Graph, weights: Arrays, name: str, target: Any, message: str
) -> None:
    with pytest.raises(WeightsError) as caught:
        write(name, graph, weights, target)
    assert message in caught.value.message
    assert caught.value.code == "AS608"
    if "itself" in message:
        assert caught.value.hint == "build the model with these weights and save it"
    assert not list(Path().iterdir())


class TestTypesOfFiles:
    @pytest.mark.parametrize("name", ["w.h5", "w.weights.h5", "w.pth", "w.safetensors"])
    def test_halves(self, graph: Graph, weights: Arrays, name: str) -> None:
        write(name, graph, weights, dtype="float16")
        wanted = {key: array.astype("float16") for key, array in weights.items()}
        assert same(load(name, graph), wanted)

    @pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
    def test_brain_floats(self, graph: Graph, weights: Arrays, name: str) -> None:
        write(name, graph, weights, dtype="bfloat16")
        safe = name.endswith(".safetensors")
        found = (
            safetensors.torch.load_file(name)
            if safe
            else torch.load(name, weights_only=True)
        )
        for key, tensor in found.items():
            assert torch.equal(tensor, torch.from_numpy(weights[key]).bfloat16())

    @pytest.mark.parametrize(
        ("name", "how", "told"),
        [
            ("w.h5", {"dtype": "bfloat16"}, "HDF5 has no bfloat16"),
            ("w.h5", {"dtype": "int8"}, "can't be stored as 'int8'"),
            ("w.pth", {"dtype": "int8"}, "can't be stored as 'int8'"),
            ("w.pth", {"shard": 10}, r"only \.safetensors may be several files"),
        ],
    )
    def test_refused(
        self, graph: Graph, weights: Arrays, name: str, how: Any, told: str
    ) -> None:
        with pytest.raises(WeightsError, match=told):
            write(name, graph, weights, **how)
        assert not list(Path().iterdir())

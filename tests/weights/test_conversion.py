"""Weights of a net out of any file, and into the files that others read."""

from __future__ import annotations

import logging
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
from archspec.weights.conversion import Loaded, fitted, reading

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
            ("w.h5", {"target": "theano"}, "files for Theano are only read"),
            ("w.pth", {"target": "kuangliu"}, "kuangliu has no names for the weights"),
        ],
    )
    def test_refused(
        self, graph: Graph, weights: Arrays, name: str, how: Any, told: str
    ) -> None:
        with pytest.raises(WeightsError, match=told):
            write(name, graph, weights, **how)
        assert not list(Path().iterdir())


class TestWhatIsSaid:
    found = Loaded(
        {name: np.zeros(1) for name in ("a.weight", "b.weight", "b.bias")},
        "timm",
        ("b.weight", "b.bias"),
        ("head.weight",),
        "",
        ("a note",),
        7,
        ("a doubt",),
    )

    def test_what_was_taken(self) -> None:
        assert list(self.found.lines()) == [
            "taken: 1 of 3 weights, read as timm",
            "new, from seed 7: b.weight, b.bias",
            "left out: head.weight",
        ]
        plain = Loaded({"a.weight": np.zeros(1)}, "timm", (), (), "")
        assert list(plain.lines()) == ["taken: 1 of 1 weights, read as timm"]
        assert (plain.notes, plain.seed, plain.doubts) == ((), 0, ())

    def test_notes_and_doubts_are_logged(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING, "archspec.weights"):
            self.found.tell()
        assert caplog.messages == ["note: a note", "warning: a doubt"]

    def test_of_another_net(
        self, graph: Graph, weights: Arrays, caplog: pytest.LogCaptureFixture
    ) -> None:
        """`load` says it, and `fitted` leaves it to its caller."""
        bias = np.full(4, np.nan, np.float32)
        torch.save(tensors({**weights, "bn.bias": bias}), "w.pth")
        told = "NaN or infinity in bn.bias"
        assert fitted("w.pth", graph).doubts == (told,)
        assert caplog.messages == []
        load("w.pth", graph)
        assert caplog.messages == [f"warning: {told}"]
        assert fitted("w.pth", graph, strict=False).doubts == (told,)
        with pytest.raises(WeightsError) as caught:
            fitted("w.pth", graph, strict=True)
        assert caught.value.message == (
            f"the weights in 'w.pth', read as canonical, can't be used: {told}"
        )
        assert caught.value.code == "AS620"
        assert caught.value.hint == "without --strict it is a warning"

    def test_every_value_is_looked_at_where_that_is_wanted(
        self, graph: Graph, weights: Arrays
    ) -> None:
        kernel = np.full((2, 4), np.inf, np.float32)
        torch.save(tensors({**weights, "fc.weight": kernel}), "w.pth")
        assert fitted("w.pth", graph).doubts == ()
        assert fitted("w.pth", graph, thorough=True).doubts == (
            "NaN or infinity in fc.weight",
        )

    def test_what_is_given_in_python_has_no_file(
        self, graph: Graph, weights: Arrays
    ) -> None:
        with pytest.raises(WeightsError) as caught:
            load({**weights, "fc.bias": np.zeros(3, np.float32)}, graph)
        assert caught.value.message.startswith("the weights given don't fit the net")

    @pytest.mark.parametrize("index", [False, True])
    def test_a_file_that_is_a_part_of_several(
        self, graph: Graph, weights: Arrays, index: bool
    ) -> None:
        name = "w-00001-of-00002.safetensors"
        save(name, {"fc.bias": weights["fc.bias"]})
        if index:
            Path("w.safetensors.index.json").write_text("{}")
        with pytest.raises(WeightsError) as caught:
            load(name, graph)
        told = "give" if index else "get all parts and their index,"
        assert (caught.value.hint or "").endswith(f"{told} w.safetensors.index.json")


class TestInitialValues:
    def test_they_are_of_a_seed(self, graph: Graph, weights: Arrays) -> None:
        torch.save(
            {n: t for n, t in tensors(weights).items() if n[:2] != "fc"}, "w.pth"
        )
        for seed in (0, 3):
            start = initial_weights(graph, seed)["fc.weight"]
            found = fitted("w.pth", graph, allow_missing=["fc.*"], seed=seed)
            assert found.seed == seed
            assert np.array_equal(found.weights["fc.weight"], start)
            found_by_load = load("w.pth", graph, allow_missing=["fc.*"], seed=seed)
            assert np.array_equal(found_by_load["fc.weight"], start)
        start = initial_weights(graph)["fc.weight"]
        read = load("w.pth", graph, allow_missing=["fc.*"])
        assert np.array_equal(read["fc.weight"], start)
        assert fitted("w.pth", graph, allow_missing=["fc.*"]).seed == 0

    @pytest.mark.parametrize(
        ("other", "wanted"), [("float16", "float16"), ("float64", "float32")]
    )
    def test_they_are_of_the_files_one_type(
        self, graph: Graph, weights: Arrays, other: str, wanted: str
    ) -> None:
        """Where it has several, of the type that initial values have."""
        given = {n: a.astype("float16") for n, a in weights.items() if n[:2] != "fc"}
        torch.save(
            tensors({**given, "conv.bias": weights["conv.bias"].astype(other)}), "w.pth"
        )
        found = load("w.pth", graph, allow_missing="fc.*")
        assert found["fc.weight"].dtype == wanted
        assert found["conv.weight"].dtype == "float16"

    def test_new_whatever_there_is(self, graph: Graph, weights: Arrays) -> None:
        write("w.pth", graph, weights)
        found = fitted("w.pth", graph, new=["fc"])
        assert found.initial == ("fc.weight", "fc.bias") and found.passed_over == ()
        start = initial_weights(graph)
        for name, array in found.weights.items():
            of = start if name in found.initial else weights
            assert np.array_equal(array, of[name])


class TestOtherInputs:
    text = TEXT.replace("[3, 8, 8]", "[1, 8, 8]")

    def test_a_kernel_is_adapted(self, graph: Graph, weights: Arrays) -> None:
        write("w.pth", graph, weights)
        grey = graph_of(self.text)
        found = fitted("w.pth", grey, adapt_input="sum")
        assert found.notes == ("conv.weight: 3 input channels to 1",)
        assert found.weights["conv.weight"].shape == (4, 1, 3, 5)
        summed = weights["conv.weight"].sum(1, keepdims=True)
        assert np.array_equal(found.weights["conv.weight"], summed)
        assert np.array_equal(found.weights["conv.bias"], weights["conv.bias"])

    def test_the_way_is_advised_where_it_is_not_taken(
        self, graph: Graph, weights: Arrays
    ) -> None:
        write("w.pth", graph, weights)
        with pytest.raises(WeightsError) as caught:
            load("w.pth", graph_of(self.text))
        assert caught.value.hint == "--adapt-input sum takes conv.weight to 1 channel"
        with pytest.raises(WeightsError) as caught:
            load(
                "w.pth",
                graph_of(self.text.replace("features: 2", "features: 3")),
                adapt_input="sum",
            )
        assert "--adapt-input" not in (caught.value.hint or "")


def test_kernels_of_keras_1_whose_axes_nothing_tells() -> None:
    """Also where the names and shapes are all those of a net."""
    text = "inputs: {x: [3, 4, 4]}\ngraph: {c: {op: conv2d, channels: 3, kernel: 3}}"
    graph = graph_of(text)
    weights = initial_weights(graph)
    write("w.h5", graph, weights)
    assert same(load("w.h5", graph), weights)
    with h5py.File("w.h5", "a") as file:
        file.attrs["keras_version"] = b"1.2.2"
    with pytest.raises(WeightsError, match="nothing says whether images are"):
        load("w.h5", graph)


def test_a_source_without_names_for_the_net(graph: Graph, weights: Arrays) -> None:
    write("w.pth", graph, weights)
    with pytest.raises(WeightsError) as caught:
        load("w.pth", graph, source="kuangliu")
    message = f"kuangliu has no names for the weights of {graph.name}"
    assert (caught.value.message, caught.value.code) == (message, "AS608")


def test_a_net_without_weights_has_a_file_without_tensors() -> None:
    graph = graph_of("inputs: {x: [3]}\ngraph: {r: relu}")
    for target in ("canonical", "timm", "kuangliu"):
        write("w.safetensors", graph, {}, target)
        assert load("w.safetensors", graph, source=target) == {}


def test_the_path_of_what_is_written(graph: Graph, weights: Arrays) -> None:
    for name in ("w.pth", "w.h5", "w.safetensors"):
        assert write(name, graph, weights) == Path(name) and Path(name).is_file()
    index = write("many.safetensors", graph, weights, shard=300)
    assert index == Path("many.safetensors.index.json")
    assert same(load(index, graph), weights)


def test_a_program_is_not_written_but_built(graph: Graph, weights: Arrays) -> None:
    for name, hint in (("w.pt2", "archspec build writes it"), ("w.npz", None)):
        with pytest.raises(WeightsError) as caught:
            write(name, graph, weights)
        assert caught.value.hint == hint


class TestReading:
    def test_what_is_said_is_put_in_order(self) -> None:
        none: dict[str, Any] = {"allow_missing": (), "allow_extra": (), "new": ()}
        flags = {"thorough": False, "strict": False}
        assert reading({}) == none | flags
        given: dict[str, Any] = {"source": "timm", "adapt_input": "repeat"}
        assert reading({**given, "new": "fc", "strict": True}) == {
            **(none | flags),
            **given,
            "new": ("fc",),
            "strict": True,
        }
        for unsaid in ("source", "adapt_input"):
            assert reading({unsaid: None})[unsaid] is None

    @pytest.mark.parametrize(
        ("how", "told"),
        [
            ({"sourc": "timm"}, "sourc"),
            ({"allow_missing": 3}, "allow_missing: expected strings, found 3"),
            ({"allow_extra": [3]}, "allow_extra: expected strings"),
            ({"new": 3}, "new: expected strings, found 3"),
            ({"thorough": 1}, "thorough: expected True or False, found 1"),
            ({"strict": "no"}, "strict: expected True or False, found 'no'"),
            ({"source": 3}, "source: expected a string such as 'torchvision', found 3"),
            ({"wish": "x"}, "wish: expected an archspec.weights.Wish, found 'x'"),
            (
                {"adapt_input": "mean"},
                "adapt_input: expected 'sum', 'repeat' or None, found 'mean'",
            ),
        ],
    )
    def test_another_type(self, how: dict[str, Any], told: str) -> None:
        with pytest.raises(TypeError) as caught:
            reading(how)
        assert told in str(caught.value)

"""archspec.weights.conversion: a file's tensors as a net's weights, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from nets import Arrays, graph_of

from archspec.errors import WeightsError
from archspec.fingerprint import fingerprint
from archspec.weights import files, initial_weights
from archspec.weights.conversion import fitted, load, write

SPEC = """
inputs: {image: [2, 7, 7]}
graph:
  conv: {op: conv2d, channels: 2, kernel: [3, 2], padding: same}
  bn: batch_norm
  flat: flatten
  classifier:
    graph: [{op: linear, features: 5}]
"""
GRAPH = graph_of(SPEC)
SHAPES = {**GRAPH.parameters(), **GRAPH.buffers()}


@pytest.fixture
def weights() -> Arrays:
    draw = np.random.default_rng(0)
    return {k: draw.uniform(0.5, 1, s).astype("float32") for k, s in SHAPES.items()}


def same(left: Arrays, right: Arrays) -> bool:
    return list(left) == list(right) and all(
        np.array_equal(left[k], right[k]) and left[k].dtype == right[k].dtype
        for k in right
    )


def saved(path: Path, arrays: dict[str, Any]) -> Path:
    torch.save({k: torch.as_tensor(a) for k, a in arrays.items()}, path)
    return path


@pytest.mark.parametrize(
    ("name", "target", "read_as"),
    [
        ("w.safetensors", None, "canonical"),
        ("w.pth", None, "canonical"),
        ("w.pt", "torchvision", "canonical"),
        ("w.safetensors", "timm", "timm"),
        ("w.pth", "timm", "timm"),
        ("w.h5", None, "keras"),
        ("w.weights.h5", None, "keras"),
        ("w.weights.h5", "keras.applications", "keras"),
    ],
)
def test_there_and_back(
    tmp_path: Path, weights: Arrays, name: str, target: str | None, read_as: str
) -> None:
    write(tmp_path / name, GRAPH, weights, target)
    found = fitted(tmp_path / name, GRAPH)
    assert same(found.weights, weights) and found.source == read_as
    assert (found.initial, found.passed_over, found.made_for) == ((), (), "")
    assert all(array.flags["C_CONTIGUOUS"] for array in found.weights.values())
    assert same(load(tmp_path / name, GRAPH), weights)


def test_what_is_written(tmp_path: Path, weights: Arrays) -> None:
    write(
        tmp_path / "w.safetensors", GRAPH, weights, metadata={"seed": "3", "name": "x"}
    )
    assert files.metadata(tmp_path / "w.safetensors") == {
        "seed": "3",
        "name": "net",
        "fingerprint": fingerprint(GRAPH),
    }
    write(tmp_path / "w.pth", GRAPH, weights, "timm")
    state = torch.load(tmp_path / "w.pth", weights_only=True)
    assert "classifier.0.weight" not in state
    assert state["pre_logits.fc1.weight"].shape == (5, 2, 7, 7)
    write(tmp_path / "w.h5", GRAPH, weights)
    write(tmp_path / "w.weights.h5", GRAPH, weights)
    with h5py.File(tmp_path / "w.h5") as file:
        assert "layer_names" in file.attrs
    with h5py.File(tmp_path / "w.weights.h5") as file:
        assert list(file) == ["layers"]


@pytest.mark.parametrize(
    ("name", "target", "known"),
    [
        ("w.npz", None, ".safetensors, .pth, .pt for canonical"),
        ("w.keras", None, ".safetensors, .pth, .pt for canonical"),
        ("w.bin", "timm", ".safetensors, .pth, .pt for timm"),
        ("w.weights.h5", "timm", ".safetensors, .pth, .pt for timm"),
        ("w.pth", "keras", ".weights.h5, .h5 for keras"),
        ("w.keras", "keras.applications", ".weights.h5, .h5 for keras.applications"),
    ],
)
def test_a_target_and_its_suffix(
    tmp_path: Path, weights: Arrays, name: str, target: str | None, known: str
) -> None:
    with pytest.raises(WeightsError) as caught:
        write(tmp_path / name, GRAPH, weights, target)
    assert caught.value.code == "AS608"
    assert caught.value.message == (
        f"{str(tmp_path / name)!r}: expected a file that ends in {known}"
    )
    assert not (tmp_path / name).exists()


def test_keras_writes_its_own_files(tmp_path: Path, weights: Arrays) -> None:
    with pytest.raises(WeightsError, match="Keras itself writes the files") as caught:
        write(tmp_path / "w.h5", GRAPH, weights, "keras")
    assert caught.value.code == "AS608"
    assert caught.value.hint == "build the model with these weights and save it"
    with pytest.raises(WeightsError, match="there is no weight format 'kers'"):
        write(tmp_path / "w.h5", GRAPH, weights, "kers")


def test_without_a_net(tmp_path: Path, weights: Arrays) -> None:
    counters = {"bn.num_batches_tracked": np.array(3), "other": np.arange(3)}
    path = saved(tmp_path / "w.pth", weights | counters)
    assert same(load(path), weights | {"other": np.arange(3)})


def test_the_nets_order_and_layout(tmp_path: Path, weights: Arrays) -> None:
    shuffled = dict(reversed(weights.items())) | {"bn.num_batches_tracked": np.array(3)}
    found = fitted(saved(tmp_path / "w.pth", shuffled), GRAPH)
    assert same(found.weights, weights) and found.passed_over == ()


@pytest.mark.parametrize("kind", ["float64", "float32", "float16", "bfloat16"])
def test_element_types(tmp_path: Path, weights: Arrays, kind: str) -> None:
    state = {
        k: torch.ones(v.shape, dtype=getattr(torch, kind)) for k, v in weights.items()
    }
    found = load(saved(tmp_path / "w.pth", state), GRAPH)
    wanted = "float32" if kind == "bfloat16" else kind
    assert {array.dtype.name for array in found.values()} == {wanted}
    assert all((array == 1).all() for array in found.values())


@pytest.mark.parametrize("kind", ["int32", "bool", "complex64"])
def test_what_no_weights_are(tmp_path: Path, weights: Arrays, kind: str) -> None:
    state: dict[str, Any] = {k: torch.from_numpy(v) for k, v in weights.items()}
    state["bn.bias"] = state["bn.bias"].to(getattr(torch, kind))
    with pytest.raises(WeightsError) as caught:
        load(saved(tmp_path / "w.pth", state), GRAPH)
    assert caught.value.code == "AS607"
    assert caught.value.message == f"'bn.bias' holds {kind} values, no weights of a net"


def test_what_does_not_fit(tmp_path: Path, weights: Arrays) -> None:
    path = saved(
        tmp_path / "w.pth", {k: v for k, v in weights.items() if k != "bn.bias"}
    )
    with pytest.raises(WeightsError) as caught:
        load(path, GRAPH)
    assert caught.value.code == "AS601"
    assert caught.value.message == (
        f"the weights in {str(path)!r}, read as canonical, don't fit the net: "
        "1 missing, 0 surplus, 0 of another shape"
    )
    assert caught.value.notes == ("missing: bn.bias [2]",)
    write(tmp_path / "w.h5", GRAPH, weights)
    with h5py.File(tmp_path / "w.h5", "a") as file:
        del file["conv/conv/kernel"]
        file["conv/conv/kernel"] = np.zeros((3, 3, 2, 2))
    with pytest.raises(WeightsError) as caught:
        load(tmp_path / "w.h5", GRAPH)
    assert caught.value.notes == (
        "shape: conv/0 = conv.weight is [3, 3, 2, 2], expected [3, 2, 2, 2]",
    )


def test_what_may_be_missing(tmp_path: Path, weights: Arrays) -> None:
    extra = {"head.a": np.ones(1), "head.num_batches_tracked": np.array(1)}
    kept = {k: v for k, v in weights.items() if not k.startswith("bn.")}
    odd = {"classifier.0.bias": np.ones(7)}
    path = saved(tmp_path / "w.pth", kept | extra | odd)
    names = ["bn.*", "classifier.0.bias"]
    found = fitted(
        path, GRAPH, allow_missing=names, allow_extra=["head.*", "classifier.0.bias"]
    )
    start = initial_weights(GRAPH)
    missing = [k for k in SHAPES if k.startswith("bn.") or k == "classifier.0.bias"]
    wanted = {k: start[k] if k in missing else weights[k] for k in SHAPES}
    assert same(found.weights, wanted)
    assert sorted(found.initial) == sorted(missing)
    assert found.passed_over == ("classifier.0.bias", "head.a")
    assert same(
        load(path, GRAPH, allow_missing=names, allow_extra=["head.a", "classifier.*"]),
        wanted,
    )
    with pytest.raises(WeightsError, match="4 missing, 1 surplus, 1 of another"):
        load(path, GRAPH, allow_missing=[], allow_extra=[])


def test_a_named_source(tmp_path: Path, weights: Arrays) -> None:
    write(tmp_path / "w.pth", GRAPH, weights, "timm")
    assert fitted(tmp_path / "w.pth", GRAPH, source="timm").source == "timm"
    assert same(load(tmp_path / "w.pth", GRAPH, source="timm"), weights)
    with pytest.raises(WeightsError, match="read as torchvision, don't fit"):
        load(tmp_path / "w.pth", GRAPH, source="torchvision")
    write(tmp_path / "w.h5", GRAPH, weights)
    for path, source, kind in (
        ("w.h5", "timm", "legacy Keras weights"),
        ("w.pth", "keras", "a torch checkpoint"),
    ):
        with pytest.raises(WeightsError) as caught:
            load(tmp_path / path, GRAPH, source=source)
        assert caught.value.code == "AS608"
        assert caught.value.message == (
            f"{str(tmp_path / path)!r} is {kind}, which is not {source}'s format"
        )


def test_what_another_net_made(tmp_path: Path, weights: Arrays) -> None:
    path = tmp_path / "w.safetensors"
    other = graph_of(
        f"archspec: 1\nname: other\n{SPEC}".replace(
            "bn: batch_norm", "bn: {op: batch_norm, eps: 0.1}"
        )
    )

    def made_for(**texts: str) -> str:
        files.save(path, weights, texts)
        return fitted(path, GRAPH).made_for

    write(path, other, weights)
    assert fitted(path, GRAPH).made_for == "other"
    assert made_for() == made_for(name="net") == made_for(name="other") == ""
    assert made_for(fingerprint="x", name="other") == "other"
    assert made_for(fingerprint="x", name="net") == made_for(fingerprint="x") == ""
    assert made_for(fingerprint=fingerprint(GRAPH), name="other") == ""


def test_what_was_read_is_a_value(tmp_path: Path, weights: Arrays) -> None:
    write(tmp_path / "w.pth", GRAPH, weights)
    found = fitted(tmp_path / "w.pth", GRAPH)
    with pytest.raises(AttributeError):
        found.source = "timm"  # type: ignore[misc]  # that it is frozen

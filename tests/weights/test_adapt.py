"""A first convolution for other input channels, as timm adapts it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from nets import graph_of
from timm.models._manipulate import adapt_input_conv

import archspec
from archspec.errors import WeightsError
from archspec.weights.adapt import adapted, differs, first_convolution, way
from archspec.weights.conversion import fitted


@pytest.mark.parametrize("own", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 7, 12])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_bits_are_timms(own: int, channels: int, dtype: str) -> None:
    kernel = np.random.default_rng(0).normal(size=(5, own, 3, 2)).astype(dtype)
    if own == channels:
        assert not differs(kernel.shape, (5, channels, 3, 2))
        return
    wanted = adapt_input_conv(channels, torch.from_numpy(kernel), own)
    found = adapted(kernel, channels, way(channels))
    assert found.dtype == dtype and found.tobytes() == wanted.numpy().tobytes()


def test_float64_stays_float64() -> None:
    kernel = np.random.default_rng(0).normal(size=(5, 3, 3, 2))
    found = adapted(kernel, 4, "repeat")
    assert np.abs(found.sum(1) * 4 / 3 - kernel[:, [0, 1, 2, 0]].sum(1)).max() < 1e-15
    assert np.array_equal(adapted(kernel, 1, "sum")[:, 0], kernel.sum(1))


@pytest.mark.parametrize(
    ("channels", "how", "told"),
    [
        (1, "repeat", "'repeat' doesn't take 3 input channels to 1"),
        (4, "sum", "'sum' doesn't take 3 input channels to 4"),
        (1, "mean", "'mean': expected sum or repeat"),
    ],
)
def test_another_way(channels: int, how: str, told: str) -> None:
    with pytest.raises(WeightsError) as caught:
        adapted(np.zeros((2, 3, 1, 1), np.float32), channels, how)
    assert (caught.value.message, caught.value.code) == (told, "AS615")


CONV = "{op: conv2d, channels: 4, kernel: 1}"


@pytest.mark.parametrize(
    ("graph", "told"),
    [
        ("{c: {op: conv2d, channels: 3, kernel: 1, groups: 3}}", "'c', which reads the input, is grouped"),
        ("{r: relu}", "read by 'r', which is no convolution"),
        (f"{{c: {CONV}, d: {{op: conv2d, channels: 4, kernel: 1, from: input}}, a: {{op: add, from: [c, d]}}}}", "read by 'c', 'd', not by one"),
        ("{p: {op: pad, channels: 2}, c: " + CONV + "}", "read by 'p', which is no"),
    ],
)  # fmt: skip
def test_no_convolution_alone(graph: str, told: str) -> None:
    made = graph_of(f"inputs: {{x: [3, 8, 8]}}\ngraph: {graph}")
    with pytest.raises(WeightsError) as caught:
        first_convolution(made)
    assert told in caught.value.message and caught.value.code == "AS615"


def test_what_leaves_channels_as_they_are() -> None:
    made = graph_of(
        "inputs: {x: [3, 8, 9]}\n"
        f"graph: {{p: {{op: pad, spatial: 1}}, i: identity, c: {CONV}}}"
    )
    assert first_convolution(made).name == "c"


def test_two_inputs() -> None:
    made = graph_of(
        "inputs: {x: [3, 8, 8], y: [4, 8, 8]}\n"
        f"graph: {{c: {{from: x, {CONV[1:]}, a: {{op: add, from: [c, y]}}}}"
    )
    with pytest.raises(WeightsError, match="has 2 inputs"):
        first_convolution(made)


@pytest.mark.parametrize("name", ["resnet18", "vgg16", "keras_resnet50", "resnet50d"])
def test_nets_of_the_zoo(name: str) -> None:
    graph = archspec.load(name).graph
    (first,) = [n for n, shape in graph.parameters().items() if shape[1:2] == (3,)]
    assert f"{first_convolution(graph).name}.weight" == first


def test_what_lends_its_size_alone_reads_nothing() -> None:
    assert first_convolution(archspec.load("fcn_resnet50").graph).name.endswith("conv1")


@pytest.mark.parametrize("channels", [1, 5])
def test_a_file_as_timm_loads_it(tmp_path: Path, channels: int) -> None:
    """timm's own path from a file of three channels to `in_chans`."""
    path = tmp_path / "resnet18.pth"
    made = timm.create_model("resnet18").eval()
    torch.save(made.state_dict(), path)
    theirs = timm.create_model(
        "resnet18",
        pretrained=True,
        pretrained_cfg_overlay={"file": str(path)},
        in_chans=channels,
    )
    spec = archspec.load("resnet18", in_channels=channels)
    with pytest.raises(WeightsError) as caught:
        fitted(path, spec.graph)
    plural = "" if channels == 1 else "s"
    assert caught.value.hint == (
        f"--adapt-input {way(channels)} takes conv1.weight to {channels} channel{plural}"
    )
    how: Any = way(channels)
    found = spec.fit_weights(path, adapt_input=how)
    assert found.notes == (f"conv1.weight: 3 input channels to {channels}",)
    for name, tensor in theirs.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert np.array_equal(found.weights[name], tensor.numpy())


def test_kernels_of_keras(tmp_path: Path) -> None:
    """Where the file has the kernel in another layout."""
    from archspec.weights import initial_weights, write

    text = "inputs: {x: [=c, 8, 8]}\nparams: {c: 3}\ngraph: {conv: {op: conv2d, channels: 4, kernel: [2, 3]}}"
    colour, grey = graph_of(text), graph_of(text.replace("c: 3", "c: 1"))
    weights = initial_weights(colour)
    write(tmp_path / "w.h5", colour, weights)
    found = fitted(tmp_path / "w.h5", grey, adapt_input="sum").weights
    kernel = weights["conv.weight"]
    assert np.array_equal(found["conv.weight"], adapted(kernel, 1, "sum"))


def test_what_fits_stays(tmp_path: Path) -> None:
    from archspec.weights import initial_weights, write

    graph = archspec.load("resnet18", widths=[8, 8, 8, 8]).graph
    weights = initial_weights(graph)
    write(tmp_path / "w.pth", graph, weights)
    found = fitted(tmp_path / "w.pth", graph, adapt_input="sum")
    assert found.notes == ()
    assert np.array_equal(found.weights["conv1.weight"], weights["conv1.weight"])

"""What ONNX models are called inside, and what the backend refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from hidden import without
from nets import graph_of, randomised
from onnx_models import TOLERANCES, checked, error
from proofs import sampled
from typer.testing import CliRunner

from archspec import load
from archspec.backend import backend, trains
from archspec.catalog import names
from archspec.cli.app import application
from archspec.errors import BackendError, UnsupportedError
from archspec.graph import Graph
from archspec.weights import initial_weights

ONNX: Any = backend("onnx")


def built(graph: Graph) -> Any:
    return ONNX.build(graph, randomised(graph))


def test_names() -> None:
    """Nodes, values and weights have their paths; helpers stand below these."""
    spec = load("resnet20")
    model = spec.build("onnx")
    nodes = {node.name: node for node in model.graph}
    assert {"layer1.0.conv1", "layer3.2.relu2", "fc"} <= nodes.keys()
    ours = {node.name for node in spec.graph.nodes}
    assert {name.partition("/")[0] for name in nodes} == ours
    assert all(node.outputs[0].name == name for name, node in nodes.items())
    assert nodes["layer1.0.conv1"].metadata_props["namespace"] == "layer1.0"
    parameters = {**spec.graph.parameters(), **spec.graph.buffers()}
    assert parameters.keys() <= model.graph.initializers.keys()
    read = nodes["layer1.0.conv1"].inputs[1]
    assert read is not None and read.name == "layer1.0.conv1.weight"
    assert [value.name for value in model.graph.inputs] == ["image"]
    assert model.metadata_props["archspec.fingerprint"] == spec.fingerprint
    assert (model.ir_version, model.opset_imports) == (10, {"": 21})


def test_helpers_are_numbered() -> None:
    graph = graph_of("inputs: {x: [2, 4, 4]}\ngraph: {a: silu, b: hard_swish}")
    assert [node.name for node in built(graph).graph] == ["a/Sigmoid", "a", "b"]
    graph = graph_of(
        "inputs: {x: [2, 4, 4]}\ngraph: {a: {op: adaptive_avg_pool2d, size: 3}}"
    )
    found = [node.name for node in built(graph).graph]
    assert len({*found}) == len(found) and found[-1] == "a"
    assert {"a/Shape", "a/Shape_2", "a/MatMul"} <= {*found}


def axes(value: Any) -> list[Any]:
    return [d if isinstance(d, int) else d.value for d in value.shape]


def test_axes() -> None:
    """Any batch and any size, unless features are made of pixels."""
    conv = "{op: conv2d, channels: 4, kernel: 1}"
    graph = graph_of(f"inputs: {{x: [3, 8, 6]}}\ngraph: [{conv}]")
    model = built(graph)
    assert axes(model.graph.inputs[0]) == ["N", 3, "H", "W"]
    assert axes(model.graph.outputs[0]) == ["N", 4, None, None]
    flat = graph_of(f"inputs: {{x: [3, 8, 6]}}\ngraph: [{conv}, flatten]")
    model = built(flat)
    assert axes(model.graph.inputs[0]) == ["N", 3, 8, 6]
    assert axes(model.graph.outputs[0]) == ["N", 192]
    two = graph_of(
        "inputs: {a: [3, 8, 6], b: [3, 8, 6]}\ngraph: {s: {op: add, from: [a, b]}}"
    )
    every = [axes(value) for value in built(two).graph.inputs]
    assert every == [["N", 3, "a_H", "a_W"], ["N", 3, "b_H", "b_W"]]


def test_outputs() -> None:
    """Those with names have them; a value that is read or given stays what it is."""
    graph = graph_of(
        "inputs: {x: [3, 4, 4]}\n"
        "graph: {a: relu, b: tanh, c: dropout}\n"
        "outputs: {one: a, b: b, three: c, x2: a}\n"
    )
    model = built(graph)
    assert [value.name for value in model.graph.outputs] == ["one", "b", "three", "x2"]
    checked(graph, model)
    assert error(graph, graph, "reference", {}) <= 1e-12
    same = graph_of("inputs: {x: [3, 4, 4]}\ngraph: {a: {op: dropout, rate: 0.5}}")
    checked(same, built(same))
    assert error(same, same, "ort", {}) <= 1e-7


def test_one_value_of_a_name() -> None:
    graph = graph_of(
        "inputs: {x: [3, 4, 4]}\ngraph: {a: relu, b: tanh}\noutputs: {a: b, c: a}"
    )
    with pytest.raises(UnsupportedError, match="'a' is another output") as caught:
        ONNX.emit(graph)
    assert caught.value.code == "AS507"


def test_weights_of_another_shape() -> None:
    graph = load("resnet20").graph
    weights = initial_weights(graph)
    weights["fc.bias"] = weights["fc.bias"][:4]
    with pytest.raises(ValueError, match=r"fc.bias is \(4,\), the net's is \(10,\)"):
        ONNX.build(graph, weights)
    del weights["fc.bias"]
    with pytest.raises(ValueError, match=r"there is no weight fc.bias"):
        ONNX.build(graph, weights)


def test_opsets() -> None:
    assert ONNX.versioned(20).build(*small("gelu")).opset_imports == {"": 20}
    for op, opset in (("gelu", 19), ("{op: group_norm, groups: 2}", 20)):
        with pytest.raises(UnsupportedError, match="it is an op since opset"):
            ONNX.versioned(opset).emit(small(op)[0])
    with pytest.raises(BackendError, match="no models of opset 17"):
        ONNX.versioned(17)
    with pytest.raises(BackendError, match="'torch' prints no other version"):
        load("resnet20").codegen("torch", opset=20)


def small(op: str) -> tuple[Graph, Any]:
    graph = graph_of(f"inputs: {{x: [4, 3, 3]}}\ngraph: [{op}]")
    return graph, randomised(graph)


def test_forward_only() -> None:
    assert not trains(ONNX) and not ONNX.initialises


def test_optimized() -> None:
    """Norms are folded; the fingerprint stays, and so does the function."""
    spec = load("resnet20")
    model = spec.build("onnx", optimize="inference")
    kinds = {node.op_type for node in model.graph}
    assert "BatchNormalization" not in kinds and "Conv" in kinds
    assert model.metadata_props["archspec.fingerprint"] == spec.fingerprint
    x = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype("float32")
    wanted = ONNX.forward(spec.graph, spec.build("onnx"), {"image": x})[""]
    found = ONNX.forward(spec.graph, model, {"image": x})[""]
    assert np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max()
    text = spec.codegen("onnx", optimize="inference").text
    assert "19 batch norms are folded into the layers before" in text
    assert f"Fingerprint of the net with them: {spec.fingerprint[:12]}" in text


def test_the_command_line(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = CliRunner()
    told = ["build", "resnet20", "-b", "onnx"]
    first = run.invoke(application(), [*told, "-o", "net.safetensors"])
    assert first.exit_code == 0, first.output
    second = run.invoke(
        application(), [*told, "--weights", "net.safetensors", "-o", "net.onnx"]
    )
    assert second.exit_code == 0, second.output
    assert "its weights are in net.safetensors: keep it beside it" in second.output
    printed = ["codegen", "resnet20", "-b", "onnx", "-o", "net.py"]
    assert run.invoke(application(), printed).exit_code == 0
    assert run.invoke(application(), [*printed, "--check"]).exit_code == 0
    other = run.invoke(application(), [*printed, "--check", "--opset", "20"])
    assert other.exit_code == 1 and "-OPSET = 21" in other.output


@pytest.mark.parametrize("hidden", ["onnx", "onnx_ir"])
def test_what_is_not_installed(hidden: str) -> None:
    text = without(hidden, "build", "resnet20", "-b", "onnx")
    assert "the backend 'onnx' " in text and "[AS502]" in text
    assert hidden in text and 'pip install "archspec-nn[onnx]"' in text


WHOLE = ("resnet20", "sample_resnet")


@pytest.mark.parametrize("engine", TOLERANCES)
@pytest.mark.parametrize(
    "name",
    sampled(names(), WHOLE),
)
def test_the_zoo(name: str, engine: str) -> None:
    """Right at the net's own size and at two others, if it takes others.

    Weights are such that a sum doesn't explode, and engines of float64 get small
    images.
    """
    own = next(iter(load(name).graph.inputs.values()))
    size = 64 if engine == "reference" and max(own) > 97 else None
    graph = load(name, size=size).graph
    weights = conditioned(graph)
    shape = next(iter(graph.inputs.values()))
    others = [graph]
    model = ONNX.build(graph, weights)
    if isinstance(model.graph.inputs[0].shape[2], ir.SymbolicDim):
        for high, wide in ((32, 0), (0, 64)):
            bigger = (shape[1] + high, shape[2] + wide)
            others.append(load(name, size=bigger).graph)
    for other in others:
        assert error(graph, other, engine, weights) <= TOLERANCES[engine][1]


def conditioned(graph: Graph) -> Any:
    """Initial weights, of which those in a branch that is added are small."""
    from archspec.verify.data import Data

    return Data(graph, "float64", 0).weights("conditioned")

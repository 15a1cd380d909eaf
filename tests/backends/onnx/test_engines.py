"""What runs ONNX models, and what is said where it can't."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from archspec_onnx import engines, files
from nets import graph_of, randomised

from archspec.backend import backend, computes
from archspec.errors import BackendError

GRAPH = graph_of(
    "inputs: {x: [3, 4, 5]}\ngraph: {c: {op: conv2d, channels: 2, kernel: 1}}"
)
WEIGHTS = {name: array.astype("float32") for name, array in randomised(GRAPH).items()}
X = {"x": np.linspace(-1, 1, 60, dtype="float32").reshape(1, 3, 4, 5)}


def conv(weights: Any) -> Any:
    kernel = weights["c.weight"][:, :, 0, 0]
    return np.einsum("oc,nchw->nohw", kernel, X["x"]) + weights["c.bias"][:, None, None]


def test_weights_that_change_are_run() -> None:
    """A session is kept, but for other weights or another engine there is another."""
    found = backend("onnx").on("ort", "float32")
    model = found.build(GRAPH, WEIGHTS)
    assert np.allclose(found.forward(GRAPH, model, X)[""], conv(WEIGHTS), atol=1e-6)
    _, session = engines.SESSIONS[model]
    found.forward(GRAPH, model, X)
    assert engines.SESSIONS[model][1] is session
    other = {name: array * 3 for name, array in WEIGHTS.items()}
    found.write_weights(GRAPH, model, other)
    assert np.allclose(found.forward(GRAPH, model, X)[""], conv(other), atol=1e-5)
    exact = backend("onnx").on("reference", "float64")
    assert np.allclose(exact.forward(GRAPH, model, X)[""], conv(other), atol=1e-5)
    assert engines.SESSIONS[model][1] is not session


def test_its_own_choice() -> None:
    """ONNX Runtime in float32, onnx's evaluator in float64, where the other can't."""
    double = backend("onnx").build(GRAPH, WEIGHTS, dtype="float64")
    given = {"x": X["x"].astype("float64")}
    assert backend("onnx").forward(GRAPH, double, given)[""].dtype == np.float64
    assert type(engines.SESSIONS[double][1]).__name__ == "ReferenceEvaluator"
    single = backend("onnx").build(GRAPH, WEIGHTS)
    backend("onnx").forward(GRAPH, single, X)
    assert type(engines.SESSIONS[single][1]).__name__ == "InferenceSession"


def test_nothing_is_left_for_its_makers(tmp_path: Path) -> None:
    """ONNX Runtime numbers its users in a file where temporary ones are."""
    code = "from archspec_onnx.engines import _runtime; print(_runtime().__name__)"
    around = {**os.environ, "TMPDIR": str(tmp_path)}
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, env=around, capture_output=True, text=True, check=True)
    assert done.stdout == "onnxruntime\n" and not [*tmp_path.iterdir()]


def test_a_model_too_large_for_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of 2 GiB don't fit into protobuf: they are read from a file then."""
    graph = graph_of("inputs: {x: [700]}\ngraph: {c: {op: linear, features: 700}}")
    weights = {n: a.astype("float32") for n, a in randomised(graph).items()}
    monkeypatch.setattr(files, "APART", 1000)
    monkeypatch.setattr(engines, "APART", 1000)
    found = backend("onnx").on("ort", "float32")
    x = np.ones((2, 700), "float32")
    made = found.forward(graph, found.build(graph, weights), {"x": x})[""]
    wanted = x @ weights["c.weight"].T + weights["c.bias"]
    assert np.allclose(made, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("engine", "module"), [("ort", "onnxruntime"), ("reference", "onnx")]
)
def test_missing(engine: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(BackendError, match=f"needs {module}, which") as caught:
        backend("onnx").on(engine, "float32")
    assert caught.value.hint == 'pip install "archspec-nn[onnx]"'


def test_without_onnx_ir(monkeypatch: pytest.MonkeyPatch) -> None:
    """Source is printed all the same; a model can't be built."""
    monkeypatch.setitem(sys.modules, "onnx_ir", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert backend("onnx").emit(GRAPH).text
    with pytest.raises(BackendError, match="needs onnx_ir") as caught:
        backend("onnx").build(GRAPH, WEIGHTS)
    assert caught.value.hint == 'pip install "archspec-nn[onnx]"'


def test_precisions() -> None:
    assert computes(backend("onnx"), "reference", "float64")
    assert not computes(backend("onnx"), "ort", "float64")
    with pytest.raises(BackendError, match="no float64 convolutions"):
        backend("onnx").on("ort", "float64")


@pytest.mark.parametrize(
    ("text", "threads"), [(None, 0), ("", 0), ("3", 3), ("-1", 0), ("many", 0)]
)
def test_threads(
    text: str | None, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as the environment gives, or ONNX Runtime's own choice."""
    monkeypatch.setenv("OMP_NUM_THREADS", text or "")
    if text is None:
        monkeypatch.delenv("OMP_NUM_THREADS")
    assert engines._threads() == threads


ONE, OTHER = object(), object()


@pytest.mark.parametrize(
    ("engine", "tensors", "same"),
    [
        ("ort", [ONE, OTHER], True),
        ("reference", [ONE, OTHER], False),
        ("ort", [ONE, ONE], False),
        ("ort", [OTHER, OTHER], False),
        ("ort", [ONE], False),
        ("ort", [ONE, OTHER, ONE], False),
    ],
)
def test_what_a_session_is_kept_for(
    engine: str, tensors: list[Any], same: bool
) -> None:
    assert engines._same(("ort", [ONE, OTHER]), (engine, tensors)) is same


def test_without_onnx_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    model = backend("onnx").build(GRAPH, WEIGHTS)
    found = backend("onnx").forward(GRAPH, model, X)[""]
    assert np.allclose(found, conv(WEIGHTS), atol=1e-6)
    assert type(engines.SESSIONS[model][1]).__name__ == "ReferenceEvaluator"


def test_how_a_session_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent but for errors, on so many threads; of a message that holds it all."""
    made: list[Any] = []
    runtime = SimpleNamespace(
        SessionOptions=SimpleNamespace,
        InferenceSession=lambda *told: made.append(told),
    )
    monkeypatch.setattr(engines, "_runtime", lambda: runtime)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    model = backend("onnx").build(GRAPH, WEIGHTS)
    total = 4 * (2 * 3 + 2)
    for most, whole in ((total, True), (total - 1, False)):
        monkeypatch.setattr(engines, "APART", most)
        engines._session(model, "ort")
        source, options = made.pop()
        assert isinstance(source, bytes) is whole
        assert vars(options) == {"log_severity_level": 3, "intra_op_num_threads": 5}

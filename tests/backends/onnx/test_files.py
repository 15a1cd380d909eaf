"""Files of ONNX models: whole, with weights beside them, as text."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest
from archspec_onnx import files
from nets import Arrays, graph_of, randomised

from archspec.backend import backend
from archspec.errors import ArchspecError, BackendError
from archspec.weights import write

SPEC = """
inputs: {image: [3, 12, 10]}
graph:
  stem: {graph: [{op: conv2d, channels: 40, kernel: 3}, batch_norm, relu6]}
  pool: global_avg_pool2d
  fc: {op: linear, features: 5}
"""
GRAPH = graph_of(SPEC)
WEIGHTS = {name: array.astype("float32") for name, array in randomised(GRAPH).items()}
ONNX: Any = backend("onnx")
IMAGES = {"image": np.linspace(-1, 1, 720, dtype="float32").reshape(2, 3, 12, 10)}


@pytest.fixture
def model() -> Any:
    return ONNX.build(GRAPH, WEIGHTS)


def ran(path: Path) -> Any:
    """What ONNX Runtime makes of a file."""
    return onnxruntime.InferenceSession(path).run(None, IMAGES)[0]


def wanted(model: Any) -> Arrays:
    made: Arrays = ONNX.forward(GRAPH, model, IMAGES)
    return made


def test_one_file(model: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    ONNX.save(GRAPH, model, str(path))
    assert [item.name for item in tmp_path.iterdir()] == ["net.onnx"]
    assert ONNX.beside(str(path)) == ()
    assert np.array_equal(ran(path), wanted(model)[""])


def test_a_large_model_has_its_weights_beside_it(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "APART", 1000)
    path = tmp_path / "net.onnx"
    ONNX.save(GRAPH, model, str(path))
    assert ONNX.beside(str(path)) == ("net.onnx.data",)
    onnx.checker.check_model(path, full_check=True)
    assert np.array_equal(ran(path), wanted(model)[""])
    # Small ones stay, so that shapes are known without the other file.
    proto = onnx.load(path, load_external_data=False)
    apart = {t.name: t.external_data for t in proto.graph.initializer}
    assert [name for name, told in apart.items() if told] == ["stem.0.weight"]
    # No path leaves the folder.
    told = {entry.key: entry.value for entry in apart["stem.0.weight"]}
    assert told["location"] == "net.onnx.data"
    assert int(told["offset"]) % files.ALIGNED == 0
    ONNX.save(GRAPH, model, str(path))  # over its own files
    (tmp_path / "other.onnx.data").write_text("mine")
    with pytest.raises(ArchspecError, match=r"other\.onnx\.data exists"):
        ONNX.save(GRAPH, model, str(tmp_path / "other.onnx"))
    assert (tmp_path / "other.onnx.data").read_text() == "mine"


def test_structure_beside_a_safetensors_file(model: Any, tmp_path: Path) -> None:
    write(tmp_path / "net.safetensors", GRAPH, WEIGHTS)
    path = tmp_path / "net.onnx"
    ONNX.save(GRAPH, model, str(path))
    assert ONNX.beside(str(path)) == ("net.safetensors",)
    assert path.stat().st_size < 4000
    assert np.array_equal(ran(path), wanted(model)[""])


@pytest.mark.parametrize("change", ["value", "shape", "missing", "damaged", "double"])
def test_other_weights_are_not_used(model: Any, tmp_path: Path, change: str) -> None:
    """What lies there counts only if it is the very same weights."""
    other = dict(WEIGHTS)
    if change == "value":
        other["fc.bias"] = other["fc.bias"] + 1
    path = tmp_path / "net.safetensors"
    if change == "double":
        write(path, GRAPH, other, dtype="float64")
    else:
        from safetensors.numpy import save_file

        if change == "shape":
            other["fc.weight"] = other["fc.weight"].reshape(-1)
        if change == "missing":
            del other["fc.bias"]
        save_file(other, path)
    if change == "damaged":
        path.write_bytes(path.read_bytes()[:-1000])
    ONNX.save(GRAPH, model, str(tmp_path / "net.onnx"))
    assert ONNX.beside(str(tmp_path / "net.onnx")) == ()
    assert np.array_equal(ran(tmp_path / "net.onnx"), wanted(model)[""])


def test_text(model: Any, tmp_path: Path) -> None:
    """A text is parsed to the same model; a long one refers to a file of weights."""
    path = tmp_path / "net.onnx.txt"
    ONNX.save(GRAPH, model, str(path))
    parsed = onnx.parser.parse_model(path.read_text())
    session = onnxruntime.InferenceSession(parsed.SerializeToString())
    found = session.run(None, IMAGES)[0]
    assert np.abs(found - wanted(model)[""]).max() < 1e-5


def test_a_long_text_refers_to_weights(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SPOKEN", 1000)
    path = tmp_path / "net.onnx.txt"
    with pytest.raises(BackendError, match="none to read") as caught:
        ONNX.save(GRAPH, model, str(path))
    assert caught.value.hint and ".safetensors" in caught.value.hint
    assert not [*tmp_path.iterdir()]
    write(tmp_path / "net.safetensors", GRAPH, WEIGHTS)
    ONNX.save(GRAPH, model, str(path))
    parsed = onnx.parser.parse_model(path.read_text())
    onnx.load_external_data_for_model(parsed, str(tmp_path))
    session = onnxruntime.InferenceSession(parsed.SerializeToString())
    assert np.array_equal(session.run(None, IMAGES)[0], wanted(model)[""])


def test_a_full_disk(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither file is there, and the model is as it was."""
    monkeypatch.setattr(files, "APART", 1000)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "")

    monkeypatch.setattr(files, "_fill", full)
    before = wanted(model)[""]
    with pytest.raises(ArchspecError, match="No space left"):
        ONNX.save(GRAPH, model, str(tmp_path / "net.onnx"))
    assert not [*tmp_path.iterdir()]
    assert np.array_equal(wanted(model)[""], before)


def test_a_model_of_a_file(model: Any, tmp_path: Path) -> None:
    """`verify --file net.onnx` takes it whole, with what is beside it, or not at all."""
    path = tmp_path / "net.onnx"
    write(tmp_path / "net.safetensors", GRAPH, WEIGHTS)
    ONNX.save(GRAPH, model, str(path))
    assert ONNX.beside(str(path)) == ("net.safetensors",)
    found = ONNX.opened(str(path))
    raw = {tensor.name: tensor.raw_data for tensor in found.graph.initializer}
    assert raw["fc.weight"] == WEIGHTS["fc.weight"].tobytes()
    assert ONNX.opened(str(tmp_path / "net.py")) is None
    (tmp_path / "net.safetensors").unlink()
    whole = path.read_bytes()
    for data in (whole, whole[:-9], b"", b"\0" * 99, None):
        path.unlink() if data is None else path.write_bytes(data)
        with pytest.raises(BackendError, match=r"net\.onnx is no whole ONNX") as caught:
            ONNX.opened(str(path))
        assert caught.value.code == "AS523" and len(caught.value.message) < 400


WIDE = graph_of(
    "inputs: {x: [8]}\ngraph: "
    "{a: {op: linear, features: 256}, b: {op: linear, features: 255}}"
)
"""Weights of 8,192 and 261,120 bytes, and biases of 1,024 and 1,020."""


def wide(dtype: str = "float32") -> tuple[Any, Arrays]:
    weights = {name: array.astype(dtype) for name, array in randomised(WIDE).items()}
    return ONNX.build(WIDE, weights, dtype=dtype), weights


def test_each_large_weight_has_its_place(tmp_path: Path) -> None:
    """At the next multiple of 4,096; what has less than 1,024 bytes stays."""
    made, weights = wide()
    path = tmp_path / "net.onnx"
    files.save_apart(made, path)
    apart = {
        tensor.name: {entry.key: entry.value for entry in tensor.external_data}
        for tensor in onnx.load(path, load_external_data=False).graph.initializer
    }
    places = {
        name: (int(told["offset"]), int(told["length"]))
        for name, told in apart.items()
        if told
    }
    assert places == {
        "a.weight": (0, 8192),
        "a.bias": (8192, 1024),
        "b.weight": (12288, 261120),
    }
    whole = onnx.load(path)
    found = {tensor.name: tensor.raw_data for tensor in whole.graph.initializer}
    assert found == {name: array.tobytes() for name, array in weights.items()}


@pytest.mark.parametrize("more", [0, -1])
def test_from_how_much_on_weights_are_apart(
    more: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, weights = wide()
    total = sum(array.nbytes for array in weights.values())
    monkeypatch.setattr(files, "APART", total + more)
    files.save(made, str(tmp_path / "net.onnx"))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == ({"net.onnx"} if more == 0 else {"net.onnx", "net.onnx.data"})


@pytest.mark.parametrize("more", [0, -1])
def test_from_how_much_on_a_text_says_no_weights(
    more: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, weights = wide()
    total = sum(array.nbytes for array in weights.values())
    monkeypatch.setattr(files, "SPOKEN", total + more)
    path = tmp_path / "net.onnx.txt"
    if more == 0:
        files.save(made, str(path))
        assert path.read_text().endswith("\n")
        return
    with pytest.raises(BackendError, match=f"{total:,} bytes") as caught:
        files.save(made, str(path))
    assert caught.value.code == "AS505"


def test_room_for_a_file_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For all weights, or up to the end of the last that is apart."""
    asked: list[int] = []
    monkeypatch.setattr(files, "write_whole", lambda *_, size: asked.append(size))
    monkeypatch.setattr(files, "write_together", lambda _, size: asked.append(size))
    made, weights = wide()
    files.save(made, str(tmp_path / "net.onnx"))
    files.save_apart(made, tmp_path / "net.onnx")
    total = sum(array.nbytes for array in weights.values())
    assert asked == [total, 12288 + 64 * 4096]


def test_constants_are_no_weights() -> None:
    """They have a name below their node's, and stay in the model."""
    graph = graph_of(
        "inputs: {x: [2, 4, 4]}\ngraph: {a: hard_swish, b: relu6, c: silu}"
    )
    assert files.weights(ONNX.build(graph, {})) == {}
    made, weights = wide()
    assert files.weights(made) == {name: a.nbytes for name, a in weights.items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_where_a_safetensors_file_has_weights(dtype: str, tmp_path: Path) -> None:
    made, weights = wide(dtype)
    path = tmp_path / "net.safetensors"
    write(path, WIDE, weights, dtype=dtype)
    found, data = files.stored(made, path), path.read_bytes()
    assert found.keys() == weights.keys()
    for name, place in found.items():
        assert place.file == "net.safetensors"
        held = data[place.offset : place.offset + place.length]
        assert held == weights[name].tobytes()
    assert files.stored(made, tmp_path / "other.safetensors") == {}
    assert files.stored(made, tmp_path) == {}


def begun(length: int, header: bytes) -> bytes:
    return length.to_bytes(8, "little") + header


@pytest.mark.parametrize(
    "data",
    [
        b"",
        begun(0, b""),
        begun(2**27, b"{}"),
        begun(2, b"[]"),
        begun(2, b"{}"),
        begun(2, b"{x"),
        begun(16, b'{"a.weight": []}'),
        begun(17, b'{"a.weight":  {}}'),
        b"\xff" * 20,
    ],
)
def test_a_file_that_is_none_of_ours(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(data)
    made, _ = wide()
    assert files.stored(made, path) == {}

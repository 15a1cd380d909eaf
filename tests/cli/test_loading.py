"""The lines that are printed beside a file load it: each is run."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from commands import command, done, refused

import archspec
from archspec.backend import backend
from archspec.cli.loading import lines
from archspec.weights import initial_weights

SPEC = """archspec: 1
name: small
params: {num_classes: 3, size: [3, 3]}
inputs: {image: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: =size}
  bn: batch_norm
  pool: global_avg_pool2d
  fc: {op: linear, features: =num_classes}
taps: {low: bn}
"""
SET = ("--set", "num_classes=5", "--set", "size=[3, 2]")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SPEC)


def spec(**more: Any) -> archspec.Spec:
    return archspec.load(
        "small.yaml", params={"num_classes": 5, "size": [3, 2]}, **more
    )


def run(text: str) -> dict[str, Any]:
    """What the printed lines define."""
    _, told, code = text.partition("to load it:\n")
    assert told and len(code.strip().splitlines()) == 3
    space: dict[str, Any] = {}
    exec(dedent(code), space)
    return space


def weights(model: Any) -> dict[str, Any]:
    kind = "torch" if hasattr(model, "state_dict") else "keras"
    return backend(kind).read_weights(spec().graph, model)


BUILT = [
    ("torch", "w.safetensors", (), 0.0),
    ("torch", "w.safetensors", ("--dtype", "float16"), 2**-11),
    ("torch", "w.safetensors", ("--dtype", "bfloat16", "--shard", "0.3KB"), 2**-8),
    ("torch", "w.safetensors", ("--dtype", "float64"), 0.0),
    ("torch", "w.pth", (), 0.0),
    ("torch", "w.pth", ("--dtype", "bfloat16"), 2**-8),
    ("torch", "w.pt2", (), 0.0),
    ("keras", "w.keras", (), 0.0),
    ("keras", "w.h5", (), 0.0),
    ("keras", "w.weights.h5", (), 0.0),
    ("keras", "w.safetensors", (), 0.0),
    ("keras", "w.safetensors", ("--shard", "0.3KB"), 0.0),
    ("keras", "w.pth", ("--dtype", "float16"), 2**-11),
]


@pytest.mark.parametrize(("kind", "name", "more", "away"), BUILT)
def test_of_build(kind: str, name: str, more: tuple[str, ...], away: float) -> None:
    said = ("--seed", 3, *SET, *more)
    result = command("build", "small.yaml", "-b", kind, "-o", name, *said)
    assert (result.exit_code, result.stderr) == (0, ""), result.stderr
    model = run(result.stdout)["model"]
    found, wanted = weights(model), initial_weights(spec().graph, 3)
    for key, array in wanted.items():
        assert np.abs(found[key] - array).max() <= away * np.abs(array).max(), key
    if away:
        assert any((found[key] != array).any() for key, array in wanted.items())


CONVERTED = [
    ("w.safetensors", ()),
    ("w.safetensors", ("--shard", "0.3KB")),
    ("w.pth", ()),
    ("w.pth", ("--to", "timm")),
    ("w.pt", ("--to", "torchvision")),
    ("w.h5", ()),
    ("w.weights.h5", ()),
    ("w.weights.h5", ("--to", "keras.applications")),
    ("w.keras", ()),
]


@pytest.mark.parametrize(("name", "more"), CONVERTED)
def test_of_convert(name: str, more: tuple[str, ...]) -> None:
    done("weights", "init", "small.yaml", *SET, "--seed", 3, "-o", "old.safetensors")
    given = ("weights", "convert", "old.safetensors", "--spec", "small.yaml", *SET)
    text = done(*given, "-o", name, *more)
    found, wanted = weights(run(text)["model"]), initial_weights(spec().graph, 3)
    assert all(np.array_equal(found[key], wanted[key]) for key in wanted)
    told = json.loads(done(*given, "-o", name, *more, "--force", "--json"))
    assert dedent(text.partition("to load it:\n")[2]).strip() == told["load"]


def test_where_there_is_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archspec.cli.weights.find_spec", lambda name: None)
    done("weights", "init", "small.yaml", "-o", "old.safetensors")
    given = ("weights", "convert", "old.safetensors", "--spec", "small.yaml")
    text = done(*given, "-o", "w.pth")
    assert '.build("keras", weights="w.pth")' in text
    told = refused(*given, "-o", "w.pt2")
    assert "hint: archspec build writes it" in told


def test_of_a_backbone_of_another_size() -> None:
    said = ("--taps", "--input-size", "9x7", *SET, "-o", "w.pth")
    text = done("build", "small.yaml", "-b", "torch", *said)
    graph = spec(taps=True, size=(9, 7)).graph
    found = run(text)["model"].state_dict()
    assert found.keys() - {"bn.num_batches_tracked"} == {
        *graph.parameters(),
        *graph.buffers(),
    }
    assert "size=(9, 7), taps=True" in text


def test_literals() -> None:
    text = lines(
        Path('a"b\\c\n.pth'),
        "net's.yaml",
        backend="torch",
        native=False,
        params={"a": "x", "b": [1, True, None], "c": -0.5},
    )
    assert text.splitlines() == [
        "import archspec",
        'spec = archspec.load("net\'s.yaml", a="x", b=[1, True, None], c=-0.5)',
        'model = spec.build("torch", weights="a\\"b\\\\c\\n.pth")',
    ]


def test_of_onnx_in_double_precision() -> None:
    """ONNX Runtime, which is named otherwise, has no such convolutions."""
    given = ("build", "small.yaml", "-b", "onnx", *SET)
    for dtype, name in (("float32", "session"), ("float64", "net")):
        text = done(*given, "-o", f"{dtype}.onnx", "--dtype", dtype)
        found = run(text)[name]
        image = np.ones((2, 3, 8, 8), dtype)
        assert found.run(None, {"image": image})[0].shape == (2, 5)

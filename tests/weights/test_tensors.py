"""Weights in Python: whatever holds values, by name, goes in as an array does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from nets import graph_of
from proofs import sampled

import archspec
from archspec.errors import WeightsError
from archspec.weights import Wish, check, load, save, write
from archspec.weights.tensors import archive, array, arrays

TEXT = """archspec: 1
name: net
inputs: {image: [3, 8, 8]}
graph: {conv: {op: conv2d, channels: 4, kernel: 3}, bn: batch_norm, pool: global_avg_pool2d, fc: {op: linear, features: 2}}
"""
GRAPH = graph_of(TEXT.partition("name: net\n")[2])


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.bn = torch.nn.BatchNorm2d(4)
        self.fc = torch.nn.Linear(4, 2)


def module() -> Any:
    made = Net()
    with torch.no_grad():
        for value in made.state_dict().values():
            if value.is_floating_point():
                value.uniform_(0.5, 1.5)
    return made


def values(state: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tensor.detach().float().numpy().copy()
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    }


def equal(found: Any, wanted: dict[str, Any]) -> bool:
    return found.keys() == wanted.keys() and all(
        np.array_equal(found[name], wanted[name]) for name in wanted
    )


@pytest.fixture
def spec(tmp_path: Path) -> archspec.Spec:
    (tmp_path / "net.yaml").write_text(TEXT)
    return archspec.load(tmp_path / "net.yaml")


FORMS: dict[str, Callable[[Any], Any]] = {
    "a state_dict": lambda made: made.state_dict(),
    "a module": lambda made: made,
    "parameters that require gradients": lambda made: {
        **dict(made.named_parameters()),
        **dict(made.named_buffers()),
    },
    "in nn.DataParallel": lambda made: torch.nn.DataParallel(made).state_dict(),
    "what torch.load gives of a checkpoint": lambda made: {
        "epoch": 3,
        "best": np.float64(0.7),
        "model": made.state_dict(),
        "optimizer": {"state": {0: {"step": torch.tensor(1)}}},
    },
    "numpy's arrays": lambda made: values(made.state_dict()),
    "of another byte order": lambda made: {
        name: value.astype(">f4") for name, value in values(made.state_dict()).items()
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(spec: archspec.Spec, form: str) -> None:
    made = module()
    wanted = values(made.state_dict())
    given = FORMS[form](made)
    assert equal(load(given, GRAPH), wanted)
    assert equal(spec.read_weights(given), wanted)
    model = spec.build("torch", weights=given)
    assert equal(values(model.state_dict()), wanted)
    with torch.no_grad():  # the model that they come from stays as it is
        for parameter in model.parameters():
            parameter.zero_()
    if form != "numpy's arrays":
        assert equal(values(made.state_dict()), wanted)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64])
def test_types(spec: archspec.Spec, kind: Any) -> None:
    made = module().to(kind)
    wanted = values(made.state_dict())
    assert equal(values(spec.build("torch", weights=made).state_dict()), wanted)


def test_written_and_saved(tmp_path: Path) -> None:
    made = module()
    wanted = values(made.state_dict())
    for given in (made, made.state_dict(), dict(made.named_parameters()) | dict(made.named_buffers())):  # fmt: skip
        write(tmp_path / "w.pth", GRAPH, given)
        found = torch.load(tmp_path / "w.pth", weights_only=True)
        assert equal(values(found), wanted)
        save(tmp_path / "w.safetensors", given)
        assert equal(load(tmp_path / "w.safetensors"), wanted)
    check(made.state_dict(), {**GRAPH.parameters(), **GRAPH.buffers()})


def test_what_is_written_is_complete(tmp_path: Path) -> None:
    state = module().state_dict()
    del state["fc.bias"]
    with pytest.raises(WeightsError, match="1 missing"):
        write(tmp_path / "w.pth", GRAPH, state)
    assert not list(tmp_path.iterdir())


def test_wishes(spec: archspec.Spec) -> None:
    one, two = module().state_dict(), module().state_dict()
    held = {"state_dict": one, "state_dict_ema": two}
    assert equal(load(held, GRAPH), values(two))
    assert equal(load(held, GRAPH, wish=Wish(part="state_dict")), values(one))
    assert load(one, GRAPH, new=["fc"], seed=3)["fc.bias"].any() == 0
    with pytest.raises(WeightsError) as caught:
        load({"a": one, "b": two}, GRAPH)
    assert "'the weights given' holds several sets" in caught.value.message


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([np.zeros(3)], "a list is no weights"),
        (3, "a int is no weights"),
        ({"epoch": 3}, "the weights given hold no mapping from names to tensors"),
        ({1: np.zeros(3)}, "the weights given hold no mapping from names to tensors"),
    ],
)
def test_no_weights(given: Any, told: str) -> None:
    with pytest.raises(WeightsError) as caught:
        load(given, GRAPH)
    assert told in caught.value.message and caught.value.code == "AS605"


def test_tensors_without_values() -> None:
    state = module().state_dict() | {"fc.bias": torch.empty(2, device="meta")}
    with pytest.raises(WeightsError, match=r"'fc\.bias', a Tensor, gives no array"):
        load(state, GRAPH)
    with pytest.raises(WeightsError, match=r"'a' is a list, no array or tensor"):
        arrays({"a": [1.0]})


def test_brain_floats_of_ml_dtypes() -> None:
    given = np.array([1.5, -2.25], ml_dtypes.bfloat16)
    found = array("a", given)
    assert found.dtype == np.float32 and found.tolist() == [1.5, -2.25]


class Odd:
    """What has a shape and values, and is no tensor."""

    shape = (2,)

    def __array__(self, *how: Any, **more: Any) -> Any:
        raise ValueError("no values\nat all")


def test_what_is_no_tensor() -> None:
    with pytest.raises(WeightsError, match="'a' is a Odd, no array or tensor"):
        array("a", Odd())


def test_an_error_is_told_in_a_line() -> None:
    odd: Any = Odd()
    odd.dtype = np.dtype("float32")
    with pytest.raises(WeightsError) as caught:
        array("a", odd)
    assert caught.value.message == "'a', a Odd, gives no array: no values"


class Layer:
    """A layer, or a model, as Keras' look from outside."""

    def __init__(self, name: str, *inside: Any, **own: Any) -> None:
        self.name = name
        self.weights = list(inside)
        if own:
            self.layers = own["layers"]


def test_models_inside_of_models() -> None:
    class Variable:
        def __init__(self, name: str, value: Any) -> None:
            self.name, self.value = name, value
            self.shape, self.dtype = value.shape, value.dtype

        def __array__(self, *how: Any, **more: Any) -> Any:
            return self.value

    kernel, bias = Variable("kernel", np.ones((4, 2))), Variable("bias", np.zeros(2))
    inner = Layer("inner", kernel, bias, layers=[Layer("fc", kernel, bias)])
    found = archive(Layer("outer", kernel, bias, layers=[inner]))
    assert list(found.tensors) == ["fc/kernel", "fc/bias"] and found.layered
    assert found.tensors["fc/kernel"].shape == (4, 2)
    twice = Layer("outer", layers=[inner, Layer("fc", bias)])
    with pytest.raises(WeightsError, match="two layers of the model have one name"):
        archive(twice)


class Lent:
    """A tensor that speaks DLPack and nothing else."""

    def __init__(self, held: Any) -> None:
        self.held, self.shape, self.dtype = held, held.shape, held.dtype

    def __dlpack__(self, **how: Any) -> Any:
        return self.held.__dlpack__(**how)

    def __dlpack_device__(self) -> Any:
        return self.held.__dlpack_device__()


def test_what_numpy_loads(tmp_path: Path) -> None:
    wanted = values(module().state_dict())
    np.savez(tmp_path / "w.npz", **wanted)
    with np.load(tmp_path / "w.npz") as held:
        assert equal(load(held, GRAPH), wanted)


def test_dlpack() -> None:
    held = np.arange(3.0)
    found = array("a", Lent(held))
    assert np.array_equal(found, held) and not np.shares_memory(found, held)


FRAMEWORKS = """
import os, sys
import numpy as np
import archspec
engine = os.environ["KERAS_BACKEND"]
import keras
spec = archspec.load(sys.argv[1])
model = spec.build("keras", seed=4)
wanted = archspec.weights.initial_weights(spec.graph, 4)

def same(found):
    return found.keys() == wanted.keys() and all(
        np.array_equal(found[k], wanted[k]) for k in wanted)

assert same(spec.read_weights(model)), "a model"
wrapped = keras.Sequential([keras.Input((8, 8, 3)), *model.layers[1:]])
assert same(spec.read_weights(wrapped)), "its layers in another model"
nested = keras.Sequential([keras.Input((8, 8, 3)), spec.build("keras", seed=4)])
assert same(spec.read_weights(nested)), "a model in a model"
try:
    twice = keras.layers.Conv2D(3, 1, name="conv")
    spec.read_weights(keras.Sequential([keras.Input((8, 8, 3)), twice, nested]))
except archspec.errors.WeightsError as error:
    assert "two layers of the model have one name" in str(error)
else:
    raise AssertionError
model.trainable = False
assert same(spec.read_weights(model)), "a frozen model"
kernel = model.layers[-1].kernel
assert np.array_equal(archspec.weights.tensors.array("k", kernel), wanted["fc.weight"].T)
half = {}
for name, value in wanted.items():
    tensor = keras.ops.cast(keras.ops.convert_to_tensor(value), "bfloat16")
    half[name] = keras.Variable(tensor, dtype="bfloat16") if "bias" in name else tensor
found = spec.read_weights(half)
for name, value in half.items():
    told = keras.ops.convert_to_numpy(keras.ops.cast(value, "float32"))
    assert found[name].dtype == "float32" and np.array_equal(found[name], told), name
own = {n: keras.ops.convert_to_tensor(v) for n, v in wanted.items()}
assert same(archspec.weights.load(own, spec.graph))
print("done")
"""


# Tensors of torch itself are seen above, without a process.
@pytest.mark.parametrize("engine", sampled(["tensorflow", "jax", "torch"], ["jax"]))
def test_keras_on(engine: str, spec: archspec.Spec, tmp_path: Path) -> None:
    code = FRAMEWORKS.replace(
        "import archspec\n", "import archspec, archspec.weights.tensors\n", 1
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "net.yaml")],
        env={**os.environ, "KERAS_BACKEND": engine},
        capture_output=True,
        text=True,
    )
    assert run.stdout == "done\n", run.stderr


def test_no_framework_is_imported(spec: archspec.Spec, tmp_path: Path) -> None:
    code = (
        "import sys, numpy as np, archspec.weights.tensors as t;"
        "t.array('a', np.float32([1])); t.archive({'a': np.zeros(3)});"
        "print({'torch', 'keras', 'tensorflow', 'jax', 'ml_dtypes'} & {*sys.modules})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout == "set()\n", run.stderr

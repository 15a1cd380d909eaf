"""Built models live as models of their frameworks do: saved, copied, traced, read."""

from __future__ import annotations

import copy
import inspect
import os
import pickle
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import archspec
from archspec.backend import backend

NARROW: dict[str, Any] = {
    "resnet18": {"widths": (8, 16, 24, 32), "num_classes": 10},
    "vgg11_bn": {"widths": (8, 8, 16, 16, 16), "hidden": (24, 24), "num_classes": 10},
}
SIZE = (64, 48)

ALONE = """
import importlib.abc, sys

class Fence(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0].startswith("archspec"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Fence())
import keras, numpy
images = numpy.load(sys.argv[1])
for file in sys.argv[2:]:
    model = keras.models.load_model(file)
    numpy.save(file + ".npy", model(images, training=False))
assert not any(name.startswith("archspec") for name in sys.modules)
"""


def narrow(name: str) -> archspec.Spec:
    """A spec of few weights."""
    return archspec.load(name, size=SIZE, params=NARROW[name])


@pytest.fixture(params=NARROW)
def model(request: pytest.FixtureRequest) -> Any:
    """A built torch model, in eval mode and with statistics that have moved."""
    made = narrow(request.param).build("torch")
    with torch.no_grad():
        for _ in range(3):
            made(images())
    return made.eval()


def images() -> torch.Tensor:
    return torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(0))


def same(model: Any, other: Any) -> bool:
    """Whether two modules give the same numbers, bit by bit."""
    with torch.no_grad():
        return torch.equal(model(images()), other(images()))


def test_deepcopy(model: Any) -> None:
    other = copy.deepcopy(model)
    assert same(model, other)
    with torch.no_grad():
        next(other.parameters()).add_(1)
    assert not same(model, other)


def test_pickle(model: Any) -> None:
    assert same(model, pickle.loads(pickle.dumps(model)))


def test_state_dict(model: Any, tmp_path: Path) -> None:
    torch.save(model.state_dict(), tmp_path / "state.pt")
    other = type(model)(num_classes=10).eval()
    assert not same(model, other)
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert same(model, other)


def test_export(model: Any) -> None:
    program = torch.export.export(model, (images(),))
    assert same(model, program.module())


def test_symbolic_trace(model: Any) -> None:
    traced = torch.fx.symbolic_trace(model)
    assert same(model, traced)
    called = {str(node.target) for node in traced.graph.nodes}
    assert {"conv1", "layer4.1.bn2", "fc"} <= called or "classifier.6" in called


@pytest.mark.filterwarnings(
    # torch's compiler imports a module of torch that uses what torch deprecates.
    "ignore:.torch.jit.script_method. is deprecated:DeprecationWarning"
)
@pytest.mark.parametrize(
    ("name", "compiler"),
    [
        ("vgg11_bn", "aot_eager"),
        # torch's default compiler takes its time, and a C++ compiler.
        pytest.param("vgg11_bn", "inductor", marks=pytest.mark.proof),
        pytest.param("resnet18", "inductor", marks=pytest.mark.proof),
    ],
)
def test_compile(name: str, compiler: str) -> None:
    made = narrow(name).build("torch").eval()
    compiled: Any = torch.compile(made, fullgraph=True, backend=compiler)
    with torch.no_grad():
        torch.testing.assert_close(compiled(images()), made(images()))


def test_trains(model: Any) -> None:
    """Gradients reach every parameter, in training mode too."""
    model.train()
    torch.autograd.backward(model(images()).sum())
    assert all(tensor.grad is not None for tensor in model.parameters())


def test_traceback(model: Any) -> None:
    """It shows the line of printed code that failed."""
    with pytest.raises(RuntimeError) as caught:
        model(torch.zeros(1, 5, *SIZE))
    shown = "".join(traceback.format_exception(caught.value))
    lines = inspect.getsource(type(model)).splitlines()
    first = next(line for line in lines if "self.conv1(" in line or "features(" in line)
    assert first.strip() in shown
    assert "torch" in type(model).forward.__code__.co_filename


def test_getsource(model: Any) -> None:
    text = inspect.getsource(type(model))
    assert text.startswith(f"class {type(model).__name__}(nn.Module):")
    module = inspect.getmodule(model.forward)
    assert module is not None and text in inspect.getsource(module)


@pytest.mark.parametrize("name", NARROW)
def test_source_is_codegens(name: str) -> None:
    """What `build` ran is what `codegen` prints."""
    spec = narrow(name)
    built = spec.build("torch")
    module = inspect.getmodule(type(built))
    assert module is not None
    assert inspect.getsource(module) == spec.codegen("torch").text


def test_keras_files(tmp_path: Path) -> None:
    """A .keras file loads where archspec can't be imported."""
    chosen, given = backend("keras"), images().numpy()
    wanted = {}
    for name in (*NARROW, "sample_resnet"):
        params = NARROW.get(name, {"widths": (8,), "num_classes": 10})
        spec = archspec.load(name, size=SIZE, params=params)
        built = spec.build("keras", seed=3)
        file = str(tmp_path / f"{name}.keras")
        chosen.save(spec.graph, built, file)
        outputs = chosen.forward(spec.graph, built, {"image": given})
        (wanted[file],) = outputs.values()
    np.save(tmp_path / "images.npy", given.transpose(0, 2, 3, 1))
    subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path / "images.npy"), *wanted],
        check=True,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    for file, output in wanted.items():
        assert np.array_equal(np.load(f"{file}.npy"), output)


def test_exported_program(tmp_path: Path) -> None:
    """A .pt2 file takes any number of images and keeps the mode of the model."""
    spec = narrow("resnet18")
    built = spec.build("torch")
    path = tmp_path / "net.pt2"
    backend("torch").save(spec.graph, built, str(path))
    assert built.training
    program = torch.export.load(path).module()
    given = torch.randn(5, 3, *SIZE)
    with torch.no_grad():
        torch.testing.assert_close(program(given), built.eval()(given))

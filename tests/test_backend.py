"""Backends are found through entry points, and a bad one says what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from archspec_torch.reserved import RESERVED
from imported import let_go
from nets import graph_of
from typer.testing import CliRunner

import archspec
from archspec import backend as module
from archspec.backend import Backend, Trainer, backend, backends, trainer, trains
from archspec.cli.app import application
from archspec.errors import ArchspecError, BackendError, UnsupportedError
from archspec.language.names import RESERVED as LANGUAGE

WHOLE = """
from archspec_torch.backend import TorchBackend

class Toy(TorchBackend):
    name = {name!r}

backend = Toy()
"""


class Packages:
    """Installs small packages, each with one backend."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, package: str, name: str, code: str = "", value: str = "") -> None:
        """A distribution `package` 1.0 whose module `package` holds the code."""
        (self.folder / f"{package}.py").write_text(code or WHOLE.format(name=name))
        facts = self.folder / f"{package}-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
        )
        (facts / "entry_points.txt").write_text(
            f"[archspec.backends]\n{name} = {value or f'{package}:backend'}\n"
        )
        module._found.cache_clear()
        module._loaded.cache_clear()


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    monkeypatch.syspath_prepend(tmp_path)
    with let_go(tmp_path):
        yield Packages(tmp_path)
    monkeypatch.undo()
    module._found.cache_clear()
    module._loaded.cache_clear()


def refused(name: str) -> BackendError:
    with pytest.raises(BackendError) as caught:
        backend(name)
    return caught.value


def shown(*command: str) -> str:
    """What a command that fails says."""
    result = CliRunner().invoke(application(), command)
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    return result.stderr


def test_a_backend_of_a_stranger(packages: Packages) -> None:
    packages.add("archspec_toy", "toy")
    assert backends() == ("flax", "keras", "onnx", "torch", "toy")
    assert backend("toy").name == "toy"
    assert archspec.load("resnet20").codegen("toy").entry == "ResNet20ForCIFAR"


def test_no_such_backend(packages: Packages) -> None:
    packages.add("archspec_toy", "toy", "import nowhere")
    error = refused("toi")
    assert (error.code, error.hint) == ("AS501", "did you mean 'toy'?")
    (note,) = error.notes
    assert "'toy' of archspec_toy 1.0" in note and "nowhere" in note
    error = refused("something_else")
    assert error.hint == "installed are flax, keras, onnx, torch, toy"
    assert "can't be imported" in shown("build", "resnet20", "-b", "something_else")


def test_two_backends_of_one_name(packages: Packages) -> None:
    packages.add("archspec_toy", "toy")
    packages.add("other_toy", "toy", "raise RuntimeError", "other_toy.inner:made")
    assert backends() == ("flax", "keras", "onnx", "torch", "toy")
    error = refused("toy")
    assert error.code == "AS510"
    assert "2 packages" in error.message
    assert "archspec_toy 1.0 (archspec_toy:backend)" in error.message
    assert "other_toy 1.0 (other_toy.inner:made)" in error.message
    assert "archspec_toy" not in sys.modules and "other_toy" not in sys.modules
    assert "[AS510]" in shown("codegen", "resnet20", "-b", "toy")
    assert backend("torch").name == "torch"


def test_nobody_takes_the_name_of_a_backend_of_ours(packages: Packages) -> None:
    packages.add("archspec_toy", "torch")
    error = refused("torch")
    assert error.code == "AS510"
    assert "archspec-nn" in error.message and "archspec_toy" in error.message


@pytest.mark.parametrize(
    ("code", "value", "words"),
    [
        ("import nowhere_at_all", "", "ModuleNotFoundError: No module named 'nowh"),
        ("x = 1 +", "", "SyntaxError"),
        ("backend = 1 / 0", "", "ZeroDivisionError"),
        ("import sys; sys.exit('no licence')", "", "SystemExit: no licence"),
        ("x = 1", "", "AttributeError"),
        ("", "archspec_toy:other", "AttributeError"),
        ("", "elsewhere:backend", "ModuleNotFoundError"),
    ],
)
def test_a_backend_that_cannot_be_imported(
    packages: Packages, code: str, value: str, words: str
) -> None:
    packages.add("archspec_toy", "toy", code, value)
    assert "toy" in backends()
    assert archspec.load("resnet20").codegen("torch").text
    error = refused("toy")
    assert error.code == "AS511"
    assert "the backend 'toy' of archspec_toy 1.0 (" in error.message
    assert words in error.message
    assert "[AS511]" in shown("build", "resnet20", "-b", "toy")
    assert "[AS511]" in shown("verify", "resnet20", "--backends", "torch,toy")


def test_an_ops_page_says_what_is_broken(packages: Packages) -> None:
    packages.add("archspec_toy", "toy", "import nowhere_at_all")
    result = CliRunner().invoke(application(), ["ops", "relu"])
    assert result.exit_code == 0
    assert "nn.ReLU()" in result.stdout or "F.relu(x)" in result.stdout
    shown = result.stdout.partition("in toy:\n")[2]
    assert "No module named 'nowhere_at_all'" in shown


def test_a_broken_one_keeps_no_model_from_its_backend(packages: Packages) -> None:
    packages.add("archspec_toy", "atoy", "import nowhere_at_all")
    model = archspec.build("resnet20", "torch")
    assert archspec.verify_model("resnet20", model, size=8).passed
    with pytest.raises(BackendError, match="is a model of no backend") as caught:
        archspec.verify_model("resnet20", 3)
    assert "nowhere_at_all" in " ".join(caught.value.notes)


LACKING = """
from archspec_torch.backend import TorchBackend

class Toy:
    name, framework, install = "toy", "toy", "toy"
    engines = ("",)
    running_var = "biased"
    channels_last = False
    reserved = frozenset()
    on = start = None

    def emit(self, graph): ...
    def build(self, graph, weights, *, dtype="float32", device=None): ...
    def write_weights(self, graph, weights): ...
    def forward(self, graph, model, inputs, **more): ...
    def save(self, graph, model, path): ...
    def gradients(self): ...

backend = Toy()
"""


def test_what_a_backend_lacks(packages: Packages) -> None:
    packages.add("archspec_toy", "toy", LACKING)
    error = refused("toy")
    assert error.code == "AS512"
    assert "the backend 'toy' of archspec_toy 1.0 (" in error.message
    told = [error.message.partition("for one: ")[2], *error.notes]
    kinds = [line.split("(")[0] for line in told]
    assert kinds == [
        "there is no attribute 'files'",
        "there is no attribute 'initialises'",
        "there is no method on",
        "there is no method start",
        "build can't be called as it will be: got an unexpected keyword argument "
        "'source'",
        "write_weights can't be called as it will be: too many positional arguments",
        "there is no method read_weights",
        "gradients can't be called as it will be: too many positional arguments",
    ]
    assert "on(self, engine: 'str', dtype: 'str') -> 'Backend'" in "\n".join(told)
    text = shown("build", "resnet20", "-b", "toy")
    assert "[AS512]" in text and "there is no method read_weights" in text


def test_a_class_is_no_backend(packages: Packages) -> None:
    packages.add("archspec_toy", "toy", value="archspec_toy:Toy")
    error = refused("toy")
    assert error.code == "AS512" and "Toy is a class" in error.message


def test_a_backend_of_another_name(packages: Packages) -> None:
    packages.add("archspec_toy", "toy", WHOLE.format(name="other"))
    error = refused("toy")
    assert error.code == "AS512" and "calls itself 'other'" in error.message


@pytest.mark.parametrize("name", ["torch", "keras"])
def test_ours_are_backends(name: str) -> None:
    """What is looked for is what a type checker asks of the classes as well."""
    chosen: Backend = backend(name)
    one: Trainer = trainer(chosen)
    assert trains(one) and not list(module._faults(one, name))


def test_one_that_prints_no_loader(packages: Packages) -> None:
    code = """
from archspec_torch.backend import TorchBackend

class Toy(TorchBackend):
    name = "toy"

    def __getattribute__(self, name):
        if name == "loading":
            raise AttributeError(name)
        return super().__getattribute__(name)

backend = Toy()
"""
    packages.add("archspec_toy", "toy", code)
    spec = archspec.load("resnet20")
    assert spec.codegen("toy").text == spec.codegen("torch").text
    with pytest.raises(BackendError, match="'toy' prints no function") as caught:
        spec.codegen("toy", with_weights=True)
    assert caught.value.code == "AS515"


def test_forward_only(packages: Packages) -> None:
    code = """
from archspec_torch.backend import TorchBackend

class Toy(TorchBackend):
    name = "toy"
    gradients = property(lambda self: {}["gradients"])

    def __getattribute__(self, name):
        if name == "gradients":
            raise AttributeError(name)
        return super().__getattribute__(name)

backend = Toy()
"""
    packages.add("archspec_toy", "toy", code)
    chosen = backend("toy")
    assert not trains(chosen)
    with pytest.raises(BackendError, match="'toy' runs nets forward only") as caught:
        trainer(chosen)
    assert caught.value.code == "AS513"


# Names


def test_the_names_of_a_module_are_the_installed_torchs() -> None:
    names = {*dir(torch.nn.Module()), *torch.nn.Module.__annotations__}
    assert {n for n in names if not n.startswith("_")} <= RESERVED
    mine = {name for name in RESERVED if not hasattr(torch.nn.Sequential, name)}
    assert mine <= {*torch.nn.Module.__annotations__, "training", "ipu", "mtia", "xpu"}


def test_the_language_knows_what_our_backends_reserve() -> None:
    """It states their names itself, since loading backends would take it long."""
    found = {name: backend(name).reserved for name in ("torch", "keras")}
    assert {name: names for name, names in found.items() if names} == LANGUAGE


NAMES = """
inputs: {image: [3, 8, 8]}
blocks:
  unit:
    graph:
      sow: {op: conv2d, channels: 3, kernel: 1}
      good: relu
graph:
  fine: {block: unit}
  perturb: {graph: {inner: {graph: [relu, tanh]}, other: relu}}
  layer{index}: {op: relu, repeat: 2}
  evaluate: {op: scale, weight: rate}
"""


def test_reserved_names_are_refused_where_they_stand() -> None:
    reserved = frozenset(("sow", "perturb", "layer1", "eval", "0", "rate"))
    with pytest.raises(UnsupportedError) as caught:
        module.refuse_names(graph_of(NAMES), "nnx.Module", reserved)
    error = caught.value
    assert error.code == "AS507" and str(error.at) == "net.yaml:8:7"
    assert error.message == "the name 'sow' is nnx.Module's own"
    assert error.notes == (
        "net.yaml:12:3: the name 'perturb' is nnx.Module's own",
        "net.yaml:12:37: the name '0' is nnx.Module's own",
        "net.yaml:13:3: the name 'layer1' is nnx.Module's own",
        "net.yaml:14:3: the name 'rate' is nnx.Module's own",
    )
    module.refuse_names(graph_of(NAMES), "nnx.Module", frozenset(("laye", "e")))


def test_a_framework_that_is_missing(packages: Packages) -> None:
    code = WHOLE + "    framework, install = 'nowhere', 'nowhere-nn'\nbackend = Toy()\n"
    code = code.replace("backend = Toy()\n", "", 1)
    packages.add("archspec_toy", "toy", code.format(name="toy"))
    with pytest.raises(ArchspecError) as caught:
        archspec.load("resnet20").build("toy")
    assert caught.value.code == "AS502"
    assert caught.value.hint == 'pip install "nowhere-nn"'


STOPPED = """
    def start(self):
        raise ImportError("no" + chr(10) + "jaxlib")

backend = Toy()
"""


def test_a_framework_that_does_not_start(packages: Packages) -> None:
    """One of its own parts is missing, say; what it says is not a traceback."""
    code = WHOLE.format(name="toy").replace("\nbackend = Toy()\n", STOPPED)
    packages.add("archspec_toy", "toy", code)
    text = shown("build", "resnet20", "-b", "toy")
    assert "the backend 'toy' can't start: no jaxlib [AS502]" in text
    with pytest.raises(BackendError) as caught:
        module.begin(backend("toy"))
    assert isinstance(caught.value.__cause__, ImportError) and caught.value.hint

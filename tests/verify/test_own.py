"""A user's model against the spec: what is right passes, what is not is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
import torch
import torchvision
from keras import layers
from torch import Tensor, nn
from torch.nn import functional as F

import archspec
from archspec.backend import backend
from archspec.errors import ArchspecError
from archspec.verify.own import opened, prove, small
from archspec.verify.process import NotAvailable
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting
from archspec.verify.target import Target

NET = """archspec: 1
name: net
inputs: {image: [3, 12, 12]}
graph:
  conv: {op: conv2d, channels: 6, kernel: 3, padding: 1, bias: false}
  norm: {op: batch_norm, eps: 0.001}
  act: relu6
  drop: {op: dropout, rate: 0.3}
  mix: {op: conv2d, channels: 6, kernel: 3, padding: 1, groups: 3}
  add: {op: add, from: [mix, act]}
  gelu: gelu
  pool: {op: max_pool2d, kernel: 3, stride: 2, ceil_mode: true}
  flat: flatten
  fc: {op: linear, features: 5}
"""


class Net(nn.Module):
    """The spec by hand, as people write it: functions, a sum in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6, eps=0.001)
        self.drop = nn.Dropout(0.3)
        self.mix = nn.Conv2d(6, 6, 3, padding=1, groups=3)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.fc = nn.Linear(6 * 6 * 6, 5)

    def cut(self, x: Tensor) -> Tensor:
        return F.relu6(x, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.drop(self.cut(self.norm(self.conv(x))))
        y = self.mix(x)
        y += x
        made: Tensor = self.fc(self.pool(F.gelu(y)).flatten(1))
        return made


class Sigmoid(Net):
    def cut(self, x: Tensor) -> Tensor:
        return F.relu(x)


class Sum(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = self.drop(self.cut(self.norm(self.conv(x))))
        made: Tensor = self.fc(self.pool(F.gelu(x - self.mix(x))).flatten(1))
        return made


class Tanh(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = self.cut(self.norm(self.conv(x)))
        y = F.gelu(self.mix(x) + x, approximate="tanh")
        made: Tensor = self.fc(self.pool(y).flatten(1))
        return made


@pytest.fixture
def spec(tmp_path: Path) -> str:
    (tmp_path / "net.yaml").write_text(NET)
    return str(tmp_path / "net.yaml")


def changed(change: Callable[[Any], Any]) -> Net:
    net = Net()
    change(net)
    return net


def test_a_module_by_hand(spec: str) -> None:
    net = Net().train()
    before = {name: t.clone() for name, t in net.state_dict().items()}
    places = {name: t.data_ptr() for name, t in net.state_dict().items()}
    report = archspec.verify_model(spec, net)
    assert report.passed, report
    assert report.proof is not None
    assert [row.check for row in report.proof.rows] == [
        "your model, bit for bit",
        "your model, near 1",
    ]
    assert repr(report) == report.plain() and "against the definitions" in repr(report)
    assert "training, chance" in repr(report)
    # It is as it was: values, memory, mode, hooks.
    state = net.state_dict()
    assert all(torch.equal(state[name], before[name]) for name in before)
    assert {name: t.data_ptr() for name, t in state.items()} == places
    assert net.training and net.norm.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


FAULTS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "eps": (lambda: changed(lambda n: setattr(n.norm, "eps", 0.0010001)), "norm"),
    "stride": (
        lambda: changed(lambda n: setattr(n.pool, "ceil_mode", False)),
        "pool",
    ),
    "padding": (
        lambda: changed(lambda n: setattr(n, "mix", Shifted(n.mix))),
        "mix",
    ),
    "a bound": (Sigmoid, "act"),
    "a sign": (Sum, "gelu"),
    "a formula": (Tanh, "gelu"),
}


class Shifted(nn.Module):
    """A convolution of the image moved by a pixel."""

    def __init__(self, inner: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias, self.inner = inner.weight, inner.bias, [inner]

    def forward(self, x: Tensor) -> Tensor:
        moved = F.conv2d(x.roll(1, 3), self.weight, self.bias, padding=1, groups=3)
        return moved


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named(name: str, spec: str) -> None:
    """A function has no layer: what is seen behind it is named, and it beside that."""
    make, node = FAULTS[name]
    report = archspec.verify_model(spec, make())
    assert not report.passed
    assert report.proof is not None
    [(_, finding)] = report.proof.findings
    assert finding.node == node, report  # type: ignore[union-attr]  # no text
    if name == "a sign":
        assert "or in 'add' (add), which the model doesn't show" in repr(report)


def test_is_my_resnet_torchvisions() -> None:
    """A spec and a module that nobody wrote for each other."""
    params: dict[str, Any] = {"widths": [8, 16, 32, 64], "num_classes": 10}
    net = torchvision.models.resnet18(num_classes=10)
    with pytest.raises(ArchspecError, match="of another shape"):
        archspec.verify_model("resnet18", net, **params)
    report = archspec.verify_model("resnet18", net, num_classes=10)
    assert report.passed and report.setting.size == (64, 64), report
    net.layer2[0].conv1.stride, net.layer2[0].conv2.stride = (1, 1), (2, 2)
    report = archspec.verify_model("resnet18", net, num_classes=10)
    assert "first value that differs is 'layer2.0.conv1'" in repr(report)


def test_other_names(spec: str) -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = Net()
            self.module.head = self.module.fc
            del self.module.fc

        def forward(self, x: Tensor) -> Any:
            self.module.__dict__["fc"] = self.module.head
            return {"logits": self.module(x)}

    rename = {"module.*": "*", "head": "fc"}
    with pytest.raises(ArchspecError) as caught:
        archspec.verify_model(spec, Wrapped(), rename={"module.*": "*"})
    told = str(caught.value)
    assert "the parameters of the model don't fit" in told and "fc.weight" in told
    report = archspec.verify_model(spec, Wrapped(), rename=rename)
    assert report.passed, report
    net = Wrapped()
    net.module.norm.eps = 0.1
    assert "differs is 'norm'" in repr(archspec.verify_model(spec, net, rename=rename))


def by_hand(epsilon: float = 0.001, cut: float = 6.0, size: int | None = 12) -> Any:
    """The same spec in Keras; its convolutions are channels last."""
    x = image = keras.Input((size, size, 3))
    x = layers.Conv2D(6, 3, padding="same", use_bias=False, name="conv")(x)
    x = layers.BatchNormalization(epsilon=epsilon, name="norm")(x)
    x = layers.ReLU(cut, name="act")(x)
    x = layers.Dropout(0.3, name="drop")(x)
    y = layers.Conv2D(6, 3, padding="same", groups=3, name="mix")(x)
    y = layers.Activation("gelu", name="gelu")(layers.add([y, x], name="add"))
    y = layers.MaxPooling2D(3, 2, padding="valid", name="pool")(
        keras.ops.pad(y, [[0, 0], [0, 1], [0, 1], [0, 0]], constant_values=-1e9)
    )
    y = layers.Permute((3, 1, 2), name="order")(y)
    return keras.Model(image, layers.Dense(5, name="fc")(layers.Flatten()(y)))


def test_a_keras_model_by_hand(spec: str) -> None:
    model = by_hand()
    before = model.get_weights()
    report = archspec.verify_model(spec, model)
    assert report.passed and report.setting.size == (12, 12), report
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    assert model.compute_dtype == "float32"
    report = archspec.verify_model(spec, by_hand(epsilon=0.00101))
    assert "differs is 'norm'" in repr(report)
    report = archspec.verify_model(spec, by_hand(cut=5.99))
    assert "differs is 'act'" in repr(report)
    with pytest.raises(ArchspecError, match=r"1 missing, 2 surplus"):
        other = keras.Sequential([keras.Input((12, 12, 3)), layers.Conv2D(6, 3)])
        text = NET.partition("  norm:")[0]
        Path(spec).write_text(text)
        archspec.verify_model(spec, other)


def test_what_is_no_model(spec: str) -> None:
    for model, told in (
        (3, "'int' is a model of no backend"),
        (nn.Linear(3, 4).forward, "'method' is a model of no backend"),
    ):
        with pytest.raises(ArchspecError, match=told):
            archspec.verify_model(spec, model)
    with pytest.raises(ArchspecError, match=r"expected a torch\.nn\.Module, found"):
        archspec.verify_model(spec, by_hand(), backend="torch")

    class Two(Net):
        def forward(self, x: Tensor) -> Any:
            return super().forward(x), x

    with pytest.raises(
        ArchspecError, match=r"the model's outputs are 2, the spec's ''"
    ):
        archspec.verify_model(spec, Two())


def proved(setting: Setting, kind: str = "torch") -> Proof:
    def here(setting: Setting, target: Target) -> Any:
        return opened(setting, backend(kind))

    target = Target(kind, backend(kind).engines[0]).double()
    return prove(setting, [target], here, lambda text: None)


@pytest.mark.parametrize(
    "kind", ["torch", "keras", "onnx", pytest.param("flax", marks=pytest.mark.proof)]
)
def test_a_printed_file_and_an_edited_one(kind: str, spec: str, tmp_path: Path) -> None:
    text = archspec.load(spec).codegen(kind).text
    path = tmp_path / "printed.py"
    path.write_text(text)
    setting = Setting(spec, file=str(path))
    proof = proved(setting, kind)
    assert proof.passed, proof
    right, wrong = {
        "torch": ("nn.ReLU6()", "nn.ReLU()"),
        "keras": ("ReLU(6.0", "ReLU(6.5"),
        "flax": ("nnx.relu6(", "nnx.relu("),
        "onnx": ('relu6(net, x, name="act")', 'net("Relu", x, name="act")'),
    }[kind]
    assert text.count(right) == 1
    edited = tmp_path / "edited.py"
    edited.write_text(text.replace(right, wrong))
    proof = proved(Setting(spec, file=str(edited)), kind)
    [(_, finding)] = proof.findings
    # What is no module of Flax is seen where one reads it.
    seen = "drop" if kind == "flax" else "act"
    assert not proof.passed and getattr(finding, "node", "") == seen


def test_a_file_takes_the_params_of_the_spec(tmp_path: Path) -> None:
    params: dict[str, Any] = {"depths": [1, 1, 1, 1], "widths": [8, 16, 16, 24]}
    path = tmp_path / "net.py"
    path.write_text(archspec.load("resnet18", params=params).codegen("torch").text)
    params |= {"num_classes": 7}
    setting = small(Setting("resnet18", params=params, file=f"{path}:ResNet18"))
    assert setting.size == (64, 64) and proved(setting).passed


def test_a_backend_that_is_missing(spec: str) -> None:
    def here(setting: Setting, target: Target) -> Any:
        raise NotAvailable("none is here")

    proof = prove(Setting(spec), [Target("torch")], here, lambda text: None)
    assert [row.reason for row in proof.rows] == ["none is here"] * 2
    assert not proof.passed

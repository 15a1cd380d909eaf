"""Nets of other publishers, made from their descriptions: own names, own functions.

Each computes what the publisher's code does, and its state has the publisher's names.
The names were compared once with what the libraries themselves store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

Widths = Sequence[int]


@dataclass(frozen=True)
class Names:
    """What a publisher calls the modules of a ResNet; stages and units count from 0.

    Attributes:
        stem: its convolution and its norm.
        unit: where a unit is.
        convs, norms: those of a unit, in order.
        shortcut: its convolution and norm.
        head: the classifier.
        first: what the first stage is counted as.
    """

    stem: tuple[str, str]
    unit: str
    convs: tuple[str, ...]
    norms: tuple[str, ...]
    shortcut: tuple[str, str]
    head: str
    first: int = 0


TRANSFORMERS = Names(
    stem=(
        "resnet.embedder.embedder.convolution",
        "resnet.embedder.embedder.normalization",
    ),
    unit="resnet.encoder.stages.{stage}.layers.{unit}",
    convs=tuple(f"layer.{n}.convolution" for n in range(3)),
    norms=tuple(f"layer.{n}.normalization" for n in range(3)),
    shortcut=("shortcut.convolution", "shortcut.normalization"),
    head="classifier.1",
)
"""transformers' ResNetForImageClassification."""
DETECTRON2 = Names(
    stem=("backbone.bottom_up.stem.conv1", "backbone.bottom_up.stem.conv1.norm"),
    unit="backbone.bottom_up.res{stage}.{unit}",
    convs=("conv1", "conv2", "conv3"),
    norms=("conv1.norm", "conv2.norm", "conv3.norm"),
    shortcut=("shortcut", "shortcut.norm"),
    head="backbone.bottom_up.stem.fc",
    first=2,
)
"""detectron2's ResNet in a detector; the head is where its converter leaves it."""
KUANGLIU = Names(
    stem=("conv1", "bn1"),
    unit="layer{stage}.{unit}",
    convs=("conv1", "conv2", "conv3"),
    norms=("bn1", "bn2", "bn3"),
    shortcut=("shortcut.0", "shortcut.1"),
    head="linear",
    first=1,
)
"""ResNets of kuangliu's pytorch-cifar and of akamaster's pytorch_resnet_cifar10."""
WEIAICUNZAI = Names(
    stem=("conv1.0", "conv1.1"),
    unit="conv{stage}_x.{unit}",
    convs=("residual_function.0", "residual_function.3", "residual_function.6"),
    norms=("residual_function.1", "residual_function.4", "residual_function.7"),
    shortcut=("shortcut.0", "shortcut.1"),
    head="fc",
    first=2,
)
"""ResNets of weiaicunzai's pytorch-cifar100."""


class Described(nn.Module):
    """A ResNet whose modules have a publisher's names.

    Args:
        names: the publisher's.
        depths, widths: of the stages.
        bottleneck: whether units have three convolutions.
        small: whether it is for CIFAR: a 3x3 convolution and no pooling before stages.
        first_strides: whether the first convolution of a bottleneck has the stride.
        zeros: whether shortcuts are without weights, with zeros on both sides.
    """

    def __init__(
        self,
        names: Names,
        depths: Sequence[int],
        widths: Widths,
        *,
        bottleneck: bool = False,
        small: bool = False,
        first_strides: bool = False,
        zeros: bool = False,
        classes: int = 5,
    ) -> None:
        super().__init__()
        self.names, self.small = names, small
        self.zeros, self.bottleneck = zeros, bottleneck
        self.units: list[tuple[str, int]] = []
        channels = widths[0]
        stem = (3, 1, 1) if small else (7, 2, 3)
        self._add(names.stem[0], nn.Conv2d(3, channels, *stem, bias=False))
        self._add(names.stem[1], nn.BatchNorm2d(channels))
        for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            for unit in range(depth):
                stride = 2 if stage and not unit else 1
                path = names.unit.format(stage=stage + names.first, unit=unit)
                self.units.append((path, stride))
                kernels = (1, 3, 1) if bottleneck else (3, 3)
                strided = 1 if bottleneck and not first_strides else 0
                given = channels
                for n, kernel in enumerate(kernels):
                    out = width * 4 if bottleneck and n == 2 else width
                    step = stride if n == strided else 1
                    made = nn.Conv2d(given, out, kernel, step, kernel // 2, bias=False)
                    self._add(f"{path}.{names.convs[n]}", made)
                    self._add(f"{path}.{names.norms[n]}", nn.BatchNorm2d(out))
                    given = out
                if (stride != 1 or channels != given) and not zeros:
                    made = nn.Conv2d(channels, given, 1, stride, bias=False)
                    self._add(f"{path}.{names.shortcut[0]}", made)
                    self._add(f"{path}.{names.shortcut[1]}", nn.BatchNorm2d(given))
                channels = given
        self._add(names.head, nn.Linear(channels, classes))

    def _add(self, path: str, module: nn.Module) -> None:
        """Puts a module where a dotted path says; modules may stand in a convolution."""
        at: nn.Module = self
        *outer, last = path.split(".")
        for name in outer:
            if name not in dict(at.named_children()):
                at.add_module(name, nn.Module())
            at = at.get_submodule(name)
        at.add_module(last, module)

    def forward(self, x: Tensor) -> Any:
        conv, norm = map(self.get_submodule, self.names.stem)
        x = functional.relu(norm(conv(x)))
        if not self.small:
            x = functional.max_pool2d(x, 3, 2, 1)
        for path, stride in self.units:
            x = self._unit(x, self.get_submodule(path), stride)
        x = x.mean((2, 3))
        return self.get_submodule(self.names.head)(x)

    def _unit(self, x: Tensor, unit: nn.Module, stride: int) -> Any:
        y = x
        count = 3 if self.bottleneck else 2
        pairs = zip(self.names.convs[:count], self.names.norms[:count], strict=True)
        for n, (conv, norm) in enumerate(pairs):
            y = unit.get_submodule(norm)(unit.get_submodule(conv)(y))
            if n < count - 1:
                y = functional.relu(y)
        state = unit.state_dict()
        if f"{self.names.shortcut[0]}.weight" in state:
            conv, norm = self.names.shortcut
            x = unit.get_submodule(norm)(unit.get_submodule(conv)(x))
        elif self.zeros and stride != 1:
            side = (y.shape[1] - x.shape[1]) // 2
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, side, side))
        return functional.relu(y + x)


class PreActivated(nn.Module):
    """A unit of xternalz's WideResNet-pytorch."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        if channels != out:
            self.convShortcut = nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Any:
        y = functional.relu(self.bn1(x))
        if hasattr(self, "convShortcut"):
            x = self.convShortcut(y)
        y = self.conv2(functional.relu(self.bn2(self.conv1(y))))
        return x + y


class WideResNet(nn.Module):
    """xternalz's net: three blocks of units, each unit in the block's `layer`."""

    def __init__(self, depth: int, stem: int, widths: Widths, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, stem, 3, 1, 1, bias=False)
        channels = stem
        self.blocks = len(widths)
        for number, width in enumerate(widths):
            layer = nn.Sequential()
            for unit in range(depth):
                stride = 2 if number and not unit else 1
                layer.append(PreActivated(channels, width, stride))
                channels = width
            self.add_module(f"block{number + 1}", nn.ModuleDict({"layer": layer}))
        self.bn1 = nn.BatchNorm2d(channels)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Any:
        x = self.conv1(x)
        for number in range(self.blocks):
            x = self.get_submodule(f"block{number + 1}.layer")(x)
        return self.fc(functional.relu(self.bn1(x)).mean((2, 3)))


class Classifier(nn.Module):
    """mmpretrain's ImageClassifier: a backbone with torchvision's names, and a head."""

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.backbone: Any = backbone
        self.head: Any = nn.Module()
        self.head.fc, backbone.fc = backbone.fc, nn.Identity()

    def forward(self, x: Tensor) -> Any:
        return self.head.fc(self.backbone(x))


class ConvModule(nn.Module):
    """OpenMMLab's: a convolution with its norm."""

    def __init__(self, conv: nn.Module, bn: nn.Module) -> None:
        super().__init__()
        self.conv, self.bn = conv, bn

    def forward(self, x: Tensor) -> Any:
        return functional.relu(self.bn(self.conv(x)))


class Vgg(nn.Module):
    """mmpretrain's VGG, whose layers are `ConvModule`s and pools."""

    def __init__(self, layers: Any, classifier: Any) -> None:
        super().__init__()
        features = nn.Sequential()
        for n, layer in enumerate(layers):
            if isinstance(layer, nn.Conv2d):
                features.append(ConvModule(layer, layers[n + 1]))
            elif isinstance(layer, nn.MaxPool2d):
                features.append(layer)
        self.backbone = nn.ModuleDict({"features": features, "classifier": classifier})

    def forward(self, x: Tensor) -> Any:
        x = functional.adaptive_avg_pool2d(self.backbone["features"](x), 7)
        return self.backbone["classifier"](x.flatten(1))


class DeepStem(nn.Module):
    """A ResNetV1d of OpenMMLab as a classifier, of the modules of timm's ResNet-d.

    Its stem is a list of layers in mmdet, and of `ConvModule`s in mmpretrain, where
    besides a shortcut without a stride has no pooling.
    """

    def __init__(self, net: Any, *, modules: bool) -> None:
        super().__init__()
        self.backbone: Any = nn.Module()
        self.head: Any = nn.Module()
        layers = [*net.conv1, net.bn1, net.act1]
        if modules:
            layers = [ConvModule(*layers[n : n + 2]) for n in (0, 3, 6)]
        self.backbone.stem = nn.Sequential(*layers)
        self.maxpool = net.maxpool
        for n in range(1, 5):
            stage = getattr(net, f"layer{n}")
            first = stage[0].downsample
            if modules and n == 1 and isinstance(first[0], nn.Identity):
                stage[0].downsample = nn.Sequential(*first[1:])
            self.backbone.add_module(f"layer{n}", stage)
        self.head.fc = net.fc

    def forward(self, x: Tensor) -> Any:
        x = self.maxpool(self.backbone.stem(x))
        for n in range(1, 5):
            x = self.backbone.get_submodule(f"layer{n}")(x)
        return self.head.fc(x.mean((2, 3)))


def state(made: Any, prefix: str = "") -> dict[str, torch.Tensor]:
    """The state of a module, its names behind a prefix."""
    return {f"{prefix}{name}": value for name, value in made.state_dict().items()}

"""ResNet-20 for CIFAR.

The paper's ResNet-20 for CIFAR-10: shortcuts of option A, without weights.

Source: https://arxiv.org/abs/1512.03385
Parameters: 269,722; MACs: 40,551,040; input: image 3 x 32 x 32; gives logits.
Preprocessing: size 32, range [0, 1], channels RGB, mean [0.4914, 0.4822, 0.4465], std
[0.247, 0.2435, 0.2616].
"""

# archspec: fingerprint dfa4b76b343fe733, checksum 2ce429749cb999ea
# mypy: no-warn-return-any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def init_weights(module: nn.Module) -> None:
    """Sets the initial weights of a layer."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


class ZeroPadding(nn.Sequential):
    """A shortcut without weights, option A of the paper.

    Maps [N, in_channels, H, W] to [N, channels, H / stride, W / stride].
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__(
            nn.MaxPool2d(1, stride=stride),
            nn.ConstantPad3d((0, 0, 0, 0, 0, channels - in_channels), 0.0),
        )


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut; the first has the stride.

    Maps [N, in_channels, H, W] to [N, channels, H / stride, W / stride].
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = (
            ZeroPadding(in_channels, channels, stride)
            if stride != 1 or in_channels != channels
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.downsample is not None:
            x = self.downsample(x)
        return F.relu(y + x)


class Stage(nn.Sequential):
    """Units in a chain, of which the first has the stride.

    Maps [N, in_channels, H, W] to [N, channels, H / stride, W / stride].
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        for _ in range(3):
            self.append(BasicBlock(in_channels, channels, stride))
            in_channels, stride = channels, 1


class ResNet20ForCIFAR(nn.Module):
    """ResNet-20 for CIFAR: maps [N, in_channels, H, W] to [N, num_classes]."""

    def __init__(self, num_classes: int = 10, *, in_channels: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = Stage(16, 16, stride=1)
        self.layer2 = Stage(16, 32, stride=2)
        self.layer3 = Stage(32, 64, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, num_classes)
        self.apply(init_weights)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.layer3(x)
        x = torch.flatten(self.avgpool(x), 1)
        return self.fc(x)

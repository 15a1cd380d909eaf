"""ResNet-50 with the layout and the parameter names of torchvision.

Source: https://arxiv.org/abs/1512.03385
Parameters: 25,557,032; MACs: 4,089,184,256; input: image 3 x 224 x 224; gives logits.
Preprocessing: resize 256, crop 224, interpolation bilinear, range [0, 1], channels RGB,
mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225].
"""

# archspec: fingerprint 54e66ae05fccbf93, checksum 438dac08eac33374
# mypy: no-warn-return-any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def init_weights(module: nn.Module) -> None:
    """Sets the initial weights of a layer."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


class Projection(nn.Sequential):
    """The shortcut of a unit that changes the size or the channels.

    Maps [N, in_channels, H, W] to [N, channels, H / stride, W / stride].
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
            nn.BatchNorm2d(channels),
        )


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut.

    Maps [N, in_channels, H, W] to [N, channels * 4, H / stride, W / stride].
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(
            channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, channels * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels * 4)
        self.downsample = (
            Projection(in_channels, channels * 4, stride)
            if stride != 1 or in_channels != channels * 4
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        if self.downsample is not None:
            x = self.downsample(x)
        return F.relu(y + x)


class Stage(nn.Sequential):
    """Units in a chain, of which the first has the stride."""

    def __init__(
        self, in_channels: int, channels: int, depth: int, stride: int
    ) -> None:
        super().__init__()
        for _ in range(depth):
            self.append(Bottleneck(in_channels, channels, stride))
            in_channels, stride = channels * 4, 1


class ResNet50(nn.Module):
    """ResNet-50: maps [N, in_channels, H, W] to [N, num_classes]."""

    def __init__(self, num_classes: int = 1000, *, in_channels: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = Stage(64, 64, depth=3, stride=1)
        self.layer2 = Stage(256, 128, depth=4, stride=2)
        self.layer3 = Stage(512, 256, depth=6, stride=2)
        self.layer4 = Stage(1024, 512, depth=3, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2048, num_classes)
        self.apply(init_weights)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.maxpool(x)
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.layer3(x)
        x = self.layer4(x)
        x = torch.flatten(self.avgpool(x), 1)
        return self.fc(x)

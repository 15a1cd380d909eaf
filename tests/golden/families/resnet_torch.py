"""ResNet.

Nets: resnet18, resnet34, resnet50, resnet101, resnet152, resnext50_32x4d,
resnext101_32x8d, resnext101_64x4d, wide_resnet50_2 and wide_resnet101_2.
Source: https://arxiv.org/abs/1512.03385
Source: https://arxiv.org/abs/1611.05431
Source: https://arxiv.org/abs/1605.07146
Input: image 3 x 224 x 224; gives logits.
Preprocessing of resnet18, resnet34, resnet50, resnet101, resnet152, resnext50_32x4d,
resnext101_32x8d, wide_resnet50_2 and wide_resnet101_2: resize 256, crop 224,
interpolation bilinear, range [0, 1], channels RGB, mean [0.485, 0.456, 0.406], std
[0.229, 0.224, 0.225].
Preprocessing of resnext101_64x4d: resize 232, crop 224, interpolation bilinear, range
[0, 1], channels RGB, mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225].
"""

# archspec: fingerprint 88f3d52213117ddf, checksum f931b03a418fcaf5
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
            Projection(in_channels, channels, stride)
            if stride != 1 or in_channels != channels
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.downsample is not None:
            x = self.downsample(x)
        return F.relu(y + x)


class BasicBlockStage(nn.Sequential):
    """Units in a chain, of which the first has the stride."""

    def __init__(
        self, in_channels: int, channels: int, depth: int, stride: int
    ) -> None:
        super().__init__()
        for _ in range(depth):
            self.append(BasicBlock(in_channels, channels, stride))
            in_channels, stride = channels, 1


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut.

    Maps [N, in_channels, H, W] to [N, channels * 4, H / stride, W / stride].
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int,
        groups: int,
        width_per_group: int,
    ) -> None:
        super().__init__()
        width = channels * width_per_group // 64 * groups
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(
            width, width, 3, stride=stride, padding=1, groups=groups, bias=False
        )
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, channels * 4, 1, bias=False)
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


class BottleneckStage(nn.Sequential):
    """Units in a chain, of which the first has the stride."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        groups: int,
        width_per_group: int,
        depth: int,
        stride: int,
    ) -> None:
        super().__init__()
        for _ in range(depth):
            self.append(
                Bottleneck(in_channels, channels, stride, groups, width_per_group)
            )
            in_channels, stride = channels * 4, 1


class BasicBlockResNet(nn.Module):
    """ResNet: maps [N, in_channels, H, W] to [N, num_classes]."""

    def __init__(
        self,
        depths: tuple[int, int, int, int],
        num_classes: int = 1000,
        *,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = BasicBlockStage(64, 64, depth=depths[0], stride=1)
        self.layer2 = BasicBlockStage(64, 128, depth=depths[1], stride=2)
        self.layer3 = BasicBlockStage(128, 256, depth=depths[2], stride=2)
        self.layer4 = BasicBlockStage(256, 512, depth=depths[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512, num_classes)
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


class BottleneckResNet(nn.Module):
    """ResNet: maps [N, in_channels, H, W] to [N, num_classes]."""

    def __init__(
        self,
        depths: tuple[int, int, int, int],
        num_classes: int = 1000,
        *,
        groups: int = 1,
        width_per_group: int = 64,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = BottleneckStage(
            64, 64, groups, width_per_group, depth=depths[0], stride=1
        )
        self.layer2 = BottleneckStage(
            256, 128, groups, width_per_group, depth=depths[1], stride=2
        )
        self.layer3 = BottleneckStage(
            512, 256, groups, width_per_group, depth=depths[2], stride=2
        )
        self.layer4 = BottleneckStage(
            1024, 512, groups, width_per_group, depth=depths[3], stride=2
        )
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


def resnet18(num_classes: int = 1000, *, in_channels: int = 3) -> BasicBlockResNet:
    """ResNet-18: 11,689,512 parameters, 1,814,073,344 MACs."""
    return BasicBlockResNet((2, 2, 2, 2), num_classes, in_channels=in_channels)


def resnet34(num_classes: int = 1000, *, in_channels: int = 3) -> BasicBlockResNet:
    """ResNet-34: 21,797,672 parameters, 3,663,761,408 MACs."""
    return BasicBlockResNet((3, 4, 6, 3), num_classes, in_channels=in_channels)


def resnet50(num_classes: int = 1000, *, in_channels: int = 3) -> BottleneckResNet:
    """ResNet-50: 25,557,032 parameters, 4,089,184,256 MACs."""
    return BottleneckResNet((3, 4, 6, 3), num_classes, in_channels=in_channels)


def resnet101(num_classes: int = 1000, *, in_channels: int = 3) -> BottleneckResNet:
    """ResNet-101: 44,549,160 parameters, 7,801,405,440 MACs."""
    return BottleneckResNet((3, 4, 23, 3), num_classes, in_channels=in_channels)


def resnet152(num_classes: int = 1000, *, in_channels: int = 3) -> BottleneckResNet:
    """ResNet-152: 60,192,808 parameters, 11,513,626,624 MACs."""
    return BottleneckResNet((3, 8, 36, 3), num_classes, in_channels=in_channels)


def resnext50_32x4d(
    num_classes: int = 1000, *, in_channels: int = 3
) -> BottleneckResNet:
    """ResNeXt-50 32x4d: 25,028,904 parameters, 4,230,479,872 MACs."""
    return BottleneckResNet(
        (3, 4, 6, 3), num_classes, groups=32, width_per_group=4, in_channels=in_channels
    )


def resnext101_32x8d(
    num_classes: int = 1000, *, in_channels: int = 3
) -> BottleneckResNet:
    """ResNeXt-101 32x8d: 88,791,336 parameters, 16,414,015,488 MACs."""
    return BottleneckResNet(
        (3, 4, 23, 3),
        num_classes,
        groups=32,
        width_per_group=8,
        in_channels=in_channels,
    )


def resnext101_64x4d(
    num_classes: int = 1000, *, in_channels: int = 3
) -> BottleneckResNet:
    """ResNeXt-101 64x4d: 83,455,272 parameters, 15,460,270,080 MACs."""
    return BottleneckResNet(
        (3, 4, 23, 3),
        num_classes,
        groups=64,
        width_per_group=4,
        in_channels=in_channels,
    )


def wide_resnet50_2(
    num_classes: int = 1000, *, in_channels: int = 3
) -> BottleneckResNet:
    """Wide ResNet-50-2: 68,883,240 parameters, 11,398,021,120 MACs."""
    return BottleneckResNet(
        (3, 4, 6, 3), num_classes, width_per_group=128, in_channels=in_channels
    )


def wide_resnet101_2(
    num_classes: int = 1000, *, in_channels: int = 3
) -> BottleneckResNet:
    """Wide ResNet-101-2: 126,886,696 parameters, 22,753,050,624 MACs."""
    return BottleneckResNet(
        (3, 4, 23, 3), num_classes, width_per_group=128, in_channels=in_channels
    )

"""Keras ResNet-50 V2: Pre-activation ResNet-50, as keras.applications' ResNet50V2.

Source: https://arxiv.org/abs/1603.05027
Parameters: 25,568,360; MACs: 3,482,255,360; input: image 3 x 224 x 224; gives
probabilities.
Preprocessing: size 224, range [0, 1], channels RGB, mean [0.5, 0.5, 0.5], std [0.5,
0.5, 0.5].
"""

# archspec: fingerprint b008eef65132c9a4, checksum 08ce643a9299c924
# mypy: no-warn-return-any

from torch import Tensor, nn
from torch.nn import functional as F


def init_weights(module: nn.Module) -> None:
    """Sets the initial weights of a layer."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions, each behind its norm, beside a shortcut.

    Maps [N, in_channels, H, W] to [N, channels * 4, H / stride, W / stride].
    """

    def __init__(
        self, in_channels: int, channels: int, stride: int, projected: bool
    ) -> None:
        super().__init__()
        self.preact_bn = nn.BatchNorm2d(in_channels, eps=1.001e-5, momentum=0.01)
        self.shortcut = (
            nn.Conv2d(in_channels, channels * 4, 1, stride=stride)
            if projected
            else None
        )
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels, eps=1.001e-5, momentum=0.01)
        self.conv2 = nn.Conv2d(
            channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels, eps=1.001e-5, momentum=0.01)
        self.conv3 = nn.Conv2d(channels, channels * 4, 1)
        self.pool = (
            nn.MaxPool2d(1, stride=stride) if stride > 1 and not projected else None
        )

    def forward(self, x: Tensor) -> Tensor:
        preact_relu = F.relu(self.preact_bn(x))
        if self.shortcut is not None:
            x = self.shortcut(preact_relu)
        y = F.relu(self.bn1(self.conv1(preact_relu)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.conv3(y)
        if self.pool is not None:
            x = self.pool(x)
        return x + y


class Stage(nn.Sequential):
    """Units in a chain, of which the last has the stride."""

    def __init__(
        self, in_channels: int, channels: int, depth: int, stride: int
    ) -> None:
        super().__init__()
        for i in range(depth):
            self.append(
                Bottleneck(
                    in_channels,
                    channels,
                    stride=stride if i == depth - 1 else 1,
                    projected=i == 0,
                )
            )
            in_channels = channels * 4


class KerasResNet50V2(nn.Module):
    """Keras ResNet-50 V2: maps [N, in_channels, H, W] to [N, num_classes]."""

    def __init__(self, num_classes: int = 1000, *, in_channels: int = 3) -> None:
        super().__init__()
        self.conv1_conv = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3)
        self.pool1_pool = nn.MaxPool2d(3, stride=2)
        self.conv2 = Stage(64, 64, depth=3, stride=2)
        self.conv3 = Stage(256, 128, depth=4, stride=2)
        self.conv4 = Stage(512, 256, depth=6, stride=2)
        self.conv5 = Stage(1024, 512, depth=3, stride=1)
        self.post_bn = nn.BatchNorm2d(2048, eps=1.001e-5, momentum=0.01)
        self.predictions = nn.Linear(2048, num_classes)
        self.softmax = nn.Softmax(dim=1)
        self.apply(init_weights)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1_conv(x)
        x = F.pad(x, (1, 1, 1, 1))
        x = self.pool1_pool(x)
        x = self.conv2(x)
        x = self.conv3(x)
        x = self.conv4(x)
        x = F.relu(self.post_bn(self.conv5(x)))
        x = x.mean((2, 3))
        x = self.predictions(x)
        return self.softmax(x)

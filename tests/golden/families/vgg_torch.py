"""VGG.

Nets: vgg11, vgg13, vgg16, vgg19, vgg11_bn, vgg13_bn, vgg16_bn and vgg19_bn.
Source: https://arxiv.org/abs/1409.1556
Input: image 3 x 224 x 224; gives logits.
Preprocessing: resize 256, crop 224, interpolation bilinear, range [0, 1], channels RGB,
mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225].
"""

# archspec: fingerprint 7824ed928e32a0bd, checksum ca233b7975db1664
# mypy: no-warn-return-any

import torch
from torch import Tensor, nn


def init_weights(module: nn.Module) -> None:
    """Sets the initial weights of a layer."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def stage(in_channels: int, channels: int, depth: int, norm: bool) -> list[nn.Module]:
    """3x3 convolutions and a max pool."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [
            nn.Conv2d(in_channels, channels, 3, padding=1),
            *([nn.BatchNorm2d(channels)] if norm else []),
            nn.ReLU(),
        ]
        in_channels = channels
    return [*layers, nn.MaxPool2d(2)]


class VGG(nn.Module):
    """VGG: maps [N, in_channels, H, W] to [N, num_classes]."""

    def __init__(
        self,
        depths: tuple[int, int, int, int, int],
        num_classes: int = 1000,
        *,
        norm: bool = False,
        dropout: float = 0.5,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels, depth in zip((64, 128, 256, 512, 512), depths, strict=True):
            layers += stage(in_channels, channels, depth, norm)
            in_channels = channels
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        self.apply(init_weights)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x = torch.flatten(self.avgpool(x), 1)
        return self.classifier(x)


def vgg11(
    num_classes: int = 1000, *, dropout: float = 0.5, in_channels: int = 3
) -> VGG:
    """VGG-11: 132,863,336 parameters, 7,609,090,048 MACs."""
    return VGG((1, 1, 2, 2, 2), num_classes, dropout=dropout, in_channels=in_channels)


def vgg13(
    num_classes: int = 1000, *, dropout: float = 0.5, in_channels: int = 3
) -> VGG:
    """VGG-13: 133,047,848 parameters, 11,308,466,176 MACs."""
    return VGG((2, 2, 2, 2, 2), num_classes, dropout=dropout, in_channels=in_channels)


def vgg16(
    num_classes: int = 1000, *, dropout: float = 0.5, in_channels: int = 3
) -> VGG:
    """VGG-16: 138,357,544 parameters, 15,470,264,320 MACs."""
    return VGG((2, 2, 3, 3, 3), num_classes, dropout=dropout, in_channels=in_channels)


def vgg19(
    num_classes: int = 1000, *, dropout: float = 0.5, in_channels: int = 3
) -> VGG:
    """VGG-19: 143,667,240 parameters, 19,632,062,464 MACs."""
    return VGG((2, 2, 4, 4, 4), num_classes, dropout=dropout, in_channels=in_channels)


def vgg11_bn(
    num_classes: int = 1000, *, dropout: float = 0.5, in_channels: int = 3
) -> VGG:
    """VGG-11 BN: 132,868,840 parameters, 7,609,090,048 MACs."""
    return VGG(
        (1, 1, 2, 2, 2),
        num_classes,
        norm=True,
        dropout=dropout,
        in_channels=in_channels,
    )


def vgg13_bn(
    num_classes: int = 1000, *, dropout: float = 0.5, in_channels: int = 3
) -> VGG:
    """VGG-13 BN: 133,053,736 parameters, 11,308,466,176 MACs."""
    return VGG(
        (2, 2, 2, 2, 2),
        num_classes,
        norm=True,
        dropout=dropout,
        in_channels=in_channels,
    )


def vgg16_bn(
    num_classes: int = 1000, *, dropout: float = 0.5, in_channels: int = 3
) -> VGG:
    """VGG-16 BN: 138,365,992 parameters, 15,470,264,320 MACs."""
    return VGG(
        (2, 2, 3, 3, 3),
        num_classes,
        norm=True,
        dropout=dropout,
        in_channels=in_channels,
    )


def vgg19_bn(
    num_classes: int = 1000, *, dropout: float = 0.5, in_channels: int = 3
) -> VGG:
    """VGG-19 BN: 143,678,248 parameters, 19,632,062,464 MACs."""
    return VGG(
        (2, 2, 4, 4, 4),
        num_classes,
        norm=True,
        dropout=dropout,
        in_channels=in_channels,
    )

"""VGG-16 BN: VGG D with batch norm, as torchvision's vgg16_bn.

Source: https://arxiv.org/abs/1409.1556
Parameters: 138,365,992; MACs: 15,470,264,320; input: image 3 x 224 x 224; gives logits.
Preprocessing: resize 256, crop 224, interpolation bilinear, range [0, 1], channels RGB,
mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225].
"""

# archspec: fingerprint c0f800bf255fd1e7, checksum 2702ca302712d0f6
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


def stage(in_channels: int, channels: int, depth: int) -> list[nn.Module]:
    """3x3 convolutions and a max pool."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [
            nn.Conv2d(in_channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        ]
        in_channels = channels
    return [*layers, nn.MaxPool2d(2)]


class VGG16BN(nn.Module):
    """VGG-16 BN: maps [N, in_channels, H, W] to [N, num_classes]."""

    def __init__(
        self, num_classes: int = 1000, *, dropout: float = 0.5, in_channels: int = 3
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            layers += stage(in_channels, channels, depth)
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

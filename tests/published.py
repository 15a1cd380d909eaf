"""torchvision's VGGs and ResNets: their counts, and the nets with random state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray

NETS = {
    "vgg11": (132_863_336, 7_609_090_048),
    "vgg11_bn": (132_868_840, 7_609_090_048),
    "vgg13": (133_047_848, 11_308_466_176),
    "vgg13_bn": (133_053_736, 11_308_466_176),
    "vgg16": (138_357_544, 15_470_264_320),
    "vgg16_bn": (138_365_992, 15_470_264_320),
    "vgg19": (143_667_240, 19_632_062_464),
    "vgg19_bn": (143_678_248, 19_632_062_464),
    "resnet18": (11_689_512, 1_814_073_344),
    "resnet34": (21_797_672, 3_663_761_408),
    "resnet50": (25_557_032, 4_089_184_256),
    "resnet101": (44_549_160, 7_801_405_440),
    "resnet152": (60_192_808, 11_513_626_624),
    "resnext50_32x4d": (25_028_904, 4_230_479_872),
    "resnext101_32x8d": (88_791_336, 16_414_015_488),
    "resnext101_64x4d": (83_455_272, 15_460_270_080),
    "wide_resnet50_2": (68_883_240, 11_398_021_120),
    "wide_resnet101_2": (126_886_696, 22_753_050_624),
}
"""Parameters, and MACs of one 3 x 224 x 224 image, of torchvision's functions."""

SIZES = {"vgg": (65, 33), "res": (97, 65), "wid": (64, 96)}
"""Heights and widths of test images: odd, uneven, even; by how a name starts."""


def images(name: str, count: int = 1) -> NDArray[np.float64]:
    """Random images of the net's test size, channels first."""
    size = SIZES[name[:3]]
    return np.random.default_rng(1).normal(size=(count, 3, *size))


def published(name: str, hidden: Sequence[int] | None = None) -> Any:
    """torchvision's net in eval mode and float64, all of its state random.

    `hidden` narrows the head of a VGG, which is 120 million parameters.
    """
    with torch.device("meta"):
        net = getattr(torchvision.models, name)()
        if hidden is not None:
            net.classifier[0] = torch.nn.Linear(25088, hidden[0])
            net.classifier[3] = torch.nn.Linear(hidden[0], hidden[1])
            net.classifier[6] = torch.nn.Linear(hidden[1], 1000)
    return scrambled(net)


def scrambled(net: Any) -> Any:
    """A net that was made on the meta device, in eval mode, float64, its state random."""
    net = net.double().to_empty(device="cpu").eval()
    draw = torch.Generator().manual_seed(3)
    state = net.state_dict()
    for key, tensor in state.items():
        if key.endswith("num_batches_tracked"):
            tensor.fill_(7)
        elif key.endswith("running_var"):
            tensor.uniform_(0.5, 1.5, generator=draw)
        elif tensor.ndim == 1:
            tensor.normal_(0.5, 0.3, generator=draw)
        else:
            std = (2 / tensor[0].numel()) ** 0.5
            tensor.normal_(0.0, std, generator=draw)
    return net


def canonical(net: Any) -> dict[str, NDArray[np.float64]]:
    """A torchvision net's state as canonical weights, which share its memory."""
    return {
        key: tensor.numpy()
        for key, tensor in net.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }


def output(net: Any, given: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a torch net makes of images."""
    with torch.no_grad():
        made: NDArray[np.float64] = net(torch.from_numpy(given)).numpy()
    assert np.isfinite(made).all() and made.std() > 0
    return made


def distance(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    """||a - b|| / ||b||."""
    assert found.shape == wanted.shape and found.dtype == wanted.dtype
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))

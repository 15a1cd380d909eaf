"""What publishers call the weights of a net: for each a list of patterns.

    >>> row_of("layer1.0.bn2.weight", TRANSFORMERS[0])[0]
    'resnet.encoder.stages.0.layers.0.layer.1.normalization.weight'

A pattern's `*` stands for the last part of a name, `#` for a number, and `&` for names
of modules; in a key `{1}` is what the first of them stands for, and `{1-1}` a number
less one. A list is for nets of which it has all names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, partial
from typing import NamedTuple

from archspec.graph import Graph


class Row(NamedTuple):
    """Weights whose canonical names fit a pattern.

    Attributes:
        pattern: of the canonical name.
        key: the publisher's name.
        kernel: what a linear weight is stored as: 1 and more are the size of a
            convolution's kernel, 0 is a linear weight for a convolution of one pixel.
    """

    pattern: str
    key: str
    kernel: int | None = None


SIGNS = {
    "*": "(weight|bias|running_mean|running_var)",
    "#": r"(\d+)",
    "&": r"([\w.]+)",
}
BRACE = re.compile(r"\{(\d)([+-]\d+)?\}")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(SIGNS.get(c, re.escape(c)) for c in pattern))


def row_of(name: str, rows: Sequence[Row]) -> tuple[str, Row] | None:
    """The publisher's name for a weight and its row, or None."""
    for row in rows:
        found = _compiled(row.pattern).fullmatch(name)
        if found is not None:
            return BRACE.sub(partial(_filled, found), row.key), row
    return None


def _filled(found: re.Match[str], brace: re.Match[str]) -> str:
    text = found[int(brace[1])]
    return str(int(text) + int(brace[2])) if brace[2] else text


Lists = tuple[tuple[Row, ...], ...]
_UNIT = "layer#.#."
_REST = (Row("conv1.*", "conv1.{1}"), Row("bn1.*", "bn1.{1}"))

TIMM: Lists = (
    # timm's VGG has its hidden layers as convolutions of 7 x 7 and of one pixel.
    (
        Row("classifier.0.*", "pre_logits.fc1.{1}", 7),
        Row("classifier.3.*", "pre_logits.fc2.{1}", 1),
        Row("classifier.6.*", "head.fc.{1}"),
        Row("&", "{1}"),
    ),
)

_STAGE = "resnet.encoder.stages.{1-1}.layers.{2}."
TRANSFORMERS: Lists = (
    (
        Row("conv1.*", "resnet.embedder.embedder.convolution.{1}"),
        Row("bn1.*", "resnet.embedder.embedder.normalization.{1}"),
        Row(f"{_UNIT}conv#.*", f"{_STAGE}layer.{{3-1}}.convolution.{{4}}"),
        Row(f"{_UNIT}bn#.*", f"{_STAGE}layer.{{3-1}}.normalization.{{4}}"),
        Row(f"{_UNIT}downsample.0.*", f"{_STAGE}shortcut.convolution.{{3}}"),
        Row(f"{_UNIT}downsample.1.*", f"{_STAGE}shortcut.normalization.{{3}}"),
        Row("fc.*", "classifier.1.{1}"),
    ),
)
"""transformers/models/resnet/modeling_resnet.py."""

_LAYER = "backbone.layer{1}.{2}."
_SQUEEZE = (
    Row(f"{_UNIT}se.fc1.*", f"{_LAYER}se_layer.conv1.conv.{{3}}"),
    Row(f"{_UNIT}se.fc2.*", f"{_LAYER}se_layer.conv2.conv.{{3}}"),
)
_MM = (Row("layer&", "backbone.layer{1}"), Row("fc.*", "head.fc.{1}"))
_MODULES = (  # of a stem: each a convolution and its norm
    *(Row(f"conv1.{n * 3}.*", f"backbone.stem.{n}.conv.{{1}}") for n in range(3)),
    *(Row(f"conv1.{n * 3 + 1}.*", f"backbone.stem.{n}.bn.{{1}}") for n in range(2)),
    Row("bn1.*", "backbone.stem.2.bn.{1}"),
    Row(f"{_UNIT}conv#.*", f"{_LAYER}conv{{3}}.{{4}}"),
    Row(f"{_UNIT}bn#.*", f"{_LAYER}bn{{3}}.{{4}}"),
    *_SQUEEZE,
    Row("fc.*", "head.fc.{1}"),
)
MMPRETRAIN: Lists = (
    (
        Row("conv1.*", "backbone.conv1.{1}"),
        Row("bn1.*", "backbone.bn1.{1}"),
        *_SQUEEZE,
        *_MM,
    ),
    # ResNetV1c
    (
        *_MODULES,
        Row(f"{_UNIT}downsample.0.*", f"{_LAYER}downsample.0.{{3}}"),
        Row(f"{_UNIT}downsample.1.*", f"{_LAYER}downsample.1.{{3}}"),
    ),
    # ResNetV1d, whose first shortcut has no pooling
    (
        *_MODULES,
        Row("layer1.0.downsample.1.*", "backbone.layer1.0.downsample.0.{1}"),
        Row("layer1.0.downsample.2.*", "backbone.layer1.0.downsample.1.{1}"),
        Row(f"{_UNIT}downsample.1.*", f"{_LAYER}downsample.1.{{3}}"),
        Row(f"{_UNIT}downsample.2.*", f"{_LAYER}downsample.2.{{3}}"),
    ),
)
"""mmpretrain/models/backbones/resnet.py; other nets of OpenMMLab have the first."""


def mmpretrain_vgg(graph: Graph) -> tuple[Row, ...]:
    """The names of mmpretrain's VGG: a convolution and its norm count as one layer."""
    rows, count = [], -1
    for node in graph.nodes:
        if not node.name.startswith("features."):
            continue
        count += node.op.kind in ("conv2d", "max_pool2d")
        part = "bn" if node.op.kind == "batch_norm" else "conv"
        key = f"backbone.features.{count}.{part}.{{1}}"
        rows.append(Row(f"{node.name}.*", key))
    return (*rows, Row("classifier.&", "backbone.classifier.{1}"))


MMDET: Lists = (
    (
        Row("conv1.#.*", "backbone.stem.{1}.{2}"),
        Row("bn1.*", "backbone.stem.7.{1}"),
        *_MM,
    ),
)
"""ResNetV1c and V1d of mmdet and mmseg, whose stem is one list of layers."""

_RES = "res{1+1}.{2}."
DETECTRON2: Lists = (
    (
        Row("conv1.*", "stem.conv1.{1}"),
        Row("bn1.*", "stem.conv1.norm.{1}"),
        Row(f"{_UNIT}conv#.*", f"{_RES}conv{{3}}.{{4}}"),
        Row(f"{_UNIT}bn#.*", f"{_RES}conv{{3}}.norm.{{4}}"),
        Row(f"{_UNIT}downsample.0.*", f"{_RES}shortcut.{{3}}"),
        Row(f"{_UNIT}downsample.1.*", f"{_RES}shortcut.norm.{{3}}"),
        Row("fc.*", "stem.fc.{1}"),
    ),
)
"""detectron2/tools/convert-torchvision-to-d2.py."""

KUANGLIU: Lists = (
    (
        *_REST,
        Row(f"{_UNIT}downsample.#.*", "layer{1}.{2}.shortcut.{3}.{4}"),
        Row("layer&", "layer{1}"),
        Row("fc.*", "linear.{1}"),
    ),
)
"""github.com/kuangliu/pytorch-cifar, and akamaster/pytorch_resnet_cifar10."""

_FUNCTION = "conv{1+1}_x.{2}.residual_function."
WEIAICUNZAI: Lists = (
    (
        Row("conv1.*", "conv1.0.{1}"),
        Row("bn1.*", "conv1.1.{1}"),
        Row(f"{_UNIT}conv1.*", f"{_FUNCTION}0.{{3}}"),
        Row(f"{_UNIT}bn1.*", f"{_FUNCTION}1.{{3}}"),
        Row(f"{_UNIT}conv2.*", f"{_FUNCTION}3.{{3}}"),
        Row(f"{_UNIT}bn2.*", f"{_FUNCTION}4.{{3}}"),
        Row(f"{_UNIT}conv3.*", f"{_FUNCTION}6.{{3}}"),
        Row(f"{_UNIT}bn3.*", f"{_FUNCTION}7.{{3}}"),
        Row(f"{_UNIT}downsample.#.*", "conv{1+1}_x.{2}.shortcut.{3}.{4}"),
        Row("fc.*", "fc.{1}"),
    ),
)
"""github.com/weiaicunzai/pytorch-cifar100."""

_BLOCK = "stages.#.blocks.#."
XTERNALZ: Lists = (
    (
        Row("stem.conv.*", "conv1.{1}"),
        Row(f"{_BLOCK}norm#.*", "block{1+1}.layer.{2}.bn{3}.{4}"),
        Row(f"{_BLOCK}conv#.*", "block{1+1}.layer.{2}.conv{3}.{4}"),
        Row(f"{_BLOCK}downsample.conv.*", "block{1+1}.layer.{2}.convShortcut.{3}"),
        Row("norm.*", "bn1.{1}"),
        Row("head.fc.*", "fc.{1}", 0),
    ),
)
"""github.com/xternalz/WideResNet-pytorch, on which much is built."""

SEQUENTIAL: Lists = (
    (
        Row("conv1.&", "0.{1}"),
        Row("bn1.*", "1.{1}"),
        Row("layer#.&", "{1+3}.{2}"),
        Row("fc.*", "9.{1}"),
    ),
    (Row("features.&", "0.{1}"), Row("classifier.&", "2.{1}")),
)
"""`nn.Sequential(*model.children())` of torchvision's and timm's nets."""

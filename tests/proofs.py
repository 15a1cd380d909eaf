"""Tests of many values: a few that differ in kind are tests, the rest are proofs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest

KINDS = (
    *("resnet18", "plain18", "seresnet18", "resnext50_32x4d", "resnet50_gn"),
    *("resnet20", "resnet20_b", "cifar_resnet18", "resnet164", "wrn_16_8"),
    *("resnet18d", "resnet26t", "resnet50c", "resnet50s", "resnetrs50"),
    *("resnetv2_18", "resnetv2_50", "keras_resnet50", "keras_resnet50v2"),
    *("vgg11_bn", "vgg11_lrn", "vgg16_1x1", "keras_vgg16"),
    *("sample_resnet", "sample_vgg16", "fcn_resnet50", "fpn_resnet50"),
)
"""Nets of the zoo, the smallest of each kind; deeper ones are made of the same blocks."""


def sampled(values: Iterable[Any], few: Collection[Any]) -> list[Any]:
    """What `parametrize` takes: values, of which all but the few are marked `proof`.

    A tuple is one value for several arguments. ValueError for a few that isn't there.
    """
    values = list(values)
    if missing := [value for value in few if value not in values]:
        raise ValueError(f"no such values: {missing}")
    return [
        pytest.param(
            *(value if type(value) is tuple else (value,)),
            marks=[] if value in few else pytest.mark.proof,
        )
        for value in values
    ]

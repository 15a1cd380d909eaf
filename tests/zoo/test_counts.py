"""The counts of every net of the zoo, as its publisher or its paper has them."""

from __future__ import annotations

import pytest

import archspec
from archspec import catalog

PARAMS = {
    "vgg11": 132_863_336,
    "vgg11_lrn": 132_863_336,
    "vgg13": 133_047_848,
    "vgg16_1x1": 133_638_952,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "vgg11_bn": 132_868_840,
    "vgg13_bn": 133_053_736,
    "vgg16_bn": 138_365_992,
    "vgg19_bn": 143_678_248,
    "keras_vgg16": 138_357_544,
    "keras_vgg19": 143_667_240,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnext50_32x4d": 25_028_904,
    "resnext101_32x8d": 88_791_336,
    "resnext101_64x4d": 83_455_272,
    "wide_resnet50_2": 68_883_240,
    "wide_resnet101_2": 126_886_696,
    "keras_resnet50": 25_583_592,
    "keras_resnet101": 44_601_832,
    "keras_resnet152": 60_268_520,
    "keras_resnet50v2": 25_568_360,
    "keras_resnet101v2": 44_577_896,
    "keras_resnet152v2": 60_236_904,
    "resnetv2_18": 11_687_720,
    "resnetv2_34": 21_795_880,
    "resnetv2_50": 25_549_352,
    "resnetv2_101": 44_541_480,
    "resnetv2_152": 60_185_128,
    "resnet18d": 11_708_744,
    "resnet34d": 21_816_904,
    "resnet50d": 25_576_264,
    "resnet101d": 44_568_392,
    "resnet152d": 60_212_040,
    "resnet200d": 64_693_064,
    "resnet50c": 25_576_264,
    "resnet50s": 25_680_808,
    "resnet50t": 25_573_728,
    "resnet26t": 16_011_872,
    "seresnet18": 11_779_624,
    "seresnet34": 21_960_416,
    "seresnet50": 28_088_024,
    "seresnet101": 49_326_872,
    "seresnet152": 66_821_848,
    "seresnext50_32x4d": 27_559_896,
    "resnext50d_32x4d": 25_048_136,
    "resnet50_gn": 25_557_032,
    "resnetrs50": 35_691_912,
    "resnetrs101": 63_618_696,
    "resnetrs152": 86_621_576,
    # The plain nets have what option A has: its shortcuts hold no weights.
    "plain18": 11_515_688,
    "plain34": 21_623_848,
    "resnet20": 269_722,
    "resnet32": 464_154,
    "resnet44": 658_586,
    "resnet56": 853_018,
    "resnet110": 1_727_962,
    "resnet1202": 19_421_274,
    "resnet20_b": 272_474,
    "resnet32_b": 466_906,
    "resnet44_b": 661_338,
    "resnet56_b": 855_770,
    "resnet110_b": 1_730_714,
    "resnet1202_b": 19_424_026,
    "resnet164": 1_703_258,
    "resnet1001": 10_327_706,
    "wrn_16_8": 10_961_370,
    "wrn_28_10": 36_479_194,
    "wrn_40_4": 8_949_210,
    "cifar_resnet18": 11_173_962,
    "sample_vgg16": 138_357_544,
    "sample_resnet": 296_936,
}
"""Trainable parameters."""

MACS = {
    "vgg11": 7_609_090_048,
    "vgg11_lrn": 7_609_090_048,
    "vgg13": 11_308_466_176,
    "vgg16": 15_470_264_320,
    "vgg19": 19_632_062_464,
    "vgg11_bn": 7_609_090_048,
    "vgg13_bn": 11_308_466_176,
    "vgg16_bn": 15_470_264_320,
    "vgg19_bn": 19_632_062_464,
    "keras_vgg16": 15_470_264_320,
    "keras_vgg19": 19_632_062_464,
    "resnet18": 1_814_073_344,
    "resnet34": 3_663_761_408,
    "resnet50": 4_089_184_256,
    "resnet101": 7_801_405_440,
    "resnet152": 11_513_626_624,
}
"""Multiply-accumulates of one image."""

ROUNDED_MACS = {
    "vgg16_1x1": 11.771e9,
    "resnext50_32x4d": 4.230e9,
    "resnext101_32x8d": 16.414e9,
    "resnext101_64x4d": 15.460e9,
    "wide_resnet50_2": 11.398e9,
    "wide_resnet101_2": 22.753e9,
    "resnet20": 40.6e6,
    "resnet32": 68.9e6,
    "resnet44": 97.2e6,
    "resnet56": 125.5e6,
    "resnet110": 252.9e6,
    "resnet1202": 2829.2e6,
}
"""The same where a table of a paper rounds them."""

TOTALS = {
    "keras_resnet50": 25_636_712,
    "keras_resnet101": 44_707_176,
    "keras_resnet152": 60_419_944,
    "keras_resnet50v2": 25_613_800,
    "keras_resnet101v2": 44_675_560,
    "keras_resnet152v2": 60_380_648,
}
"""Parameters and buffers together, as Keras counts them."""

SHORTCUTS = {
    ("resnet18", "A"): 11_515_688,
    ("resnet34", "A"): 21_623_848,
    ("resnet18", "C"): 12_043_816,
    ("resnet34", "C"): 22_716_840,
    ("resnet50", "C"): 40_128_552,
}
"""Parameters with the paper's other shortcuts."""


def test_whole_zoo() -> None:
    assert set(PARAMS) | {"fcn_resnet50", "fpn_resnet50"} == set(catalog.names())


@pytest.mark.parametrize("name", PARAMS)
def test_counts(name: str) -> None:
    spec = archspec.load(name)
    graph = spec.graph
    assert graph.parameter_count() == PARAMS[name]
    assert spec.unexpected() == []
    assert {"params", "macs", "output"} <= set(spec.unit.expect)
    if name in MACS:
        assert graph.macs() == MACS[name]
    if name in ROUNDED_MACS:
        assert graph.macs() == pytest.approx(ROUNDED_MACS[name], rel=2e-3)
    if name in TOTALS:
        assert graph.parameter_count() + graph.buffer_count() == TOTALS[name]


@pytest.mark.parametrize(("name", "option"), SHORTCUTS)
def test_shortcuts(name: str, option: str) -> None:
    graph = archspec.load(name, shortcut=option).graph
    assert graph.parameter_count() == SHORTCUTS[name, option]


@pytest.mark.parametrize("name", ["vgg16", "vgg11_bn"])
def test_heads(name: str) -> None:
    whole = archspec.load(name).graph
    dense = archspec.load(name, head="conv").graph
    bare = archspec.load(name, head="none").graph
    assert dense.parameter_count() == whole.parameter_count()
    assert dense.macs() == whole.macs()
    hidden = 4096 * (512 * 49 + 1) + 4096 * 4097 + 1000 * 4097
    assert bare.parameter_count() == whole.parameter_count() - hidden
    assert bare.shapes()[bare.outputs[""]] == (512, 7, 7)


@pytest.mark.parametrize("name", PARAMS)
def test_presets_are_short(name: str) -> None:
    spec = archspec.load(name)
    lines = (catalog.root() / f"{name}.yaml").read_text().splitlines()
    assert len(lines) <= 15 or spec.unit.extends is None
    assert spec.graph.title and spec.graph.description and spec.graph.source

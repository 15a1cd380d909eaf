"""Nets that fit into memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from archspec.errors import ArchspecError
from archspec.verify import memory
from archspec.verify.setting import Setting

SPEC = """
archspec: 1
name: net
params: {widths: [16, 9], hidden: 20, depth: 3}
inputs: {image: [3, 256, 129]}
graph:
  a: {op: conv2d, channels: "=widths[0]", kernel: 1, bias: false}
  b: {op: conv2d, channels: "=widths[1]", kernel: 1, bias: false, repeat: =depth}
  c: {op: conv2d, channels: =hidden, kernel: 1, bias: false}
"""


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    (tmp_path / "net.yaml").write_text(SPEC)
    return Setting(str(tmp_path / "net.yaml"))


@pytest.mark.parametrize(
    ("dtype", "itemsize", "training", "copies", "kept"),
    [
        ("float32", 4, False, 4, 1),
        ("float64", 8, False, 4, 1),
        ("float64", 8, True, 8, 4),
    ],
)
def test_what_is_needed(
    setting: Setting, dtype: str, itemsize: int, training: bool, copies: int, kept: int
) -> None:
    """Copies of the weights, and four images' outputs, with gradients in training."""
    weights = 3 * 16 + 16 * 9 + 2 * 9 * 9 + 9 * 20
    outputs = (16 + 3 * 9 + 20) * 256 * 129
    wanted = 2**30 + itemsize * (copies * weights + 4 * kept * outputs)
    assert memory.needed(setting.graph(), dtype, training=training) == wanted


def test_pixels_go_before_widths(setting: Setting) -> None:
    """Each is tried in turn: a half of the pixels, and then a half of the widths."""
    tried = list(memory._smaller(setting, setting.graph()))
    sizes = [(256, 129), (128, 64)]
    assert [given.size for given in tried] == 5 * sizes
    assert [given.params for given in tried[::2]] == [
        {},
        {"widths": [8, 4], "hidden": 10},
        {"widths": [4, 2], "hidden": 5},
        {"widths": [2, 1], "hidden": 2},
        {"widths": [1, 1], "hidden": 1},
    ]
    assert tried[1::2] == [replace(g, size=sizes[1]) for g in tried[::2]]


def test_the_first_that_fits_is_taken(setting: Setting) -> None:
    graph = setting.graph()
    tried = [
        (given, memory.needed(given.graph(), "float64", training=False))
        for given in memory._smaller(setting, graph)
    ]
    for _, room in tried:
        found = memory.shrunk(setting, graph, room, training=False)
        assert found == next(given for given, need in tried if need <= room)
    with pytest.raises(ArchspecError, match="not even shrunk"):
        memory.shrunk(setting, graph, tried[-1][1] - 1, training=False)


def test_other_params_stay(setting: Setting) -> None:
    given = replace(setting, params={"depth": 2, "hidden": 8})
    tried = list(memory._smaller(given, given.graph()))
    assert tried[2].params == {"depth": 2, "widths": [8, 4], "hidden": 4}


def test_a_net_of_the_zoo_is_shrunk() -> None:
    setting = Setting("vgg16")
    graph = setting.graph()
    need = memory.needed(graph, "float64", training=True)
    small = memory.shrunk(setting, graph, need // 2, training=True)
    found = small.graph()
    assert memory.needed(found, "float64", training=True) <= need // 2
    assert found.parameter_count() < graph.parameter_count()
    with pytest.raises(ArchspecError, match="not even shrunk"):
        memory.shrunk(setting, graph, memory.FRAMEWORK, training=True)

"""archspec.source.arrange: loops over rows, what they carry, the order of arguments."""

from __future__ import annotations

from dataclasses import replace

import pytest
from nets import graph_of
from notation import any_attribute
from outline_cases import Case, agree, agree_on_shrunk, cases, check, named
from proofs import sampled

from archspec.source.family import Family
from archspec.source.generalise import outline
from archspec.source.outline import Use

NET = """
params: {channels: CHANNELS, width: 4, depths: DEPTHS, rate: RATE, num_classes: CLASSES}
inputs: {image: [=channels, 8, 8]}
blocks:
  stage:
    params: {depth: int, channels: int}
    graph: [{op: conv2d, repeat: =depth, channels: =channels, kernel: 1}]
graph:
  - {op: max_pool2d, kernel: 2}
  - {block: stage, repeat: =len(depths), depth: "=depths[index]", channels: =width}
  - {op: dropout, rate: =rate}
  - {op: global_avg_pool2d}
  - {op: linear, features: =num_classes}
"""


@pytest.mark.parametrize("case", cases("arrange"), ids=named)
def test_outlines(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("count", sampled([20, 60], [20]))
def test_random_specs(count: int) -> None:
    agree(3240, 3240 + count)


def test_specs_that_were_wrong_once() -> None:
    agree_on_shrunk()


def test_arguments_of_nets_of_a_family() -> None:
    """By position what has no default and the classes; an input's channels come last.

    A default is the value that most of the nets have, and lists have none.
    """
    nets = [(3, [1, 2], 0.5, 10), (1, [2, 2], 0.25, 10), (1, [2, 2], 0.25, 12)]
    graphs = []
    for number, values in enumerate(nets):
        text = NET
        names = ("CHANNELS", "DEPTHS", "RATE", "CLASSES")
        for name, value in zip(names, values, strict=True):
            text = text.replace(name, str(value))
        graphs.append(replace(graph_of(text), name=f"net{number}"))
    *_, net, root = outline(Family((*graphs,)).whole(), any_attribute)
    assert [argument.declaration() for argument in net.arguments.values()] == [
        "depths: tuple[int, int]",
        "num_classes: int = 10",
        "width: int = 4",
        "rate: float = 0.25",
        "in_channels: int = 1",
    ]
    assert net.positional == ("depths", "num_classes")
    for line in root.lines:
        assert isinstance(line.target, Use)
        assert [*line.target.arguments] == [*net.arguments]

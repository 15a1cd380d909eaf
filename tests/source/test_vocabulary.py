"""archspec.source.vocabulary: what names of formulas are called in printed code."""

from __future__ import annotations

import pytest
from nets import graph_of
from notation import any_attribute, said
from outline_cases import Case, agree, agree_on_shrunk, cases, check, held, named
from proofs import sampled

from archspec.graph import Graph, Value
from archspec.passes.with_outputs import with_outputs
from archspec.source.generalise import outline

FUSE = """
params: {width: 8, factor: 2, rate: 0.5}
inputs: {image: [3, 8, 8]}
blocks:
  fuse:
    inputs: [a, b]
    params: {factor: int}
    graph:
      first: {op: conv2d, channels: CHANNELS, kernel: 1, from: a}
      sum: {op: add, from: [first, b]}
graph:
  stem: {op: conv2d, channels: 16, kernel: 1}
  other: {op: conv2d, channels: =width * factor, kernel: 1, from: input}
  drop: {op: dropout, rate: =rate}
  fuse: {block: fuse, from: [drop, stem], factor: =factor}
"""


@pytest.mark.parametrize("case", cases("vocabulary"), ids=named)
def test_outlines(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("count", sampled([20, 60], [20]))
def test_random_specs(count: int) -> None:
    agree(3180, 3180 + count)


def test_specs_that_were_wrong_once() -> None:
    agree_on_shrunk()


@pytest.mark.parametrize(
    ("stem", "channels", "arguments"),
    [
        ("16", "=b.channels", ["factor", "width", "rate"]),
        ("=width * 2", "=b.channels", ["factor", "rate"]),
        ("16", "=b.channels * factor // 2", ["width", "rate"]),
    ],
)
def test_channels_of_an_input_that_a_pass_left_unread(
    stem: str, channels: str, arguments: list[str]
) -> None:
    """They are a constant, and what they depend on, or is beside them, no argument."""
    text = FUSE.replace("channels: 16", f"channels: {stem}")
    text = text.replace("CHANNELS", channels)

    def made(params: dict[str, Value]) -> Graph:
        return with_outputs(graph_of(text, **params), {"": "fuse.first"})

    found, graph = outline(made({}), any_attribute), made({})
    assert sorted(found[-1].arguments) == sorted(arguments), said(found)
    held(found, graph, made)

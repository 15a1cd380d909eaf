"""archspec.source.body: the lines of a scope: loops, what is not always there, what flows through."""

from __future__ import annotations

import pytest
from nets import graph_of
from notation import any_attribute, code
from outline_cases import Case, agree, agree_on_shrunk, cases, check, named
from proofs import sampled

from archspec.source.generalise import outline


@pytest.mark.parametrize("case", cases("body"), ids=named)
def test_outlines(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("count", sampled([20, 60], [20]))
def test_random_specs(count: int) -> None:
    agree(3000, 3000 + count)


def test_specs_that_were_wrong_once() -> None:
    agree_on_shrunk()


def test_aliases_in_the_words_of_their_block() -> None:
    graph = graph_of(
        """
inputs: {image: [3, 8, 8]}
blocks:
  head:
    params: {number: int}
    graph:
      conv: {op: conv2d, channels: 3, kernel: 1, alias: "{number * 2}_conv"}
      relu: relu
  stage:
    params: {number: int, depth: int}
    graph:
      layer{index}:
        {op: conv2d, repeat: =depth, channels: 3, kernel: 1, alias: "ALIAS"}
graph:
  stem: {op: conv2d, channels: 3, kernel: 1, alias: stem}
  a: {block: stage, number: 2, depth: 1}
  b: {block: stage, number: 3, depth: 2}
  c: {block: head, number: 4}
  d: {block: head, number: 5}
""".replace("ALIAS", "layer{number}_{index + 1}_{number - index}")
    )
    found = {
        line.name: [*map(code, line.alias)]
        for definition in outline(graph, any_attribute, aliased=True)
        for line in definition.lines
        if line.alias
    }
    assert found == {
        "layer": ['"layer"', "number", '"_"', "i + 1", '"_"', "number - i"],
        "conv": ["number * 2", '"_conv"'],
        "stem": ['"stem"'],
    }
    assert not any(
        line.alias
        for definition in outline(graph, any_attribute)
        for line in definition.lines
    )

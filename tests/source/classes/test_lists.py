"""archspec.source.classes.lists: what is a list is written where it is used."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest
import torch
from nets import graph_of

from archspec.backend import backend

CONVOLUTION = """
  convolution:
    params: {kernel: int}
    graph:
      - {op: conv2d, channels: =channels, kernel: =kernel, padding: =kernel // 2}"""
PAIR = """
params: {channels: 8}
inputs: {image: [3, 8, 8]}
blocks:CONVOLUTION
  pair:
    params: {kernel: int}
    inputs: [a, b]
    graph:
      0: {block: convolution, from: a, kernel: =kernel}
      1: {block: convolution, from: b, kernel: =kernel}
    outputs: {p: 0, q: 1}
graph:
  stem: {op: conv2d, channels: 4, kernel: 1}
  inner: {block: pair, from: [input, stem], kernel: 1}
  outer: {block: pair, from: [inner.p, inner.q], kernel: 3}
  add: {op: add, from: [outer.p, outer.q]}
""".replace("CONVOLUTION", CONVOLUTION)


def printed(spec: str) -> str:
    text = backend("torch").emit(graph_of(spec)).text
    return text[text.index("\nclass ") :]


def test_lists_side_by_side() -> None:
    """Channels that differ are what a loop runs over; equal children are counted."""
    wanted = '''
        class Net(nn.Module):
            """Maps [N, 3, H, W] to [N, channels, H, W]."""

            def __init__(self, *, channels: int = 8) -> None:
                super().__init__()
                self.stem = nn.Conv2d(3, 4, 1)
                self.inner = nn.ModuleList(
                    nn.Sequential(nn.Conv2d(in_channels, channels, 1)) for in_channels in (3, 4)
                )
                self.outer = nn.ModuleList(
                    nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1)) for _ in range(2)
                )
                self.apply(init_weights)

            def forward(self, x: Tensor) -> Tensor:
                y = self.stem(x)
                x = self.inner[0](x)
                y = self.inner[1](y)
                x = self.outer[0](x)
                y = self.outer[1](y)
                return x + y
        '''
    assert printed(PAIR) == textwrap.dedent(wanted)


def test_children_that_differ_in_more_are_told_one_by_one() -> None:
    old = "0: {block: convolution, from: a, kernel: =kernel}"
    new = "0: {op: conv2d, from: a, channels: =channels, kernel: 5, padding: 2}"
    assert old in PAIR
    wanted = """
        self.inner = nn.ModuleList(
            [
                nn.Conv2d(3, channels, 5, padding=2),
                nn.Sequential(nn.Conv2d(4, channels, 1)),
            ]
        )
"""
    assert wanted in printed(PAIR.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{p: 0, q: 1}", "{p: 1, q: 0}"),
        ("0: {block: convolution", "first: {block: convolution"),
    ],
)
def test_what_isnt_side_by_side_is_a_class(old: str, new: str) -> None:
    assert old in PAIR
    spec = PAIR.replace(old, new)
    text = printed(spec.replace("p: 0", "p: first") if "first" in new else spec)
    assert "class Pair(nn.Module" in text
    assert "class Convolution" not in text


def test_a_layer_alone_in_a_loop() -> None:
    spec = """
inputs: {image: [3, 8, 8]}
blocks:
  unit:
    params: {channels: int}
    graph: [{op: conv2d, channels: =channels, kernel: 1}]
graph:
  units: {block: unit, repeat: 2, channels: =input.channels}
  last: {block: unit, channels: 5}
"""
    text = printed(spec)
    assert "class Unit" not in text
    assert "self.last = nn.Sequential(nn.Conv2d(3, 5, 1))" in text
    wanted = "nn.Sequential(nn.Conv2d(3, 3, 1)) for _ in range(2)"
    assert wanted in " ".join(text.split())


NUMBERED = """
inputs: {image: [1, 8, 8]}
blocks:
  layer: {graph: {0: {op: conv2d, channels: 1, kernel: 1}}}
  unit: {graph: {conv: {op: conv2d, channels: 1, kernel: 1}, relu: relu}}
  wrap: {graph: {0: {block: BLOCK}}}
  swap:
    inputs: [a, b]
    graph: {0: {op: conv2d, channels: 1, kernel: 1, from: b}}
graph:
  one: {block: BLOCK}
  two: {block: wrap, from: input}
  three: {block: swap, from: [one, two]}
  add: {op: add, from: [one, three]}
"""


@pytest.mark.parametrize("block", ["layer", "unit"])
def test_one_numbered_child_keeps_its_number(block: str) -> None:
    """A weight's name has it: `one.0.weight`, which is no `one.weight`."""
    graph = graph_of(NUMBERED.replace("BLOCK", block))
    shapes = {**graph.parameters(), **graph.buffers()}
    zeros = {name: np.zeros(shape) for name, shape in shapes.items()}
    model = backend("torch").build(graph, zeros)
    assert {name for name, _ in model.named_parameters()} == set(graph.parameters())
    assert model(torch.zeros(1, 1, 8, 8)).shape == (1, 1, 8, 8)
    text = printed(NUMBERED.replace("BLOCK", block))
    assert ("self.one = nn.Sequential(nn.Conv2d(1, 1, 1))" in text) is (
        block == "layer"
    )


def test_they_are_the_same_net() -> None:
    """Weights have the names of the spec's nodes, and each child reads its own."""
    graph = graph_of(PAIR)
    chosen = backend("torch")
    draw = torch.Generator().manual_seed(0)
    weights = {
        name: torch.randn(shape, generator=draw).numpy()
        for name, shape in graph.parameters().items()
    }
    model = chosen.build(graph, weights)
    state = {name: torch.from_numpy(array) for name, array in weights.items()}
    x = torch.randn(2, 3, 8, 8, generator=draw)

    def conv(name: str, value: torch.Tensor, padding: int = 0) -> torch.Tensor:
        own = state[f"{name}.weight"], state[f"{name}.bias"]
        return torch.nn.functional.conv2d(value, *own, padding=padding)

    p, q = conv("inner.0.0", x), conv("inner.1.0", conv("stem", x))
    wanted = conv("outer.0.0", p, 1) + conv("outer.1.0", q, 1)
    assert torch.equal(model(x), wanted)
    with pytest.warns(DeprecationWarning, match=r"`torch.jit.script` is deprecated"):
        scripted = torch.jit.script(model)
    assert torch.equal(scripted(x), wanted)

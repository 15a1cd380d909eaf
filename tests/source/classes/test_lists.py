"""archspec.source.classes.lists: what is a list is written where it is used."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest
import torch
from nets import graph_of

from archspec.backend import backend, emit_family
from archspec.source.program import execute

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

REPEATED = """
        from: a
        graph: [{op: conv2d, repeat: =kernel, channels: =channels, kernel: 1}]"""


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
        ("0: {block: convolution, from: a, kernel: =kernel}", f"0: {REPEATED}"),
    ],
)
def test_what_isnt_side_by_side_is_a_class(old: str, new: str) -> None:
    assert old in PAIR
    spec = PAIR.replace(old, new)
    text = printed(spec.replace("p: 0", "p: first") if "first" in new else spec)
    assert "class Pair(nn.Module" in text
    assert "class Convolution" not in text


def test_what_computes_something_first_is_a_class() -> None:
    old, new = "{kernel: int}", "{size: int, kernel: =size * 2 - 1}"
    assert PAIR.count(f"{old}\n    inputs") == 1 and PAIR.count("], kernel:") == 2
    spec = PAIR.replace(f"{old}\n    inputs", f"{new}\n    inputs")
    text = printed(spec.replace("], kernel:", "], size:"))
    assert "class Pair(nn.Module" in text and "kernel = size * 2 - 1" in text


@pytest.mark.parametrize(
    "line", ["{op: dropout, rate: 0.5, repeat: =depth}", "{block: two, depth: =depth}"]
)
def test_what_is_no_layer_alone_is_a_class(line: str) -> None:
    spec = f"""
inputs: {{image: [3, 8, 8]}}
blocks:
  two:
    params: {{depth: int}}
    graph: [relu, {{op: dropout, rate: 0.5, repeat: =depth}}]
  unit: {{params: {{depth: int}}, graph: [{line}]}}
graph: [{{block: unit, depth: 1}}, {{block: unit, depth: 2}}]
"""
    assert "class Unit(nn.Sequential)" in printed(spec)


def test_what_stands_for_an_absent_line_behind_lists_side_by_side() -> None:
    head, graph = PAIR.split("graph:\n  stem")
    graph = "    ".join(f"stem{graph}".splitlines(keepends=True))
    spec = f"""{head}
  body:
    params: {{projected: bool}}
    graph:
      {graph}
      more: {{op: conv2d, channels: =channels, kernel: 1, from: outer.q, when: =projected}}
      end: {{op: add, from: ['="more" if projected else "add"', add]}}
graph: [{{block: body, projected: true}}, {{block: body, projected: false}}]
"""
    wanted = """
        add = x + q
        x = self.more(q) if self.more is not None else add
        return x + add
"""
    assert wanted in printed(spec)


SIDES = """
name: NAME
inputs: {a: [3, 8, 8], b: [3, 8, 8]}
graph:
  0: {op: conv2d, channels: WIDTH, kernel: 1, from: a}
  1: {op: conv2d, channels: 4, kernel: 1, from: b}
outputs: {p: 0, q: 1}
"""


def test_a_net_of_a_family_is_a_class() -> None:
    """Though its children stand side by side: its builder makes it."""
    texts = [SIDES.replace("WIDTH", str(n)).replace("NAME", f"net{n}") for n in (2, 3)]
    graphs = [graph_of(f"archspec: 1\n{text}") for text in texts]
    source = emit_family(backend("torch"), graphs)
    found = execute(source)
    model = found.net3()
    p, q = model(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)).values()
    assert (p.shape, q.shape) == ((1, 3, 8, 8), (1, 4, 8, 8))


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

"""Odd structures: both backends print them, with the right names, and agree."""

from __future__ import annotations

import pytest
from nets import distance, graph_of, images, randomised

from archspec.backend import backend

SPECS = {
    "block with two inputs": """
inputs: {image: [3, 8, 8]}
blocks:
  join:
    inputs: [x, skip]
    params: {channels: int}
    graph:
      conv: {op: conv2d, from: skip, channels: =x.channels, kernel: 1}
      sum: {op: add, from: [x, conv]}
      out: {op: conv2d, channels: =channels, kernel: 1}
graph:
  a: {op: conv2d, channels: 4, kernel: 3, padding: 1}
  b: {op: conv2d, from: a, channels: 6, kernel: 3, padding: 1}
  j: {block: join, from: [a, b], channels: 5}
  k: {block: join, from: [j, b], channels: 7}
""",
    "block with two inputs and a when": """
inputs: {image: [3, 8, 8]}
blocks:
  join:
    inputs: [x, skip]
    graph:
      conv: {op: conv2d, from: skip, channels: =x.channels, kernel: 1}
      sum: {op: add, from: [x, conv]}
  unit:
    params: {joined: bool, channels: 4}
    graph:
      a: {op: conv2d, from: input, channels: =channels, kernel: 3, padding: 1}
      j: {block: join, from: [a, input], when: =joined}
      r: relu
graph:
  one: {block: unit, joined: true}
  two: {block: unit, joined: false}
  three: {block: unit, joined: true}
""",
    "block with two outputs": """
inputs: {image: [3, 8, 8]}
blocks:
  split:
    params: {channels: int}
    outputs: {low: a, high: b}
    graph:
      a: {op: conv2d, channels: =channels, kernel: 3, padding: 1}
      b: {op: conv2d, channels: =channels * 2, kernel: 1}
graph:
  s: {block: split, channels: 4}
  t: {block: split, from: s.high, channels: 4}
  sum: {op: add, from: [s.low, t.low]}
  cat: {op: concat, from: [sum, t.high, s.high]}
""",
    "only one of two outputs is read": """
inputs: {image: [3, 8, 8]}
blocks:
  split:
    params: {channels: int}
    outputs: {low: a, high: b}
    graph:
      a: {op: conv2d, channels: =channels, kernel: 3, padding: 1}
      b: {op: conv2d, channels: =channels * 2, kernel: 1}
graph:
  s: {block: split, channels: 4}
  t: {block: split, from: s.high, channels: 4}
  u: {block: split, from: t.low, channels: 4}
  sum: {op: concat, from: [s.low, u.high]}
""",
    "several outputs of the net": """
inputs: {image: [3, 8, 8]}
outputs: {early: a, late: c}
graph:
  a: {op: conv2d, channels: 4, kernel: 3, padding: 1}
  b: relu
  c: {op: conv2d, channels: 5, kernel: 3, padding: 1}
""",
    "several inputs of the net": """
inputs: {left: [3, 8, 8], right: [2, 8, 8]}
graph:
  a: {op: conv2d, from: left, channels: 4, kernel: 3, padding: 1}
  b: {op: conv2d, from: right, channels: 4, kernel: 3, padding: 1}
  c: {op: multiply, from: [a, b]}
""",
    "outputs inside a list": """
inputs: {image: [3, 8, 8]}
outputs: {mid: features.low, end: features}
graph:
  features:
    graph:
      - {op: conv2d, channels: 4, kernel: 3, padding: 1}
      - {op: relu, name: low}
      - {op: conv2d, channels: 5, kernel: 3, padding: 1}
      - relu
""",
    "outputs inside inlined stages of a list": """
inputs: {image: [3, 16, 16]}
outputs: {c1: features.stage.0, c2: features.stage.1, c3: features.stage.2}
blocks:
  stage:
    params: {channels: int, depth: int}
    graph:
      - repeat: =depth
        inline: true
        graph:
          - {op: conv2d, channels: =channels, kernel: 3, padding: 1}
          - relu
      - {op: max_pool2d, kernel: 2}
graph:
  features:
    graph:
      - name: stage
        block: stage
        repeat: 3
        inline: true
        channels: =[4, 6, 8][index]
        depth: =index + 1
""",
    "an output in the middle of a repeat": """
inputs: {image: [4, 8, 8]}
outputs: {mid: layer1.1, end: layer2}
blocks:
  unit:
    graph:
      conv: {op: conv2d, from: input, channels: =input.channels, kernel: 3, padding: 1}
      add: {op: add, from: [conv, input]}
  stage:
    params: {depth: int}
    graph:
      - {block: unit, repeat: =depth}
graph:
  layer1: {block: unit, repeat: 4}
  layer2: {block: stage, depth: 3}
""",
    "an output deep inside a block": """
inputs: {image: [4, 8, 8]}
outputs: {mid: stage2.0.conv, end: head}
blocks:
  unit:
    graph:
      conv: {op: conv2d, from: input, channels: =input.channels, kernel: 3, padding: 1}
      add: {op: add, from: [conv, input]}
  stage:
    params: {depth: int}
    graph:
      - {block: unit, repeat: =depth}
graph:
  stage1: {block: stage, depth: 2}
  stage2: {block: stage, depth: 2}
  head: {op: conv2d, channels: 2, kernel: 1}
""",
    "nested graph with formulas": """
inputs: {image: [3, 8, 8]}
params: {ratio: 2.0}
blocks:
  unit:
    params: {channels: int, width: =channels * 3 // 2, rate: 0.25}
    graph:
      se:
        from: input
        graph:
          squeeze: {op: conv2d, channels: =width, kernel: 1}
          act: relu
          drop: {op: dropout, rate: =rate / 2}
          expand: {op: conv2d, channels: =input.channels, kernel: 1}
          gate: sigmoid
      scale: {op: multiply, from: [input, se]}
      out: {op: conv2d, channels: =channels, kernel: 1}
graph:
  a: {block: unit, channels: 4}
  b: {block: unit, channels: 6, rate: 0.5}
""",
    "nested graph in a loop that reads the index": """
inputs: {image: [3, 8, 8]}
params: {rates: [0.1, 0.2, 0.3]}
blocks:
  stage:
    params: {depth: int, channels: int}
    graph:
      - repeat: =depth
        graph:
          conv: {op: conv2d, channels: =channels + index, kernel: 3, padding: 1}
          drop: {op: drop_path, rate: "=rates[index]"}
graph:
  a: {block: stage, depth: 3, channels: 4}
  b: {block: stage, depth: 2, channels: 8}
""",
    "names in braces in a block": """
inputs: {image: [4, 8, 8]}
blocks:
  layer:
    params: {growth: int}
    graph:
      conv: {op: conv2d, from: input, channels: =growth, kernel: 3, padding: 1}
      cat: {op: concat, from: [input, conv]}
  dense:
    params: {depth: int, growth: 2}
    graph:
      "denselayer{index + 1}": {block: layer, repeat: =depth, growth: =growth}
graph:
  d1: {block: dense, depth: 3}
  t1: {op: conv2d, channels: 5, kernel: 1}
  d2: {block: dense, depth: 2}
  t2: {op: conv2d, channels: 5, kernel: 1}
  d3: {block: dense, depth: 2, growth: 3}
""",
    "repeat with formulas of the index": """
inputs: {image: [3, 16, 16]}
blocks:
  unit:
    params: {channels: int, stride: 1}
    graph:
      conv: {op: conv2d, channels: =channels, kernel: 3, padding: 1, stride: =stride}
      act: relu
graph:
  body:
    block: unit
    repeat: 7
    channels: =4 + index * 2
    stride: =2 if index == 3 else 1
  tail: {block: unit, repeat: 3, channels: =18 - index * index}
""",
    "inlined mapping in a mapping": """
inputs: {image: [3, 8, 8]}
blocks:
  cbr:
    params: {channels: int, tag: int}
    graph:
      "conv{tag}": {op: conv2d, channels: =channels, kernel: 3, padding: 1}
      "bn{tag}": batch_norm
      "act{tag}": relu
graph:
  one: {block: cbr, inline: true, channels: 4, tag: 1}
  two: {block: cbr, inline: true, channels: 6, tag: 2}
  head: {op: conv2d, channels: 2, kernel: 1}
""",
    "inlined lists with whens in a list": """
inputs: {image: [3, 8, 8]}
blocks:
  cbr:
    params: {channels: int, norm: true, act: true}
    graph:
      - {op: conv2d, channels: =channels, kernel: 3, padding: 1}
      - {op: batch_norm, when: =norm}
      - {op: relu, when: =act}
graph:
  body:
    graph:
      - {block: cbr, inline: true, channels: 4}
      - {block: cbr, inline: true, channels: 4, norm: false}
      - {block: cbr, inline: true, channels: 5, act: false}
      - {block: cbr, channels: 6}
      - {block: cbr, inline: true, repeat: 2, channels: 6}
""",
    "whens on many kinds of nodes": """
inputs: {image: [4, 8, 8]}
blocks:
  sub:
    params: {channels: int}
    graph:
      conv: {op: conv2d, channels: =channels, kernel: 1}
  unit:
    params: {a: bool, b: bool, c: bool, d: bool, e: 2}
    graph:
      conv: {op: conv2d, when: =a, channels: 4, kernel: 3, padding: 1}
      act: {op: relu, when: =b}
      sub: {block: sub, when: =c, channels: =input.channels}
      nest:
        when: =d
        graph:
          x: {op: conv2d, channels: 4, kernel: 1}
          y: {op: add, from: [x, input]}
      add: {op: add, from: [nest, input], when: =a or b}
      loop: {op: conv2d, channels: 4, kernel: 1, repeat: =e}
      pool: {op: max_pool2d, kernel: 1, when: =not a}
graph:
  u1: {block: unit, a: true, b: true, c: true, d: true}
  u2: {block: unit, a: false, b: true, c: false, d: true, e: 0}
  u3: {block: unit, a: true, b: false, c: true, d: false, e: 1}
  u4: {block: unit, a: false, b: false, c: false, d: false, e: 3}
  u5: {block: unit, a: false, b: false, c: true, d: true, e: 1}
""",
    "blocks that are unlike": """
inputs: {image: [4, 8, 8]}
blocks:
  unit:
    params: {act: str, channels: int}
    graph:
      conv: {op: conv2d, channels: =channels, kernel: 3, padding: 1}
      act: =act
graph:
  u1: {block: unit, act: relu, channels: 4}
  u2: {block: unit, act: silu, channels: 6}
  u3: {block: unit, act: relu, channels: 5}
  body:
    block: unit
    repeat: 4
    act: ="relu" if index < 2 else "tanh"
    channels: 5
""",
    "a choice of what is read": """
inputs: {image: [4, 8, 8]}
blocks:
  unit:
    params: {project: bool}
    graph:
      conv: {op: conv2d, from: input, channels: 4, kernel: 3, padding: 1}
      project: {op: conv2d, from: input, when: =project, channels: 4, kernel: 1}
      add: {op: add, from: [conv, '="project" if project else "conv"']}
graph:
  u1: {block: unit, project: true}
  u2: {block: unit, project: false}
""",
    "two optional nodes in a chain that changes its channels": """
inputs: {image: [3, 8, 8]}
blocks:
  unit:
    params: {wide: bool, channels: 6}
    graph:
      expand: {op: conv2d, when: =wide, channels: =input.channels * 4, kernel: 1}
      norm: {op: batch_norm, when: =wide}
      out: {op: conv2d, channels: =channels, kernel: 1}
graph:
  u1: {block: unit, wide: false}
  u2: {block: unit, wide: true}
  u3: {block: unit, wide: true, channels: 8}
""",
    "an absent repeat": """
inputs: {image: [3, 8, 8]}
blocks:
  unit:
    params: {n: int}
    graph:
      body: {op: conv2d, channels: 3, kernel: 3, padding: 1, repeat: =n}
      act: relu
graph:
  u1: {block: unit, n: 2}
  u2: {block: unit, n: 0}
  u3: {block: unit, n: 1}
""",
    "names that printed code uses": """
inputs: {x: [3, 8, 8]}
params: {torch: 4, nn: 0.5, layers: 3, label: 5}
blocks:
  forward_:
    params: {self: int, F: 0.1, kernel: 3, init: 2, stride: 1}
    graph:
      conv:
        op: conv2d
        from: input
        channels: =self
        kernel: =kernel
        stride: =stride
        padding: =kernel // 2
      drop: {op: dropout, rate: =F}
      out: {op: conv2d, channels: =init, kernel: 1}
  Tensor:
    params: {keras: int}
    graph:
      y: {op: conv2d, channels: =keras, kernel: 1}
      z: {op: add, from: [y, y]}
graph:
  y: {op: conv2d, channels: =torch, kernel: =layers, padding: 1}
  names: {op: dropout, rate: =nn}
  x1: {block: forward_, self: 4}
  x2: {block: forward_, self: 5, F: 0.2, kernel: 5, init: 6}
  z: {block: Tensor, keras: =label}
  w: {block: Tensor, keras: 7}
""",
    "a list with loops between other children": """
inputs: {image: [3, 8, 8]}
blocks:
  unit:
    params: {channels: int}
    graph:
      conv: {op: conv2d, channels: =channels, kernel: 3, padding: 1}
      act: relu
  stage:
    params: {channels: int, depth: int, pool: bool}
    graph:
      - {op: conv2d, channels: =channels, kernel: 1}
      - {block: unit, repeat: =depth, channels: =channels}
      - {op: batch_norm, when: =pool}
      - {block: unit, repeat: 2, channels: =channels + 1}
      - relu
graph:
  s1: {block: stage, channels: 4, depth: 2, pool: true}
  s2: {block: stage, channels: 6, depth: 3, pool: false}
""",
    "a repeat of a repeat": """
inputs: {image: [3, 8, 8]}
blocks:
  unit:
    params: {channels: int, stride: 1}
    graph:
      conv: {op: conv2d, channels: =channels, kernel: 3, padding: 1, stride: =stride}
  stage:
    params: {channels: int, stride: int}
    graph:
      - block: unit
        repeat: 2
        channels: =channels
        stride: =stride if index == 0 else 1
graph:
  body:
    block: stage
    repeat: 3
    channels: =4 * 2 ** index
    stride: =1 if index == 0 else 2
""",
    "a whole net of one list": """
inputs: {image: [3, 8, 8]}
params: {classes: 4}
graph:
  - {op: conv2d, channels: 4, kernel: 3}
  - relu
  - {op: conv2d, channels: 4, kernel: 1, repeat: 3}
  - flatten
  - {op: linear, features: =classes}
""",
    "an output of a net of one list": """
inputs: {image: [3, 8, 8]}
outputs: {mid: low, end: last}
graph:
  - {op: conv2d, channels: 4, kernel: 3, name: low}
  - relu
  - {op: conv2d, channels: 4, kernel: 1, repeat: 3}
  - {op: conv2d, channels: 2, kernel: 1, name: last}
""",
    "the input is an output of a block": """
inputs: {image: [3, 8, 8]}
blocks:
  both:
    outputs: {same: input, more: c}
    graph:
      c: {op: conv2d, channels: 3, kernel: 1}
graph:
  p: {block: both}
  s: {op: add, from: [p.same, p.more]}
""",
    "a value is read many times, late": """
inputs: {image: [3, 8, 8]}
graph:
  a: {op: conv2d, channels: 4, kernel: 1}
  b: {op: conv2d, channels: 4, kernel: 1}
  c: {op: conv2d, from: a, channels: 4, kernel: 1}
  d: {op: conv2d, from: b, channels: 4, kernel: 1}
  e: {op: conv2d, from: a, channels: 4, kernel: 1}
  f: {op: add, from: [a, b, c, d, e]}
  g: {op: concat, from: [f, a, b]}
""",
    "repeats of one": """
inputs: {image: [3, 8, 8]}
blocks:
  unit:
    params: {n: int}
    graph:
      conv: {op: conv2d, channels: 4, kernel: 1, repeat: =n}
      act: {op: relu, repeat: =n}
graph:
  c: {op: prelu, repeat: 1}
  d: {op: conv2d, repeat: 1, channels: 3, kernel: 1}
  e: {block: unit, n: 1}
  f: {block: unit, n: 2, repeat: 1}
  g: {block: unit, n: 1, repeat: 2}
""",
    "numbers as names": """
inputs: {image: [3, 8, 8]}
blocks:
  unit:
    params: {wide: bool}
    graph:
      0: {op: conv2d, channels: 4, kernel: 1}
      1: {op: relu, when: =wide}
      3:
        op: conv2d
        channels: 4
        kernel: 1
        when: =wide
        init: {weight: {normal: {std: 0.1}}}
      4: {op: add, from: [0, 3]}
graph:
  a: {block: unit, wide: true}
  b: {block: unit, wide: false}
""",
    "blocks named like what code uses": """
inputs: {image: [3, 8, 8]}
blocks:
  drop_path:
    params: {channels: int}
    graph:
      conv: {op: conv2d, channels: =channels, kernel: 1}
      drop: {op: drop_path, rate: 0.5}
  range: {graph: {conv: {op: conv2d, channels: 4, kernel: 1, repeat: 3}}}
  print: {graph: [{op: prelu}]}
  none: {graph: {conv: {op: conv2d, channels: 4, kernel: 1}}}
  tensor: {graph: {conv: {op: conv2d, channels: 4, kernel: 1}}}
  conv2d: {graph: [{op: conv2d, channels: 4, kernel: 1, repeat: 2}]}
  layers: {graph: [{op: prelu}, {op: prelu}]}
graph:
  a: {block: drop_path, channels: 5}
  b: {block: range}
  c: {block: print}
  d: {block: none}
  e: {block: tensor}
  f: {block: conv2d}
  g: {graph: [{block: layers, inline: true}]}
""",
    "weights that start unlike": """
inputs: {image: [3, 8, 8]}
defaults:
  conv2d: {init: {weight: {kaiming_normal: {mode: fan_out}}}}
blocks:
  unit:
    graph:
      conv1: {op: conv2d, channels: 4, kernel: 3, padding: 1}
      bn1: batch_norm
      conv2:
        op: conv2d
        channels: 4
        kernel: 1
        init: {weight: {normal: {std: 0.02}}, bias: 0.5}
      bn2: {op: batch_norm, init: {weight: 0}}
graph:
  u: {block: unit, repeat: 3}
  head: {op: conv2d, channels: 2, kernel: 1, init: {weight: xavier_uniform}}
  scale: {op: scale, init: {weight: 0.1}}
  act: {op: prelu, init: {weight: 0.1}}
""",
}


@pytest.mark.parametrize("name", SPECS)
def test_an_odd_spec(name: str) -> None:
    graph = graph_of(SPECS[name])
    weights = randomised(graph)
    given = images(graph)
    found = {}
    for kind in ("torch", "keras"):
        chosen = backend(kind)
        copies = {key: array.copy() for key, array in weights.items()}
        model = chosen.build(graph, copies, dtype="float64")  # compares the names
        found[kind] = chosen.forward(graph, model, given)
    assert distance(found["keras"], found["torch"]) < 1e-12

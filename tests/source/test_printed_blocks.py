"""One printed class for a block, also where its instances are wired differently."""

from __future__ import annotations

import ast
import inspect
import json
from collections import Counter
from typing import Any

import pytest
import torch
import yaml
from nets import Arrays, distance, errors, graph_of, images, randomised
from proofs import KINDS, sampled
from random_specs_text import loaded

from archspec import load
from archspec.backend import backend
from archspec.catalog import names
from archspec.graph import Graph
from archspec.source.program import execute

BACKENDS = pytest.mark.parametrize("kind", ["torch", "keras"])
NARROW: dict[str, dict[str, Any]] = {
    "resnetv2_18": {"widths": (8, 8, 16, 24), "stem_channels": 8},
    "resnetv2_50": {"depths": (2, 1, 3, 2), "widths": (4, 8, 12, 16)},
    "resnet164": {"depths": (2, 3, 2), "widths": (4, 8, 12)},
    "wrn_16_8": {"widths": (16, 24, 32)},
    "keras_resnet50v2": {"depths": (2, 1, 3, 1), "widths": (4, 8, 12, 16)},
}
"""Pre-activation nets: a shortcut reads the input, or a projection of the first relu."""
LIGHT = ("resnetv2_18", "keras_resnet50v2")
NETS = pytest.mark.parametrize("spec", sampled(NARROW, LIGHT))


def narrow(spec: str) -> Graph:
    return load(spec, params=NARROW[spec], size=(32, 48)).graph


def defined(text: str) -> Counter[str]:
    """How often a printed file defines a name but for the number at its end."""
    tree = ast.parse(text)
    found = [n.name for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)]
    return Counter(name.rstrip("0123456789").lower() for name in found)


@BACKENDS
@pytest.mark.parametrize("spec", sampled(names(), KINDS))
def test_no_block_of_the_zoo_is_printed_twice(spec: str, kind: str) -> None:
    assert set(defined(load(spec).codegen(kind).text).values()) == {1}


@NETS
def test_narrow_nets_agree(spec: str) -> None:
    graph = narrow(spec)
    for kind in ("torch", "keras"):
        assert set(defined(backend(kind).emit(graph).text).values()) == {1}
    forward, gradient = errors(graph)
    assert forward <= 1e-12 and gradient <= 1e-12


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("spec", sampled(NARROW, LIGHT[:1]))
def test_tools_of_torch(spec: str) -> None:
    graph = narrow(spec)
    source = backend("torch").emit(graph)
    model = getattr(execute(source), source.entry)().eval()
    assert list(model.state_dict()) != []
    image = torch.from_numpy(images(graph)["image"]).float()
    wanted = model(image)
    assert torch.equal(torch.fx.symbolic_trace(model)(image), wanted)
    exported: Any = torch.export.export(model, (image,))
    compiled: Any = torch.compile(model, fullgraph=True, backend="aot_eager")
    for found in (exported.module(), compiled):
        error = torch.linalg.vector_norm(found(image) - wanted)
        assert error <= 1e-5 * torch.linalg.vector_norm(wanted)


WIRINGS = {
    "what stands in for it is read again": """
inputs: {image: [4, 8, 8]}
blocks:
  unit:
    params: {linked: bool}
    graph:
      a: {op: conv2d, channels: 4, kernel: 1}
      d: {op: conv2d, channels: 4, kernel: 1, when: =linked}
      b: {op: add, from: [a, ="d" if linked else "input"]}
      c: {op: multiply, from: [b, input]}
graph:
  one: {block: unit, linked: true}
  two: {block: unit, linked: false}
  three: {block: unit, linked: true}
""",
    "it has other channels": """
inputs: {image: [4, 8, 8]}
blocks:
  unit:
    params: {linked: bool}
    graph:
      a: {op: conv2d, channels: 6, kernel: 3, padding: 1}
      d: {op: conv2d, channels: 3, kernel: 1, when: =linked}
      b: {op: conv2d, from: ="d" if linked else "input", channels: 5, kernel: 1}
      c: {op: concat, from: [a, b]}
graph:
  one: {block: unit, linked: true}
  two: {block: unit, linked: false}
  three: {block: unit, linked: true}
""",
    "two in a row": """
inputs: {image: [4, 8, 8]}
blocks:
  unit:
    params: {linked: bool, more: bool}
    graph:
      a: relu
      d: {op: conv2d, channels: 4, kernel: 1, when: =linked}
      e: {op: conv2d, from: a, channels: 4, kernel: 1, when: =more}
      f: {op: conv2d, from: a, channels: 4, kernel: 1}
      g: {op: add, from: [f, ="d" if linked else "input"]}
      h: {op: add, from: [g, ="e" if more else "input"]}
graph:
  one: {block: unit, linked: true, more: true}
  two: {block: unit, linked: false, more: true}
  three: {block: unit, linked: true, more: false}
  four: {block: unit, linked: false, more: false}
""",
    "an activation": """
inputs: {image: [4, 8, 8]}
blocks:
  unit:
    params: {linked: bool}
    graph:
      a: {op: conv2d, channels: 4, kernel: 1}
      d: {op: relu, when: =linked}
      b: {op: add, from: [a, ="d" if linked else "input"]}
graph:
  one: {block: unit, linked: true}
  two: {block: unit, linked: false}
""",
    "one of two in a list": """
inputs: {image: [4, 8, 8]}
blocks:
  unit:
    params: {linked: bool}
    graph:
      - {op: avg_pool2d, kernel: 1, when: =linked}
      - {op: conv2d, channels: 4, kernel: 1, when: =not linked}
      - {op: max_pool2d, kernel: 1, when: =linked}
      - {op: conv2d, channels: 4, kernel: 3, padding: 1}
graph:
  one: {block: unit, linked: true}
  two: {block: unit, linked: false}
""",
}


def apart(text: str) -> Graph:
    """The graph of a spec in which each instance has a block of its own."""
    spec = yaml.safe_load(text)
    unit = spec["blocks"].pop("unit")
    for name, node in spec["graph"].items():
        node["block"] = f"unit_{name}"
        spec["blocks"][node["block"]] = unit
    return graph_of("\n".join(f"{k}: {json.dumps(v)}" for k, v in spec.items()))


def output(graph: Graph, kind: str) -> Arrays:
    model = backend(kind).build(graph, randomised(graph), dtype="float64")
    return backend(kind).forward(graph, model, images(graph))


@BACKENDS
@pytest.mark.parametrize("wiring", WIRINGS)
def test_one_class_for_a_wiring(wiring: str, kind: str) -> None:
    graph, other = graph_of(WIRINGS[wiring]), apart(WIRINGS[wiring])
    assert defined(backend(kind).emit(graph).text)["unit"] == 1
    assert defined(backend(kind).emit(other).text)["unit"] == 0
    assert distance(output(graph, kind), output(other, kind)) <= 1e-12


NUMBERED = """
inputs: {image: [3, 8, 8]}
blocks:
  towers:
    outputs: {low: "0", high: "2"}
    graph:
      "0": {op: conv2d, channels: 4, kernel: 1}
      "1": {op: conv2d, channels: 5, kernel: 3}
      "2": relu
graph:
  towers: {block: towers}
  a: {op: global_avg_pool2d, from: towers.low}
  b: {op: global_avg_pool2d, from: towers.high}
  c: {op: concat, from: [a, b]}
"""


def test_numbered_children_are_a_module_list() -> None:
    graph = graph_of(NUMBERED.replace("relu", "{op: conv2d, channels: 4, kernel: 1}"))
    source = backend("torch").emit(graph)
    assert "class Towers(nn.ModuleList):" in source.text
    assert "ModuleList" not in backend("torch").emit(graph_of(NUMBERED)).text
    model = getattr(execute(source), source.entry)().eval()
    assert "towers.1.weight" in model.state_dict()
    image = torch.from_numpy(images(graph)["image"]).float()
    assert torch.equal(torch.fx.symbolic_trace(model)(image), model(image))
    assert distance(output(graph, "torch"), output(graph, "keras")) <= 1e-12


OTHER = """
archspec: 1
name: net
inputs: {image: [2, 8, 8]}
graph:
  a: {spec: other.yaml, n: 3}
  b: {spec: other.yaml, n: 4}
# file other.yaml
archspec: 1
name: other
params: {n: 2}
inputs: {image: [2, 8, 8]}
"""
UNSAID = {
    "where a block's own param has the name": """
defaults: {conv2d: {kernel: 1, channels: =n}}
blocks:
  unit: {params: {n: 1}, graph: {a: {op: conv2d, kernel: =n}}}
graph: {a: {block: unit}, b: conv2d}
""",
    "as initial weights": """
defaults: {conv2d: {kernel: 1, init: {bias: =n}}}
graph: {a: {op: conv2d, channels: =n}}
""",
}


@BACKENDS
@pytest.mark.parametrize("rest", UNSAID.values(), ids=UNSAID)
def test_a_default_that_no_code_says_is_no_argument(rest: str, kind: str) -> None:
    source = backend(kind).emit(loaded(OTHER + rest))
    assert defined(source.text)["other"] == 2
    for name in ("Other", "Other2", "other", "other2"):
        part = getattr(execute(source), name, None)
        assert part is None or "n" not in inspect.signature(part).parameters

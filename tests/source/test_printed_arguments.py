"""Arguments of a printed model build what `--set` builds."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from nets import graph_of
from proofs import KINDS, sampled

from archspec import load
from archspec.backend import backend
from archspec.catalog import names
from archspec.errors import ArchspecError
from archspec.graph import Graph
from archspec.ops import BY_KIND
from archspec.source.program import execute

Make = Callable[..., Graph]
OWN = ("name", "input_shape")
KERAS = ("resnet18", "sample_resnet")
CASES = sampled(
    [(spec, kind) for spec in names() for kind in ("torch", "keras")],
    [*((spec, "torch") for spec in KINDS), *((spec, "keras") for spec in KERAS)],
)


def entry(graph: Graph, kind: str) -> Any:
    source = backend(kind).emit(graph)
    return getattr(execute(source), source.entry)


def state(model: Any) -> Any:
    """What a model is made of: its modules and the shapes of its weights."""
    if isinstance(model, torch.nn.Module):
        sizes = {name: tuple(t.shape) for name, t in model.state_dict().items()}
        modules = [
            (name, type(module).__name__, module.extra_repr())
            for name, module in model.named_modules()
        ]
        return modules, sizes
    layers = []
    for layer in model.layers:
        config = layer.get_config()
        kept = {k: v for k, v in config.items() if "initializer" not in k}
        weights = [tuple(weight.shape) for weight in layer.weights]
        layers.append((type(layer).__name__, kept, weights))
    return layers


def build(make: Any, kind: str, **given: Any) -> Any:
    with torch.device("meta" if kind == "torch" else "cpu"):
        return make(**given)


def seconds(value: Any) -> list[Any]:
    """Other values of an argument; the first that fits the net is taken."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, float):
        return [value / 2]
    return [10 if value == 1000 else value * 2, value + 1, max(value // 2, 1)]


def check(make: Make, kind: str) -> list[str]:
    """Compares each argument's second value with the spec's; returns their names."""
    graph = make()
    printed = entry(graph, kind)
    arguments = inspect.signature(printed).parameters
    told = [name for name in arguments if name not in OWN]
    for name in told:
        value = arguments[name].default
        if graph.params[name.rstrip("_")] in BY_KIND:
            continue  # an op, for which the file has its own word
        assert value == graph.params[name.rstrip("_")]
        for second in seconds(value):
            try:
                other = make(**{name.rstrip("_"): second})
            except ArchspecError:
                continue
            found = build(printed, kind, **{name: second})
            wanted = build(entry(other, kind), kind)
            assert state(found) == state(wanted)
            assert state(found) != state(build(printed, kind))
            break
        else:
            pytest.fail(f"no second value of {name} fits")
    return told


@pytest.mark.parametrize(("spec", "kind"), CASES)
def test_arguments_of_the_zoo(spec: str, kind: str) -> None:
    told = check(lambda **given: load(spec, params=given).graph, kind)
    assert "num_classes" in told or "num_classes" not in load(spec).graph.params


def test_the_channels_of_a_keras_image() -> None:
    graph, other = load("resnet18").graph, load("resnet18", in_channels=5).graph
    printed = entry(graph, "keras")
    found = state(printed(input_shape=(64, 64, 5)))
    assert found == state(entry(other, "keras")(input_shape=(64, 64, 5)))


HAZARDS = {
    # (spec, the arguments for torch, for Keras)
    "a kernel that Keras computes with": (
        """
params: {k: 2, c: 4}
inputs: {image: [3, 32, 32]}
graph:
  conv: {op: conv2d, channels: =c, kernel: =k}
  pool: {op: max_pool2d, kernel: =k, ceil_mode: true}
""",
        ["k", "c"],
        ["c"],  # a window of 2 is a layer that one of 3 isn't
    ),
    "a depthwise convolution that would stop being one": (
        """
params: {c: 4, d: 4}
inputs: {image: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: =c, kernel: 1}
  wise: {op: conv2d, channels: =d, kernel: 3, groups: 4}
""",
        ["c", "d"],
        [],
    ),
    "a param with the name of what a block reads": (
        """
params: {in_channels: 3, classes: 2}
inputs: {image: [=in_channels, 8, 8]}
blocks:
  unit:
    graph:
      conv: {op: conv2d, channels: =in_channels, kernel: 1}
graph:
  stem: {op: conv2d, channels: 3, kernel: 1}
  unit: {block: unit}
  pool: global_avg_pool2d
  fc: {op: linear, features: =classes}
""",
        ["classes", "in_channels"],
        ["classes"],
    ),
    "a bias that is a choice": (
        """
params: {biased: true, eps: 0.001, rate: 0.2}
inputs: {image: [3, 8, 8]}
blocks:
  unit:
    params: {channels: int}
    graph:
      conv: {op: conv2d, channels: =channels, kernel: 3, bias: =biased}
      bn: {op: batch_norm, eps: =eps}
      drop: {op: dropout, rate: =rate / 2}
graph:
  a: {block: unit, channels: 4}
  b: {block: unit, channels: 6}
""",
        ["biased", "eps", "rate"],
        ["biased", "eps", "rate"],
    ),
    "channels that add up": (
        """
params: {growth: 4, start: 6, classes: 3}
inputs: {image: [3, 8, 8]}
blocks:
  layer:
    params: {growth: int}
    graph:
      conv: {op: conv2d, from: input, channels: =growth, kernel: 3, padding: 1}
      cat: {op: concat, from: [input, conv]}
  dense:
    params: {depth: int}
    graph:
      "layer{index}": {block: layer, repeat: =depth, growth: =growth}
graph:
  stem: {op: conv2d, channels: =start, kernel: 1}
  one: {block: dense, depth: 2}
  squeeze: {op: conv2d, channels: =input.channels // 2, kernel: 1}
  pool: global_avg_pool2d
  fc: {op: linear, features: =classes}
""",
        ["growth", "start", "classes"],
        ["growth", "start", "classes"],
    ),
    "a width behind a flatten": (
        """
params: {width: 4, classes: 3}
inputs: {image: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: =width, kernel: 3}
  flat: flatten
  fc: {op: linear, features: =classes}
""",
        ["width", "classes"],
        ["width", "classes"],
    ),
    "a param that decides what there is": (
        """
params: {wide: true, width: 4, depth: 2}
inputs: {image: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: =width if wide else 2, kernel: 3, when: =wide}
  more: {op: conv2d, channels: =width, kernel: 1, repeat: =depth}
""",
        ["width"],
        ["width"],
    ),
}


@pytest.mark.parametrize("kind", ["torch", "keras"])
@pytest.mark.parametrize("name", HAZARDS)
def test_arguments_that_could_mislead(name: str, kind: str) -> None:
    text, torch_args, keras_args = HAZARDS[name]
    told = check(lambda **given: graph_of(text, **given), kind)
    assert sorted(told) == sorted(torch_args if kind == "torch" else keras_args)

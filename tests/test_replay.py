"""A repeated block's later instances, made from an earlier one, are what they would be.

The same nets are expanded with and without: every field of every node and scope.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from nets import graph_of

from archspec import load
from archspec.catalog import root
from archspec.errors import LimitError, ShapeError
from archspec.graph import Graph, Scope
from archspec.language import scopes
from archspec.language.expand import expand
from archspec.language.files import Files
from archspec.language.replay import replay
from archspec.limits import Limits

TANGLED = """
archspec: 1
name: tangled
params: {width: 4, depth: 5}
inputs: {image: [4, 9, 9]}
blocks:
  unit:
    params: {channels: int, skip: false, rate: 0.1}
    graph:
      first{index + 1}: {op: conv2d, channels: =channels, kernel: 3, padding: 1, repeat: 2}
      chain:
        graph:
          - {inline: true, repeat: 2, name: step, graph: [{op: relu, name: act}, batch_norm]}
          - {op: dropout, rate: =rate, when: not here}
      gone: {op: sigmoid, when: =skip}
      two: {block: pair, from: gone}
      add: {op: add, from: [two.a, two.b]}
      last: {op: add, from: [add, input]}
  pair:
    graph:
      a: {op: conv2d, channels: =input.channels, kernel: 1}
      b: {op: relu, from: input}
      c: {op: tanh, from: b}
    outputs: {a: a, b: b, c: c}
  stage:
    params: {channels: int}
    graph:
      units: {block: unit, repeat: 3, channels: =channels, skip: =index == 1}
graph:
  stem: relu
  stages: {block: stage, repeat: =depth, channels: =width}
  listed:
    graph:
      - {block: unit, repeat: 4, channels: =width, rate: "=1 / 4 if index < 2 else 0.25"}
  end: {op: conv2d, channels: =width, kernel: 1}
taps:
  deep: stages.3.units.2.two.b
  step: stages.4.units.1.chain.step.1
  early: listed.2.first1
""".replace("when: not here", "when: =rate > 0.1")


def facts(graph: Graph) -> Any:
    """Every field of every node and of the scopes that it stands in."""
    known: dict[int, Any] = {}

    def of(scope: Scope | None) -> Any:
        if scope is not None and id(scope) not in known:
            values = {f.name: getattr(scope, f.name) for f in fields(scope)}
            values["parent"] = of(scope.parent)
            known[id(scope)] = (len(known), values)
        return scope and known[id(scope)]

    nodes = []
    for node in graph.nodes:
        values = {f.name: getattr(node, f.name) for f in fields(node)}
        nodes.append({**values, "scope": of(node.scope)})
    return nodes, graph.outputs, graph.taps, graph.arguments


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(scopes, "likeness", lambda *args: None)
    return monkeypatch


def test_tangled(slowly: pytest.MonkeyPatch) -> None:
    slow = facts(graph_of(TANGLED))
    slowly.undo()
    fast = facts(graph_of(TANGLED))
    assert len(fast[0]) > 200
    assert fast == slow


@pytest.mark.parametrize("name", sorted(path.stem for path in root().glob("*.yaml")))
def test_zoo(name: str, slowly: pytest.MonkeyPatch) -> None:
    slow = facts(load(name).graph)
    slowly.undo()
    assert facts(load(name).graph) == slow


def test_most_are_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def counted(*args: Any) -> Any:
        made.append(args[2].name)
        return replay(*args)

    monkeypatch.setattr(scopes, "replay", counted)
    load("resnet152")
    blocks = [name for name in made if name.count(".") == 1]
    assert len(blocks) == 50 - 2 * 4  # of a stage all but the first two


def test_a_limit_is_where_it_would_be(slowly: pytest.MonkeyPatch) -> None:
    files = Files(Limits(nodes=120))
    with pytest.raises(LimitError) as slow:
        expand(files, files.text(TANGLED, "net.yaml"))
    slowly.undo()
    with pytest.raises(LimitError) as fast:
        expand(files, files.text(TANGLED, "net.yaml"))
    assert str(fast.value) == str(slow.value)


def test_a_shape_that_no_longer_fits() -> None:
    text = """
archspec: 1
name: shrinks
inputs: {image: [3, 9, 9]}
blocks:
  down: {graph: {pool: {op: max_pool2d, kernel: 2}}}
graph: {downs: {block: down, repeat: 5}}
"""
    with pytest.raises(ShapeError, match=r"downs\.3\.pool"):
        graph_of(text)

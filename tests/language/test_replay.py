"""A repeated block's later instances, made from an earlier one, are what they would be.

The same nets are expanded with and without: every field of every node and scope.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from nets import graph_of
from proofs import KINDS, sampled

from archspec import load
from archspec.catalog import names
from archspec.errors import ArchspecError, LimitError, ShapeError
from archspec.graph import Graph, Scope
from archspec.language import scopes
from archspec.language.builder import Builder, Instance
from archspec.language.expand import expand
from archspec.language.files import Files
from archspec.language.replay import likeness, replay
from archspec.limits import Budget, Limits

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


@pytest.mark.parametrize("name", sampled(names(), KINDS))
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


# What is a copy, and what is not


def fresh(text: str) -> list[str]:
    """Names of the instances that were expanded by themselves."""
    found: list[str] = []

    def noted(built: Builder, instance: Instance) -> object:
        like = likeness(built, instance)
        copied = instance.context.copied
        if like not in copied:
            found.append(instance.name)
        return like

    patch = pytest.MonkeyPatch()
    patch.setattr(scopes, "likeness", noted)
    try:
        graph_of(f"inputs: {{x: [4, 8, 8]}}\n{text}")
    finally:
        patch.undo()
    return found


@pytest.mark.parametrize(
    ("text", "names"),
    [
        # An op, a nested graph and a block, whose formulas don't read the counter.
        ("graph: {a: {op: relu, repeat: 3}}", ["a.0"]),
        ("graph: {a: {graph: [relu], repeat: 3}}", ["a.0", "a.0.0"]),
        ("blocks: {b: {graph: [relu]}}\ngraph: {a: {block: b, repeat: 3}}",
         ["a.0", "a.0.0"]),
        ("graph: {a: {repeat: 3, graph: {b: {op: slice, stop: =4 * 1}}}}",
         ["a.0", "a.0.b"]),
        # One that reads it.
        ("graph: {a: {repeat: 2, graph: {b: {op: slice, stop: =4 - index}}}}",
         ["a.0", "a.0.b", "a.1", "a.1.b"]),
        ("graph: {a: {op: slice, repeat: 2, stop: =4 - index}}", ["a.0", "a.1"]),
        # One whose values come out alike all the same.
        ("graph: {a: {op: slice, repeat: 3, stop: =4 - index // 2}}", ["a.0", "a.2"]),
        # Values that are equal but of other types, and other targets.
        ("graph: {a: {op: leaky_relu, repeat: 2, "
         'negative_slope: "=1 if index == 0 else 1.0"}}', ["a.0", "a.1"]),
        ("graph: {a: {repeat: 2, op: =\"relu\" if index == 0 else \"tanh\"}}",
         ["a.0", "a.1"]),
        # One that reads another shape.
        ("graph: {a: {op: max_pool2d, repeat: 3, kernel: 2, stride: 2}}",
         ["a.0", "a.1", "a.2"]),
        # The first reads what depends on a param, the second what does not.
        ("params: {p: 4}\ngraph: {s: {op: conv2d, channels: =p, kernel: 1}, "
         "a: {op: conv2d, channels: 4, kernel: 1, repeat: 3}}", ["s", "a.0", "a.1"]),
        # What has no name of its own is no copy, nor what is not repeated.
        ("graph: [{inline: true, repeat: 2, graph: [relu]}]", ["", "0", "", "1"]),
        ("graph: [relu, relu]", ["0", "1"]),
        # Two statements are two, and so are two scopes.
        ("graph: {a: {op: relu, repeat: 2}, b: {op: relu, repeat: 2}}", ["a.0", "b.0"]),
        ("blocks: {b: {graph: {x: {op: relu, repeat: 2}}}}\n"
         "graph: {a: {block: b}, c: {block: b}}", ["a", "a.x.0", "c", "c.x.0"]),
    ],
)  # fmt: skip
def test_what_is_expanded_by_itself(text: str, names: list[str]) -> None:
    assert fresh(text) == names


COPIES = """
inputs: {x: [4, 8, 8]}
params: {p: 4, n: 3}
blocks:
  b:
    params: {c: 4, d: =c}
    graph:
      conv: {op: conv2d, channels: =c, kernel: 1}
      two: {repeat: 2, index: k, graph: [{op: relu, name: r}, {op: tanh, when: =c > 3}]}
      out: {op: add, from: [two, input]}
graph:
  a: {block: b, repeat: =n, index: q, c: =p, when: =n > 1}
  e: {op: conv2d, channels: =p, kernel: 1, repeat: 3}
taps: {t: a.2.two.1.r, u: a.1}
"""


def test_every_field_of_a_copy(slowly: pytest.MonkeyPatch) -> None:
    slow = facts(graph_of(COPIES))
    slowly.undo()
    graph = graph_of(COPIES)
    assert facts(graph) == slow
    assert graph.taps == {"t": "a.2.two.1.0", "u": "a.1.out"}
    scopes = {id(node.scope): node.scope for node in graph.nodes}.values()
    inner = [scope for scope in scopes if scope.name == "a.2.two.1"]
    assert [(s.index, s.counter, s.parent and s.parent.index) for s in inner] == [
        (1, "k", 2)
    ]
    # Instances of a scope share it, in copies too.
    outer = {id(n.scope) for n in graph.nodes if n.name in ("a.2.conv", "a.2.out")}
    assert len(outer) == 1


def test_shapes_and_taints_of_a_copy() -> None:
    graph = graph_of(COPIES.replace("taps:", "  f: {op: flatten}\ntaps:"))
    assert {n.taint for n in graph.nodes if n.name.startswith("e.")} == {frozenset("p")}
    assert graph.shapes()["a.2.out"] == (4, 8, 8)


def test_a_fault_is_no_original(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
inputs: {x: [4, 8, 8]}
blocks: {b: {graph: {a: {op: slice, stop: 9}, c: {op: relu, from: input}}}}
graph: {b: {block: b, repeat: 2}}
"""
    made: list[object] = []
    monkeypatch.setattr(scopes, "replay", lambda *args: made.append(args))
    with pytest.raises(ArchspecError):
        graph_of(text)
    assert not made


def test_a_copy_costs_less(monkeypatch: pytest.MonkeyPatch) -> None:
    spent: list[int] = []
    spend = Budget.spend

    def noted(self: Budget, units: int, *args: object) -> None:
        spent.append(units)
        spend(self, units, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Budget, "spend", noted)
    graph_of("inputs: {x: [4, 8, 8]}\ngraph: {a: {repeat: 2, graph: [relu, tanh]}}")
    assert spent == [Budget.STEP] * 3 + [2 * Budget.COPY]

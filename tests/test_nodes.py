"""Scopes name what is there: outputs that nobody reads, and inputs for these alone.

And what layers are called.
"""

from __future__ import annotations

from nets import errors, graph_of
from spelled import IMAGE

from archspec.graph import Graph

BLOCKS = (
    IMAGE
    + """
blocks:
  cross:
    inputs: [x, skip]
    graph:
      a: {op: conv2d, channels: 4, kernel: 3, from: x}
      b: {op: conv2d, channels: 4, kernel: 3, from: skip}
    outputs: {p: a, q: b}
  body:
    graph:
      stem: {op: conv2d, channels: 4, kernel: 1}
      side: {op: conv2d, channels: 4, kernel: 1}
      cross: {block: cross, from: [stem, side]}
      out: {op: relu, from: cross.p}
      rest: {op: relu, from: cross.q}
    outputs: {p: out, q: rest}
graph:
  body: {block: body}
"""
)


def names(graph: Graph) -> list[str]:
    return [node.name for node in graph.nodes]


def test_what_only_an_unread_output_needs_is_not_there() -> None:
    graph = graph_of(BLOCKS + "  end: {op: relu, from: body.p}\n")
    assert names(graph) == ["body.stem", "body.cross.a", "body.out", "end"]
    cross = graph.nodes[1].scope
    assert dict(cross.inputs) == {"x": "body.stem"}
    assert cross.outputs == {"p": "body.cross.a"}
    assert cross.parent is graph.nodes[0].scope
    assert cross.parent.outputs == {"p": "body.out"}
    assert cross.parent.parent is graph.root
    assert max(errors(graph)) <= 1e-12


def test_another_instance_may_have_it() -> None:
    graph = graph_of(
        BLOCKS + "  more: {block: body, from: input}\n"
        "  end: {op: concat, from: [more.p, more.q, body.p]}\n"
    )
    scopes = {node.scope.name: node.scope for node in graph.nodes}
    assert [*scopes["more.cross"].inputs] == ["x", "skip"]
    assert [*scopes["body.cross"].inputs] == ["x"]
    assert max(errors(graph)) <= 1e-12


def test_a_layer_is_called_by_its_path_or_its_aliases() -> None:
    graph = graph_of(
        IMAGE
        + """
blocks:
  unit: {params: {n: int}, graph: {a: relu, b: {op: relu, alias: "{n}_{n + 1}"}}}
graph:
  rows: {graph: [{block: unit, repeat: 3, n: 5, alias: "row{index + 1}"}]}
  own{index}: {block: unit, repeat: 2, n: =index, alias: "{index}"}
  flat: {inline: true, graph: {c: {op: relu, alias: last}}}
"""
    )
    rows = [f"rows_row{n}_{name}" for n in (1, 2, 3) for name in ("a", "5_6")]
    own = ["0_a", "0_0_1", "1_a", "1_1_2"]
    assert [node.layer() for node in graph.nodes] == [*rows, *own, "last"]
    assert graph.nodes[1].layer(".") == "rows.row1.5_6"
    assert graph.nodes[1].name == "rows.0.b"

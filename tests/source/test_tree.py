"""archspec.source.tree: scopes as trees, their lines, and which share a definition."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from nets import graph_of
from notation import any_attribute
from outline_cases import agree
from proofs import sampled

from archspec.nodes import Node, file_of
from archspec.ops import Op, Shape
from archspec.source.family import Family
from archspec.source.plan import Plan
from archspec.source.tree import (
    Forest,
    Signature,
    Tree,
    in_family,
    inputs_of,
    kept,
    numbers,
    ordered,
    repeats,
    scope_of,
    unify,
    when_of,
)


def forest(
    text: str, plan: Plan | None = None, signature: Signature = any_attribute
) -> Forest:
    head = "" if "inputs: {" in text else "inputs: {image: [3, 8, 8]}\n"
    return Forest(graph_of(head + text), signature, plan or Plan(set()))


def tree(found: Forest, name: str) -> Tree:
    return next(t for t in found.trees.values() if t.name == name)


def groups(found: Forest) -> list[str]:
    """The instances of each definition but the net."""
    names = [" ".join(t.name for t in group) for group in found.groups]
    return [name for name in names if name]


def lines(found: Tree) -> dict[str, str]:
    return {key: " ".join(i.name for i in items) for key, items in found.lines.items()}


# What instances have in common


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (("op", "relu", ()), ("op", "relu", ()), ("op", "relu", ())),
        (("op", "relu", ()), ("op", "tanh", ()), None),
        (("op", "relu", (1,)), ("op", "relu", (2,)), None),
        (("block", 1), ("block", 2), None),
        ({"a": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": 2}, None),
        ({"a": 1}, {"a": 1, "": 2}, None),
        ({"a": 1, "#": 2}, {"a": 1}, None),
        ({"a": 1, "#": 2}, {"a": 1, "#": 2, "b": 3}, {"a": 1, "#": 2, "b": 3}),
        (("repeat", {"a": 1}), ("repeat", {"b": 2}), ("repeat", {"a": 1, "b": 2})),
        (("repeat", 1), ("graph", 1), None),
        (("graph", True, {"a": 1}), ("graph", True, {}), ("graph", True, {"a": 1})),
        (("graph", True, {"a": 1}), ("graph", False, {"a": 1}), None),
        (("graph", True, {"a": 1}), ("graph", True, {"a": 2}), None),
        (("op", {"a": 1}), ("op", {"b": 1}), None),
        ((), (1,), None),
        ((1,), (), None),
        (1, {"a": 1}, None),
        ({"a": 1}, 1, None),
        (("repeat", 1), 1, None),
    ],
)
def test_what_covers_both(one: Any, other: Any, both: Any) -> None:
    assert unify(one, other) == both


UNITS = """
blocks:
  unit:
    params: {kind: relu, deep: false, channels: 3}
    graph:
      conv: {op: conv2d, channels: =channels, kernel: 1}
      act: {op: =kind}
      more: {op: tanh, when: =deep}
graph:
  a: {block: unit}
  b: {block: unit, deep: true}
  c: {block: unit, kind: elu}
  d: {block: unit, channels: 4}
  e: {block: unit, channels: 4}
"""
UNIT = "net.yaml#unit"


def test_instances_share_what_has_the_same_ops() -> None:
    assert groups(forest(UNITS)) == ["a b d e", "c"]


def test_what_a_backend_cannot_take_as_an_argument_tells_instances_apart() -> None:
    def fixed(op: Op, shapes: tuple[Shape, ...]) -> dict[str, Any]:
        return {"channels": getattr(op, "channels", 0)}

    assert sorted(groups(forest(UNITS, signature=fixed))) == ["a b", "c", "d e"]


def test_what_a_plan_gives_up_tells_instances_apart() -> None:
    def planned(**given: Any) -> list[str]:
        return sorted(groups(forest(UNITS, Plan(set(), **given))))

    assert planned(split={(UNIT, "channels")}) == ["a b", "c", "d e"]
    assert planned(split={(UNIT, "input.channels")}) == ["a b d", "c", "e"]
    assert planned(split={("other", "channels")}) == ["a b d e", "c"]
    assert planned(lines={UNIT}) == ["a d e", "b", "c"]
    assert planned(lines={"other"}) == ["a b d e", "c"]
    assert planned(apart={UNIT}) == ["a", "b", "c", "d", "e"]
    assert planned(literal=True) == ["a", "b", "c", "d", "e"]


CHOICES = """
blocks:
  unit: {params: {kind: str}, graph: {act: {op: =kind}}}
  fixed: {params: {kind: str}, graph: {act: {op: =kind, alpha: 0.5}}}
graph:
  a: {block: unit, kind: relu}
  b: {block: unit, kind: tanh}
  c: {block: unit, kind: elu}
  d: {block: fixed, kind: elu}
"""


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ((), ["a", "b", "c", "d"]),
        (("relu", "tanh"), ["a b", "c", "d"]),
        (("relu", "tanh", "elu"), ["a b c", "d"]),
    ],
)
def test_instances_share_an_op_that_an_argument_may_say(
    chosen: tuple[str, ...], found: list[str]
) -> None:
    """One without attributes of its own, and of a kind that the backend lets choose."""
    graph = graph_of(f"inputs: {{image: [3, 8, 8]}}\n{CHOICES}")
    made = Forest(graph, any_attribute, Plan(set()), chosen)
    assert sorted(groups(made)) == found
    (node,) = tree(made, "a").lines["act"]
    assert isinstance(node, Node) and made.choosable(node) is ("relu" in chosen)
    (node,) = tree(made, "d").lines["act"]
    assert isinstance(node, Node) and not made.choosable(node)


@pytest.mark.parametrize(("deep", "found"), [("true", ["p r"]), ("false", ["p", "r"])])
def test_outputs_of_a_list_are_made_by_children_of_the_same_numbers(
    deep: str, found: list[str]
) -> None:
    text = f"""
blocks:
  chain:
    params: {{deep: bool}}
    outputs: {{low: low, high: high}}
    graph: [{{op: relu, when: =deep}}, {{op: tanh, name: low}}, {{op: elu, name: high}}]
graph:
  p: {{block: chain, deep: true}}
  q: {{op: add, from: [p.low, p.high]}}
  r: {{block: chain, deep: {deep}}}
  s: {{op: add, from: [r.low, r.high]}}
"""
    assert sorted(groups(forest(text))) == found


def test_a_block_is_no_net_of_a_family() -> None:
    found = forest(UNITS)
    assert not in_family(found.root.scope) and not in_family(tree(found, "a").scope)
    one = graph_of("inputs: {x: [3]}\ngraph: [relu]\n")
    nets = Family((one, replace(one, name="other"))).whole()
    assert [in_family(node.scope) for node in nets.nodes] == [True, True]


def test_instances_are_split_by_values_and_their_types() -> None:
    text = """
params: {rate: 1}
blocks:
  unit: {params: {size: 1}, graph: [{op: dropout, rate: =size * rate / 4}]}
graph:
  a: {block: unit, size: 1}
  b: {block: unit, size: 2}
  c: {block: unit, size: 1}
"""
    for name, wanted in (("size", ["a c", "b"]), ("rate", ["a b c"])):
        plan = Plan(set(), split={(UNIT, name)})
        assert sorted(groups(forest(text, plan))) == wanted


def test_an_inlined_instance_is_no_instance_like_another() -> None:
    text = """
blocks:
  unit: {graph: [relu]}
graph: [{block: unit}, {block: unit, inline: true}, {block: unit}]
"""
    found = forest(text)
    assert sorted(len(group) for group in found.groups) == [1, 1, 2]


def test_outputs_tell_instances_apart() -> None:
    text = """
blocks:
  pair:
    outputs: {one: a, two: b}
    params: {other: false}
    graph: {a: relu, b: {op: tanh, from: input}, c: {op: elu, when: =other}}
graph:
  p: {block: pair}
  r: {op: add, from: [p.one, p.two]}
  q: {block: pair}
  s: {op: relu, from: q.one}
"""
    assert sorted(groups(forest(text))) == ["p", "q"]
    both = text.replace("from: q.one", "from: q.two")
    assert sorted(groups(forest(both))) == ["p", "q"]
    alike = text.replace("{op: relu, from: q.one}", "{op: add, from: [q.two, q.one]}")
    assert sorted(groups(forest(alike))) == ["p q"]


# Lines


PARTS = """
graph:
  part:
    repeat: 4
    graph: {pool: {op: avg_pool2d, kernel: 1}, act: {op: "=['relu', 'relu', 'tanh', 'relu'][index]"}}
  layer{index}: {op: conv2d, channels: 4, kernel: 1, repeat: 5}
  few{index}: {op: conv2d, channels: 4, kernel: 1, repeat: 4}
  head: {inline: true, graph: {one: relu, two: {graph: [relu, tanh]}}}
  list: {graph: [relu, {inline: true, graph: [tanh, relu]}, elu]}
  add: {op: add, from: [list, head]}
"""


def test_lines_of_scopes() -> None:
    found = forest(PARTS)
    assert lines(found.root) == {
        "part@0": "part.0 part.1",
        "part@2": "part.2",
        "part@3": "part.3",
        "layer{index}": "layer0 layer1 layer2 layer3 layer4",
        **{f"few{n}": f"few{n}" for n in range(4)},
        "one": "one",
        "two": "two",
        "list": "list",
        "add": "add",
    }
    assert found.root.runs == {"part": ["part@0", "part@0", "part@2", "part@3"]}
    outer, inner = (t for t in found.trees.values() if t.name == "list")
    assert lines(outer) == {"0": "list.0", "1": "list", "2": "list.3"}
    assert lines(inner) == {"0": "list.1", "1": "list.2"}
    assert lines(tree(found, "two")) == {"0": "two.0", "1": "two.1"}
    assert all(t.group == -1 for t in found.trees.values() if t is not found.root)


def test_a_plan_writes_instances_one_by_one() -> None:
    found = forest(PARTS, Plan(set(), unrolled={("net.yaml#", "layer{index}")}))
    assert [key for key in found.root.lines if key.startswith("layer")] == [
        f"layer{n}" for n in range(5)
    ]
    alike = "graph: {layer: {op: relu, repeat: 3}, other: {op: relu, repeat: 2}}"
    plan = Plan(set(), unrolled={("net.yaml#", "layer")})
    assert lines(forest(alike, plan).root) == {
        "layer@0": "layer.0",
        "layer@1": "layer.1",
        "layer@2": "layer.2",
        "other": "other.0 other.1",
    }
    assert len(forest(alike, Plan(set(), literal=True)).root.lines) == 5


def test_names_with_numbers_that_are_not_everywhere_as_many_are_a_loop() -> None:
    text = """
blocks:
  stage: {params: {depth: int}, graph: {"unit{index}": {op: relu, repeat: =depth}}}
graph: {a: {block: stage, depth: 2}, b: {block: stage, depth: 3}}
"""
    found = forest(text)
    assert lines(tree(found, "b")) == {"unit{index}": "b.unit0 b.unit1 b.unit2"}
    same = forest(text.replace("depth: 3", "depth: 2"))
    assert lines(tree(same, "b")) == {"unit0": "b.unit0", "unit1": "b.unit1"}


def test_instances_with_several_outputs_in_a_list_are_lines_of_their_own() -> None:
    text = """
graph: [{repeat: 2, graph: {a: relu, b: tanh}}, {op: relu, name: c}]
outputs: {low: 0.a, mid: 1.a, last: c}
"""
    assert lines(forest(text).root) == {"0@0": "0", "0@1": "1", "1": "2"}
    alone = text.replace("low: 0.a, mid: 1.a, ", "")
    assert lines(forest(alone).root) == {"0": "0 1", "1": "2"}
    mapping = """
graph: {a: {repeat: 2, graph: {a: relu, b: tanh}}, c: relu}
outputs: {low: a.0.a, mid: a.1.a, last: c}
"""
    assert lines(forest(mapping).root) == {"a": "a.0 a.1", "c": "c"}


def test_statements_of_all_instances_in_the_order_of_the_text() -> None:
    def made(*keys: str, listed: bool = False) -> Tree:
        scope: Any = SimpleNamespace(listed=listed)
        return Tree(scope=scope, lines={key: [] for key in keys})

    assert ordered([made("c", "a")]) == ["c", "a"]
    assert ordered([made("a", "c"), made("a", "b", "c")]) == ["a", "b", "c"]
    assert ordered([made("c", "d"), made("a", "d"), made("b", "c")]) == [
        "a",
        "b",
        "c",
        "d",
    ]
    assert ordered([made("b"), made("a")]) == ["b", "a"]
    assert ordered([made("x", "z"), made("y", "z"), made("x", "y")]) == ["x", "y", "z"]
    found = [made("10", listed=True), made("2", listed=True), made("2@1", listed=True)]
    assert ordered(found) == ["2", "2@1", "10"]


def test_instances_of_a_repeat_are_a_line_for_each_run_of_like_ones() -> None:
    kinds = ["relu", "tanh", "tanh", "elu", "elu", "elu", "relu"]
    found = forest(f"""
graph:
  part: {{repeat: 7, graph: {{act: {{op: "={kinds}[index]"}}}}}}
""")
    assert lines(found.root) == {
        "part@0": "part.0",
        "part@1": "part.1 part.2",
        "part@3": "part.3 part.4 part.5",
        "part@6": "part.6",
    }


# What is where


def test_values_that_are_read_outside() -> None:
    found = forest("""
blocks:
  pair: {outputs: {one: b, two: a}, graph: {a: relu, b: {op: tanh, from: input}}}
graph:
  p: {block: pair}
  q: {graph: {c: {op: elu}, d: relu}, from: p.two}
  r: {op: concat, from: [q, p.one]}
outputs: {low: r, high: p.one}
""")
    assert tree(found, "p").outputs == ["p.b", "p.a"]  # as the block names them
    assert tree(found, "q").outputs == ["q.d"]
    assert found.root.outputs == ["r", "p.b"]


def test_the_line_that_makes_a_value() -> None:
    found = forest(PARTS)
    root = found.root
    assert found.find(root, "part.2.act") == "part@2"
    assert found.find(root, "part.1.pool") == "part@0"
    assert found.find(root, "layer3") == "layer{index}"
    assert found.find(root, "two.1") == "two" and found.find(root, "one") == "one"
    assert found.find(root, "image") is None
    assert found.find(tree(found, "part.1"), "part.1.pool") == "pool"
    assert found.find(tree(found, "part.1"), "part.0.act") is None
    outer, inner = (t for t in found.trees.values() if t.name == "list")
    assert found.find(outer, "list.2") == "1" and found.find(inner, "list.2") == "1"
    assert found.find(inner, "list.3") is None


def test_the_repeat_around() -> None:
    found = forest("""
blocks:
  unit: {graph: {deep: {graph: [relu]}}}
graph:
  rows:
    repeat: 2
    graph: {part: {graph: [relu]}, cells: {repeat: 2, graph: [relu]}, u: {block: unit}}
  alone: {graph: [relu]}
""")
    at = tree(found, "rows.0").scope.definition
    assert found.around(tree(found, "rows.1.part")) == ("net.yaml#", "rows")
    assert found.around(tree(found, "rows.1.cells.0")) == (at, "cells")
    assert found.around(tree(found, "rows.0")) == ("net.yaml#", "rows")
    assert found.around(tree(found, "alone")) is None
    assert found.around(tree(found, "rows.1.u.deep")) is None
    assert found.around(found.root) is None


def test_reads() -> None:
    found = forest(PARTS)
    assert dict(found.reads(found.root)) == {
        ("part@0", 0): "image",
        ("part@2", 0): "part.1.act",
        ("part@3", 0): "part.2.act",
        ("layer{index}", 0): "part.3.act",
        ("few0", 0): "layer4",
        ("few1", 0): "few0",
        ("few2", 0): "few1",
        ("few3", 0): "few2",
        ("one", 0): "few3",
        ("two", 0): "one",
        ("list", 0): "two.1",
        ("add", 0): "list.3",
        ("add", 1): "two.1",
        ("", 0): "add",
    }


def test_what_an_item_says_of_itself() -> None:
    found = forest("""
params: {deep: true}
graph:
  a: {op: relu, when: =deep, repeat: 2}
  b: {graph: [relu], when: =not not deep}
  c: {inline: true, graph: {d: {op: relu}}}
""")
    (a, *_), (b,), (d,) = (found.root.lines[key] for key in ("a", "b", "d"))
    assert when_of(a) == "deep" and when_of(b) == "not not deep" and when_of(d) is None
    assert repeats(a, "a") and repeats(a, "a@1") and not repeats(a, "b")
    assert not repeats(b, "b")
    assert inputs_of(a) == ("image",) and inputs_of(b) == ("a.1",)
    assert scope_of(a) is scope_of(b) is found.root.scope
    assert scope_of(d).slot == "c" and kept(scope_of(d)) is found.root.scope
    assert kept(scope_of(a)) is found.root.scope
    listed = tree(found, "b").scope
    assert listed.listed and kept(listed) is listed
    assert file_of(listed) is found.root.scope


def test_children_that_make_the_outputs_of_a_list() -> None:
    found = forest("""
blocks:
  chain: {outputs: {low: low, high: high}, graph: [relu, {op: tanh, name: low}, {op: elu, name: high}]}
graph:
  p: {block: chain}
  q: {op: concat, from: [p.low, p.high]}
""")
    assert numbers(tree(found, "p")) == (1, 2)
    chain = forest("graph: [relu, {op: tanh, repeat: 2}, relu]")
    assert numbers(chain.root) == (3,)


@pytest.mark.parametrize("count", sampled([20, 40], [20]))
def test_random_specs(count: int) -> None:
    agree(3300, 3300 + count)


def test_only_instances_of_one_definition_share_a_line() -> None:
    found = forest("""
blocks:
  one: {graph: {a: relu, b: tanh}}
  two: {graph: {a: tanh, b: relu}}
graph: {p: {block: one}, q: {block: two}, r: {block: one}}
""")
    kinds = {name: found.kind(tree(found, name)) for name in "pqr"}
    assert kinds["p"] == kinds["r"] != kinds["q"]
